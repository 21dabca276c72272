/** The equations of Newton's method at given voltages: current mismatches, and what stands for them where a voltage is held. */
import type { CompiledGrid } from '../../grids/model.ts';
import type { ElementPowers } from './power-flow-elements.ts';
import type { NewtonStructure } from './power-flow-newton-structure.ts';
import type { ControlState, VoltageControl } from './power-flow-voltage-control.ts';

/** Where the largest mismatch stands and what it is. */
interface WorstMismatch {
  mismatch: number;
  place: number;
  /** Largest mismatch beyond rounding: what convergence looks at. */
  excess: number;
}

/** What one state writes into, reused in every iteration of every solve. */
export interface NewtonWork {
  earthing: boolean;
  readonly worst: WorstMismatch;
  /** 1 at buses whose voltage is held now. */
  readonly controlled: Uint8Array;
  /** A positive-sequence voltage, re and im. */
  readonly sequence: Float64Array;
  /** d(i_re, i_im) / d(v_re, v_im) of one element, row by row. */
  readonly derivative: Float64Array;
  /** One angle a bus. */
  readonly turn: Float64Array;
  readonly busPower: Float64Array;
  readonly injected: Float64Array;
  /** F = Y v - i_sources - i_elements at every place. */
  readonly mismatch: Float64Array;
  /** The equations: F, or what stands for it at controlled places. */
  readonly residual: Float64Array;
  readonly step: Float64Array;
  readonly last: Float64Array;
  readonly best: Float64Array;
}

export function createNewtonWork(grid: CompiledGrid): NewtonWork {
  const make = (): Float64Array => new Float64Array(2 * grid.phases * grid.busCount);
  return {
    earthing: false,
    worst: { mismatch: Number.NaN, place: -1, excess: Number.NaN },
    controlled: new Uint8Array(grid.busCount),
    sequence: new Float64Array(2),
    derivative: new Float64Array(4),
    turn: new Float64Array(grid.busCount),
    busPower: make(),
    injected: make(),
    mismatch: make(),
    residual: make(),
    step: make(),
    last: make(),
    best: make(),
  };
}

/**
 * Fills mismatch and residual at the given voltages, and finds the largest: |v| |F| in power, or what control leaves.
 * The answer is `work.worst`. Nothing is allocated: `Math.hypot` would be one number a place.
 */
export function evaluateMismatch(
  { context, admittance, earthed, controls, unknown, noise }: NewtonStructure,
  states: readonly ControlState[],
  powers: ElementPowers,
  voltage: Float64Array,
  work: NewtonWork,
): void {
  const { elements, grid } = context;
  const { phases } = grid;
  const { mismatch, injected, residual, controlled, worst } = work;
  admittance.netCurrent(voltage, mismatch);
  if (work.earthing) {
    for (const [bus, size] of earthed) {
      for (let k = 2 * phases * bus; k < 2 * phases * (bus + 1); k++) mismatch[k]! += size * voltage[k]!;
    }
  }
  injected.fill(0);
  elements.inject(elements.free, powers, work.busPower, voltage, injected);
  residual.fill(0);
  for (let n = 0; n < unknown.length; n++) {
    for (let k = 2 * unknown[n]!; k < 2 * unknown[n]! + 2; k++) {
      mismatch[k]! -= injected[k]!;
      residual[k] = mismatch[k]!;
    }
  }
  controlled.fill(0);
  for (let c = 0; c < controls.length; c++) {
    if (states[c] !== 'hold') continue;
    controlled[controls[c]!.bus] = 1;
    controlResidual(controls[c]!, voltage, work);
  }
  let largest = 0;
  let place = -1;
  let excess = 0;
  for (let n = 0; n < unknown.length; n++) {
    const at = 2 * unknown[n]!;
    let square = residual[at]! * residual[at]! + residual[at + 1]! * residual[at + 1]!;
    // A controlled bus has powers and squared voltages as residuals already.
    if (controlled[Math.floor(unknown[n]! / phases)] === 0)
      square *= voltage[at]! * voltage[at]! + voltage[at + 1]! * voltage[at + 1]!;
    const power = Math.sqrt(square);
    excess = Math.max(excess, power - noise[unknown[n]!]!);
    if (power <= largest) continue;
    largest = power;
    place = unknown[n]!;
    if (Number.isNaN(power)) break;
  }
  worst.mismatch = largest;
  worst.place = place;
  worst.excess = excess;
}

/** a^0, a^1, a^2 with a = exp(j 120 deg): weights of the positive sequence, v1 = (va + a vb + a^2 vc) / 3. */
export const TURN_RE = [1, -0.5, -0.5] as const;
export const TURN_IM = [0, Math.sqrt(3) / 2, -Math.sqrt(3) / 2] as const;

/** v1 of three places, re and im, into `sequence`. */
export function positiveSequence(places: readonly number[], voltage: Float64Array, sequence: Float64Array): void {
  sequence.fill(0);
  for (let k = 0; k < places.length; k++) {
    const vr = voltage[2 * places[k]!]!;
    const vi = voltage[2 * places[k]! + 1]!;
    sequence[0]! += (TURN_RE[k]! * vr - TURN_IM[k]! * vi) / 3;
    sequence[1]! += (TURN_RE[k]! * vi + TURN_IM[k]! * vr) / 3;
  }
}

/**
 * Row 2k: active power Re(v F*) = 0 of each held place. Row 2k + 1: |v|^2 = setpoint^2; or, when the positive sequence
 * is held by equal reactive powers, q_A = q_B, q_B = q_C and |v1|^2 = setpoint^2.
 */
function controlResidual({ places, holds, setpoint }: VoltageControl, voltage: Float64Array, work: NewtonWork): void {
  const { mismatch, residual, sequence } = work;
  for (let k = 0; k < places.length; k++) {
    const at = 2 * places[k]!;
    const vr = voltage[at]!;
    const vi = voltage[at + 1]!;
    const fr = mismatch[at]!;
    const fi = mismatch[at + 1]!;
    residual[at] = vr * fr + vi * fi;
    residual[at + 1] = holds === 'each-phase' ? vr * vr + vi * vi - setpoint * setpoint : vi * fr - vr * fi;
  }
  if (holds === 'each-phase') return;
  const a = 2 * places[0]! + 1;
  const b = 2 * places[1]! + 1;
  const c = 2 * places[2]! + 1;
  positiveSequence(places, voltage, sequence);
  residual[a]! -= residual[b]!;
  residual[b]! -= residual[c]!;
  residual[c] = sequence[0]! * sequence[0]! + sequence[1]! * sequence[1]! - setpoint * setpoint;
}
