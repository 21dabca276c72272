/**
 * Sparse LU factorisation of real block matrices with a symmetric pattern and unsymmetric values: Jacobians of network
 * equations. Order, fill and places are found once, values are written in place and factorised anew at every step.
 */
import { findSlot, minimumDegreeOrdering, type SymmetricPattern } from './ordering.ts';

export interface RealBlockLu {
  /** Rows and columns of a block. */
  readonly order: number;
  /** All blocks, row major; `factorise` overwrites them with the factors. */
  readonly values: Float64Array;
  /** Where the block of (row, column) begins in `values`; -1 outside the pattern. */
  place(row: number, column: number): number;
  /**
   * Factorises `values` in place, pivoting within blocks. False when a pivot, relative to its block, is not above
   * `singular`: by default what rounding leaves of zero.
   */
  factorise(singular?: number): boolean;
  /** Solves in place, right-hand side in natural order, `order` numbers a row. */
  solve(x: Float64Array): void;
}

/** Relative size under which a pivot counts as zero. */
const SINGULAR = 1e-14;

/** A factorisation for a pattern of blocks of `order` rows; all values are zero to begin with. */
export function createRealBlockLu(pattern: SymmetricPattern, order: number): RealBlockLu {
  const elimination = minimumDegreeOrdering(pattern);
  const { position, order: sequence, start, index } = elimination;
  const { size } = pattern;
  const entries = order * order;
  // Diagonal blocks first, then L (slot s of column k is row index[s]), then U (slot s of row k is column index[s]).
  const lowerAt = size * entries;
  const upperAt = lowerAt + index.length * entries;
  const values = new Float64Array(upperAt + index.length * entries);
  const placeOf = (i: number, j: number): number => {
    if (i === j) return i * entries;
    const slot = findSlot(elimination, Math.min(i, j), Math.max(i, j));
    return slot < 0 ? -1 : (i > j ? lowerAt : upperAt) + slot * entries;
  };
  // For every pivot and ordered pair of the rows of its column: where elimination subtracts.
  const targets: number[] = [];
  for (let k = 0; k < size; k++) {
    for (let p = start[k]!; p < start[k + 1]!; p++) {
      for (let q = start[k]!; q < start[k + 1]!; q++) targets.push(placeOf(index[p]!, index[q]!));
    }
  }
  const layout: Layout = {
    order,
    size,
    start,
    index,
    lowerAt,
    upperAt,
    values,
    targets: Int32Array.from(targets),
    scratch: new Float64Array(2 * entries),
  };
  const work = new Float64Array(size * order);
  return {
    order,
    values,
    place: (row, column) => placeOf(position[row]!, position[column]!),
    factorise: (singular = SINGULAR) => factorise(layout, singular),
    solve: (x) => {
      for (let k = 0; k < size; k++) {
        for (let e = 0; e < order; e++) work[k * order + e] = x[sequence[k]! * order + e]!;
      }
      substitute(layout, work);
      for (let k = 0; k < size; k++) {
        for (let e = 0; e < order; e++) x[sequence[k]! * order + e] = work[k * order + e]!;
      }
    },
  };
}

interface Layout {
  readonly order: number;
  readonly size: number;
  readonly start: Int32Array;
  readonly index: Int32Array;
  readonly lowerAt: number;
  readonly upperAt: number;
  readonly values: Float64Array;
  readonly targets: Int32Array;
  /** Room for two blocks. */
  readonly scratch: Float64Array;
}

/** Right-looking: D_k -> D_k^-1, L_ik = A_ik D_k^-1, A_ij -= L_ik A_kj; U_kj stays A_kj and meets D_k^-1 when solving. */
function factorise(layout: Layout, singular: number): boolean {
  const { order, size, start, lowerAt, upperAt, values, targets, scratch } = layout;
  const entries = order * order;
  let target = 0;
  for (let k = 0; k < size; k++) {
    if (!invert(values, k * entries, order, singular, scratch)) return false;
    const first = start[k]!;
    const end = start[k + 1]!;
    for (let p = first; p < end; p++) timesPivot(values, lowerAt + p * entries, k * entries, order, scratch);
    for (let p = first; p < end; p++) {
      const left = lowerAt + p * entries;
      for (let q = first; q < end; q++) {
        subtractProduct(values, targets[target++]!, left, upperAt + q * entries, order);
      }
    }
  }
  return true;
}

