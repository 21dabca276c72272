/** Gathers what the site's meters report into observations: one per interval, of those connections that are known. */
import type { Measurement } from '../contract/measurement.ts';
import { parseInstant } from '../contract/time.ts';
import type { Input } from '../service/definition.ts';
import type { ForecastingConfig } from './config.ts';
import type { MeteredPower, SiteObservation } from './forecaster.ts';

export interface MeteredSite {
  /** The newest interval that these messages complete, or undefined: nothing new, or nothing usable. */
  take(inputs: readonly Input[]): SiteObservation | undefined;
}

type Behind = Pick<MeteredPower, 'customers' | 'systems'>;

export function createMeteredSite({ meters, customers, pvSystems }: ForecastingConfig): MeteredSite {
  const customerIndex = new Map(customers.map(({ id }, index) => [id, index]));
  const systemIndex = new Map(pvSystems.map(({ id }, index) => [id, index]));
  const indices = (ids: readonly string[], index: ReadonlyMap<string, number>) =>
    ids.flatMap((id) => index.get(id) ?? []);
  const behind = new Map<string, Behind>(
    meters.map((meter) => [
      meter.device,
      {
        customers: indices(meter.customers, customerIndex),
        systems: indices(meter.pvSystems, systemIndex),
      },
    ]),
  );
  let observedUs = -Infinity;

  return {
    take(inputs) {
      const intervals = new Map<number, { readonly fromUs: number; readonly connections: Map<string, MeteredPower> }>();
      for (const { kind, message } of inputs) {
        if (kind !== 'smart-meter') continue;
        const measurement = message as Measurement;
        const known = behind.get(measurement.device);
        const netW = meanPower(measurement);
        const { interval } = measurement;
        if (known === undefined || netW === undefined || interval === undefined) continue;
        const toUs = parseInstant(interval.end);
        const fromUs = parseInstant(interval.start);
        // What comes late was missed: the state has gone on.
        if (!(toUs > observedUs) || !(fromUs < toUs)) continue;
        const entry = intervals.get(toUs) ?? { fromUs, connections: new Map<string, MeteredPower>() };
        if (entry.fromUs === fromUs) entry.connections.set(measurement.device, { netW, ...known });
        intervals.set(toUs, entry);
      }
      const newestUs = Math.max(...intervals.keys());
      const newest = intervals.get(newestUs);
      if (newest === undefined) return undefined;
      observedUs = newestUs;
      return { fromUs: newest.fromUs, toUs: newestUs, connections: [...newest.connections.values()] };
    },
  };
}

/** Sum over the phases, W, consumption positive; undefined where one is missing or the meter flags itself invalid. */
function meanPower({ readings, quality, positiveDirection }: Measurement): number | undefined {
  if (quality?.valid === false) return undefined;
  let sum = 0;
  let phases = 0;
  for (const { measurand, phase, data } of readings) {
    if (measurand !== 'activepower') continue;
    if (phase === 'total') return positiveDirection === -1 ? -data : data;
    sum += data;
    phases += 1;
  }
  // One phase is all there is in a positive-sequence grid, where it carries a third.
  if (phases === 1) sum *= 3;
  else if (phases !== 3) return undefined;
  return positiveDirection === -1 ? -sum : sum;
}
