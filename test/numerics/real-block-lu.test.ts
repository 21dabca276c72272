/** Unsymmetric block factorisation, and small complex matrices, against dense arithmetic. */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { add, complex, multiply } from '../../numerics/complex.ts';
import { complexMatrix, invertMatrix, multiplyMatrices } from '../../numerics/complex-matrix.ts';
import { patternFromPairs } from '../../numerics/ordering.ts';
import { createRealBlockLu } from '../../numerics/real-block-lu.ts';
import { randomPairs, stream } from './random-network.ts';

const graph = fc.record({
  size: fc.integer({ min: 1, max: 25 }),
  order: fc.constantFrom(1, 2, 3, 6),
  loops: fc.integer({ min: 0, max: 10 }),
  seed: fc.integer({ min: 1, max: 1e9 }),
});

describe('real block LU', () => {
  test('solves a diagonally heavy system to rounding, also after its values were written anew', () => {
    fc.assert(
      fc.property(graph, ({ size, order, loops, seed }) => {
        const random = stream(seed);
        const pairs = randomPairs(size, loops, random);
        const lu = createRealBlockLu(patternFromPairs(size, pairs), order);
        for (let round = 0; round < 2; round++) {
          const n = size * order;
          const dense = Array.from({ length: n }, () => new Float64Array(n));
          lu.values.fill(0);
          for (let i = 0; i < size; i++) {
            for (let j = 0; j < size; j++) {
              const at = lu.place(i, j);
              if (at < 0) continue;
              for (let e = 0; e < order * order; e++) {
                const [r, c] = [Math.floor(e / order), e % order];
                const value = random() + (i === j && r === c ? 4 * size : 0);
                lu.values[at + e] = value;
                dense[i * order + r]![j * order + c] = value;
              }
            }
          }
          const x = Float64Array.from({ length: n }, () => random());
          const b = Float64Array.from(dense, (row) => row.reduce((sum, value, k) => sum + value * x[k]!, 0));
          expect(lu.factorise()).toBe(true);
          lu.solve(b);
          b.forEach((value, k) => expect(Math.abs(value - x[k]!)).toBeLessThan(1e-11));
        }
      }),
      { numRuns: 60 },
    );
  });

  test('pivots within a block whose diagonal is zero, and says when a block is singular', () => {
    const lu = createRealBlockLu(patternFromPairs(1, []), 2);
    lu.values.set([0, 2, 3, 0]);
    expect(lu.factorise()).toBe(true);
    const x = Float64Array.from([4, 9]);
    lu.solve(x);
    expect([...x]).toEqual([3, 2]);
    lu.values.set([1, 2, 2, 4]);
    expect(lu.factorise()).toBe(false);
  });
});

describe('complex matrices', () => {
  test('a matrix times its inverse is the identity; a singular one has none', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 1e9 }), (n, seed) => {
        const random = stream(seed);
        const square = (heavy: number): number[][] =>
          Array.from({ length: n }, (_, r) => Array.from({ length: n }, (__, c) => random() + (r === c ? heavy : 0)));
        const a = complexMatrix(square(3), square(0));
        multiplyMatrices(a, invertMatrix(a)!).forEach((row, r) => {
          row.forEach(({ re, im }, c) => {
            expect(re).toBeCloseTo(r === c ? 1 : 0, 12);
            expect(im).toBeCloseTo(0, 12);
          });
        });
      }),
      { numRuns: 50 },
    );
    expect(
      invertMatrix([
        [complex(1, 1), complex(2, 2)],
        [complex(2), complex(4)],
      ]),
    ).toBeUndefined();
    expect(invertMatrix([[complex(0)]])).toBeUndefined();
    // Row pivoting: a zero on the diagonal is no obstacle.
    const swap = invertMatrix([
      [complex(0), complex(0, 2)],
      [complex(1), complex(0)],
    ])!;
    expect(add(multiply(swap[1]![0]!, complex(0, 2)), complex(0))).toEqual(complex(1));
  });
});
