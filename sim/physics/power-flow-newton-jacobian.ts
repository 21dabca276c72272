/** The Jacobian of Newton's equations, written into the factorisation in place. */
import type { ElementPowers, GeneralPart } from './power-flow-elements.ts';
import { positiveSequence, TURN_IM, TURN_RE, type NewtonWork } from './power-flow-newton-equations.ts';
import type { NewtonStructure } from './power-flow-newton-structure.ts';
import type { ControlState, VoltageControl } from './power-flow-voltage-control.ts';

/** Y less the derivatives of the elements' currents; rows of held places by the chain rule. */
export function fillJacobian(
  shared: NewtonStructure,
  states: readonly ControlState[],
  powers: ElementPowers,
  voltage: Float64Array,
  work: NewtonWork,
): void {
  const { context, controls, earthed, lu, base, ownAt } = shared;
  const { grid, elements } = context;
  const order = 2 * grid.phases;
  lu.values.set(base);
  for (const [bus, size] of work.earthing ? earthed : []) {
    for (let e = 0; e < order; e++) lu.values[ownAt[bus]! + e * (order + 1)]! += size;
  }
  const { free } = elements;
  const { derivative } = work;
  for (let n = 0; n < free.places.length; n++) {
    const place = free.places[n]!;
    const p = work.busPower[2 * place]!;
    const q = work.busPower[2 * place + 1]!;
    if (p === 0 && q === 0) continue;
    const re = voltage[2 * place]!;
    const im = voltage[2 * place + 1]!;
    const d = re * re + im * im;
    currentDerivative(re, im, p / d, q / d, -p / (d * d), -q / (d * d), derivative);
    addOwn(shared, place, place, derivative, -1);
  }
  for (let n = 0; n < free.general.length; n++) {
    const part = free.general[n]!;
    if (!partDerivative(part, powers[part.kind], grid.basePowerVA, voltage, derivative)) continue;
    const near = part.near >> 1;
    addOwn(shared, near, near, derivative, -1);
    if (part.far < 0) continue;
    const far = part.far >> 1;
    addOwn(shared, near, far, derivative, 1);
    addOwn(shared, far, near, derivative, 1);
    addOwn(shared, far, far, derivative, -1);
  }
  for (let c = 0; c < controls.length; c++) if (states[c] === 'hold') controlRows(shared, controls[c]!, voltage, work);
}

/** Adds +-d(i_row) / d(v_column) of two places of one bus. */
function addOwn(
  { lu, ownAt, context }: NewtonStructure,
  rowPlace: number,
  columnPlace: number,
  derivative: Float64Array,
  sign: 1 | -1,
): void {
  const { phases } = context.grid;
  const order = 2 * phases;
  const bus = Math.floor(rowPlace / phases);
  const to = ownAt[bus]! + 2 * (rowPlace % phases) * order + 2 * (columnPlace % phases);
  lu.values[to]! += sign * derivative[0]!;
  lu.values[to + 1]! += sign * derivative[1]!;
  lu.values[to + order]! += sign * derivative[2]!;
  lu.values[to + order + 1]! += sign * derivative[3]!;
}

/** Of i = (a re + b im) + j (a im - b re) with a = P / |v|^2, b = Q / |v|^2 and their slopes against |v|^2. */
function currentDerivative(
  re: number,
  im: number,
  a: number,
  b: number,
  da: number,
  db: number,
  derivative: Float64Array,
): void {
  const real = 2 * (da * re + db * im);
  const imaginary = 2 * (da * im - db * re);
  derivative[0] = a + re * real;
  derivative[1] = b + im * real;
  derivative[2] = -b + re * imaginary;
  derivative[3] = a + im * imaginary;
}

/**
 * With u = |v| / n: P(u) / |v|^2 = P0 (z / n^2 + i / (n |v|) + p / |v|^2). False where there is no power to derive.
 */
