/**
 * Sparse LDL^T of symmetric indefinite block matrices whose pivot blocks are sound in any order of elimination: ordering
 * and places are found once, and a factor is made seldom and solved with often, in WebAssembly.
 *
 * There is no pivoting between blocks: who factorises tries the factor on a known solution (`multiply`, `solve`).
 */
import { type BlockLdlLoops, blockLdlLoops } from './block-ldl-loops.ts';
import { findSlot, minimumDegreeOrdering, type SymmetricPattern } from './ordering.ts';
import { createMemory } from './wasm.ts';

export interface BlockLdl {
  /** Numbers in a row of the vector. */
  readonly order: number;
  /** Place of each row of the pattern in the vector: row r begins at `order * position[r]`. */
  readonly position: Int32Array;
  /** Right side and, after `solve`, solution. Its place in memory never changes. */
  readonly vector: Float64Array;
  /** Begins a new matrix, all zero, in the room of one of the factors; what follows up to `factorise` belongs to it. */
  clear(factor?: number): void;
  /** Adds to entry (r, c) of block (row, column), and to its mirror image; throws RangeError outside the pattern. */
  add(row: number, column: number, r: number, c: number, value: number): void;
  /** Replaces the vector by its product with the matrix, before that is factorised. */
  multiply(): void;
  /** Factorises; the values are gone afterwards. False when a pivot block is singular. */
  factorise(): boolean;
  solve(factor?: number): void;
  /**
   * The blocks of the inverse that lie inside the pattern of the factor, entry (r, c) of block (row, column) at a time;
   * NaN elsewhere. They are those of the moment, whatever becomes of the factor.
   */
  invert(factor?: number): (row: number, column: number, r: number, c: number) => number;
}

/** Relative size under which a pivot within a block counts as zero. */
const SINGULAR = 1e-15;

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
  // What a column held before elimination, a pivot block under way and one row of it.
  let widest = 0;
  for (let k = 0; k < size; k++) widest = Math.max(widest, start[k + 1]! - start[k]!);
  const ownAt = 8 * Math.ceil((upAt + 4 * (size + index.length)) / 8);
  const blockAt = ownAt + widest * blockBytes;
  const memory = createMemory(blockAt + blockBytes + rowBytes);
  const { buffer } = memory;
  const loops = blockLdlLoops(memory, order);
  const work: Work = {
    loops,
    numbers: new Float64Array(buffer),
    ownAt,
    blockAt,
    scale: new Float64Array(order),
    swaps: new Int32Array(order),
  };
  const vector = new Float64Array(buffer, vectorAt, size * order);
  writeStreams(start, index, { vectorAt, rowBytes }, [
    new Int32Array(buffer, downAt, size + index.length),
    new Int32Array(buffer, upAt, size + index.length),
  ]);
  const targets = eliminationTargets(columns);
  const layouts = Array.from({ length: factors }, (_, factor): Layout => {
    const at = vectorEnd + factor * factorBytes;
    return {
      order,
      size,
      start,
      index,
      targets,
      pivotsAt: at,
      lowerAt: at + size * blockBytes,
      pivots: new Float64Array(buffer, at, size * entries),
      lower: new Float64Array(buffer, at + size * blockBytes, index.length * entries),
    };
  });
  let edited = 0;
  const multiplied = new Float64Array(vector.length);
  /** The block that was last added to, which is often the next one too. */
  const place = { row: -1, column: -1, at: 0, isDiagonal: false, isTurned: false };
  const findPlace = (row: number, column: number): void => {
    const i = position[row]!;
    const j = position[column]!;
    const slot = i === j ? i : findSlot(columns, Math.min(i, j), Math.max(i, j));
    if (slot < 0) throw new RangeError(`the pattern has no block (${row}, ${column})`);
    place.row = row;
    place.column = column;
    place.at = slot * entries;
    place.isDiagonal = i === j;
    place.isTurned = i < j;
  };
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
      layouts[edited]!.pivots.fill(0);
      layouts[edited]!.lower.fill(0);
    },
    add: (row, column, r, c, value) => {
      if (row !== place.row || column !== place.column) findPlace(row, column);
      const { at, isDiagonal, isTurned } = place;
      if (!isDiagonal) layouts[edited]!.lower[at + (isTurned ? r * order + c : c * order + r)]! += value;
      else {
        const { pivots } = layouts[edited]!;
        pivots[at + c * order + r]! += value;
        if (r !== c) pivots[at + r * order + c]! += value;
      }
    },
    multiply: () => {
      multiplied.set(vector);
      vector.fill(0);
      multiplyInto(layouts[edited]!, multiplied, vector);
    },
    factorise: () => factoriseBlocks(layouts[edited]!, work),
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

/** For every column and pair p > q of its blocks: the block that elimination subtracts from. */
function eliminationTargets(columns: Pick<Columns, 'start' | 'index'>): Int32Array {
  const { start, index } = columns;
  const targets: number[] = [];
  for (let k = 0; k + 1 < start.length; k++) {
    for (let q = start[k]!; q < start[k + 1]!; q++) {
      for (let p = q + 1; p < start[k + 1]!; p++) targets.push(findSlot(columns, index[q]!, index[p]!));
    }
  }
  return Int32Array.from(targets);
}

