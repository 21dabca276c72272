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
  const addOwn = (rowPlace: number, columnPlace: number, derivative: Derivative, factor: number): void => {
    const bus = Math.floor(rowPlace / grid.phases);
    const to = ownAt[bus]! + 2 * (rowPlace % grid.phases) * order + 2 * (columnPlace % grid.phases);
    lu.values[to]! += factor * derivative.rr;
    lu.values[to + 1]! += factor * derivative.ri;
    lu.values[to + order]! += factor * derivative.ir;
    lu.values[to + order + 1]! += factor * derivative.ii;
  };
  for (const place of elements.free.places) {
    const at = 2 * place;
    const [p, q] = [work.busPower[at]!, work.busPower[at + 1]!];
    if (p === 0 && q === 0) continue;
    const [re, im] = [voltage[at]!, voltage[at + 1]!];
    const d = re * re + im * im;
    addOwn(place, place, currentDerivative(re, im, p / d, q / d, -p / (d * d), -q / (d * d)), -1);
  }
  for (const part of elements.free.general) {
    const derivative = partDerivative(part, powers[part.kind], grid.basePowerVA, voltage);
    if (derivative === undefined) continue;
    const near = part.near >> 1;
    addOwn(near, near, derivative, -1);
    if (part.far < 0) continue;
    const far = part.far >> 1;
    addOwn(near, far, derivative, 1);
    addOwn(far, near, derivative, 1);
    addOwn(far, far, derivative, -1);
  }
  controls.forEach((control, c) => {
    if (states[c] === 'hold') controlRows(shared, control, voltage, work.mismatch);
  });
}

/** d(i_re, i_im) / d(v_re, v_im). */
interface Derivative {
  readonly rr: number;
  readonly ri: number;
  readonly ir: number;
  readonly ii: number;
}

/** Of i = (a re + b im) + j (a im - b re) with a = P / |v|^2, b = Q / |v|^2 and their slopes against |v|^2. */
function currentDerivative(re: number, im: number, a: number, b: number, da: number, db: number): Derivative {
  const real = 2 * (da * re + db * im);
  const imaginary = 2 * (da * im - db * re);
  return { rr: a + re * real, ri: b + im * real, ir: -b + re * imaginary, ii: a + im * imaginary };
}

/** With u = |v| / n: P(u) / |v|^2 = P0 (z / n^2 + i / (n |v|) + p / |v|^2). */
function partDerivative(
  part: GeneralPart,
  power: Float64Array,
  basePowerVA: number,
  voltage: Float64Array,
): Derivative | undefined {
  const { own, near, far, sign, nominal, active, reactive } = part;
  const p0 = (sign * power[own]!) / basePowerVA;
  const q0 = (sign * power[own + 1]!) / basePowerVA;
  if (p0 === 0 && q0 === 0) return undefined;
  const re = voltage[near]! - (far < 0 ? 0 : voltage[far]!);
  const im = voltage[near + 1]! - (far < 0 ? 0 : voltage[far + 1]!);
  const d = re * re + im * im;
  const magnitude = Math.sqrt(d);
  const over = ({ z, i, p }: GeneralPart['active']): number =>
    z / (nominal * nominal) + i / (nominal * magnitude) + p / d;
  const slope = ({ i, p }: GeneralPart['active']): number => -i / (2 * nominal * magnitude * d) - p / (d * d);
  return currentDerivative(re, im, p0 * over(active), q0 * over(reactive), p0 * slope(active), q0 * slope(reactive));
}

/** Turns the rows dF of a held bus into those of its control equations, in its own and all its transfer blocks. */
function controlRows(
  shared: NewtonStructure,
  control: VoltageControl,
  voltage: Float64Array,
  mismatch: Float64Array,
): void {
  const { admittance, lu, ownAt, transferAt, context } = shared;
  const { start } = admittance.pattern;
  const { bus, places, holds } = control;
  const { phases } = context.grid;
  const order = 2 * phases;
  const { values } = lu;
  const blocks = [ownAt[bus]!, ...transferAt.subarray(start[bus], start[bus + 1])];
  const rowOf = (k: number): number => 2 * (places[k]! % phases) * order;

  blocks.forEach((block, b) => {
    const reactive = places.map((place, k) => {
      const row = block + rowOf(k);
      const [vr, vi] = [voltage[2 * place]!, voltage[2 * place + 1]!];
      const q = new Float64Array(order);
      for (let c = 0; c < order; c++) {
        const [fr, fi] = [values[row + c]!, values[row + order + c]!];
        q[c] = vi * fr - vr * fi;
        values[row + c] = vr * fr + vi * fi;
        values[row + order + c] = 0;
      }
      if (b > 0) return q;
      const own = 2 * (place % phases);
      values[row + own]! += mismatch[2 * place]!;
      values[row + own + 1]! += mismatch[2 * place + 1]!;
      q[own]! -= mismatch[2 * place + 1]!;
      q[own + 1]! += mismatch[2 * place]!;
      return q;
    });
    if (holds === 'each-phase') return;
    for (let c = 0; c < order; c++) {
      values[block + rowOf(0) + order + c] = reactive[0]![c]! - reactive[1]![c]!;
      values[block + rowOf(1) + order + c] = reactive[1]![c]! - reactive[2]![c]!;
    }
  });
  if (holds === 'each-phase') {
    places.forEach((place, k) => {
      const to = ownAt[bus]! + rowOf(k) + order + 2 * (place % phases);
      values[to] = 2 * voltage[2 * place]!;
      values[to + 1] = 2 * voltage[2 * place + 1]!;
    });
    return;
  }
  // d|v1|^2 / d(re, im) of phase k, with v1 = sum a^k v_k / 3.
  const [re, im] = positiveSequence(places, voltage);
  places.forEach((_, k) => {
    const to = ownAt[bus]! + rowOf(2) + order + 2 * k;
    values[to] = (2 / 3) * (re * TURN_RE[k]! + im * TURN_IM[k]!);
    values[to + 1] = (2 / 3) * (im * TURN_RE[k]! - re * TURN_IM[k]!);
  });
}
