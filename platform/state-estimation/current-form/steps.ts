/**
 * The steps of the estimator in current form (`current-form.ts`): innermost loops on flat arrays, nothing allocated.
 * Complex numbers act on (re, im) as real 2x2 matrices; so do conjugations.
 */
import { evaluate } from '../equations/evaluate.ts';
import type { Equations } from '../equations/layout.ts';
import type { CurrentFormStructure } from './structure.ts';

/** Numbers of a place (slot and phase) that the loops read: what is measured there, and what the matrix holds of it. */
export const PLACE = 9;
const VARIANCE_P = 2;
const VARIANCE_Q = 3;
/** c = s / v^2 and the covariance of the current, of the state for which the matrix was made. */
const C = 4;
const A = 6;

export interface CurrentFormState {
  /** By place. */
  readonly constants: Float64Array;
  /** Per entry of the rows: derivative in the matrix; per row: weight in the matrix. */
  readonly frozen: Float64Array;
  readonly frozenWeight: Float64Array;
  /** By entry of the vector: what the rows push, at dead phases the voltage that stands there for nothing. */
  readonly push: Float64Array;
  readonly idle: Float64Array;
  /** Voltages before the step, by place, interleaved. */
  readonly before: Float64Array;
}

export function createCurrentFormState({ ldl, alive, rows }: CurrentFormStructure): CurrentFormState {
  const { vector, order } = ldl;
  const phases = order / 4;
  const idle = new Float64Array(vector.length);
  alive.forEach((one, place) => {
    if (one === 0) idle[entryOfVoltage(place, phases)] = 1;
  });
  return {
    constants: new Float64Array(PLACE * alive.length),
    frozen: new Float64Array(rows.entryRow.length),
    frozenWeight: new Float64Array(rows.rows),
    push: new Float64Array(vector.length),
    idle,
    before: new Float64Array(2 * alive.length),
  };
}

/** Where the voltage of a place stands in the vector; its multiplier stands 2 * phases before. */
export function entryOfVoltage(place: number, phases: number): number {
  const slot = Math.floor(place / phases);
  return 4 * phases * slot + 2 * phases + 2 * (place - phases * slot);
}

/**
 * Makes the matrix of the state in the vector:
 *     [ -A   Y + conj(c .) ]        A = covariance of conj(e / v),   c = s / v^2,
 *     [ Y' + conj(c .)   W ]        W = sum of h h' / variance over the rows
 * and factorises it. Answers with the error of `BlockLdl.factorise`; the vector keeps its values.
 */
export function makeFactor(structure: CurrentFormStructure, state: CurrentFormState): number {
  const { ldl, grid, alive, injects, rows } = structure;
  const { vector } = ldl;
  const phases = grid.phases;
  const { busOfBlock } = structure.equations;
  const kept = vector.slice();
  ldl.clear();
  const current = addAdmittances(structure);
  busOfBlock.forEach((_, block) => {
    for (let phase = 0; phase < phases; phase++) {
      const place = ldl.position[block]! * phases + phase;
      const l = 2 * phase;
      const v = l + 2 * phases;
      if (alive[place] === 0) for (const r of [v, v + 1]) ldl.add(block, block, r, r, 1);
      if (injects[place] === 0) {
        for (const r of [l, l + 1]) ldl.add(block, block, r, r, -1);
        continue;
      }
      linearise(structure, state, place, current);
      const at = PLACE * place;
      const [cr, ci] = [state.constants[at + C]!, state.constants[at + C + 1]!];
      ldl.add(block, block, l, l, -state.constants[at + A]!);
      ldl.add(block, block, l + 1, l, -state.constants[at + A + 1]!);
      ldl.add(block, block, l + 1, l + 1, -state.constants[at + A + 2]!);
      ldl.add(block, block, l, v, cr);
      ldl.add(block, block, l, v + 1, -ci);
      ldl.add(block, block, l + 1, v, -ci);
      ldl.add(block, block, l + 1, v + 1, -cr);
    }
  });
  evaluate(rows, vector);
  addRows(structure, state);
  const error = ldl.factorise();
  vector.set(kept);
  return error;
}

/**
 * c and A of a place, for the power that flows in at the voltages in the vector: a matrix of voltages and currents that
 * belong together leaves a turn of all angles free, as the equations do.
 */
