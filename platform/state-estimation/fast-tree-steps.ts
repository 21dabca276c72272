/**
 * The steps of the tree estimator (`fast-tree.ts`): innermost loops on flat arrays, nothing allocated. Matrices are real
 * 2x2 on (re, im); a complex number c = cr + j ci acts as [[cr, -ci], [ci, cr]].
 */
import { SEEN_AS, type TreeStructure } from './fast-tree-structure.ts';

export interface TreeState {
  /** By slot, interleaved: voltage, current through the branch towards the slot, current that the bus draws. */
  readonly v: Float64Array;
  readonly j: Float64Array;
  readonly d: Float64Array;
  /** Values of the quantities, their variances, and for phasors the measured direction. */
  readonly quantity: Float64Array;
  readonly variance: Float64Array;
  readonly cosine: Float64Array;
  readonly sine: Float64Array;
  /** By share: its standard deviation, and its part in the weighted mean. */
  readonly shareSigma: Float64Array;
  readonly shareWeight: Float64Array;
  /** Per slot, at the bus with all that hangs from it: a (4), b (2), R (11, 12, 22), W (11, 12, 22), y (2). */
  readonly bus: Float64Array;
  /** Per slot, what the feeder sees of it: a, b, R. */
  readonly seen: Float64Array;
  /** Multipliers, and changes of the voltage in this step. */
  readonly multiplier: Float64Array;
  readonly change: Float64Array;
  /** By row: quantity, how it is seen, and 1 for the far end. */
  readonly voltageQuantity: Int32Array;
  readonly voltageSeen: Uint8Array;
  readonly flowQuantity: Int32Array;
  readonly flowSeen: Uint8Array;
  readonly flowFar: Uint8Array;
  /** A pair (a, b, R, W, y) under way, laid out as in `bus`. */
  readonly pair: Float64Array;
  /** A measured voltage or flow as a row: derivatives by the current (2) and the voltage (2), residual, variance. */
  readonly linear: Float64Array;
  /** What is known of the root's voltage: W (11, 12, 22), y (2). */
  readonly root: Float64Array;
}

export const BUS = 14;
export const SEEN = 9;
const A = 0;
const B = 4;
export const R = 6;
const W = 9;
const Y = 12;

export function createTreeState({ count, quantities, shares, voltages, flows }: TreeStructure): TreeState {
  return {
    v: new Float64Array(2 * count),
    j: new Float64Array(2 * count),
    d: new Float64Array(2 * count),
    quantity: new Float64Array(quantities),
    variance: new Float64Array(quantities),
    cosine: new Float64Array(quantities),
    sine: new Float64Array(quantities),
    shareSigma: new Float64Array(shares.length),
    shareWeight: new Float64Array(shares.length),
    bus: new Float64Array(BUS * count),
    seen: new Float64Array(SEEN * count),
    multiplier: new Float64Array(2 * count),
    change: new Float64Array(2 * count),
    voltageQuantity: Int32Array.from(voltages, (row) => row.quantity),
    voltageSeen: Uint8Array.from(voltages, (row) => row.seenAs),
    flowQuantity: Int32Array.from(flows, (row) => row.quantity),
    flowSeen: Uint8Array.from(flows, (row) => row.seenAs),
    flowFar: Uint8Array.from(flows, (row) => (row.far ? 1 : 0)),
    pair: new Float64Array(BUS),
    linear: new Float64Array(6),
    root: new Float64Array(5),
  };
}

/**
 * What every bus itself contributes. From s = v conj(d) drawn, measured as s + r + e: conj(dd) = (r + e - dv conj(d)) / v,
 *     dd = -(d / conj(v)) conj(dv) + conj(r / v) + conj(e / v);
 * its shunts draw y dv more. A measured voltage is a row h' dv = r + e and adds h h' to W and h r to y, over the variance.
 */
