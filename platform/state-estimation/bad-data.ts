/**
 * Bad data: chi-square test, largest normalised residual, removal and re-estimation, and a way back for what was
 * removed wrongly (Abur and Exposito, "Power System State Estimation", 2004, ch. 5).
 */
import { normalQuantile } from '../../numerics/normal-quantile.ts';
import type { EstimateResult, EstimationProblem, Estimator, EstimatorMeasurement } from './estimator.ts';

export interface BadDataOptions {
  /** A normalised residual at most this large is no reason to remove anything (default 3). */
  readonly residualLimit?: number;
  /** At most this share of the measurements is removed (default 0.2), then the answer stands as it is. */
  readonly shareMax?: number;
}

/** A measurement that was taken out, and why. */
export interface RemovedMeasurement {
  readonly measurement: string;
  /** When it was taken out. */
  readonly normalisedResidual: number;
}

export interface CleanedEstimate {
  readonly result: EstimateResult;
  /** In order of removal; empty when nothing was wrong. */
  readonly removed: readonly RemovedMeasurement[];
  /** Whether the remaining measurements pass the test. */
  readonly consistent: boolean;
}

/** Probability that the largest of all normalised residuals exceeds its limit with no bad data at all. */
const FALSE_ALARM = 0.01;

/**
 * Estimates, and while the measurements disagree takes out the one with the largest normalised residual. They disagree
 * when the objective exceeds its chi-square limit, or a residual alone exceeds what the largest of so many may reach.
 * In the end each removed one is tried again: one that the others made look bad comes back.
 */
export function estimateWithoutBadData(
  estimator: Estimator,
  problem: EstimationProblem,
  options: BadDataOptions = {},
): CleanedEstimate {
  const { residualLimit = 3, shareMax = 0.2 } = options;
  const removals = Math.floor(shareMax * problem.measurements.length);
  const present = problem.measurements.filter(({ sigma }) => sigma < Infinity).length;
  const aloneLimit = Math.max(residualLimit, normalQuantile(1 - FALSE_ALARM / (2 * Math.max(1, present))));
  const removed = new Map<number, number>();
  const solve = (without: ReadonlySet<number>) => estimator.estimate(absentAt(problem, without));
  const disagrees = (result: EstimateResult) => {
    const worst = worstOf(result, residualLimit);
    if (worst === undefined || result.status !== 'converged') return undefined;
    const alone = worst.normalisedResidual > aloneLimit;
    return alone || result.objective > result.chiSquareLimit ? worst : undefined;
  };

  let result = solve(new Set());
  for (let worst = disagrees(result); worst !== undefined && removed.size < removals; worst = disagrees(result)) {
    removed.set(worst.index, worst.normalisedResidual);
    result = solve(new Set(removed.keys()));
  }
  for (const index of removed.size > 1 ? [...removed.keys()] : []) {
    const without = new Set(removed.keys());
    without.delete(index);
    const again = solve(without);
    if (again.status !== 'converged' || disagrees(again) !== undefined) continue;
    removed.delete(index);
    result = again;
  }
  return {
    result,
    removed: [...removed].map(([index, normalisedResidual]) => ({
      measurement: problem.measurements[index]!.id,
      normalisedResidual,
    })),
    consistent: disagrees(result) === undefined,
  };
}

/** Residuals of two measurements that check each other alone are equal but for rounding. */
const EQUAL = 1e-6;

/** The measurement of the largest normalised residual above `limit`; the first of equals. */
function worstOf(result: EstimateResult, limit: number): { index: number; normalisedResidual: number } | undefined {
  let index = -1;
  let normalisedResidual = limit;
  result.normalisedResiduals?.forEach((size, i) => {
    if (!(size > normalisedResidual * (index < 0 ? 1 : 1 + EQUAL))) return;
    normalisedResidual = size;
    index = i;
  });
  return index < 0 ? undefined : { index, normalisedResidual };
}

/** The problem with some measurements absent: structure, and so ordering and symbolic factor, stay. */
function absentAt(problem: EstimationProblem, without: ReadonlySet<number>): EstimationProblem {
  const statistics = problem.statistics === 'full' ? 'full' : 'always';
  if (without.size === 0) return { ...problem, statistics };
  const measurements = problem.measurements.map((measurement, i): EstimatorMeasurement =>
    without.has(i) ? { ...measurement, sigma: Infinity } : measurement,
  );
  return { ...problem, measurements, statistics };
}
