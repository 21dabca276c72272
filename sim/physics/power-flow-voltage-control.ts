/** Voltage-controlled generators: which buses they hold, how they share the reactive power, and when they reach a limit. */
import type { CompiledGrid } from '../../grids/model.ts';
import type { ElementPowers } from './power-flow-elements.ts';
import { stiffBuses } from './power-flow-stiff-buses.ts';

interface Unit {
  /** Index among the generators of the document. */
  readonly generator: number;
  /** Per unit of the per-phase base, over all its phases; infinite where none is kept. */
  readonly min: number;
  readonly max: number;
}

/** One bus and the phases of it that are held. */
export interface VoltageControl {
  readonly bus: number;
  /** Voltage places, `bus * phases + phase`. */
  readonly places: readonly number[];
  /** The positive sequence of three phases, or every place for itself. */
  readonly holds: 'positive-sequence' | 'each-phase';
  readonly setpoint: number;
  readonly units: readonly Unit[];
  readonly min: number;
  readonly max: number;
}

/** Whether a voltage is held, or its reactive power stands at a limit. */
export type ControlState = 'hold' | 'min' | 'max';

/** Controls by bus, ascending. At buses that a stiff source holds there is nothing to control. */
export function voltageControls(grid: CompiledGrid): VoltageControl[] {
  const { document, phases, energisedPhases, basePowerVA } = grid;
  const held = stiffBuses(grid);
  const inService = new Map(document.buses.map((bus) => [bus.id, bus.inService]));
  const byBus = new Map<number, { first: (typeof document.generators)[number]; units: Unit[] }>();
  document.generators.forEach((item, generator) => {
    const control = item.voltageControl;
    const bus = grid.busIndex.get(item.bus)!;
    const alive = grid.energised[bus] === 1 && inService.get(item.bus) === true;
    if (control === undefined || !item.inService || !alive || held.has(bus)) return;
    // One phase of a positive-sequence grid carries a third of the sum.
    const base = basePowerVA * (phases === 1 ? 3 : 1);
    const unit = {
      generator,
      min: control.enforceLimits ? (control.minReactivePowerVar ?? -Infinity) / base : -Infinity,
      max: control.enforceLimits ? (control.maxReactivePowerVar ?? Infinity) / base : Infinity,
    };
    const known = byBus.get(bus);
    if (known === undefined) byBus.set(bus, { first: item, units: [unit] });
    else known.units.push(unit);
  });
  return [...byBus.entries()]
    .toSorted(([a], [b]) => a - b)
    .map(([bus, { first, units }]) => {
      const single = 'ABC'.indexOf(first.connection);
      const own = phases === 1 ? [0] : single >= 0 && first.connection.length === 1 ? [single] : [0, 1, 2];
      const places = own.map((phase) => bus * phases + phase).filter((place) => energisedPhases[place] === 1);
      return {
        bus,
        places,
        holds:
          places.length === 3 && first.voltageControl!.holds === 'positive-sequence'
            ? 'positive-sequence'
            : 'each-phase',
        setpoint: first.voltageControl!.voltagePu,
        units,
        min: units.reduce((sum, unit) => sum + unit.min, 0),
        max: units.reduce((sum, unit) => sum + unit.max, 0),
      };
    });
}

/** Reactive power of the units of a control, per unit of the per-phase base, summed over its places. */
export function reactivePower(control: VoltageControl, grid: CompiledGrid, powers: ElementPowers): number {
  let sum = 0;
  for (const { generator } of control.units) {
    for (const place of control.places) sum += powers.generator[slotOf(grid, generator, place)]!;
  }
  return sum / grid.basePowerVA;
}

/** Where the reactive power of a generator at a place stands. */
function slotOf({ phases }: CompiledGrid, generator: number, place: number): number {
  return 2 * (generator * phases + (place % phases)) + 1;
}

/**
 * Gives the units what their bus needs at each of its places (per unit, in the order of the places): equal shares, but
 * none beyond its limits while another still has room.
 */
export function shareReactivePower(
  control: VoltageControl,
  grid: CompiledGrid,
  wanted: readonly number[],
  powers: ElementPowers,
): void {
  const total = wanted.reduce((sum, value) => sum + value, 0);
  const shares = shareWithin(control.units, total);
  control.units.forEach(({ generator }, u) => {
    control.places.forEach((place, k) => {
      // Each unit takes the same part of every phase; where all cancels, the phases stay as they are, evenly split.
      const part = total === 0 ? 1 / control.units.length : shares[u]! / total;
      powers.generator[slotOf(grid, generator, place)] = wanted[k]! * part * grid.basePowerVA;
    });
  });
}

/** Equal shares of a total; units at a limit keep it and the others share the rest. */
function shareWithin(units: readonly Unit[], total: number): number[] {
  const shares = units.map(() => Number.NaN);
  let open = units.map((_, u) => u);
  let rest = total;
  while (open.length > 0) {
    const equal = rest / open.length;
    const beyond = open.filter((u) => equal > units[u]!.max || equal < units[u]!.min);
    if (beyond.length === 0 || beyond.length === open.length) {
      for (const u of open) shares[u] = equal;
      break;
    }
    for (const u of beyond) {
      shares[u] = Math.min(units[u]!.max, Math.max(units[u]!.min, equal));
      rest -= shares[u];
    }
    open = open.filter((u) => !beyond.includes(u));
  }
  return shares;
}