function linearise(
  { ldl }: CurrentFormStructure,
  { constants }: CurrentFormState,
  place: number,
  current: Float64Array,
): void {
  const at = PLACE * place;
  const v = entryOfVoltage(place, ldl.order / 4);
  const [vr, vi] = [ldl.vector[v]!, ldl.vector[v + 1]!];
  const over = 1 / (vr * vr + vi * vi);
  const [ur, ui] = [vr * over, -vi * over];
  const [rp, rq] = [constants[at + VARIANCE_P]!, constants[at + VARIANCE_Q]!];
  // c = s / v^2 = conj(i) / v.
  const [ir, ii] = [current[2 * place]!, -current[2 * place + 1]!];
  constants[at + C] = ir * ur - ii * ui;
  constants[at + C + 1] = ir * ui + ii * ur;
  constants[at + A] = rp * ur * ur + rq * ui * ui;
  constants[at + A + 1] = (rq - rp) * ur * ui;
  constants[at + A + 2] = rp * ui * ui + rq * ur * ur;
}

/** Y where the injection is known; its transpose comes with it. Answers with Y v by place, interleaved. */
function addAdmittances({ ldl, grid, equations, firstOfBus, injects, alive }: CurrentFormStructure): Float64Array {
  const { phases } = grid;
  const { vector } = ldl;
  const current = new Float64Array(2 * alive.length);
  const add = (bus: number, other: number, y: Float64Array): void => {
    const [row, column] = [equations.blockOfBus[bus]!, equations.blockOfBus[other]!];
    if (row < 0 || column < 0) return;
    const [first, second] = [bus, other].map((one) => (firstOfBus[one]! / ldl.order) * phases) as [number, number];
    for (let r = 0; r < phases; r++) {
      for (let c = 0; c < phases; c++) {
        const re = y[2 * (r * phases + c)]!;
        const im = y[2 * (r * phases + c) + 1]!;
        if (injects[first + r] === 0 || alive[second + c] === 0 || (re === 0 && im === 0)) continue;
        const [l, v] = [2 * r, 2 * phases + 2 * c];
        const [vr, vi] = [vector[firstOfBus[other]! + v]!, vector[firstOfBus[other]! + v + 1]!];
        current[2 * (first + r)]! += re * vr - im * vi;
        current[2 * (first + r) + 1]! += re * vi + im * vr;
        ldl.add(row, column, l, v, re);
        ldl.add(row, column, l, v + 1, -im);
        ldl.add(row, column, l + 1, v, im);
        ldl.add(row, column, l + 1, v + 1, re);
      }
    }
  };
  for (const { from, to, yff, yft, ytf, ytt } of grid.branches) {
    add(from, from, yff);
    add(from, to, yft);
    add(to, from, ytf);
    add(to, to, ytt);
  }
  for (const { bus, y } of grid.shunts) add(bus, bus, y);
  return current;
}

/** The rows as they stand in `rows`: h h' / variance of every row in use. */
function addRows({ ldl, equations, rows, rowStart }: CurrentFormStructure, state: CurrentFormState): void {
  const { frozen, frozenWeight } = state;
  const { entryColumn, jacobian, active, variance } = rows;
  const blockOf = (entry: number): number => equations.blockOfUnknown[equations.entryColumn[entry]!]!;
  frozen.set(jacobian);
  weighReferences(rows);
  for (let row = 0; row < rows.rows; row++) {
    const weight = active[row] === 1 ? 1 / variance[row]! : 0;
    frozenWeight[row] = weight;
    if (weight === 0) continue;
    for (let a = rowStart[row]!; a < rowStart[row + 1]!; a++) {
      for (let b = rowStart[row]!; b < rowStart[row + 1]!; b++) {
        const [i, j] = [blockOf(a), blockOf(b)];
        const [r, c] = [entryColumn[a]! % ldl.order, entryColumn[b]! % ldl.order];
        // Every pair comes twice, but for those of an unknown with itself.
        if (i === j ? r >= c : i < j) ldl.add(i, j, r, c, weight * jacobian[a]! * jacobian[b]!);
      }
    }
  }
}

/**
 * A reference is no measurement: any weight fixes an angle that nothing else speaks of, and a heavy one keeps the small
 * disagreement of matrix and state from turning it.
 */
