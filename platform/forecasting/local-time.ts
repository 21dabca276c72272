/** Local calendar and clock of a time zone, summer time included, cheap enough to be asked at every step. */

export interface LocalTime {
  readonly year: number;
  /** 1..12. */
  readonly month: number;
  /** 1..31. */
  readonly day: number;
  /** 1..366. */
  readonly dayOfYear: number;
  /** ISO: Monday 1 .. Sunday 7. */
  readonly weekday: number;
  /** Wall-clock time of day, us since local midnight as the clocks show it (on a 23 h day it skips an hour). */
  readonly timeOfDayUs: number;
}

const DAY_US = 86_400e6;
const QUARTER_US = 900e6;

/**
 * A function from an instant (us since the epoch) to local time in an IANA zone. Throws RangeError for unknown zones.
 * The zone's offset is looked up twice per UTC day and, on a day of change, once per quarter hour.
 */
export function createLocalTime(zone: string): (timeUs: number) => LocalTime {
  const offsetUs = createZoneOffset(zone);
  return (timeUs) => {
    const localUs = timeUs + offsetUs(timeUs);
    const dayNumber = Math.floor(localUs / DAY_US);
    const date = new Date(dayNumber * 86_400_000);
    const year = date.getUTCFullYear();
    return {
      year,
      month: date.getUTCMonth() + 1,
      day: date.getUTCDate(),
      dayOfYear: dayNumber - Date.UTC(year, 0, 1) / 86_400_000 + 1,
      weekday: isoWeekday(dayNumber),
      timeOfDayUs: localUs - dayNumber * DAY_US,
    };
  };
}

/** Whether there is an IANA zone of this name. */
export function isTimeZone(name: string): boolean {
  try {
    return createZoneOffset(name) !== undefined;
  } catch {
    return false;
  }
}

/** A function from an instant to the zone's offset, us, east of Greenwich positive. */
export function createZoneOffset(zone: string): (timeUs: number) => number {
  const format = new Intl.DateTimeFormat('en-CA', {
    timeZone: zone,
    hourCycle: 'h23',
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
  });
  const lookUp = (timeUs: number): number => {
    const wholeSecondMs = Math.floor(timeUs / 1e6) * 1000;
    const parts = new Map(
      format.formatToParts(new Date(wholeSecondMs)).map(({ type, value }) => [type, Number(value)]),
    );
    const part = (type: Intl.DateTimeFormatPartTypes) => parts.get(type) ?? Number.NaN;
    const localMs = Date.UTC(
      part('year'),
      part('month') - 1,
      part('day'),
      part('hour'),
      part('minute'),
      part('second'),
    );
    return (localMs - wholeSecondMs) * 1000;
  };
  // Zones change their offset at whole quarter hours; a UTC day with equal offsets at its ends has no change in it.
  const days = new Map<number, number | Map<number, number>>();
  return (timeUs) => {
    const day = Math.floor(timeUs / DAY_US);
    let known = days.get(day);
    if (known === undefined) {
      const atStart = lookUp(day * DAY_US);
      known = atStart === lookUp((day + 1) * DAY_US - 1) ? atStart : new Map<number, number>();
      days.set(day, known);
    }
    if (typeof known === 'number') return known;
    const quarter = Math.floor(timeUs / QUARTER_US);
    let offset = known.get(quarter);
    if (offset === undefined) {
      offset = lookUp(quarter * QUARTER_US);
      known.set(quarter, offset);
    }
    return offset;
  };
}

/** Day 0 of the epoch was a Thursday (ISO 4). */
function isoWeekday(dayNumber: number): number {
  return ((((dayNumber + 3) % 7) + 7) % 7) + 1;
}
