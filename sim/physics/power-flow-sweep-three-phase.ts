/**
 * The sweeps of a three-phase grid: the innermost loops of the power flow. They allocate nothing, and no index in them is
 * multiplied: the compiler guards each product of integers with checks that cost more than the arithmetic.
 */
import { noteWorst, type SweepKernel, type SweepState } from './power-flow-sweep-state.ts';
import type { Run, SweepStructure } from './power-flow-sweep-structure.ts';

export const threePhaseSweep: SweepKernel = { draw, collect, spread, measure };

/**
 * j = conj(s / v) + y v at the buses of some slots, phase by phase, for s = p + jq consumed: conj(s) / conj(v) =
 * (p - jq) v / |v|^2. The shunts couple the phases alike: y v = y1 v + yb (va + vb + vc).
 */
function draw(
  { constants }: SweepStructure,
  { voltage, current, power }: SweepState,
  start: number,
  end: number,
): void {
  let at = 6 * start;
  let c = 8 * start;
  for (let k = start; k < end; k++) {
    const ar = voltage[at]!;
    const ai = voltage[at + 1]!;
    const br = voltage[at + 2]!;
    const bi = voltage[at + 3]!;
    const cr = voltage[at + 4]!;
    const ci = voltage[at + 5]!;
    const y1r = constants[c + 4]!;
    const y1i = constants[c + 5]!;
    const ybr = constants[c + 6]!;
    const ybi = constants[c + 7]!;
    const sr = ar + br + cr;
    const si = ai + bi + ci;
    const mr = ybr * sr - ybi * si;
    const mi = ybr * si + ybi * sr;
    const da = 1 / (ar * ar + ai * ai);
    const db = 1 / (br * br + bi * bi);
    const dc = 1 / (cr * cr + ci * ci);
    const ga = power[at]! * da + y1r;
    const ha = y1i - power[at + 1]! * da;
    current[at] = ga * ar - ha * ai + mr;
    current[at + 1] = ga * ai + ha * ar + mi;
    const gb = power[at + 2]! * db + y1r;
    const hb = y1i - power[at + 3]! * db;
    current[at + 2] = gb * br - hb * bi + mr;
    current[at + 3] = gb * bi + hb * br + mi;
    const gc = power[at + 4]! * dc + y1r;
    const hc = y1i - power[at + 5]! * dc;
    current[at + 4] = gc * cr - hc * ci + mr;
    current[at + 5] = gc * ci + hc * cr + mi;
    at += 6;
    c += 8;
  }
}

/** Backwards: what a bus draws is drawn through the bus that feeds it. */
function collect(
  { feeder, blocks, blockAt }: SweepStructure,
  { current }: SweepState,
  { kind, start, end }: Run,
): void {
  let at = 6 * (end - 1);
  for (let k = end - 1; k >= start; k--) {
    const to = feeder[k]!;
    if (kind === 'transfer') {
      addProduct(blocks, blockAt[k]! + 36, current, at, current, to, 1);
    } else {
      current[to]! += current[at]!;
      current[to + 1]! += current[at + 1]!;
      current[to + 2]! += current[at + 2]!;
      current[to + 3]! += current[at + 3]!;
      current[to + 4]! += current[at + 4]!;
      current[to + 5]! += current[at + 5]!;
    }
    at -= 6;
  }
}

/** Forwards: the voltages that belong to the collected currents, and what the buses draw at them. */
function spread(structure: SweepStructure, state: SweepState, run: Run, change: number, mismatch: number): void {
  if (run.kind === 'series') spreadSeries(structure, state, run, change, mismatch);
  else spreadBlocks(structure, state, run, change, mismatch);
}

