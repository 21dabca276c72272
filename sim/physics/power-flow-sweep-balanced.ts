/** The sweeps of a positive-sequence grid: the innermost loops of the power flow, which allocate nothing. */
import type { SweepStructure } from './power-flow-sweep-structure.ts';
import { noteWorst, type SweepKernel, type SweepState } from './power-flow-sweep-state.ts';

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
  for (let k = start; k < end; k++) {
    const vr = voltage[2 * k]!;
    const vi = voltage[2 * k + 1]!;
    const d = 1 / (vr * vr + vi * vi);
    const g = power[2 * k]! * d + constants[4 * k + 2]!;
    const h = constants[4 * k + 3]! - power[2 * k + 1]! * d;
    current[2 * k] = g * vr - h * vi;
    current[2 * k + 1] = g * vi + h * vr;
  }
}

/** Backwards: what a bus draws is drawn through the bus that feeds it. */
function collect({ runs, parent, blocks, blockAt }: SweepStructure, { current }: SweepState): void {
  for (let r = runs.length - 1; r >= 0; r--) {
    const { kind, start, end } = runs[r]!;
    if (kind === 'transfer') {
      for (let k = end - 1; k >= start; k--) {
        const to = 2 * parent[k]!;
        const m = blockAt[k]! + 4;
        const jr = current[2 * k]!;
        const ji = current[2 * k + 1]!;
        current[to]! += blocks[m]! * jr - blocks[m + 1]! * ji;
        current[to + 1]! += blocks[m]! * ji + blocks[m + 1]! * jr;
      }
      continue;
    }
    for (let k = end - 1; k >= start; k--) {
      const to = 2 * parent[k]!;
      current[to]! += current[2 * k]!;
      current[to + 1]! += current[2 * k + 1]!;
    }
  }
}

/** Forwards: the voltages that belong to the collected currents, and what the buses draw at them. */
function spread(structure: SweepStructure, state: SweepState, change: number, mismatch: number): void {
  for (const { kind, start, end } of structure.runs) {
    if (kind === 'transfer') spreadTransfer(structure, state, start, end, change, mismatch);
    else spreadSeries(structure, state, start, end, change, mismatch);
  }
}

function spreadSeries(
  { parent, constants }: SweepStructure,
  state: SweepState,
  start: number,
  end: number,
  change: number,
  mismatch: number,
): void {
  const { voltage, current, power } = state;
  let worst = state.worst[0]!;
  let place = -1;
  for (let k = start; k < end; k++) {
    const from = 2 * parent[k]!;
    const own = 2 * k;
    const c = 4 * k;
    const zr = constants[c]!;
    const zi = constants[c + 1]!;
    const jr = current[own]!;
    const ji = current[own + 1]!;
    const vr = voltage[from]! - (zr * jr - zi * ji);
    const vi = voltage[from + 1]! - (zr * ji + zi * jr);
    const dr = vr - voltage[own]!;
    const di = vi - voltage[own + 1]!;
    const p = power[own]!;
    const q = power[own + 1]!;
    const error = (dr * dr + di * di) * (change + mismatch * (p * p + q * q));
    // Written so that NaN is worse than everything and nothing is worse than NaN.
    if (!(error <= worst)) {
      if (worst === worst) place = k;
      worst = worst === worst ? error : worst;
    }
    voltage[own] = vr;
    voltage[own + 1] = vi;
    const d = 1 / (vr * vr + vi * vi);
    const g = p * d + constants[c + 2]!;
    const h = constants[c + 3]! - q * d;
    current[own] = g * vr - h * vi;
    current[own + 1] = g * vi + h * vr;
  }
  if (place >= 0) noteWorst(state, worst, place);
}

/** The same behind a transformer: v = a vp - z j. */
function spreadTransfer(
  structure: SweepStructure,
  state: SweepState,
  start: number,
  end: number,
  change: number,
  mismatch: number,
): void {
  const { parent, blocks, blockAt } = structure;
  const { voltage, current } = state;
  for (let k = start; k < end; k++) {
    const from = 2 * parent[k]!;
    const own = 2 * k;
    const a = blockAt[k]!;
    const ur = voltage[from]!;
    const ui = voltage[from + 1]!;
    const jr = current[own]!;
    const ji = current[own + 1]!;
    const vr = blocks[a]! * ur - blocks[a + 1]! * ui - (blocks[a + 2]! * jr - blocks[a + 3]! * ji);
    const vi = blocks[a]! * ui + blocks[a + 1]! * ur - (blocks[a + 2]! * ji + blocks[a + 3]! * jr);
    update(state, k, vr, vi, change, mismatch);
  }
  draw(structure, state, start, end);
}

/** Takes over a new voltage and notes how far it is from the last. */
function update(state: SweepState, k: number, vr: number, vi: number, change: number, mismatch: number): void {
  const { voltage, power } = state;
  const dr = vr - voltage[2 * k]!;
  const di = vi - voltage[2 * k + 1]!;
  const p = power[2 * k]!;
  const q = power[2 * k + 1]!;
  const error = (dr * dr + di * di) * (change + mismatch * (p * p + q * q));
  if (!(error <= state.worst[0]!)) noteWorst(state, error, k);
  voltage[2 * k] = vr;
  voltage[2 * k + 1] = vi;
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
  for (let k = start; k < end; k++) update(state, k, next[2 * k]!, next[2 * k + 1]!, change, mismatch);
}
