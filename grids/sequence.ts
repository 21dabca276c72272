/** Branches in symmetrical components: one scalar two-port a sequence, and the way to phase quantities. */
import {
  ZERO,
  add,
  complex,
  conjugate,
  divide,
  isZero,
  multiply,
  polar,
  scale,
  subtract,
  type Complex,
} from '../numerics/complex.ts';
import type { GridGeneralBranch, GridLine } from './schema.ts';

/** i_from = ff v_from + ft v_to, i_to = tf v_from + tt v_to; siemens, phase-to-ground volts. */
export interface TwoPort {
  readonly ff: Complex;
  readonly ft: Complex;
  readonly tf: Complex;
  readonly tt: Complex;
}

/** Zero, positive and negative sequence of one quantity. */
export interface Sequences<T> {
  readonly zero: T;
  readonly positive: T;
  readonly negative: T;
}

export const NO_TWO_PORT: TwoPort = { ff: ZERO, ft: ZERO, tf: ZERO, tt: ZERO };

/** cos and sin of 0, -120 and +120 degrees with the exact -1/2, so that circulant blocks stay symmetric. */
const TURN: readonly Complex[] = [complex(1), complex(-0.5, -Math.sqrt(3) / 2), complex(-0.5, Math.sqrt(3) / 2)];

/** Unit phasor of phase 0 (A), 1 (B) or 2 (C) in the positive sequence. */
export function phaseTurn(phase: number): Complex {
  return TURN[phase % 3]!;
}

/**
 * Entry (row, column) of the phase matrix A diag(y0, y1, y2) A^-1 (Fortescue). The matrix is circulant:
 * Y[r][c] = (y0 + y1 a^-(r-c) + y2 a^(r-c)) / 3 with a = exp(j 120 deg).
 */
export function phaseEntry(y: Sequences<Complex>, row: number, column: number): Complex {
  const step = (row - column + 3) % 3;
  const positive = multiply(y.positive, TURN[step]!);
  const negative = multiply(y.negative, TURN[(3 - step) % 3]!);
  return scale(add(y.zero, add(positive, negative)), 1 / 3);
}

/** Pi circuit: series admittance and the shunts at both ends. */
export function piTwoPort(series: Complex, shuntFrom: Complex, shuntTo: Complex): TwoPort {
  const transfer = scale(series, -1);
  return { ff: add(series, shuntFrom), ft: transfer, tf: transfer, tt: add(series, shuntTo) };
}

/** Line of `document` frequency in all three sequences; zero-sequence values that are absent count as the positive ones. */
export function lineSequences(line: GridLine, frequencyHz: number): Sequences<TwoPort> {
  const km = line.lengthM / 1000;
  const omega = 2 * Math.PI * frequencyHz;
  const port = (r: number, x: number, c: number, g: number): TwoPort => {
    const series = scale(divide(complex(1), complex(r * km, x * km)), line.parallel);
    const half = scale(complex(g, omega * c), (km * line.parallel) / 2);
    return piTwoPort(series, half, half);
  };
  const positive = port(line.r1OhmPerKm, line.x1OhmPerKm, line.c1FPerKm, line.g1SPerKm);
  const zero = port(
    line.r0OhmPerKm ?? line.r1OhmPerKm,
    line.x0OhmPerKm ?? line.x1OhmPerKm,
    line.c0FPerKm ?? line.c1FPerKm,
    line.g0SPerKm ?? line.g1SPerKm,
  );
  return { zero, positive, negative: positive };
}

/** Pi circuit that equals the T of z1, z2 and the shunt admittance ym between them (star-delta transformation). */
export function tTwoPort(z1: Complex, z2: Complex, ym: Complex): TwoPort {
  const series = divide(complex(1), add(add(z1, z2), multiply(multiply(z1, z2), ym)));
  return piTwoPort(series, multiply(multiply(z2, ym), series), multiply(multiply(z1, ym), series));
}

/** Puts an ideal transformer v_from = ratio v_inside before the from side of a two-port. */
export function withRatio(port: TwoPort, ratio: Complex): TwoPort {
  const square = ratio.re * ratio.re + ratio.im * ratio.im;
  return {
    ff: scale(port.ff, 1 / square),
    ft: divide(port.ft, conjugate(ratio)),
    tf: divide(port.tf, ratio),
    tt: port.tt,
  };
}

/** The same units several times in parallel. */
export function times(port: TwoPort, factor: number): TwoPort {
  return {
    ff: scale(port.ff, factor),
    ft: scale(port.ft, factor),
    tf: scale(port.tf, factor),
    tt: scale(port.tt, factor),
  };
}

/** The two-port left when one end is open: its current is zero and its voltage floats (Kron reduction). */
export function openEnds(port: TwoPort, fromClosed: boolean, toClosed: boolean): TwoPort {
  if (fromClosed && toClosed) return port;
  const reduce = (own: Complex, transfer: Complex, far: Complex): Complex =>
    isZero(far) || isZero(transfer) ? own : subtract(own, divide(transfer, far));
  const product = multiply(port.ft, port.tf);
  if (fromClosed) return { ...NO_TWO_PORT, ff: reduce(port.ff, product, port.tt) };
  if (toClosed) return { ...NO_TWO_PORT, tt: reduce(port.tt, product, port.ff) };
  return NO_TWO_PORT;
}

/**
 * A general branch: its pi circuit in ohm on the to side, behind an ideal transformer on the from side of the
 * off-nominal ratio times the ratio of the rated voltages. The shift turns the negative sequence the other way, the zero
 * sequence not at all.
 */
export function generalBranchSequences(
  branch: GridGeneralBranch,
  nominalFromV: number,
  nominalToV: number,
): Sequences<TwoPort> {
  const port = (r: number, x: number, g: number, b: number): TwoPort => {
    const half = scale(complex(g, b), 0.5);
    return piTwoPort(divide(complex(1), complex(r, x)), half, half);
  };
  const { r1Ohm, x1Ohm, g1S, b1S } = branch;
  const inner = port(r1Ohm, x1Ohm, g1S, b1S);
  const zero = port(branch.r0Ohm ?? r1Ohm, branch.x0Ohm ?? x1Ohm, branch.g0S ?? g1S, branch.b0S ?? b1S);
  const ratio = (branch.ratio * (branch.ratedVoltageFromV ?? nominalFromV)) / (branch.ratedVoltageToV ?? nominalToV);
  const shift = (branch.shiftDeg * Math.PI) / 180;
  return {
    positive: withRatio(inner, polar(ratio, shift)),
    negative: withRatio(inner, polar(ratio, -shift)),
    zero: withRatio(zero, complex(ratio)),
  };
}
