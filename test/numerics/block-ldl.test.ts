/** Symmetric block factorisation against the matrix that was put in. */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createBlockLdl } from '../../numerics/block-ldl.ts';
import { patternFromPairs } from '../../numerics/ordering.ts';

/** Deterministic numbers in (-1, 1). */
function stream(seed: number): () => number {
  let state = seed >>> 0 || 1;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  };
}

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
        const pick = (below: number): number => Math.floor(((random() + 1) / 2) * below);
        const pairs: [number, number][] = [];
        for (let i = 1; i < size; i++) pairs.push([i, pick(i)]);
        for (let k = 0; k < loops; k++) pairs.push([pick(size), pick(size)]);
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
          expect(ldl.factorise()).toBeLessThan(1e-11);
          const x = Float64Array.from({ length: n }, random);
          ldl.vector.fill(0);
          const place = (k: number): number => ldl.position[Math.floor(k / order)]! * order + (k % order);
          for (let i = 0; i < n; i++) ldl.vector[place(i)] = dense[i]!.reduce((sum, a, j) => sum + a * x[j]!, 0);
          ldl.solve();
          x.forEach((value, k) => expect(Math.abs(ldl.vector[place(k)]! - value)).toBeLessThan(1e-12));
        }
      }),
      { numRuns: 100 },
    );
  });

  test('says that a pivot block is singular, and refuses places outside the pattern', () => {
    const ldl = createBlockLdl(patternFromPairs(3, [[0, 1]]), 2);
    for (const block of [0, 1]) for (const r of [0, 1]) ldl.add(block, block, r, r, 1);
    expect(ldl.factorise()).toBe(Infinity);
    expect(() => ldl.add(0, 2, 0, 0, 1)).toThrow(RangeError);
  });

  test('notices that elimination without exchange of blocks has lost the digits', () => {
    const ldl = createBlockLdl(patternFromPairs(2, [[0, 1]]), 2);
    // Tiny pivots first: what follows is drowned in their inverses.
    for (const block of [0, 1]) for (const r of [0, 1]) ldl.add(block, block, r, r, 1e-13);
    for (const r of [0, 1]) ldl.add(0, 1, r, r, 1);
    ldl.add(0, 1, 0, 1, 0.3);
    expect(ldl.factorise()).toBeGreaterThan(1e-6);
  });
});
