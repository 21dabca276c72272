/** Faults inside a battery: what a scenario's events do to it at each instant, for the device to act out. */
import { targetMatcher } from '../scenario/checks.ts';
import { eventInstant } from '../scenario/events.ts';
import type { FaultEvent, ScenarioEvent } from '../scenario/schema.ts';
import { faultCatalogue } from './catalogue.ts';
import { faultParameter } from './parameters.ts';

export interface DeviceCondition {
  /** Setpoints that arrive now take effect so much later, us. */
  readonly lateUs: number;
  /** Share of rated power that is left, 0..1. */
  readonly powerShare: number;
  /** Names of the faults that are at work, for the record. */
  readonly faults: readonly string[];
}

/** The condition of a device over time; undefined for one that no event concerns. */
export type ConditionOf = (device: {
  readonly kind: string;
  readonly id: string;
}) => ((timeUs: number) => DeviceCondition) | undefined;

const SOUND: DeviceCondition = { lateUs: 0, powerShare: 1, faults: [] };

/** Of events that have been checked: their times and values fit. `start` is the run's, ISO 8601 with zone. */
export function deviceConditions(events: readonly ScenarioEvent[], start: string): ConditionOf {
  const faults = events.flatMap((event) => {
    if (!('fault' in event) || faultCatalogue[event.fault].where !== 'device') return [];
    const beginUs = Number(eventInstant(event.at, start));
    const endUs = event.for === undefined ? Number.POSITIVE_INFINITY : beginUs + event.for;
    const [concerns, effect] = [targetMatcher(event.target), effectOf(event)];
    return [{ beginUs, endUs, concerns, effect, name: event.fault }];
  });
  return (device) => {
    const own = faults.filter(({ concerns }) => concerns(device));
    if (own.length === 0) return undefined;
    return (timeUs) =>
      own
        .filter(({ beginUs, endUs }) => beginUs <= timeUs && timeUs < endUs)
        .reduce((sum, { effect, name }) => ({ ...sum, ...effect, faults: [...sum.faults, name] }), SOUND);
  };
}

/** By how much setpoints for a device may come late at the most, us. */
export function commandDelays(
  events: readonly ScenarioEvent[],
): (device: { readonly kind: string; readonly id: string }) => number {
  const late = events.flatMap((event) =>
    'fault' in event && event.fault === 'late-response'
      ? [{ concerns: targetMatcher(event.target), lateUs: effectOf(event).lateUs ?? 0 }]
      : [],
  );
  return (device) =>
    late.filter(({ concerns }) => concerns(device)).reduce((most, { lateUs }) => Math.max(most, lateUs), 0);
}

function effectOf(event: FaultEvent): Partial<DeviceCondition> {
  const parameter = faultParameter(event);
  const amount = typeof parameter === 'string' ? Number.NaN : parameter.amount;
  return event.fault === 'late-response' ? { lateUs: amount } : { powerShare: amount };
}
