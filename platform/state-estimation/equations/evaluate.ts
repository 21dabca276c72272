/** h(x) and its Jacobian at a state: the values of the equations, refilled without allocating. */
import type { Equations } from './layout.ts';
import { ROW } from './row-kinds.ts';

/** Below this current (per unit) its angle says nothing; the voltage's direction stands in. */
const CURRENT_MIN = 1e-9;

/**
 * One part of a row at one state, as numbers in a typed array (no boxing in the loop): own voltage and current, direction
 * of a phasor row, target of an angle row; then its contribution to h and its derivatives by Re i, Im i, Re v, Im v.
 */
const VR = 0;
const VI = 1;
const IR = 2;
const II = 3;
const COSINE = 4;
const SINE = 5;
const TARGET = 6;
const H = 7;
const ALPHA = 8;
const BETA = 9;
const GAMMA = 10;
const DELTA = 11;
const part = new Float64Array(12);

/**
 * Computes h(x) and the Jacobian at x (unknowns as in the layout), and the variances of `currentAcross`. Rows out of use get
 * zeros.
 */
export function evaluate(equations: Equations, x: Float64Array): void {
  const { kind, active, value, jacobian, partStart, causeEntry, entryColumn, cosine, sine, target } = equations;
  const { partCurrent, partOwn, currentValue } = equations;
  evaluateCurrents(equations, x);
  for (let row = 0; row < equations.rows; row += 1) {
    let h = 0;
    const rowKind = active[row] === 1 ? kind[row]! : ROW.inert;
    part[COSINE] = cosine[row]!;
    part[SINE] = sine[row]!;
    part[TARGET] = target[row]!;
    for (let p = partStart[row]!; p < partStart[row + 1]!; p += 1) {
      const current = partCurrent[p]!;
      const own = partOwn[p]!;
      part[IR] = current < 0 ? 0 : currentValue[2 * current]!;
      part[II] = current < 0 ? 0 : currentValue[2 * current + 1]!;
      part[VR] = own < 0 ? 0 : x[2 * own]!;
      part[VI] = own < 0 ? 0 : x[2 * own + 1]!;
      derive(rowKind);
      h += part[H]!;
      writeDerivatives(equations, p, current, own);
    }
    const cause = causeEntry[row]!;
    if (cause >= 0) h += jacobian[cause]! * x[entryColumn[cause]!]!;
    value[row] = h;
  }
  evaluateAcross(equations);
}

/**
 * Second derivative of (z - |i|)^2 / 2R along t, across the current: t t' (|i| - z) / (|i| R). Where |i| is larger than
 * measured it is no small thing beside what other measurements say, and without it Gauss-Newton swings about |i| = 0: there it
 * holds the current in both directions alike. As a row t' i = 0 with variance R |i| / (|i| - z) it changes no solution.
 */
function evaluateAcross(equations: Equations): void {
  const { acrossRows, magnitudeRows, partStart, partCurrent, target, value, variance, active, currentValue } =
    equations;
  for (let k = 0; k < acrossRows.length; k += 1) {
    const row = acrossRows[k]!;
    const magnitude = magnitudeRows[k]!;
    variance[row] = 1;
    if (active[row] === 0) continue;
    const first = partStart[row]!;
    const current = partCurrent[first]!;
    const ir = currentValue[2 * current]!;
    const ii = currentValue[2 * current + 1]!;
    const size = Math.sqrt(ir * ir + ii * ii);
    const above = value[magnitude]! - target[magnitude]!;
    if (!(above > 0 && size > CURRENT_MIN)) continue;
    variance[row] = (variance[magnitude]! * size) / above;
    part[ALPHA] = -ii / size;
    part[BETA] = ir / size;
    part[GAMMA] = 0;
    part[DELTA] = 0;
    writeDerivatives(equations, first, current, -1);
  }
}

/** Takes what `evaluate` says of `currentAcross` out again: variances are those of the linearised measurements. */
export function withoutAcross({ acrossRows, partStart, partEntry, jacobian, entryRow, variance }: Equations): void {
  for (const row of acrossRows) {
    variance[row] = 1;
    for (let entry = partEntry[partStart[row]!]!; entryRow[entry] === row; entry += 1) jacobian[entry] = 0;
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
  const alpha = part[ALPHA]!;
  const beta = part[BETA]!;
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
    jacobian[entry] = part[GAMMA]!;
    jacobian[entry + 1] = part[DELTA]!;
  }
}

