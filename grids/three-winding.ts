/** Three-winding transformers as three legs that meet at a star point, in symmetrical components. */
import { ZERO, add, complex, divide, polar, scale, subtract, type Complex } from '../numerics/complex.ts';
import type { GridThreeWinding } from './schema.ts';
import { NO_TWO_PORT, piTwoPort, withRatio, type Sequences, type TwoPort } from './sequence.ts';
import { earthImpedance, leakagePort, noLoadAdmittance, shortCircuitImpedance, tapEffect } from './transformer.ts';
import { parseThreeWindingGroup, zeroSequenceSign, type GroupMember } from './vector-group.ts';

/** Legs in this order, also where a compiled grid lists them. */
export const LEGS = ['high', 'medium', 'low'] as const;

type Leg = (typeof LEGS)[number];

const RAD = Math.PI / 180;

/**
 * Legs between a terminal (from) and the star point (to), which stands at the rated voltage of the high-voltage
 * winding. Positive sequence: v_terminal = (U_i / U_1) exp(-j 30 deg clock_i) v_inside and its share of the leakage.
 */
export function threeWindingLegs(unit: GridThreeWinding): Readonly<Record<Leg, Sequences<TwoPort>>> {
  const group = parseThreeWindingGroup(unit.vectorGroup);
  const voltage = unit.high.ratedVoltageV;
  const leakage = starLeakages(unit, unit);
  const zeroLeakage = starLeakages(unit, unit.zeroSequence ?? unit);
  const ym = noLoadAdmittance(unit.ironLossW, unit.noLoadCurrentPercent, unit.high.ratedPowerVA, voltage);
  const leg = (k: 0 | 1 | 2): Sequences<TwoPort> => {
    const name = LEGS[k];
    const { tap, ratedVoltageV } = unit[name];
    const { factor, leadRad } = tapEffect(tap);
    const ratio = (ratedVoltageV * factor) / voltage;
    const extraDeg = k === 1 ? unit.extraShiftMediumDeg : k === 2 ? unit.extraShiftLowDeg : 0;
    const angle = leadRad - (30 * group[k].clock + extraDeg) * RAD;
    const inner = magnetisedLeg(unit, name, leakage[k], ym);
    return {
      positive: withRatio(inner, polar(ratio, angle)),
      negative: withRatio(inner, polar(ratio, -angle)),
      zero: zeroSequenceLeg(group[k], zeroLeakage[k], earthImpedance(unit[name].earthing), ratio),
    };
  };
  return { high: leg(0), medium: leg(1), low: leg(2) };
}

/** The magnetising branch stands in one leg (as its T or pi), or as a shunt at the star point, kept in the high leg. */
function magnetisedLeg(unit: GridThreeWinding, name: Leg, z: Complex, ym: Complex): TwoPort {
  if (unit.magnetisingAt === name) return leakagePort(z, ym, unit.model);
  const atStar = unit.magnetisingAt === 'star' && name === 'high' ? ym : ZERO;
  return piTwoPort(divide(complex(1), z), ZERO, atStar);
}

/** Three short-circuit tests in ohm at the star voltage give the legs: z1 = (z12 + z13 - z23) / 2 and so on. */
function starLeakages(
  unit: GridThreeWinding,
  tests: Pick<GridThreeWinding, 'highMedium' | 'mediumLow' | 'highLow'>,
): readonly [Complex, Complex, Complex] {
  const ohm = (test: GridThreeWinding['highMedium'], a: Leg, b: Leg): Complex =>
    shortCircuitImpedance(
      test.vkPercent,
      test.vkrPercent,
      unit.high.ratedVoltageV,
      Math.min(unit[a].ratedPowerVA, unit[b].ratedPowerVA),
    );
  const z12 = ohm(tests.highMedium, 'high', 'medium');
  const z23 = ohm(tests.mediumLow, 'medium', 'low');
  const z13 = ohm(tests.highLow, 'high', 'low');
  // A leg may come out as nothing at all; a millionth of the largest test keeps it a branch.
  const least = 1e-6 * Math.max(...[z12, z23, z13].map(({ re, im }) => Math.hypot(re, im)));
  const half = (a: Complex, b: Complex, c: Complex): Complex => {
    const leg = scale(subtract(add(a, b), c), 0.5);
    return Math.hypot(leg.re, leg.im) < least ? complex(0, least) : leg;
  };
  return [half(z12, z13, z23), half(z12, z23, z13), half(z13, z23, z12)];
}

/**
 * Zero sequence of a leg: an earthed star passes it on through its leakage, a delta shorts its leakage to earth at the
 * star point, an earthed zigzag meets only its own leakage (the ampere-turns of its halves cancel), others carry none.
 */
function zeroSequenceLeg({ winding, clock }: GroupMember, z: Complex, earth: Complex, ratio: number): TwoPort {
  const earthed = add(z, scale(earth, 3 / (ratio * ratio)));
  if (winding === 'D') return { ...NO_TWO_PORT, tt: divide(complex(1), z) };
  if (winding === 'ZN') return { ...NO_TWO_PORT, ff: scale(divide(complex(1), earthed), 1 / (ratio * ratio)) };
  if (winding !== 'YN') return NO_TWO_PORT;
  const inner = piTwoPort(divide(complex(1), earthed), ZERO, ZERO);
  return withRatio(inner, complex(zeroSequenceSign(clock) * ratio));
}