export function contribute(structure: TreeStructure, state: TreeState): void {
  const { count, activeOf, reactiveOf, voltageStart, y } = structure;
  const { v, d, quantity, variance, bus } = state;
  let k = 0;
  let at = 0;
  for (let slot = 0; slot < count; slot++) {
    const vr = v[k]!;
    const vi = v[k + 1]!;
    const over = 1 / (vr * vr + vi * vi);
    const yr = y[k]!;
    const yi = y[k + 1]!;
    const p = activeOf[slot]!;
    // -(d / conj(v)) conj(dv) as a matrix, with c = d / conj(v) = d v / |v|^2; nothing is drawn where nothing is connected.
    const dr = p < 0 ? 0 : d[k]!;
    const di = p < 0 ? 0 : d[k + 1]!;
    const cr = (dr * vr - di * vi) * over;
    const ci = (dr * vi + di * vr) * over;
    bus[at] = yr - cr;
    bus[at + 1] = -yi - ci;
    bus[at + 2] = yi - ci;
    bus[at + 3] = yr + cr;
    if (p < 0) {
      bus[at + B] = -d[k]!;
      bus[at + B + 1] = -d[k + 1]!;
      bus[at + R] = 0;
      bus[at + R + 1] = 0;
      bus[at + R + 2] = 0;
    } else {
      const q = reactiveOf[slot]!;
      // Injections are measured, drawn powers are their opposites.
      const rp = -quantity[p]! - (vr * dr + vi * di);
      const rq = -quantity[q]! - (vi * dr - vr * di);
      bus[at + B] = (rp * vr + rq * vi) * over;
      bus[at + B + 1] = (rp * vi - rq * vr) * over;
      const sp = variance[p]! * over * over;
      const sq = variance[q]! * over * over;
      bus[at + R] = sp * vr * vr + sq * vi * vi;
      bus[at + R + 1] = (sp - sq) * vr * vi;
      bus[at + R + 2] = sp * vi * vi + sq * vr * vr;
    }
    for (let e = at + W; e < at + BUS; e++) bus[e] = 0;
    const end = voltageStart[slot + 1]!;
    for (let row = voltageStart[slot]!; row < end; row++) contributeVoltage(structure, state, slot, row);
    k += 2;
    at += BUS;
  }
}

function contributeVoltage(structure: TreeStructure, state: TreeState, slot: number, row: number): void {
  voltageRow(structure, state, slot, row);
  const { bus, linear } = state;
  const at = BUS * slot;
  const h1 = linear[2]!;
  const h2 = linear[3]!;
  const weight = 1 / linear[5]!;
  const rest = linear[4]! * weight;
  bus[at + W]! += weight * h1 * h1;
  bus[at + W + 1]! += weight * h1 * h2;
  bus[at + W + 2]! += weight * h2 * h2;
  bus[at + Y]! += rest * h1;
  bus[at + Y + 1]! += rest * h2;
}

/** A measured voltage as a row. In the frame of the root it is smaller by the size of the turn, and turned back. */
export function voltageRow(structure: TreeStructure, state: TreeState, slot: number, row: number): void {
  const { turn } = structure;
  const { v, quantity, variance, voltageQuantity, voltageSeen, cosine, sine, linear } = state;
  const k = 2 * slot;
  const vr = v[k]!;
  const vi = v[k + 1]!;
  const tr = turn[k]!;
  const ti = turn[k + 1]!;
  const q = voltageQuantity[row]!;
  const seen = voltageSeen[row]!;
  linear[0] = 0;
  linear[1] = 0;
  linear[5] = variance[q]!;
  if (seen === SEEN_AS.magnitude) {
    const size = Math.sqrt(vr * vr + vi * vi);
    const length = Math.sqrt(tr * tr + ti * ti);
    linear[2] = (length * vr) / size;
    linear[3] = (length * vi) / size;
    linear[4] = quantity[q]! - length * size;
    return;
  }
  if (seen === SEEN_AS.angle) {
    const square = vr * vr + vi * vi;
    linear[2] = -vi / square;
    linear[3] = vr / square;
    linear[4] = nearest(quantity[q]! - Math.atan2(vi, vr) - Math.atan2(ti, tr));
    return;
  }
  // The measured direction times conj(turn); across it for the other part.
  const cr = cosine[q]! * tr + sine[q]! * ti;
  const ci = sine[q]! * tr - cosine[q]! * ti;
  const across = seen === SEEN_AS.tangential;
  const h1 = across ? -ci : cr;
  const h2 = across ? cr : ci;
  linear[2] = h1;
  linear[3] = h2;
  linear[4] = quantity[q]! - (h1 * vr + h2 * vi);
}

/** An angle without its whole revolutions. */
function nearest(angle: number): number {
  return angle - 2 * Math.PI * Math.round(angle / (2 * Math.PI));
}

/**
 * From the leaves on, carries what is behind each branch to the bus that feeds it: flows at the far end, the impedance,
 * flows at the near end.
 */
