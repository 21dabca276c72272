/**
 * Multifrontal LDL^T of a sparse symmetric indefinite matrix, with delayed pivots, solves, null space and the part of
 * the inverse that lies inside the factor's pattern.
 *
 * Values may change while the pattern stays: ordering and fronts are kept, memory too. The matrix is scaled
 * symmetrically by the caller's factors, K~ = S K S, so that thresholds mean the same for every grid and unit.
 */
import {
  eliminateFront,
  type Front,
  PIVOT_NULL,
  PIVOT_PAIR_FIRST,
  PIVOT_PAIR_SECOND,
  PIVOT_SINGLE,
} from './sparse-ldl-front.ts';
import { analyseLdl, type LdlStructure, type SymmetricPattern } from './sparse-ldl-structure.ts';

export class SparseLdl {
  readonly structure: LdlStructure;
  /** Number of null pivots of the last factorisation: the numeric rank deficiency. */
  nullity = 0;

  /** Fronts stay in place after elimination: leading columns are L and D, the rest was passed on to the parent. */
  private values: Float64Array;
  private inverse: Float64Array = new Float64Array(0);
  private inverseReady = false;
  private index: Int32Array;
  private kinds: Uint8Array;
  private readonly offset: Int32Array;
  private readonly indexOffset: Int32Array;
  private readonly order: Int32Array;
  private readonly pivots: Int32Array;
  private readonly scale: Float64Array;
  private readonly childStart: Int32Array;
  private readonly children: Int32Array;
  /** Front in which a variable was eliminated and its column there. */
  private readonly pivotFront: Int32Array;
  private readonly pivotColumn: Int32Array;
  /** Scratch: place of a variable in the front at hand; a vector of all variables, zero between uses. */
  private readonly place: Int32Array;
  private readonly work: Float64Array;
  private readonly local: Float64Array;
  /** Fronts that a quadratic form has still to pass. */
  private readonly onPath: Uint8Array;

  constructor(pattern: SymmetricPattern) {
    const structure = analyseLdl(pattern);
    this.structure = structure;
    const { frontCount, size } = structure;
    this.offset = new Int32Array(frontCount + 1);
    this.indexOffset = new Int32Array(frontCount + 1);
    this.order = new Int32Array(frontCount);
    this.pivots = new Int32Array(frontCount);
    this.scale = new Float64Array(size).fill(1);
    this.pivotFront = new Int32Array(size);
    this.pivotColumn = new Int32Array(size);
    this.place = new Int32Array(size);
    this.work = new Float64Array(size);
    this.local = new Float64Array(size);
    this.onPath = new Uint8Array(frontCount);
    let capacity = 0;
    let indices = 0;
    for (let f = 0; f < frontCount; f += 1) {
      const order = range(structure.ownStart, f) + range(structure.updateStart, f);
      capacity += order * order;
      indices += order;
    }
    this.values = new Float64Array(capacity);
    this.index = new Int32Array(indices);
    this.kinds = new Uint8Array(indices);
    [this.childStart, this.children] = childLists(structure.parent);
  }

  /**
   * Factorises the matrix with these values (in the pattern's order) scaled by `scale` (per variable, copied).
   * Entries of the scaled matrix at most `zero` count as zero.
   */
  factorise(values: Float64Array, scale: Float64Array, zero: number): void {
    this.scale.set(scale);
    this.inverseReady = false;
    this.nullity = 0;
    for (let f = 0; f < this.structure.frontCount; f += 1) {
      const candidates = this.assemble(f, values);
      const root = this.structure.parent[f]! < 0;
      const front: Front = {
        values: this.values,
        offset: this.offset[f]!,
        order: this.order[f]!,
        index: this.index,
        indexOffset: this.indexOffset[f]!,
        candidates,
        kinds: this.kinds,
        root,
        zero,
      };
      const pivots = eliminateFront(front);
      this.pivots[f] = pivots;
      const at = this.indexOffset[f]!;
      for (let c = 0; c < pivots; c += 1) {
        this.pivotFront[this.index[at + c]!] = f;
        this.pivotColumn[this.index[at + c]!] = c;
        if (this.kinds[at + c] === PIVOT_NULL) this.nullity += 1;
      }
    }
  }

