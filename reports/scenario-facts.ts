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
  /** The faults that its events inject, in their order. */
  readonly faults: readonly ScenarioFault[];
}

interface ScenarioFault {
  readonly fault: string;
  readonly target: string;
  /** As the scenario has it: an offset, a clock time or ISO 8601. */
  readonly at: string;
  /** us; NaN until the end. */
  readonly durationUs: number;
  /** Size, share of messages, measurand, phase: those that are named, by name. */
  readonly parameters: readonly (readonly [name: string, value: string])[];
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
    faults: Array.isArray(scenario['events']) ? scenario['events'].flatMap(faultOf) : [],
  };
}

function faultOf(event: unknown): ScenarioFault[] {
  const { fault, target, at, for: duration, ...others } = members(event);
  if (typeof fault !== 'string') return [];
  const parameters = Object.entries(others).map(([name, value]) => [name, String(value)] as const);
  return [{ fault, target: text(target) ?? '', at: text(at) ?? '', durationUs: number(duration), parameters }];
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
