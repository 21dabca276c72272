/**
 * A robust estimator: Schweppe-Huber by iteratively reweighted least squares. A residual counts in full up to a
 * threshold and only in proportion beyond it, and the threshold is lower where a measurement has leverage
 * (Mili, Phaniraj, Rousseeuw, "Least median of squares estimation in power systems", IEEE Trans. PWRS 6, 1991;
 * Handschin, Schweppe, Kohlas, Fiechter, IEEE Trans. PAS 94, 1975).
 */
import type {
  EstimateResult,
  EstimationProblem,
  Estimator,
  EstimatorMeasurement,
  PhasorMeasurement,
  Residual,
} from './estimator.ts';
import { suspectsOf } from './wls-statistics.ts';

export interface SchweppeHuberOptions {
  /** Normalised residual beyond which a measurement loses weight (default 2). */
  readonly threshold?: number;
  /** Rounds of reweighting at most (default 60); weights that still move then are close enough to be of use. */
  readonly roundsMax?: number;
}

/** Weights that change by less than this have settled. */
const SETTLED = 1e-6;
/** No measurement loses more than this share of its weight: what else sees its bus may be no better. */
const SHARE_MIN = 1e-6;

/** `inner` solves each reweighted problem; objective, residuals and suspects are those of the original weights. */
export function createSchweppeHuber(inner: Estimator, options: SchweppeHuberOptions = {}): Estimator {
  const { threshold = 2, roundsMax = 60 } = options;
  return {
    name: 'schweppe-huber',
    estimate(problem) {
      const statistics = problem.statistics === 'full' ? 'full' : 'always';
      let result = inner.estimate({ ...problem, statistics: 'always' });
      if (result.status !== 'converged' || result.residuals === undefined) return result;
      const spread = spreads(result.residuals);
      const shares = new Float64Array(problem.measurements.length).fill(1);
      for (let round = 1; round <= roundsMax; round += 1) {
        if (reweigh(shares, result.residuals ?? [], spread, threshold) < SETTLED) break;
        result = inner.estimate({ ...reweighted(problem, shares), statistics });
        if (result.status !== 'converged') return result;
      }
      return inOriginalWeights(result, shares, spread);
    },
  };
}

/**
 * Standard deviation of each residual of the first estimate: sigma sqrt(Omega / R), small where the measurement pulls
 * the estimate along. NaN where critical: what nobody checks keeps its weight.
 */
function spreads(residuals: readonly Residual[]): readonly number[] {
  return residuals.map(({ residual, sigma, normalised }) => {
    if (Number.isNaN(normalised)) return Number.NaN;
    // A residual of zero tells nothing about its spread; the measurement's own stands in.
    return normalised > 0 ? Math.abs(residual) / normalised : sigma;
  });
}

/** Huber's share min(1, c / |r / s|) of each measurement's weight; answers with the largest change. */
function reweigh(
  shares: Float64Array,
  residuals: readonly Residual[],
  spread: readonly number[],
  threshold: number,
): number {
  const next = new Float64Array(shares.length).fill(1);
  residuals.forEach(({ index, residual }, i) => {
    const size = Math.abs(residual) / spread[i]!;
    if (size > threshold) next[index] = Math.min(next[index]!, Math.max(SHARE_MIN, threshold / size));
  });
  let change = 0;
  next.forEach((share, i) => {
    change = Math.max(change, Math.abs(share - shares[i]!));
    shares[i] = share;
  });
  return change;
}

/** Variances over shares: sigma / sqrt(share). The structure stays. */
function reweighted(problem: EstimationProblem, shares: Float64Array): EstimationProblem {
  const measurements = problem.measurements.map((measurement, i): EstimatorMeasurement => {
    if (shares[i] === 1) return measurement;
    const factor = 1 / Math.sqrt(shares[i]!);
    const sigma = measurement.sigma * factor;
    if (!isPhasor(measurement)) return { ...measurement, sigma };
    return { ...measurement, sigma, angleSigmaRad: measurement.angleSigmaRad * factor };
  });
  return { ...problem, measurements };
}

function isPhasor(measurement: EstimatorMeasurement): measurement is PhasorMeasurement {
  return measurement.kind === 'voltagePhasor' || measurement.kind === 'currentPhasor';
}

function inOriginalWeights(result: EstimateResult, shares: Float64Array, spread: readonly number[]): EstimateResult {
  let objective = 0;
  const largest = new Float64Array(shares.length).fill(Number.NaN);
  const residuals = (result.residuals ?? []).map((residual, i): Residual => {
    const sigma = residual.sigma * Math.sqrt(shares[residual.index]!);
    objective += (residual.residual / sigma) ** 2;
    const normalised = Math.abs(residual.residual) / spread[i]!;
    if (!(largest[residual.index]! >= normalised)) largest[residual.index] = normalised;
    return { ...residual, sigma, normalised };
  });
  return { ...result, objective, residuals, normalisedResiduals: largest, suspects: suspectsOf(residuals) };
}
