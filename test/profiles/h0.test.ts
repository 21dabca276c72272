import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import { describe, expect, test } from 'vitest';
import { parseInstant } from '../../platform/contract/time.ts';
import { h0TableW } from '../../platform/forecasting/h0-table.ts';
import { createH0, h0DayType, h0DynamicFactor, h0Season, isGermanHoliday } from '../../platform/forecasting/h0.ts';
import { createLocalTime } from '../../platform/forecasting/local-time.ts';

const HOUR_US = 3600e6;
const QUARTER_US = 900e6;
const berlin = createLocalTime('Europe/Berlin');
const localDate = (text: string) => berlin(parseInstant(text));

const days = join(process.env['TWIN_REFERENCE'] ?? '../shared/reference', 'german-site-days');
const dayFiles = existsSync(days) ? readdirSync(days).filter((name) => name.endsWith('.csv')) : [];

describe('H0', () => {
  test('every column has 96 quarter hours and a year makes 1000 kWh to 0.5 %', () => {
    for (const column of Object.values(h0TableW)) expect(column).toHaveLength(96);
    const h0 = createH0();
    for (const year of [1996, 2019, 2021, 2024]) {
      const from = parseInstant(`${year}-01-01T00:00:00+01:00`);
      const to = parseInstant(`${year + 1}-01-01T00:00:00+01:00`);
      expect((h0.mean(from, to) * (to - from)) / HOUR_US / 1000).toBeGreaterThan(995);
      expect((h0.mean(from, to) * (to - from)) / HOUR_US / 1000).toBeLessThan(1005);
    }
  });

  test('seasons change on their days', () => {
    const season = (date: string) => h0Season(localDate(`${date}T12:00:00Z`));
    expect(['2021-03-20', '2021-03-21', '2021-05-14', '2021-05-15'].map(season)).toEqual([
      'winter',
      'transition',
      'transition',
      'summer',
    ]);
    expect(['2021-09-14', '2021-09-15', '2021-10-31', '2021-11-01'].map(season)).toEqual([
      'summer',
      'transition',
      'transition',
      'winter',
    ]);
  });

  test('holidays are Sundays, the last days of Christmas and of the year Saturdays', () => {
    const type = (date: string) => h0DayType(localDate(`${date}T12:00:00Z`));
    for (const date of ['2021-04-02', '2021-04-05', '2021-05-13', '2021-05-24', '2021-10-03', '2024-05-09']) {
      expect([date, type(date)]).toEqual([date, 'sunday']);
    }
    expect(isGermanHoliday({ year: 2024, month: 4, day: 1 })).toBe(true);
    expect(isGermanHoliday({ year: 2024, month: 4, day: 2 })).toBe(false);
    expect(type('2021-12-24')).toBe('saturday');
    expect(type('2023-12-24')).toBe('sunday');
    expect(type('2021-04-01')).toBe('workday');
    expect(type('2021-04-03')).toBe('saturday');
  });

  test('a day of change has 23 or 25 hours and keeps to the wall clock', () => {
    const h0 = createH0();
    const spring = { start: parseInstant('2021-03-28T00:00:00+01:00'), end: parseInstant('2021-03-29T00:00:00+02:00') };
    expect((spring.end - spring.start) / HOUR_US).toBe(23);
    const column = h0TableW['transition-sunday'];
    const factor = h0DynamicFactor(87);
    const value = (quarter: number) => (column[quarter] ?? Number.NaN) * factor;
    const springValues = Array.from({ length: 92 }, (_, i) => h0.at(spring.start + i * QUARTER_US));
    expect(springValues).toEqual([
      ...Array.from({ length: 8 }, (_, q) => value(q)),
      ...Array.from({ length: 84 }, (_, q) => value(q + 12)),
    ]);

    const autumn = { start: parseInstant('2021-10-31T00:00:00+02:00'), end: parseInstant('2021-11-01T00:00:00+01:00') };
    expect((autumn.end - autumn.start) / HOUR_US).toBe(25);
    const twoOClock = [0, 1].map((hour) => h0.at(parseInstant('2021-10-31T02:00:00+02:00') + hour * HOUR_US));
    expect(twoOClock[0]).toBe(twoOClock[1]);
    expect(h0.at(autumn.end - 1)).toBe((column[95] ?? 0) * h0DynamicFactor(304));
  });

  test('the mean over an interval weights the quarter hours that it touches', () => {
    const h0 = createH0();
    const t = parseInstant('2021-04-01T10:00:00+02:00');
    expect(h0.mean(t, t + 10e6)).toBe(h0.at(t));
    expect(h0.mean(t - 10e6, t)).toBe(h0.at(t - 1));
    expect(h0.mean(t - 300e6, t + 600e6)).toBeCloseTo((h0.at(t - 1) + 2 * h0.at(t)) / 3, 9);
  });

  test.skipIf(dayFiles.length === 0)(
    'agrees with the recorded days of the demo site to their rounding (skipped without TWIN_REFERENCE)',
    () => {
      const h0 = createH0();
      for (const name of dayFiles) {
        const rows = parse<Record<string, string>>(readFileSync(join(days, name), 'utf8'), { columns: true });
        // The first row of each day is an interpolation of the source's own; the others carry the quarter hour just past.
        const pairs = rows.slice(1).map((row) => {
          const t = parseInstant(row['timestamp'] ?? '');
          return { recorded: Number(row['load_kw']) / 0.27, ours: h0.mean(t - QUARTER_US, t) };
        });
        const errors = pairs.map(({ recorded, ours }) => recorded - ours);
        // Before the recording the source rounded to whole W, a few points by more; W per 1000 kWh/a.
        expect(Math.max(...errors.map(Math.abs))).toBeLessThan(2.6);
        expect(Math.sqrt(errors.reduce((sum, e) => sum + e * e, 0) / errors.length)).toBeLessThan(0.75);
        const sum = (key: 'recorded' | 'ours') => pairs.reduce((total, pair) => total + pair[key], 0);
        expect(Math.abs(sum('recorded') / sum('ours') - 1)).toBeLessThan(0.005);
      }
    },
  );
});
