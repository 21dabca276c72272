/**
 * Sparse LDL^T of symmetric indefinite block matrices whose pivot blocks are sound in any order of elimination: ordering
 * and places are found once, and a factor is made seldom and solved with often, in WebAssembly.
 *
 * There is no pivoting between blocks: who factorises tries the factor on a known solution (`multiply`, `solve`).
 */
import { blockLdlLoops, failedAt, workBytes } from './block-ldl-loops.ts';
import { findSlot, minimumDegreeOrdering, sortLists, type SymmetricPattern } from './ordering.ts';
import { createMemory } from './wasm.ts';

export interface BlockLdl {
  /** Numbers in a row of the vector. */
  readonly order: number;
  /** Place of each row of the pattern in the vector: row r begins at `order * position[r]`. */
  readonly position: Int32Array;
  /** Right side and, after `solve`, solution. Its place in memory never changes. */
  readonly vector: Float64Array;
  /** Begins a new matrix, all zero, in the room of one of the factors. Answers with its numbers, to be added to. */
  clear(factor?: number): Float64Array;
  /**
   * Where the first entry of block (row, column) stands among the numbers of a matrix; next to it come the others of its
   * first column, or of its first row where the row comes before the column in the vector. Of two mirrored blocks there is
   * one, blocks on the diagonal hold both halves. Throws RangeError outside the pattern.
   */
  place(row: number, column: number): number;
  /** Replaces the vector by its product with the matrix, before that is factorised. */
  multiply(): void;
  /** Factorises what was begun last; the values are gone afterwards. False when a pivot block is singular. */
  factorise(): boolean;
  solve(factor?: number): void;
  /**
   * The blocks of the inverse that lie inside the pattern of the factor, entry (r, c) of block (row, column) at a time;
   * NaN elsewhere. They are those of the moment, whatever becomes of the factor.
   */
  invert(factor?: number): (row: number, column: number, r: number, c: number) => number;
}

export interface BlockLdlOptions {
  /** Factors that are kept side by side (default 1). */
  readonly factors?: number;
  /** Rows to be eliminated after all others: pivot blocks that are singular before their neighbours are gone. */
  readonly last?: ReadonlySet<number>;
}

