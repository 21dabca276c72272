/**
 * Sparse LU factorisation of complex block matrices with a symmetric pattern: bus admittance matrices. Order, fill and
 * scatter maps are found once a topology, values are refilled and factorised, solves allocate nothing.
 */
import { SINGULAR, invertBlock, magnitude, multiplyBlocks } from './complex-block.ts';
import { findSlot, minimumDegreeOrdering, type Elimination, type SymmetricPattern } from './ordering.ts';

/**
 * Blocks are scalars, full 3x3 matrices (row major), or diagonal 3x3 matrices (three entries: three systems that share
 * one pattern, such as the symmetrical components of a transposed grid). Entries are interleaved re, im.
 */
export type BlockShape = 'scalar' | 'full' | 'diagonal';

export interface BlockLu {
  readonly size: number;
  readonly shape: BlockShape;
  /** Numbers in a row of a right-hand side: 2 for scalars, 6 otherwise; and in the whole of it. */
  readonly stride: number;
  readonly length: number;
  /** Place of a row in elimination order, which `solveOrdered` works in. */
  readonly position: Int32Array;
  /** Forgets the values, keeps the structure. */
  clear(): void;
  /** Adds `factor` times a block at (row, column) of the matrix; throws RangeError when the pattern has no such place. */
  add(row: number, column: number, block: Float64Array, factor?: number): void;
  /**
   * Factorises in place; the sum of the added blocks is gone afterwards. Answers with the rows (natural numbering)
   * whose pivot block was singular to working accuracy, empty when all went well.
   */
  factorise(): number[];
  /** Solves in place for a right-hand side whose rows stand in elimination order. The factor stays as it is. */
  solveOrdered(w: Float64Array): void;
  /** Solves for a right-hand side in natural order; `x` may be `b`, `work` has `length` entries. */
  solve(b: Float64Array, x: Float64Array, work: Float64Array): void;
}

/** Arithmetic of one kind of block. */
interface Kernel {
  /** Numbers in a block and in a row of a vector. */
  readonly entries: number;
  readonly stride: number;
  /** product = a b. */
  readonly multiply: (a: Float64Array, b: Float64Array, product: Float64Array) => void;
  /** Inverts in place; false and zeros when singular. */
  readonly invert: (block: Float64Array) => boolean;
  readonly solve: (factor: Factor, w: Float64Array) => void;
}

interface Factor {
  readonly order: Int32Array;
  readonly start: Int32Array;
  readonly index: Int32Array;
  /** After factorisation: inverted pivots; L with unit diagonal; U with unit diagonal. */
  readonly diagonal: Float64Array;
  /** Slot s of column k holds L(index[s], k) in `lower` and U(k, index[s]) in `upper`. */
  readonly lower: Float64Array;
  readonly upper: Float64Array;
  readonly targets: Int32Array;
}

const KERNELS: Readonly<Record<BlockShape, Kernel>> = {
  scalar: {
    entries: 2,
    stride: 2,
    multiply: (a, b, product) => multiplyBlocks(a, b, product, 1),
    invert: (block) => invertBlock(block, 1),
    solve: solveScalar,
  },
  full: {
    entries: 18,
    stride: 6,
    multiply: (a, b, product) => multiplyBlocks(a, b, product, 3),
    invert: (block) => invertBlock(block, 3),
    solve: solveFull,
  },
  diagonal: { entries: 6, stride: 6, multiply: multiplyDiagonal, invert: invertDiagonal, solve: solveDiagonal },
};

/** A factorisation for a pattern; the matrix is zero until blocks are added. */
export function createBlockLu(pattern: SymmetricPattern, shape: BlockShape): BlockLu {
  const elimination = minimumDegreeOrdering(pattern);
  const { order, position, start, index } = elimination;
  const { size } = pattern;
  const kernel = KERNELS[shape];
  const { entries, stride } = kernel;
  const diagonal = new Float64Array(size * entries);
  const lower = new Float64Array(index.length * entries);
  const upper = new Float64Array(index.length * entries);
  const factor: Factor = { order, start, index, diagonal, lower, upper, targets: findTargets(elimination) };

  const add: BlockLu['add'] = (row, column, block, scale = 1) => {
    const i = position[row];
    const j = position[column];
    if (i === undefined || j === undefined) throw new RangeError(`no row ${row} or column ${column}`);
    if (i === j) return addTo(diagonal, i * entries, block, scale);
    const slot = findSlot(elimination, Math.min(i, j), Math.max(i, j));
    if (slot < 0) throw new RangeError(`no place for a block at ${row}, ${column}`);
    addTo(i > j ? lower : upper, slot * entries, block, scale);
  };
  const solve: BlockLu['solve'] = (b, x, work) => {
    for (let k = 0; k < size; k++) {
      for (let e = 0; e < stride; e++) work[k * stride + e] = b[order[k]! * stride + e]!;
    }
    kernel.solve(factor, work);
    for (let k = 0; k < size; k++) {
      for (let e = 0; e < stride; e++) x[order[k]! * stride + e] = work[k * stride + e]!;
    }
  };
  return {
    size,
    shape,
    stride,
    length: stride * size,
    position,
    add,
    clear: () => {
      diagonal.fill(0);
      lower.fill(0);
      upper.fill(0);
    },
    factorise: () => factorise(factor, kernel),
    solveOrdered: (w) => kernel.solve(factor, w),
    solve,
  };
}

