/** The household standard load profile H0 with its dynamic factor, as a function of time: what a customer draws on average. */
import { h0TableW, type H0DayType, type H0Season } from './h0-table.ts';
import { createLocalTime, type LocalTime } from './local-time.ts';

const QUARTER_US = 900e6;

type CalendarDate = Pick<LocalTime, 'year' | 'month' | 'day' | 'weekday'>;

/** Season of a date: winter 1 Nov - 20 Mar, summer 15 May - 14 Sep, transition between (VDEW M-05/2000). */
export function h0Season(date: Pick<LocalTime, 'month' | 'day'>): H0Season {
  const monthDay = date.month * 100 + date.day;
  if (monthDay <= 320 || monthDay >= 1101) return 'winter';
  return monthDay >= 515 && monthDay <= 914 ? 'summer' : 'transition';
}

/** Public holidays count as Sundays; 24 and 31 December as Saturdays unless they are Sundays. */
export function h0DayType(date: CalendarDate): H0DayType {
  if (date.weekday === 7 || isGermanHoliday(date)) return 'sunday';
  if (date.weekday === 6 || (date.month === 12 && (date.day === 24 || date.day === 31))) return 'saturday';
  return 'workday';
}

/** Dynamic factor F(d) of H0 for the day of the year, 1..366: about 1.24 at New Year, 0.8 in late July (VDEW M-05/2000). */
export function h0DynamicFactor(dayOfYear: number): number {
  const d = dayOfYear;
  return (((-3.92e-10 * d + 3.2e-7) * d - 7.02e-5) * d + 2.1e-3) * d + 1.24;
}

/** The nine days that are public holidays in every German state (states add more; the profile here does not). */
export function isGermanHoliday(date: Pick<LocalTime, 'year' | 'month' | 'day'>): boolean {
  const monthDay = date.month * 100 + date.day;
  if (FIXED_HOLIDAYS.has(monthDay)) return true;
  const easter = easterSunday(date.year);
  const day = Date.UTC(date.year, date.month - 1, date.day) / 86_400_000;
  return MOVING_HOLIDAYS.has(day - easter);
}

/** New Year, Labour Day, German Unity, Christmas and Boxing Day as month * 100 + day. */
const FIXED_HOLIDAYS: ReadonlySet<number> = new Set([101, 501, 1003, 1225, 1226]);
/** Good Friday, Easter Monday, Ascension, Whit Monday as days after Easter Sunday. */
const MOVING_HOLIDAYS: ReadonlySet<number> = new Set([-2, 1, 39, 50]);

/** Easter Sunday as days since the epoch (anonymous Gregorian algorithm, Meeus, Astronomical Algorithms, ch. 8). */
function easterSunday(year: number): number {
  const a = year % 19;
  const b = Math.floor(year / 100);
  const c = year % 100;
  const g = Math.floor((8 * b + 13) / 25);
  const h = (19 * a + b - Math.floor(b / 4) - g + 15) % 30;
  const m = Math.floor((a + 11 * h) / 319);
  const r = (2 * (b % 4) + 2 * Math.floor(c / 4) - (c % 4) - h + m + 32) % 7;
  const month = Math.floor((h - m + r + 90) / 25);
  const day = (h - m + r + month + 19) % 32;
  return Date.UTC(year, month - 1, day) / 86_400_000;
}

export interface H0Profile {
  /** Mean power, W per 1000 kWh/a, of the quarter hour that contains the instant (its beginning included), F(d) applied. */
  at(timeUs: number): number;
  /**
   * Mean power, W per 1000 kWh/a, over (fromUs, toUs]: the profile is constant within a quarter hour. With
   * `fromUs === toUs` the value that begins at that instant.
   */
  mean(fromUs: number, toUs: number): number;
}

/** H0 on the clocks of `zone`; a household of E kWh/a draws E / 1000 times the answer. */
export function createH0(zone = 'Europe/Berlin'): H0Profile {
  const localTime = createLocalTime(zone);
  let cachedQuarter = Number.NaN;
  let cachedW = Number.NaN;

  function at(timeUs: number): number {
    const quarter = Math.floor(timeUs / QUARTER_US);
    if (quarter === cachedQuarter) return cachedW;
    const local = localTime(quarter * QUARTER_US);
    const column = h0TableW[`${h0Season(local)}-${h0DayType(local)}`];
    const staticW = column[Math.floor(local.timeOfDayUs / QUARTER_US)];
    if (staticW === undefined) throw new Error(`no quarter hour of the profile at ${timeUs}`);
    cachedQuarter = quarter;
    cachedW = staticW * h0DynamicFactor(local.dayOfYear);
    return cachedW;
  }

  function mean(fromUs: number, toUs: number): number {
    if (toUs <= fromUs) return at(toUs);
    let sum = 0;
    for (let startUs = fromUs; startUs < toUs;) {
      const endUs = Math.min(toUs, (Math.floor(startUs / QUARTER_US) + 1) * QUARTER_US);
      // Most steps lie within one quarter hour: answer with its very value, without a rounding error.
      if (startUs === fromUs && endUs === toUs) return at(startUs);
      sum += at(startUs) * (endUs - startUs);
      startUs = endUs;
    }
    return sum / (toUs - fromUs);
  }

  return { at, mean };
}
