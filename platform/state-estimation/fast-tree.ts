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
 * It covers voltage magnitudes, injections and branch flows of a radial positive-sequence grid in which every injection
 * is measured, forecast or zero; `wls.ts` covers everything. Both give the same answer.
 */
import type { EstimationProblem } from './estimator.ts';
import { createTreeStructure, type TreeStructure } from './fast-tree-structure.ts';
import { type TreeState, carry, contribute, createTreeState, shareOut, solveRoot } from './fast-tree-steps.ts';

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
  /**
   * Estimates from values in the order of the problem's measurements, per unit; those of measurements that the problem
   * declares absent do not matter. `flat` starts from one per unit everywhere, `last` from the last answer.
   */
  estimate(values: Float64Array, start: 'flat' | 'last'): TreeEstimate;
  /** Currents into the branches at both ends at the estimate, per unit, interleaved by branch; zero beside the tree. */
  branchCurrents(from: Float64Array, to: Float64Array): void;
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
  flatStart(structure, state);
  return {
    voltage,
    estimate: (values, start) => {
      if (start === 'flat') flatStart(structure, state);
      takeValues(structure, state, values);
      for (let iterations = 1; iterations <= iterationsMax; iterations++) {
        const change = step(structure, state);
        if (change <= tolerancePu * tolerancePu) {
          readVoltages(structure, state, voltage);
          turnToReference(voltage, problem.referenceBus);
          return { status: 'converged', iterations, objective: objectiveOf(structure, state, values) };
        }
        if (!Number.isFinite(change)) {
          flatStart(structure, state);
          voltage.fill(Number.NaN);
          const status = change === Number.POSITIVE_INFINITY ? 'not-observable' : 'diverged';
          return { status, iterations, objective: Number.NaN };
        }
      }
      flatStart(structure, state);
      voltage.fill(Number.NaN);
      return { status: 'diverged', iterations: iterationsMax, objective: Number.NaN };
    },
    branchCurrents: (from, to) => branchCurrents(structure, state, from, to),
  };
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

function takeValues({ shares }: TreeStructure, { quantity }: TreeState, values: Float64Array): void {
  quantity.fill(0);
  for (let k = 0; k < shares.length; k++) {
    const share = shares[k]!;
    quantity[share.quantity]! += share.weight * values[share.measurement]!;
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

/** Residuals of all measurements in use, each for itself, at the last state. */
function objectiveOf(structure: TreeStructure, state: TreeState, values: Float64Array): number {
  const { shares, count, activeOf, reactiveOf, magnitudeOf, turn, parent } = structure;
  const { v, j, d, quantity } = state;
  // The values have been taken over: their places serve for what is estimated.
  for (let slot = 0; slot < count; slot++) {
    const k = 2 * slot;
    const p = activeOf[slot]!;
    const q = reactiveOf[slot]!;
    const m = magnitudeOf[slot]!;
    if (p >= 0) quantity[p] = -(v[k]! * d[k]! + v[k + 1]! * d[k + 1]!);
    if (q >= 0) quantity[q] = -(v[k + 1]! * d[k]! - v[k]! * d[k + 1]!);
    if (m >= 0) quantity[m] = Math.sqrt((v[k]! ** 2 + v[k + 1]! ** 2) * (turn[k]! ** 2 + turn[k + 1]! ** 2));
    for (let row = structure.flowStart[slot]!; row < structure.flowStart[slot + 1]!; row++) {
      const isFar = state.flowKind[row]! >= 2;
      const at = isFar ? k : 2 * parent[slot]!;
      const shunt = isFar ? structure.far : structure.near;
      const sign = isFar ? -1 : 1;
      const ir = sign * j[k]! + shunt[k]! * v[at]! - shunt[k + 1]! * v[at + 1]!;
      const ii = sign * j[k + 1]! + shunt[k]! * v[at + 1]! + shunt[k + 1]! * v[at]!;
      const reactive = (state.flowKind[row]! & 1) === 1;
      quantity[state.flowQuantity[row]!] = reactive ? v[at + 1]! * ir - v[at]! * ii : v[at]! * ir + v[at + 1]! * ii;
    }
  }
  let sum = 0;
  for (let s = 0; s < shares.length; s++) {
    const share = shares[s]!;
    const residual = (values[share.measurement]! - quantity[share.quantity]!) / share.sigma;
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
