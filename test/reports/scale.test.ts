import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { zoneOffsetUs } from '../../platform/contract/time.ts';
import { formatClock, formatDuration, formatNumber, formatQuantity } from '../../reports/format.ts';
import { clockScale, decadeScale, roundScale, thin } from '../../reports/html/scale.ts';
import { fixtureStartUs } from './fixture.ts';

const finite = fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e6, max: 1e6 });

describe('axes', () => {
  it('end on round values and hold the range', () => {
    expect(roundScale(-151, 33, 5).ticks).toEqual([-200, -150, -100, -50, 0, 50]);
    expect(roundScale(0, 0.58, 5).ticks).toEqual([0, 0.2, 0.4, 0.6]);
    fc.assert(
      fc.property(finite, finite, (a, b) => {
        const { low, high, ticks } = roundScale(Math.min(a, b), Math.max(a, b), 5);
        const slack = 1e-6 * Math.abs(a - b) + 1e-11 * Math.max(Math.abs(a), Math.abs(b)) + 1e-300;
        expect(low).toBeLessThanOrEqual(Math.min(a, b) + slack);
        expect(high).toBeGreaterThanOrEqual(Math.max(a, b) - slack);
        expect(ticks.length).toBeGreaterThan(1);
        expect(ticks.length).toBeLessThan(12);
      }),
    );
  });

  it('put ticks on round clock times of the zone', () => {
    const offset = zoneOffsetUs('2021-04-01T00:00:00+02:00');
    const { ticks } = clockScale(fixtureStartUs + 60e6, fixtureStartUs + 86_400e6, 7, offset);
    expect(ticks.map((tick) => formatClock(tick, offset))).toEqual([
      '04:00',
      '08:00',
      '12:00',
      '16:00',
      '20:00',
      '00:00',
    ]);
  });

  it('hold both ends in whole decades', () => {
    expect(decadeScale(39, 450_000)).toEqual({ low: 10, high: 1e6, ticks: [10, 100, 1e3, 1e4, 1e5, 1e6] });
  });
});

describe('thin', () => {
  it('keeps the lowest and the highest value of every series', () => {
    fc.assert(
      fc.property(
        fc.array(finite, { minLength: 1, maxLength: 2000 }),
        fc.integer({ min: 1, max: 60 }),
        (values, buckets) => {
          const points = thin(
            values.map((_, i) => i),
            values,
            buckets,
          ).flat();
          expect(points.length).toBeLessThanOrEqual(2 * buckets);
          const kept = points.map(([, value]) => value);
          expect(Math.min(...kept)).toBe(Math.min(...values));
          expect(Math.max(...kept)).toBe(Math.max(...values));
          const order = points.map(([x]) => x);
          expect(order).toEqual(order.toSorted((a, b) => a - b));
        },
      ),
    );
  });

  it.each([5, 2, 1])('breaks the line where there is nothing, with %d buckets', (buckets) => {
    expect(thin([0, 1, 2, 3, 4], [1, 2, Number.NaN, 4, 5], buckets)).toEqual([
      [
        [0, 1],
        [1, 2],
      ],
      [
        [3, 4],
        [4, 5],
      ],
    ]);
  });
});

describe('figures for people', () => {
  it('have four digits, grouped thousands and a real minus sign', () => {
    expect(
      [0, 3.3e-14, 0.05123, 1.5, -12.346, 1234.5, -86_400, 3.5e-10, Number.NaN].map((value) => formatNumber(value)),
    ).toEqual(['0', '0', '0.0512', '1.5', '−12.35', '1\u202F235', '−86\u202F400', '3.5e−10', 'n/a']);
    expect(formatQuantity(66.27, '%', 3)).toBe('66.3\u00A0%');
    expect(formatQuantity(3, '1')).toBe('3');
  });

  it('keep whole tens whole', () => {
    expect([10, 100, 1000, 20.5].map((value) => formatNumber(value))).toEqual(['10', '100', '1\u202F000', '20.5']);
  });

  it('say durations in the unit that suits them', () => {
    expect([0, 40, 12_340, 66.9e6, 900e6, 86_400e6].map(formatDuration)).toEqual(
      ['0 s', '40 µs', '12.3 ms', '66.9 s', '15 min', '24 h'].map((text) => text.replace(' ', '\u00A0')),
    );
  });
});
