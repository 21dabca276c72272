/** Reactive power of controlled generators after a solution, and their switching between holding and standing at a limit. */
import type { ElementPowers } from './power-flow-elements.ts';
import { positiveSequence, type NewtonWork } from './power-flow-newton-equations.ts';
import type { NewtonStructure } from './power-flow-newton-structure.ts';
import {
  reactivePower,
  shareReactivePower,
  type ControlState,
  type VoltageControl,
} from './power-flow-voltage-control.ts';

/** How often a generator may switch before it stays at its limit. */
const LIMIT_SWITCHES = 6;
/** Distance from a limit or setpoint that counts as none, per unit. */
const LIMIT_TOLERANCE = 1e-9;

/** Writes the limits into the powers of generators that stand at one. */
export function enforceLimits(
  { controls, context }: NewtonStructure,
  states: readonly ControlState[],
  powers: ElementPowers,
): void {
  controls.forEach((control, c) => {
    const state = states[c]!;
    if (state === 'hold') return;
    const total = control[state];
    const each = control.places.map(() => total / control.places.length);
    shareReactivePower(control, context.grid, each, powers);
  });
}

/** What each held bus lacks in reactive power, Im(v F*), is what its generators make besides. */
export function settleReactivePower(
  { controls, context }: NewtonStructure,
  states: readonly ControlState[],
  voltage: Float64Array,
  work: NewtonWork,
  powers: ElementPowers,
): void {
  const { grid } = context;
  controls.forEach((control, c) => {
    if (states[c] !== 'hold') return;
    const wanted = control.places.map((place) => {
      const at = 2 * place;
      let q = voltage[at + 1]! * work.mismatch[at]! - voltage[at]! * work.mismatch[at + 1]!;
      for (const { generator } of control.units) {
        q += powers.generator[2 * (generator * grid.phases + (place % grid.phases)) + 1]! / grid.basePowerVA;
      }
      return q;
    });
    shareReactivePower(control, grid, wanted, powers);
  });
}

/** Generators beyond a limit stop there; one at a limit whose voltage has passed its setpoint holds it again. */
export function switchLimits(
  { controls, context }: NewtonStructure,
  states: ControlState[],
  voltage: Float64Array,
  work: NewtonWork,
  powers: ElementPowers,
  switches: number[],
): boolean {
  let changed = false;
  controls.forEach((control, c) => {
    const { min, max, setpoint } = control;
    const now = states[c]!;
    let next: ControlState = now;
    if (now === 'hold') {
      const q = reactivePower(control, context.grid, powers);
      if (q > max + LIMIT_TOLERANCE) next = 'max';
      else if (q < min - LIMIT_TOLERANCE) next = 'min';
    } else if (switches[c]! < LIMIT_SWITCHES) {
      const vm = heldMagnitude(control, voltage, work);
      if (now === 'max' && vm > setpoint + LIMIT_TOLERANCE) next = 'hold';
      if (now === 'min' && vm < setpoint - LIMIT_TOLERANCE) next = 'hold';
    }
    if (next === now) return;
    states[c] = next;
    switches[c]!++;
    changed = true;
  });
  return changed;
}

function heldMagnitude({ places, holds }: VoltageControl, voltage: Float64Array, { sequence }: NewtonWork): number {
  if (holds === 'positive-sequence') {
    positiveSequence(places, voltage, sequence);
    return Math.hypot(sequence[0]!, sequence[1]!);
  }
  return (
    places.reduce((sum, place) => sum + Math.hypot(voltage[2 * place]!, voltage[2 * place + 1]!), 0) / places.length
  );
}
