/**
 * Sparse LDL^T of symmetric indefinite block matrices whose pivot blocks are sound in any order of elimination: ordering
 * and places are found once, and a factor is made seldom and solved with often, in WebAssembly.
 *
 * There is no pivoting between blocks, so `factorise` tries the factor on a known solution and says how well it does.
 */
import { blockLdlLoops } from './block-ldl-loops.ts';
import { minimumDegreeOrdering, type SymmetricPattern } from './ordering.ts';
import { createMemory } from './wasm.ts';

export interface BlockLdl {
  /** Numbers in a row of the vector. */
  readonly order: number;
  /** Place of each row of the pattern in the vector: row r begins at `order * position[r]`. */
  readonly position: Int32Array;
  /** Right side and, after `solve`, solution. Its place in memory never changes. */
  readonly vector: Float64Array;
  /** Forgets the values. */
  clear(): void;
  /** Adds to entry (r, c) of block (row, column), and to its mirror image; throws RangeError outside the pattern. */
  add(row: number, column: number, r: number, c: number, value: number): void;
  /**
   * Factorises; the values are gone afterwards. Answers with the largest relative error of a known solution, the vector
   * being overwritten: about 1e-12 when all is well, infinite when a pivot block is singular.
   */
  factorise(): number;
  solve(): void;
}

/** Relative size under which a pivot within a block counts as zero. */
const SINGULAR = 1e-15;

/** For blocks of `order` rows, an even number. All values are zero to begin with. */
export function createBlockLdl(pattern: SymmetricPattern, order: number): BlockLdl {
  const { position, start, index } = byLevel(minimumDegreeOrdering(pattern));
  const { size } = pattern;
  const entries = order * order;
  const counts = { vector: size * order, pivots: size * entries, lower: index.length * entries };
  const numbers = counts.vector + counts.pivots + counts.lower;
  const streams = size + index.length;
  const rowBytes = 8 * order;
  // The vector does not begin at zero, so that an address below it is a number that the loops can meet.
  const vectorAt = rowBytes;
  const memory = createMemory(vectorAt + 8 * numbers + 8 * streams);
  const pivotsAt = vectorAt + 8 * counts.vector;
  const lowerAt = pivotsAt + 8 * counts.pivots;
  const vector = new Float64Array(memory.buffer, vectorAt, counts.vector);
  const pivots = new Float64Array(memory.buffer, pivotsAt, counts.pivots);
  const lower = new Float64Array(memory.buffer, lowerAt, counts.lower);
  const downAt = lowerAt + 8 * counts.lower;
  const upAt = downAt + 4 * streams;
  writeStreams(start, index, vectorAt, rowBytes, {
    down: new Int32Array(memory.buffer, downAt, streams),
    up: new Int32Array(memory.buffer, upAt, streams),
  });
  const loops = blockLdlLoops(memory, order);
  const layout: Layout = { order, size, start, index, pivots, lower, targets: eliminationTargets(start, index) };
  const solve = (): void => {
    if (size === 0) return;
    loops.forward(vectorAt, pivotsAt, lowerAt, downAt);
    loops.backward(pivotsAt - rowBytes, vectorAt, lowerAt - 8 * entries, downAt - 8 * entries, upAt);
  };
  return {
    order,
    position,
    vector,
    clear: () => {
      pivots.fill(0);
      lower.fill(0);
    },
    add: (row, column, r, c, value) => {
      const [i, j] = [position[row]!, position[column]!];
      if (i === j) {
        pivots[i * entries + c * order + r]! += value;
        if (r !== c) pivots[i * entries + r * order + c]! += value;
        return;
      }
      const slot = slotOf(start, index, Math.min(i, j), Math.max(i, j));
      if (slot < 0) throw new RangeError(`the pattern has no block (${row}, ${column})`);
      lower[slot * entries + (i > j ? c * order + r : r * order + c)]! += value;
    },
    factorise: () => {
      const known = knownSolution(counts.vector);
      vector.fill(0);
      multiplyInto(layout, known, vector);
      if (!factoriseBlocks(layout)) return Number.POSITIVE_INFINITY;
      solve();
      return vector.reduce((worst, value, k) => Math.max(worst, Math.abs(value / known[k]! - 1)), 0);
    },
    solve,
  };
}

