/** Active, reactive and apparent power and power factor from phasors, each with its standard uncertainty. */

/** A measured phasor; a sigma is NaN where the sender states none, and then so is every sigma made from it. */
export interface MeasuredPhasor {
  /** RMS, V or A. */
  readonly magnitude: number;
  readonly magnitudeSigma: number;
  /** rad. */
  readonly angle: number;
  readonly angleSigma: number;
}

/** P and Q with their covariance: W, var, W^2, var^2, W var. */
export interface ComplexPower {
  readonly activeW: number;
  readonly reactiveVar: number;
  readonly activeVariance: number;
  readonly reactiveVariance: number;
  readonly covariance: number;
}

export interface Quantity {
  readonly value: number;
  readonly sigma: number;
}

/**
 * Power of one phase, S = V conj(I), inductive Q positive.
 *
 * First-order propagation in absolute form, which stays finite where P or Q crosses zero (the relative form
 * (u_P/P)^2 = u_V^2 + u_I^2 + (tan phi u_phi)^2 does not):
 *   u_P^2 = (I cos phi u_V)^2 + (V cos phi u_I)^2 + (Q u_phi)^2
 *   u_Q^2 = (I sin phi u_V)^2 + (V sin phi u_I)^2 + (P u_phi)^2
 * with u_phi^2 = u_theta_v^2 + u_theta_i^2 - 2 cov. `commonAngleSigma` is the part of both angle sigmas that stems from
 * the device's one clock: it is the square root of cov and cancels in phi.
 */
export function phasePower(voltage: MeasuredPhasor, current: MeasuredPhasor, commonAngleSigma: number): ComplexPower {
  const phi = voltage.angle - current.angle;
  const cos = Math.cos(phi);
  const sin = Math.sin(phi);
  const activeW = voltage.magnitude * current.magnitude * cos;
  const reactiveVar = voltage.magnitude * current.magnitude * sin;
  // Variance of |S| (both magnitudes) and of phi; along S and across it.
  const alongVariance =
    (current.magnitude * voltage.magnitudeSigma) ** 2 + (voltage.magnitude * current.magnitudeSigma) ** 2;
  const phiVariance = independentVariance(voltage, commonAngleSigma) + independentVariance(current, commonAngleSigma);
  return {
    activeW,
    reactiveVar,
    activeVariance: cos * cos * alongVariance + reactiveVar * reactiveVar * phiVariance,
    reactiveVariance: sin * sin * alongVariance + activeW * activeW * phiVariance,
    covariance: sin * cos * alongVariance - activeW * reactiveVar * phiVariance,
  };
}

/** What is left of a phasor's angle variance without the clock's share, rad^2. */
export function independentVariance(phasor: MeasuredPhasor, commonAngleSigma: number): number {
  return Math.max(0, phasor.angleSigma ** 2 - commonAngleSigma ** 2);
}

/** Sum over phases; the phases' errors are independent once the common clock has cancelled within each of them. */
export function sumPower(phases: readonly ComplexPower[]): ComplexPower {
  const sum = (pick: (power: ComplexPower) => number) => phases.reduce((total, phase) => total + pick(phase), 0);
  return {
    activeW: sum((power) => power.activeW),
    reactiveVar: sum((power) => power.reactiveVar),
    activeVariance: sum((power) => power.activeVariance),
    reactiveVariance: sum((power) => power.reactiveVariance),
    covariance: sum((power) => power.covariance),
  };
}

/** Sum over three phases of which one was measured: the same error three times, so sigmas triple as well. */
export function threeTimes(phase: ComplexPower): ComplexPower {
  return {
    activeW: 3 * phase.activeW,
    reactiveVar: 3 * phase.reactiveVar,
    activeVariance: 9 * phase.activeVariance,
    reactiveVariance: 9 * phase.reactiveVariance,
    covariance: 9 * phase.covariance,
  };
}

/** |S| = sqrt(P^2 + Q^2), VA: of a phase, or the vector apparent power when P and Q are three-phase sums. */
export function apparentPower(power: ComplexPower): Quantity {
  const { activeW: p, reactiveVar: q } = power;
  const value = Math.hypot(p, q);
  // At zero power |S| has no direction to linearise along: the larger of both sigmas bounds it.
  if (value === 0) return { value, sigma: Math.sqrt(Math.max(power.activeVariance, power.reactiveVariance)) };
  const variance =
    (p * p * power.activeVariance + q * q * power.reactiveVariance + 2 * p * q * power.covariance) / (value * value);
  return { value, sigma: Math.sqrt(Math.max(0, variance)) };
}

/** Arithmetic apparent power, the sum of the phases' magnitudes, VA; never below the vector one. */
export function arithmeticApparentPower(phases: readonly ComplexPower[]): Quantity {
  const parts = phases.map(apparentPower);
  return {
    value: parts.reduce((sum, part) => sum + part.value, 0),
    sigma: Math.sqrt(parts.reduce((sum, part) => sum + part.sigma ** 2, 0)),
  };
}

/**
 * P over (vector) S, signed like P; undefined without power.
 *
 * With u_phi the uncertainty of S across its direction, var = sin^2(phi) u_phi^2 + cos^2(phi) u_phi^4 / 2: the second
 * order keeps the sigma from vanishing at unity, where cos is flat.
 */
export function powerFactor(power: ComplexPower): Quantity | undefined {
  const { activeW: p, reactiveVar: q } = power;
  const s2 = p * p + q * q;
  if (s2 === 0) return undefined;
  const acrossVariance =
    (q * q * power.activeVariance + p * p * power.reactiveVariance - 2 * p * q * power.covariance) / s2;
  const phiVariance = Math.max(0, acrossVariance) / s2;
  const variance = (q * q * phiVariance + (p * p * phiVariance ** 2) / 2) / s2;
  return { value: p / Math.sqrt(s2), sigma: Math.sqrt(variance) };
}
