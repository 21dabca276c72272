/**
 * Standard deviations and residuals of a tree estimate, from the root to the leaves in time proportional to the number
 * of buses.
 *
 * The steps leave at each bus j = a v + b + n, cov n = R, with everything behind it, and for each branch the same as its
 * feeder sees it (a_c, R_c). Given v and the current j into a bus, the noise s = j - a v - b is shared out as in the
 * steps: n_c = K_c s + e_c with K_c = R_c R^-1, cov e_c = R_c - K_c R_c. So the covariance C of (v, j) at a bus gives
 *     cov(v, j_c) = T C T' + cov e_c,   T = [ I 0 ; a_c - K_c a  K_c ],
 * and over the impedance v_c = v - z j_c it becomes that of the bus behind (Rauch, Tung and Striebel's smoother, AIAA
 * Journal 3, 1965, along a tree). Own injections d share in s like a branch. Of a measured quantity h the residual has the
 * variance R - h' C h.
 */
import { joins } from '../../grids/compile.ts';
import type { EstimationProblem, FlowSigmas, Residual } from './estimator.ts';
import { blocksAtEnd, type TreeStructure } from './fast-tree-structure.ts';
import {
  BUS,
  R,
  SEEN,
  type TreeState,
  carry,
  contribute,
  flowRow,
  rootInformation,
  voltageRow,
} from './fast-tree-steps.ts';
import { CRITICAL_SHARE, type ResidualStatistics } from './wls-statistics.ts';

export interface TreeStatistics {
  readonly checks: ResidualStatistics;
  /** By bus; NaN at dead ones. */
  readonly magnitude: Float64Array;
  readonly angle: Float64Array;
  readonly flows: FlowSigmas | undefined;
}

export interface Asked {
  readonly problem: EstimationProblem;
  readonly values: Float64Array;
  readonly withFlows: boolean;
}

/** Below this current (per unit) its magnitude has no direction. */
const CURRENT_MIN = 1e-9;
const PER_BRANCH = 6;

/** Everything on the way down. Covariances are 4x4 of (v, j), row major. */
interface Descent {
  readonly structure: TreeStructure;
  readonly state: TreeState;
  /** By slot: covariance at the bus, and that with the angle of the root. */
  readonly covariance: Float64Array;
  readonly withAngle: Float64Array;
  /** Variance of what is estimated of each quantity. */
  readonly estimated: Float64Array;
  /** Scratch: a transform, what it adds, a product; a covariance at the near end or of an injection. */
  readonly transform: Float64Array;
  readonly added: Float64Array;
  readonly product: Float64Array;
  readonly near: Float64Array;
  readonly nearAngle: Float64Array;
}

/** The state must be that of the last answer. */
export function treeStatistics(structure: TreeStructure, state: TreeState, asked: Asked): TreeStatistics {
  const { problem, withFlows } = asked;
  const { grid } = problem;
  const { count, quantities } = structure;
  contribute(structure, state);
  carry(structure, state);
  const descent: Descent = {
    structure,
    state,
    covariance: new Float64Array(16 * count),
    withAngle: new Float64Array(4 * count),
    estimated: new Float64Array(quantities),
    transform: new Float64Array(16),
    added: new Float64Array(3),
    product: new Float64Array(16),
    near: new Float64Array(16),
    nearAngle: new Float64Array(4),
  };
  const branch = new Float64Array(withFlows ? PER_BRANCH * grid.branches.length : 0).fill(Number.NaN);
  const injection = new Float64Array(withFlows ? 2 * grid.busCount : 0).fill(Number.NaN);
  startAtRoot(descent);
  for (let slot = 0; slot < count; slot += 1) {
    if (slot > 0) {
      toNearEnd(descent, slot);
      seeFlows(descent, slot, false, descent.near, 0);
      if (withFlows) branchEnd(descent, slot, false, descent.near, 0, branch);
      toFarEnd(descent, slot);
      seeFlows(descent, slot, true, descent.covariance, 16 * slot);
      if (withFlows) branchEnd(descent, slot, true, descent.covariance, 16 * slot, branch);
    }
    seeVoltages(descent, slot);
    seeInjection(descent, slot, injection);
  }
  if (withFlows) beside(descent, problem, branch);
  const { magnitude, angle } = voltageSigmas(descent, grid.busCount);
  return {
    checks: residualsOf(descent, asked),
    magnitude,
    angle,
    flows: withFlows ? { injection, branch } : undefined,
  };
}

