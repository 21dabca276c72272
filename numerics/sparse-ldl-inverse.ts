/**
 * The part of the inverse that lies inside the pattern of a multifrontal factor (Erisman and Tinney, "On computing certain
 * elements of the inverse of a sparse matrix", CACM 18, 1975), in the layout of its fronts.
 */
import { PIVOT_NULL, PIVOT_PAIR_SECOND } from './sparse-ldl-front.ts';
import type { LdlFactor } from './sparse-ldl-factor.ts';

/** Roots first: Z_UU of a front is known from its parent, its pivot columns follow from L and D. */
export function invertFronts(factor: LdlFactor, inverse: Float64Array): void {
  for (let f = factor.structure.frontCount - 1; f >= 0; f -= 1) {
    gatherInverse(factor, inverse, f);
    for (let c = factor.pivots[f]! - 1; c >= 0; c -= 1) {
      const kind = factor.kinds[factor.indexOffset[f]! + c]!;
      if (kind === PIVOT_PAIR_SECOND) {
        invertPair(factor, inverse, f, c - 1);
        c -= 1;
      } else invertSingle(factor, inverse, f, c, kind === PIVOT_NULL);
    }
  }
}

function gatherInverse(factor: LdlFactor, inverse: Float64Array, f: number): void {
  const { index, place } = factor;
  const parent = factor.structure.parent[f]!;
  if (parent < 0) return;
  const parentOrder = factor.order[parent]!;
  const parentAt = factor.indexOffset[parent]!;
  for (let i = 0; i < parentOrder; i += 1) place[index[parentAt + i]!] = i;
  const order = factor.order[f]!;
  const at = factor.indexOffset[f]!;
  for (let j = factor.pivots[f]!; j < order; j += 1) {
    const from = factor.offset[parent]! + place[index[at + j]!]! * parentOrder;
    const to = factor.offset[f]! + j * order;
    for (let i = factor.pivots[f]!; i < order; i += 1) inverse[to + i] = inverse[from + place[index[at + i]!]!]!;
  }
}

/** z_ic = -sum_j Z_ij L_jc for i > c, then z_cc = 1 / d - sum_j z_cj L_jc. */
function invertSingle(factor: LdlFactor, inverse: Float64Array, f: number, c: number, isNull: boolean): void {
  const order = factor.order[f]!;
  const base = factor.offset[f]!;
  invertColumn(factor, inverse, f, c, c + 1);
  const column = base + c * order;
  inverse[column + c] = isNull
    ? 0
    : 1 / factor.values[column + c]! - dot(factor, inverse, column, column, c + 1, order);
}

function invertPair(factor: LdlFactor, inverse: Float64Array, f: number, c: number): void {
  const { values } = factor;
  const order = factor.order[f]!;
  invertColumn(factor, inverse, f, c, c + 2);
  invertColumn(factor, inverse, f, c + 1, c + 2);
  const first = factor.offset[f]! + c * order;
  const second = first + order;
  const p = values[first + c]!;
  const q = values[first + c + 1]!;
  const r = values[second + c + 1]!;
  const determinant = p * r - q * q;
  const off = -q / determinant - dot(factor, inverse, second, first, c + 2, order);
  inverse[first + c] = r / determinant - dot(factor, inverse, first, first, c + 2, order);
  inverse[second + c + 1] = p / determinant - dot(factor, inverse, second, second, c + 2, order);
  inverse[first + c + 1] = off;
  inverse[second + c] = off;
}

/** Column c of Z below row `from`, written into both triangles. */
function invertColumn(factor: LdlFactor, inverse: Float64Array, f: number, c: number, from: number): void {
  const { values } = factor;
  const order = factor.order[f]!;
  const base = factor.offset[f]!;
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
function dot(
  { values }: LdlFactor,
  inverse: Float64Array,
  zColumn: number,
  lColumn: number,
  from: number,
  to: number,
): number {
  let sum = 0;
  for (let i = from; i < to; i += 1) sum += inverse[zColumn + i]! * values[lColumn + i]!;
  return sum;
}
