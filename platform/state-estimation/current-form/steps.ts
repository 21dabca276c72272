/** The steps of the estimator in current form (`current-form.ts`): innermost loops on flat arrays, nothing allocated. */
import { evaluate } from '../equations/evaluate.ts';
import { subtractNetwork } from './network.ts';
import { type CurrentFormStructure, entryOfVoltage, FACTORS } from './structure.ts';

/** Numbers of a place (slot and phase): measured powers P and Q and their variances; c and A of a matrix. */
export const MEASURED = 4;
export const LINEAR = 5;

/** What a matrix holds of the state for which it was made; what it lacks of the equations stands on the right side. */
export interface Linearisation {
  /** By place: c = s / v^2 (2), covariance A of the current (11, 12, 22). */
  readonly injections: Float64Array;
  /** By entry of the rows: their derivatives; by row: its weight. */
  readonly rows: Float64Array;
  readonly weight: Float64Array;
}

export interface CurrentFormState {
  /** By place: P, Q and their variances. */
  readonly measured: Float64Array;
  /** By factor; and that of no matrix. */
  readonly linearisations: readonly Linearisation[];
  readonly nothing: Linearisation;
  /** Right side, its part at dead phases, where the voltage of one stands for nothing, and the vector before the step. */
  readonly push: Float64Array;
  readonly idle: Float64Array;
  readonly before: Float64Array;
  /** Largest squared change of a voltage in the last step, NaN when one is NaN. A number returned would go to the heap. */
  readonly change: Float64Array;
}

export function createCurrentFormState({ ldl, alive, rows }: CurrentFormStructure): CurrentFormState {
  const idle = new Float64Array(ldl.vector.length);
  for (let place = 0; place < alive.length; place++) {
    if (alive[place] === 0) idle[entryOfVoltage(place, ldl.order / 4)] = 1;
  }
  const linearisation = (): Linearisation => ({
    injections: new Float64Array(LINEAR * alive.length),
    rows: new Float64Array(rows.entryRow.length),
    weight: new Float64Array(rows.rows),
  });
  return {
    measured: new Float64Array(MEASURED * alive.length),
    linearisations: Array.from({ length: FACTORS }, linearisation),
    nothing: linearisation(),
    push: new Float64Array(ldl.vector.length),
    idle,
    before: new Float64Array(ldl.vector.length),
    change: new Float64Array(1),
  };
}

/**
 * One step x -> M^-1 f(x) with one of the factors. The right side is found bus by bus, but what rounding has changed in the
 * factor changes where such steps end.
 */
export function step(structure: CurrentFormStructure, state: CurrentFormState, factor: number): void {
  const { ldl } = structure;
  const { before, push } = state;
  before.set(ldl.vector);
  push.set(state.idle);
  pushRows(structure, state, state.linearisations[factor]!);
  pushInjections(structure, state, state.linearisations[factor]!);
  ldl.vector.set(push);
  ldl.solve(factor);
  findLargestChange(structure, state);
}

/**
 * One step x -> x - M^-1 F(x), with the equations F themselves on the right side: it ends where they hold, and costs a
 * product with the network more.
 */
export function refine(structure: CurrentFormStructure, state: CurrentFormState, factor: number): void {
  const { ldl, network } = structure;
  const { before, push } = state;
  const { vector } = ldl;
  before.set(vector);
  push.fill(0);
  pushRows(structure, state, state.nothing);
  pushInjections(structure, state, state.nothing);
  subtractNetwork(network, vector, push, ldl.order / 4);
  vector.set(push);
  ldl.solve(factor);
  for (let k = 0; k < vector.length; k++) vector[k]! += before[k]!;
  findLargestChange(structure, state);
}

/** Of a row h(v), measured z, with h0 and weight w0 in the matrix: h0 (h0' v) w0 - h (h(v) - z) / variance. */
function pushRows(
  { ldl, rows, rowStart }: CurrentFormStructure,
  { push }: CurrentFormState,
  linear: Linearisation,
): void {
  const { entryColumn, jacobian, value, target, variance, active } = rows;
  const { vector } = ldl;
  evaluate(rows, vector);
  for (let row = 0; row < rows.rows; row++) {
    if (active[row] === 0) continue;
    const first = rowStart[row]!;
    const end = rowStart[row + 1]!;
    let known = 0;
    for (let e = first; e < end; e++) known += linear.rows[e]! * vector[entryColumn[e]!]!;
    known *= linear.weight[row]!;
    const rest = (target[row]! - value[row]!) / variance[row]!;
    for (let e = first; e < end; e++) push[entryColumn[e]!]! += linear.rows[e]! * known + jacobian[e]! * rest;
  }
}

/**
 * With u = 1 / v, w = l u and the estimated power s = z - e, e = -Rp Re w + j Rq Im w:
 *     right side of l:   -A l + conj(c v) + conj(s u),      right side of v:   conj(c l) - conj(w s u).
 */
function pushInjections(
  { ldl, alive }: CurrentFormStructure,
  { measured, push }: CurrentFormState,
  { injections }: Linearisation,
): void {
  const { vector, order } = ldl;
  const half = order / 2;
  let m = 0;
  let a = 0;
  let l = 0;
  const places = MEASURED * alive.length;
  while (m < places) {
    for (const end = l + half; l < end; l += 2) {
      const v = l + half;
      const lr = vector[l]!;
      const li = vector[l + 1]!;
      const vr = vector[v]!;
      const vi = vector[v + 1]!;
      const over = 1 / (vr * vr + vi * vi);
      const ur = vr * over;
      const ui = -vi * over;
      const wr = lr * ur - li * ui;
      const wi = lr * ui + li * ur;
      const sr = measured[m]! + measured[m + 2]! * wr;
      const si = measured[m + 1]! - measured[m + 3]! * wi;
      const ir = sr * ur - si * ui;
      const ii = sr * ui + si * ur;
      const cr = injections[a]!;
      const ci = injections[a + 1]!;
      const a12 = injections[a + 3]!;
      push[l]! += cr * vr - ci * vi + ir - (injections[a + 2]! * lr + a12 * li);
      push[l + 1]! -= cr * vi + ci * vr + ii + a12 * lr + injections[a + 4]! * li;
      push[v]! += cr * lr - ci * li - (wr * ir - wi * ii);
      push[v + 1]! += wr * ii + wi * ir - (cr * li + ci * lr);
      m += MEASURED;
      a += LINEAR;
    }
    l += half;
  }
}

function findLargestChange({ ldl }: CurrentFormStructure, { before, change }: CurrentFormState): void {
  const { vector, order } = ldl;
  const half = order / 2;
  let worst = 0;
  for (let slot = 0; slot < vector.length; slot += order) {
    for (let v = slot + half; v < slot + order; v += 2) {
      const re = vector[v]! - before[v]!;
      const im = vector[v + 1]! - before[v + 1]!;
      const size = re * re + im * im;
      if (!(size <= worst) && worst === worst) worst = size;
    }
  }
  change[0] = worst;
}
