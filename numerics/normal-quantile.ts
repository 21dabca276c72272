/** Quantile of the standard normal distribution. */
import { chiSquareQuantile } from './chi-square.ts';

/** The z with P(Z <= z) = `probability`, from the chi-square distribution of z^2 with one degree of freedom. */
export function normalQuantile(probability: number): number {
  if (!(probability > 0 && probability < 1)) return Number.NaN;
  if (probability === 0.5) return 0;
  const size = Math.sqrt(chiSquareQuantile(Math.abs(2 * probability - 1), 1));
  return probability > 0.5 ? size : -size;
}
