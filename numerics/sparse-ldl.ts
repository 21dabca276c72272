/**
 * Multifrontal LDL^T of a sparse symmetric indefinite matrix, with delayed pivots, solves, null space and the part of
 * the inverse that lies inside the factor's pattern.
 *
 * Values may change while the pattern stays: ordering and fronts are kept, memory too. The matrix is scaled
 * symmetrically by the caller's factors, K~ = S K S, so that thresholds mean the same for every grid and unit.
 */
import { createLdlFactor, factoriseFronts, type LdlFactor } from './sparse-ldl-factor.ts';
import { PIVOT_NULL, PIVOT_PAIR_FIRST, PIVOT_SINGLE } from './sparse-ldl-front.ts';
import { invertFronts } from './sparse-ldl-inverse.ts';
import { analyseLdl, type LdlStructure, type SymmetricPattern } from './sparse-ldl-structure.ts';

export class SparseLdl {
  readonly structure: LdlStructure;
  private readonly factor: LdlFactor;
  /** In the layout of the factor's values; whether it belongs to them. */
  private inverse: Float64Array = new Float64Array(0);
  private inverseReady = false;
  /** Scratch: a vector of all variables, zero between uses; one of the variables of the front at hand. */
  private readonly work: Float64Array;
  private readonly local: Float64Array;
  /** Fronts that a quadratic form has still to pass. */
  private readonly onPath: Uint8Array;

  constructor(pattern: SymmetricPattern) {
    this.structure = analyseLdl(pattern);
    this.factor = createLdlFactor(this.structure);
    this.work = new Float64Array(pattern.size);
    this.local = new Float64Array(pattern.size);
    this.onPath = new Uint8Array(this.structure.frontCount);
  }

  /** Number of null pivots of the last factorisation: the numeric rank deficiency. */
  get nullity(): number {
    return this.factor.nullity;
  }

  /**
   * Factorises the matrix with these values (in the pattern's order) scaled by `scale` (per variable, copied).
   * Entries of the scaled matrix at most `zero` count as zero. A pivot is at least `threshold` of its column's largest
   * entry: 0.01 is the usual value of multifrontal codes, up to 0.5 takes more room and rounds less.
   */
  factorise(values: Float64Array, scale: Float64Array, zero: number, threshold: number = 0.01): void {
    this.factor.scale.set(scale);
    this.inverseReady = false;
    factoriseFronts(this.factor, values, zero, threshold);
  }

  /** Solves K x = b in place. Along null pivots the solution is zero. */
  solve(b: Float64Array): void {
    const { work } = this;
    const { scale } = this.factor;
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
    const { local } = this;
    const { values, index, kinds } = this.factor;
    const order = this.factor.order[f]!;
    const at = this.factor.indexOffset[f]!;
    const pivots = this.factor.pivots[f]!;
    for (let i = 0; i < order; i += 1) local[i] = x[index[at + i]!]!;
    for (let c = 0; c < pivots; c += 1) {
      const xc = local[c]!;
      if (xc === 0) continue;
      const column = this.factor.offset[f]! + c * order;
      for (let i = kinds[at + c] === PIVOT_PAIR_FIRST ? c + 2 : c + 1; i < order; i += 1) {
        local[i] = local[i]! - values[column + i]! * xc;
      }
    }
    for (let i = 0; i < order; i += 1) x[index[at + i]!] = local[i]!;
  }

