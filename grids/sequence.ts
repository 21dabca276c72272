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
import { vectorGroupPattern, type GridLine, type GridTransformer } from './schema.ts';

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

const NO_TWO_PORT: TwoPort = { ff: ZERO, ft: ZERO, tf: ZERO, tt: ZERO };

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
function piTwoPort(series: Complex, shuntFrom: Complex, shuntTo: Complex): TwoPort {
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

export interface VectorGroup {
  readonly high: 'D' | 'Y' | 'YN' | 'Z' | 'ZN';
  readonly low: 'D' | 'Y' | 'YN' | 'Z' | 'ZN';
  readonly clock: number;
}

/** Reads `Dyn5`. Throws on anything else: the schema has refused it before. */
export function parseVectorGroup(text: string): VectorGroup {
  const match = vectorGroupPattern.exec(text);
  if (match === null) throw new Error(`${text} is no vector group`);
  const winding = (part: string): VectorGroup['high'] => part.toUpperCase() as VectorGroup['high'];
  return { high: winding(match[1]!), low: winding(match[2]!), clock: Number(match[3]) };
}

/**
 * Whether the clock number can be built from these windings: each delta or zigzag turns the phases by an odd multiple
 * of 30 degrees, each star by an even one.
 */
export function clockFits(group: VectorGroup): boolean {
  const odd = (winding: VectorGroup['high']): number => (winding.startsWith('Y') ? 0 : 1);
  return group.clock <= 11 && group.clock % 2 === (odd(group.high) + odd(group.low)) % 2;
}

/** Impedance of |z| percent with resistive part r percent, on the tapped low-voltage rating, ohm. */
function shortCircuitImpedance(vkPercent: number, vkrPercent: number, voltageV: number, ratedPowerVA: number): Complex {
  const base = (voltageV * voltageV) / ratedPowerVA / 100;
  return complex(vkrPercent * base, Math.sqrt(Math.max(0, vkPercent ** 2 - vkrPercent ** 2)) * base);
}

/** Pi circuit that equals the T of z1, z2 and the shunt admittance ym between them (star-delta transformation). */
function tTwoPort(z1: Complex, z2: Complex, ym: Complex): TwoPort {
  const series = divide(complex(1), add(add(z1, z2), multiply(multiply(z1, z2), ym)));
  return piTwoPort(series, multiply(multiply(z2, ym), series), multiply(multiply(z1, ym), series));
}

/** Puts an ideal transformer v_from = ratio v_inside before the from side of a two-port. */
function withRatio(port: TwoPort, ratio: Complex): TwoPort {
  const square = ratio.re * ratio.re + ratio.im * ratio.im;
  return {
    ff: scale(port.ff, 1 / square),
    ft: divide(port.ft, conjugate(ratio)),
    tf: divide(port.tf, ratio),
    tt: port.tt,
  };
}

/** Rated voltages with the tap changer in its position, V. */
function tappedVoltages(transformer: GridTransformer): { high: number; low: number } {
  const { tap, ratedVoltageFromV: high, ratedVoltageToV: low } = transformer;
  if (tap === undefined) return { high, low };
  const factor = 1 + ((tap.position - tap.neutral) * tap.stepPercent) / 100;
  return tap.side === 'from' ? { high: high * factor, low } : { high, low: low * factor };
}

/**
 * Two-winding transformer. Positive and negative sequence: the T or pi circuit on the tapped low-voltage rating behind
 * an ideal transformer that turns by the clock number, V_low = V_high exp(-j 30 deg clock) / n, the negative sequence by
 * the opposite angle. Zero sequence: by the windings, see `zeroSequencePort`.
 */
export function transformerSequences(transformer: GridTransformer): Sequences<TwoPort> {
  const { ratedPowerVA, parallel } = transformer;
  const { high, low } = tappedVoltages(transformer);
  const group = parseVectorGroup(transformer.vectorGroup);
  const z = shortCircuitImpedance(transformer.vkPercent, transformer.vkrPercent, low, ratedPowerVA);

  // Iron losses and no-load current: y = (P_fe - j sqrt((i0 S)^2 - P_fe^2)) / U^2.
  const noLoad = (transformer.noLoadCurrentPercent / 100) * ratedPowerVA;
  const magnetising = Math.sign(noLoad) * Math.sqrt(Math.max(0, noLoad ** 2 - transformer.ironLossW ** 2));
  const ym = scale(complex(transformer.ironLossW, -magnetising), 1 / (low * low));
  const half = scale(z, 0.5);
  const inner =
    transformer.model === 't'
      ? tTwoPort(half, half, ym)
      : piTwoPort(divide(complex(1), z), scale(ym, 0.5), scale(ym, 0.5));

  const angle = ((30 * group.clock + transformer.extraShiftDeg) * Math.PI) / 180;
  return {
    positive: times(withRatio(inner, polar(high / low, angle)), parallel),
    negative: times(withRatio(inner, polar(high / low, -angle)), parallel),
    zero: times(zeroSequencePort(transformer, group, high / low, low), parallel),
  };
}

function times(port: TwoPort, factor: number): TwoPort {
  return {
    ff: scale(port.ff, factor),
    ft: scale(port.ft, factor),
    tf: scale(port.tf, factor),
    tt: scale(port.tt, factor),
  };
}

/**
 * Zero sequence of a transformer, from the T of z1 (high side), z2 (low side) and the magnetising impedance zm:
 * only an earthed star or zigzag carries current; a delta shorts its own side of the T; an unearthed star opens it;
 * an earthed zigzag meets its own leakage only, for the ampere-turns of its two halves cancel on every limb.
 */
function zeroSequencePort(transformer: GridTransformer, group: VectorGroup, ratio: number, low: number): TwoPort {
  const data = transformer.zeroSequence ?? transformer;
  const z = shortCircuitImpedance(data.vkPercent, data.vkrPercent, low, transformer.ratedPowerVA);
  const hvShare = transformer.zeroSequence?.hvShare ?? 0.5;
  const z1 = scale(z, hvShare);
  const z2 = scale(z, 1 - hvShare);
  const ym = zeroMagnetising(transformer, z);
  const { high: h, low: l } = group;
  // Clocks 2, 6 and 10 are star-star with one winding reversed: the zero sequence changes sign.
  const signedRatio = complex(group.clock % 4 === 2 ? -ratio : ratio);

  if (h === 'YN' && l === 'YN') return withRatio(tTwoPort(z1, z2, ym), signedRatio);
  const shuntHigh = h === 'ZN' ? divide(complex(1), z) : h === 'YN' ? seenThroughT(z1, z2, ym, l) : ZERO;
  const shuntLow = l === 'ZN' ? divide(complex(1), z) : l === 'YN' ? seenThroughT(z2, z1, ym, h) : ZERO;
  return { ff: scale(shuntHigh, 1 / (ratio * ratio)), ft: ZERO, tf: ZERO, tt: shuntLow };
}

/** Admittance into one side of the T when the far winding is a delta (shorted) or anything that opens it. */
function seenThroughT(near: Complex, far: Complex, ym: Complex, farWinding: VectorGroup['high']): Complex {
  if (farWinding === 'D') {
    const middle = isZero(far) ? undefined : add(ym, divide(complex(1), far));
    return divide(complex(1), middle === undefined ? near : add(near, divide(complex(1), middle)));
  }
  return isZero(ym) ? ZERO : divide(complex(1), add(near, divide(complex(1), ym)));
}

/** Zero-sequence magnetising admittance from |zm| / |zk| and R/X; zero for an infinite core. */
function zeroMagnetising(transformer: GridTransformer, z: Complex): Complex {
  const data = transformer.zeroSequence;
  if (data?.magnetisingRatio === undefined) return ZERO;
  const magnitude = Math.hypot(z.re, z.im) * data.magnetisingRatio;
  const rx = data.magnetisingRX ?? 0;
  const x = magnitude / Math.sqrt(1 + rx * rx);
  return divide(complex(1), complex(rx * x, x));
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