/** For blocks of `order` rows, an even number. All values are zero to begin with. */
export function createBlockLdl(pattern: SymmetricPattern, order: number, options: BlockLdlOptions = {}): BlockLdl {
  const { factors = 1, last = new Set() } = options;
  const columns = byLevel(minimumDegreeOrdering(pattern, last));
  const { position, start, index } = columns;
  const { size } = pattern;
  const entries = order * order;
  const rowBytes = 8 * order;
  const blockBytes = 8 * entries;
  // The vector does not begin at zero, so that an address below it is a number that the loops can meet.
  const vectorAt = rowBytes;
  const vectorEnd = vectorAt + size * rowBytes;
  const factorBytes = (size + index.length) * blockBytes;
  const downAt = vectorEnd + factors * factorBytes;
  const upAt = downAt + 4 * (size + index.length);
  const targets = eliminationTargets(columns, blockBytes);
  const targetsAt = upAt + 4 * (size + index.length);
  // What a column held before elimination; a vector before it is multiplied; and a pivot block under way.
  let widest = 0;
  for (let k = 0; k < size; k++) widest = Math.max(widest, start[k + 1]! - start[k]!);
  const ownAt = 8 * Math.ceil((targetsAt + 4 * targets.length) / 8);
  const multipliedAt = ownAt + widest * blockBytes;
  const workAt = multipliedAt + size * rowBytes;
  const memory = createMemory(workAt + workBytes(order));
  const { buffer } = memory;
  const loops = blockLdlLoops(memory, order);
  const vector = new Float64Array(buffer, vectorAt, size * order);
  writeStreams(start, index, { vectorAt, rowBytes }, [
    new Int32Array(buffer, downAt, size + index.length),
    new Int32Array(buffer, upAt, size + index.length),
  ]);
  new Int32Array(buffer, targetsAt, targets.length).set(targets);
  const failed = new Float64Array(buffer, workAt + failedAt(order), 1);
  const layouts = Array.from({ length: factors }, (_, factor): Layout => {
    const at = vectorEnd + factor * factorBytes;
    return {
      order,
      size,
      start,
      index,
      at,
      values: new Float64Array(buffer, at, factorBytes / 8),
      pivots: new Float64Array(buffer, at, size * entries),
      lower: new Float64Array(buffer, at + size * blockBytes, index.length * entries),
    };
  });
  let edited = 0;
  const multiplied = new Float64Array(buffer, multipliedAt, vector.length);
  const solve = (factor = 0): void => {
    if (size === 0) return;
    const pivotsAt = vectorEnd + factor * factorBytes;
    const lowerAt = pivotsAt + size * blockBytes;
    const end = pivotsAt + factorBytes;
    loops.forward(vectorAt, vectorEnd, lowerAt, downAt);
    loops.backward(vectorEnd - rowBytes, vectorAt, lowerAt - blockBytes, end - blockBytes, upAt);
  };
  return {
    order,
    position,
    vector,
    clear: (factor = 0) => {
      edited = factor;
      return layouts[factor]!.values.fill(0);
    },
    place: (row, column) => {
      const i = position[row]!;
      const j = position[column]!;
      if (i === j) return i * entries;
      const slot = findSlot(columns, Math.min(i, j), Math.max(i, j));
      if (slot < 0) throw new RangeError(`the pattern has no block (${row}, ${column})`);
      return (size + slot) * entries;
    },
    multiply: () => {
      if (size === 0) return;
      multiplied.set(vector);
      vector.fill(0);
      const { at } = layouts[edited]!;
      const lowerAt = at + size * blockBytes;
      loops.multiply(vectorAt, multipliedAt - vectorAt, at, lowerAt, lowerAt, downAt);
    },
    factorise: () => {
      if (size === 0) return true;
      const { at } = layouts[edited]!;
      const lowerAt = at + size * blockBytes;
      loops.factorise(at, lowerAt, lowerAt, downAt, targetsAt, ownAt, workAt);
      return failed[0] === 0;
    },
    solve,
    invert: (factor = 0) => {
      const inverse = invertPattern(layouts[factor]!);
      return (row, column, r, c) => {
        const [i, j] = [position[row]!, position[column]!];
        if (i === j) return inverse.pivots[i * entries + c * order + r]!;
        const slot = findSlot(columns, Math.min(i, j), Math.max(i, j));
        return slot < 0 ? Number.NaN : inverse.lower[slot * entries + (i > j ? c * order + r : r * order + c)]!;
      };
    },
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
  // Steps counted into their levels, in order.
  let levels = 0;
  for (let k = 0; k < size; k++) levels = Math.max(levels, depth[k]! + 1);
  const next = new Int32Array(levels + 1);
  for (let k = 0; k < size; k++) next[levels - depth[k]!]! += 1;
  for (let level = 0; level < levels; level++) next[level + 1]! += next[level]!;
  const moved = new Int32Array(size);
  const steps = new Int32Array(size);
  for (let k = 0; k < size; k++) {
    const slot = next[levels - 1 - depth[k]!]!++;
    moved[k] = slot;
    steps[slot] = k;
  }
  const newStart = new Int32Array(size + 1);
  const newIndex = new Int32Array(index.length);
  const position = new Int32Array(size);
  let at = 0;
  for (let k = 0; k < size; k++) {
    const step = steps[k]!;
    for (let s = start[step]!; s < start[step + 1]!; s++) newIndex[at++] = moved[index[s]!]!;
    newStart[k + 1] = at;
    position[order[step]!] = k;
  }
  sortLists(newIndex, newStart);
  return { position, start: newStart, index: newIndex };
}

/** What the loops read: per column its number of blocks and the addresses of their rows; upwards, all from the last on. */
function writeStreams(
  start: Int32Array,
  index: Int32Array,
  { vectorAt, rowBytes }: { readonly vectorAt: number; readonly rowBytes: number },
  [down, up]: readonly [Int32Array, Int32Array],
): void {
  let at = 0;
  for (let k = 0; k + 1 < start.length; k++) {
    down[at++] = start[k + 1]! - start[k]!;
    for (let s = start[k]!; s < start[k + 1]!; s++) down[at++] = vectorAt + index[s]! * rowBytes;
  }
  at = 0;
  for (let k = start.length - 2; k >= 0; k--) {
    up[at++] = start[k + 1]! - start[k]!;
    for (let s = start[k + 1]! - 1; s >= start[k]!; s--) up[at++] = vectorAt + index[s]! * rowBytes;
  }
}

/**
 * For every column, every block q of it and all blocks p >= q: the block that elimination subtracts L_p A_q' from, in bytes
 * behind the first pivot.
 */
function eliminationTargets(columns: Pick<Columns, 'start' | 'index'>, blockBytes: number): Int32Array {
  const { start, index } = columns;
  const size = start.length - 1;
  let pairs = 0;
  for (let k = 0; k < size; k++) {
    const height = start[k + 1]! - start[k]!;
    pairs += (height * (height + 1)) / 2;
  }
  const targets = new Int32Array(pairs);
  let at = 0;
  for (let k = 0; k < size; k++) {
    for (let q = start[k]!; q < start[k + 1]!; q++) {
      targets[at++] = index[q]! * blockBytes;
      for (let p = q + 1; p < start[k + 1]!; p++) {
        targets[at++] = (size + findSlot(columns, index[q]!, index[p]!)) * blockBytes;
      }
    }
  }
  return targets;
}

interface Layout extends Omit<Columns, 'position'> {
  readonly order: number;
  readonly size: number;
  /** Where it begins in the memory, in bytes. */
  readonly at: number;
  /** Pivot blocks, then the blocks below them; each column major. */
  readonly values: Float64Array;
  readonly pivots: Float64Array;
  readonly lower: Float64Array;
}

/**
 * From the last column on: Z_jk = -sum over i of Z_ji L_ik, Z_kk = P_k - sum over i of L_ik' Z_ik (Erisman and Tinney, "On
 * computing certain elements of the inverse of a sparse matrix", CACM 18, 1975).
 */
function invertPattern(layout: Layout): Pick<Layout, 'pivots' | 'lower'> {
  const { order, size, start, index, pivots, lower } = layout;
  const entries = order * order;
  const inverse = { pivots: pivots.slice(), lower: new Float64Array(lower.length) };
  const turned = new Float64Array(entries);
  for (let k = size - 1; k >= 0; k--) {
    const [first, end] = [start[k]!, start[k + 1]!];
    for (let s = first; s < end; s++) {
      for (let t = first; t < end; t++) {
        const [i, j] = [index[s]!, index[t]!];
        if (i === j)
          subtractProduct(inverse.lower, t * entries, inverse.pivots, j * entries, lower, s * entries, order);
        else if (j > i) {
          const at = findSlot(layout, i, j) * entries;
          subtractProduct(inverse.lower, t * entries, inverse.lower, at, lower, s * entries, order);
        } else {
          transpose(inverse.lower, findSlot(layout, j, i) * entries, turned, order);
          subtractProduct(inverse.lower, t * entries, turned, 0, lower, s * entries, order);
        }
      }
    }
    for (let s = first; s < end; s++) {
      transpose(lower, s * entries, turned, order);
      subtractProduct(inverse.pivots, k * entries, turned, 0, inverse.lower, s * entries, order);
    }
  }
  return inverse;
}

/** to = block', both column major. */
function transpose(block: Float64Array, at: number, to: Float64Array, order: number): void {
  for (let c = 0; c < order; c++) {
    for (let r = 0; r < order; r++) to[r * order + c] = block[at + c * order + r]!;
  }
}

/** to -= a b. */
function subtractProduct(
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
      if (factor === 0) continue;
      for (let r = 0; r < order; r++) to[at + c * order + r]! -= a[aAt + k * order + r]! * factor;
    }
  }
}
