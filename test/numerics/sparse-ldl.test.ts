/** The sparse LDL^T solves, finds null spaces and inverts its pattern, also where every diagonal entry is zero. */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SparseLdl } from '../../numerics/sparse-ldl.ts';

interface Matrix {
  size: number;
  rows: Int32Array;
  columns: Int32Array;
  values: Float64Array;
  blockOf: Int32Array;
  blockCount: number;
}

function multiply(matrix: Matrix, x: Float64Array): Float64Array {
  const y = new Float64Array(matrix.size);
  matrix.values.forEach((value, k) => {
    const i = matrix.rows[k]!;
    const j = matrix.columns[k]!;
    y[i]! += value * x[j]!;
    if (i !== j) y[j]! += value * x[i]!;
  });
  return y;
}

/** A random connected pattern; `diagonal` scales the diagonal, 0 leaves it out. */
const matrices = (diagonal: number) =>
  fc
    .record({
      size: fc.integer({ min: 2, max: 30 }),
      blockSize: fc.integer({ min: 1, max: 4 }),
      seeds: fc.array(fc.double({ min: -1, max: 1, noNaN: true }), { minLength: 200, maxLength: 200 }),
      links: fc.array(fc.nat(10_000), { minLength: 40, maxLength: 40 }),
    })
    .map(({ size, blockSize, seeds, links }): Matrix => {
      const rows: number[] = [];
      const columns: number[] = [];
      const values: number[] = [];
      let next = 0;
      const value = () => {
        const seed = seeds[next++ % seeds.length]!;
        return Math.sign(seed || 1) * (0.1 + Math.abs(seed));
      };
      const add = (i: number, j: number, v: number) => {
        rows.push(i);
        columns.push(j);
        values.push(v);
      };
      for (let i = 1; i < size; i += 1) add(i, links[i]! % i, value());
      for (const link of links) {
        const i = link % size;
        const j = Math.floor(link / 97) % size;
        if (i !== j) add(Math.max(i, j), Math.min(i, j), value());
      }
      if (diagonal > 0) for (let i = 0; i < size; i += 1) add(i, i, diagonal * value());
      const blockOf = Int32Array.from({ length: size }, (_, i) => Math.floor(i / blockSize));
      return {
        size,
        rows: Int32Array.from(rows),
        columns: Int32Array.from(columns),
        values: Float64Array.from(values),
        blockOf,
        blockCount: Math.ceil(size / blockSize),
      };
    });

const ones = (size: number) => new Float64Array(size).fill(1);