  /** Lays out front f (own variables, those that children delayed, update variables), adds entries and children. */
  private assemble(f: number, values: Float64Array): number {
    const { ownStart, ownVariables, updateStart, updateVariables, entryStart, entries, rows, columns } = this.structure;
    const { place, scale } = this;
    let delayed = 0;
    for (let c = this.childStart[f]!; c < this.childStart[f + 1]!; c += 1) {
      delayed += this.delayedOf(this.children[c]!);
    }
    const candidates = range(ownStart, f) + delayed;
    const order = candidates + range(updateStart, f);
    const base = f === 0 ? 0 : this.offset[f - 1]! + this.order[f - 1]! ** 2;
    const indexBase = f === 0 ? 0 : this.indexOffset[f - 1]! + this.order[f - 1]!;
    this.offset[f] = base;
    this.indexOffset[f] = indexBase;
    this.order[f] = order;
    this.reserve(base + order * order, indexBase + order);

    let position = 0;
    const put = (variable: number) => {
      this.index[indexBase + position] = variable;
      place[variable] = position;
      position += 1;
    };
    for (let i = ownStart[f]!; i < ownStart[f + 1]!; i += 1) put(ownVariables[i]!);
    for (let c = this.childStart[f]!; c < this.childStart[f + 1]!; c += 1) {
      const child = this.children[c]!;
      const from = this.indexOffset[child]! + this.pivots[child]!;
      for (let i = 0; i < this.delayedOf(child); i += 1) put(this.index[from + i]!);
    }
    for (let i = updateStart[f]!; i < updateStart[f + 1]!; i += 1) put(updateVariables[i]!);

    const target = this.values;
    target.fill(0, base, base + order * order);
    for (let i = entryStart[f]!; i < entryStart[f + 1]!; i += 1) {
      const entry = entries[i]!;
      const row = rows[entry]!;
      const column = columns[entry]!;
      const a = place[row]!;
      const b = place[column]!;
      target[base + (a > b ? a + b * order : b + a * order)]! += values[entry]! * scale[row]! * scale[column]!;
    }
    for (let c = this.childStart[f]!; c < this.childStart[f + 1]!; c += 1)
      this.addChild(this.children[c]!, base, order);
    return candidates;
  }

  /** Extend-add of a child's Schur complement into the front at `base`. */
  private addChild(child: number, base: number, order: number): void {
    const { values, index, place } = this;
    const childOrder = this.order[child]!;
    const from = this.offset[child]!;
    const at = this.indexOffset[child]!;
    for (let j = this.pivots[child]!; j < childOrder; j += 1) {
      const b = place[index[at + j]!]!;
      for (let i = j; i < childOrder; i += 1) {
        const value = values[from + i + j * childOrder]!;
        if (value === 0) continue;
        const a = place[index[at + i]!]!;
        values[base + (a > b ? a + b * order : b + a * order)]! += value;
      }
    }
  }

  private delayedOf(front: number): number {
    return this.order[front]! - this.pivots[front]! - range(this.structure.updateStart, front);
  }

  private reserve(values: number, indices: number): void {
    if (values > this.values.length) this.values = grown(this.values, new Float64Array(values * 1.5 + 64));
    if (indices > this.index.length) {
      this.index = grown(this.index, new Int32Array(indices * 1.5 + 64));
      this.kinds = grown(this.kinds, new Uint8Array(this.index.length));
    }
  }

  /** Solves K x = b in place. Along null pivots the solution is zero. */
  solve(b: Float64Array): void {
    const { work, scale } = this;
    for (let i = 0; i < work.length; i += 1) work[i] = b[i]! * scale[i]!;
    this.forward(work);
    this.diagonal(work);
    this.backward(work);
    for (let i = 0; i < work.length; i += 1) b[i] = work[i]! * scale[i]!;
    work.fill(0);
  }

