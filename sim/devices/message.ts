/** What every device's messages have in common: when they are due, their numbering, their time stamps. */
import type { CommandState, Measurement, Reading, WeatherOutlook } from '../../platform/contract/measurement.ts';
import { formatInstant } from '../../platform/contract/time.ts';
import type { DeviceMessage } from './device.ts';

/** The run's own time, as devices need it. */
export interface DeviceClock {
  readonly startUs: number;
  readonly stepUs: number;
}

/** True at the start of the run and every `everyUs` after it. */
export function isDue(clock: DeviceClock, everyUs: number, timeUs: number): boolean {
  return (timeUs - clock.startUs) % everyUs === 0;
}

/**
 * A delay as whole steps, us: between the instants of a run there is no time, so what takes less than a step has no
 * effect and 25 s at a step of 10 s is felt as 20 s.
 */
export function wholeSteps(clock: DeviceClock, delayUs: number): number {
  return Math.floor(delayUs / clock.stepUs) * clock.stepUs;
}

let lastUs = Number.NaN;
let lastText = '';

/** `formatInstant`, remembering the last answer: a hundred devices ask for the same instant. */
function instantText(timeUs: number): string {
  if (timeUs !== lastUs) {
    lastUs = timeUs;
    lastText = formatInstant(timeUs);
  }
  return lastText;
}

export interface Envelope {
  readonly taggedUs: number;
  readonly measuredUs: number;
  readonly publishUs: number;
  readonly readings: readonly Reading[];
  readonly interval?: { readonly startUs: number; readonly endUs: number };
  readonly positiveDirection?: 1 | -1;
  readonly quality: NonNullable<Measurement['quality']>;
  readonly command?: CommandState | undefined;
  readonly outlook?: WeatherOutlook;
}

/**
 * One reading, its members in the order of canonical JSON, so that certification finds nothing to sort. A sigma of 0 is
 * not stated.
 */
export function reading(
  component: string,
  measurand: Reading['measurand'],
  phase: Reading['phase'],
  data: number,
  sigma = 0,
  obis?: string,
): Reading {
  if (obis === undefined) {
    return sigma > 0 ? { component, data, measurand, phase, sigma } : { component, data, measurand, phase };
  }
  const place = { component, data, measurand, obis, phase };
  return sigma > 0 ? { ...place, sigma } : place;
}

/**
 * Counts a device's messages and wraps its readings. Readings without a finite value (a dead bus, a power flow that did
 * not converge) are left out and the message is marked invalid; without any reading there is no message.
 */
export function createPostman(kind: string, device: string): (envelope: Envelope) => readonly DeviceMessage[] {
  let sequence = 0;
  return ({ taggedUs, measuredUs, publishUs, readings, interval, positiveDirection, quality, command, outlook }) => {
    const finite = readings.filter(({ data }) => Number.isFinite(data));
    if (finite.length === 0) return [];
    // In the order of canonical JSON, like the readings.
    const measurement: Measurement = {
      ...(command === undefined ? {} : { command }),
      device,
      ...(interval === undefined
        ? {}
        : { interval: { end: instantText(interval.endUs), start: formatInstant(interval.startUs) } }),
      ...(outlook === undefined ? {} : { outlook }),
      ...(positiveDirection === undefined ? {} : { positiveDirection }),
      quality: finite.length === readings.length ? quality : { ...quality, valid: false },
      readings: finite,
      schema: 'platone.measurement/1',
      sequence,
      timestamp: instantText(taggedUs),
    };
    sequence += 1;
    return [{ kind, device, measurement, measuredUs, publishUs }];
  };
}
