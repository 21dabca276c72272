/**
 * Sparse LU factorisation of complex matrices with a symmetric pattern of 1x1 or 3x3 blocks: bus admittance matrices.
 * Order, fill and scatter maps are found once a topology, values are refilled and factorised, solves allocate nothing.
 */
import { minimumDegreeOrdering, type Elimination, type SymmetricPattern } from './ordering.ts';

/** A block as in `grids/model.ts`: row major, interleaved re, im. */
export type Block = Float64Array;

export interface BlockLu {
  readonly size: number;
  readonly blockSize: 1 | 3;
  /** Length of a right-hand side: `2 * size * blockSize`. */
  readonly length: number;
  /** Forgets the values, keeps the structure. */
  clear(): void;
  /** Adds `factor` times a block at (row, column) of the matrix; throws when the pattern has no such place. */
  add(row: number, column: number, block: Block, factor?: number): void;
  /**
   * Factorises in place; the sum of the added blocks is gone afterwards. Answers with the rows (natural numbering)
   * whose pivot block was singular to working accuracy, empty when all went well.
   */
  factorise(): number[];
  /**
   * Solves for a right-hand side in natural order, interleaved re, im; `x` may be `b`. `work` has `length` entries, so
   * that several users can share one factorisation.
   */
  solve(b: Float64Array, x: Float64Array, work: Float64Array): void;
}

/** Relative size under which a pivot counts as zero. */
const SINGULAR = 1e-13;
/** Couplings this near to minus the identity are taken as exactly that, see `solve3`. */
const UNIT = 1e-12;

/** A factorisation for a pattern; the matrix is zero until blocks are added. */
export function createBlockLu(pattern: SymmetricPattern, blockSize: 1 | 3): BlockLu {
  const elimination = minimumDegreeOrdering(pattern);
  const { order, position, start, index } = elimination;
  const { size } = pattern;
  const entries = 2 * blockSize * blockSize;
  const diagonal = new Float64Array(size * entries);
  // Slot s of column k holds L(index[s], k) in `lower` and U(k, index[s]) in `upper`.
  const lower = new Float64Array(index.length * entries);
  const upper = new Float64Array(index.length * entries);
  const lowerUnit = new Uint8Array(index.length);
  const upperUnit = new Uint8Array(index.length);
  const targets = findTargets(elimination);
  const factor: Factor = { blockSize, order, start, index, diagonal, lower, upper, lowerUnit, upperUnit, targets };

  const add: BlockLu['add'] = (row, column, block, scale = 1) => {
    const i = position[row]!;
    const j = position[column]!;
    if (i === j) return addTo(diagonal, i * entries, block, scale);
    const slot = findSlot(elimination, Math.min(i, j), Math.max(i, j));
    if (slot < 0) throw new RangeError(`no place for a block at ${row}, ${column}`);
    addTo(i > j ? lower : upper, slot * entries, block, scale);
  };
  return {
    size,
    blockSize,
    length: 2 * size * blockSize,
    add,
    clear: () => {
      diagonal.fill(0);
      lower.fill(0);
      upper.fill(0);
    },
    factorise: () => factorise(factor),
    solve: blockSize === 1 ? (b, x, work) => solve1(factor, b, x, work) : (b, x, work) => solve3(factor, b, x, work),
  };
}

interface Factor {
  readonly blockSize: 1 | 3;
  readonly order: Int32Array;
  readonly start: Int32Array;
  readonly index: Int32Array;
  /** After factorisation: inverted pivots; L with unit diagonal; U with unit diagonal. */
  readonly diagonal: Float64Array;
  readonly lower: Float64Array;
  readonly upper: Float64Array;
  readonly lowerUnit: Uint8Array;
  readonly upperUnit: Uint8Array;
  readonly targets: Int32Array;
}

function addTo(store: Float64Array, offset: number, block: Block, factor: number): void {
  for (let i = 0; i < block.length; i++) store[offset + i]! += factor * block[i]!;
}

/** Slot of row `row` in column `column` (steps), or -1. */
function findSlot({ start, index }: Elimination, column: number, row: number): number {
  let low = start[column]!;
  let high = start[column + 1]! - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const found = index[middle]!;
    if (found === row) return middle;
    if (found < row) low = middle + 1;
    else high = middle - 1;
  }
  return -1;
}

/**
 * Where eliminating each pivot subtracts: for every ordered pair (i, j) of rows of its column, the slot of (i, j), in
 * the lower factor for i > j, in the upper for i < j; the diagonal needs no slot and gets -1.
 */