/** W^-1 of the root's voltage, along its own direction alone where its angle is fixed; nothing flows in from above. */
function startAtRoot({ structure, state, covariance, withAngle }: Descent): void {
  rootInformation(structure, state);
  const w11 = state.root[0]!;
  const w12 = state.root[1]!;
  const w22 = state.root[2]!;
  if (structure.anchor < 0) {
    covariance[0] = 1 / w11;
    return;
  }
  const det = w11 * w22 - w12 * w12;
  covariance[0] = w22 / det;
  covariance[1] = -w12 / det;
  covariance[4] = -w12 / det;
  covariance[5] = w11 / det;
  const vr = state.v[0]!;
  const vi = state.v[1]!;
  const square = vr * vr + vi * vi;
  withAngle[0] = (covariance[1] * vr - covariance[0] * vi) / square;
  withAngle[1] = (covariance[5] * vr - covariance[4] * vi) / square;
}

/**
 * Puts T and cov e of a part (a, R at `from`) of the bus at `slot` into the scratch. Where nothing is uncertain, and at a
 * root of which no injection is known, K is zero.
 */
function partOf({ structure, state, transform, added }: Descent, slot: number, from: Float64Array, at: number): void {
  const { bus } = state;
  const k = BUS * slot;
  const r11 = bus[k + R]!;
  const r12 = bus[k + R + 1]!;
  const r22 = bus[k + R + 2]!;
  const det = r11 * r22 - r12 * r12;
  const open = slot === 0 && structure.activeOf[0]! < 0;
  const over = det > 0 && !open ? 1 / det : 0;
  const p11 = from[at + 6]!;
  const p12 = from[at + 7]!;
  const p22 = from[at + 8]!;
  const k11 = (p11 * r22 - p12 * r12) * over;
  const k12 = (p12 * r11 - p11 * r12) * over;
  const k21 = (p12 * r22 - p22 * r12) * over;
  const k22 = (p22 * r11 - p12 * r12) * over;
  transform.fill(0);
  transform[0] = 1;
  transform[5] = 1;
  transform[8] = from[at]! - (k11 * bus[k]! + k12 * bus[k + 2]!);
  transform[9] = from[at + 1]! - (k11 * bus[k + 1]! + k12 * bus[k + 3]!);
  transform[10] = k11;
  transform[11] = k12;
  transform[12] = from[at + 2]! - (k21 * bus[k]! + k22 * bus[k + 2]!);
  transform[13] = from[at + 3]! - (k21 * bus[k + 1]! + k22 * bus[k + 3]!);
  transform[14] = k21;
  transform[15] = k22;
  added[0] = p11 - (k11 * p11 + k12 * p12);
  added[1] = p12 - (k11 * p12 + k12 * p22);
  added[2] = p22 - (k21 * p12 + k22 * p22);
}

/** T C T', and what is added to the part of the currents. */
function transformed(
  { transform: t, product, added }: Descent,
  from: Float64Array,
  at: number,
  to: Float64Array,
  into: number,
): void {
  for (let row = 0; row < 16; row += 4) {
    for (let column = 0; column < 4; column += 1) {
      product[row + column] =
        t[row]! * from[at + column]! +
        t[row + 1]! * from[at + 4 + column]! +
        t[row + 2]! * from[at + 8 + column]! +
        t[row + 3]! * from[at + 12 + column]!;
    }
  }
  for (let row = 0; row < 16; row += 4) {
    for (let column = 0; column < 16; column += 4) {
      to[into + row + (column >> 2)] =
        product[row]! * t[column]! +
        product[row + 1]! * t[column + 1]! +
        product[row + 2]! * t[column + 2]! +
        product[row + 3]! * t[column + 3]!;
    }
  }
  to[into + 10]! += added[0]!;
  to[into + 11]! += added[1]!;
  to[into + 14]! += added[1]!;
  to[into + 15]! += added[2]!;
}