interface Columns {
  readonly position: Int32Array;
  readonly start: Int32Array;
  readonly index: Int32Array;
}

/**
 * The same elimination with steps of one depth of the elimination tree side by side, the deepest first: what comes next in
 * memory then seldom waits for what came before.
 */
function byLevel({ order, start, index }: Columns & { readonly order: Int32Array }): Columns {
  const size = order.length;
  const depth = new Int32Array(size);
  for (let k = size - 1; k >= 0; k--) if (start[k]! < start[k + 1]!) depth[k] = depth[index[start[k]!]!]! + 1;
  const steps = Int32Array.from({ length: size }, (_, k) => k).sort((a, b) => depth[b]! - depth[a]! || a - b);
  const moved = new Int32Array(size);
  steps.forEach((step, k) => (moved[step] = k));
  const newStart = new Int32Array(size + 1);
  const newIndex = new Int32Array(index.length);
  const position = new Int32Array(size);
  steps.forEach((step, k) => {
    const rows = index.subarray(start[step], start[step + 1]).map((row) => moved[row]!);
    newStart[k + 1] = newStart[k]! + rows.length;
    newIndex.set(rows.sort(), newStart[k]);
    position[order[step]!] = k;
  });
  return { position, start: newStart, index: newIndex };
}

/** What the loops read: per column its number of blocks and the addresses of their rows; upwards, all from the last on. */
function writeStreams(
  start: Int32Array,
  index: Int32Array,
  first: number,
  rowBytes: number,
  { down, up }: { down: Int32Array; up: Int32Array },
): void {
  let at = 0;
  for (let k = 0; k + 1 < start.length; k++) {
    down[at++] = start[k + 1]! - start[k]!;
    for (let s = start[k]!; s < start[k + 1]!; s++) down[at++] = first + index[s]! * rowBytes;
  }
  at = 0;
  for (let k = start.length - 2; k >= 0; k--) {
    up[at++] = start[k + 1]! - start[k]!;
    for (let s = start[k + 1]! - 1; s >= start[k]!; s--) up[at++] = first + index[s]! * rowBytes;
  }
}

