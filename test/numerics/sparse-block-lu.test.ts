/** Ordering and block factorisation against dense arithmetic, and the promise of no fill on trees. */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createBlockLu } from '../../numerics/block-lu.ts';
import { eliminateInOrder, findSlot, minimumDegreeOrdering, patternFromPairs } from '../../numerics/ordering.ts';
import { randomPairs, stream } from './random-network.ts';

const graph = fc.record({
  size: fc.integer({ min: 1, max: 40 }),
  loops: fc.integer({ min: 0, max: 15 }),
  seed: fc.integer({ min: 1, max: 1e9 }),
});

describe('minimum-degree ordering', () => {
  test('is a permutation whose columns point downwards', () => {
    fc.assert(
      fc.property(graph, ({ size, loops, seed }) => {
        const result = minimumDegreeOrdering(patternFromPairs(size, randomPairs(size, loops, stream(seed))));
        expect([...result.order].sort((a, b) => a - b)).toEqual(Array.from({ length: size }, (_, i) => i));
        for (let k = 0; k < size; k++) {
          expect(result.position[result.order[k]!]).toBe(k);
          const rows = result.index.subarray(result.start[k], result.start[k + 1]);
          expect(rows.every((row, i) => row > k && (i === 0 || row > rows[i - 1]!))).toBe(true);
        }
      }),
    );
  });

  test('eliminates by the book: fewest neighbours left first, the smallest index among equals', () => {
    fc.assert(
      fc.property(graph, fc.integer({ min: 0, max: 9 }), ({ size, loops, seed }, late) => {
        const pattern = patternFromPairs(size, randomPairs(size, loops, stream(seed)));
        const last = new Set(Array.from({ length: size }, (_, i) => i).filter((i) => late > 0 && i % 10 === late));
        const joined = Array.from({ length: size }, (_, i) =>
          Array.from({ length: size }, (_, j) => findSlot(pattern, i, j) >= 0),
        );
        const left = new Set(Array.from({ length: size }, (_, i) => i));
        const neighbours = (i: number): number[] => [...left].filter((j) => joined[i]![j]);
        const result = minimumDegreeOrdering(pattern, last);
        for (let k = 0; k < size; k++) {
          const rank = (i: number): number => neighbours(i).length + (last.has(i) ? size : 0);
          const pivot = [...left].reduce((best, i) => (rank(i) < rank(best) ? i : best));
          expect(result.order[k]).toBe(pivot);
          left.delete(pivot);
          const below = neighbours(pivot);
          const steps = result.index.subarray(result.start[k], result.start[k + 1]);
          expect(Array.from(steps, (step) => result.order[step]!).sort((a, b) => a - b)).toEqual(below);
          for (const i of below) for (const j of below) joined[i]![j] = i !== j;
        }
      }),
    );
  });

  test('causes no fill on a tree, where natural order does', () => {
    const star = patternFromPairs(
      20,
      Array.from({ length: 19 }, (_, i) => [0, i + 1] as const),
    );
    expect(minimumDegreeOrdering(star).index.length).toBe(19);
    expect(
      eliminateInOrder(
        star,
        Int32Array.from({ length: 20 }, (_, i) => i),
      ).index.length,
    ).toBe((20 * 19) / 2);
    fc.assert(
      fc.property(graph, ({ size, seed }) => {
        const tree = patternFromPairs(size, randomPairs(size, 0, stream(seed)));
        expect(minimumDegreeOrdering(tree).index.length).toBe(size - 1);
      }),
    );
  });
});

/** y = A x for the blocks that were added. */
function product(
  blocks: readonly { row: number; column: number; block: Float64Array }[],
  x: Float64Array,
  m: number,
): Float64Array {
  const y = new Float64Array(x.length);
  for (const { row, column, block } of blocks) {
    for (let r = 0; r < m; r++) {
      for (let c = 0; c < m; c++) {
        const [re, im] = [block[2 * (r * m + c)]!, block[2 * (r * m + c) + 1]!];
        const [xr, xi] = [x[2 * (column * m + c)]!, x[2 * (column * m + c) + 1]!];
        y[2 * (row * m + r)]! += re * xr - im * xi;
        y[2 * (row * m + r) + 1]! += re * xi + im * xr;
      }
    }
  }
  return y;
}