  /** L z = x. Each front works on its own variables side by side in `local`. */
  private forward(x: Float64Array): void {
    for (let f = 0; f < this.structure.frontCount; f += 1) this.forwardFront(f, x);
  }

  private forwardFront(f: number, x: Float64Array): void {
    const { values, index, kinds, local } = this;
    const order = this.order[f]!;
    const at = this.indexOffset[f]!;
    const pivots = this.pivots[f]!;
    for (let i = 0; i < order; i += 1) local[i] = x[index[at + i]!]!;
    for (let c = 0; c < pivots; c += 1) {
      const xc = local[c]!;
      if (xc === 0) continue;
      const column = this.offset[f]! + c * order;
      for (let i = kinds[at + c] === PIVOT_PAIR_FIRST ? c + 2 : c + 1; i < order; i += 1) {
        local[i] = local[i]! - values[column + i]! * xc;
      }
    }
    for (let i = 0; i < order; i += 1) x[index[at + i]!] = local[i]!;
  }

  private diagonal(x: Float64Array): void {
    const { values, index, kinds } = this;
    for (let f = 0; f < this.structure.frontCount; f += 1) {
      const order = this.order[f]!;
      const at = this.indexOffset[f]!;
      for (let c = 0; c < this.pivots[f]!; c += 1) {
        const kind = kinds[at + c]!;
        const d = this.offset[f]! + c + c * order;
        const variable = index[at + c]!;
        if (kind === PIVOT_NULL) x[variable] = 0;
        else if (kind === PIVOT_SINGLE) x[variable]! /= values[d]!;
        else if (kind === PIVOT_PAIR_FIRST) {
          const second = index[at + c + 1]!;
          const p = values[d]!;
          const q = values[d + 1]!;
          const r = values[d + order + 1]!;
          const determinant = p * r - q * q;
          const u = x[variable]!;
          const v = x[second]!;
          x[variable] = (r * u - q * v) / determinant;
          x[second] = (p * v - q * u) / determinant;
        }
      }
    }
  }

  /** L' z = x. */
  private backward(x: Float64Array): void {
    const { values, index, kinds, local } = this;
    for (let f = this.structure.frontCount - 1; f >= 0; f -= 1) {
      const order = this.order[f]!;
      const at = this.indexOffset[f]!;
      const pivots = this.pivots[f]!;
      for (let i = 0; i < order; i += 1) local[i] = x[index[at + i]!]!;
      for (let c = pivots - 1; c >= 0; c -= 1) {
        const column = this.offset[f]! + c * order;
        let sum = local[c]!;
        for (let i = kinds[at + c] === PIVOT_PAIR_FIRST ? c + 2 : c + 1; i < order; i += 1) {
          sum -= values[column + i]! * local[i]!;
        }
        local[c] = sum;
      }
      for (let i = 0; i < pivots; i += 1) x[index[at + i]!] = local[i]!;
    }
  }

  /**
   * g' K^-1 g of a vector with few entries. Only the fronts between its variables and the root take part:
   * with w = L^-1 g the value is w' D^-1 w. Along null pivots K^-1 counts as zero.
   */
  quadraticForm(variables: ArrayLike<number>, values: ArrayLike<number>): number {
    const { work, scale, index, onPath } = this;
    let first = this.structure.frontCount;
    for (let i = 0; i < variables.length; i += 1) {
      const variable = variables[i]!;
      work[variable] = work[variable]! + values[i]! * scale[variable]!;
      const front = this.pivotFront[variable]!;
      onPath[front] = 1;
      first = Math.min(first, front);
    }
    let sum = 0;
    for (let f = first; f < this.structure.frontCount; f += 1) {
      if (onPath[f] === 0) continue;
      onPath[f] = 0;
      const parent = this.structure.parent[f]!;
      if (parent >= 0) onPath[parent] = 1;
      this.forwardFront(f, work);
      sum += this.diagonalForm(f, work);
      for (let i = 0; i < this.pivots[f]!; i += 1) work[index[this.indexOffset[f]! + i]!] = 0;
    }
    return sum;
  }

