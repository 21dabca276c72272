/**
 * Exact weighted least squares for frame after frame with one factor: the equations are written in currents, so that the
 * network stands in them as a constant matrix and only what happens at single buses changes from step to step.
 *
 * Unknown are the voltages v and, where the injection is known, a multiplier l of Kirchhoff's current law. A measured
 * power z = s + e gives the condition Y v = conj(s / v), and stationarity of e' R^-1 e / 2 with it
 *     Y v - conj(s / v) = 0,        Y' l + conj(w s / v) + sum over all other rows of h (h(v) - z) / variance = 0,
 * w = l / v, e = -Rp Re w + j Rq Im w; zero injections are those of z = 0 and R = 0. These are the conditions of weighted
 * least squares with equality constraints as they stand. Written as M x = f(x) with the matrix M of some state nearby,
 * f is found bus by bus and each step costs one forward and one backward pass through the factor of M. The matrix only
 * decides how fast the steps shrink, not where they end; it is made anew where they shrink slowly.
 */
import type { EstimationProblem } from '../estimator.ts';
import { loadMeasurements } from '../equations/load.ts';
import { evaluate } from '../equations/evaluate.ts';
import { flatStart } from '../flat-start.ts';
import { createCurrentFormState, entryOfVoltage, makeFactor, PLACE, step, type CurrentFormState } from './steps.ts';
import { layOutCurrentForm, type CurrentFormStructure } from './structure.ts';

export interface FrameEstimate {
  readonly status: 'converged' | 'diverged';
  readonly iterations: number;
  /** Sum of squared weighted residuals. */
  readonly objective: number;
}

export interface FrameEstimatorOptions {
  /** Largest change of a voltage in the last step, per unit. */
  readonly tolerancePu?: number;
  readonly iterationsMax?: number;
}

export interface FrameEstimator {
  /** Voltages at `2 * (bus * phases + phase)`, phase 0 of the reference bus real; NaN at dead places. Overwritten. */
  readonly voltage: Float64Array;
  /** Estimates from values in the order of the problem's measurements, from no load or from the last answer. */
  estimate(values: Float64Array, start: 'flat' | 'last'): FrameEstimate;
  /** Currents into the branches at both ends at the estimate, per unit, interleaved by branch and phase. */
  branchCurrents(from: Float64Array, to: Float64Array): void;
}

/** A known solution may come back with this relative error; beyond it the order of elimination is no good. */
const FACTOR_ERROR_MAX = 1e-6;
/** A step that shrinks by less than this is slow. */
const SLOW = 0.3;
/** So many slow steps are borne with, once the matrix is that of an earlier answer: the first ones leave the start. */
const SLOW_STEPS_MAX = 3;

/** Lays out one structure of measurements; half a sentence when it is none for this estimator. */
export function createFrameEstimator(
  problem: EstimationProblem,
  options: FrameEstimatorOptions = {},
): FrameEstimator | string {
  const { tolerancePu = 1e-8, iterationsMax = 50 } = options;
  const structure = layOutCurrentForm(problem);
  if (typeof structure === 'string') return structure;
  const state = createCurrentFormState(structure);
  loadProblem(structure, state, problem);
  const { grid, ldl } = structure;
  const { phases } = grid;
  const flat = ldl.vector.slice();
  putVoltages(structure, state, flatStart(grid), flat);
  const voltage = new Float64Array(2 * grid.busCount * phases).fill(Number.NaN);
  const weights = layOutWeights(structure, problem);
  ldl.vector.set(flat);
  let settled = false;
  let made = false;
  const renew = (): boolean => {
    made = makeFactor(structure, state) < FACTOR_ERROR_MAX;
    return made;
  };
  const iterate = (): { converged: boolean; iterations: number } => {
    let previous = Number.POSITIVE_INFINITY;
    let slow = settled ? 0 : SLOW_STEPS_MAX;
    if (!made && !renew()) return { converged: false, iterations: 0 };
    for (let iterations = 1; iterations <= iterationsMax; iterations++) {
      const change = step(structure, state);
      if (change <= tolerancePu * tolerancePu) return { converged: true, iterations };
      if (!Number.isFinite(change)) break;
      if (change > SLOW * SLOW * previous) slow += 1;
      if (slow > SLOW_STEPS_MAX) {
        if (!renew()) break;
        slow = 0;
      }
      previous = change;
    }
    return { converged: false, iterations: iterationsMax };
  };
  return {
    voltage,
    estimate: (values, start) => {
      takeValues(structure, state, weights, values);
      if (start === 'flat') ldl.vector.set(flat);
      let { converged, iterations } = iterate();
      if (!converged) {
        made = false;
        settled = false;
        voltage.fill(Number.NaN);
        ldl.vector.set(flat);
        return { status: 'diverged', iterations, objective: Number.NaN };
      }
      // The first answer is near those to come: its matrix serves them better than that of no load.
      if (!settled) settled = renew();
      readVoltages(structure, voltage, problem.referenceBus);
      return { status: 'converged', iterations, objective: objectiveOf(structure, state, weights, values) };
    },
    branchCurrents: createBranchCurrents(structure, voltage),
  };
}