function findTargets(elimination: Elimination): Int32Array {
  const { start, index } = elimination;
  const targets: number[] = [];
  for (let k = 0; k + 1 < start.length; k++) {
    for (let p = start[k]!; p < start[k + 1]!; p++) {
      for (let q = start[k]!; q < start[k + 1]!; q++) {
        const i = index[p]!;
        const j = index[q]!;
        targets.push(i === j ? -1 : findSlot(elimination, Math.min(i, j), Math.max(i, j)));
      }
    }
  }
  return Int32Array.from(targets);
}

/** Right-looking block elimination: D_k -> D_k^-1, L_ik = A_ik D_k^-1, A_ij -= L_ik A_kj, at last U_kj = D_k^-1 A_kj. */
function factorise(factor: Factor): number[] {
  const { blockSize: m, order, start, index, diagonal, lower, upper, targets } = factor;
  const entries = 2 * m * m;
  const product = new Float64Array(entries);
  const singular: number[] = [];
  let target = 0;
  for (let k = 0; k < order.length; k++) {
    const pivot = diagonal.subarray(k * entries, (k + 1) * entries);
    if (!invert(pivot, m)) singular.push(order[k]!);
    for (let p = start[k]!; p < start[k + 1]!; p++) {
      const left = lower.subarray(p * entries, (p + 1) * entries);
      multiply(left, pivot, product, m);
      left.set(product);
    }
    for (let p = start[k]!; p < start[k + 1]!; p++) {
      const left = lower.subarray(p * entries, (p + 1) * entries);
      for (let q = start[k]!; q < start[k + 1]!; q++) {
        multiply(left, upper.subarray(q * entries, (q + 1) * entries), product, m);
        const slot = targets[target++]!;
        if (slot < 0) addTo(diagonal, index[p]! * entries, product, -1);
        else addTo(index[p]! > index[q]! ? lower : upper, slot * entries, product, -1);
      }
    }
    for (let q = start[k]!; q < start[k + 1]!; q++) {
      const right = upper.subarray(q * entries, (q + 1) * entries);
      multiply(pivot, right, product, m);
      right.set(product);
    }
  }
  markUnits(factor);
  return singular;
}

/** Finds couplings that are minus the identity: every branch without shunts below it, hence most of a radial grid. */
function markUnits({ blockSize: m, lower, upper, lowerUnit, upperUnit }: Factor): void {
  const entries = 2 * m * m;
  const isUnit = (store: Float64Array, slot: number): boolean => {
    for (let i = 0; i < entries; i++) {
      const onDiagonal = i % (2 * (m + 1)) === 0;
      if (!(Math.abs(store[slot * entries + i]! + (onDiagonal ? 1 : 0)) < UNIT)) return false;
    }
    return true;
  };
  for (let slot = 0; slot < lowerUnit.length; slot++) {
    lowerUnit[slot] = isUnit(lower, slot) ? 1 : 0;
    upperUnit[slot] = isUnit(upper, slot) ? 1 : 0;
  }
}

/** product = a b for m x m complex blocks. */
function multiply(a: Float64Array, b: Float64Array, product: Float64Array, m: number): void {
  for (let r = 0; r < m; r++) {
    for (let c = 0; c < m; c++) {
      let re = 0;
      let im = 0;
      for (let k = 0; k < m; k++) {
        const ar = a[2 * (r * m + k)]!;
        const ai = a[2 * (r * m + k) + 1]!;
        const br = b[2 * (k * m + c)]!;
        const bi = b[2 * (k * m + c) + 1]!;
        re += ar * br - ai * bi;
        im += ar * bi + ai * br;
      }
      product[2 * (r * m + c)] = re;
      product[2 * (r * m + c) + 1] = im;
    }
  }
}

/** Inverts a block in place by Gauss-Jordan with row pivoting; false (and zeros) when it is singular. */
function invert(block: Float64Array, m: number): boolean {
  const a = Float64Array.from(block);
  let norm = 0;
  for (let i = 0; i < a.length; i++) norm = Math.max(norm, Math.abs(a[i]!));
  block.fill(0);
  for (let r = 0; r < m; r++) block[2 * (r * m + r)] = 1;
  for (let k = 0; k < m; k++) {
    let best = k;
    for (let r = k + 1; r < m; r++) if (magnitude(a, r * m + k) > magnitude(a, best * m + k)) best = r;
    if (!(magnitude(a, best * m + k) > SINGULAR * norm)) {
      block.fill(0);
      return false;
    }
    swapRows(a, k, best, m);
    swapRows(block, k, best, m);
    const pr = a[2 * (k * m + k)]!;
    const pi = a[2 * (k * m + k) + 1]!;
    const d = pr * pr + pi * pi;
    scaleRow(a, k, pr / d, -pi / d, m);
    scaleRow(block, k, pr / d, -pi / d, m);
    for (let r = 0; r < m; r++) {
      if (r === k) continue;
      const fr = a[2 * (r * m + k)]!;
      const fi = a[2 * (r * m + k) + 1]!;
      subtractRow(a, r, k, fr, fi, m);
      subtractRow(block, r, k, fr, fi, m);
    }
  }
  return true;
}