export function carry(structure: TreeStructure, state: TreeState): void {
  const { count, parent, flowStart, z } = structure;
  const { bus, seen, pair, flowFar } = state;
  let at = BUS * (count - 1);
  let to = SEEN * (count - 1);
  for (let slot = count - 1; slot > 0; slot--) {
    let row = flowStart[slot]!;
    const end = flowStart[slot + 1]!;
    if (row === end) {
      carryImpedance(bus, at, z, 2 * slot, pair);
    } else {
      for (let e = 0; e < BUS; e++) pair[e] = bus[at + e]!;
      for (; row < end && flowFar[row] === 1; row++) conditionOnFlow(structure, state, slot, row);
      carryImpedance(pair, 0, z, 2 * slot, pair);
      for (; row < end; row++) conditionOnFlow(structure, state, slot, row);
    }
    // Written out: loops of so few steps cost more than what they do.
    seen[to] = pair[0]!;
    seen[to + 1] = pair[1]!;
    seen[to + 2] = pair[2]!;
    seen[to + 3] = pair[3]!;
    seen[to + 4] = pair[4]!;
    seen[to + 5] = pair[5]!;
    seen[to + 6] = pair[6]!;
    seen[to + 7] = pair[7]!;
    seen[to + 8] = pair[8]!;
    const above = BUS * parent[slot]!;
    bus[above]! += pair[0]!;
    bus[above + 1]! += pair[1]!;
    bus[above + 2]! += pair[2]!;
    bus[above + 3]! += pair[3]!;
    bus[above + 4]! += pair[4]!;
    bus[above + 5]! += pair[5]!;
    bus[above + 6]! += pair[6]!;
    bus[above + 7]! += pair[7]!;
    bus[above + 8]! += pair[8]!;
    bus[above + 9]! += pair[9]!;
    bus[above + 10]! += pair[10]!;
    bus[above + 11]! += pair[11]!;
    bus[above + 12]! += pair[12]!;
    bus[above + 13]! += pair[13]!;
    at -= BUS;
    to -= SEEN;
  }
}

/**
 * From (v, j) to (vp, j) with v = vp - Z j. Inserted into j = a v + b + n this gives j = E (a vp + b + n) with
 * E = (I + a Z)^-1; then q = v at n = 0, that is F vp - f with F = I - Z E a, f = Z E b, has the cost q' W q - 2 y' q
 * with v = q - Z n, and the best n = R' Z' (W q - y), R' = (I + R Z' W Z)^-1 R, is put in.
 */