function partDerivative(
  part: GeneralPart,
  power: Float64Array,
  basePowerVA: number,
  voltage: Float64Array,
  derivative: Float64Array,
): boolean {
  const { own, near, far, sign, nominal, active, reactive } = part;
  const p0 = (sign * power[own]!) / basePowerVA;
  const q0 = (sign * power[own + 1]!) / basePowerVA;
  if (p0 === 0 && q0 === 0) return false;
  const re = voltage[near]! - (far < 0 ? 0 : voltage[far]!);
  const im = voltage[near + 1]! - (far < 0 ? 0 : voltage[far + 1]!);
  const d = re * re + im * im;
  const impedance = nominal * nominal;
  const current = nominal * Math.sqrt(d);
  const a = p0 * (active.z / impedance + active.i / current + active.p / d);
  const b = q0 * (reactive.z / impedance + reactive.i / current + reactive.p / d);
  const da = p0 * (-active.i / (2 * current * d) - active.p / (d * d));
  const db = q0 * (-reactive.i / (2 * current * d) - reactive.p / (d * d));
  currentDerivative(re, im, a, b, da, db, derivative);
  return true;
}

/** Turns the rows dF of a held bus into those of its control equations, in its own and all its transfer blocks. */
function controlRows(shared: NewtonStructure, control: VoltageControl, voltage: Float64Array, work: NewtonWork): void {
  const { admittance, lu, ownAt, transferAt, context } = shared;
  const { values } = lu;
  const { start } = admittance.pattern;
  const { bus, places, holds } = control;
  const { phases } = context.grid;
  const order = 2 * phases;
  const own = ownAt[bus]!;
  toPowerRows(values, own, control, voltage, phases);
  for (let e = start[bus]!; e < start[bus + 1]!; e++) {
    toPowerRows(values, transferAt[e]!, control, voltage, phases);
    toVoltageRows(values, transferAt[e]!, control, phases);
  }
  // In its own block the bus's voltage stands before F, too.
  for (let k = 0; k < places.length; k++) {
    const at = 2 * places[k]!;
    const to = own + rowOf(places[k]!, phases) + 2 * (places[k]! % phases);
    const fr = work.mismatch[at]!;
    const fi = work.mismatch[at + 1]!;
    values[to]! += fr;
    values[to + 1]! += fi;
    values[to + order]! -= fi;
    values[to + order + 1]! += fr;
  }
  toVoltageRows(values, own, control, phases);
  // d|v|^2 / d(re, im), or d|v1|^2 of phase k with v1 = sum a^k v_k / 3.
  positiveSequence(places, voltage, work.sequence);
  const re = work.sequence[0]!;
  const im = work.sequence[1]!;
  for (let k = 0; k < places.length; k++) {
    const each = holds === 'each-phase';
    const place = places[k]!;
    const to = own + rowOf(each ? place : places[2]!, phases) + order + 2 * (place % phases);
    values[to] = each ? 2 * voltage[2 * place]! : (2 / 3) * (re * TURN_RE[k]! + im * TURN_IM[k]!);
    values[to + 1] = each ? 2 * voltage[2 * place + 1]! : (2 / 3) * (im * TURN_RE[k]! - re * TURN_IM[k]!);
  }
}

/** Where the first row of a place begins in a block. */
function rowOf(place: number, phases: number): number {
  return 2 * (place % phases) * 2 * phases;
}

/** Rows of dF in a block into those of active and reactive power, dp + j dq = v dF*. */
function toPowerRows(
  values: Float64Array,
  block: number,
  { places }: VoltageControl,
  voltage: Float64Array,
  phases: number,
): void {
  const order = 2 * phases;
  for (let k = 0; k < places.length; k++) {
    const row = block + rowOf(places[k]!, phases);
    const vr = voltage[2 * places[k]!]!;
    const vi = voltage[2 * places[k]! + 1]!;
    for (let c = row; c < row + order; c++) {
      const fr = values[c]!;
      const fi = values[c + order]!;
      values[c] = vr * fr + vi * fi;
      values[c + order] = vi * fr - vr * fi;
    }
  }
}

/** Rows of reactive power into q_A - q_B, q_B - q_C and none, or into none at all where each phase holds its voltage. */
function toVoltageRows(values: Float64Array, block: number, { places, holds }: VoltageControl, phases: number): void {
  const order = 2 * phases;
  const last = places.length - 1;
  for (let k = 0; k <= last; k++) {
    const row = block + rowOf(places[k]!, phases) + order;
    const next = block + rowOf(places[Math.min(k + 1, last)]!, phases) + order;
    if (holds === 'each-phase' || k === last) values.fill(0, row, row + order);
    else for (let c = 0; c < order; c++) values[row + c]! -= values[next + c]!;
  }
}
