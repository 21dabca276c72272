/**
 * Exact weighted least squares for frame after frame with constant factors: the equations are written in currents, so
 * that the network stands in them as a constant matrix and only what happens at single buses changes from step to step.
 *
 * Unknown are the voltages v and, where the injection is known, a multiplier l of Kirchhoff's current law. A measured
 * power z = s + e gives the condition Y v = conj(s / v), and stationarity of e' R^-1 e / 2 with it
 *     Y v - conj(s / v) = 0,        Y' l + conj(w s / v) + sum over all other rows of h (h(v) - z) / variance = 0,
 * w = l / v, e = -Rp Re w + j Rq Im w; zero injections are those of z = 0 and R = 0. These are the conditions of weighted
 * least squares with equality constraints as they stand. Written as M x = f(x) with the matrix M of some state nearby,
 * f is found bus by bus and each step costs one forward and one backward pass through the factor of M. The matrix only
 * decides how fast the steps shrink, not where they end; it is made anew where they shrink slowly.
 *
 * It covers grids of any shape in one phase or three, and every kind of measurement; not errors with a common cause, and
 * what elimination bus by bus cannot solve: unobservable grids, and lines so short that the digits do not suffice.
 */
import { ROW } from '../equations/row-kinds.ts';
import type { EstimationProblem, EstimatorMeasurement, FlowSigmas } from '../estimator.ts';
import { flatStart } from '../flat-start.ts';
import { flowSigmas } from '../flow-sigmas.ts';
import { turnPhasor } from '../wls-start.ts';
import { isSuspicious, residualStatistics, type ResidualStatistics, voltageSigmas } from '../wls-statistics.ts';
import { makeFactor } from './matrix.ts';
import { createMeasuredFrame } from './measured.ts';
import { createCurrentFormState, refine, step } from './steps.ts';
import { type CurrentFormStructure, entryOfVoltage, FLAT, layOutCurrentForm, NEAR } from './structure.ts';
import { solvedState } from './uncertainty.ts';

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
  /** Measured values (a phasor is two) minus free states. */
  readonly degreesOfFreedom: number;
  /**
   * Takes over standard deviations and angles of phasors; those of the problem stand at first. What is absent must be what
   * the problem declares absent. Answers with the largest standard deviation over the smallest.
   */
  readonly weigh: (measurements: readonly EstimatorMeasurement[]) => number;
  /**
   * Estimates from values in the order of the problem's measurements, per unit; those of measurements that the problem
   * declares absent do not matter. `flat` starts from no load, `last` from the last answer where that leads on.
   */
  readonly estimate: (values: Float64Array, start: 'flat' | 'last') => FrameEstimate;
  /** Standard deviations and residuals at the last answer, from these same values; none where the digits do not suffice. */
  readonly statistics: (
    values: Float64Array,
    measurements: readonly EstimatorMeasurement[],
    withFlows: boolean,
  ) => FrameStatistics | undefined;
}

export interface FrameStatistics {
  readonly checks: ResidualStatistics;
  /** At `bus * phases + phase`; NaN at dead places. */
  readonly magnitude: Float64Array;
  readonly angle: Float64Array;
  readonly flows: FlowSigmas | undefined;
}

/** A state that is known comes back with at most this error, per unit: steps with worse factors need not shrink. */
const FACTOR_ERROR_MAX = 1e-4;
/** Steps of this size and less are made with the equations themselves on the right side. */
const REFINED_STEP = 1e-5;
/** A step that shrinks by less than this is slow; so many are borne with. A factor costs about as much as a dozen steps. */
const SLOW = 0.5;
const SLOW_STEPS_MAX = 3;
/** A step of this size and less ends the approach to where the currents' directions can be told. */
const APPROACHED_STEP = 1e-3;
/** A step from the last answer that is longer leads anywhere: the answer is looked for from no load. */
const STEP_MAX = 0.1;
/** Where rounding stops the steps from shrinking, this is small enough. */
const STALL_STEP = 1e-8;