function carryImpedance(from: Float64Array, at: number, z: Float64Array, k: number, pair: Float64Array): void {
  // Numbers are read here and not handed over: a call that is not inlined would box them.
  const zr = z[k]!;
  const zi = z[k + 1]!;
  const a11 = from[at]!;
  const a12 = from[at + 1]!;
  const a21 = from[at + 2]!;
  const a22 = from[at + 3]!;
  const b1 = from[at + B]!;
  const b2 = from[at + B + 1]!;
  const r11 = from[at + R]!;
  const r12 = from[at + R + 1]!;
  const r22 = from[at + R + 2]!;
  const w11 = from[at + W]!;
  const w12 = from[at + W + 1]!;
  const w22 = from[at + W + 2]!;
  const y1 = from[at + Y]!;
  const y2 = from[at + Y + 1]!;

  // E = (I + a Z)^-1.
  const s11 = 1 + a11 * zr + a12 * zi;
  const s12 = a12 * zr - a11 * zi;
  const s21 = a21 * zr + a22 * zi;
  const s22 = 1 + a22 * zr - a21 * zi;
  const det = 1 / (s11 * s22 - s12 * s21);
  const e11 = s22 * det;
  const e12 = -s12 * det;
  const e21 = -s21 * det;
  const e22 = s11 * det;

  const g11 = e11 * a11 + e12 * a21;
  const g12 = e11 * a12 + e12 * a22;
  const g21 = e21 * a11 + e22 * a21;
  const g22 = e21 * a12 + e22 * a22;
  const h1 = e11 * b1 + e12 * b2;
  const h2 = e21 * b1 + e22 * b2;
  const t11 = e11 * r11 + e12 * r12;
  const t12 = e11 * r12 + e12 * r22;
  const t21 = e21 * r11 + e22 * r12;
  const t22 = e21 * r12 + e22 * r22;
  const q11 = t11 * e11 + t12 * e12;
  const q12 = t11 * e21 + t12 * e22;
  const q22 = t21 * e21 + t22 * e22;

  if (w11 + w22 === 0) {
    pair[0] = g11;
    pair[1] = g12;
    pair[2] = g21;
    pair[3] = g22;
    pair[B] = h1;
    pair[B + 1] = h2;
    pair[R] = q11;
    pair[R + 1] = q12;
    pair[R + 2] = q22;
    for (let e = W; e < BUS; e++) pair[e] = 0;
    return;
  }
  const f11 = 1 - (zr * g11 - zi * g21);
  const f12 = -(zr * g12 - zi * g22);
  const f21 = -(zi * g11 + zr * g21);
  const f22 = 1 - (zi * g12 + zr * g22);
  const f1 = zr * h1 - zi * h2;
  const f2 = zi * h1 + zr * h2;

  // W Z, M = Z' W Z, R' = (I + R M)^-1 R.
  const p11 = w11 * zr + w12 * zi;
  const p12 = w12 * zr - w11 * zi;
  const p21 = w12 * zr + w22 * zi;
  const p22 = w22 * zr - w12 * zi;
  const m11 = zr * p11 + zi * p21;
  const m12 = zr * p12 + zi * p22;
  const m22 = zr * p22 - zi * p12;
  const n11 = 1 + q11 * m11 + q12 * m12;
  const n12 = q11 * m12 + q12 * m22;
  const n21 = q12 * m11 + q22 * m12;
  const n22 = 1 + q12 * m12 + q22 * m22;
  const d = 1 / (n11 * n22 - n12 * n21);
  const x11 = (n22 * q11 - n12 * q12) * d;
  const x12 = (n22 * q12 - n12 * q22) * d;
  const x22 = (n11 * q22 - n21 * q12) * d;

  // K = R' Z' W, and what is left of W and y.
  const k11 = x11 * p11 + x12 * p12;
  const k12 = x11 * p21 + x12 * p22;
  const k21 = x12 * p11 + x22 * p12;
  const k22 = x12 * p21 + x22 * p22;
  const u11 = w11 - (p11 * k11 + p12 * k21);
  const u12 = w12 - (p11 * k12 + p12 * k22);
  const u22 = w22 - (p21 * k12 + p22 * k22);
  const c1 = zr * y1 + zi * y2;
  const c2 = zr * y2 - zi * y1;
  const o1 = x11 * c1 + x12 * c2;
  const o2 = x12 * c1 + x22 * c2;
  const l1 = u11 * f1 + u12 * f2 + y1 - (p11 * o1 + p12 * o2);
  const l2 = u12 * f1 + u22 * f2 + y2 - (p21 * o1 + p22 * o2);

  pair[0] = g11 + k11 * f11 + k12 * f21;
  pair[1] = g12 + k11 * f12 + k12 * f22;
  pair[2] = g21 + k21 * f11 + k22 * f21;
  pair[3] = g22 + k21 * f12 + k22 * f22;
  pair[B] = h1 - (k11 * f1 + k12 * f2) - o1;
  pair[B + 1] = h2 - (k21 * f1 + k22 * f2) - o2;
  pair[R] = x11;
  pair[R + 1] = x12;
  pair[R + 2] = x22;
  const i11 = u11 * f11 + u12 * f21;
  const i12 = u11 * f12 + u12 * f22;
  const i21 = u12 * f11 + u22 * f21;
  const i22 = u12 * f12 + u22 * f22;
  pair[W] = f11 * i11 + f21 * i21;
  pair[W + 1] = f11 * i12 + f21 * i22;
  pair[W + 2] = f12 * i12 + f22 * i22;
  pair[Y] = f11 * l1 + f21 * l2;
  pair[Y + 1] = f12 * l1 + f22 * l2;
}

/**
 * Conditions (v, j) on what is measured of it: a row g' dj + h' dv = r + e. With j = a v + b + n:
 * S = g' R g + var, K = R g / S, and what is left over says something of v: (r - g' b - (a' g + h)' v)^2 / S.
 */
function conditionOnFlow(structure: TreeStructure, state: TreeState, slot: number, row: number): void {
  flowRow(structure, state, slot, row);
  condition(state.pair, state.linear);
}

/**
 * A measured power s = v conj(i), or part of a current i, as a row in (j, v), where i = +-j + y v. In the frame of the root a current
 * is larger by the size of the turn, and turned back.
 */
