/**
 * The constant matrix of the estimator in current form (`current-form.ts`), made for a state and factorised:
 *     [ -A             Y + conj(c .) ]        A = covariance of conj(e / v),   c = s / v^2,
 *     [ Y' + conj(c .) W             ]        W = sum of h h' / variance over the rows.
 * Complex numbers act on (re, im) as real 2x2 matrices; so do conjugations.
 */
import { evaluate, withoutAcross } from '../equations/evaluate.ts';
import type { Equations } from '../equations/layout.ts';
import { subtractNetwork } from './network.ts';
import { type CurrentFormState, LINEAR, type Linearisation, MEASURED } from './steps.ts';
import { type CurrentFormStructure, entryOfVoltage } from './structure.ts';

/**
 * Works at the state in the vector, which stays as it is. Answers with the largest error of a voltage when the factor is
 * tried on this state, about 1e-13 when all is well: elimination does not exchange blocks, and an unobservable grid has no
 * factor. `linearised` it is that of which the inverse holds covariances, without what only helps the steps.
 */
export function makeFactor(
  structure: CurrentFormStructure,
  state: CurrentFormState,
  factor: number,
  rowsAre: 'curved' | 'linearised' = 'curved',
): number {
  const { ldl, rows } = structure;
  const { vector, order } = ldl;
  const linear = state.linearisations[factor]!;
  // Between two steps their right side and the vector before them are free.
  const { before: kept, push: current } = state;
  kept.set(vector);
  const matrix = ldl.clear(factor);
  addNetwork(structure, matrix);
  findCurrents(structure, current);
  addInjections(structure, state, linear, matrix);
  evaluate(rows, vector);
  if (rowsAre === 'linearised') withoutAcross(rows);
  addRows(structure, linear, matrix);
  ldl.multiply();
  let worst = Number.POSITIVE_INFINITY;
  if (ldl.factorise()) {
    ldl.solve(factor);
    worst = 0;
    for (let k = 0; k < vector.length; k++) {
      const error = k % order < order / 2 ? 0 : Math.abs(vector[k]! - kept[k]!);
      if (!(error <= worst)) worst = error;
    }
  }
  vector.set(kept);
  return worst;
}

/** Y; its transpose comes with it. */
function addNetwork({ ldl, network }: CurrentFormStructure, matrix: Float64Array): void {
  const { order } = ldl;
  const half = order / 2;
  const { values, rows, columns, places } = network;
  let k = 0;
  for (let block = 0; block < places.length; block++) {
    const isTurned = rows[block]! < columns[block]!;
    const down = isTurned ? order : 1;
    const across = isTurned ? 1 : order;
    const isDiagonal = rows[block] === columns[block];
    for (let l = 0; l < half; l += 2) {
      for (let v = half; v < order; v += 2, k += 2) {
        const re = values[k]!;
        const im = values[k + 1]!;
        if (re === 0 && im === 0) continue;
        const at = places[block]! + l * down + v * across;
        addProduct(matrix, at, down, across, re, im);
        if (isDiagonal) addProduct(matrix, places[block]! + v * down + l * across, across, down, re, im);
      }
    }
  }
}

/** The 2x2 matrix of a product with re + j im, its rows `down` and its columns `across` apart. */
function addProduct(matrix: Float64Array, at: number, down: number, across: number, re: number, im: number): void {
  matrix[at]! += re;
  matrix[at + across]! -= im;
  matrix[at + down]! += im;
  matrix[at + down + across]! += re;
}

/** Y v, in the places of the multipliers. */
function findCurrents({ ldl, network }: CurrentFormStructure, current: Float64Array): void {
  current.fill(0);
  subtractNetwork(network, ldl.vector, current, ldl.order / 4);
  for (let e = 0; e < current.length; e++) current[e] = -current[e]!;
}

/**
 * c and A at every phase of a bus. c follows from the current at the voltages in the vector, not from the measured power: a
 * matrix of voltages and currents that belong together leaves a turn of all angles free, as the equations do.
 */
