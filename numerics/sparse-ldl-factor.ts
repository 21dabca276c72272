/**
 * The fronts of a multifrontal LDL^T: laid out, filled with entries and with what their children pass on, eliminated. All of
 * it stays in place for solves, and for the next values.
 */
import { eliminateFront, PIVOT_NULL } from './sparse-ldl-front.ts';
import type { LdlStructure } from './sparse-ldl-structure.ts';

export interface LdlFactor {
  readonly structure: LdlStructure;
  /** Front f begins at `offset[f]`, its columns have `order[f]` numbers; the leading `pivots[f]` ones are L and D. */
  values: Float64Array;
  readonly offset: Int32Array;
  readonly order: Int32Array;
  readonly pivots: Int32Array;
  /** From `indexOffset[f]` on: the variable of each column of front f, and the kind of its pivot. */
  index: Int32Array;
  kinds: Uint8Array;
  readonly indexOffset: Int32Array;
  /** Factor of each variable in K~ = S K S. */
  readonly scale: Float64Array;
  /** Front in which a variable was eliminated and its column there. */
  readonly pivotFront: Int32Array;
  readonly pivotColumn: Int32Array;
  /** Number of null pivots: the numeric rank deficiency. */
  nullity: number;
  readonly childStart: Int32Array;
  readonly children: Int32Array;
  /** Scratch: place of a variable in the front at hand. */
  readonly place: Int32Array;
}

/** Room for a factor without delayed pivots; it grows with them. */
export function createLdlFactor(structure: LdlStructure): LdlFactor {
  const { frontCount, size } = structure;
  let capacity = 0;
  let indices = 0;
  for (let f = 0; f < frontCount; f += 1) {
    const order = range(structure.ownStart, f) + range(structure.updateStart, f);
    capacity += order * order;
    indices += order;
  }
  const [childStart, children] = childLists(structure.parent);
  return {
    structure,
    values: new Float64Array(capacity),
    offset: new Int32Array(frontCount),
    order: new Int32Array(frontCount),
    pivots: new Int32Array(frontCount),
    index: new Int32Array(indices),
    kinds: new Uint8Array(indices),
    indexOffset: new Int32Array(frontCount),
    scale: new Float64Array(size).fill(1),
    pivotFront: new Int32Array(size),
    pivotColumn: new Int32Array(size),
    nullity: 0,
    childStart,
    children,
    place: new Int32Array(size),
  };
}

/**
 * Factorises the matrix with these values (in the pattern's order) scaled by the factor's `scale`. Entries of the scaled
 * matrix at most `zero` count as zero, pivots stand above `threshold` of their columns.
 */
export function factoriseFronts(factor: LdlFactor, values: Float64Array, zero: number, threshold: number): void {
  const { structure, pivots, pivotFront, pivotColumn } = factor;
  factor.nullity = 0;
  for (let f = 0; f < structure.frontCount; f += 1) {
    const candidates = assemble(factor, f, values);
    const { index, kinds } = factor;
    const at = factor.indexOffset[f]!;
    pivots[f] = eliminateFront({
      values: factor.values,
      offset: factor.offset[f]!,
      order: factor.order[f]!,
      index,
      indexOffset: at,
      candidates,
      kinds,
      root: structure.parent[f]! < 0,
      zero,
      threshold,
    });
    for (let c = 0; c < pivots[f]!; c += 1) {
      pivotFront[index[at + c]!] = f;
      pivotColumn[index[at + c]!] = c;
      if (kinds[at + c] === PIVOT_NULL) factor.nullity += 1;
    }
  }
}

