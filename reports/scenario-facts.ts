/** What the manifest's copy of the scenario says, for headings: name, site, start, step. */
import { parseInstant, zoneOffsetUs } from '../platform/contract/time.ts';
import type { Manifest } from './record.ts';

export interface ScenarioFacts {
  readonly name: string;
  readonly description: string | undefined;
  readonly site: string | undefined;
  readonly useCase: string | undefined;
  /** us since the epoch; NaN when the scenario does not say. */
  readonly startUs: number;
  readonly durationUs: number;
  readonly stepUs: number;
  /** Offset of the zone that the scenario's start is written in, us: the report shows times in that zone. */
  readonly offsetUs: number;
}

export function scenarioFacts(manifest: Manifest): ScenarioFacts {
  const scenario = members(manifest.scenario);
  const clock = members(scenario['clock']);
  const start = text(clock['start']) ?? '';
  return {
    name: text(scenario['name']) ?? manifest.scenarioFile,
    description: text(scenario['description']),
    site: text(scenario['site']),
    useCase: text(scenario['useCase']),
    startUs: parseInstant(start),
    durationUs: number(clock['duration']),
    stepUs: number(clock['step']),
    offsetUs: zoneOffsetUs(start),
  };
}

function members(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function number(value: unknown): number {
  return typeof value === 'number' ? value : Number.NaN;
}
