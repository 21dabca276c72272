/**
 * Exact weighted least squares on a tree without any matrix: Gauss-Newton steps solved by dynamic programming from the
 * leaves to the root and back, with blocks of two numbers, no fill, and time in proportion to the number of buses.
 *
 * Of everything behind a bus the rest of the grid sees two things: how the current j that it draws depends on its voltage
 * v, and what is known of v from in there. Both are Gaussian about the present state,
 *     j = a v + b + n,  cov n = R,   and   v' W v - 2 y' v  as the cost of a voltage,
 * (differences from the present state, real 2-vectors). At a bus what hangs from it adds up; over an impedance z with
 * v = vp - z j the pair turns into one of (vp, j); a measured flow is a row in (v, j) that conditions it. At the root
 * only W and y are left. On the way back the multipliers l = R^-1 (j - a v - b) share out what was seen further up.
 * Where there is no injection R is zero: Kirchhoff's law holds exactly. This is the block elimination of the normal
 * equations in tree order, written so that weights of zero and of infinity do no harm.
 *
 * It covers radial positive-sequence grids in which every injection is measured, forecast or zero, with what else is
 * measured of voltages, flows and branch currents; `wls.ts` covers everything. Both give the same answer.
 */
import { tangentialSigma } from './equations/load.ts';
import type { EstimationProblem, EstimatorMeasurement } from './estimator.ts';
import { createTreeStructure, SEEN_AS, type TreeStructure } from './fast-tree-structure.ts';
import { treeStatistics, type TreeStatistics } from './fast-tree-statistics.ts';
import {
  type TreeState,
  carry,
  contribute,
  createTreeState,
  flowRow,
  shareOut,
  solveRoot,
  voltageRow,
} from './fast-tree-steps.ts';

export interface TreeEstimate {
  readonly status: 'converged' | 'diverged' | 'not-observable';
  readonly iterations: number;
  /** Sum of squared weighted residuals. */
  readonly objective: number;
}

export interface TreeEstimatorOptions {
  /** Largest change of a voltage in the last step, per unit. */
  readonly tolerancePu?: number;
  readonly iterationsMax?: number;
}

export interface TreeEstimator {
  /** Voltages by bus, interleaved re, im, the reference bus real; NaN at dead buses. Overwritten by `estimate`. */
  readonly voltage: Float64Array;
  /** Measured values (a phasor is two) minus free states: constraints, and the angle where none is measured, are not free. */
  readonly degreesOfFreedom: number;
  /**
   * Takes over standard deviations and directions of phasors; those of the problem stand at first. What is absent must be
   * what the problem declares absent. Answers with the largest standard deviation over the smallest: covariances are
   * carried, so beyond 1e5 their squares leave the answer fewer digits than the general form has.
   */
  weigh(measurements: readonly EstimatorMeasurement[]): number;
  /**
   * Estimates from values in the order of the problem's measurements, per unit; those of measurements that the problem
   * declares absent do not matter. `flat` starts from one per unit everywhere, `last` from the last answer.
   */
  estimate(values: Float64Array, start: 'flat' | 'last'): TreeEstimate;
  /** Currents into the branches at both ends at the estimate, per unit, interleaved by branch; zero beside the tree. */
  branchCurrents(from: Float64Array, to: Float64Array): void;
  /** Standard deviations and residuals at the last answer, from these same values. */
  statistics(values: Float64Array, measurements: readonly EstimatorMeasurement[], withFlows: boolean): TreeStatistics;
}

/** Lays out one structure of measurements; half a sentence when it is none for the tree estimator. */
export function createTreeEstimator(
  problem: EstimationProblem,
  options: TreeEstimatorOptions = {},
): TreeEstimator | string {
  const structure = createTreeStructure(problem);
  if (typeof structure === 'string') return structure;
  const { tolerancePu = 1e-8, iterationsMax = 50 } = options;
  const state = createTreeState(structure);
  const voltage = new Float64Array(2 * problem.grid.busCount).fill(Number.NaN);
  const weigh = (measurements: readonly EstimatorMeasurement[]): number => takeWeights(structure, state, measurements);
  const fail = (status: TreeEstimate['status'], iterations: number): TreeEstimate => {
    flatStart(structure, state);
    voltage.fill(Number.NaN);
    return { status, iterations, objective: Number.NaN };
  };
  weigh(problem.measurements);
  flatStart(structure, state);
  return {
    voltage,
    degreesOfFreedom: degreesOfFreedomOf(structure),
    weigh,
    estimate: (values, start) => {
      if (start === 'flat') flatStart(structure, state);
      takeValues(structure, state, values);
      turnToAnchor(structure, state);
      for (let iterations = 1; iterations <= iterationsMax; iterations++) {
        const change = step(structure, state);
        if (change <= tolerancePu * tolerancePu) {
          readVoltages(structure, state, voltage);
          turnToReference(voltage, problem.referenceBus);
          estimateQuantities(structure, state);
          return { status: 'converged', iterations, objective: objectiveOf(structure, state, values) };
        }
        if (change === Number.POSITIVE_INFINITY) return fail('not-observable', iterations);
        if (Number.isNaN(change)) return fail('diverged', iterations);
      }
      return fail('diverged', iterationsMax);
    },
    branchCurrents: (from, to) => branchCurrents(structure, state, from, to),
    statistics: (values, measurements, withFlows) =>
      treeStatistics(structure, state, { problem: { ...problem, measurements }, values, withFlows }),
  };
}

