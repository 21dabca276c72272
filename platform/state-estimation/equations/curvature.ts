/**
 * Second derivatives of the measured rows: what Gauss-Newton leaves out of the objective's curvature. Beside residuals
 * z - h that stay large (values drawn from coarse noise) it is no small thing, and decides whether steps shrink.
 *
 * A part of a row sees its own voltage v and one current i = sum a_k v_k. Powers are bilinear in the two, magnitudes and
 * angles curved in one of them: each part has one 2 x 2 block S of second derivatives by (v, i), (v, v) or (i, i). With
 * C_k = [Re a_k, -Im a_k; Im a_k, Re a_k] they are S C_k by (v, v_k), S by (v, v), C_k' S C_l by (v_k, v_l).
 */
import type { StatePairs } from '../augmented-matrix.ts';
import type { Equations } from './layout.ts';
import { ROW } from './row-kinds.ts';

/** Below this (per unit) a magnitude has no direction, and no curvature is counted. */
const MAGNITUDE_MIN = 1e-9;

/** Places between unknowns in one triangle, repeated ones add up, and their values. */
export interface Curvature extends StatePairs {
  readonly values: Float64Array;
}

/** A 2 x 2 block by rows. */
type Block = readonly [number, number, number, number];

/** Takes the block of two states; of one state its symmetric part, twice (the block and its transpose meet there). */
type Put = (a: number, b: number, block: Block) => void;

/** The places; `evaluateCurvature` fills in the values. */
export function layOutCurvature(equations: Equations): Curvature {
  const rows: number[] = [];
  const columns: number[] = [];
  visit(
    equations,
    () => NOTHING,
    (a, b) => {
      rows.push(2 * a, 2 * a + 1, 2 * a + 1);
      columns.push(2 * b, 2 * b, 2 * b + 1);
      if (a === b) return;
      rows.push(2 * a);
      columns.push(2 * b + 1);
    },
  );
  return { rows: Int32Array.from(rows), columns: Int32Array.from(columns), values: new Float64Array(rows.length) };
}

/** Sum over the rows of weight times second derivatives at the state x, where the equations must have been evaluated. */
export function evaluateCurvature(
  { values }: Curvature,
  equations: Equations,
  x: Float64Array,
  weight: Float64Array,
): void {
  let at = 0;
  visit(
    equations,
    (row, part) => curvatureOf(equations, x, row, part, weight[row]!),
    (a, b, [rr, ri, ir, ii]) => {
      const own = a === b;
      values[at] = own ? 2 * rr : rr;
      values[at + 1] = own ? ri + ir : ir;
      values[at + 2] = own ? 2 * ii : ii;
      if (!own) values[at + 3] = ri;
      at += own ? 3 : 4;
    },
  );
}

const NOTHING: Block = [0, 0, 0, 0];

/** All blocks in fixed order; `of` answers with S of a part. */
function visit(equations: Equations, of: (row: number, part: number) => Block, put: Put): void {
  const { kind, measuredRows, partStart, partCurrent, partOwn } = equations;
  const { currentStart, currentState } = equations;
  for (let row = 0; row < measuredRows; row += 1) {
    const isPower = kind[row] === ROW.activePower || kind[row] === ROW.reactivePower;
    const isVoltage = kind[row] === ROW.voltageMagnitude || kind[row] === ROW.voltageAngle;
    const isCurrent = kind[row] === ROW.currentMagnitude || kind[row] === ROW.currentAngle;
    if (!isPower && !isVoltage && !isCurrent) continue;
    for (let part = partStart[row]!; part < partStart[row + 1]!; part += 1) {
      const s = of(row, part);
      const own = partOwn[part]!;
      if (isVoltage) {
        put(own, own, half(s));
        continue;
      }
      const current = partCurrent[part]!;
      const end = currentStart[current + 1]!;
      for (let k = currentStart[current]!; k < end; k += 1) {
        const onK = timesCoefficient(equations, s, k);
        if (isPower) put(own, currentState[k]!, onK);
        else {
          put(currentState[k]!, currentState[k]!, half(coefficientTimes(equations, k, onK)));
          for (let l = k + 1; l < end; l += 1)
            put(currentState[l]!, currentState[k]!, coefficientTimes(equations, l, onK));
        }
      }
    }
  }
}

function half([a, b, c, d]: Block): Block {
  return [a / 2, b / 2, c / 2, d / 2];
}

/** S C_k */
function timesCoefficient({ currentRe, currentIm }: Equations, [a, b, c, d]: Block, k: number): Block {
  const re = currentRe[k]!;
  const im = currentIm[k]!;
  return [a * re + b * im, b * re - a * im, c * re + d * im, d * re - c * im];
}

/** C_k' M */
function coefficientTimes({ currentRe, currentIm }: Equations, k: number, [a, b, c, d]: Block): Block {
  const re = currentRe[k]!;
  const im = currentIm[k]!;
  return [re * a + im * c, re * b + im * d, re * c - im * a, re * d - im * b];
}

/** Weight times S of one part: P = Re v Re i + Im v Im i, Q = Im v Re i - Re v Im i, or a magnitude or angle. */
function curvatureOf(equations: Equations, x: Float64Array, row: number, part: number, weight: number): Block {
  if (equations.active[row] === 0) return NOTHING;
  const { kind, partCurrent, partOwn, currentValue } = equations;
  switch (kind[row]) {
    case ROW.activePower:
      return [weight, 0, 0, weight];
    case ROW.reactivePower:
      return [0, -weight, weight, 0];
    case ROW.voltageMagnitude:
      return ofMagnitude(x, 2 * partOwn[part]!, weight);
    case ROW.voltageAngle:
      return ofAngle(x, 2 * partOwn[part]!, weight);
    case ROW.currentMagnitude:
      return ofMagnitude(currentValue, 2 * partCurrent[part]!, weight);
    default:
      return ofAngle(currentValue, 2 * partCurrent[part]!, weight);
  }
}

/** Of |u|: t t' / |u| with t across u. */
function ofMagnitude(values: Float64Array, at: number, weight: number): Block {
  const re = values[at]!;
  const im = values[at + 1]!;
  const size = Math.sqrt(re * re + im * im);
  if (!(size > MAGNITUDE_MIN)) return NOTHING;
  const factor = weight / size ** 3;
  return [factor * im * im, -factor * re * im, -factor * re * im, factor * re * re];
}

/** Of atan2(Im u, Re u). */
function ofAngle(values: Float64Array, at: number, weight: number): Block {
  const re = values[at]!;
  const im = values[at + 1]!;
  const square = re * re + im * im;
  if (!(square > MAGNITUDE_MIN ** 2)) return NOTHING;
  const factor = weight / square ** 2;
  const mixed = factor * (im * im - re * re);
  return [2 * factor * re * im, mixed, mixed, -2 * factor * re * im];
}
