/**
 * Injections metered at buses that closed switches fuse into one: each meter sees its own busbar section, so only their
 * sum says something about the grid.
 */
import type { CompiledGrid } from '../../grids/model.ts';
import type { ScalarMeasurement } from './estimator.ts';

/** A measurement with the document bus that it was written for; `busId` is undefined at branch ends. */
export interface PlacedMeasurement {
  readonly measurement: ScalarMeasurement;
  readonly busId: string | undefined;
}

/**
 * P and Q injections of fused buses, section by section, become one measurement of their sum with the variances added
 * (several meters of one section: their weighted mean first). Where a section with customers has no meter the sum is
 * unknown: the measurements of the others stay in the list as absent (infinite sigma). All else stays as it is.
 */
export function sumFusedInjections(grid: CompiledGrid, placed: readonly PlacedMeasurement[]): ScalarMeasurement[] {
  const groups = new Map<string, PlacedMeasurement[]>();
  for (const one of placed) {
    const key = groupOf(grid, one);
    if (key !== undefined) groups.set(key, [...(groups.get(key) ?? []), one]);
  }
  const customers = sectionsWithCustomers(grid);
  return placed.flatMap((one) => {
    const key = groupOf(grid, one);
    const group = key === undefined ? [one] : groups.get(key)!;
    const bus = one.measurement.place.at === 'bus' ? one.measurement.place.bus : -1;
    const sections = new Set(group.map(({ busId }) => busId));
    const needed = key === undefined ? [] : grid.busIds[bus]!.filter((id) => customers.has(id));
    if (needed.some((id) => !sections.has(id))) return [{ ...one.measurement, sigma: Infinity }];
    if (sections.size <= 1) return [one.measurement];
    return one === group[0] ? [sumOf(group)] : [];
  });
}

/** Bus, kind and phase of an injection at a fused bus; undefined for all else. */
function groupOf(grid: CompiledGrid, { measurement, busId }: PlacedMeasurement): string | undefined {
  const { kind, place, phase } = measurement;
  if (place.at !== 'bus' || busId === undefined || grid.busIds[place.bus]!.length === 1) return undefined;
  return kind === 'activePower' || kind === 'reactivePower' ? `${place.bus} ${kind} ${phase}` : undefined;
}

function sectionsWithCustomers(grid: CompiledGrid): ReadonlySet<string> {
  const { loads, generators, batteries, externalGrids } = grid.document;
  const all = [...loads, ...generators, ...batteries, ...externalGrids];
  return new Set(all.filter(({ inService }) => inService).map(({ bus }) => bus));
}

function sumOf(group: readonly PlacedMeasurement[]): ScalarMeasurement {
  const sections = new Map<string, ScalarMeasurement[]>();
  for (const { measurement, busId } of group) sections.set(busId!, [...(sections.get(busId!) ?? []), measurement]);
  let value = 0;
  let variance = 0;
  for (const meters of sections.values()) {
    const weights = meters.map(({ sigma }) => 1 / sigma ** 2);
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    value += meters.reduce((sum, meter, i) => sum + (meter.value * weights[i]!) / total, 0);
    variance += 1 / total;
  }
  const id = group.map(({ measurement }) => measurement.id).join(' + ');
  return { ...group[0]!.measurement, id, value, sigma: Math.sqrt(variance) };
}
