/** h(x) and its Jacobian at a state: the values of the equations, refilled without allocating. */
import type { Equations } from './layout.ts';
import { ROW } from './row-kinds.ts';

/** Below this current (per unit) its angle says nothing; the voltage's direction stands in. */
const CURRENT_MIN = 1e-9;

/** One part of a row at one state: what it reads, and what it adds to the row. */
interface Part {
  vr: number;
  vi: number;
  ir: number;
  ii: number;
  /** Direction of a phasor row, target of an angle row. */
  cosine: number;
  sine: number;
  target: number;
  /** Contribution to h, and derivatives by Re i, Im i (alpha, beta) and Re v, Im v (gamma, delta). */
  h: number;
  alpha: number;
  beta: number;
  gamma: number;
  delta: number;
}

const part: Part = {
  vr: 0,
  vi: 0,
  ir: 0,
  ii: 0,
  cosine: 0,
  sine: 0,
  target: 0,
  h: 0,
  alpha: 0,
  beta: 0,
  gamma: 0,
  delta: 0,
};

/** Computes h(x) and the Jacobian at x (unknowns as in the layout). Rows out of use get zeros. */
export function evaluate(equations: Equations, x: Float64Array): void {
  const { kind, active, value, jacobian, partStart, causeEntry, entryColumn, cosine, sine, target } = equations;
  const { partCurrent, partOwn, currentValue } = equations;
  evaluateCurrents(equations, x);
  for (let row = 0; row < equations.rows; row += 1) {
    let h = 0;
    const rowKind = active[row] === 1 ? kind[row]! : ROW.inert;
    part.cosine = cosine[row]!;
    part.sine = sine[row]!;
    part.target = target[row]!;
    for (let p = partStart[row]!; p < partStart[row + 1]!; p += 1) {
      const current = partCurrent[p]!;
      const own = partOwn[p]!;
      part.ir = current < 0 ? 0 : currentValue[2 * current]!;
      part.ii = current < 0 ? 0 : currentValue[2 * current + 1]!;
      part.vr = own < 0 ? 0 : x[2 * own]!;
      part.vi = own < 0 ? 0 : x[2 * own + 1]!;
      derive(rowKind);
      h += part.h;
      writeDerivatives(equations, p, current, own);
    }
    const cause = causeEntry[row]!;
    if (cause >= 0) h += jacobian[cause]! * x[entryColumn[cause]!]!;
    value[row] = h;
  }
}

/** i_c = sum a_k v_k for every linear current. */
function evaluateCurrents(equations: Equations, x: Float64Array): void {
  const { currentStart, currentState, currentRe, currentIm, currentValue } = equations;
  for (let current = 0; current + 1 < currentStart.length; current += 1) {
    let re = 0;
    let im = 0;
    for (let k = currentStart[current]!; k < currentStart[current + 1]!; k += 1) {
      const state = 2 * currentState[k]!;
      const vr = x[state]!;
      const vi = x[state + 1]!;
      re += currentRe[k]! * vr - currentIm[k]! * vi;
      im += currentRe[k]! * vi + currentIm[k]! * vr;
    }
    currentValue[2 * current] = re;
    currentValue[2 * current + 1] = im;
  }
}

function writeDerivatives(equations: Equations, p: number, current: number, own: number): void {
  const { jacobian, currentStart, currentRe, currentIm } = equations;
  const { alpha, beta } = part;
  let entry = equations.partEntry[p]!;
  if (current >= 0) {
    for (let k = currentStart[current]!; k < currentStart[current + 1]!; k += 1) {
      const re = currentRe[k]!;
      const im = currentIm[k]!;
      jacobian[entry] = alpha * re + beta * im;
      jacobian[entry + 1] = beta * re - alpha * im;
      entry += 2;
    }
  }
  if (own >= 0) {
    jacobian[entry] = part.gamma;
    jacobian[entry + 1] = part.delta;
  }
}

function derive(kind: number): void {
  part.alpha = 0;
  part.beta = 0;
  part.gamma = 0;
  part.delta = 0;
  switch (kind) {
    case ROW.activePower:
    case ROW.reactivePower:
      return derivePower(kind);
    case ROW.currentMagnitude:
    case ROW.currentAngle:
    case ROW.currentRadial:
    case ROW.currentTangential:
    case ROW.linearReal:
    case ROW.linearImaginary:
      return deriveCurrent(kind);
    case ROW.inert:
      part.h = 0;
      return undefined;
    default:
      return deriveVoltage(kind);
  }
}

/** P = Re v Re i + Im v Im i, Q = Im v Re i - Re v Im i. */
function derivePower(kind: number): void {
  const { vr, vi, ir, ii } = part;
  if (kind === ROW.activePower) {
    part.h = vr * ir + vi * ii;
    part.alpha = vr;
    part.beta = vi;
    part.gamma = ir;
    part.delta = ii;
  } else {
    part.h = vi * ir - vr * ii;
    part.alpha = vi;
    part.beta = -vr;
    part.gamma = -ii;
    part.delta = ir;
  }
}

function deriveVoltage(kind: number): void {
  const { vr, vi } = part;
  switch (kind) {
    case ROW.voltageMagnitude: {
      const size = Math.sqrt(vr * vr + vi * vi);
      part.h = size;
      part.gamma = vr / size;
      part.delta = vi / size;
      break;
    }
    case ROW.voltageAngle: {
      const square = vr * vr + vi * vi;
      part.h = nearest(Math.atan2(vi, vr), part.target);
      part.gamma = -vi / square;
      part.delta = vr / square;
      break;
    }
    case ROW.voltageRadial:
      part.gamma = part.cosine;
      part.delta = part.sine;
      part.h = part.gamma * vr + part.delta * vi;
      break;
    case ROW.voltageTangential:
      part.gamma = -part.sine;
      part.delta = part.cosine;
      part.h = part.gamma * vr + part.delta * vi;
      break;
    case ROW.reference:
      part.delta = 1;
      part.h = vi;
      break;
    default:
      throw new Error(`row kind ${kind} is none of a voltage`);
  }
}

function deriveCurrent(kind: number): void {
  const { ir, ii } = part;
  switch (kind) {
    case ROW.currentMagnitude:
      deriveCurrentMagnitude();
      return;
    case ROW.currentAngle: {
      const square = Math.max(ir * ir + ii * ii, CURRENT_MIN * CURRENT_MIN);
      part.h = nearest(Math.atan2(ii, ir), part.target);
      part.alpha = -ii / square;
      part.beta = ir / square;
      return;
    }
    case ROW.currentRadial:
      part.alpha = part.cosine;
      part.beta = part.sine;
      break;
    case ROW.currentTangential:
      part.alpha = -part.sine;
      part.beta = part.cosine;
      break;
    case ROW.linearReal:
      part.alpha = 1;
      break;
    default:
      part.beta = 1;
  }
  part.h = part.alpha * ir + part.beta * ii;
}

/** |i| has no derivative at zero: there it grows as a current in phase with the voltage would. */
function deriveCurrentMagnitude(): void {
  const { vr, vi, ir, ii } = part;
  const size = Math.sqrt(ir * ir + ii * ii);
  part.h = size;
  const [re, im, length] = size > CURRENT_MIN ? [ir, ii, size] : [vr, vi, Math.sqrt(vr * vr + vi * vi)];
  part.alpha = re / length;
  part.beta = im / length;
}

/** The turn of `angle` by whole revolutions that comes nearest to `target`. */
function nearest(angle: number, target: number): number {
  return angle + 2 * Math.PI * Math.round((target - angle) / (2 * Math.PI));
}