export function flowRow(structure: TreeStructure, state: TreeState, slot: number, row: number): void {
  const { linear, v, j, quantity, variance, flowQuantity, flowSeen, flowFar } = state;
  const seen = flowSeen[row]!;
  const isFar = flowFar[row] === 1;
  const k = 2 * slot;
  const at = isFar ? k : 2 * structure.parent[slot]!;
  const shunt = isFar ? structure.far : structure.near;
  const sign = isFar ? -1 : 1;
  const q = flowQuantity[row]!;
  const vr = v[at]!;
  const vi = v[at + 1]!;
  const sr = shunt[k]!;
  const si = shunt[k + 1]!;
  const ir = sign * j[k]! + sr * vr - si * vi;
  const ii = sign * j[k + 1]! + sr * vi + si * vr;
  // Derivatives by i, then by v at constant i.
  let gr = vr;
  let gi = vi;
  let h1 = 0;
  let h2 = 0;
  let rest = quantity[q]!;
  if (seen === SEEN_AS.active) {
    h1 = ir;
    h2 = ii;
    rest -= vr * ir + vi * ii;
  } else if (seen === SEEN_AS.reactive) {
    gr = vi;
    gi = -vr;
    h1 = -ii;
    h2 = ir;
    rest -= vi * ir - vr * ii;
  } else {
    const tr = structure.turn[at]!;
    const ti = structure.turn[at + 1]!;
    const over = 1 / (tr * tr + ti * ti);
    const cr = (state.cosine[q]! * tr + state.sine[q]! * ti) * over;
    const ci = (state.sine[q]! * tr - state.cosine[q]! * ti) * over;
    const across = seen === SEEN_AS.tangential;
    gr = across ? -ci : cr;
    gi = across ? cr : ci;
    rest -= gr * ir + gi * ii;
  }
  linear[0] = sign * gr;
  linear[1] = sign * gi;
  linear[2] = h1 + gr * sr + gi * si;
  linear[3] = h2 + gi * sr - gr * si;
  linear[4] = rest;
  linear[5] = variance[q]!;
}

/** `linear`: g (2), h (2), r and the variance. */
function condition(pair: Float64Array, linear: Float64Array): void {
  const g1 = linear[0]!;
  const g2 = linear[1]!;
  const h1 = linear[2]!;
  const h2 = linear[3]!;
  const r = linear[4]!;
  const variance = linear[5]!;
  const c1 = pair[R]! * g1 + pair[R + 1]! * g2;
  const c2 = pair[R + 1]! * g1 + pair[R + 2]! * g2;
  const s = 1 / (g1 * c1 + g2 * c2 + variance);
  const m1 = pair[0]! * g1 + pair[2]! * g2 + h1;
  const m2 = pair[1]! * g1 + pair[3]! * g2 + h2;
  const rest = r - (g1 * pair[B]! + g2 * pair[B + 1]!);
  const k1 = c1 * s;
  const k2 = c2 * s;
  pair[0]! -= k1 * m1;
  pair[1]! -= k1 * m2;
  pair[2]! -= k2 * m1;
  pair[3]! -= k2 * m2;
  pair[B]! += k1 * rest;
  pair[B + 1]! += k2 * rest;
  pair[R]! -= k1 * c1;
  pair[R + 1]! -= k1 * c2;
  pair[R + 2]! -= k2 * c2;
  pair[W]! += m1 * m1 * s;
  pair[W + 1]! += m1 * m2 * s;
  pair[W + 2]! += m2 * m2 * s;
  pair[Y]! += m1 * rest * s;
  pair[Y + 1]! += m2 * rest * s;
}

/**
 * The root's voltage keeps its angle where no angle is measured; a measured injection there is the condition that nothing
 * flows in from above. False when what is measured leaves the voltage open.
 */