/** Lays out one structure of measurements; half a sentence when it is none for this estimator. */
export function createFrameEstimator(
  problem: EstimationProblem,
  options: FrameEstimatorOptions = {},
): FrameEstimator | string {
  const { tolerancePu = 1e-8, iterationsMax = 50 } = options;
  const structure = layOutCurrentForm(problem);
  if (typeof structure === 'string') return structure;
  const state = createCurrentFormState(structure);
  const { grid, ldl } = structure;
  const { vector } = ldl;
  const voltages = flatStart(grid);
  const flat = state.idle.slice();
  const frame = createMeasuredFrame(structure, state, problem, (entry) => Math.atan2(flat[entry + 1]!, flat[entry]!));
  putFlatStart(structure, voltages, flat);
  vector.set(flat);
  const { active } = structure.rows;
  const late = rowsInUseLate(structure);
  const useLate = (use: 0 | 1): void => late.forEach((row) => (active[row] = use));
  useLate(0);
  const error = makeFactor(structure, state, FLAT);
  useLate(1);
  if (!(error < FACTOR_ERROR_MAX)) return 'it is not observable, or too badly conditioned';

  const voltage = new Float64Array(voltages.length).fill(Number.NaN);
  const read = createReader(structure, problem.referenceBus, voltage);
  /** Whether the second factor has been made, and the vector holds an answer. */
  let near = false;
  let answered = false;
  const renew = (): boolean => (near = makeFactor(structure, state, NEAR) < FACTOR_ERROR_MAX);
  const iterate = (start: 'flat' | 'last', enough: number): number => {
    let previous = Number.POSITIVE_INFINITY;
    let slow = 0;
    let refined = false;
    for (let iterations = 1; iterations <= iterationsMax; iterations++) {
      if (refined) refine(structure, state, NEAR);
      else step(structure, state, iterations === 1 && start === 'flat' ? FLAT : NEAR);
      const change = state.change[0]!;
      if ((refined || enough > REFINED_STEP) && change <= enough * enough) return iterations;
      if (!(change < (start === 'last' ? STEP_MAX * STEP_MAX : Number.POSITIVE_INFINITY))) return -iterations;
      if (change > SLOW * SLOW * previous) slow += 1;
      if (refined && slow > SLOW_STEPS_MAX && change < STALL_STEP * STALL_STEP) return iterations;
      if (!near || slow > SLOW_STEPS_MAX) {
        if (!renew()) return -iterations;
        slow = 0;
      }
      refined ||= change < REFINED_STEP * REFINED_STEP || slow > 1;
      previous = change;
    }
    return -iterationsMax;
  };
  const iterateFromFlat = (): number => {
    vector.set(flat);
    if (late.length === 0) return iterate('flat', tolerancePu);
    useLate(0);
    near = false;
    const approach = iterate('flat', APPROACHED_STEP);
    useLate(1);
    if (approach < 0 || !renew()) return -Math.abs(approach);
    const rest = iterate('last', tolerancePu);
    return Math.sign(rest) * (approach + Math.abs(rest));
  };
  /** Magnitudes of currents have several solutions, and from the last state the wrong one may be the nearer. */
  const lookElsewhere = (values: Float64Array, iterations: number): number => {
    const objective = frame.objective(values);
    if (!isSuspicious(objective, frame.degreesOfFreedom)) return iterations;
    const last = vector.slice();
    const again = iterateFromFlat();
    if (again > 0 && frame.objective(values) < objective) return again;
    vector.set(last);
    return iterations;
  };
  return {
    voltage,
    degreesOfFreedom: frame.degreesOfFreedom,
    weigh: (measurements) => {
      const { ratio, jumped } = frame.weigh(measurements);
      if (jumped) near = false;
      return ratio;
    },
    estimate: (values, start) => {
      const base = frame.take(values);
      const fromLast = answered && near && start === 'last';
      let iterations = fromLast ? iterate(start, tolerancePu) : iterateFromFlat();
      if (fromLast && iterations < 0) iterations = iterateFromFlat();
      else if (fromLast && late.length > 0) iterations = lookElsewhere(values, iterations);
      answered = iterations > 0;
      if (!answered) {
        voltage.fill(Number.NaN);
        return { status: 'diverged', iterations: -iterations, objective: Number.NaN };
      }
      read(base);
      return { status: 'converged', iterations, objective: frame.objective(values) };
    },
    statistics: (values, measurements, withFlows) => {
      const measured = { ...problem, measurements };
      const solved = solvedState(structure, state, { problem: measured, values, frame });
      if (solved === undefined) return undefined;
      return {
        checks: residualStatistics(solved, measurements),
        ...voltageSigmas(solved, problem.referenceBus),
        flows: withFlows ? flowSigmas(solved, measured) : undefined,
      };
    },
  };
}