function weighReferences({ rows, measuredRows, entryRow, jacobian, active, variance }: Equations): void {
  let heaviest = 0;
  entryRow.forEach((row, entry) => {
    if (row < measuredRows && active[row] === 1) heaviest = Math.max(heaviest, jacobian[entry]! ** 2 / variance[row]!);
  });
  variance.fill(heaviest > 0 ? 1 / heaviest : 1, measuredRows, rows);
}

/**
 * One step: the right side that belongs to the state in the vector, then the solution for it. Answers with the largest
 * squared change of a voltage, NaN as soon as one is NaN.
 */
export function step(structure: CurrentFormStructure, state: CurrentFormState): number {
  pushRows(structure, state);
  pushInjections(structure, state);
  structure.ldl.solve();
  return largestChange(structure, state);
}

/** Of a row h(v), measured z: h0 (h0' v) w0 - h (h(v) - z) / variance. */
function pushRows({ ldl, rows, rowStart }: CurrentFormStructure, state: CurrentFormState): void {
  const { push, idle, frozen, frozenWeight } = state;
  const { entryColumn, jacobian, value, target, variance, active } = rows;
  const { vector } = ldl;
  push.set(idle);
  evaluate(rows, vector);
  for (let row = 0; row < rows.rows; row++) {
    if (active[row] === 0) continue;
    const [first, end] = [rowStart[row]!, rowStart[row + 1]!];
    let linear = 0;
    for (let e = first; e < end; e++) linear += frozen[e]! * vector[entryColumn[e]!]!;
    linear *= frozenWeight[row]!;
    const rest = (target[row]! - value[row]!) / variance[row]!;
    for (let e = first; e < end; e++) push[entryColumn[e]!]! += frozen[e]! * linear + jacobian[e]! * rest;
  }
}

/**
 * With u = 1 / v, w = l u and the estimated power s = z - e, e = -Rp Re w + j Rq Im w:
 *     right side of l:   -A l + conj(c v) + conj(s u),      right side of v:   conj(c l) - conj(w s u) + push.
 */
function pushInjections({ ldl, alive }: CurrentFormStructure, { constants, push, before }: CurrentFormState): void {
  const { vector, order } = ldl;
  const half = order / 2;
  let at = 0;
  let l = 0;
  let k = 0;
  const end = 2 * alive.length;
  while (k < end) {
    for (const phaseEnd = k + half; k < phaseEnd; k += 2) {
      const v = l + half;
      const lr = vector[l]!;
      const li = vector[l + 1]!;
      const vr = vector[v]!;
      const vi = vector[v + 1]!;
      before[k] = vr;
      before[k + 1] = vi;
      const over = 1 / (vr * vr + vi * vi);
      const ur = vr * over;
      const ui = -vi * over;
      const wr = lr * ur - li * ui;
      const wi = lr * ui + li * ur;
      const sr = constants[at]! + constants[at + 2]! * wr;
      const si = constants[at + 1]! - constants[at + 3]! * wi;
      const ir = sr * ur - si * ui;
      const ii = sr * ui + si * ur;
      const cr = constants[at + 4]!;
      const ci = constants[at + 5]!;
      const a12 = constants[at + 7]!;
      vector[l] = cr * vr - ci * vi + ir - (constants[at + 6]! * lr + a12 * li);
      vector[l + 1] = -(cr * vi + ci * vr + ii + a12 * lr + constants[at + 8]! * li);
      vector[v] = cr * lr - ci * li - (wr * ir - wi * ii) + push[v]!;
      vector[v + 1] = wr * ii + wi * ir - (cr * li + ci * lr) + push[v + 1]!;
      at += 9;
      l += 2;
    }
    l += half;
  }
}

function largestChange({ ldl }: CurrentFormStructure, { before }: CurrentFormState): number {
  const { vector, order } = ldl;
  const half = order / 2;
  let worst = 0;
  let k = 0;
  for (let slot = 0; slot < vector.length; slot += order) {
    for (let v = slot + half; v < slot + order; v += 2) {
      const re = vector[v]! - before[k]!;
      const im = vector[v + 1]! - before[k + 1]!;
      const size = re * re + im * im;
      if (!(size <= worst) && worst === worst) worst = size;
      k += 2;
    }
  }
  return worst;
}
