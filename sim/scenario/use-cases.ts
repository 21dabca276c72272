/** A use case as a scenario writes it (`useCase: 3, packages: [...]`), and the wish that the balancer understands. */
import { formatInstant } from '../../platform/contract/time.ts';
import type { UseCaseWish } from '../../platform/contract/trigger.ts';
import { eventInstant } from './events.ts';
import type { SchemaFault } from '../../grids/schema-problems.ts';
import type { ScenarioUseCase } from './schema.ts';

type Key = 'exchange' | 'for' | 'packages';

/** Parameters that each use case needs; it takes no others. */
const needs: Readonly<Record<ScenarioUseCase['useCase'], readonly Key[]>> = {
  0: [],
  1: [],
  2: ['exchange', 'for'],
  3: ['packages'],
  4: ['packages'],
};

/** What does not fit together in the parameters of a use case, with paths below it. `start`: the run's, ISO 8601 with zone. */
export function useCaseFaults(wanted: ScenarioUseCase, start: string): SchemaFault[] {
  const needed = needs[wanted.useCase];
  const keys = (['exchange', 'for', 'packages'] as const).flatMap((key): SchemaFault[] => {
    const given = wanted[key] !== undefined;
    if (given === needed.includes(key)) return [];
    const message = given
      ? `means nothing to use case ${wanted.useCase}`
      : `missing: use case ${wanted.useCase} needs it`;
    return [{ path: [key], message, ...(given && { atKey: true }) }];
  });
  const times = (wanted.packages ?? []).flatMap(({ at }, index): SchemaFault[] => {
    const begin = eventInstant(at, start);
    return typeof begin === 'string' ? [{ path: ['packages', index, 'at'], message: begin }] : [];
  });
  return [...keys, ...times];
}

/** The wish, of parameters without faults. */
export function wishOf(
  { useCase, exchange = 0, for: durationUs = 0, packages = [] }: ScenarioUseCase,
  start: string,
): UseCaseWish {
  if (useCase === 2) return { useCase, targetW: exchange, durationUs };
  if (useCase === 0 || useCase === 1) return { useCase };
  const slots = packages.map(({ at, for: longestUs, power }) => ({
    start: formatInstant(Number(eventInstant(at, start))),
    durationUs: longestUs,
    powerW: power,
  }));
  return { useCase, slots };
}