function transformedVector(
  { transform: t }: Descent,
  from: Float64Array,
  at: number,
  to: Float64Array,
  into: number,
): void {
  for (let row = 0; row < 4; row += 1) {
    let sum = 0;
    for (let column = 0; column < 4; column += 1) sum += t[4 * row + column]! * from[at + column]!;
    to[into + row] = sum;
  }
}

/** Covariance of the feeding bus's voltage and the current into the branch. */
function toNearEnd(descent: Descent, slot: number): void {
  const above = descent.structure.parent[slot]!;
  partOf(descent, above, descent.state.seen, SEEN * slot);
  transformed(descent, descent.covariance, 16 * above, descent.near, 0);
  transformedVector(descent, descent.withAngle, 4 * above, descent.nearAngle, 0);
}

/** v_c = v - z j_c. */
function toFarEnd(descent: Descent, slot: number): void {
  const { transform, added, structure } = descent;
  const zr = structure.z[2 * slot]!;
  const zi = structure.z[2 * slot + 1]!;
  transform.fill(0);
  for (let k = 0; k < 16; k += 5) transform[k] = 1;
  transform[2] = -zr;
  transform[3] = zi;
  transform[6] = -zi;
  transform[7] = -zr;
  added.fill(0);
  transformed(descent, descent.near, 0, descent.covariance, 16 * slot);
  transformedVector(descent, descent.nearAngle, 0, descent.withAngle, 4 * slot);
}

/** h' C h with h = (h1, h2) of the voltage and (g1, g2) of the current. */
function form(c: Float64Array, at: number, h1: number, h2: number, g1: number, g2: number): number {
  return (
    h1 * (h1 * c[at]! + 2 * (h2 * c[at + 1]! + g1 * c[at + 2]! + g2 * c[at + 3]!)) +
    h2 * (h2 * c[at + 5]! + 2 * (g1 * c[at + 6]! + g2 * c[at + 7]!)) +
    g1 * (g1 * c[at + 10]! + 2 * g2 * c[at + 11]!) +
    g2 * g2 * c[at + 15]!
  );
}

function seeFlows(
  { structure, state, estimated }: Descent,
  slot: number,
  far: boolean,
  c: Float64Array,
  at: number,
): void {
  const { linear, flowFar, flowQuantity } = state;
  for (let row = structure.flowStart[slot]!; row < structure.flowStart[slot + 1]!; row += 1) {
    if ((flowFar[row] === 1) !== far) continue;
    flowRow(structure, state, slot, row);
    estimated[flowQuantity[row]!] = form(c, at, linear[2]!, linear[3]!, linear[0]!, linear[1]!);
  }
}

function seeVoltages({ structure, state, estimated, covariance }: Descent, slot: number): void {
  for (let row = structure.voltageStart[slot]!; row < structure.voltageStart[slot + 1]!; row += 1) {
    voltageRow(structure, state, slot, row);
    estimated[state.voltageQuantity[row]!] = form(covariance, 16 * slot, state.linear[2]!, state.linear[3]!, 0, 0);
  }
}

/** Own injections: d is what its own a and R leave of s; at a root of which nothing is known it is all that flows out. */
function seeInjection(descent: Descent, slot: number, sigmas: Float64Array): void {
  const { structure, state, estimated, covariance, near, transform, added } = descent;
  const p = structure.activeOf[slot]!;
  const at = 2 * structure.busOfSlot[slot]!;
  if (structure.isZero[slot] === 1) {
    if (sigmas.length > 0) sigmas.fill(0, at, at + 2);
    return;
  }
  if (p < 0 && sigmas.length === 0) return;
  if (p >= 0) partOf(descent, slot, ownPart(structure, state, slot), 0);
  else {
    const { bus } = state;
    transform.fill(0);
    transform[0] = 1;
    transform[5] = 1;
    for (const [entry, a] of [
      [8, 0],
      [9, 1],
      [12, 2],
      [13, 3],
    ] as const)
      transform[entry] = -bus[a]!;
    for (let e = 0; e < 3; e += 1) added[e] = bus[R + e]!;
  }
  transformed(descent, covariance, 16 * slot, near, 0);
  const k = 2 * slot;
  const vr = state.v[k]!;
  const vi = state.v[k + 1]!;
  const dr = state.d[k]!;
  const di = state.d[k + 1]!;
  const active = form(near, 0, dr, di, vr, vi);
  const reactive = form(near, 0, -di, dr, vi, -vr);
  if (p >= 0) {
    estimated[p] = active;
    estimated[structure.reactiveOf[slot]!] = reactive;
  }
  if (sigmas.length === 0) return;
  sigmas[at] = root(active);
  sigmas[at + 1] = root(reactive);
}