  /** w' D^-1 w of one front's pivots. */
  private diagonalForm(f: number, w: Float64Array): number {
    const { values, index, kinds } = this;
    const order = this.order[f]!;
    const at = this.indexOffset[f]!;
    let sum = 0;
    for (let c = 0; c < this.pivots[f]!; c += 1) {
      const kind = kinds[at + c]!;
      const d = this.offset[f]! + c + c * order;
      const u = w[index[at + c]!]!;
      if (kind === PIVOT_SINGLE) sum += (u * u) / values[d]!;
      else if (kind === PIVOT_PAIR_FIRST) {
        const v = w[index[at + c + 1]!]!;
        const p = values[d]!;
        const q = values[d + 1]!;
        const r = values[d + order + 1]!;
        sum += (r * u * u - 2 * q * u * v + p * v * v) / (p * r - q * q);
      }
    }
    return sum;
  }

  /** Variables whose pivots were null, in order of elimination: one for each dimension of the null space. */
  nullVariables(): Int32Array {
    const variables: number[] = [];
    for (let f = 0; f < this.structure.frontCount; f += 1) {
      const at = this.indexOffset[f]!;
      for (let c = 0; c < this.pivots[f]!; c += 1) {
        if (this.kinds[at + c] === PIVOT_NULL) variables.push(this.index[at + c]!);
      }
    }
    return Int32Array.from(variables);
  }

  /** A basis of the null space, at most `most` vectors of it: one per null pivot, unscaled, largest entry 1. */
  nullVectors(most: number = Infinity): Float64Array[] {
    const variables = this.nullVariables();
    return Array.from(variables.subarray(0, Math.min(most, variables.length)), (variable) =>
      this.nullVector((x) => (x[variable] = 1)),
    );
  }

  /**
   * One vector of the null space that has, but for chance, an entry wherever any of its vectors has: a combination with
   * irregular, always the same factors. `turn` tells several of them apart.
   */
  genericNullVector(turn: number = 0): Float64Array {
    return this.nullVector((x) => {
      this.nullVariables().forEach((variable, i) => (x[variable] = 1 + 0.5 * Math.sin(12.9898 * (i + 1) + turn)));
    });
  }

  /** K = L D L' with D_k = 0 for some k: every x with L' x in their span is in the null space. */
  private nullVector(choose: (x: Float64Array) => void): Float64Array {
    const x = new Float64Array(this.structure.size);
    choose(x);
    this.backward(x);
    let largest = 0;
    for (let i = 0; i < x.length; i += 1) {
      x[i]! *= this.scale[i]!;
      largest = Math.max(largest, Math.abs(x[i]!));
    }
    return x.map((value) => value / largest);
  }

  /**
   * Entry (a, b) of K^-1 where the factor's pattern holds it: the diagonal, and variables of one block.
   * NaN elsewhere. The first call after a factorisation computes the whole pattern (Erisman and Tinney, "On computing
   * certain elements of the inverse of a sparse matrix", CACM 18, 1975).
   */
  inverseEntry(a: number, b: number): number {
    if (!this.inverseReady) this.invertPattern();
    // The variable that was eliminated first still saw the other one in its front.
    const late = this.pivotFront[a]! > this.pivotFront[b]!;
    const [first, second] = late ? [b, a] : [a, b];
    const f = this.pivotFront[first]!;
    const order = this.order[f]!;
    const at = this.indexOffset[f]!;
    let position = first === second ? this.pivotColumn[first]! : 0;
    while (position < order && this.index[at + position] !== second) position += 1;
    if (position === order) return Number.NaN;
    const value = this.inverse[this.offset[f]! + position + this.pivotColumn[first]! * order]!;
    return value * this.scale[a]! * this.scale[b]!;
  }