function spreadSeries(
  { feeder, constants }: SweepStructure,
  state: SweepState,
  { start, end }: Run,
  change: number,
  mismatch: number,
): void {
  const { voltage, current, power } = state;
  let worst = state.worst[0]!;
  let place = -1;
  let at = 6 * start;
  let c = 8 * start;
  for (let k = start; k < end; k++) {
    const from = feeder[k]!;
    const z1r = constants[c]!;
    const z1i = constants[c + 1]!;
    const zbr = constants[c + 2]!;
    const zbi = constants[c + 3]!;
    const jar = current[at]!;
    const jai = current[at + 1]!;
    const jbr = current[at + 2]!;
    const jbi = current[at + 3]!;
    const jcr = current[at + 4]!;
    const jci = current[at + 5]!;
    const tr = jar + jbr + jcr;
    const ti = jai + jbi + jci;
    const ur = zbr * tr - zbi * ti;
    const ui = zbr * ti + zbi * tr;
    const y1r = constants[c + 4]!;
    const y1i = constants[c + 5]!;
    const ybr = constants[c + 6]!;
    const ybi = constants[c + 7]!;
    // What a bus draws lags behind the new voltage: its power by s dv / v, its shunts by y dv.
    const fixed = change + mismatch * (y1r * y1r + y1i * y1i + 3 * (ybr * ybr + ybi * ybi));
    let p: number;
    let q: number;
    let dr: number;
    let di: number;
    let error: number;

    const ar = voltage[from]! - (z1r * jar - z1i * jai) - ur;
    const ai = voltage[from + 1]! - (z1r * jai + z1i * jar) - ui;
    dr = ar - voltage[at]!;
    di = ai - voltage[at + 1]!;
    p = power[at]!;
    q = power[at + 1]!;
    error = (dr * dr + di * di) * (fixed + mismatch * (p * p + q * q));
    // Written so that NaN is worse than everything and nothing is worse than NaN.
    if (!(error <= worst) && worst === worst) {
      worst = error;
      place = at;
    }
    voltage[at] = ar;
    voltage[at + 1] = ai;

    const br = voltage[from + 2]! - (z1r * jbr - z1i * jbi) - ur;
    const bi = voltage[from + 3]! - (z1r * jbi + z1i * jbr) - ui;
    dr = br - voltage[at + 2]!;
    di = bi - voltage[at + 3]!;
    p = power[at + 2]!;
    q = power[at + 3]!;
    error = (dr * dr + di * di) * (fixed + mismatch * (p * p + q * q));
    if (!(error <= worst) && worst === worst) {
      worst = error;
      place = at + 2;
    }
    voltage[at + 2] = br;
    voltage[at + 3] = bi;

    const cr = voltage[from + 4]! - (z1r * jcr - z1i * jci) - ur;
    const ci = voltage[from + 5]! - (z1r * jci + z1i * jcr) - ui;
    dr = cr - voltage[at + 4]!;
    di = ci - voltage[at + 5]!;
    p = power[at + 4]!;
    q = power[at + 5]!;
    error = (dr * dr + di * di) * (fixed + mismatch * (p * p + q * q));
    if (!(error <= worst) && worst === worst) {
      worst = error;
      place = at + 4;
    }
    voltage[at + 4] = cr;
    voltage[at + 5] = ci;

    const sr = ar + br + cr;
    const si = ai + bi + ci;
    const mr = ybr * sr - ybi * si;
    const mi = ybr * si + ybi * sr;
    const da = 1 / (ar * ar + ai * ai);
    const db = 1 / (br * br + bi * bi);
    const dc = 1 / (cr * cr + ci * ci);
    const ga = power[at]! * da + y1r;
    const ha = y1i - power[at + 1]! * da;
    current[at] = ga * ar - ha * ai + mr;
    current[at + 1] = ga * ai + ha * ar + mi;
    const gb = power[at + 2]! * db + y1r;
    const hb = y1i - power[at + 3]! * db;
    current[at + 2] = gb * br - hb * bi + mr;
    current[at + 3] = gb * bi + hb * br + mi;
    const gc = power[at + 4]! * dc + y1r;
    const hc = y1i - power[at + 5]! * dc;
    current[at + 4] = gc * cr - hc * ci + mr;
    current[at + 5] = gc * ci + hc * cr + mi;
    at += 6;
    c += 8;
  }
  if (place >= 0) noteWorst(state, worst, place >> 1);
}

