/** Buses whose voltage is given: a source without impedance holds it, so no power flow solves for it. */
import type { CompiledGrid } from '../../grids/model.ts';

export function stiffBuses({ sources }: CompiledGrid): ReadonlySet<number> {
  return new Set(sources.filter(({ y }) => y === undefined).map(({ bus }) => bus));
}
