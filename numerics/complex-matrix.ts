/** Small dense complex matrices for set-up code: rows of entries, up to a handful of conductors. */
import { ZERO, add, complex, divide, multiply, scale, subtract, type Complex } from './complex.ts';

export type ComplexMatrix = readonly (readonly Complex[])[];

/** Real and imaginary part, both square and of one size. */
export function complexMatrix(re: readonly (readonly number[])[], im: readonly (readonly number[])[]): ComplexMatrix {
  return re.map((row, r) => row.map((value, c) => complex(value, im[r]?.[c])));
}

export function addMatrices(a: ComplexMatrix, b: ComplexMatrix): ComplexMatrix {
  return a.map((row, r) => row.map((value, c) => add(value, b[r]![c]!)));
}

export function scaleMatrix(a: ComplexMatrix, factor: number): ComplexMatrix {
  return a.map((row) => row.map((value) => scale(value, factor)));
}

export function multiplyMatrices(a: ComplexMatrix, b: ComplexMatrix): ComplexMatrix {
  return a.map((row) =>
    (b[0] ?? []).map((_, c) => row.reduce((sum, value, k) => add(sum, multiply(value, b[k]![c]!)), ZERO)),
  );
}

/** Gauss-Jordan with row pivoting; undefined when a pivot is below 1e-13 of the largest entry. */
export function invertMatrix(a: ComplexMatrix): ComplexMatrix | undefined {
  const n = a.length;
  const largest = Math.max(...a.flat().map(magnitude));
  const work = a.map((row, r) => [...row, ...row.map((_, c) => complex(r === c ? 1 : 0))]);
  for (let k = 0; k < n; k++) {
    let best = k;
    for (let r = k + 1; r < n; r++) if (magnitude(work[r]![k]!) > magnitude(work[best]![k]!)) best = r;
    const pivot = work[best]!;
    if (!(magnitude(pivot[k]!) > 1e-13 * largest)) return undefined;
    work[best] = work[k]!;
    const scaled = pivot.map((value) => divide(value, pivot[k]!));
    work[k] = scaled;
    for (let r = 0; r < n; r++) {
      if (r === k) continue;
      const factor = work[r]![k]!;
      work[r] = work[r]!.map((value, c) => subtract(value, multiply(factor, scaled[c]!)));
    }
  }
  return work.map((row) => row.slice(n));
}

function magnitude({ re, im }: Complex): number {
  return Math.hypot(re, im);
}
