/**
 * How likely a series of residuals is when a part of each device's error stays as it is and the rest is new every time.
 *
 * A residual over its sigma is u(t) = b + w(t): b, drawn once per measurement, has variance 1 - s, w(t) variance s. Of n of
 * them with mean m and squares S = sum (u - m)^2 about it the likelihood L is known in closed form (one-way random
 * effects; Searle, Casella, McCulloch, "Variance Components", 1992, ch. 3):
 *   -2 ln L = (n - 1) ln s + ln(s + n (1 - s)) + S / s + n m^2 / (s + n (1 - s)) + constant.
 * What is constant in time counts at most m^2 / (1 - s), however long it lasts; what varies counts with its own small
 * variance. The share s is not known: a meter's class promises the sum alone. Its values are weighed alike, which makes
 * the ratio of two such likelihoods a Bayes factor (Kass, Raftery, J. Amer. Stat. Assoc. 90, 1995).
 */

/**
 * Shares s of the variance that change from estimate to estimate, from white errors to errors that hardly change. Beyond
 * the last one what the estimate itself errs, differently at every load, is larger than what a meter does.
 */
export const WHITE_SHARES: readonly number[] = [1, 1 / 2, 1 / 4, 1 / 8, 1 / 16, 1 / 32, 1 / 64];

export class ResidualSeries {
  private count = 0;
  private squares = 0;
  private readonly sums: Float64Array;

  /** `width` measurements of one device, which have their share of white noise in common. */
  constructor(width: number) {
    this.sums = new Float64Array(width);
  }

  /** Residuals of one instant over their sigmas, one a measurement; taken out again with `times` -1. */
  add(weighted: readonly number[], times: 1 | -1 = 1): void {
    this.count += times;
    weighted.forEach((u, k) => {
      this.squares += times * u * u;
      this.sums[k]! += times * u;
    });
  }

  /** 2 ln L, up to a constant that is the same for every series of this length and width. */
  twiceLogLikelihood(): number {
    const { count: n, sums } = this;
    if (n === 0) return 0;
    const ofMeans = sums.reduce((sum, one) => sum + one * one, 0) / n;
    const within = Math.max(0, this.squares - ofMeans);
    const each = WHITE_SHARES.map((s) => {
      const ofMean = s + n * (1 - s);
      return -sums.length * ((n - 1) * Math.log(s) + Math.log(ofMean)) - within / s - ofMeans / ofMean;
    });
    // The largest one is taken out, so that nothing runs over.
    const largest = Math.max(...each);
    const mean = each.reduce((sum, one) => sum + Math.exp((one - largest) / 2), 0) / each.length;
    return largest + 2 * Math.log(mean);
  }
}
