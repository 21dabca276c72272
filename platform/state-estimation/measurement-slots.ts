/**
 * The fixed list of quantities that a site's devices and assumptions can give, so that the estimator's structure stays
 * while values come and go: what is absent at an instant has an infinite sigma.
 */
import type { CompiledGrid } from '../../grids/model.ts';
import type { Meter } from './config.ts';
import type { MeasuredPlace } from './estimator.ts';

/** Where a device stands, in indices of the compiled grid. */
interface DevicePlace {
  readonly place: MeasuredPlace;
  readonly bus: number;
}

/** Resolves `bus:<id>`, `load:<id>`, `branch:<id>:from|to`; undefined for places that the grid does not have. */
function resolvePlace(grid: CompiledGrid, at: string): DevicePlace | undefined {
  const [what, id = '', end] = at.split(':');
  if (what === 'branch' && (end === 'from' || end === 'to')) {
    const branch = grid.branches[grid.branchIndex.get(id) ?? -1];
    if (branch === undefined) return undefined;
    return { place: { at: end, branch: branch.index }, bus: end === 'from' ? branch.from : branch.to };
  }
  const busId = what === 'load' ? grid.document.loads.find((load) => load.id === id)?.bus : what === 'bus' ? id : '';
  const bus = grid.busIndex.get(busId ?? '');
  return bus === undefined ? undefined : { place: { at: 'bus', bus }, bus };
}

export interface PlacedMeter {
  readonly meter: Meter;
  readonly at: DevicePlace;
}

/** The site's devices by kind, in order of their ids; those at unknown places are named in `unknown`. */
export function placeMeters(
  grid: CompiledGrid,
  meters: readonly Meter[],
): { readonly pmus: PlacedMeter[]; readonly smartMeters: PlacedMeter[]; readonly unknown: string[] } {
  const sorted = [...meters].sort((a, b) => (a.device < b.device ? -1 : a.device > b.device ? 1 : 0));
  const pmus: PlacedMeter[] = [];
  const smartMeters: PlacedMeter[] = [];
  const unknown: string[] = [];
  for (const meter of sorted) {
    const at = resolvePlace(grid, meter.at);
    if (at === undefined) unknown.push(meter.device);
    else (meter.kind === 'pmu' ? pmus : smartMeters).push({ meter, at });
  }
  return { pmus, smartMeters, unknown };
}