describe.each([
  ['scalar', 1],
  ['full', 3],
] as const)('block LU with %s blocks', (shape, m) => {
  test('solves unsymmetric diagonally dominant systems', () => {
    fc.assert(
      fc.property(graph, ({ size, loops, seed }) => {
        const random = stream(seed);
        const pairs = randomPairs(size, loops, random);
        const lu = createBlockLu(patternFromPairs(size, pairs), shape);
        const blocks: { row: number; column: number; block: Float64Array }[] = [];
        const put = (row: number, column: number, dominance: number): void => {
          const block = Float64Array.from({ length: 2 * m * m }, random);
          for (let r = 0; r < m; r++) block[2 * (r * m + r)]! += dominance;
          blocks.push({ row, column, block });
          lu.add(row, column, block);
        };
        for (const [i, j] of pairs) {
          if (i === j) continue;
          put(i, j, 0);
          put(j, i, 0);
        }
        for (let i = 0; i < size; i++) put(i, i, 8 * (size + loops));
        expect(lu.factorise()).toEqual([]);
        const x = Float64Array.from({ length: lu.length }, random);
        const b = product(blocks, x, m);
        const found = new Float64Array(lu.length);
        lu.solve(b, found, new Float64Array(lu.length));
        for (let i = 0; i < x.length; i++) expect(found[i]).toBeCloseTo(x[i]!, 11);
      }),
      { numRuns: 60 },
    );
  });

  test('names the rows whose pivots vanish', () => {
    const lu = createBlockLu(patternFromPairs(2, [[0, 1]]), shape);
    const one = new Float64Array(2 * m * m);
    for (let r = 0; r < m; r++) one[2 * (r * m + r)] = 1;
    lu.add(0, 0, one);
    lu.add(1, 1, one);
    lu.add(0, 1, one, -1);
    lu.add(1, 0, one, -1);
    expect(lu.factorise()).toEqual([1]);
    expect(() => lu.add(0, 5, one)).toThrow(RangeError);
  });
});

test('diagonal blocks are three scalar systems on one pattern', () => {
  fc.assert(
    fc.property(graph, ({ size, loops, seed }) => {
      const random = stream(seed);
      const pairs = randomPairs(size, loops, random).filter(([i, j]) => i !== j);
      const pattern = patternFromPairs(size, pairs);
      const together = createBlockLu(pattern, 'diagonal');
      const alone = [0, 1, 2].map(() => createBlockLu(pattern, 'scalar'));
      const put = (row: number, column: number, dominance: number): void => {
        const block = Float64Array.from({ length: 6 }, random);
        for (let e = 0; e < 6; e += 2) block[e] = block[e]! + dominance;
        together.add(row, column, block);
        alone.forEach((lu, e) => lu.add(row, column, block.slice(2 * e, 2 * e + 2)));
      };
      for (const [i, j] of pairs) {
        put(i, j, 0);
        put(j, i, 0);
      }
      for (let i = 0; i < size; i++) put(i, i, 4 * (size + loops));
      expect(together.factorise()).toEqual([]);
      const b = Float64Array.from({ length: together.length }, random);
      const x = new Float64Array(together.length);
      together.solve(b, x, new Float64Array(together.length));
      alone.forEach((lu, e) => {
        expect(lu.factorise()).toEqual([]);
        const own = Float64Array.from({ length: 2 * size }, (_, k) => b[6 * (k >> 1) + 2 * e + (k & 1)]!);
        lu.solve(own, own, new Float64Array(2 * size));
        own.forEach((value, k) => expect(x[6 * (k >> 1) + 2 * e + (k & 1)]).toBeCloseTo(value, 13));
      });
    }),
    { numRuns: 40 },
  );
});
