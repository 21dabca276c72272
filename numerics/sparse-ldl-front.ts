/**
 * Partial LDL^T factorisation of one dense symmetric front with 1x1 and 2x2 pivots, lower triangle, column major.
 *
 * Pivot tests after Duff and Reid, "The multifrontal solution of indefinite sparse symmetric linear equations",
 * ACM TOMS 9 (1983): an entry of L never exceeds 1 / threshold.
 */

/** How a column was eliminated. */
export const PIVOT_NULL = 0;
export const PIVOT_SINGLE = 1;
export const PIVOT_PAIR_FIRST = 2;
export const PIVOT_PAIR_SECOND = 3;

export interface Front {
  /** Column-major values of all fronts; this one starts at `offset` with leading dimension `order`. */
  readonly values: Float64Array;
  readonly offset: number;
  readonly order: number;
  /** Variables of the front, swapped along with rows and columns; starts at `indexOffset`. */
  readonly index: Int32Array;
  readonly indexOffset: number;
  /** The leading `candidates` variables may be pivots. */
  readonly candidates: number;
  /** Kind of each pivot, starts at `indexOffset`. */
  readonly kinds: Uint8Array;
  /** No parent can take over a variable that finds no pivot here: it becomes a null pivot if it is one. */
  readonly root: boolean;
  /** Entries below this are zero (the matrix is scaled to entries about 1). */
  readonly zero: number;
  /** A pivot over the largest entry of its column, at least: small favours sparsity and order, large (to 0.5) little growth. */
  readonly threshold: number;
}

/**
 * Eliminates as many candidates as pass the pivot test and returns their number; they stand first afterwards.
 * The trailing part then holds the Schur complement. Candidates that failed are left to the parent.
 */
export function eliminateFront(front: Front): number {
  const { candidates } = front;
  let done = 0;
  while (done < candidates) {
    const width = choosePivot(front, done, front.threshold) || (front.root ? choosePivot(front, done, 0) : 0);
    if (width === 0) break;
    const kind = front.kinds[front.indexOffset + done]!;
    if (kind === PIVOT_SINGLE) eliminateSingle(front, done);
    else if (kind === PIVOT_PAIR_FIRST) eliminatePair(front, done);
    done += width;
  }
  return done;
}

/** Finds a pivot among the candidates from `done` on, swaps it into place and marks its kind; 0, 1 or 2 columns. */
function choosePivot(front: Front, done: number, threshold: number): number {
  const { values, offset, order, candidates, kinds, indexOffset, zero } = front;
  for (let c = done; c < candidates; c += 1) {
    let largest = 0;
    let partner = -1;
    let partnerSize = 0;
    for (let j = done; j < order; j += 1) {
      if (j === c) continue;
      const size = Math.abs(values[offset + (j < c ? c + j * order : j + c * order)]!);
      if (size > largest) largest = size;
      if (j < candidates && size > partnerSize) {
        partnerSize = size;
        partner = j;
      }
    }
    const diagonal = values[offset + c + c * order]!;
    const size = Math.abs(diagonal);
    if (size <= zero && largest <= zero) {
      // Nothing in the matrix fixes this variable: its direction belongs to the null space.
      swap(front, done, c);
      clearColumn(front, done);
      kinds[indexOffset + done] = PIVOT_NULL;
      return 1;
    }
    if (size > zero && size >= threshold * largest && (threshold > 0 || size >= partnerSize)) {
      swap(front, done, c);
      kinds[indexOffset + done] = PIVOT_SINGLE;
      return 1;
    }
    if (partner >= 0 && partnerSize > zero && pairPasses(front, done, c, partner, threshold)) {
      // Swapping c away first may move the partner.
      swap(front, done, c);
      const moved = partner === done ? c : partner;
      swap(front, done + 1, moved);
      kinds[indexOffset + done] = PIVOT_PAIR_FIRST;
      kinds[indexOffset + done + 1] = PIVOT_PAIR_SECOND;
      return 2;
    }
  }
  return 0;
}

