/** Chi-square quantiles agree with published tables and invert the probability. */
import { describe, expect, test } from 'vitest';
import { chiSquareProbability, chiSquareQuantile } from '../../numerics/chi-square.ts';

describe('chi-square', () => {
  test.each([
    [0.95, 1, 3.841458820694124],
    [0.95, 3, 7.814727903251179],
    [0.99, 3, 11.344866730144373],
    [0.95, 10, 18.307038053275146],
    [0.95, 100, 124.3421134],
  ])('quantile %d with %d degrees is %d', (probability, degrees, x) => {
    expect(chiSquareQuantile(probability, degrees)).toBeCloseTo(x, 7);
  });

  test('two degrees of freedom are an exponential distribution', () => {
    for (const x of [0.01, 0.5, 3, 20]) expect(chiSquareProbability(x, 2)).toBeCloseTo(1 - Math.exp(-x / 2), 13);
  });

  test('quantile inverts probability from 1 to 20,000 degrees', () => {
    for (const degrees of [1, 2, 7, 60, 999, 20_000]) {
      for (const probability of [0.001, 0.05, 0.5, 0.95, 0.999]) {
        expect(chiSquareProbability(chiSquareQuantile(probability, degrees), degrees)).toBeCloseTo(probability, 10);
      }
    }
  });

  test('no degrees of freedom leave nothing to test', () => {
    expect(chiSquareQuantile(0.95, 0)).toBe(0);
    expect(chiSquareQuantile(1.2, 3)).toBeNaN();
  });
});