  private diagonal(x: Float64Array): void {
    const { values, index, kinds } = this.factor;
    for (let f = 0; f < this.structure.frontCount; f += 1) {
      const order = this.factor.order[f]!;
      const at = this.factor.indexOffset[f]!;
      for (let c = 0; c < this.factor.pivots[f]!; c += 1) {
        const kind = kinds[at + c]!;
        const d = this.factor.offset[f]! + c + c * order;
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
    const { local } = this;
    const { values, index, kinds } = this.factor;
    for (let f = this.structure.frontCount - 1; f >= 0; f -= 1) {
      const order = this.factor.order[f]!;
      const at = this.factor.indexOffset[f]!;
      const pivots = this.factor.pivots[f]!;
      for (let i = 0; i < order; i += 1) local[i] = x[index[at + i]!]!;
      for (let c = pivots - 1; c >= 0; c -= 1) {
        const column = this.factor.offset[f]! + c * order;
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
    const { work, onPath } = this;
    const { scale, index } = this.factor;
    let first = this.structure.frontCount;
    for (let i = 0; i < variables.length; i += 1) {
      const variable = variables[i]!;
      work[variable] = work[variable]! + values[i]! * scale[variable]!;
      const front = this.factor.pivotFront[variable]!;
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
      for (let i = 0; i < this.factor.pivots[f]!; i += 1) work[index[this.factor.indexOffset[f]! + i]!] = 0;
    }
    return sum;
  }

  /** w' D^-1 w of one front's pivots. */
  private diagonalForm(f: number, w: Float64Array): number {
    const { values, index, kinds } = this.factor;
    const order = this.factor.order[f]!;
    const at = this.factor.indexOffset[f]!;
    let sum = 0;
    for (let c = 0; c < this.factor.pivots[f]!; c += 1) {
      const kind = kinds[at + c]!;
      const d = this.factor.offset[f]! + c + c * order;
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

  /** Number of positive eigenvalues, by Sylvester's law of inertia: those of the pivots, of which a pair has one or two. */
  positiveEigenvalues(): number {
    const { values, kinds } = this.factor;
    let count = 0;
    for (let f = 0; f < this.structure.frontCount; f += 1) {
      const order = this.factor.order[f]!;
      for (let c = 0; c < this.factor.pivots[f]!; c += 1) {
        const kind = kinds[this.factor.indexOffset[f]! + c]!;
        const d = this.factor.offset[f]! + c + c * order;
        const p = values[d]!;
        if (kind === PIVOT_SINGLE && p > 0) count += 1;
        if (kind !== PIVOT_PAIR_FIRST) continue;
        const determinant = p * values[d + order + 1]! - values[d + 1]! ** 2;
        if (determinant < 0) count += 1;
        else if (p > 0) count += 2;
      }
    }
    return count;
  }

  /** Variables whose pivots were null, in order of elimination: one for each dimension of the null space. */
  nullVariables(): Int32Array {
    const variables: number[] = [];
    for (let f = 0; f < this.structure.frontCount; f += 1) {
      const at = this.factor.indexOffset[f]!;
      for (let c = 0; c < this.factor.pivots[f]!; c += 1) {
        if (this.factor.kinds[at + c] === PIVOT_NULL) variables.push(this.factor.index[at + c]!);
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
      x[i]! *= this.factor.scale[i]!;
      largest = Math.max(largest, Math.abs(x[i]!));
    }
    return x.map((value) => value / largest);
  }

  /**
   * Entry (a, b) of K^-1 where the factor's pattern holds it: the diagonal, and variables of one block.
   * NaN elsewhere. The first call after a factorisation computes the whole pattern.
   */
  inverseEntry(a: number, b: number): number {
    const { values, offset, order, index, indexOffset, scale, pivotFront, pivotColumn } = this.factor;
    if (!this.inverseReady) {
      if (this.inverse.length < values.length) this.inverse = new Float64Array(values.length);
      invertFronts(this.factor, this.inverse);
      this.inverseReady = true;
    }
    // The variable that was eliminated first still saw the other one in its front.
    const late = pivotFront[a]! > pivotFront[b]!;
    const [first, second] = late ? [b, a] : [a, b];
    const f = pivotFront[first]!;
    const column = pivotColumn[first]!;
    let position = first === second ? column : 0;
    while (position < order[f]! && index[indexOffset[f]! + position] !== second) position += 1;
    if (position === order[f]!) return Number.NaN;
    return this.inverse[offset[f]! + position + column * order[f]!]! * scale[a]! * scale[b]!;
  }
}
