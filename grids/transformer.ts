/** Two-winding transformers in symmetrical components: leakage, magnetising, tap changers, vector group, earthing. */
import { ZERO, add, complex, divide, isZero, polar, scale, type Complex } from '../numerics/complex.ts';
import type { GridTap, GridTransformer } from './schema.ts';
import { piTwoPort, tTwoPort, times, withRatio, type Sequences, type TwoPort } from './sequence.ts';
import { parseVectorGroup, zeroSequenceSign, type VectorGroup, type Winding } from './vector-group.ts';

/** Impedance of |z| percent with resistive part r percent, on the tapped low-voltage rating, ohm. */
export function shortCircuitImpedance(
  vkPercent: number,
  vkrPercent: number,
  voltageV: number,
  ratedPowerVA: number,
): Complex {
  const base = (voltageV * voltageV) / ratedPowerVA / 100;
  return complex(vkrPercent * base, Math.sqrt(Math.max(0, vkPercent ** 2 - vkrPercent ** 2)) * base);
}

/**
 * Magnetising admittance of a no-load test, S per phase at line-to-line voltage U:
 * y = (P_fe - j sqrt((i0 S)^2 - P_fe^2)) / U^2. A negative no-load current is capacitive.
 */
export function noLoadAdmittance(
  ironLossW: number,
  noLoadCurrentPercent: number,
  ratedPowerVA: number,
  voltageV: number,
): Complex {
  const noLoad = (noLoadCurrentPercent / 100) * ratedPowerVA;
  const magnetising = Math.sign(noLoad) * Math.sqrt(Math.max(0, noLoad ** 2 - ironLossW ** 2));
  return scale(complex(ironLossW, -magnetising), 1 / (voltageV * voltageV));
}

/** What a tap changer does to the voltage of its side: factor of the magnitude, and how far it leads, rad. */
export interface TapEffect {
  readonly factor: number;
  readonly leadRad: number;
}

type TapFields = Pick<GridTap, 'position' | 'neutral' | 'stepPercent' | 'kind' | 'angleDeg' | 'stepDeg'>;

const RAD = Math.PI / 180;

/** Ratio taps add n s exp(j angle) to one; phase shifters keep the magnitude. `position` replaces the document's. */
export function tapEffect(tap: TapFields | undefined, position = tap?.position): TapEffect {
  if (tap === undefined || position === undefined) return { factor: 1, leadRad: 0 };
  const steps = position - tap.neutral;
  const change = (steps * tap.stepPercent) / 100;
  if (tap.kind === 'ideal') return { factor: 1, leadRad: steps * tap.stepDeg * RAD };
  if (tap.kind === 'symmetrical') return { factor: 1, leadRad: 2 * Math.asin(change / 2) };
  if (tap.angleDeg === 0) return { factor: 1 + change, leadRad: 0 };
  const { re, im } = polar(change, tap.angleDeg * RAD);
  return { factor: Math.hypot(1 + re, im), leadRad: Math.atan2(im, 1 + re) };
}

/** Rated voltages with the tap changers in their positions, V, and how far they turn the low side back, rad. */
interface Tapped {
  readonly high: number;
  readonly low: number;
  readonly shiftRad: number;
}

function tapped(transformer: GridTransformer, position?: number): Tapped {
  let [high, low, shiftRad] = [transformer.ratedVoltageFromV, transformer.ratedVoltageToV, 0];
  for (const [tap, at] of [[transformer.tap, position] as const, [transformer.tap2, undefined] as const]) {
    if (tap === undefined) continue;
    const { factor, leadRad } = tapEffect(tap, at);
    if (tap.side === 'from') high *= factor;
    else low *= factor;
    shiftRad += tap.side === 'from' ? leadRad : -leadRad;
  }
  return { high, low, shiftRad };
}

/** Short-circuit values in a tap position: linear between the neutral one and the ends of the range. */
function shortCircuitAt(
  { vkPercent, vkrPercent, tap }: GridTransformer,
  position: number | undefined,
): { readonly vkPercent: number; readonly vkrPercent: number } {
  if (tap === undefined || position === undefined) return { vkPercent, vkrPercent };
  const [end, place] = position < tap.neutral ? [tap.atMin, tap.min] : [tap.atMax, tap.max];
  if (end === undefined || place === undefined || place === tap.neutral) return { vkPercent, vkrPercent };
  const share = (position - tap.neutral) / (place - tap.neutral);
  return {
    vkPercent: vkPercent + share * (end.vkPercent - vkPercent),
    vkrPercent: vkrPercent + share * (end.vkrPercent - vkrPercent),
  };
}

/** The T or pi circuit of the positive sequence on the tapped low-voltage rating, before any ratio. */
function innerPort(transformer: GridTransformer, low: number, position = transformer.tap?.position): TwoPort {
  const { ratedPowerVA, ironLossW, noLoadCurrentPercent } = transformer;
  const { vkPercent, vkrPercent } = shortCircuitAt(transformer, position);
  const z = shortCircuitImpedance(vkPercent, vkrPercent, low, ratedPowerVA);
  const ym = noLoadAdmittance(ironLossW, noLoadCurrentPercent, ratedPowerVA, low);
  return leakagePort(z, ym, transformer.model);
}

/** Leakage and magnetising branch as a T with half the leakage on each side, or as a pi with half the branch at each end. */
export function leakagePort(z: Complex, ym: Complex, model: 't' | 'pi'): TwoPort {
  const half = scale(z, 0.5);
  return model === 't' ? tTwoPort(half, half, ym) : piTwoPort(divide(complex(1), z), scale(ym, 0.5), scale(ym, 0.5));
}