/** values[at] = values[at] values[pivot]. */
function timesPivot(values: Float64Array, at: number, pivot: number, order: number, scratch: Float64Array): void {
  for (let r = 0; r < order; r++) {
    for (let c = 0; c < order; c++) {
      let sum = 0;
      for (let k = 0; k < order; k++) sum += values[at + r * order + k]! * values[pivot + k * order + c]!;
      scratch[r * order + c] = sum;
    }
  }
  for (let e = 0; e < order * order; e++) values[at + e] = scratch[e]!;
}

/** values[to] -= values[a] values[b]. */
function subtractProduct(values: Float64Array, to: number, a: number, b: number, order: number): void {
  if (order === 2) {
    const a0 = values[a]!;
    const a1 = values[a + 1]!;
    const a2 = values[a + 2]!;
    const a3 = values[a + 3]!;
    const b0 = values[b]!;
    const b1 = values[b + 1]!;
    const b2 = values[b + 2]!;
    const b3 = values[b + 3]!;
    values[to]! -= a0 * b0 + a1 * b2;
    values[to + 1]! -= a0 * b1 + a1 * b3;
    values[to + 2]! -= a2 * b0 + a3 * b2;
    values[to + 3]! -= a2 * b1 + a3 * b3;
    return;
  }
  for (let r = 0; r < order; r++) {
    for (let k = 0; k < order; k++) {
      const left = values[a + r * order + k]!;
      if (left === 0) continue;
      for (let c = 0; c < order; c++) values[to + r * order + c]! -= left * values[b + k * order + c]!;
    }
  }
}

/** Gauss-Jordan in place with row pivoting; `scratch` holds the block and its inverse. */
function invert(values: Float64Array, at: number, order: number, singular: number, scratch: Float64Array): boolean {
  const entries = order * order;
  let norm = 0;
  for (let e = 0; e < entries; e++) {
    const value = values[at + e]!;
    scratch[e] = value;
    scratch[entries + e] = 0;
    norm = Math.max(norm, Math.abs(value));
  }
  for (let r = 0; r < order; r++) scratch[entries + r * order + r] = 1;
  for (let k = 0; k < order; k++) {
    let best = k;
    for (let r = k + 1; r < order; r++) {
      if (Math.abs(scratch[r * order + k]!) > Math.abs(scratch[best * order + k]!)) best = r;
    }
    const pivot = scratch[best * order + k]!;
    if (!(Math.abs(pivot) > singular * norm)) return false;
    for (let c = 0; c < order; c++) {
      for (let half = 0; half <= entries; half += entries) {
        const keep = scratch[half + best * order + c]! / pivot;
        scratch[half + best * order + c] = scratch[half + k * order + c]!;
        scratch[half + k * order + c] = keep;
      }
    }
    for (let r = 0; r < order; r++) {
      const factor = scratch[r * order + k]!;
      if (r === k || factor === 0) continue;
      for (let c = 0; c < order; c++) {
        scratch[r * order + c]! -= factor * scratch[k * order + c]!;
        scratch[entries + r * order + c]! -= factor * scratch[entries + k * order + c]!;
      }
    }
  }
  for (let e = 0; e < entries; e++) values[at + e] = scratch[entries + e]!;
  return true;
}

/** L y = b forwards, then x_k = D_k^-1 (y_k - sum U_kj x_j) backwards. */
function substitute(
  { order, size, start, index, lowerAt, upperAt, values, scratch: row }: Layout,
  w: Float64Array,
): void {
  const entries = order * order;
  for (let k = 0; k < size; k++) {
    for (let s = start[k]!; s < start[k + 1]!; s++) {
      subtractTimes(values, lowerAt + s * entries, w, k * order, index[s]! * order, order);
    }
  }
  for (let k = size - 1; k >= 0; k--) {
    const at = k * order;
    for (let s = start[k]!; s < start[k + 1]!; s++) {
      subtractTimes(values, upperAt + s * entries, w, index[s]! * order, at, order);
    }
    for (let r = 0; r < order; r++) {
      let sum = 0;
      for (let c = 0; c < order; c++) sum += values[k * entries + r * order + c]! * w[at + c]!;
      row[r] = sum;
    }
    for (let r = 0; r < order; r++) w[at + r] = row[r]!;
  }
}

/** w[to..] -= block w[from..]. */
function subtractTimes(
  values: Float64Array,
  block: number,
  w: Float64Array,
  from: number,
  to: number,
  order: number,
): void {
  for (let r = 0; r < order; r++) {
    let sum = 0;
    for (let c = 0; c < order; c++) sum += values[block + r * order + c]! * w[from + c]!;
    w[to + r]! -= sum;
  }
}