/** Lays out front f (own variables, those that children delayed, update variables), adds entries and children. */
function assemble(factor: LdlFactor, f: number, values: Float64Array): number {
  const { ownStart, ownVariables, updateStart, updateVariables, entryStart, entries, rows, columns } = factor.structure;
  const { childStart, children, place, scale } = factor;
  let delayed = 0;
  for (let c = childStart[f]!; c < childStart[f + 1]!; c += 1) {
    delayed += delayedOf(factor, children[c]!);
  }
  const candidates = range(ownStart, f) + delayed;
  const order = candidates + range(updateStart, f);
  const base = f === 0 ? 0 : factor.offset[f - 1]! + factor.order[f - 1]! ** 2;
  const indexBase = f === 0 ? 0 : factor.indexOffset[f - 1]! + factor.order[f - 1]!;
  factor.offset[f] = base;
  factor.indexOffset[f] = indexBase;
  factor.order[f] = order;
  reserve(factor, base + order * order, indexBase + order);

  let position = 0;
  const put = (variable: number) => {
    factor.index[indexBase + position] = variable;
    place[variable] = position;
    position += 1;
  };
  for (let i = ownStart[f]!; i < ownStart[f + 1]!; i += 1) put(ownVariables[i]!);
  for (let c = childStart[f]!; c < childStart[f + 1]!; c += 1) {
    const child = children[c]!;
    const from = factor.indexOffset[child]! + factor.pivots[child]!;
    for (let i = 0; i < delayedOf(factor, child); i += 1) put(factor.index[from + i]!);
  }
  for (let i = updateStart[f]!; i < updateStart[f + 1]!; i += 1) put(updateVariables[i]!);

  const target = factor.values;
  target.fill(0, base, base + order * order);
  for (let i = entryStart[f]!; i < entryStart[f + 1]!; i += 1) {
    const entry = entries[i]!;
    const row = rows[entry]!;
    const column = columns[entry]!;
    const a = place[row]!;
    const b = place[column]!;
    target[base + (a > b ? a + b * order : b + a * order)]! += values[entry]! * scale[row]! * scale[column]!;
  }
  for (let c = childStart[f]!; c < childStart[f + 1]!; c += 1) addChild(factor, children[c]!, base, order);
  return candidates;
}

/** Extend-add of a child's Schur complement into the front at `base`. */
function addChild(factor: LdlFactor, child: number, base: number, order: number): void {
  const { values, index, place } = factor;
  const childOrder = factor.order[child]!;
  const from = factor.offset[child]!;
  const at = factor.indexOffset[child]!;
  for (let j = factor.pivots[child]!; j < childOrder; j += 1) {
    const b = place[index[at + j]!]!;
    for (let i = j; i < childOrder; i += 1) {
      const value = values[from + i + j * childOrder]!;
      if (value === 0) continue;
      const a = place[index[at + i]!]!;
      values[base + (a > b ? a + b * order : b + a * order)]! += value;
    }
  }
}

function delayedOf(factor: LdlFactor, front: number): number {
  return factor.order[front]! - factor.pivots[front]! - range(factor.structure.updateStart, front);
}

function reserve(factor: LdlFactor, values: number, indices: number): void {
  if (values > factor.values.length) factor.values = grown(factor.values, new Float64Array(values * 1.5 + 64));
  if (indices > factor.index.length) {
    factor.index = grown(factor.index, new Int32Array(indices * 1.5 + 64));
    factor.kinds = grown(factor.kinds, new Uint8Array(factor.index.length));
  }
}

function range(start: Int32Array, i: number): number {
  return start[i + 1]! - start[i]!;
}

function childLists(parent: Int32Array): [Int32Array, Int32Array] {
  const start = new Int32Array(parent.length + 1);
  for (const p of parent) if (p >= 0) start[p + 1]! += 1;
  for (let i = 0; i < parent.length; i += 1) start[i + 1]! += start[i]!;
  const next = start.slice();
  const children = new Int32Array(start[parent.length]!);
  parent.forEach((p, child) => {
    if (p < 0) return;
    children[next[p]!] = child;
    next[p]! += 1;
  });
  return [start, children];
}

function grown<T extends Float64Array | Int32Array | Uint8Array>(from: T, to: T): T {
  to.set(from);
  return to;
}