/**
 * Two-winding transformer. Positive and negative sequence: the T or pi circuit on the tapped low-voltage rating behind
 * an ideal transformer that turns by the clock number, V_low = V_high exp(-j 30 deg clock) / n, the negative sequence by
 * the opposite angle. Zero sequence: by the windings, see `zeroSequencePort`.
 */
export function transformerSequences(transformer: GridTransformer): Sequences<TwoPort> {
  const { parallel } = transformer;
  const { high, low, shiftRad } = tapped(transformer);
  const group = parseVectorGroup(transformer.vectorGroup);
  const inner = innerPort(transformer, low);
  const angle = (30 * group.clock + transformer.extraShiftDeg) * RAD + shiftRad;
  return {
    positive: times(withRatio(inner, polar(high / low, angle)), parallel),
    negative: times(withRatio(inner, polar(high / low, -angle)), parallel),
    zero: times(zeroSequencePort(transformer, group, high / low, low), parallel),
  };
}

/** One single-phase unit of a bank (YNyn0), its tap in `position`: the same circuit in every sequence. */
export function singlePhasePort(transformer: GridTransformer, position: number | undefined): TwoPort {
  const { high, low, shiftRad } = tapped(transformer, position);
  // The ratings are those of all units together, so a bank of fewer phases has larger ones each.
  const share = (transformer.phases?.length ?? 3) / 3;
  const inner = times(innerPort(transformer, low, position), transformer.parallel / share);
  return withRatio(inner, polar(high / low, shiftRad + transformer.extraShiftDeg * RAD));
}

/** Whether the unit is a bank of single-phase ones, which its own phases or tap positions set apart. */
export function isBank(transformer: GridTransformer): boolean {
  return transformer.phases !== undefined || transformer.tap?.phasePositions !== undefined;
}

/**
 * Zero sequence of a transformer, from the T of z1 (high side), z2 (low side) and the magnetising impedance zm:
 * only an earthed star or zigzag carries current; a delta shorts its own side of the T; an unearthed star opens it;
 * an earthed zigzag meets its own leakage only, for the ampere-turns of its two halves cancel on every limb.
 * An impedance in the earthing counts three times, for it carries the sum of three equal currents.
 */
function zeroSequencePort(transformer: GridTransformer, group: VectorGroup, ratio: number, low: number): TwoPort {
  const data = transformer.zeroSequence ?? shortCircuitAt(transformer, transformer.tap?.position);
  const z = shortCircuitImpedance(data.vkPercent, data.vkrPercent, low, transformer.ratedPowerVA);
  const hvShare = transformer.zeroSequence?.hvShare ?? 0.5;
  const earthHigh = scale(earthImpedance(transformer.earthingFrom), 3 / (ratio * ratio));
  const earthLow = scale(earthImpedance(transformer.earthingTo), 3);
  const z1 = add(scale(z, hvShare), earthHigh);
  const z2 = add(scale(z, 1 - hvShare), earthLow);
  const ym = zeroMagnetising(transformer, z, low);
  const { high: h, low: l } = group;
  const signedRatio = complex(zeroSequenceSign(group.clock) * ratio);

  if (h === 'YN' && l === 'YN') return withRatio(tTwoPort(z1, z2, ym), signedRatio);
  const zigzag = (earth: Complex): Complex => divide(complex(1), add(z, earth));
  const shuntHigh = h === 'ZN' ? zigzag(earthHigh) : h === 'YN' ? seenThroughT(z1, z2, ym, l) : ZERO;
  const shuntLow = l === 'ZN' ? zigzag(earthLow) : l === 'YN' ? seenThroughT(z2, z1, ym, h) : ZERO;
  return { ff: scale(shuntHigh, 1 / (ratio * ratio)), ft: ZERO, tf: ZERO, tt: shuntLow };
}

/** Admittance into one side of the T when the far winding is a delta (shorted) or anything that opens it. */
function seenThroughT(near: Complex, far: Complex, ym: Complex, farWinding: Winding): Complex {
  if (farWinding === 'D') {
    const middle = isZero(far) ? undefined : add(ym, divide(complex(1), far));
    return divide(complex(1), middle === undefined ? near : add(near, divide(complex(1), middle)));
  }
  return isZero(ym) ? ZERO : divide(complex(1), add(near, divide(complex(1), ym)));
}

export function earthImpedance(earthing: GridTransformer['earthingFrom']): Complex {
  return earthing === undefined ? ZERO : complex(earthing.rOhm, earthing.xOhm);
}

/**
 * Zero-sequence magnetising admittance on the low-voltage rating: from |zm| / |zk| and R/X, or from a no-load test;
 * zero for an infinite core.
 */
function zeroMagnetising(transformer: GridTransformer, z: Complex, low: number): Complex {
  const data = transformer.zeroSequence;
  if (data?.magnetisingRatio !== undefined) {
    const magnitude = Math.hypot(z.re, z.im) * data.magnetisingRatio;
    const rx = data.magnetisingRX ?? 0;
    const x = magnitude / Math.sqrt(1 + rx * rx);
    return divide(complex(1), complex(rx * x, x));
  }
  return noLoadAdmittance(data?.ironLossW ?? 0, data?.noLoadCurrentPercent ?? 0, transformer.ratedPowerVA, low);
}
