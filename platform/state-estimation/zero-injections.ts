/** Where Kirchhoff's law can be taken as exact: buses to which nothing is connected but branches and shunts. */
import type { CompiledGrid } from '../../grids/model.ts';

/**
 * Computational buses, energised, without load, generator, battery or external grid in service. A bus with an injection
 * in `measuredInjections` is none: somebody found it worth measuring. A document that names no load, generator or
 * battery at all describes the wires only, so nothing is known of its buses; only star points, which the document does
 * not have, are then in the list. With `namesAllCustomers` no customer means no injection.
 */
export function zeroInjectionBuses(
  grid: CompiledGrid,
  measuredInjections: ReadonlySet<number> = new Set(),
  namesAllCustomers: boolean = false,
): number[] {
  const { loads, generators, batteries, externalGrids } = grid.document;
  const customers = [...loads, ...generators, ...batteries].filter((element) => element.inService);
  const injecting = new Set(
    [...customers, ...externalGrids.filter((source) => source.inService)].map(({ bus }) => grid.busIndex.get(bus)),
  );
  const known = namesAllCustomers || customers.length > 0;
  const written = new Set(grid.document.buses.map(({ id }) => grid.busIndex.get(id)));
  return Array.from({ length: grid.busCount }, (_, bus) => bus).filter((bus) => {
    if (grid.energised[bus] !== 1) return false;
    return written.has(bus) ? known && !injecting.has(bus) && !measuredInjections.has(bus) : true;
  });
}
