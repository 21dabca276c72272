/**
 * The constant matrix of the estimator in current form (`current-form.ts`), made for a state and factorised:
 *     [ -A             Y + conj(c .) ]        A = covariance of conj(e / v),   c = s / v^2,
 *     [ Y' + conj(c .) W             ]        W = sum of h h' / variance over the rows.
 * Complex numbers act on (re, im) as real 2x2 matrices; so do conjugations.
 */
import { evaluate } from '../equations/evaluate.ts';
import type { Equations } from '../equations/layout.ts';
import { subtractNetwork } from './network.ts';
import { type CurrentFormState, LINEAR, type Linearisation, MEASURED } from './steps.ts';
import { type CurrentFormStructure, entryOfVoltage } from './structure.ts';

/**
 * Works at the state in the vector, which stays as it is. Answers with the largest error of a voltage when the factor is
 * tried on this state, about 1e-13 when all is well: elimination does not exchange blocks, and an unobservable grid has no
 * factor.
 */
export function makeFactor(structure: CurrentFormStructure, state: CurrentFormState, factor: number): number {
  const { ldl, rows } = structure;
  const { vector, order } = ldl;
  const linear = state.linearisations[factor]!;
  // Between two steps their right side and the vector before them are free.
  const { before: kept, push: current } = state;
  kept.set(vector);
  ldl.clear(factor);
  addNetwork(structure, current);
  for (let block = 0; block < structure.equations.busOfBlock.length; block++) {
    addInjections(structure, state, { block, linear, current });
  }
  evaluate(rows, vector);
  addRows(structure, linear);
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

/** Y; its transpose comes with it. `current` becomes Y v, in the places of the multipliers. */
function addNetwork({ ldl, network, blockOfSlot }: CurrentFormStructure, current: Float64Array): void {
  const { vector, order } = ldl;
  const phases = order / 4;
  const { values, rows, columns } = network;
  let k = 0;
  for (let block = 0; block < rows.length; block++) {
    const row = blockOfSlot[rows[block]! / order]!;
    const column = blockOfSlot[columns[block]! / order]!;
    for (let l = 0; l < 2 * phases; l += 2) {
      for (let v = 2 * phases; v < order; v += 2, k += 2) {
        const re = values[k]!;
        const im = values[k + 1]!;
        if (re === 0 && im === 0) continue;
        ldl.add(row, column, l, v, re);
        ldl.add(row, column, l, v + 1, -im);
        ldl.add(row, column, l + 1, v, im);
        ldl.add(row, column, l + 1, v + 1, re);
      }
    }
  }
  current.fill(0);
  subtractNetwork(network, vector, current, phases);
  for (let e = 0; e < current.length; e++) current[e] = -current[e]!;
}

/**
 * c and A at every phase of a bus. c follows from the current at the voltages in the vector, not from the measured power: a
 * matrix of voltages and currents that belong together leaves a turn of all angles free, as the equations do.
 */
function addInjections(
  { ldl, grid, alive, injects }: CurrentFormStructure,
  { measured }: CurrentFormState,
  { block, linear, current }: { block: number; linear: Linearisation; current: Float64Array },
): void {
  const { phases } = grid;
  for (let phase = 0; phase < phases; phase++) {
    const place = ldl.position[block]! * phases + phase;
    const l = 2 * phase;
    const v = l + 2 * phases;
    if (alive[place] === 0) for (let r = v; r < v + 2; r++) ldl.add(block, block, r, r, 1);
    if (injects[place] === 0) {
      for (let r = l; r < l + 2; r++) ldl.add(block, block, r, r, -1);
      continue;
    }
    const at = entryOfVoltage(place, phases);
    const vr = ldl.vector[at]!;
    const vi = ldl.vector[at + 1]!;
    const square = vr * vr + vi * vi;
    // u = 1 / v, c = conj(i) u.
    const ur = vr / square;
    const ui = -vi / square;
    const ir = current[at - 2 * phases]!;
    const ii = current[at - 2 * phases + 1]!;
    const cr = ir * ur + ii * ui;
    const ci = ir * ui - ii * ur;
    const rp = measured[MEASURED * place + 2]!;
    const rq = measured[MEASURED * place + 3]!;
    const a11 = rp * ur * ur + rq * ui * ui;
    const a12 = (rq - rp) * ur * ui;
    const a22 = rp * ui * ui + rq * ur * ur;
    const own = LINEAR * place;
    linear.injections[own] = cr;
    linear.injections[own + 1] = ci;
    linear.injections[own + 2] = a11;
    linear.injections[own + 3] = a12;
    linear.injections[own + 4] = a22;
    ldl.add(block, block, l, l, -a11);
    ldl.add(block, block, l + 1, l, -a12);
    ldl.add(block, block, l + 1, l + 1, -a22);
    ldl.add(block, block, l, v, cr);
    ldl.add(block, block, l, v + 1, -ci);
    ldl.add(block, block, l + 1, v, -ci);
    ldl.add(block, block, l + 1, v + 1, -cr);
  }
}

/** h h' / variance of every row in use, with the derivatives that stand in `rows`. */
function addRows({ ldl, equations, rows, rowStart }: CurrentFormStructure, linear: Linearisation): void {
  const { entryColumn, jacobian, active, variance } = rows;
  const blockOf = (entry: number): number => equations.blockOfUnknown[equations.entryColumn[entry]!]!;
  weighReferences(rows);
  linear.rows.set(jacobian);
  for (let row = 0; row < rows.rows; row++) {
    const weight = active[row] === 1 ? 1 / variance[row]! : 0;
    linear.weight[row] = weight;
    if (weight === 0) continue;
    for (let a = rowStart[row]!; a < rowStart[row + 1]!; a++) {
      for (let b = rowStart[row]!; b < rowStart[row + 1]!; b++) {
        const i = blockOf(a);
        const j = blockOf(b);
        const r = entryColumn[a]! % ldl.order;
        const c = entryColumn[b]! % ldl.order;
        // Every pair comes twice, but for those of an unknown with itself.
        if (i === j ? r >= c : i < j) ldl.add(i, j, r, c, weight * jacobian[a]! * jacobian[b]!);
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
  entryRow.forEach((row, entry) => {
    if (row < measuredRows && active[row] === 1) heaviest = Math.max(heaviest, jacobian[entry]! ** 2 / variance[row]!);
  });
  variance.fill(heaviest > 0 ? 1 / (REFERENCE_WEIGHT * heaviest) : 1, measuredRows, rows);
}