interface Weights {
  /** By measurement: 1 / sigma^2, zero where absent; row of those that are no injection, else -1. */
  readonly weight: Float64Array;
  readonly rowOf: Int32Array;
}

function layOutWeights({ equations, others }: CurrentFormStructure, { measurements }: EstimationProblem): Weights {
  const rowOf = new Int32Array(measurements.length).fill(-1);
  for (let row = 0; row < equations.measuredRows; row++) rowOf[others[equations.source[row]!]!] = row;
  return { weight: Float64Array.from(measurements, ({ sigma }) => 1 / (sigma * sigma)), rowOf };
}

function loadProblem(
  { equations, others, quantityOf }: CurrentFormStructure,
  { constants }: CurrentFormState,
  problem: EstimationProblem,
): void {
  loadMeasurements(
    equations,
    Array.from(others, (k) => problem.measurements[k]!),
  );
  const sums = new Float64Array(constants.length);
  problem.measurements.forEach(({ sigma }, k) => {
    const quantity = quantityOf[k]!;
    if (quantity >= 0) sums[PLACE * (quantity >> 1) + 2 + (quantity & 1)]! += 1 / sigma ** 2;
  });
  for (let at = 0; at < constants.length; at += PLACE) {
    for (const e of [at + 2, at + 3]) constants[e] = sums[e]! > 0 ? 1 / sums[e]! : 0;
  }
}

function takeValues(
  { quantityOf, equations }: CurrentFormStructure,
  { constants }: CurrentFormState,
  { weight, rowOf }: Weights,
  values: Float64Array,
): void {
  for (let at = 0; at < constants.length; at += PLACE) {
    constants[at] = 0;
    constants[at + 1] = 0;
  }
  for (let k = 0; k < quantityOf.length; k++) {
    const quantity = quantityOf[k]!;
    if (quantity < 0) {
      equations.target[rowOf[k]!] = values[k]!;
      continue;
    }
    const at = PLACE * (quantity >> 1) + (quantity & 1);
    // What several measurements say of one quantity counts as one value, weighted by their variances.
    constants[at]! += weight[k]! * constants[at + 2]! * values[k]!;
  }
}

function putVoltages(
  { grid, alive, equations, ldl }: CurrentFormStructure,
  { idle }: CurrentFormState,
  voltage: Float64Array,
  vector: Float64Array,
): void {
  const { phases } = grid;
  vector.set(idle);
  equations.busOfBlock.forEach((bus, block) => {
    for (let phase = 0; phase < phases; phase++) {
      const place = ldl.position[block]! * phases + phase;
      if (alive[place] === 0) continue;
      const at = entryOfVoltage(place, phases);
      vector[at] = voltage[2 * (bus * phases + phase)]!;
      vector[at + 1] = voltage[2 * (bus * phases + phase) + 1]!;
    }
  });
}

