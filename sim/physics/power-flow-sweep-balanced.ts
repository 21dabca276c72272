/**
 * The sweeps of a positive-sequence grid: the innermost loops of the power flow. They allocate nothing, and no index in
 * them is multiplied: the compiler guards each product of integers with checks that cost more than the arithmetic.
 */
import { noteWorst, type SweepKernel, type SweepState } from './power-flow-sweep-state.ts';
import type { Run, SweepStructure } from './power-flow-sweep-structure.ts';

export const balancedSweep: SweepKernel = { draw, collect, spread, measure };

/**
 * j = conj(s / v) + y v at the buses of some slots, for s = p + jq consumed and the shunts y:
 * conj(s) / conj(v) = (p - jq) v / |v|^2, so both are one admittance g + jh times v.
 */
function draw(
  { constants }: SweepStructure,
  { voltage, current, power }: SweepState,
  start: number,
  end: number,
): void {
  let at = 2 * start;
  let c = 4 * start;
  for (let k = start; k < end; k++) {
    const vr = voltage[at]!;
    const vi = voltage[at + 1]!;
    const d = 1 / (vr * vr + vi * vi);
    const g = power[at]! * d + constants[c + 2]!;
    const h = constants[c + 3]! - power[at + 1]! * d;
    current[at] = g * vr - h * vi;
    current[at + 1] = g * vi + h * vr;
    at += 2;
    c += 4;
  }
}

/** Backwards: what a bus draws is drawn through the bus that feeds it. */
function collect(
  { feeder, blocks, blockAt }: SweepStructure,
  { current }: SweepState,
  { kind, start, end }: Run,
): void {
  let at = 2 * (end - 1);
  for (let k = end - 1; k >= start; k--) {
    const to = feeder[k]!;
    const jr = current[at]!;
    const ji = current[at + 1]!;
    if (kind === 'transfer') {
      const m = blockAt[k]! + 4;
      current[to]! += blocks[m]! * jr - blocks[m + 1]! * ji;
      current[to + 1]! += blocks[m]! * ji + blocks[m + 1]! * jr;
    } else {
      current[to]! += jr;
      current[to + 1]! += ji;
    }
    at -= 2;
  }
}

/** Forwards: the voltages that belong to the collected currents, and what the buses draw at them. */
function spread(structure: SweepStructure, state: SweepState, run: Run, change: number, mismatch: number): void {
  if (run.kind === 'series') spreadSeries(structure, state, run, change, mismatch);
  else spreadTransfer(structure, state, run, change, mismatch);
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
  let at = 2 * start;
  let c = 4 * start;
  for (let k = start; k < end; k++) {
    const from = feeder[k]!;
    const zr = constants[c]!;
    const zi = constants[c + 1]!;
    const jr = current[at]!;
    const ji = current[at + 1]!;
    const vr = voltage[from]! - (zr * jr - zi * ji);
    const vi = voltage[from + 1]! - (zr * ji + zi * jr);
    const dr = vr - voltage[at]!;
    const di = vi - voltage[at + 1]!;
    const p = power[at]!;
    const q = power[at + 1]!;
    const yr = constants[c + 2]!;
    const yi = constants[c + 3]!;
    // What the bus draws lags behind the new voltage: its power by s dv / v, its shunt by y dv.
    const error = (dr * dr + di * di) * (change + mismatch * (p * p + q * q + (yr * yr + yi * yi)));
    // Written so that NaN is worse than everything and nothing is worse than NaN.
    if (!(error <= worst) && worst === worst) {
      worst = error;
      place = at;
    }
    voltage[at] = vr;
    voltage[at + 1] = vi;
    const d = 1 / (vr * vr + vi * vi);
    const g = p * d + yr;
    const h = yi - q * d;
    current[at] = g * vr - h * vi;
    current[at + 1] = g * vi + h * vr;
    at += 2;
    c += 4;
  }
  if (place >= 0) noteWorst(state, worst, place >> 1);
}

/** The same behind a transformer: v = a vp - z j. */
function spreadTransfer(
  structure: SweepStructure,
  state: SweepState,
  { start, end }: Run,
  change: number,
  mismatch: number,
): void {
  const { feeder, blocks, blockAt, constants } = structure;
  const { voltage, current } = state;
  for (let k = start; k < end; k++) {
    const from = feeder[k]!;
    const a = blockAt[k]!;
    const ur = voltage[from]!;
    const ui = voltage[from + 1]!;
    const jr = current[2 * k]!;
    const ji = current[2 * k + 1]!;
    const vr = blocks[a]! * ur - blocks[a + 1]! * ui - (blocks[a + 2]! * jr - blocks[a + 3]! * ji);
    const vi = blocks[a]! * ui + blocks[a + 1]! * ur - (blocks[a + 2]! * ji + blocks[a + 3]! * jr);
    const shunt = constants[4 * k + 2]! ** 2 + constants[4 * k + 3]! ** 2;
    update(state, 2 * k, vr, vi, change + mismatch * shunt, mismatch);
  }
  draw(structure, state, start, end);
}

/** Takes over a new voltage and notes how far it is from the last. */
function update(state: SweepState, at: number, vr: number, vi: number, change: number, mismatch: number): void {
  const { voltage, power } = state;
  const dr = vr - voltage[at]!;
  const di = vi - voltage[at + 1]!;
  const p = power[at]!;
  const q = power[at + 1]!;
  const error = (dr * dr + di * di) * (change + mismatch * (p * p + q * q));
  if (!(error <= state.worst[0]!)) noteWorst(state, error, at >> 1);
  voltage[at] = vr;
  voltage[at + 1] = vi;
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
  for (let at = 2 * start; at < 2 * end; at += 2) update(state, at, next[at]!, next[at + 1]!, change, mismatch);
}
