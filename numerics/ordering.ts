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
  const from: number[] = [];
  const to: number[] = [];
  for (const [i, j] of pairs) {
    from.push(i);
    to.push(j);
  }
  return patternFromEnds(size, from, to);
}

/** The same from the first and the second index of every pair. */
export function patternFromEnds(size: number, from: readonly number[], to: readonly number[]): SymmetricPattern {
  const first = new Int32Array(size + 1);
  for (let k = 0; k < from.length; k++) {
    if (from[k] === to[k]) continue;
    first[from[k]! + 1]! += 1;
    first[to[k]! + 1]! += 1;
  }
  for (let i = 0; i < size; i++) first[i + 1]! += first[i]!;
  const next = first.slice();
  const loose = new Int32Array(first[size]!);
  for (let k = 0; k < from.length; k++) {
    if (from[k] === to[k]) continue;
    loose[next[from[k]!]!++] = to[k]!;
    loose[next[to[k]!]!++] = from[k]!;
  }
  // Every row hands itself to its neighbours: a row so gets its own in order, and what is repeated comes at once.
  next.set(first);
  const sorted = new Int32Array(loose.length);
  for (let i = 0; i < size; i++) {
    for (let s = first[i]!; s < first[i + 1]!; s++) {
      const j = loose[s]!;
      if (next[j] === first[j] || sorted[next[j]! - 1] !== i) sorted[next[j]!++] = i;
    }
  }
  const start = new Int32Array(size + 1);
  for (let i = 0; i < size; i++) {
    sorted.copyWithin(start[i]!, first[i]!, next[i]);
    start[i + 1] = start[i]! + next[i]! - first[i]!;
  }
  return { size, start, index: sorted.slice(0, start[size]) };
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
  const { size } = pattern;
  const graph = createGraph(pattern);
  const ranks = new Int32Array(size);
  for (const row of last) ranks[row] = size;
  const queue = createDegreeQueue(size, (row) => ranks[row]! + graph.degree[row]!);
  for (let i = 0; i < size; i++) queue.push(i);

  const order = new Int32Array(size);
  const position = new Int32Array(size).fill(-1);
  const start = new Int32Array(size + 1);
  const left: number[] = [];
  for (let step = 0; step < size; step++) {
    const pivot = queue.pop(position);
    order[step] = pivot;
    position[pivot] = step;
    graph.take(pivot, left);
    start[step + 1] = left.length;
    for (let s = start[step]!; s < left.length; s++) queue.push(left[s]!);
  }
  return { order, position, start, index: placed(left, start, position) };
}

/** Elimination in an order of the caller's choice; `order[k]` is the row eliminated at step k. */
export function eliminateInOrder(pattern: SymmetricPattern, order: Int32Array): Elimination {
  const graph = createGraph(pattern);
  const position = new Int32Array(pattern.size);
  const start = new Int32Array(pattern.size + 1);
  const left: number[] = [];
  order.forEach((pivot, step) => {
    position[pivot] = step;
    graph.take(pivot, left);
    start[step + 1] = left.length;
  });
  return { order, position, start, index: placed(left, start, position) };
}

/** The steps at which the rows of every list are eliminated, in order. */
function placed(rows: readonly number[], start: Int32Array, position: Int32Array): Int32Array {
  const index = new Int32Array(rows.length);
  for (let s = 0; s < index.length; s++) index[s] = position[rows[s]!]!;
  sortLists(index, start);
  return index;
}

/** Sorts each of the lists `start[k] .. start[k + 1]`; most are short. */
export function sortLists(index: Int32Array, start: Int32Array): void {
  for (let k = 0; k + 1 < start.length; k++) {
    const first = start[k]!;
    const end = start[k + 1]!;
    if (end - first > 20) {
      index.subarray(first, end).sort();
      continue;
    }
    for (let s = first + 1; s < end; s++) {
      const value = index[s]!;
      let at = s;
      while (at > first && index[at - 1]! > value) {
        index[at] = index[at - 1]!;
        at--;
      }
      index[at] = value;
    }
  }
}

interface EliminationGraph {
  /** Neighbours that each row still has. */
  readonly degree: Int32Array;
  /** Takes the pivot out, joins all its neighbours with one another (the fill) and appends them to `left`. */
  take(pivot: number, left: number[]): void;
}

/** Lists of neighbours in one array; a list that outgrows its place moves to the end. Rows that are gone stay listed. */
function createGraph({ size, start, index }: SymmetricPattern): EliminationGraph {
  let room = index.slice();
  let end = room.length;
  const first = start.slice(0, size);
  const degree = new Int32Array(size);
  for (let i = 0; i < size; i++) degree[i] = start[i + 1]! - start[i]!;
  const length = degree.slice();
  const capacity = degree.slice();
  const gone = new Uint8Array(size);
  const mark = new Int32Array(size);
  let marks = 0;
  const move = (row: number): void => {
    const wanted = 2 * length[row]! + 2;
    if (end + wanted > room.length) {
      const larger = new Int32Array(2 * room.length + wanted);
      larger.set(room);
      room = larger;
    }
    room.copyWithin(end, first[row]!, first[row]! + length[row]!);
    first[row] = end;
    capacity[row] = wanted;
    end += wanted;
  };
  const join = (row: number, other: number): void => {
    if (length[row] === capacity[row]) move(row);
    room[first[row]! + length[row]!++] = other;
    degree[row]! += 1;
  };
  /** Looks through the shorter list. */
  const areJoined = (a: number, b: number): boolean => {
    const [row, other] = length[a]! < length[b]! ? [a, b] : [b, a];
    for (let s = first[row]!; s < first[row]! + length[row]!; s++) if (room[s] === other) return true;
    return false;
  };
  const take = (pivot: number, left: number[]): void => {
    const from = left.length;
    gone[pivot] = 1;
    for (let s = first[pivot]!; s < first[pivot]! + length[pivot]!; s++) {
      const row = room[s]!;
      if (gone[row] === 1) continue;
      left.push(row);
      degree[row]! -= 1;
    }
    if (left.length - from === 2) {
      const a = left[from]!;
      const b = left[from + 1]!;
      if (areJoined(a, b)) return;
      join(a, b);
      join(b, a);
      return;
    }
    if (left.length - from < 2) return;
    for (let i = from; i < left.length; i++) {
      const row = left[i]!;
      marks += 1;
      mark[row] = marks;
      for (let s = first[row]!; s < first[row]! + length[row]!; s++) mark[room[s]!] = marks;
      for (let j = from; j < left.length; j++) if (mark[left[j]!] !== marks) join(row, left[j]!);
    }
  };
  return { degree, take };
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