const LATE: ReadonlySet<number> = new Set([ROW.currentMagnitude, ROW.currentAcross, ROW.currentAngle]);

/** Magnitudes and angles of currents: from no load they are left out until currents flow (see `startBesideCurrents`). */
function rowsInUseLate({ rows: { kind, active, measuredRows } }: CurrentFormStructure): number[] {
  return Array.from(kind.subarray(0, measuredRows).keys()).filter((row) => active[row] === 1 && LATE.has(kind[row]!));
}

/** Voltages of no load, with the phase that is fixed in each island without measured angles at angle zero. */
function putFlatStart(
  { grid, alive, equations, ldl }: CurrentFormStructure,
  voltage: Float64Array,
  vector: Float64Array,
): void {
  const { phases } = grid;
  const { referenceOfIsland, referenceRow, islandOfState, busPhaseOfState, stateOf, active } = equations;
  const turns = Array.from(referenceOfIsland, (state, island) => {
    const k = 2 * busPhaseOfState[state]!;
    return active[referenceRow[island]!] === 1 ? -Math.atan2(voltage[k + 1]!, voltage[k]!) : 0;
  });
  for (let block = 0; block < equations.busOfBlock.length; block++) {
    for (let phase = 0; phase < phases; phase++) {
      const place = ldl.position[block]! * phases + phase;
      if (alive[place] === 0) continue;
      const k = equations.busOfBlock[block]! * phases + phase;
      const at = entryOfVoltage(place, phases);
      vector[at] = voltage[2 * k]!;
      vector[at + 1] = voltage[2 * k + 1]!;
      const turn = turns[islandOfState[stateOf[k]!]!]!;
      if (turn !== 0) turnPhasor(vector, at, turn);
    }
  }
}

/**
 * Writes the voltages of an answer: islands that share the measured time base, which stand in the frame of that angle, are
 * turned so that phase 0 of the reference bus is real (or back, where that phase is dead).
 */
function createReader(
  { grid, firstOfBus, ldl, equations }: CurrentFormStructure,
  referenceBus: number,
  voltage: Float64Array,
): (base: number) => void {
  const { phases } = grid;
  const { vector } = ldl;
  const { voltages, busPhaseOfState, islandOfState, active, referenceRow } = equations;
  const to = busPhaseOfState.subarray(0, voltages);
  const from = new Int32Array(voltages);
  const turns = new Uint8Array(voltages);
  for (let state = 0; state < voltages; state++) {
    const k = to[state]!;
    from[state] = firstOfBus[Math.floor(k / phases)]! + 2 * phases + 2 * (k % phases);
    turns[state] = active[referenceRow[islandOfState[state]!]!] === 0 ? 1 : 0;
  }
  const reference = to.indexOf(referenceBus * phases);
  return (base) => {
    let c = 1;
    let s = 0;
    if (reference >= 0 && turns[reference] === 1) {
      const re = vector[from[reference]!]!;
      const im = vector[from[reference]! + 1]!;
      const size = Math.sqrt(re * re + im * im);
      c = re / size;
      s = im / size;
    } else if (reference < 0) {
      c = Math.cos(base);
      s = -Math.sin(base);
    }
    for (let i = 0; i < from.length; i++) {
      const re = vector[from[i]!]!;
      const im = vector[from[i]! + 1]!;
      const k = 2 * to[i]!;
      voltage[k] = turns[i] === 1 ? re * c + im * s : re;
      voltage[k + 1] = turns[i] === 1 ? im * c - re * s : im;
    }
    if (reference >= 0) voltage[2 * to[reference]! + 1] = 0;
  };
}
