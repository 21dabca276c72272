/** Distributions of forecast powers, from mean and standard deviation: neither load nor PV is normal, both have a floor. */
import { chiSquareQuantile } from '../../numerics/chi-square.ts';

/** Quantile of the standard normal distribution: its square is chi-square with one degree of freedom. */
export function normalQuantile(probability: number): number {
  let quantile = known.get(probability);
  if (quantile === undefined) {
    const root = probability === 0.5 ? 0 : Math.sqrt(chiSquareQuantile(Math.abs(2 * probability - 1), 1));
    quantile = probability < 0.5 ? -root : root;
    // A forecast asks for the same few at every step.
    if (known.size < KNOWN_MAX) known.set(probability, quantile);
  }
  return quantile;
}

const known = new Map<number, number>();
const KNOWN_MAX = 256;

/**
 * Quantile of a positive quantity that strays upwards further than downwards: lognormal of the same mean and variance,
 * sigma_ln^2 = ln(1 + sigma^2 / mean^2), mu_ln = ln mean - sigma_ln^2 / 2. Zero for a mean of zero.
 */
export function lognormalQuantile(mean: number, sigma: number, probability: number): number {
  if (mean <= 0) return 0;
  const variance = Math.log1p((sigma / mean) ** 2);
  return mean * Math.exp(Math.sqrt(variance) * normalQuantile(probability) - variance / 2);
}

/** Nodes and weights of Gauss-Hermite quadrature for the standard normal distribution, 7 points (Abramowitz and Stegun 25.10). */
const NODES = Float64Array.of(
  -3.750439717725742,
  -2.366759410734541,
  -1.154405394739968,
  0,
  1.154405394739968,
  2.366759410734541,
  3.750439717725742,
);
const WEIGHTS = Float64Array.of(
  0.000548268855972218,
  0.0307571239675865,
  0.240123178605013,
  0.457142857142857,
  0.240123178605013,
  0.0307571239675865,
  0.000548268855972218,
);
/** Each step takes the error down by an order of magnitude, where the moments can be had at all. */
const FIT_STEPS = 8;
/** Shares nearer to the ends have no spread left to fit. */
const END = 0.02;

/**
 * Quantiles of a quantity between 0 and `ceiling`: logit-normal, x = ceiling / (1 + exp(-(mu + omega z))), with mu and
 * omega fitted to mean and standard deviation. A spread that no such quantity can have is taken as large as it goes.
 */
export function fitLogitNormal(mean: number, sigma: number, ceiling: number): (probability: number) => number {
  const share = Math.min(1 - END, Math.max(END, mean / ceiling));
  const spread = sigma / ceiling;
  // The slope of the logistic at the mean is share (1 - share): start as if it were straight.
  const slope = share * (1 - share);
  let mu = Math.log(share / (1 - share));
  let omega = spread / slope;
  for (let step = 0; step < FIT_STEPS; step += 1) {
    const [centre, width] = logitNormalMoments(mu, omega);
    mu += (share - centre) / slope;
    if (width > 0) omega = Math.min(OMEGA_MAX, omega * (spread / width));
  }
  return (probability) => ceiling * logistic(mu + omega * normalQuantile(probability));
}

/** Beyond this the distribution sits at both ends and hardly widens any more. */
const OMEGA_MAX = 4;

/** Mean and standard deviation of logistic(mu + omega z). */
function logitNormalMoments(mu: number, omega: number): readonly [number, number] {
  let first = 0;
  let second = 0;
  for (let index = 0; index < NODES.length; index += 1) {
    const weight = WEIGHTS[index] ?? 0;
    const x = logistic(mu + omega * (NODES[index] ?? 0));
    first += weight * x;
    second += weight * x * x;
  }
  return [first, Math.sqrt(Math.max(0, second - first * first))];
}

function logistic(x: number): number {
  return 1 / (1 + Math.exp(-x));
}

/** A distribution is told by so many values, equally likely and each in the middle of its part. */
export const parts = 128;

/** Quantiles of what is one of these with these weights, which add up to 1: each gives values in proportion to its weight. */
export function mixtureQuantiles(
  components: readonly { readonly weight: number; readonly values: (part: number) => number }[],
): (probability: number) => number {
  const mixed = new Float64Array(parts);
  let weights = 0;
  let first = 0;
  for (const { weight, values } of components) {
    weights += weight;
    const end = Math.min(parts, Math.round(weights * parts));
    for (let at = first; at < end; at += 1)
      mixed[at] = values(Math.floor((parts * (at - first + 0.5)) / (end - first)));
    first = Math.max(first, end);
  }
  mixed.sort();
  return (probability) => {
    const position = Math.min(parts - 1, Math.max(0, probability * parts - 0.5));
    const before = Math.floor(position);
    const low = mixed[before] ?? Number.NaN;
    return low + (position - before) * ((mixed[before + 1] ?? low) - low);
  };
}