/** |P^-1| [gamma_c, gamma_r]' <= 1 / threshold componentwise, with gamma the largest entries outside the pivot. */
function pairPasses(front: Front, done: number, c: number, r: number, threshold: number): boolean {
  const { values, offset, order, zero } = front;
  let gammaC = 0;
  let gammaR = 0;
  for (let j = done; j < order; j += 1) {
    if (j === c || j === r) continue;
    const atC = Math.abs(values[offset + (j < c ? c + j * order : j + c * order)]!);
    const atR = Math.abs(values[offset + (j < r ? r + j * order : j + r * order)]!);
    if (atC > gammaC) gammaC = atC;
    if (atR > gammaR) gammaR = atR;
  }
  const cc = values[offset + c + c * order]!;
  const rr = values[offset + r + r * order]!;
  const cr = values[offset + (r < c ? c + r * order : r + c * order)]!;
  const determinant = Math.abs(cc * rr - cr * cr);
  if (determinant <= zero * Math.abs(cr)) return false;
  const first = Math.abs(rr) * gammaC + Math.abs(cr) * gammaR;
  const second = Math.abs(cr) * gammaC + Math.abs(cc) * gammaR;
  return threshold * Math.max(first, second) <= determinant;
}

/** Symmetric exchange of rows and columns a < b in the lower triangle, as in LAPACK's sytf2. */
function swap(front: Front, a: number, b: number): void {
  if (a === b) return;
  const { values, offset, order, index, indexOffset } = front;
  const columnA = offset + a * order;
  const columnB = offset + b * order;
  // Rows of L that are already finished move along.
  for (let j = 0; j < a; j += 1) exchange(values, offset + a + j * order, offset + b + j * order);
  for (let j = a + 1; j < b; j += 1) exchange(values, columnA + j, offset + b + j * order);
  for (let i = b + 1; i < order; i += 1) exchange(values, columnA + i, columnB + i);
  exchange(values, columnA + a, columnB + b);
  const variable = index[indexOffset + a]!;
  index[indexOffset + a] = index[indexOffset + b]!;
  index[indexOffset + b] = variable;
}

function exchange(values: Float64Array, a: number, b: number): void {
  const value = values[a]!;
  values[a] = values[b]!;
  values[b] = value;
}

function clearColumn(front: Front, k: number): void {
  const column = front.offset + k * front.order;
  front.values.fill(0, column + k, column + front.order);
}

/** A <- A - w w' / d, then column k becomes w / d: L below its unit diagonal, d stays on it. */
function eliminateSingle(front: Front, k: number): void {
  const { values, offset, order } = front;
  const pivotColumn = offset + k * order;
  const inverse = 1 / values[pivotColumn + k]!;
  for (let j = k + 1; j < order; j += 1) {
    const w = values[pivotColumn + j]!;
    if (w === 0) continue;
    const l = w * inverse;
    const column = offset + j * order;
    for (let i = j; i < order; i += 1) values[column + i]! -= values[pivotColumn + i]! * l;
  }
  for (let i = k + 1; i < order; i += 1) values[pivotColumn + i]! *= inverse;
}

/** The same with the 2x2 pivot D = [a b; b c]; its b stays at (k + 1, k). */
function eliminatePair(front: Front, k: number): void {
  const { values, offset, order } = front;
  const first = offset + k * order;
  const second = first + order;
  const a = values[first + k]!;
  const b = values[first + k + 1]!;
  const c = values[second + k + 1]!;
  const determinant = a * c - b * b;
  const ia = c / determinant;
  const ib = -b / determinant;
  const ic = a / determinant;
  for (let j = k + 2; j < order; j += 1) {
    const u = values[first + j]!;
    const v = values[second + j]!;
    if (u === 0 && v === 0) continue;
    const lu = ia * u + ib * v;
    const lv = ib * u + ic * v;
    const column = offset + j * order;
    for (let i = j; i < order; i += 1) values[column + i]! -= values[first + i]! * lu + values[second + i]! * lv;
  }
  for (let i = k + 2; i < order; i += 1) {
    const u = values[first + i]!;
    const v = values[second + i]!;
    values[first + i] = ia * u + ib * v;
    values[second + i] = ib * u + ic * v;
  }
}
