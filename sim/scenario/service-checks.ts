/** The services of a scenario under their own names, their options checked by their own schemas. */
import type { z } from 'zod';
import { parseInstant } from '../../platform/contract/time.ts';
import type { UseCaseWish } from '../../platform/contract/trigger.ts';
import { isServiceName, loadService } from '../../platform/service/registry.ts';
import { describeIssues, type SchemaFault } from '../../grids/schema-problems.ts';
import { type Scenario, useCaseSchema } from './schema.ts';
import { readServiceOptions } from './service-options.ts';
import { useCaseFaults, wishOf } from './use-cases.ts';

export interface CheckedServices {
  /**
   * Fields of each service's configuration that the scenario sets, in SI, by the service's name (`state-estimation`);
   * services that the scenario leaves out or sets to `false` are absent. Undefined for what cannot be read.
   */
  readonly options: Readonly<Record<string, Readonly<Record<string, unknown>> | undefined>>;
  readonly faults: readonly SchemaFault[];
}

/** Reads the options of every service under `platform:`, but for those in whose place something else stands. */
export async function checkServices(
  { platform, clock }: Pick<Scenario, 'platform' | 'clock'>,
  isReplaced: (path: SchemaFault['path']) => boolean,
): Promise<CheckedServices> {
  const options: Record<string, Readonly<Record<string, unknown>> | undefined> = {};
  const faults: SchemaFault[] = [];
  for (const [key, written] of Object.entries(platform)) {
    if (key === 'gridChanges' || written === undefined || written === false) continue;
    const name = key.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    const path = ['platform', key];
    options[name] = isReplaced(path) ? undefined : {};
    if (Object.keys(written).length === 0) continue;
    const taken =
      name === 'balancer' ? takeUseCase(written, path, clock.start) : { own: written, begin: {}, faults: [] };
    const others = name === 'balancer' ? Object.keys(useCaseSchema.shape) : [];
    const read = readServiceOptions(await schemaOf(name), taken.own, path, others);
    options[name] = read.config && { ...read.config, ...taken.begin };
    // A parameter of the use case that stands there misspelt is not missing.
    const misspelt = read.faults.flatMap(({ meant }) => (meant === undefined || meant in written ? [] : meant));
    faults.push(
      ...taken.faults.filter((fault) => !misspelt.includes(fault.path.slice(path.length).join('.'))),
      ...read.faults,
    );
  }
  return { options, faults };
}

interface TakenUseCase {
  /** The balancer's own options. */
  readonly own: Readonly<Record<string, unknown>>;
  readonly begin: { readonly begin?: UseCaseWish };
  readonly faults: readonly SchemaFault[];
}

/** The use case to begin with and its parameters, in the words of the events that change it; without a word it is UC-DE-1. */
function takeUseCase(written: Readonly<Record<string, unknown>>, path: readonly string[], start: string): TakenUseCase {
  const { useCase, exchange, for: duration, packages, ...own } = written;
  const given = Object.entries({ useCase, exchange, for: duration, packages }).filter(
    ([, value]) => value !== undefined,
  );
  if (given.length === 0) return { own: written, begin: {}, faults: [] };
  const wanted = Object.fromEntries(given);
  const parsed = useCaseSchema.safeParse(wanted);
  const faults = parsed.success
    ? useCaseFaults(parsed.data, start)
    : describeIssues(useCaseSchema, wanted, parsed.error.issues);
  const below = faults.map((fault) => ({ ...fault, path: [...path, ...fault.path] }));
  return {
    own,
    begin:
      parsed.success && faults.length === 0 && !Number.isNaN(parseInstant(start))
        ? { begin: wishOf(parsed.data, start) }
        : {},
    faults: below,
  };
}

async function schemaOf(name: string): Promise<z.ZodType> {
  if (isServiceName(name)) return (await loadService(name)).configSchema;
  // The bridge moves messages and computes nothing: it stands beside the registry.
  return (await import('../../platform/bridge/config.ts')).bridgeTrafficSchema;
}