function degreesOfFreedomOf({ count, shares, isZero, anchor }: TreeStructure): number {
  const constraints = 2 * isZero.reduce((sum, one) => sum + one, 0) + (anchor < 0 ? 1 : 0);
  return shares.length - (2 * count - constraints);
}

/** No currents, one per unit (in the frame of the root, hence through every ratio). */
function flatStart({ count }: TreeStructure, { v, j, d }: TreeState): void {
  for (let slot = 0; slot < count; slot++) {
    v[2 * slot] = 1;
    v[2 * slot + 1] = 0;
  }
  j.fill(0);
  d.fill(0);
}

function takeWeights(
  structure: TreeStructure,
  state: TreeState,
  measurements: readonly EstimatorMeasurement[],
): number {
  const { shares, isAcross } = structure;
  const { shareSigma, shareWeight, variance, cosine, sine } = state;
  let largest = 0;
  let smallest = Infinity;
  variance.fill(0);
  for (let k = 0; k < shares.length; k++) {
    const { measurement, quantity } = shares[k]!;
    const one = measurements[measurement]!;
    let { sigma } = one;
    if ('angleRad' in one) {
      if (isAcross[quantity] === 1) sigma = tangentialSigma(one);
      cosine[quantity] = Math.cos(one.angleRad);
      sine[quantity] = Math.sin(one.angleRad);
    }
    shareSigma[k] = sigma;
    if (sigma > largest) largest = sigma;
    if (sigma < smallest) smallest = sigma;
    variance[quantity]! += 1 / (sigma * sigma);
  }
  for (let quantity = 0; quantity < variance.length; quantity++) variance[quantity] = 1 / variance[quantity]!;
  for (let k = 0; k < shares.length; k++) {
    shareWeight[k] = variance[shares[k]!.quantity]! / shareSigma[k]! ** 2;
  }
  return largest / smallest;
}

function takeValues(
  { shares, isAcross }: TreeStructure,
  { quantity, shareWeight }: TreeState,
  values: Float64Array,
): void {
  quantity.fill(0);
  for (let k = 0; k < shares.length; k++) {
    const share = shares[k]!;
    if (isAcross[share.quantity] === 1) continue;
    quantity[share.quantity]! += shareWeight[k]! * values[share.measurement]!;
  }
}

/** Where angles are measured the start is turned so that the first of them is met. */
function turnToAnchor({ anchor, turn, voltageStart }: TreeStructure, state: TreeState): void {
  if (anchor < 0) return;
  const { v, j, d, cosine, sine, quantity, voltageQuantity, voltageSeen } = state;
  let row = voltageStart[anchor]!;
  while (voltageSeen[row]! < SEEN_AS.angle) row += 1;
  const q = voltageQuantity[row]!;
  const isAngle = voltageSeen[row] === SEEN_AS.angle;
  const k = 2 * anchor;
  const measured = isAngle ? quantity[q]! : Math.atan2(sine[q]!, cosine[q]!);
  const rad = measured - Math.atan2(turn[k + 1]!, turn[k]!) - Math.atan2(v[k + 1]!, v[k]!);
  const [c, s] = [Math.cos(rad), Math.sin(rad)];
  for (const values of [v, j, d]) {
    for (let at = 0; at < values.length; at += 2) {
      const re = values[at]!;
      const im = values[at + 1]!;
      values[at] = c * re - s * im;
      values[at + 1] = s * re + c * im;
    }
  }
}

/** One Gauss-Newton step; the largest squared change of a voltage, infinite when the root's voltage stays open. */
function step(structure: TreeStructure, state: TreeState): number {
  contribute(structure, state);
  carry(structure, state);
  if (!solveRoot(structure, state)) return Number.POSITIVE_INFINITY;
  const change = shareOut(structure, state);
  drawnCurrents(structure, state);
  return change;
}