function readVoltages(
  { grid, firstOfBus, alive, ldl }: CurrentFormStructure,
  voltage: Float64Array,
  reference: number,
): void {
  const { phases } = grid;
  const { vector } = ldl;
  const turnAt = firstOfBus[reference]! + 2 * phases;
  const re = vector[turnAt]!;
  const im = vector[turnAt + 1]!;
  const size = Math.sqrt(re * re + im * im);
  const c = re / size;
  const s = im / size;
  let k = 0;
  for (let bus = 0; bus < grid.busCount; bus++) {
    const first = firstOfBus[bus]!;
    for (let phase = 0; phase < phases; phase++) {
      const at = first + 2 * phases + 2 * phase;
      if (first >= 0 && alive[(first / ldl.order) * phases + phase] === 1) {
        voltage[k] = vector[at]! * c + vector[at + 1]! * s;
        voltage[k + 1] = vector[at + 1]! * c - vector[at]! * s;
      }
      k += 2;
    }
  }
  voltage[2 * reference * phases + 1] = 0;
}

/** Residuals of all measurements in use, each for itself, at the last state. */
function objectiveOf(
  { quantityOf, rows, ldl, grid }: CurrentFormStructure,
  { constants }: CurrentFormState,
  { weight, rowOf }: Weights,
  values: Float64Array,
): number {
  const { vector } = ldl;
  const { phases } = grid;
  evaluate(rows, vector);
  let sum = 0;
  for (let k = 0; k < quantityOf.length; k++) {
    const quantity = quantityOf[k]!;
    if (quantity < 0) {
      const row = rowOf[k]!;
      if (rows.active[row] === 1) sum += (rows.target[row]! - rows.value[row]!) ** 2 / rows.variance[row]!;
      continue;
    }
    const place = quantity >> 1;
    const v = entryOfVoltage(place, phases);
    const l = v - 2 * phases;
    const over = 1 / (vector[v]! ** 2 + vector[v + 1]! ** 2);
    const reactive = (quantity & 1) === 1;
    const w = reactive
      ? vector[l + 1]! * vector[v]! - vector[l]! * vector[v + 1]!
      : -(vector[l]! * vector[v]! + vector[l + 1]! * vector[v + 1]!);
    const at = PLACE * place + (quantity & 1);
    // e is the residual of the joint value; each measurement of it has its own.
    const residual = values[k]! - constants[at]! + constants[at + 2]! * w * over;
    sum += weight[k]! * residual * residual;
  }
  return sum;
}

/** i = y_own v_own + y_transfer v_other at both ends of every branch, at the voltages of the last answer. */
function createBranchCurrents({ grid }: CurrentFormStructure, voltage: Float64Array): FrameEstimator['branchCurrents'] {
  const { phases, branches } = grid;
  const rows = 2 * phases;
  const numbers = 2 * phases * phases;
  // Four blocks a branch, one after the other.
  const blocks = new Float64Array(4 * numbers * branches.length);
  const ends = new Int32Array(2 * branches.length);
  branches.forEach(({ yff, yft, ytf, ytt, from, to }, k) => {
    [yff, yft, ytf, ytt].forEach((block, e) => blocks.set(block, (4 * k + e) * numbers));
    ends[2 * k] = rows * from;
    ends[2 * k + 1] = rows * to;
  });
  return (from, to) => {
    let y = 0;
    let out = 0;
    for (let k = 0; k < ends.length; k += 2) {
      const [f, t] = [ends[k]!, ends[k + 1]!];
      for (const into of [from, to]) {
        for (let r = 0; r < rows; r += 2) {
          let re = 0;
          let im = 0;
          for (let c = 0; c < rows; c += 2) {
            const own = y + r * phases + c;
            const transfer = own + numbers;
            const vr = voltage[f + c]!;
            const vi = voltage[f + c + 1]!;
            const ur = voltage[t + c]!;
            const ui = voltage[t + c + 1]!;
            re += blocks[own]! * vr - blocks[own + 1]! * vi + blocks[transfer]! * ur - blocks[transfer + 1]! * ui;
            im += blocks[own]! * vi + blocks[own + 1]! * vr + blocks[transfer]! * ui + blocks[transfer + 1]! * ur;
          }
          into[out + r] = re;
          into[out + r + 1] = im;
        }
        y += 2 * numbers;
      }
      out += rows;
    }
  };
}