interface Layout extends Omit<Columns, 'position'> {
  readonly order: number;
  readonly size: number;
  /** Pivot blocks, and blocks below them; each column major; and their addresses. */
  readonly pivotsAt: number;
  readonly lowerAt: number;
  readonly pivots: Float64Array;
  readonly lower: Float64Array;
  readonly targets: Int32Array;
}

/** b += A x of what has been added. */
function multiplyInto({ order, size, start, index, pivots, lower }: Layout, x: Float64Array, b: Float64Array): void {
  for (let k = 0; k < size; k++) {
    let e = k * order * order;
    for (let c = k * order; c < (k + 1) * order; c++) {
      for (let r = k * order; r < (k + 1) * order; r++) b[r]! += pivots[e++]! * x[c]!;
    }
    for (let s = start[k]!; s < start[k + 1]!; s++) {
      const first = index[s]! * order;
      e = s * order * order;
      for (let c = k * order; c < (k + 1) * order; c++) {
        for (let r = first; r < first + order; r++) {
          const value = lower[e++]!;
          b[r]! += value * x[c]!;
          b[c]! += value * x[r]!;
        }
      }
    }
  }
}

/** Room and loops of a factorisation; addresses in the memory of the factors, all of which is `numbers`. */
interface Work {
  readonly loops: BlockLdlLoops;
  readonly numbers: Float64Array;
  readonly ownAt: number;
  readonly blockAt: number;
  readonly scale: Float64Array;
  readonly swaps: Int32Array;
}

/** Right-looking: P_k = D_k^-1, L_ik = A_ik P_k, A_ij -= L_ik A_jk'. */
function factoriseBlocks({ order, size, start, index, targets, pivotsAt, lowerAt }: Layout, work: Work): boolean {
  const { loops, numbers, ownAt } = work;
  const blockBytes = 8 * order * order;
  let target = 0;
  for (let k = 0; k < size; k++) {
    const pivot = pivotsAt + k * blockBytes;
    if (!invert(pivot / 8, order, work)) return false;
    const first = start[k]!;
    const end = start[k + 1]!;
    if (first === end) continue;
    const lower = lowerAt + first * blockBytes;
    const lowerEnd = lowerAt + end * blockBytes;
    numbers.copyWithin(ownAt / 8, lower / 8, lowerEnd / 8);
    loops.divide(lower, lowerEnd, ownAt, pivot);
    for (let q = first; q < end; q++) {
      const right = ownAt + (q - first) * blockBytes;
      loops.subtract(pivotsAt + index[q]! * blockBytes, lowerAt + q * blockBytes, right);
      for (let p = q + 1; p < end; p++) {
        loops.subtract(lowerAt + targets[target++]! * blockBytes, lowerAt + p * blockBytes, right);
      }
    }
  }
  return true;
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

/** Gauss-Jordan in place with row pivoting, after rows and columns were scaled alike to entries of about one. */
function invert(at: number, order: number, { loops, numbers, blockAt, scale, swaps }: Work): boolean {
  const block = blockAt / 8;
  const end = block + order * order;
  for (let r = 0; r < order; r++) {
    let largest = 0;
    for (let e = at + r * order; e < at + (r + 1) * order; e++) largest = Math.max(largest, Math.abs(numbers[e]!));
    scale[r] = largest > 0 ? 1 / Math.sqrt(largest) : 1;
  }
  for (let r = 0, e = 0; r < order; r++) {
    for (let c = 0; c < order; c++, e++) numbers[block + e] = numbers[at + e]! * scale[r]! * scale[c]!;
  }
  for (let k = 0; k < order; k++) {
    let best = block + k * order;
    for (let row = best + order; row < end; row += order) {
      if (Math.abs(numbers[row + k]!) > Math.abs(numbers[best + k]!)) best = row;
    }
    swaps[k] = (best - block) / order;
    const pivot = numbers[best + k]!;
    if (!(Math.abs(pivot) > SINGULAR)) return false;
    const own = block + k * order;
    for (let c = 0; c < order; c++) {
      numbers[end + c] = numbers[best + c]! / pivot;
      numbers[best + c] = numbers[own + c]!;
    }
    numbers[end + k] = 1 / pivot;
    loops.eliminate(8 * block, 8 * end, 8 * (block + k), 8 * end);
    numbers.copyWithin(own, end, end + order);
  }
  // Rows that were exchanged are columns of the inverse.
  for (let k = order - 1; k >= 0; k--) {
    const other = swaps[k]!;
    if (other === k) continue;
    for (let row = block; row < end; row += order) {
      const keep = numbers[row + k]!;
      numbers[row + k] = numbers[row + other]!;
      numbers[row + other] = keep;
    }
  }
  // The inverse is symmetric but for rounding.
  for (let r = 0; r < order; r++) {
    for (let c = 0; c <= r; c++) {
      const mean = 0.5 * (numbers[block + c * order + r]! + numbers[block + r * order + c]!);
      const value = mean * scale[r]! * scale[c]!;
      numbers[at + r * order + c] = value;
      numbers[at + c * order + r] = value;
    }
  }
  return true;
}