function addTo(store: Float64Array, offset: number, block: Float64Array, factor: number): void {
  for (let i = 0; i < block.length; i++) store[offset + i]! += factor * block[i]!;
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
function factorise(factor: Factor, { entries, invert, multiply }: Kernel): number[] {
  const { order, start, index, diagonal, lower, upper, targets } = factor;
  const product = new Float64Array(entries);
  const singular: number[] = [];
  let target = 0;
  for (let k = 0; k < order.length; k++) {
    const pivot = diagonal.subarray(k * entries, (k + 1) * entries);
    if (!invert(pivot)) singular.push(order[k]!);
    for (let p = start[k]!; p < start[k + 1]!; p++) {
      const left = lower.subarray(p * entries, (p + 1) * entries);
      multiply(left, pivot, product);
      left.set(product);
    }
    for (let p = start[k]!; p < start[k + 1]!; p++) {
      const left = lower.subarray(p * entries, (p + 1) * entries);
      for (let q = start[k]!; q < start[k + 1]!; q++) {
        multiply(left, upper.subarray(q * entries, (q + 1) * entries), product);
        const slot = targets[target++]!;
        if (slot < 0) addTo(diagonal, index[p]! * entries, product, -1);
        else addTo(index[p]! > index[q]! ? lower : upper, slot * entries, product, -1);
      }
    }
    for (let q = start[k]!; q < start[k + 1]!; q++) {
      const right = upper.subarray(q * entries, (q + 1) * entries);
      multiply(pivot, right, product);
      right.set(product);
    }
  }
  return singular;
}

function multiplyDiagonal(a: Float64Array, b: Float64Array, product: Float64Array): void {
  for (let e = 0; e < 6; e += 2) {
    const re = a[e]! * b[e]! - a[e + 1]! * b[e + 1]!;
    const im = a[e]! * b[e + 1]! + a[e + 1]! * b[e]!;
    product[e] = re;
    product[e + 1] = im;
  }
}

/** Each entry for itself; the block counts as singular when one of them is, against the largest. */
function invertDiagonal(block: Float64Array): boolean {
  let norm = 0;
  for (let e = 0; e < 3; e++) norm = Math.max(norm, magnitude(block, e));
  for (let e = 0; e < 3; e++) {
    if (magnitude(block, e) > SINGULAR * norm) continue;
    block.fill(0);
    return false;
  }
  for (let e = 0; e < 6; e += 2) {
    const d = block[e]! * block[e]! + block[e + 1]! * block[e + 1]!;
    block[e] = block[e]! / d;
    block[e + 1] = -block[e + 1]! / d;
  }
  return true;
}

/** L y = b forwards, then x_k = D_k^-1 y_k - sum U_kj x_j backwards, scalar blocks. */
function solveScalar(factor: Factor, w: Float64Array): void {
  const { order, start, index, diagonal, lower, upper } = factor;
  const n = order.length;
  for (let k = 0; k < n; k++) {
    const br = w[2 * k]!;
    const bi = w[2 * k + 1]!;
    const end = start[k + 1]!;
    for (let s = start[k]!; s < end; s++) {
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
    const end = start[k + 1]!;
    for (let s = start[k]!; s < end; s++) {
      const j = 2 * index[s]!;
      re -= upper[2 * s]! * w[j]! - upper[2 * s + 1]! * w[j + 1]!;
      im -= upper[2 * s]! * w[j + 1]! + upper[2 * s + 1]! * w[j]!;
    }
    w[2 * k] = re;
    w[2 * k + 1] = im;
  }
}

/** The same for diagonal blocks, written out: the inner loop of the three-phase power flow on transposed grids. */
function solveDiagonal(factor: Factor, w: Float64Array): void {
  const { order, start, index, diagonal, lower, upper } = factor;
  const n = order.length;
  for (let k = 0; k < n; k++) {
    const at = 6 * k;
    const ar = w[at]!;
    const ai = w[at + 1]!;
    const br = w[at + 2]!;
    const bi = w[at + 3]!;
    const cr = w[at + 4]!;
    const ci = w[at + 5]!;
    const end = start[k + 1]!;
    for (let s = start[k]!; s < end; s++) {
      const i = 6 * index[s]!;
      const d = 6 * s;
      w[i]! -= lower[d]! * ar - lower[d + 1]! * ai;
      w[i + 1]! -= lower[d]! * ai + lower[d + 1]! * ar;
      w[i + 2]! -= lower[d + 2]! * br - lower[d + 3]! * bi;
      w[i + 3]! -= lower[d + 2]! * bi + lower[d + 3]! * br;
      w[i + 4]! -= lower[d + 4]! * cr - lower[d + 5]! * ci;
      w[i + 5]! -= lower[d + 4]! * ci + lower[d + 5]! * cr;
    }
  }
  for (let k = n - 1; k >= 0; k--) {
    const at = 6 * k;
    let ar = diagonal[at]! * w[at]! - diagonal[at + 1]! * w[at + 1]!;
    let ai = diagonal[at]! * w[at + 1]! + diagonal[at + 1]! * w[at]!;
    let br = diagonal[at + 2]! * w[at + 2]! - diagonal[at + 3]! * w[at + 3]!;
    let bi = diagonal[at + 2]! * w[at + 3]! + diagonal[at + 3]! * w[at + 2]!;
    let cr = diagonal[at + 4]! * w[at + 4]! - diagonal[at + 5]! * w[at + 5]!;
    let ci = diagonal[at + 4]! * w[at + 5]! + diagonal[at + 5]! * w[at + 4]!;
    const end = start[k + 1]!;
    for (let s = start[k]!; s < end; s++) {
      const j = 6 * index[s]!;
      const d = 6 * s;
      ar -= upper[d]! * w[j]! - upper[d + 1]! * w[j + 1]!;
      ai -= upper[d]! * w[j + 1]! + upper[d + 1]! * w[j]!;
      br -= upper[d + 2]! * w[j + 2]! - upper[d + 3]! * w[j + 3]!;
      bi -= upper[d + 2]! * w[j + 3]! + upper[d + 3]! * w[j + 2]!;
      cr -= upper[d + 4]! * w[j + 4]! - upper[d + 5]! * w[j + 5]!;
      ci -= upper[d + 4]! * w[j + 5]! + upper[d + 5]! * w[j + 4]!;
    }
    w[at] = ar;
    w[at + 1] = ai;
    w[at + 2] = br;
    w[at + 3] = bi;
    w[at + 4] = cr;
    w[at + 5] = ci;
  }
}

/** The same for full 3x3 blocks. */
function solveFull(factor: Factor, w: Float64Array): void {
  const { order, start, index, diagonal, lower, upper } = factor;
  const n = order.length;
  for (let k = 0; k < n; k++) {
    const end = start[k + 1]!;
    for (let s = start[k]!; s < end; s++) subtractProduct(lower, 18 * s, w, 6 * k, 6 * index[s]!);
  }
  for (let k = n - 1; k >= 0; k--) {
    applyPivot(diagonal, 18 * k, w, 6 * k);
    const end = start[k + 1]!;
    for (let s = start[k]!; s < end; s++) subtractProduct(upper, 18 * s, w, 6 * index[s]!, 6 * k);
  }
}

/** w[at..] = block(d) w[at..], 3x3 complex. */
function applyPivot(block: Float64Array, d: number, w: Float64Array, at: number): void {
  const ar = w[at]!;
  const ai = w[at + 1]!;
  const br = w[at + 2]!;
  const bi = w[at + 3]!;
  const cr = w[at + 4]!;
  const ci = w[at + 5]!;
  for (let r = 0; r < 3; r++) {
    const e = d + 6 * r;
    w[at + 2 * r] =
      block[e]! * ar -
      block[e + 1]! * ai +
      (block[e + 2]! * br - block[e + 3]! * bi) +
      (block[e + 4]! * cr - block[e + 5]! * ci);
    w[at + 2 * r + 1] =
      block[e]! * ai +
      block[e + 1]! * ar +
      (block[e + 2]! * bi + block[e + 3]! * br) +
      (block[e + 4]! * ci + block[e + 5]! * cr);
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
  for (let r = 0; r < 3; r++) {
    const e = d + 6 * r;
    w[to + 2 * r]! -=
      block[e]! * ar -
      block[e + 1]! * ai +
      (block[e + 2]! * br - block[e + 3]! * bi) +
      (block[e + 4]! * cr - block[e + 5]! * ci);
    w[to + 2 * r + 1]! -=
      block[e]! * ai +
      block[e + 1]! * ar +
      (block[e + 2]! * bi + block[e + 3]! * br) +
      (block[e + 4]! * ci + block[e + 5]! * cr);
  }
}
