/** The services of a scenario under their own names, their options checked by their own schemas. */
import type { z } from 'zod';
import { isServiceName, loadService } from '../../platform/service/registry.ts';
import type { SchemaFault } from './schema-problems.ts';
import type { Scenario } from './schema.ts';
import { readServiceOptions } from './service-options.ts';

export interface CheckedServices {
  /**
   * Fields of each service's configuration that the scenario sets, in SI, by the service's name (`state-estimation`);
   * services that the scenario leaves out or sets to `false` are absent.
   */
  readonly options: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly faults: readonly SchemaFault[];
}

/** Reads the options of every service under `platform:`. */
export async function checkServices({ platform }: Pick<Scenario, 'platform'>): Promise<CheckedServices> {
  const options: Record<string, Readonly<Record<string, unknown>>> = {};
  const faults: SchemaFault[] = [];
  for (const [key, written] of Object.entries(platform)) {
    if (key === 'gridChanges' || written === undefined || written === false) continue;
    const name = key.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    options[name] = {};
    if (Object.keys(written).length === 0) continue;
    const read = readServiceOptions(await schemaOf(name), written, ['platform', key]);
    options[name] = read.config;
    faults.push(...read.faults);
  }
  return { options, faults };
}

async function schemaOf(name: string): Promise<z.ZodType> {
  if (isServiceName(name)) return (await loadService(name)).configSchema;
  // The bridge moves messages and computes nothing: it stands beside the registry.
  return (await import('../../platform/bridge/config.ts')).bridgeConfigSchema;
}