  /** Roots first: Z_UU of a front is known from its parent, its pivot columns follow from L and D. */
  private invertPattern(): void {
    if (this.inverse.length < this.values.length) this.inverse = new Float64Array(this.values.length);
    for (let f = this.structure.frontCount - 1; f >= 0; f -= 1) {
      this.gatherInverse(f);
      for (let c = this.pivots[f]! - 1; c >= 0; c -= 1) {
        const kind = this.kinds[this.indexOffset[f]! + c]!;
        if (kind === PIVOT_PAIR_SECOND) {
          this.invertPair(f, c - 1);
          c -= 1;
        } else this.invertSingle(f, c, kind === PIVOT_NULL);
      }
    }
    this.inverseReady = true;
  }

  private gatherInverse(f: number): void {
    const { inverse, index, place } = this;
    const parent = this.structure.parent[f]!;
    if (parent < 0) return;
    const parentOrder = this.order[parent]!;
    const parentAt = this.indexOffset[parent]!;
    for (let i = 0; i < parentOrder; i += 1) place[index[parentAt + i]!] = i;
    const order = this.order[f]!;
    const at = this.indexOffset[f]!;
    for (let j = this.pivots[f]!; j < order; j += 1) {
      const from = this.offset[parent]! + place[index[at + j]!]! * parentOrder;
      const to = this.offset[f]! + j * order;
      for (let i = this.pivots[f]!; i < order; i += 1) inverse[to + i] = inverse[from + place[index[at + i]!]!]!;
    }
  }

  /** z_ic = -sum_j Z_ij L_jc for i > c, then z_cc = 1 / d - sum_j z_cj L_jc. */
  private invertSingle(f: number, c: number, isNull: boolean): void {
    const order = this.order[f]!;
    const base = this.offset[f]!;
    this.invertColumn(f, c, c + 1);
    const column = base + c * order;
    this.inverse[column + c] = isNull ? 0 : 1 / this.values[column + c]! - this.dot(column, column, c + 1, order);
  }

  private invertPair(f: number, c: number): void {
    const { values, inverse } = this;
    const order = this.order[f]!;
    this.invertColumn(f, c, c + 2);
    this.invertColumn(f, c + 1, c + 2);
    const first = this.offset[f]! + c * order;
    const second = first + order;
    const p = values[first + c]!;
    const q = values[first + c + 1]!;
    const r = values[second + c + 1]!;
    const determinant = p * r - q * q;
    const off = -q / determinant - this.dot(second, first, c + 2, order);
    inverse[first + c] = r / determinant - this.dot(first, first, c + 2, order);
    inverse[second + c + 1] = p / determinant - this.dot(second, second, c + 2, order);
    inverse[first + c + 1] = off;
    inverse[second + c] = off;
  }

  /** Column c of Z below row `from`, written into both triangles. */
  private invertColumn(f: number, c: number, from: number): void {
    const { values, inverse } = this;
    const order = this.order[f]!;
    const base = this.offset[f]!;
    const column = base + c * order;
    for (let i = from; i < order; i += 1) inverse[column + i] = 0;
    for (let j = from; j < order; j += 1) {
      const l = values[column + j]!;
      if (l === 0) continue;
      const zColumn = base + j * order;
      for (let i = from; i < order; i += 1) inverse[column + i]! -= inverse[zColumn + i]! * l;
    }
    for (let i = from; i < order; i += 1) inverse[base + c + i * order] = inverse[column + i]!;
  }

  /** Inner product of a column of Z with a column of L. */
  private dot(zColumn: number, lColumn: number, from: number, to: number): number {
    let sum = 0;
    for (let i = from; i < to; i += 1) sum += this.inverse[zColumn + i]! * this.values[lColumn + i]!;
    return sum;
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
