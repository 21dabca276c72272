/**
 * What an iteration of the sweeps does with a run of slots: plain lines in WebAssembly, edges with matrices here. Nothing
 * allocates.
 *
 * An iteration is `collect`, a solution of the core where there is one, and `spread`. The error of a bus and phase is
 * |dv|^2 (change + mismatch (|s|^2 + |y|^2)): (1, 0) measures the change of the voltage, (0, 1) the power mismatch, for
 * what a bus draws lags behind its new voltage: conj(s/v) - conj(s/v') times v is |s| |v' - v| / |v'|, its shunts draw
 * y (v' - v) more, and |v'| is close to one.
 */
import { multiplyAdd } from '../../numerics/complex-block.ts';
import { noteWorst, type SweepState } from './power-flow-sweep-state.ts';
import type { Run, SweepStructure } from './power-flow-sweep-structure.ts';

/** Bytes of a slot's vectors and of its constants. */
const vectorBytes = ({ phases }: SweepStructure): number => 16 * phases;
const constantBytes = ({ phases }: SweepStructure): number => (phases === 1 ? 32 : 64);

/** Currents at the present voltages of slots `start` to `end`. */
export function draw(structure: SweepStructure, { native }: SweepState, start: number, end: number): void {
  if (start >= end) return;
  const bytes = vectorBytes(structure);
  const { loops, voltage, current, power, constants } = native;
  loops.draw(
    voltage + start * bytes,
    current + start * bytes,
    power + start * bytes,
    constants + start * constantBytes(structure),
    voltage + end * bytes,
  );
}

/** Backwards: what a bus draws is drawn through the bus that feeds it. */
export function collect(structure: SweepStructure, state: SweepState, { kind, start, end }: Run): void {
  const { phases, feeder, matrices } = structure;
  if (kind !== 'transfer') {
    const bytes = vectorBytes(structure);
    const { loops, current, feeder: feeders } = state.native;
    loops.collect(current, current + (end - 1) * bytes, feeders + 4 * (end - 1), current + start * bytes);
    return;
  }
  const { current } = state;
  for (let k = end - 1; k >= start; k--) {
    multiplyAdd(matrices[k]!.m!, current, 2 * phases * k, current, feeder[k]!, phases);
  }
}

/** Forwards: the voltages that belong to the collected currents, and what the buses draw at them. */
export function spread(structure: SweepStructure, state: SweepState, run: Run, change: number, mismatch: number): void {
  const { start, end } = run;
  if (run.kind !== 'series') {
    for (let k = start; k < end; k++) spreadMatrices(structure, state, k, change, mismatch);
    draw(structure, state, start, end);
    return;
  }
  const bytes = vectorBytes(structure);
  const { loops, voltage, current, power, constants, feeder, worst } = state.native;
  loops.spread(
    voltage,
    voltage + start * bytes,
    current + start * bytes,
    power + start * bytes,
    constants + start * constantBytes(structure),
    feeder + 4 * start,
    voltage + end * bytes,
    worst,
    change,
    mismatch,
  );
}

/** v = vp - Z j or, behind a transformer, v = A vp - Z j. */
function spreadMatrices(
  { phases, feeder, matrices, constants }: SweepStructure,
  state: SweepState,
  k: number,
  change: number,
  mismatch: number,
): void {
  const { voltage, current, scratch } = state;
  const { a, minusZ } = matrices[k]!;
  const width = 2 * phases;
  const from = feeder[k]!;
  if (a === undefined) for (let e = 0; e < width; e++) scratch[e] = voltage[from + e]!;
  else {
    scratch.fill(0);
    multiplyAdd(a, voltage, from, scratch, 0, phases);
  }
  multiplyAdd(minusZ, current, width * k, scratch, 0, phases);
  takeOver(state, width * k, scratch, 0, width, change + mismatch * shuntSquare(constants, k, phases), mismatch);
}

/** |y|^2 of a slot's shunts; in three phases |y1|^2 + 3 |yb|^2, the mean of a row of the block. */
function shuntSquare(constants: Float64Array, k: number, phases: 1 | 3): number {
  const square = (at: number): number => constants[at]! ** 2 + constants[at + 1]! ** 2;
  return phases === 1 ? square(4 * k + 2) : square(8 * k + 4) + 3 * square(8 * k + 6);
}

/** Takes over voltages of slots `start` to `end`, which others have solved for; `next` is laid out like `voltage`. */
export function measure(
  { phases }: SweepStructure,
  state: SweepState,
  next: Float64Array,
  start: number,
  end: number,
  change: number,
  mismatch: number,
): void {
  const at = 2 * phases * start;
  takeOver(state, at, next, at, 2 * phases * (end - start), change, mismatch);
}

/** Takes over new voltages, `next[n..]`, at `first`, and notes how far they are from the last. */
function takeOver(
  state: SweepState,
  first: number,
  next: Float64Array,
  n: number,
  length: number,
  change: number,
  mismatch: number,
): void {
  const { voltage, power, worst } = state;
  for (let e = 0; e < length; e += 2) {
    const at = first + e;
    const vr = next[n + e]!;
    const vi = next[n + e + 1]!;
    const dr = vr - voltage[at]!;
    const di = vi - voltage[at + 1]!;
    const p = power[at]!;
    const q = power[at + 1]!;
    const error = (dr * dr + di * di) * (change + mismatch * (p * p + q * q));
    // Written so that NaN is worse than everything.
    if (!(error <= worst[0]!)) noteWorst(state, error, at >> 1);
    voltage[at] = vr;
    voltage[at + 1] = vi;
  }
}