function magnitude(a: Float64Array, entry: number): number {
  return Math.hypot(a[2 * entry]!, a[2 * entry + 1]!);
}

function swapRows(a: Float64Array, r: number, s: number, m: number): void {
  if (r === s) return;
  for (let c = 0; c < 2 * m; c++) {
    const keep = a[2 * r * m + c]!;
    a[2 * r * m + c] = a[2 * s * m + c]!;
    a[2 * s * m + c] = keep;
  }
}

function scaleRow(a: Float64Array, r: number, re: number, im: number, m: number): void {
  for (let c = 0; c < m; c++) {
    const at = 2 * (r * m + c);
    const x = a[at]!;
    const y = a[at + 1]!;
    a[at] = x * re - y * im;
    a[at + 1] = x * im + y * re;
  }
}

function subtractRow(a: Float64Array, r: number, s: number, re: number, im: number, m: number): void {
  for (let c = 0; c < m; c++) {
    const at = 2 * (r * m + c);
    const x = a[2 * (s * m + c)]!;
    const y = a[2 * (s * m + c) + 1]!;
    a[at]! -= x * re - y * im;
    a[at + 1]! -= x * im + y * re;
  }
}

/** L y = P b forwards, then x_k = D_k^-1 y_k - sum U_kj x_j backwards, scalar blocks. */
function solve1(factor: Factor, b: Float64Array, x: Float64Array, w: Float64Array): void {
  const { order, start, index, diagonal, lower, upper } = factor;
  const n = order.length;
  for (let k = 0; k < n; k++) {
    w[2 * k] = b[2 * order[k]!]!;
    w[2 * k + 1] = b[2 * order[k]! + 1]!;
  }
  for (let k = 0; k < n; k++) {
    const br = w[2 * k]!;
    const bi = w[2 * k + 1]!;
    for (let s = start[k]!; s < start[k + 1]!; s++) {
      const i = 2 * index[s]!;
      w[i]! -= lower[2 * s]! * br - lower[2 * s + 1]! * bi;
      w[i + 1]! -= lower[2 * s]! * bi + lower[2 * s + 1]! * br;
    }
  }
  for (let k = n - 1; k >= 0; k--) {
    const br = w[2 * k]!;
    const bi = w[2 * k + 1]!;
    let re = diagonal[2 * k]! * br - diagonal[2 * k + 1]! * bi;
    let im = diagonal[2 * k]! * bi + diagonal[2 * k + 1]! * br;
    for (let s = start[k]!; s < start[k + 1]!; s++) {
      const j = 2 * index[s]!;
      re -= upper[2 * s]! * w[j]! - upper[2 * s + 1]! * w[j + 1]!;
      im -= upper[2 * s]! * w[j + 1]! + upper[2 * s + 1]! * w[j]!;
    }
    w[2 * k] = re;
    w[2 * k + 1] = im;
    x[2 * order[k]!] = re;
    x[2 * order[k]! + 1] = im;
  }
}

/**
 * The same for 3x3 blocks, written out: this is the inner loop of the three-phase power flow. Where a coupling is minus
 * the identity (current passes a branch unchanged) the block product is an addition, and the solve becomes the classic
 * backward-forward sweep: currents summed towards the source, voltage drops added away from it.
 */
