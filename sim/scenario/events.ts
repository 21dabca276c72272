/** When an event of a scenario begins: an offset, a time of the first day, or an instant. */
import { formatInstant, parseInstant, zoneOffsetUs } from '../../platform/contract/time.ts';
import { parseQuantity } from './quantity.ts';

const TIME_OF_DAY = /^([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?$/;
const OFFSET_IN_START = /(Z|[+-]\d{2}:\d{2})$/;

/**
 * The instant, us, that `at` means in a run that begins at `start` (ISO 8601 with zone): `12h` after the start,
 * `"12:00"` on the first day in the zone of `start`, or ISO 8601. A sentence when it is none of these.
 */
export function eventInstant(at: string, start: string): number | string {
  if (TIME_OF_DAY.test(at)) {
    const time = at.length === 5 ? `${at}:00` : at;
    return parseInstant(`${start.slice(0, 10)}T${time}${OFFSET_IN_START.exec(start)?.[1] ?? 'Z'}`);
  }
  const instant = parseInstant(at);
  if (!Number.isNaN(instant)) return instant;
  const offset = parseQuantity('duration', at);
  if (typeof offset === 'number') return parseInstant(start) + offset;
  return `"${at}" is no time: write an offset from the start ("90min"), a time of the first day ("12:00") or ISO 8601 with its zone`;
}

/** The last instant of a run, us. */
export function endInstant(clock: { readonly start: string; readonly duration: number }): number {
  return parseInstant(clock.start) + clock.duration;
}

/** For messages: the instant in the zone of the run's start. */
export function showInstant(timeUs: number, start: string): string {
  return formatInstant(timeUs, zoneOffsetUs(start));
}
