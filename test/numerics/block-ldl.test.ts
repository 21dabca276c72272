/** Symmetric block factorisation against the matrix that was put in. */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createBlockLdl } from '../../numerics/block-ldl.ts';
import { patternFromPairs } from '../../numerics/ordering.ts';
import { pick, randomPairs, stream } from './random-network.ts';

const graph = fc.record({
  size: fc.integer({ min: 1, max: 30 }),
  order: fc.constantFrom(2, 4, 12),
  loops: fc.integer({ min: 0, max: 8 }),
  seed: fc.integer({ min: 1, max: 1e9 }),
});

describe('symmetric block LDL', () => {
  test('solves indefinite systems to rounding, also after the values were written anew', () => {
    fc.assert(
      fc.property(graph, ({ size, order, loops, seed }) => {
        const random = stream(seed);
        const pairs = randomPairs(size, loops, random);
        const ldl = createBlockLdl(patternFromPairs(size, pairs), order);
        for (let round = 0; round < 2; round++) {
          const n = size * order;
          const dense = Array.from({ length: n }, () => new Float64Array(n));
          const add = (row: number, column: number, r: number, c: number, value: number): void => {
            const [i, j] = [row * order + r, column * order + c];
            dense[i]![j]! += value;
            if (i !== j) dense[j]![i]! += value;
            ldl.add(row, column, r, c, value);
          };
          ldl.clear();
          for (const [i, j] of pairs) {
            if (i === j) continue;
            for (let r = 0; r < order; r++) for (let c = 0; c < order; c++) add(i, j, r, c, random());
          }
          // Heavy diagonals of both signs, coupled within the block.
          for (let i = 0; i < size; i++) {
            for (let r = 0; r < order; r++) {
              add(i, i, r, r, (r % 2 === 0 ? 1 : -1) * order * (4 + 4 * pairs.length));
              if (r > 0) add(i, i, r, r - 1, random());
            }
          }
          const known = ldl.vector.map(random);
          ldl.vector.set(known);
          ldl.multiply();
          expect(ldl.factorise()).toBe(true);
          ldl.solve();
          ldl.vector.forEach((value, k) => expect(Math.abs(value - known[k]!)).toBeLessThan(1e-12));
          const x = Float64Array.from({ length: n }, random);
          ldl.vector.fill(0);
          const place = (k: number): number => ldl.position[Math.floor(k / order)]! * order + (k % order);
          for (let i = 0; i < n; i++) ldl.vector[place(i)] = dense[i]!.reduce((sum, a, j) => sum + a * x[j]!, 0);
          ldl.solve();
          x.forEach((value, k) => expect(Math.abs(ldl.vector[place(k)]! - value)).toBeLessThan(1e-12));
          // A column of the inverse, where the pattern holds it.
          const inverse = ldl.invert();
          const [column, c] = [pick(size, random), pick(order, random)];
          ldl.vector.fill(0);
          ldl.vector[place(column * order + c)] = 1;
          ldl.solve();
          let held = 0;
          for (let k = 0; k < n; k++) {
            const value = inverse(Math.floor(k / order), column, k % order, c);
            if (Number.isNaN(value)) continue;
            held += 1;
            expect(Math.abs(value - ldl.vector[place(k)]!)).toBeLessThan(1e-12);
          }
          expect(held).toBeGreaterThanOrEqual(order);
        }
      }),
      { numRuns: 100 },
    );
  });

  test('keeps several factors side by side', () => {
    const ldl = createBlockLdl(patternFromPairs(2, [[0, 1]]), 2, { factors: 2 });
    for (const factor of [0, 1]) {
      ldl.clear(factor);
      for (const block of [0, 1]) for (const r of [0, 1]) ldl.add(block, block, r, r, 2 + factor);
      expect(ldl.factorise()).toBe(true);
    }
    for (const factor of [0, 1, 0]) {
      ldl.vector.fill(6);
      ldl.solve(factor);
      expect([...ldl.vector]).toEqual([1, 1, 1, 1].map((one) => (one * 6) / (2 + factor)));
    }
  });

  test('eliminates last what cannot be eliminated before its neighbours', () => {
    const pattern = patternFromPairs(3, [
      [0, 1],
      [1, 2],
    ]);
    for (const last of [new Set<number>(), new Set([0, 2])]) {
      const ldl = createBlockLdl(pattern, 2, { last });
      for (const r of [0, 1]) {
        ldl.add(1, 1, r, r, 2);
        ldl.add(0, 1, r, r, 1);
        ldl.add(1, 2, r, 1 - r, 1);
        ldl.add(2, 2, r, r, 1);
      }
      expect(ldl.factorise()).toBe(last.size > 0);
    }
  });

  test('says that a pivot block is singular, and refuses places outside the pattern', () => {
    const ldl = createBlockLdl(patternFromPairs(3, [[0, 1]]), 2);
    for (const block of [0, 1]) for (const r of [0, 1]) ldl.add(block, block, r, r, 1);
    expect(ldl.factorise()).toBe(false);
    expect(() => ldl.add(0, 2, 0, 0, 1)).toThrow(RangeError);
  });
});
