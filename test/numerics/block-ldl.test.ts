/** Symmetric block factorisation against the matrix that was put in. */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type BlockLdl, createBlockLdl } from '../../numerics/block-ldl.ts';
import { patternFromPairs } from '../../numerics/ordering.ts';
import { pick, randomPairs, stream } from './random-network.ts';

const graph = fc.record({
  size: fc.integer({ min: 1, max: 30 }),
  order: fc.constantFrom(2, 4, 12),
  loops: fc.integer({ min: 0, max: 8 }),
  seed: fc.integer({ min: 1, max: 1e9 }),
});

/** Adds to entry (r, c) of block (row, column) of a matrix that was begun, and to its mirror image. */
function addEntry(
  ldl: BlockLdl,
  matrix: Float64Array,
  [row, column]: readonly [number, number],
  [r, c]: readonly [number, number],
  value: number,
): void {
  const { order, position } = ldl;
  const at = ldl.place(row, column);
  if (position[row]! >= position[column]!) matrix[at + c * order + r]! += value;
  if (position[row]! < position[column]! || (row === column && r !== c)) matrix[at + r * order + c]! += value;
}

describe('symmetric block LDL', () => {
  test('solves indefinite systems to rounding, also after the values were written anew', () => {
    fc.assert(
      fc.property(graph, ({ size, order, loops, seed }) => {
        const random = stream(seed);
        const pairs = randomPairs(size, loops, random);
        const ldl = createBlockLdl(patternFromPairs(size, pairs), order);
        for (let round = 0; round < 2; round++) {
          const n = size * order;
          const matrix = ldl.clear();
          const dense = Array.from({ length: n }, () => new Float64Array(n));
          const add = (row: number, column: number, r: number, c: number, value: number): void => {
            const [i, j] = [row * order + r, column * order + c];
            dense[i]![j]! += value;
            if (i !== j) dense[j]![i]! += value;
            addEntry(ldl, matrix, [row, column], [r, c], value);
          };
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
      const matrix = ldl.clear(factor);
      for (const block of [0, 1]) for (const r of [0, 1]) addEntry(ldl, matrix, [block, block], [r, r], 2 + factor);
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
      const matrix = ldl.clear();
      for (const r of [0, 1]) {
        addEntry(ldl, matrix, [1, 1], [r, r], 2);
        addEntry(ldl, matrix, [0, 1], [r, r], 1);
        addEntry(ldl, matrix, [1, 2], [r, 1 - r], 1);
        addEntry(ldl, matrix, [2, 2], [r, r], 1);
      }
      expect(ldl.factorise()).toBe(last.size > 0);
    }
  });

  test('exchanges rows within a pivot block, of whatever scale', () => {
    const random = stream(11);
    for (const order of [2, 4, 12]) {
      const ldl = createBlockLdl(patternFromPairs(2, [[0, 1]]), order);
      const matrix = ldl.clear();
      for (const block of [0, 1]) {
        // Nothing on the diagonal: every row needs another's pivot.
        for (let r = 0; r < order; r++) {
          const scale = 10 ** (r % 3);
          addEntry(ldl, matrix, [block, block], [r, (r + 1) % order], scale * (1 + random() ** 2));
          addEntry(ldl, matrix, [0, 1], [r, (r + block) % order], 0.1 * random());
        }
      }
      const known = ldl.vector.map(random);
      ldl.vector.set(known);
      ldl.multiply();
      expect(ldl.factorise()).toBe(true);
      ldl.solve();
      ldl.vector.forEach((value, k) => expect(Math.abs(value - known[k]!)).toBeLessThan(1e-11));
    }
  });

  test('says that a pivot block is singular, and refuses places outside the pattern', () => {
    const ldl = createBlockLdl(patternFromPairs(3, [[0, 1]]), 2);
    const matrix = ldl.clear();
    for (const block of [0, 1]) for (const r of [0, 1]) addEntry(ldl, matrix, [block, block], [r, r], 1);
    expect(ldl.factorise()).toBe(false);
    expect(() => ldl.place(0, 2)).toThrow(RangeError);
  });
});
