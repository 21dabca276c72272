import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  mean,
  median,
  quantile,
  rootMeanSquare,
  SampleBuffer,
  sum,
  summariseErrors,
  summariseValues,
} from '../../numerics/statistics.ts';

const finite = fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e9, max: 1e9 });

describe('sum', () => {
  it('keeps what a plain sum loses between large terms', () => {
    expect(sum(Float64Array.of(1, 1e100, 1, -1e100))).toBe(2);
  });

  it('is zero without terms', () => {
    expect(sum(new Float64Array(0))).toBe(0);
  });
});

describe('quantile', () => {
  it('interpolates between order statistics: h = (n - 1) p', () => {
    const ascending = Float64Array.of(10, 20, 30, 40, 50);
    // h = 4 x 0.95 = 3.8, so 40 + 0.8 x 10
    expect(quantile(ascending, 0.95)).toBeCloseTo(48, 12);
    expect(quantile(ascending, 0)).toBe(10);
    expect(quantile(ascending, 0.5)).toBe(30);
    expect(quantile(ascending, 1)).toBe(50);
  });

  it('has no value without samples and refuses what is no probability', () => {
    expect(quantile(new Float64Array(0), 0.5)).toBeNaN();
    expect(() => quantile(Float64Array.of(1), 1.01)).toThrow(RangeError);
  });

  it('rises with the probability and stays inside the samples', () => {
    fc.assert(
      fc.property(fc.array(finite, { minLength: 1 }), fc.double({ min: 0, max: 1, noNaN: true }), (values, p) => {
        const ascending = Float64Array.from(values).sort();
        const value = quantile(ascending, p);
        expect(value).toBeGreaterThanOrEqual(ascending[0] ?? 0);
        expect(value).toBeLessThanOrEqual(ascending.at(-1) ?? 0);
        expect(quantile(ascending, Math.min(1, p + 0.1))).toBeGreaterThanOrEqual(value);
      }),
    );
  });
});

describe('summaries', () => {
  it('separates the magnitude of errors from their bias', () => {
    const {
      count,
      mean: average,
      rmse,
      bias,
      min,
      p50,
      p95,
      p99,
      max,
    } = summariseErrors(Float64Array.of(-3, 1, 4, -2));
    expect([count, average, bias, min, p50, max]).toEqual([4, 2.5, 0, 1, 2.5, 4]);
    expect(rmse).toBeCloseTo(Math.sqrt(30 / 4), 12);
    // magnitudes 1 2 3 4: h = 2.85 and 2.97
    expect(p95).toBeCloseTo(3.85, 12);
    expect(p99).toBeCloseTo(3.97, 12);
  });

  it('keeps the sign of plain values', () => {
    const { mean: average, bias, min, max } = summariseValues(Float64Array.of(-3, 1, 5));
    expect([average, bias, min, max]).toEqual([1, 1, -3, 5]);
  });

  it('leaves the samples in their order', () => {
    const values = Float64Array.of(3, 1, 2);
    summariseValues(values);
    summariseErrors(values);
    median(values);
    expect([...values]).toEqual([3, 1, 2]);
  });

  it('refuses samples that are not finite', () => {
    expect(() => summariseErrors(Float64Array.of(1, Number.NaN))).toThrow(RangeError);
    expect(() => summariseValues(Float64Array.of(1, Infinity))).toThrow(RangeError);
  });

  it('has mean and root mean square of known samples', () => {
    expect(mean(Float64Array.of(1, 2, 6))).toBe(3);
    expect(rootMeanSquare(Float64Array.of(3, -4))).toBeCloseTo(Math.sqrt(12.5), 12);
    expect(median(Float64Array.of(9, 1, 5))).toBe(5);
  });
});

describe('SampleBuffer', () => {
  it('keeps every sample while it grows', () => {
    const buffer = new SampleBuffer();
    for (let i = 0; i < 1000; i += 1) buffer.push(i);
    expect(buffer.length).toBe(1000);
    expect([...buffer.values()]).toEqual(Array.from({ length: 1000 }, (_, i) => i));
  });
});
