/** Elimination orders for sparse symmetric patterns, with the fill that they cause. */

/** Adjacency of a symmetric matrix without its diagonal, compressed by row; each pair stands in both rows. */
export interface SymmetricPattern {
  readonly size: number;
  /** `size + 1` offsets into `index`. */
  readonly start: Int32Array;
  readonly index: Int32Array;
}

/** A pattern from pairs of indices; repeated pairs and diagonal pairs do no harm. Neighbours are sorted. */
export function patternFromPairs(size: number, pairs: Iterable<readonly [number, number]>): SymmetricPattern {
  const rows: Set<number>[] = Array.from({ length: size }, () => new Set());
  for (const [i, j] of pairs) {
    if (i === j) continue;
    rows[i]!.add(j);
    rows[j]!.add(i);
  }
  const start = new Int32Array(size + 1);
  rows.forEach((row, i) => (start[i + 1] = start[i]! + row.size));
  const index = new Int32Array(start[size]!);
  rows.forEach((row, i) => index.set(Int32Array.from(row).sort(), start[i]));
  return { size, start, index };
}

/** What elimination in a given order leaves: the pattern of the triangular factor. */
export interface Elimination {
  /** `order[k]` is the row eliminated at step k; `position` is the inverse. */
  readonly order: Int32Array;
  readonly position: Int32Array;
  /** Column k of the factor: the steps (ascending, all > k) of the rows below the diagonal, fill included. */
  readonly start: Int32Array;
  readonly index: Int32Array;
}

/**
 * Where the list of `column` has `row`, -1 when it has not: a neighbour in a pattern, or a step below another in a factor.
 */
export function findSlot(
  { start, index }: Pick<SymmetricPattern, 'start' | 'index'>,
  column: number,
  row: number,
): number {
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
 * Minimum-degree elimination (Tinney and Walker's scheme 2): always the row with the fewest neighbours left, the
 * smallest index among equals, so the result depends on the pattern alone. A tree is eliminated from its leaves with
 * no fill at all. Cost grows with the fill; meant for network matrices, which have little. Rows in `last` come after all
 * others.
 */
export function minimumDegreeOrdering(pattern: SymmetricPattern, last: ReadonlySet<number> = new Set()): Elimination {
  const { size, start, index } = pattern;
  const neighbours: Set<number>[] = Array.from(
    { length: size },
    (_, i) => new Set(index.subarray(start[i], start[i + 1])),
  );
  const rankOf = (row: number): number => neighbours[row]!.size + (last.has(row) ? size : 0);
  const queue = createDegreeQueue(size, rankOf);
  for (let i = 0; i < size; i++) queue.push(i);

  const order = new Int32Array(size);
  const position = new Int32Array(size).fill(-1);
  const columns: Int32Array[] = [];
  for (let step = 0; step < size; step++) {
    const pivot = queue.pop(position);
    order[step] = pivot;
    position[pivot] = step;
    const left = Int32Array.from(neighbours[pivot]!);
    columns.push(left);
    connect(left, pivot, neighbours);
    for (const i of left) queue.push(i);
  }
  return { order, position, ...compressColumns(columns, position) };
}

/** Elimination in an order of the caller's choice; `order[k]` is the row eliminated at step k. */
export function eliminateInOrder(pattern: SymmetricPattern, order: Int32Array): Elimination {
  const { size, start, index } = pattern;
  const neighbours: Set<number>[] = Array.from(
    { length: size },
    (_, i) => new Set(index.subarray(start[i], start[i + 1])),
  );
  const position = new Int32Array(size).fill(-1);
  const columns: Int32Array[] = [];
  order.forEach((pivot, step) => {
    position[pivot] = step;
    const left = Int32Array.from(neighbours[pivot]!);
    columns.push(left);
    connect(left, pivot, neighbours);
  });
  return { order, position, ...compressColumns(columns, position) };
}

/** Takes the pivot out of the graph and joins all its neighbours with one another: the fill. */
function connect(left: Int32Array, pivot: number, neighbours: readonly Set<number>[]): void {
  for (const i of left) {
    const own = neighbours[i]!;
    own.delete(pivot);
    for (const j of left) if (j !== i) own.add(j);
  }
}

function compressColumns(columns: readonly Int32Array[], position: Int32Array): Pick<Elimination, 'start' | 'index'> {
  const start = new Int32Array(columns.length + 1);
  columns.forEach((column, k) => (start[k + 1] = start[k]! + column.length));
  const index = new Int32Array(start[columns.length]!);
  columns.forEach((column, k) => index.set(column.map((row) => position[row]!).sort(), start[k]));
  return { start, index };
}

interface DegreeQueue {
  /** Under its present rank. */
  push(row: number): void;
  /** The row of least rank that is still in the graph; entries made stale by later pushes are skipped. */
  pop(position: Int32Array): number;
}

/** Binary heap of (rank, row), keyed by rank * size + row. */
function createDegreeQueue(size: number, rankOf: (row: number) => number): DegreeQueue {
  const heap: number[] = [];
  const push = (row: number): void => {
    const key = rankOf(row) * size + row;
    let at = heap.length;
    heap.push(key);
    while (at > 0) {
      const above = (at - 1) >> 1;
      if (heap[above]! <= key) break;
      heap[at] = heap[above]!;
      at = above;
    }
    heap[at] = key;
  };
  const take = (): number => {
    const top = heap[0]!;
    const last = heap.pop()!;
    if (heap.length === 0) return top;
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      if (below >= heap.length) break;
      if (below + 1 < heap.length && heap[below + 1]! < heap[below]!) below++;
      if (heap[below]! >= last) break;
      heap[at] = heap[below]!;
      at = below;
    }
    heap[at] = last;
    return top;
  };
  const pop: DegreeQueue['pop'] = (position) => {
    for (;;) {
      const key = take();
      const row = key % size;
      if (position[row] === -1 && rankOf(row) === (key - row) / size) return row;
    }
  };
  return { push, pop };
}