const own = new Float64Array(9);

/** a and R of a measured injection alone, as in `contribute`: a = -(d / conj(v)) conj(.), R that of conj(e / v). */
function ownPart({ activeOf, reactiveOf }: TreeStructure, { v, d, variance }: TreeState, slot: number): Float64Array {
  const k = 2 * slot;
  const vr = v[k]!;
  const vi = v[k + 1]!;
  const over = 1 / (vr * vr + vi * vi);
  const cr = (d[k]! * vr - d[k + 1]! * vi) * over;
  const ci = (d[k]! * vi + d[k + 1]! * vr) * over;
  const sp = variance[activeOf[slot]!]! * over * over;
  const sq = variance[reactiveOf[slot]!]! * over * over;
  own[0] = -cr;
  own[1] = -ci;
  own[2] = -ci;
  own[3] = cr;
  own[6] = sp * vr * vr + sq * vi * vi;
  own[7] = (sp - sq) * vr * vi;
  own[8] = sp * vi * vi + sq * vr * vr;
  return own;
}

/** P, Q and |i| at one end of a slot's branch: i = +-j + y v. */
function branchEnd(descent: Descent, slot: number, far: boolean, c: Float64Array, at: number, out: Float64Array): void {
  const { structure, state } = descent;
  const k = 2 * slot;
  const end = far ? slot : structure.parent[slot]!;
  const shunt = far ? structure.far : structure.near;
  const sign = far ? -1 : 1;
  const side = (structure.fromNear[slot] === 1) !== far ? 0 : 1;
  const y = [shunt[k]!, shunt[k + 1]!] as const;
  endSigmas(state, structure, { end, sign, jr: state.j[k]!, ji: state.j[k + 1]!, y }, c, at, out, {
    at: PER_BRANCH * structure.branchOfSlot[slot]!,
    side,
  });
}

interface EndCurrent {
  /** Slot of the bus at this end. */
  readonly end: number;
  /** i = sign j + y v. */
  readonly sign: number;
  readonly jr: number;
  readonly ji: number;
  readonly y: readonly [number, number];
}

function endSigmas(
  { v }: TreeState,
  { turn }: TreeStructure,
  { end, sign, jr, ji, y: [yr, yi] }: EndCurrent,
  c: Float64Array,
  at: number,
  out: Float64Array,
  where: { readonly at: number; readonly side: number },
): void {
  const vr = v[2 * end]!;
  const vi = v[2 * end + 1]!;
  const ir = sign * jr + yr * vr - yi * vi;
  const ii = sign * ji + yr * vi + yi * vr;
  // Of g' di + h' dv the part of di is sign g of dj and y' g of dv.
  const sigma = (g1: number, g2: number, h1: number, h2: number): number =>
    root(form(c, at, h1 + g1 * yr + g2 * yi, h2 + g2 * yr - g1 * yi, sign * g1, sign * g2));
  out[where.at + 2 * where.side] = sigma(vr, vi, ir, ii);
  out[where.at + 2 * where.side + 1] = sigma(vi, -vr, -ii, ir);
  const length = Math.hypot(turn[2 * end]!, turn[2 * end + 1]!);
  const size = Math.hypot(ir, ii);
  const flows = size > CURRENT_MIN * length;
  // Without a current its magnitude has no direction: the mean of both parts stands in.
  const along = flows
    ? sigma(ir / size, ii / size, 0, 0)
    : Math.hypot(sigma(1, 0, 0, 0), sigma(0, 1, 0, 0)) / Math.SQRT2;
  out[where.at + 4 + where.side] = along / length;
}

