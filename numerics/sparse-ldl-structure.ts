/** What is known of a sparse symmetric factorisation before any value is: elimination order, fronts and their variables. */

/** The pattern of a symmetric matrix whose variables stand in blocks that are eliminated together. */
export interface SymmetricPattern {
  /** Number of variables. */
  readonly size: number;
  /** Row and column of each stored value; one triangle only, in any order, repeated positions are summed. */
  readonly rows: Int32Array;
  readonly columns: Int32Array;
  /** Block of each variable, 0 .. blockCount - 1. */
  readonly blockOf: Int32Array;
  readonly blockCount: number;
}

/** One front per block, in elimination order: children stand before their parents. */
export interface LdlStructure {
  readonly size: number;
  readonly valueCount: number;
  readonly frontCount: number;
  /** Parent front, or -1 for roots. */
  readonly parent: Int32Array;
  /** Own variables of front f: `ownVariables[ownStart[f] .. ownStart[f + 1])`. */
  readonly ownStart: Int32Array;
  readonly ownVariables: Int32Array;
  /** Variables of later fronts that front f touches, in elimination order. */
  readonly updateStart: Int32Array;
  readonly updateVariables: Int32Array;
  /** Values that are assembled into front f: indices into the value list. */
  readonly entryStart: Int32Array;
  readonly entries: Int32Array;
  readonly rows: Int32Array;
  readonly columns: Int32Array;
}

/**
 * Orders the blocks by minimum degree and finds each front's variables. The block graph of a radial grid is a tree;
 * minimum degree then takes leaves first and no block fills in.
 */
export function analyseLdl(pattern: SymmetricPattern): LdlStructure {
  const order = minimumDegree(pattern);
  const rank = new Int32Array(pattern.blockCount);
  order.forEach((block, position) => (rank[block] = position));
  const frontOf = pattern.blockOf.map((block) => rank[block]!);

  const own: number[][] = Array.from(order, () => []);
  for (let variable = 0; variable < pattern.size; variable += 1) own[frontOf[variable]!]!.push(variable);

  // The front of an entry is that of its earlier variable; the later variable, if foreign, joins the front's update.
  const entries: number[][] = Array.from(order, () => []);
  const update: Set<number>[] = Array.from(order, () => new Set<number>());
  pattern.rows.forEach((row, entry) => {
    const column = pattern.columns[entry]!;
    const early = Math.min(frontOf[row]!, frontOf[column]!);
    entries[early]!.push(entry);
    if (frontOf[row]! > early) update[early]!.add(row);
    if (frontOf[column]! > early) update[early]!.add(column);
  });

  // Elimination tree: a front's parent is the earliest front that it updates; what it touches beyond, the parent inherits.
  const parent = new Int32Array(order.length).fill(-1);
  const sortedUpdate: number[][] = [];
  for (let front = 0; front < order.length; front += 1) {
    const touched = [...update[front]!].sort((a, b) => frontOf[a]! - frontOf[b]! || a - b);
    sortedUpdate.push(touched);
    const first = touched[0];
    if (first === undefined) continue;
    const above = frontOf[first]!;
    parent[front] = above;
    for (const variable of touched) if (frontOf[variable]! > above) update[above]!.add(variable);
  }

  const [ownStart, ownVariables] = flatten(own);
  const [updateStart, updateVariables] = flatten(sortedUpdate);
  const [entryStart, flatEntries] = flatten(entries);
  return {
    size: pattern.size,
    valueCount: pattern.rows.length,
    frontCount: order.length,
    parent,
    ownStart,
    ownVariables,
    updateStart,
    updateVariables,
    entryStart,
    entries: flatEntries,
    rows: pattern.rows,
    columns: pattern.columns,
  };
}

function flatten(lists: readonly (readonly number[])[]): [Int32Array, Int32Array] {
  const start = new Int32Array(lists.length + 1);
  lists.forEach((list, index) => (start[index + 1] = start[index]! + list.length));
  return [start, Int32Array.from(lists.flat())];
}

/** Minimum degree on the block graph, ties by block number; buckets by degree keep the search short. */
function minimumDegree(pattern: SymmetricPattern): Int32Array {
  const neighbours: Set<number>[] = Array.from({ length: pattern.blockCount }, () => new Set<number>());
  pattern.rows.forEach((row, entry) => {
    const a = pattern.blockOf[row]!;
    const b = pattern.blockOf[pattern.columns[entry]!]!;
    if (a !== b) {
      neighbours[a]!.add(b);
      neighbours[b]!.add(a);
    }
  });
  const order = new Int32Array(pattern.blockCount);
  const done = new Uint8Array(pattern.blockCount);
  // Each bucket holds candidates, some of them stale: a block is looked up again under its present degree.
  const buckets: number[][] = [];
  const place = (block: number) => (buckets[neighbours[block]!.size] ??= []).push(block);
  for (let block = pattern.blockCount - 1; block >= 0; block -= 1) place(block);
  let degree = 0;
  for (let count = 0; count < pattern.blockCount;) {
    const block = buckets[degree]?.pop();
    if (block === undefined) {
      degree += 1;
      continue;
    }
    if (done[block] === 1 || neighbours[block]!.size !== degree) continue;
    done[block] = 1;
    order[count] = block;
    count += 1;
    const clique = [...neighbours[block]!];
    for (const a of clique) {
      const around = neighbours[a]!;
      around.delete(block);
      for (const b of clique) if (b !== a) around.add(b);
      place(a);
      degree = Math.min(degree, around.size);
    }
  }
  return order;
}
