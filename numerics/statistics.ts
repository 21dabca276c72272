/** Descriptive statistics that give the same bits for the same samples in the same order: sums, quantiles, error measures. */

/** What a set of samples comes down to. All but `count` in the samples' unit. */
export interface Summary {
  readonly count: number;
  readonly mean: number;
  readonly rmse: number;
  /** Mean of the signed samples; equals `mean` for plain values. */
  readonly bias: number;
  readonly min: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
}

/**
 * Sum with Neumaier's correction: the error does not grow with the number of terms.
 * Source: A. Neumaier, "Rundungsfehleranalyse einiger Verfahren zur Summation endlicher Summen", ZAMM 54 (1974).
 */
export function sum(values: Float64Array): number {
  let total = 0;
  let correction = 0;
  // Indexed: iterating a typed array by its iterator costs several times as much.
  for (let i = 0; i < values.length; i += 1) {
    const value = values[i] as number;
    const next = total + value;
    // The smaller of the two operands is the one that lost its low bits.
    correction += Math.abs(total) >= Math.abs(value) ? total - next + value : value - next + total;
    total = next;
  }
  return total + correction;
}

export function mean(values: Float64Array): number {
  return values.length === 0 ? Number.NaN : sum(values) / values.length;
}

/** sqrt(sum x^2 / n). */
export function rootMeanSquare(values: Float64Array): number {
  return Math.sqrt(mean(values.map((value) => value * value)));
}

/**
 * Quantile of ascending samples by linear interpolation between order statistics, h = (n - 1) p
 * (type 7 of Hyndman & Fan, "Sample Quantiles in Statistical Packages", 1996; numpy's default). NaN without samples.
 */
export function quantile(ascending: Float64Array, probability: number): number {
  if (probability < 0 || probability > 1) throw new RangeError(`${probability} is no probability`);
  if (ascending.length === 0) return Number.NaN;
  const position = (ascending.length - 1) * probability;
  const below = Math.floor(position);
  const low = ascending[below] ?? Number.NaN;
  const high = ascending[Math.min(below + 1, ascending.length - 1)] ?? Number.NaN;
  return low + (position - below) * (high - low);
}

/** Median of samples in any order; NaN without samples. */
export function median(values: ArrayLike<number>): number {
  return quantile(Float64Array.from(values).sort(), 0.5);
}

/**
 * Statistics of signed errors: mean, min, percentiles and max of their magnitude, bias of the errors themselves.
 * Throws on a sample that is not finite: a caller who lets one through would hide it in a percentile.
 */
export function summariseErrors(errors: Float64Array): Summary {
  return summarise(errors, errors.map(Math.abs));
}

/** Statistics of plain values, sign kept. Throws on a sample that is not finite. */
export function summariseValues(values: Float64Array): Summary {
  return summarise(values, values.slice());
}

/** `ranked` is sorted in place. */
function summarise(signed: Float64Array, ranked: Float64Array): Summary {
  const average = mean(ranked);
  if (signed.length > 0 && !Number.isFinite(average)) throw new RangeError('a sample is not finite');
  ranked.sort();
  return {
    count: signed.length,
    mean: average,
    rmse: rootMeanSquare(signed),
    bias: mean(signed),
    min: quantile(ranked, 0),
    p50: quantile(ranked, 0.5),
    p95: quantile(ranked, 0.95),
    p99: quantile(ranked, 0.99),
    max: quantile(ranked, 1),
  };
}

/**
 * Pinball loss of a stated quantile, in the unit of the values: least on average for the true quantile. p (y - q) where the
 * value y came above q, (1 - p) (q - y) below (Koenker and Bassett, Econometrica 46, 1978).
 */
export function pinball(probability: number, quantileStated: number, came: number): number {
  const above = came - quantileStated;
  return above >= 0 ? probability * above : (probability - 1) * above;
}

/** Samples whose number is not known beforehand; doubles its room as it fills. */
export class SampleBuffer {
  private room = new Float64Array(256);
  private used = 0;

  get length(): number {
    return this.used;
  }

  push(value: number): void {
    if (this.used === this.room.length) {
      const larger = new Float64Array(this.room.length * 2);
      larger.set(this.room);
      this.room = larger;
    }
    this.room[this.used] = value;
    this.used += 1;
  }

  /** What was pushed as number `index`; undefined beyond the last. */
  at(index: number): number | undefined {
    return index < this.used ? this.room[index] : undefined;
  }

  /** Puts `value` in place of what was pushed as number `index`. */
  replace(index: number, value: number): void {
    this.room[index] = value;
  }

  /** A view of what was pushed, valid until the next push. */
  values(): Float64Array {
    return this.room.subarray(0, this.used);
  }
}
