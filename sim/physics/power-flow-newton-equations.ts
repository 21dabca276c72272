/** The equations of Newton's method at given voltages: current mismatches, and what stands for them where a voltage is held. */
import type { CompiledGrid } from '../../grids/model.ts';
import type { ElementPowers } from './power-flow-elements.ts';
import type { NewtonStructure } from './power-flow-newton-structure.ts';
import type { ControlState, VoltageControl } from './power-flow-voltage-control.ts';

/** Where the largest mismatch stands and what it is. */
export interface WorstMismatch {
  mismatch: number;
  place: number;
  /** Largest mismatch beyond rounding: what convergence looks at. */
  excess: number;
}

/** Arrays of one state, reused in every iteration. */
export interface NewtonWork {
  earthing: boolean;
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
    busPower: make(),
    injected: make(),
    mismatch: make(),
    residual: make(),
    step: make(),
    last: make(),
    best: make(),
  };
}

/** Fills mismatch and residual at the given voltages, and finds the largest: |v| |F| in power, or what control leaves. */
export function evaluateMismatch(
  { context, admittance, earthed, controls, unknown, noise }: NewtonStructure,
  states: readonly ControlState[],
  powers: ElementPowers,
  voltage: Float64Array,
  work: NewtonWork,
): WorstMismatch {
  const { elements, grid } = context;
  const { mismatch, injected, residual } = work;
  admittance.netCurrent(voltage, mismatch);
  if (work.earthing) {
    for (const [bus, size] of earthed) {
      for (let k = 2 * grid.phases * bus; k < 2 * grid.phases * (bus + 1); k++) mismatch[k]! += size * voltage[k]!;
    }
  }
  injected.fill(0);
  elements.inject(elements.free, powers, work.busPower, voltage, injected);
  residual.fill(0);
  for (const place of unknown) {
    for (let k = 2 * place; k < 2 * place + 2; k++) {
      mismatch[k]! -= injected[k]!;
      residual[k] = mismatch[k]!;
    }
  }
  controls.forEach((control, c) => {
    if (states[c] === 'hold') controlResidual(control, voltage, mismatch, residual);
  });
  const controlled = new Set(controls.filter((_, c) => states[c] === 'hold').map(({ bus }) => bus));
  const worst: WorstMismatch = { mismatch: 0, place: -1, excess: 0 };
  for (const place of unknown) {
    const at = 2 * place;
    const size = Math.hypot(residual[at]!, residual[at + 1]!);
    // A controlled bus has powers and squared voltages as residuals already.
    const power = controlled.has(Math.floor(place / grid.phases))
      ? size
      : size * Math.hypot(voltage[at]!, voltage[at + 1]!);
    if (Number.isNaN(power)) return { mismatch: Number.NaN, place, excess: Number.NaN };
    worst.excess = Math.max(worst.excess, power - noise[place]!);
    if (power <= worst.mismatch) continue;
    worst.mismatch = power;
    worst.place = place;
  }
  return worst;
}

/** a^0, a^1, a^2 with a = exp(j 120 deg): weights of the positive sequence, v1 = (va + a vb + a^2 vc) / 3. */
export const TURN_RE = [1, -0.5, -0.5] as const;
export const TURN_IM = [0, Math.sqrt(3) / 2, -Math.sqrt(3) / 2] as const;

/** v1 of three places, re and im. */
export function positiveSequence(places: readonly number[], voltage: Float64Array): [number, number] {
  let [re, im] = [0, 0];
  places.forEach((place, k) => {
    const [vr, vi] = [voltage[2 * place]!, voltage[2 * place + 1]!];
    re += (TURN_RE[k]! * vr - TURN_IM[k]! * vi) / 3;
    im += (TURN_RE[k]! * vi + TURN_IM[k]! * vr) / 3;
  });
  return [re, im];
}

/**
 * Row 2k: active power Re(v F*) = 0 of each held place. Row 2k + 1: |v|^2 = setpoint^2; or, when the positive sequence
 * is held by equal reactive powers, q_A = q_B, q_B = q_C and |v1|^2 = setpoint^2.
 */
function controlResidual(
  { places, holds, setpoint }: VoltageControl,
  voltage: Float64Array,
  mismatch: Float64Array,
  residual: Float64Array,
): void {
  const reactive: number[] = [];
  for (const place of places) {
    const at = 2 * place;
    const [vr, vi, fr, fi] = [voltage[at]!, voltage[at + 1]!, mismatch[at]!, mismatch[at + 1]!];
    residual[at] = vr * fr + vi * fi;
    residual[at + 1] = vr * vr + vi * vi - setpoint * setpoint;
    reactive.push(vi * fr - vr * fi);
  }
  if (holds === 'each-phase') return;
  const [re, im] = positiveSequence(places, voltage);
  residual[2 * places[0]! + 1] = reactive[0]! - reactive[1]!;
  residual[2 * places[1]! + 1] = reactive[1]! - reactive[2]!;
  residual[2 * places[2]! + 1] = re * re + im * im - setpoint * setpoint;
}
