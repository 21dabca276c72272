/** The chi-square distribution: probability and quantile, for tests of an estimate's objective. */

const ITERATIONS_MAX = 500;
const PRECISION = 1e-15;

/** P(X <= x) of the chi-square distribution with `degrees` > 0 degrees of freedom: regularised gamma P(k / 2, x / 2). */
export function chiSquareProbability(x: number, degrees: number): number {
  if (x <= 0) return 0;
  return regularisedGamma(degrees / 2, x / 2);
}

/**
 * The x with P(X <= x) = `probability`, relative precision about 1e-12; 0 for no degrees of freedom, NaN for a
 * probability outside (0, 1). Newton from the Wilson-Hilferty cube (Proc. Nat. Acad. Sci. 17, 1931), kept in a bracket.
 */
export function chiSquareQuantile(probability: number, degrees: number): number {
  if (!(probability > 0 && probability < 1)) return Number.NaN;
  if (degrees <= 0) return 0;
  const spread = 2 / (9 * degrees);
  let x = degrees * Math.max(0.01, 1 - spread + normalQuantile(probability) * Math.sqrt(spread)) ** 3;
  let low = 0;
  let high = Infinity;
  for (let i = 0; i < ITERATIONS_MAX; i += 1) {
    const error = chiSquareProbability(x, degrees) - probability;
    if (error > 0) high = x;
    else low = x;
    const next = x - error / density(x, degrees);
    const inside = next > low && next < high;
    const bisected = high === Infinity ? 2 * x : (low + high) / 2;
    const step = (inside ? next : bisected) - x;
    x += step;
    if (Math.abs(step) <= 1e-13 * x) break;
  }
  return x;
}

function density(x: number, degrees: number): number {
  const half = degrees / 2;
  return Math.exp((half - 1) * Math.log(x / 2) - x / 2 - logGamma(half)) / 2;
}

/** Series below a + 1, continued fraction (modified Lentz) above; Abramowitz and Stegun 6.5.29 and 6.5.31. */
function regularisedGamma(a: number, x: number): number {
  const front = Math.exp(a * Math.log(x) - x - logGamma(a));
  if (x < a + 1) {
    let term = 1 / a;
    let sum = term;
    for (let n = 1; n < ITERATIONS_MAX + 10 * Math.sqrt(a); n += 1) {
      term *= x / (a + n);
      sum += term;
      if (term < sum * PRECISION) break;
    }
    return front * sum;
  }
  const tiny = 1e-300;
  let b = x + 1 - a;
  let c = 1 / tiny;
  let d = 1 / b;
  let fraction = d;
  for (let n = 1; n < ITERATIONS_MAX + 10 * Math.sqrt(a); n += 1) {
    const numerator = -n * (n - a);
    b += 2;
    d = 1 / nonZero(numerator * d + b, tiny);
    c = nonZero(b + numerator / c, tiny);
    const delta = c * d;
    fraction *= delta;
    if (Math.abs(delta - 1) < PRECISION) break;
  }
  return 1 - front * fraction;
}

function nonZero(value: number, tiny: number): number {
  return Math.abs(value) < tiny ? tiny : value;
}

/** Stirling's series for a > 0, after shifting the argument above 15; error below 1e-16 there. */
function logGamma(a: number): number {
  let shift = 0;
  let z = a;
  while (z < 15) {
    shift += Math.log(z);
    z += 1;
  }
  const z2 = 1 / (z * z);
  const series = (1 / 12 - z2 * (1 / 360 - z2 * (1 / 1260 - z2 * (1 / 1680 - z2 / 1188)))) / z;
  return (z - 0.5) * Math.log(z) - z + Math.log(2 * Math.PI) / 2 + series - shift;
}

/** Standard normal quantile, absolute error below 4.5e-4 (Abramowitz and Stegun 26.2.23): a starting value only. */
function normalQuantile(p: number): number {
  const t = Math.sqrt(-2 * Math.log(Math.min(p, 1 - p)));
  const z = t - (2.515517 + t * (0.802853 + t * 0.010328)) / (1 + t * (1.432788 + t * (0.189269 + t * 0.001308)));
  return p < 0.5 ? -z : z;
}