describe('sparse LDL', () => {
  for (const diagonal of [0, 1e-3, 1]) {
    test(`solves indefinite systems with a diagonal of size ${diagonal}`, () => {
      fc.assert(
        fc.property(matrices(diagonal), (matrix) => {
          const ldl = new SparseLdl(matrix);
          ldl.factorise(matrix.values, ones(matrix.size), 1e-12);
          fc.pre(ldl.nullity === 0);
          const truth = Float64Array.from({ length: matrix.size }, (_, i) => Math.sin(i + 1));
          const right = multiply(matrix, truth);
          const x = right.slice();
          ldl.solve(x);
          // The backward error is what a stable factorisation promises, whatever the condition.
          const residual = multiply(matrix, x);
          const size = Math.max(...x.map(Math.abs), 1);
          residual.forEach((value, i) => expect(Math.abs(value - right[i]!)).toBeLessThan(1e-10 * size));
        }),
        { seed: 7, numRuns: 300 },
      );
    });
  }

  test('finds the null space of a graph Laplacian: one constant vector per component', () => {
    const edges = [
      [0, 1],
      [1, 2],
      [2, 3],
      [1, 4],
      [5, 6],
      [6, 7],
    ];
    const rows: number[] = [];
    const columns: number[] = [];
    const values: number[] = [];
    for (const [a, b] of edges as [number, number][]) {
      rows.push(b, a, b);
      columns.push(a, a, b);
      values.push(-1, 1, 1);
    }
    const matrix = {
      size: 8,
      rows: Int32Array.from(rows),
      columns: Int32Array.from(columns),
      values: Float64Array.from(values),
      blockOf: Int32Array.from([0, 1, 2, 3, 4, 5, 6, 7]),
      blockCount: 8,
    };
    const ldl = new SparseLdl(matrix);
    ldl.factorise(matrix.values, ones(8), 1e-12);
    expect(ldl.nullity).toBe(2);
    const vectors = ldl.nullVectors().map((vector) => [...vector].map((value) => Math.round(value * 1e9) / 1e9 + 0));
    expect(vectors).toContainEqual([1, 1, 1, 1, 1, 0, 0, 0]);
    expect(vectors).toContainEqual([0, 0, 0, 0, 0, 1, 1, 1]);
  });

  test('entries of the inverse equal solves with unit vectors', () => {
    fc.assert(
      fc.property(matrices(0.3), (matrix) => {
        const ldl = new SparseLdl(matrix);
        const scale = Float64Array.from({ length: matrix.size }, (_, i) => 1 + (i % 3));
        ldl.factorise(matrix.values, scale, 1e-12);
        fc.pre(ldl.nullity === 0);
        for (let a = 0; a < matrix.size; a += 1) {
          const column = new Float64Array(matrix.size);
          column[a] = 1;
          ldl.solve(column);
          const size = Math.max(...column.map(Math.abs));
          fc.pre(size < 1e6);
          expect(Math.abs(ldl.inverseEntry(a, a) - column[a]!)).toBeLessThan(1e-8 * size);
          const mate = matrix.blockOf.findIndex((block, i) => block === matrix.blockOf[a] && i !== a);
          const at = mate < 0 ? a : mate;
          expect(Math.abs(ldl.inverseEntry(a, at) - column[at]!)).toBeLessThan(1e-8 * size);
          // (e_a + 2 e_b)' K^-1 (e_a + 2 e_b) by one walk to the root, and by a solve; twice, so that nothing is left over.
          const b = (a + 3) % matrix.size;
          const both = new Float64Array(matrix.size);
          both[a]! += 1;
          both[b]! += 2;
          const solved = both.slice();
          ldl.solve(solved);
          const form = solved.reduce((sum, value, i) => sum + value * both[i]!, 0);
          fc.pre(Math.max(...solved.map(Math.abs)) < 1e6);
          expect(Math.abs(ldl.quadraticForm([a, b], [1, 2]) - form)).toBeLessThan(1e-7 * Math.max(1, size));
          expect(Math.abs(ldl.quadraticForm([a, b], [1, 2]) - form)).toBeLessThan(1e-7 * Math.max(1, size));
        }
      }),
      { seed: 11, numRuns: 150 },
    );
  });

  test('refills values without a new analysis', () => {
    const matrix = {
      size: 2,
      rows: Int32Array.from([0, 1, 1]),
      columns: Int32Array.from([0, 0, 1]),
      blockOf: Int32Array.from([0, 1]),
      blockCount: 2,
    };
    const ldl = new SparseLdl(matrix);
    for (const d of [2, 5]) {
      ldl.factorise(Float64Array.from([d, 1, 3]), ones(2), 1e-12);
      const x = Float64Array.from([d + 1, 4]);
      ldl.solve(x);
      expect(x[0]).toBeCloseTo(1, 12);
      expect(x[1]).toBeCloseTo(1, 12);
    }
  });
});

test("positive eigenvalues are counted: L D L' with dense L has as many as D", () => {
  const entry = fc.double({ min: -2, max: 2, noNaN: true });
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom(-3, -0.5, 0.7, 2), { minLength: 1, maxLength: 9 }),
      fc.array(entry, { minLength: 36, maxLength: 36 }),
      (d, below) => {
        const size = d.length;
        const l = (i: number, k: number): number => (i === k ? 1 : i > k ? below[(i * (i - 1)) / 2 + k]! : 0);
        const places = d.flatMap((_, i) => Array.from({ length: i + 1 }, (__, j) => [i, j] as const));
        const ldl = new SparseLdl({
          size,
          rows: Int32Array.from(places, ([i]) => i),
          columns: Int32Array.from(places, ([, j]) => j),
          blockOf: Int32Array.from({ length: size }, (_, i) => i),
          blockCount: size,
        });
        const values = Float64Array.from(places, ([i, j]) =>
          d.reduce((sum, value, k) => sum + l(i, k) * value * l(j, k), 0),
        );
        ldl.factorise(values, new Float64Array(size).fill(1), 1e-12);
        expect(ldl.positiveEigenvalues()).toBe(d.filter((value) => value > 0).length);
      },
    ),
    { seed: 3, numRuns: 300 },
  );
});