export function solveRoot(structure: TreeStructure, state: TreeState): boolean {
  const { change, multiplier, v, root, bus } = state;
  rootInformation(structure, state);
  const w11 = root[0]!;
  const w12 = root[1]!;
  const w22 = root[2]!;
  const det = w11 * w22 - w12 * w12;
  const free = structure.anchor >= 0;
  if (!(w11 > 0) || (free && !(det > 0))) return false;
  const x1 = free ? (w22 * root[3]! - w12 * root[4]!) / det : root[3]! / w11;
  const x2 = free ? (w11 * root[4]! - w12 * root[3]!) / det : 0;
  multiplier[0] = 0;
  multiplier[1] = 0;
  if (structure.activeOf[0]! >= 0) {
    const over = 1 / (bus[R]! * bus[R + 2]! - bus[R + 1]! * bus[R + 1]!);
    const m1 = -(bus[0]! * x1 + bus[1]! * x2 + bus[B]!);
    const m2 = -(bus[2]! * x1 + bus[3]! * x2 + bus[B + 1]!);
    multiplier[0] = (bus[R + 2]! * m1 - bus[R + 1]! * m2) * over;
    multiplier[1] = (bus[R]! * m2 - bus[R + 1]! * m1) * over;
  }
  change[0] = x1;
  change[1] = x2;
  v[0]! += x1;
  v[1]! += x2;
  return true;
}

/** W and y at the root; with a measured injection there W + a' R^-1 a and y - a' R^-1 b. */
export function rootInformation({ activeOf }: TreeStructure, { bus, root }: TreeState): void {
  for (let e = 0; e < 5; e++) root[e] = bus[W + e]!;
  if (activeOf[0]! < 0) return;
  const over = 1 / (bus[R]! * bus[R + 2]! - bus[R + 1]! * bus[R + 1]!);
  // Columns of R^-1 a.
  const c11 = (bus[R + 2]! * bus[0]! - bus[R + 1]! * bus[2]!) * over;
  const c12 = (bus[R + 2]! * bus[1]! - bus[R + 1]! * bus[3]!) * over;
  const c21 = (bus[R]! * bus[2]! - bus[R + 1]! * bus[0]!) * over;
  const c22 = (bus[R]! * bus[3]! - bus[R + 1]! * bus[1]!) * over;
  root[0]! += c11 * bus[0]! + c21 * bus[2]!;
  root[1]! += c11 * bus[1]! + c21 * bus[3]!;
  root[2]! += c12 * bus[1]! + c22 * bus[3]!;
  root[3]! -= c11 * bus[B]! + c21 * bus[B + 1]!;
  root[4]! -= c12 * bus[B]! + c22 * bus[B + 1]!;
}

/** From the root to the leaves; the largest squared change of a voltage, NaN as soon as one is NaN. */
export function shareOut({ count, parent, z }: TreeStructure, state: TreeState): number {
  const { v, j, bus, seen, multiplier, change } = state;
  let worst = change[0]! * change[0]! + change[1]! * change[1]!;
  for (let slot = 1; slot < count; slot++) {
    const above = 2 * parent[slot]!;
    const s = SEEN * slot;
    const at = BUS * slot;
    const k = 2 * slot;
    const x = change[above]!;
    const y = change[above + 1]!;
    const l1 = multiplier[above]!;
    const l2 = multiplier[above + 1]!;
    const j1 = seen[s]! * x + seen[s + 1]! * y + seen[s + 4]! + seen[s + 6]! * l1 + seen[s + 7]! * l2;
    const j2 = seen[s + 2]! * x + seen[s + 3]! * y + seen[s + 5]! + seen[s + 7]! * l1 + seen[s + 8]! * l2;
    const jr = j[k]! + j1;
    const ji = j[k + 1]! + j2;
    j[k] = jr;
    j[k + 1] = ji;
    const vr = v[above]! - (z[k]! * jr - z[k + 1]! * ji);
    const vi = v[above + 1]! - (z[k]! * ji + z[k + 1]! * jr);
    const dr = vr - v[k]!;
    const di = vi - v[k + 1]!;
    v[k] = vr;
    v[k + 1] = vi;
    change[k] = dr;
    change[k + 1] = di;
    const size = dr * dr + di * di;
    if (!(size <= worst) && worst === worst) worst = size;
    // l = R^-1 (j - a v - b); where nothing is uncertain there is nothing to share.
    const n1 = j1 - (bus[at + A]! * dr + bus[at + A + 1]! * di + bus[at + B]!);
    const n2 = j2 - (bus[at + A + 2]! * dr + bus[at + A + 3]! * di + bus[at + B + 1]!);
    const r11 = bus[at + R]!;
    const r12 = bus[at + R + 1]!;
    const r22 = bus[at + R + 2]!;
    const det = r11 * r22 - r12 * r12;
    const over = det > 0 ? 1 / det : 0;
    multiplier[k] = (r22 * n1 - r12 * n2) * over;
    multiplier[k + 1] = (r11 * n2 - r12 * n1) * over;
  }
  return worst;
}