/** What each bus draws: d = j - y v - the currents of what hangs from it. */
function drawnCurrents({ count, parent, y }: TreeStructure, { v, j, d }: TreeState): void {
  for (let slot = 0; slot < count; slot++) {
    const k = 2 * slot;
    d[k] = j[k]! - (y[k]! * v[k]! - y[k + 1]! * v[k + 1]!);
    d[k + 1] = j[k + 1]! - (y[k]! * v[k + 1]! + y[k + 1]! * v[k]!);
    if (slot === 0) continue;
    const above = 2 * parent[slot]!;
    d[above]! -= j[k]!;
    d[above + 1]! -= j[k + 1]!;
  }
}

/** Out of the frame of the root. */
function readVoltages({ count, busOfSlot, turn }: TreeStructure, { v }: TreeState, voltage: Float64Array): void {
  for (let slot = 0; slot < count; slot++) {
    const k = 2 * slot;
    const to = 2 * busOfSlot[slot]!;
    voltage[to] = turn[k]! * v[k]! - turn[k + 1]! * v[k + 1]!;
    voltage[to + 1] = turn[k]! * v[k + 1]! + turn[k + 1]! * v[k]!;
  }
}

/** What is estimated of every quantity takes the place of its measured value, which has been used. */
function estimateQuantities(structure: TreeStructure, state: TreeState): void {
  const { count, activeOf, reactiveOf, voltageStart, flowStart } = structure;
  const { v, d, quantity, voltageQuantity, flowQuantity, linear } = state;
  for (let slot = 0; slot < count; slot++) {
    const k = 2 * slot;
    const p = activeOf[slot]!;
    const q = reactiveOf[slot]!;
    if (p >= 0) quantity[p] = -(v[k]! * d[k]! + v[k + 1]! * d[k + 1]!);
    if (q >= 0) quantity[q] = -(v[k + 1]! * d[k]! - v[k]! * d[k + 1]!);
    for (let row = voltageStart[slot]!; row < voltageStart[slot + 1]!; row++) {
      voltageRow(structure, state, slot, row);
      quantity[voltageQuantity[row]!]! -= linear[4]!;
    }
    for (let row = flowStart[slot]!; row < flowStart[slot + 1]!; row++) {
      flowRow(structure, state, slot, row);
      quantity[flowQuantity[row]!]! -= linear[4]!;
    }
  }
}

/** Residuals of all measurements in use, each for itself, at the last state. */
function objectiveOf({ shares, isAcross }: TreeStructure, state: TreeState, values: Float64Array): number {
  const { quantity, shareSigma } = state;
  let sum = 0;
  for (let k = 0; k < shares.length; k++) {
    const share = shares[k]!;
    const value = isAcross[share.quantity] === 1 ? 0 : values[share.measurement]!;
    const residual = (value - quantity[share.quantity]!) / shareSigma[k]!;
    sum += residual * residual;
  }
  return sum;
}

/** i = sign j + y v at each end, turned back: currents of the frame are those of the grid times conj(turn). */
function branchCurrents(structure: TreeStructure, state: TreeState, from: Float64Array, to: Float64Array): void {
  const { count, parent, branchOfSlot, fromNear, near, far, turn } = structure;
  const { v, j } = state;
  from.fill(0);
  to.fill(0);
  for (let slot = 1; slot < count; slot++) {
    const k = 2 * slot;
    const above = 2 * parent[slot]!;
    const at = 2 * branchOfSlot[slot]!;
    const nearEnd = fromNear[slot] === 1 ? from : to;
    const farEnd = fromNear[slot] === 1 ? to : from;
    const nr = j[k]! + near[k]! * v[above]! - near[k + 1]! * v[above + 1]!;
    const ni = j[k + 1]! + near[k]! * v[above + 1]! + near[k + 1]! * v[above]!;
    const fr = far[k]! * v[k]! - far[k + 1]! * v[k + 1]! - j[k]!;
    const fi = far[k]! * v[k + 1]! + far[k + 1]! * v[k]! - j[k + 1]!;
    turnBack(turn, above, nr, ni, nearEnd, at);
    turnBack(turn, k, fr, fi, farEnd, at);
  }
}

/** i / conj(turn) = i turn / |turn|^2. */
function turnBack(turn: Float64Array, k: number, re: number, im: number, out: Float64Array, at: number): void {
  const tr = turn[k]!;
  const ti = turn[k + 1]!;
  const square = tr * tr + ti * ti;
  out[at] = (re * tr - im * ti) / square;
  out[at + 1] = (re * ti + im * tr) / square;
}

function turnToReference(voltage: Float64Array, bus: number): void {
  const re = voltage[2 * bus]!;
  const im = voltage[2 * bus + 1]!;
  if (im === 0 && re > 0) return;
  const size = Math.sqrt(re * re + im * im);
  for (let k = 0; k < voltage.length; k += 2) {
    const vr = voltage[k]!;
    const vi = voltage[k + 1]!;
    voltage[k] = (vr * re + vi * im) / size;
    voltage[k + 1] = (vi * re - vr * im) / size;
  }
  voltage[2 * bus + 1] = 0;
}
