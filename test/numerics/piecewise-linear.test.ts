/** Piecewise linear functions: infimal convolution against every candidate, where it is attained, intervals, few points. */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  bestSplit,
  infimalConvolution,
  piecewiseLinear,
  valueAt,
  within,
  type PiecewiseLinear,
} from '../../numerics/piecewise-linear.ts';

/** Steps and heights of a few points: convex, concave and mixed; steps of an odd width, so that few sums coincide. */
const anyFunction: fc.Arbitrary<PiecewiseLinear> = fc
  .tuple(
    fc.integer({ min: -20, max: 20 }),
    fc.array(fc.tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: -9, max: 9 })), { minLength: 1, maxLength: 8 }),
  )
  .map(([start, points]) => {
    let at = start / 7;
    const x = points.map(([step]) => (at += step / 3));
    return piecewiseLinear(
      x,
      points.map(([, height]) => height / 2),
    );
  });

/** The sum is linear between the points of both, so one of those is best. */
function leastOfAll(f: PiecewiseLinear, g: PiecewiseLinear, x: number): number {
  const [last, end] = [g.x.at(-1) ?? Number.NaN, f.x.at(-1) ?? Number.NaN];
  const candidates = [...f.x, ...g.x.map((v) => x - v)].filter((u) => u >= (f.x[0] ?? 0) - 1e-9 && u <= end + 1e-9);
  const clamp = (value: number, from: number, to: number) => Math.min(Math.max(value, from), to);
  return Math.min(
    ...candidates
      .filter((u) => x - u >= (g.x[0] ?? 0) - 1e-9 && x - u <= last + 1e-9)
      .map((u) => valueAt(f, clamp(u, f.x[0] ?? 0, end)) + valueAt(g, clamp(x - u, g.x[0] ?? 0, last))),
  );
}

describe('the infimal convolution', () => {
  test('is the least sum of all ways to split, convex or not, and is attained where it says', () => {
    fc.assert(
      fc.property(anyFunction, anyFunction, fc.double({ min: 0, max: 1, noNaN: true }), (f, g, share) => {
        const least = infimalConvolution(f, g);
        const [start = 0, end = 0] = [least.x[0], least.x.at(-1)];
        expect(start).toBeCloseTo((f.x[0] ?? 0) + (g.x[0] ?? 0), 9);
        expect(end).toBeCloseTo((f.x.at(-1) ?? 0) + (g.x.at(-1) ?? 0), 9);
        for (const x of [...least.x, start + share * (end - start)]) {
          const value = valueAt(least, x);
          expect(value).toBeCloseTo(leastOfAll(f, g, x), 9);
          const u = bestSplit(f, g, x);
          const rest = Math.min(Math.max(x - u, g.x[0] ?? 0), g.x.at(-1) ?? 0);
          expect(valueAt(f, u) + valueAt(g, rest)).toBeCloseTo(value, 9);
        }
      }),
      { seed: 3, numRuns: 300 },
    );
  });

  test('with a point moves a function, and gives it no further points', () => {
    const f = piecewiseLinear([0, 1, 2, 3], [0, 2, 1, 4]);
    expect(infimalConvolution(f, { x: [10], y: [5] })).toEqual({ x: [10, 11, 12, 13], y: [5, 7, 6, 9] });
  });

  test('of many steps of one kind has as few points as one of them', () => {
    const step = piecewiseLinear([-1, 0, 1], [2, 0, 3]);
    let sum: PiecewiseLinear = { x: [0], y: [0] };
    for (let k = 0; k < 500; k += 1) sum = infimalConvolution(sum, step);
    expect(sum).toEqual({ x: [-500, 0, 500], y: [1000, 0, 1500] });
  });
});

describe('an interval', () => {
  const f = piecewiseLinear([0, 2, 4], [0, 4, 0]);

  test('cut out keeps the values and loses what is outside', () => {
    expect(within(f, 1, 3)).toEqual({ x: [1, 2, 3], y: [2, 4, 2] });
    expect(within(f, -5, 5)).toEqual({ x: [0, 2, 4], y: [0, 4, 0] });
    expect(within(f, 3, 3)).toEqual({ x: [3], y: [2] });
    expect(within(f, 4.5, 5)).toBeUndefined();
  });

  test('has no value beyond its ends', () => {
    expect([valueAt(f, -1), valueAt(f, 4), valueAt(f, 4.1)]).toEqual([Infinity, 0, Infinity]);
  });

  test('of points on a line is drawn from end to end', () => {
    expect(piecewiseLinear([0, 1, 1, 2, 3], [0, 2, 1, 2, 3])).toEqual({ x: [0, 3], y: [0, 3] });
  });
});
