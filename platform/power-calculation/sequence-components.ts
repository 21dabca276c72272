/** Symmetrical components of three phasors (Fortescue 1918), with their uncertainty. */
import { independentVariance, type MeasuredPhasor } from './complex-power.ts';

export type SequenceName = 'positive' | 'negative' | 'zero';

/** Rotation of phases A, B, C before they are added: a = e^(j 2 pi / 3). Positive: 1, a, a^2; negative: 1, a^2, a. */
const rotations: Readonly<Record<SequenceName, readonly [number, number, number]>> = {
  positive: [0, (2 * Math.PI) / 3, (-2 * Math.PI) / 3],
  negative: [0, (-2 * Math.PI) / 3, (2 * Math.PI) / 3],
  zero: [0, 0, 0],
};

/** Standard deviation of an angle of which nothing is known: uniform over a turn. */
const UNKNOWN_ANGLE_SIGMA = Math.PI / Math.sqrt(3);
/** Below so many sigmas a phasor's own direction is noise. */
const CLEAR_OF_NOISE = 3;

/**
 * X = (r_A X_A + r_B X_B + r_C X_C) / 3, same unit as the phases; magnitude and angle with sigma.
 *
 * The phases' errors are independent but for the clock's share of the angle, `commonAngleSigma`, which turns X as a
 * whole. A component near zero (negative and zero sequence of a balanced system) has no direction of its own: its
 * magnitude's sigma is then the largest one in any direction, and its angle's at most that of an unknown angle.
 */
export function sequenceComponent(
  name: SequenceName,
  phases: readonly [MeasuredPhasor, MeasuredPhasor, MeasuredPhasor],
  commonAngleSigma: number,
): MeasuredPhasor {
  let re = 0;
  let im = 0;
  let varianceRe = 0;
  let varianceIm = 0;
  let covariance = 0;
  for (const [index, phase] of phases.entries()) {
    const angle = phase.angle + (rotations[name][index] as number);
    const cos = Math.cos(angle);
    const sin = Math.sin(angle);
    re += (phase.magnitude * cos) / 3;
    im += (phase.magnitude * sin) / 3;
    // Polar errors turned into the rectangular covariance J diag(u_m^2, u_theta^2) J^T, with J of (m cos, m sin).
    const along = (phase.magnitudeSigma / 3) ** 2;
    const across = (phase.magnitude / 3) ** 2 * independentVariance(phase, commonAngleSigma);
    varianceRe += cos * cos * along + sin * sin * across;
    varianceIm += sin * sin * along + cos * cos * across;
    covariance += sin * cos * (along - across);
  }
  const magnitude = Math.hypot(re, im);
  const largest = largestEigenvalue(varianceRe, varianceIm, covariance);
  const clear = magnitude > CLEAR_OF_NOISE * Math.sqrt(largest);
  const [cos, sin] = clear ? [re / magnitude, im / magnitude] : [1, 0];
  const along = cos * cos * varianceRe + sin * sin * varianceIm + 2 * sin * cos * covariance;
  const across = sin * sin * varianceRe + cos * cos * varianceIm - 2 * sin * cos * covariance;
  const angleSigma = clear ? Math.sqrt(across / magnitude ** 2 + commonAngleSigma ** 2) : UNKNOWN_ANGLE_SIGMA;
  return {
    magnitude,
    magnitudeSigma: Math.sqrt(clear ? along : largest),
    angle: Math.atan2(im, re),
    // NaN stays NaN: a sigma that nobody stated must not turn into the bound.
    angleSigma: Number.isNaN(largest) ? Number.NaN : Math.min(angleSigma, UNKNOWN_ANGLE_SIGMA),
  };
}

/** Of the symmetric 2x2 matrix [[a, c], [c, b]]. */
function largestEigenvalue(a: number, b: number, c: number): number {
  return (a + b) / 2 + Math.hypot((a - b) / 2, c);
}