/** Branches that join nothing: their live ends see the voltage there. */
function beside(descent: Descent, { grid }: EstimationProblem, out: Float64Array): void {
  const { structure, state, covariance } = descent;
  const slotOfBus = new Int32Array(grid.busCount).fill(-1);
  structure.busOfSlot.forEach((bus, slot) => (slotOfBus[bus] = slot));
  for (const branch of grid.branches) {
    if (joins(branch)) continue;
    (['from', 'to'] as const).forEach((name, side) => {
      const end = slotOfBus[branch[name]]!;
      if (end < 0) return;
      const square = structure.turn[2 * end]! ** 2 + structure.turn[2 * end + 1]! ** 2;
      const blocks = blocksAtEnd(branch, name);
      const y = [0, 1].map((part) => square * blocks.reduce((sum, block) => sum + block[part]!, 0));
      const current = { end, sign: 0, jr: 0, ji: 0, y: [y[0]!, y[1]!] as const };
      endSigmas(state, structure, current, covariance, 16 * end, out, { at: PER_BRANCH * branch.index, side });
    });
  }
}

/** Of the magnitude at every bus, and of the angle against the root's. */
function voltageSigmas(
  { structure, state, covariance, withAngle }: Descent,
  busCount: number,
): { readonly magnitude: Float64Array; readonly angle: Float64Array } {
  const magnitude = new Float64Array(busCount).fill(Number.NaN);
  const angle = new Float64Array(busCount).fill(Number.NaN);
  const { busOfSlot, turn, count } = structure;
  const across = (slot: number): number => {
    const vr = state.v[2 * slot]!;
    const vi = state.v[2 * slot + 1]!;
    return (vr * withAngle[4 * slot + 1]! - vi * withAngle[4 * slot]!) / (vr * vr + vi * vi);
  };
  const ofRoot = across(0);
  for (let slot = 0; slot < count; slot += 1) {
    const k = 2 * slot;
    const vr = state.v[k]!;
    const vi = state.v[k + 1]!;
    const square = vr * vr + vi * vi;
    const size = Math.sqrt(square);
    const bus = busOfSlot[slot]!;
    const length = Math.sqrt(turn[k]! ** 2 + turn[k + 1]! ** 2);
    magnitude[bus] = length * root(form(covariance, 16 * slot, vr / size, vi / size, 0, 0));
    const ownAngle = form(covariance, 16 * slot, -vi / square, vr / square, 0, 0);
    angle[bus] = slot === 0 ? 0 : root(ownAngle + ofRoot - 2 * across(slot));
  }
  return { magnitude, angle };
}

function root(variance: number): number {
  return Math.sqrt(Math.max(0, variance));
}

/** One entry a share, in the order of the measurements. */
function residualsOf({ structure, state, estimated }: Descent, { problem, values }: Asked): ResidualStatistics {
  const { shares, isAcross } = structure;
  const { measurements } = problem;
  const residuals: Residual[] = [];
  const largest = new Float64Array(measurements.length).fill(Number.NaN);
  shares.forEach(({ measurement: index, quantity }, k) => {
    const measurement = measurements[index]!;
    const isAngle = isAcross[quantity] === 1 && 'angleRad' in measurement;
    const sigma = state.shareSigma[k]!;
    const residual = (isAngle ? 0 : values[index]!) - state.quantity[quantity]!;
    const left = sigma * sigma - estimated[quantity]!;
    const checked = left > CRITICAL_SHARE * sigma * sigma;
    const normalised = checked ? Math.abs(residual) / Math.sqrt(left) : Number.NaN;
    // The part of a phasor across its direction, over its magnitude, is the residual of its angle.
    const length = isAngle ? Math.max(Math.abs(measurement.value), measurement.sigma) : 1;
    residuals.push({
      index,
      measurement: isAngle ? (measurement.angleId ?? measurement.id) : measurement.id,
      residual: residual / length,
      sigma: sigma / length,
      normalised,
    });
    if (!(largest[index]! >= normalised) && checked) largest[index] = normalised;
  });
  return { residuals, largest };
}
