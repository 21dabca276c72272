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
    const path = ['platform', key];
    const { own, fault } = name === 'balancer' ? takeUseCase(written, path) : { own: written };
    const read = readServiceOptions(await schemaOf(name), own, path);
    options[name] = read.config;
    faults.push(...(fault === undefined ? [] : [fault]), ...read.faults);
  }
  return { options, faults };
}

/** UC-DE-1, holding the exchange at zero, is what the balancer does by default; the others have a trigger of their own. */
function takeUseCase(
  written: Readonly<Record<string, unknown>>,
  path: readonly string[],
): { readonly own: Readonly<Record<string, unknown>>; readonly fault?: SchemaFault } {
  const { useCase, ...own } = written;
  if (useCase === undefined || useCase === 1) return { own };
  const message = `use case ${JSON.stringify(useCase)} is none that the balancer knows: write 1 (virtual islanding)`;
  return { own, fault: { path: [...path, 'useCase'], message } };
}

async function schemaOf(name: string): Promise<z.ZodType> {
  if (isServiceName(name)) return (await loadService(name)).configSchema;
  // The bridge moves messages and computes nothing: it stands beside the registry.
  return (await import('../../platform/bridge/config.ts')).bridgeConfigSchema;
}