function derive(kind: number): void {
  part[ALPHA] = 0;
  part[BETA] = 0;
  part[GAMMA] = 0;
  part[DELTA] = 0;
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
    case ROW.currentAcross:
    case ROW.inert:
      part[H] = 0;
      return undefined;
    default:
      return deriveVoltage(kind);
  }
}

/** P = Re v Re i + Im v Im i, Q = Im v Re i - Re v Im i. */
function derivePower(kind: number): void {
  const vr = part[VR]!;
  const vi = part[VI]!;
  const ir = part[IR]!;
  const ii = part[II]!;
  if (kind === ROW.activePower) {
    part[H] = vr * ir + vi * ii;
    part[ALPHA] = vr;
    part[BETA] = vi;
    part[GAMMA] = ir;
    part[DELTA] = ii;
  } else {
    part[H] = vi * ir - vr * ii;
    part[ALPHA] = vi;
    part[BETA] = -vr;
    part[GAMMA] = -ii;
    part[DELTA] = ir;
  }
}

function deriveVoltage(kind: number): void {
  const vr = part[VR]!;
  const vi = part[VI]!;
  switch (kind) {
    case ROW.voltageMagnitude: {
      const size = Math.sqrt(vr * vr + vi * vi);
      part[H] = size;
      part[GAMMA] = vr / size;
      part[DELTA] = vi / size;
      break;
    }
    case ROW.voltageAngle: {
      const square = vr * vr + vi * vi;
      part[H] = Math.atan2(vi, vr);
      turnToTarget();
      part[GAMMA] = -vi / square;
      part[DELTA] = vr / square;
      break;
    }
    case ROW.voltageRadial:
      part[GAMMA] = part[COSINE]!;
      part[DELTA] = part[SINE]!;
      part[H] = part[GAMMA] * vr + part[DELTA] * vi;
      break;
    case ROW.voltageTangential:
      part[GAMMA] = -part[SINE]!;
      part[DELTA] = part[COSINE]!;
      part[H] = part[GAMMA] * vr + part[DELTA] * vi;
      break;
    case ROW.reference:
      part[DELTA] = 1;
      part[H] = vi;
      break;
    default:
      throw new Error(`row kind ${kind} is none of a voltage`);
  }
}

function deriveCurrent(kind: number): void {
  const ir = part[IR]!;
  const ii = part[II]!;
  switch (kind) {
    case ROW.currentMagnitude:
      deriveCurrentMagnitude();
      return;
    case ROW.currentAngle: {
      const square = Math.max(ir * ir + ii * ii, CURRENT_MIN * CURRENT_MIN);
      part[H] = Math.atan2(ii, ir);
      turnToTarget();
      part[ALPHA] = -ii / square;
      part[BETA] = ir / square;
      return;
    }
    case ROW.currentRadial:
      part[ALPHA] = part[COSINE]!;
      part[BETA] = part[SINE]!;
      break;
    case ROW.currentTangential:
      part[ALPHA] = -part[SINE]!;
      part[BETA] = part[COSINE]!;
      break;
    case ROW.linearReal:
      part[ALPHA] = 1;
      break;
    default:
      part[BETA] = 1;
  }
  part[H] = part[ALPHA]! * ir + part[BETA]! * ii;
}

/** |i| has no derivative at zero: there it grows as a current in phase with the voltage would. */
function deriveCurrentMagnitude(): void {
  const vr = part[VR]!;
  const vi = part[VI]!;
  const ir = part[IR]!;
  const ii = part[II]!;
  const size = Math.sqrt(ir * ir + ii * ii);
  part[H] = size;
  const flows = size > CURRENT_MIN;
  const length = flows ? size : Math.sqrt(vr * vr + vi * vi);
  part[ALPHA] = (flows ? ir : vr) / length;
  part[BETA] = (flows ? ii : vi) / length;
}

/** Turns h, an angle, by the whole revolutions that bring it nearest to its target. */
function turnToTarget(): void {
  const angle = part[H]!;
  part[H] = angle + 2 * Math.PI * Math.round((part[TARGET]! - angle) / (2 * Math.PI));
}
