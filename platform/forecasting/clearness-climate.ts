/**
 * How clear the sky of this place usually is, quarter hour by quarter hour: what is said beforehand, and more and more what
 * was seen. It is what a day ahead is up to once the weather has changed.
 */
import { parts } from './distribution.ts';

/** Bins of the clear-sky index between `lowest` and `highest`. */
const BINS = 64;
/** Days that what is said beforehand is worth: so many have to be seen before both count the same. */
const DAYS_TO_BELIEVE = 10;
/** Daylight that makes a day of seeing. */
const DAYLIGHT_US = 12 * 3600e6;
/** Seasons have skies of their own: time of daylight over which what was seen is forgotten. */
const MEMORY_US = 30 * DAYLIGHT_US;

export interface ClearnessClimate {
  readonly mean: number;
  readonly variance: number;
  /** `parts` of `distribution.ts`, ascending. */
  readonly values: Float64Array;
  /** Takes in what was seen over `lengthUs`. */
  learn(clearness: number, lengthUs: number): void;
}

/**
 * Beforehand a beta distribution between `lowest` and `highest`, the usual one for clearness (V. A. Graham and
 * K. G. T. Hollands, Solar Energy 44 (1990) 333-341).
 */
export function createClearnessClimate(options: {
  readonly mean: number;
  readonly sigma: number;
  readonly lowest: number;
  readonly highest: number;
}): ClearnessClimate {
  const { lowest, highest } = options;
  const width = (highest - lowest) / BINS;
  const beforehand = betaBins((options.mean - lowest) / (highest - lowest), options.sigma / (highest - lowest));
  const seen = new Float64Array(BINS);
  let days = 0;
  let told: Omit<ClearnessClimate, 'learn'> | undefined;

  function tell(): Omit<ClearnessClimate, 'learn'> {
    const shares = seen.map(
      (share, bin) => (share + DAYS_TO_BELIEVE * (beforehand[bin] ?? 0)) / (days + DAYS_TO_BELIEVE),
    );
    let mean = 0;
    let square = 0;
    for (const [bin, share] of shares.entries()) {
      const clearness = lowest + (bin + 0.5) * width;
      mean += share * clearness;
      square += share * clearness ** 2;
    }
    return { mean, variance: square - mean ** 2, values: valuesIn(shares).map((at) => lowest + at * width) };
  }

  return {
    get mean() {
      return (told ??= tell()).mean;
    },
    get variance() {
      return (told ??= tell()).variance;
    },
    get values() {
      return (told ??= tell()).values;
    },
    learn(clearness, lengthUs) {
      const kept = Math.exp(-lengthUs / MEMORY_US);
      const bin = Math.min(BINS - 1, Math.max(0, Math.floor((clearness - lowest) / width)));
      for (let each = 0; each < BINS; each += 1) seen[each]! *= kept;
      seen[bin]! += lengthUs / DAYLIGHT_US;
      days = kept * days + lengthUs / DAYLIGHT_US;
      told = undefined;
    },
  };
}

/** Shares of the bins of [0, 1] under the beta distribution of this mean and standard deviation; they add up to 1. */
function betaBins(mean: number, sigma: number): Float64Array {
  const centre = Math.min(0.99, Math.max(0.01, mean));
  // alpha + beta = mean (1 - mean) / variance - 1; a spread that no beta has is taken as large as it goes.
  const total = Math.max(0.1, (centre * (1 - centre)) / Math.max(sigma, 0.005) ** 2 - 1);
  const [alpha, beta] = [centre * total, (1 - centre) * total];
  const logs = Float64Array.from({ length: BINS }, (_, bin) => {
    const x = (bin + 0.5) / BINS;
    return (alpha - 1) * Math.log(x) + (beta - 1) * Math.log1p(-x);
  });
  const highest = logs.reduce((most, log) => Math.max(most, log), -Infinity);
  const densities = logs.map((log) => Math.exp(log - highest));
  const sum = densities.reduce((total_, density) => total_ + density, 0);
  return densities.map((density) => density / sum);
}

/** Middles of equally likely parts, in bins from the left. */
function valuesIn(shares: Float64Array): Float64Array {
  const values = new Float64Array(parts);
  let bin = 0;
  let below = 0;
  for (let part = 0; part < parts; part += 1) {
    const wanted = (part + 0.5) / parts;
    while (bin < BINS - 1 && below + (shares[bin] ?? 0) < wanted) {
      below += shares[bin] ?? 0;
      bin += 1;
    }
    const share = shares[bin] ?? 0;
    values[part] = bin + (share > 0 ? Math.min(1, (wanted - below) / share) : 0.5);
  }
  return values;
}