/** Block of (row, column) below the diagonal; -1 outside the pattern. */
function slotOf(start: Int32Array, index: Int32Array, column: number, row: number): number {
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

/** For every column and pair p > q of its blocks: the block that elimination subtracts from. */
function eliminationTargets(start: Int32Array, index: Int32Array): Int32Array {
  const targets: number[] = [];
  for (let k = 0; k + 1 < start.length; k++) {
    for (let q = start[k]!; q < start[k + 1]!; q++) {
      for (let p = q + 1; p < start[k + 1]!; p++) targets.push(slotOf(start, index, index[q]!, index[p]!));
    }
  }
  return Int32Array.from(targets);
}

interface Layout extends Omit<Columns, 'position'> {
  readonly order: number;
  readonly size: number;
  /** Pivot blocks, and blocks below them; each column major. */
  readonly pivots: Float64Array;
  readonly lower: Float64Array;
  readonly targets: Int32Array;
}

/** Irregular numbers of size one, always the same. */
function knownSolution(length: number): Float64Array {
  return Float64Array.from({ length }, (_, k) => 1 + 0.5 * Math.sin(12.9898 * (k + 1)));
}

/** b += A x of what has been added. */
function multiplyInto({ order, size, start, index, pivots, lower }: Layout, x: Float64Array, b: Float64Array): void {
  const entries = order * order;
  for (let k = 0; k < size; k++) {
    for (let e = 0; e < entries; e++) {
      b[k * order + (e % order)]! += pivots[k * entries + e]! * x[k * order + Math.floor(e / order)]!;
    }
    for (let s = start[k]!; s < start[k + 1]!; s++) {
      for (let e = 0; e < entries; e++) {
        const value = lower[s * entries + e]!;
        const row = index[s]! * order + (e % order);
        const column = k * order + Math.floor(e / order);
        b[row]! += value * x[column]!;
        b[column]! += value * x[row]!;
      }
    }
  }
}

/** Right-looking: P_k = D_k^-1, L_ik = A_ik P_k, A_ij -= L_ik A_jk'. */
function factoriseBlocks({ order, size, start, index, pivots, lower, targets }: Layout): boolean {
  const entries = order * order;
  const work = new Float64Array(2 * entries);
  let own = new Float64Array(0);
  let target = 0;
  for (let k = 0; k < size; k++) {
    if (!invert(pivots, k * entries, order, work)) return false;
    const [first, end] = [start[k]!, start[k + 1]!];
    // What stood in the column before it was divided by the pivot.
    if (own.length < (end - first) * entries) own = new Float64Array((end - first) * entries);
    own.set(lower.subarray(first * entries, end * entries));
    lower.fill(0, first * entries, end * entries);
    for (let s = first; s < end; s++)
      addProduct(lower, s * entries, own, (s - first) * entries, pivots, k * entries, order);
    for (let q = first; q < end; q++) {
      const right = (q - first) * entries;
      subtractTransposed(pivots, index[q]! * entries, lower, q * entries, own, right, order);
      for (let p = q + 1; p < end; p++) {
        subtractTransposed(lower, targets[target++]! * entries, lower, p * entries, own, right, order);
      }
    }
  }
  return true;
}

/** to += a b, with b symmetric. */
function addProduct(
  to: Float64Array,
  at: number,
  a: Float64Array,
  aAt: number,
  b: Float64Array,
  bAt: number,
  order: number,
): void {
  for (let c = 0; c < order; c++) {
    for (let k = 0; k < order; k++) {
      const factor = b[bAt + c * order + k]!;
      for (let r = 0; r < order; r++) to[at + c * order + r]! += a[aAt + k * order + r]! * factor;
    }
  }
}

/** to -= a b'. */
function subtractTransposed(
  to: Float64Array,
  at: number,
  a: Float64Array,
  aAt: number,
  b: Float64Array,
  bAt: number,
  order: number,
): void {
  for (let c = 0; c < order; c++) {
    for (let k = 0; k < order; k++) {
      const factor = b[bAt + k * order + c]!;
      if (factor === 0) continue;
      for (let r = 0; r < order; r++) to[at + c * order + r]! -= a[aAt + k * order + r]! * factor;
    }
  }
}

/** Gauss-Jordan in place with row pivoting, after rows and columns were scaled alike to entries of about one. */
function invert(values: Float64Array, at: number, order: number, work: Float64Array): boolean {
  const entries = order * order;
  const scale = new Float64Array(order);
  for (let r = 0; r < order; r++) {
    let largest = 0;
    for (let c = 0; c < order; c++) largest = Math.max(largest, Math.abs(values[at + c * order + r]!));
    scale[r] = largest > 0 ? 1 / Math.sqrt(largest) : 1;
  }
  for (let e = 0; e < entries; e++) {
    const [r, c] = [e % order, Math.floor(e / order)];
    work[c * order + r] = values[at + e]! * scale[r]! * scale[c]!;
    work[entries + e] = r === c ? 1 : 0;
  }
  for (let k = 0; k < order; k++) {
    let best = k;
    for (let r = k + 1; r < order; r++) {
      if (Math.abs(work[k * order + r]!) > Math.abs(work[k * order + best]!)) best = r;
    }
    const pivot = work[k * order + best]!;
    if (!(Math.abs(pivot) > SINGULAR)) return false;
    for (let at = 0; at < 2 * entries; at += order) {
      const keep = work[at + best]! / pivot;
      work[at + best] = work[at + k]!;
      work[at + k] = keep;
    }
    for (let r = 0; r < order; r++) {
      const factor = work[k * order + r]!;
      if (r === k || factor === 0) continue;
      for (let at = 0; at < 2 * entries; at += order) work[at + r]! -= factor * work[at + k]!;
    }
  }
  // The inverse is symmetric but for rounding.
  for (let c = 0; c < order; c++) {
    for (let r = 0; r <= c; r++) {
      const value = 0.5 * (work[entries + c * order + r]! + work[entries + r * order + c]!) * scale[r]! * scale[c]!;
      values[at + c * order + r] = value;
      values[at + r * order + c] = value;
    }
  }
  return true;
}