/** The same for edges with matrices: v = vp - Z j or, behind a transformer, v = A vp - Z j. */
function spreadBlocks(
  structure: SweepStructure,
  state: SweepState,
  { kind, start, end }: Run,
  change: number,
  mismatch: number,
): void {
  const { feeder, blocks, blockAt, constants } = structure;
  const { voltage, current, scratch } = state;
  for (let k = start; k < end; k++) {
    const from = feeder[k]!;
    let z = blockAt[k]!;
    if (kind === 'transfer') {
      scratch.fill(0);
      addProduct(blocks, z, voltage, from, scratch, 0, 1);
      z += 18;
    } else {
      for (let e = 0; e < 6; e++) scratch[e] = voltage[from + e]!;
    }
    addProduct(blocks, z, current, 6 * k, scratch, 0, -1);
    const own = constants[8 * k + 4]! ** 2 + constants[8 * k + 5]! ** 2;
    const mutual = constants[8 * k + 6]! ** 2 + constants[8 * k + 7]! ** 2;
    update(state, 6 * k, scratch, 0, change + mismatch * (own + 3 * mutual), mismatch);
  }
  draw(structure, state, start, end);
}

/** y[to..] += factor * block(d) x[at..], 3x3 complex. */
function addProduct(
  block: Float64Array,
  d: number,
  x: Float64Array,
  at: number,
  y: Float64Array,
  to: number,
  factor: number,
): void {
  const ar = factor * x[at]!;
  const ai = factor * x[at + 1]!;
  const br = factor * x[at + 2]!;
  const bi = factor * x[at + 3]!;
  const cr = factor * x[at + 4]!;
  const ci = factor * x[at + 5]!;
  y[to]! +=
    block[d]! * ar -
    block[d + 1]! * ai +
    (block[d + 2]! * br - block[d + 3]! * bi) +
    (block[d + 4]! * cr - block[d + 5]! * ci);
  y[to + 1]! +=
    block[d]! * ai +
    block[d + 1]! * ar +
    (block[d + 2]! * bi + block[d + 3]! * br) +
    (block[d + 4]! * ci + block[d + 5]! * cr);
  y[to + 2]! +=
    block[d + 6]! * ar -
    block[d + 7]! * ai +
    (block[d + 8]! * br - block[d + 9]! * bi) +
    (block[d + 10]! * cr - block[d + 11]! * ci);
  y[to + 3]! +=
    block[d + 6]! * ai +
    block[d + 7]! * ar +
    (block[d + 8]! * bi + block[d + 9]! * br) +
    (block[d + 10]! * ci + block[d + 11]! * cr);
  y[to + 4]! +=
    block[d + 12]! * ar -
    block[d + 13]! * ai +
    (block[d + 14]! * br - block[d + 15]! * bi) +
    (block[d + 16]! * cr - block[d + 17]! * ci);
  y[to + 5]! +=
    block[d + 12]! * ai +
    block[d + 13]! * ar +
    (block[d + 14]! * bi + block[d + 15]! * br) +
    (block[d + 16]! * ci + block[d + 17]! * cr);
}

/** Takes over a new voltage, `next[n..]`, at `first`, and notes how far it is from the last. */
function update(
  state: SweepState,
  first: number,
  next: Float64Array,
  n: number,
  change: number,
  mismatch: number,
): void {
  const { voltage, power, worst } = state;
  for (let e = 0; e < 6; e += 2) {
    const at = first + e;
    const vr = next[n + e]!;
    const vi = next[n + e + 1]!;
    const dr = vr - voltage[at]!;
    const di = vi - voltage[at + 1]!;
    const p = power[at]!;
    const q = power[at + 1]!;
    const error = (dr * dr + di * di) * (change + mismatch * (p * p + q * q));
    if (!(error <= worst[0]!)) noteWorst(state, error, at >> 1);
    voltage[at] = vr;
    voltage[at + 1] = vi;
  }
}

/** Takes over voltages of the core, which others have solved for. */
function measure(
  state: SweepState,
  next: Float64Array,
  start: number,
  end: number,
  change: number,
  mismatch: number,
): void {
  for (let at = 6 * start; at < 6 * end; at += 6) update(state, at, next, at, change, mismatch);
}