function addInjections(
  { ldl, alive, injects }: CurrentFormStructure,
  { measured, push: current }: CurrentFormState,
  { injections }: Linearisation,
  matrix: Float64Array,
): void {
  const { vector, order } = ldl;
  const phases = order / 4;
  const half = order / 2;
  for (let place = 0; place < alive.length; place++) {
    // Places stand in the order of the vector, and so do the blocks on the diagonal.
    const slot = Math.floor(place / phases);
    const l = 2 * (place - slot * phases);
    const ll = slot * order * order + l * (order + 1);
    const lv = ll + half * order;
    const vl = ll + half;
    const vv = lv + half;
    if (alive[place] === 0) {
      matrix[vv]! += 1;
      matrix[vv + order + 1]! += 1;
    }
    if (injects[place] === 0) {
      matrix[ll]! -= 1;
      matrix[ll + order + 1]! -= 1;
      continue;
    }
    const at = entryOfVoltage(place, phases);
    const vr = vector[at]!;
    const vi = vector[at + 1]!;
    const square = vr * vr + vi * vi;
    // u = 1 / v, c = conj(i) u.
    const ur = vr / square;
    const ui = -vi / square;
    const ir = current[at - half]!;
    const ii = current[at - half + 1]!;
    const cr = ir * ur + ii * ui;
    const ci = ir * ui - ii * ur;
    const rp = measured[MEASURED * place + 2]!;
    const rq = measured[MEASURED * place + 3]!;
    const a11 = rp * ur * ur + rq * ui * ui;
    const a12 = (rq - rp) * ur * ui;
    const a22 = rp * ui * ui + rq * ur * ur;
    const own = LINEAR * place;
    injections[own] = cr;
    injections[own + 1] = ci;
    injections[own + 2] = a11;
    injections[own + 3] = a12;
    injections[own + 4] = a22;
    matrix[ll]! -= a11;
    matrix[ll + 1]! -= a12;
    matrix[ll + order]! -= a12;
    matrix[ll + order + 1]! -= a22;
    // conj(c .) is symmetric: its rows may as well be columns.
    addConjugate(matrix, lv, order, cr, ci);
    addConjugate(matrix, vl, order, cr, ci);
  }
}

/** The 2x2 matrix that takes x to the conjugate of c x. */
function addConjugate(matrix: Float64Array, at: number, order: number, cr: number, ci: number): void {
  matrix[at]! += cr;
  matrix[at + 1]! -= ci;
  matrix[at + order]! -= ci;
  matrix[at + order + 1]! -= cr;
}

/** h h' / variance of every row in use, with the derivatives that stand in `rows`. */
function addRows(
  { ldl, equations, rows, rowStart }: CurrentFormStructure,
  linear: Linearisation,
  matrix: Float64Array,
): void {
  const { order, position } = ldl;
  const { entryColumn, jacobian, active, variance } = rows;
  const { blockOfUnknown, entryColumn: unknown } = equations;
  weighReferences(rows);
  linear.rows.set(jacobian);
  for (let row = 0; row < rows.rows; row++) {
    const weight = active[row] === 1 ? 1 / variance[row]! : 0;
    linear.weight[row] = weight;
    if (weight === 0) continue;
    const first = rowStart[row]!;
    const end = rowStart[row + 1]!;
    for (let a = first; a < end; a++) {
      const i = blockOfUnknown[unknown[a]!]!;
      const r = entryColumn[a]! % order;
      let place = 0;
      let previous = -1;
      for (let b = first; b < end; b++) {
        const j = blockOfUnknown[unknown[b]!]!;
        const c = entryColumn[b]! % order;
        // Every pair comes twice, but for those of an unknown with itself.
        if (i === j ? r < c : i > j) continue;
        if (j !== previous) place = ldl.place(i, j);
        previous = j;
        const value = weight * jacobian[a]! * jacobian[b]!;
        if (position[i]! >= position[j]!) matrix[place + c * order + r]! += value;
        if (position[i]! < position[j]! || (i === j && r !== c)) matrix[place + r * order + c]! += value;
      }
    }
  }
}

/** Weight of an angle reference over the heaviest measurement. */
const REFERENCE_WEIGHT = 1e4;

/**
 * A reference is no measurement: any weight fixes an angle that nothing else speaks of, and a heavy one keeps the small
 * disagreement of matrix and state from turning it.
 */
function weighReferences({ rows, measuredRows, entryRow, jacobian, active, variance }: Equations): void {
  let heaviest = 0;
  for (let entry = 0; entry < entryRow.length; entry++) {
    const row = entryRow[entry]!;
    if (row >= measuredRows || active[row] === 0) continue;
    const information = jacobian[entry]! ** 2 / variance[row]!;
    if (!(information <= heaviest)) heaviest = information;
  }
  variance.fill(heaviest > 0 ? 1 / (REFERENCE_WEIGHT * heaviest) : 1, measuredRows, rows);
}