function solve3(factor: Factor, b: Float64Array, x: Float64Array, w: Float64Array): void {
  const { order, start, index, diagonal, lower, upper, lowerUnit, upperUnit } = factor;
  const n = order.length;
  for (let k = 0; k < n; k++) {
    const from = 6 * order[k]!;
    const to = 6 * k;
    w[to] = b[from]!;
    w[to + 1] = b[from + 1]!;
    w[to + 2] = b[from + 2]!;
    w[to + 3] = b[from + 3]!;
    w[to + 4] = b[from + 4]!;
    w[to + 5] = b[from + 5]!;
  }
  for (let k = 0; k < n; k++) {
    const end = start[k + 1]!;
    const at = 6 * k;
    for (let s = start[k]!; s < end; s++) {
      const i = 6 * index[s]!;
      if (lowerUnit[s] === 1) {
        w[i]! += w[at]!;
        w[i + 1]! += w[at + 1]!;
        w[i + 2]! += w[at + 2]!;
        w[i + 3]! += w[at + 3]!;
        w[i + 4]! += w[at + 4]!;
        w[i + 5]! += w[at + 5]!;
      } else subtractProduct(lower, 18 * s, w, at, i);
    }
  }
  for (let k = n - 1; k >= 0; k--) {
    const at = 6 * k;
    const d = 18 * k;
    const ar = w[at]!;
    const ai = w[at + 1]!;
    const br = w[at + 2]!;
    const bi = w[at + 3]!;
    const cr = w[at + 4]!;
    const ci = w[at + 5]!;
    w[at] =
      diagonal[d]! * ar -
      diagonal[d + 1]! * ai +
      (diagonal[d + 2]! * br - diagonal[d + 3]! * bi) +
      (diagonal[d + 4]! * cr - diagonal[d + 5]! * ci);
    w[at + 1] =
      diagonal[d]! * ai +
      diagonal[d + 1]! * ar +
      (diagonal[d + 2]! * bi + diagonal[d + 3]! * br) +
      (diagonal[d + 4]! * ci + diagonal[d + 5]! * cr);
    w[at + 2] =
      diagonal[d + 6]! * ar -
      diagonal[d + 7]! * ai +
      (diagonal[d + 8]! * br - diagonal[d + 9]! * bi) +
      (diagonal[d + 10]! * cr - diagonal[d + 11]! * ci);
    w[at + 3] =
      diagonal[d + 6]! * ai +
      diagonal[d + 7]! * ar +
      (diagonal[d + 8]! * bi + diagonal[d + 9]! * br) +
      (diagonal[d + 10]! * ci + diagonal[d + 11]! * cr);
    w[at + 4] =
      diagonal[d + 12]! * ar -
      diagonal[d + 13]! * ai +
      (diagonal[d + 14]! * br - diagonal[d + 15]! * bi) +
      (diagonal[d + 16]! * cr - diagonal[d + 17]! * ci);
    w[at + 5] =
      diagonal[d + 12]! * ai +
      diagonal[d + 13]! * ar +
      (diagonal[d + 14]! * bi + diagonal[d + 15]! * br) +
      (diagonal[d + 16]! * ci + diagonal[d + 17]! * cr);
    const end = start[k + 1]!;
    for (let s = start[k]!; s < end; s++) {
      const j = 6 * index[s]!;
      if (upperUnit[s] === 1) {
        w[at] += w[j]!;
        w[at + 1]! += w[j + 1]!;
        w[at + 2]! += w[j + 2]!;
        w[at + 3]! += w[j + 3]!;
        w[at + 4]! += w[j + 4]!;
        w[at + 5]! += w[j + 5]!;
      } else subtractProduct(upper, 18 * s, w, j, at);
    }
    const to = 6 * order[k]!;
    x[to] = w[at]!;
    x[to + 1] = w[at + 1]!;
    x[to + 2] = w[at + 2]!;
    x[to + 3] = w[at + 3]!;
    x[to + 4] = w[at + 4]!;
    x[to + 5] = w[at + 5]!;
  }
}

/** w[to..] -= block(d) w[from..], 3x3 complex. */
function subtractProduct(block: Float64Array, d: number, w: Float64Array, from: number, to: number): void {
  const ar = w[from]!;
  const ai = w[from + 1]!;
  const br = w[from + 2]!;
  const bi = w[from + 3]!;
  const cr = w[from + 4]!;
  const ci = w[from + 5]!;
  w[to]! -=
    block[d]! * ar -
    block[d + 1]! * ai +
    (block[d + 2]! * br - block[d + 3]! * bi) +
    (block[d + 4]! * cr - block[d + 5]! * ci);
  w[to + 1]! -=
    block[d]! * ai +
    block[d + 1]! * ar +
    (block[d + 2]! * bi + block[d + 3]! * br) +
    (block[d + 4]! * ci + block[d + 5]! * cr);
  w[to + 2]! -=
    block[d + 6]! * ar -
    block[d + 7]! * ai +
    (block[d + 8]! * br - block[d + 9]! * bi) +
    (block[d + 10]! * cr - block[d + 11]! * ci);
  w[to + 3]! -=
    block[d + 6]! * ai +
    block[d + 7]! * ar +
    (block[d + 8]! * bi + block[d + 9]! * br) +
    (block[d + 10]! * ci + block[d + 11]! * cr);
  w[to + 4]! -=
    block[d + 12]! * ar -
    block[d + 13]! * ai +
    (block[d + 14]! * br - block[d + 15]! * bi) +
    (block[d + 16]! * cr - block[d + 17]! * ci);
  w[to + 5]! -=
    block[d + 12]! * ai +
    block[d + 13]! * ar +
    (block[d + 14]! * bi + block[d + 15]! * br) +
    (block[d + 16]! * ci + block[d + 17]! * cr);
}
