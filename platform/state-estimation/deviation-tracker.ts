/**
 * Memory between estimates: how far each injection was from its forecast, and how well that is known still.
 *
 * The deviation d of a customer from its forecast is taken as a first-order Gauss-Markov process whose stationary
 * variance is that of the forecast: phi = exp(-dt / tau), prediction phi d with variance phi^2 P + (1 - phi^2) s_f^2
 * (Bar-Shalom, Li, Kirubarajan, "Estimation with Applications to Tracking and Navigation", 2001, ch. 8). So the forecast
 * enters once, as what the deviation returns to, and never again as news. Deviations are tracked one by one: what the
 * last estimate knew of their sums is left out, which makes the prediction too cautious, not too sure.
 */
export interface Believed {
  readonly value: number;
  readonly sigma: number;
}

export class DeviationTracker {
  private readonly timeConstantUs: number;
  private readonly deviation: Float64Array;
  private readonly variance: Float64Array;
  private readonly timeUs: Float64Array;

  /** `count` quantities, numbered by the caller; their deviations fade with `timeConstantUs`. */
  constructor(count: number, timeConstantUs: number) {
    this.timeConstantUs = timeConstantUs;
    this.deviation = new Float64Array(count);
    this.variance = new Float64Array(count).fill(Number.NaN);
    this.timeUs = new Float64Array(count);
  }

  /** The forecast of a quantity at an instant, corrected by what is remembered of its deviation. */
  predict(quantity: number, timeUs: number, forecast: Believed): Believed {
    const known = this.variance[quantity]!;
    if (Number.isNaN(known) || !(timeUs >= this.timeUs[quantity]!)) return forecast;
    const phi = Math.exp((this.timeUs[quantity]! - timeUs) / this.timeConstantUs);
    const stationary = forecast.sigma ** 2;
    // More than the forecast itself leaves open is never left open.
    const variance = phi ** 2 * Math.min(known, stationary) + (1 - phi ** 2) * stationary;
    return { value: forecast.value + phi * this.deviation[quantity]!, sigma: Math.sqrt(variance) };
  }

  /** What an estimate found of a quantity whose forecast was `forecast`. */
  learn(quantity: number, timeUs: number, forecast: number, found: Believed): void {
    if (!Number.isFinite(found.value) || !Number.isFinite(found.sigma)) return;
    this.deviation[quantity] = found.value - forecast;
    this.variance[quantity] = found.sigma ** 2;
    this.timeUs[quantity] = timeUs;
  }
}
