/**
 * Bad data: chi-square test, largest normalised residual, removal and re-estimation, and a way back for what was
 * removed wrongly (Abur and Exposito, "Power System State Estimation", 2004, ch. 5).
 */
import { normalQuantile } from '../../numerics/normal-quantile.ts';
import type { EstimateResult, EstimationProblem, Estimator, EstimatorMeasurement, Residual } from './estimator.ts';
import { areEqual } from './wls-statistics.ts';

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
  /** Its suspects name what cannot be told apart, whatever the estimator says of it. */
  readonly result: EstimateResult;
  /** In order of removal; empty when nothing was wrong. */
  readonly removed: readonly RemovedMeasurement[];
  /** Sets of measurements that contradict each other, and nothing says which one is wrong: they are all still in. */
  readonly undecided: readonly (readonly string[])[];
  /** Whether the remaining measurements pass the test. */
  readonly consistent: boolean;
}

/** Probability that the largest of all normalised residuals exceeds its limit with no bad data at all. */
const FALSE_ALARM = 0.01;

/**
 * Estimates, and while the measurements disagree takes out the one with the largest normalised residual. They disagree
 * when the objective exceeds its chi-square limit, or a residual alone exceeds what the largest of so many may reach.
 * Without which nothing would check another one with the same residual, that one stays with that other: each is as likely
 * to be wrong. In the end each removed one is tried again: one that the others made look bad comes back.
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
  const undecided: Tuple[] = [];
  const solve = (without: ReadonlySet<number>) => estimator.estimate(absentAt(problem, without));
  const disagrees = (result: EstimateResult) => {
    if (result.status !== 'converged') return undefined;
    // A tuple's part of the objective is the square of its residual, which all its members share.
    const sizes = undecided.map(([one]) => result.normalisedResiduals?.[one.index] ?? 0).filter((size) => size > 0);
    const objective = sizes.reduce((rest, size) => rest - size * size, result.objective);
    const limit = Math.max(residualLimit, ...sizes.map((size) => LEAK * size));
    const worst = worstOf(result, limit, new Set(undecided.flat().map(({ index }) => index)));
    if (worst === undefined) return undefined;
    return worst.normalisedResidual > aloneLimit || objective > result.chiSquareLimit ? worst : undefined;
  };

  let result = solve(new Set());
  for (let worst = disagrees(result); worst !== undefined && removed.size < removals; worst = disagrees(result)) {
    const next = solve(new Set([...removed.keys(), worst.index]));
    const tuple = criticalWithout(worst, rowsOf(problem, result), rowsOf(problem, next));
    if (tuple !== undefined) {
      undecided.push(tuple);
      continue;
    }
    removed.set(worst.index, worst.normalisedResidual);
    result = next;
  }
  for (const index of removed.size > 1 ? [...removed.keys()] : []) {
    const without = new Set(removed.keys());
    without.delete(index);
    const again = solve(without);
    if (again.status !== 'converged' || disagrees(again) !== undefined) continue;
    removed.delete(index);
    result = again;
  }
  const names = undecided.map((tuple) => [...new Set(tuple.map(({ measurement }) => measurement))]);
  return {
    result: { ...result, suspects: result.suspects.map((suspect) => withOthers(suspect, names)) },
    removed: [...removed].map(([index, normalisedResidual]) => ({
      measurement: problem.measurements[index]!.id,
      normalisedResidual,
    })),
    undecided: names,
    consistent: undecided.length === 0 && disagrees(result) === undefined,
  };
}

/** What of an error that stays in shows elsewhere, through losses and the curvature of the equations: at most this share. */
const LEAK = 0.01;

type Row = Pick<Residual, 'index' | 'measurement' | 'normalised'>;
/** A measurement, and those that nothing else checks. */
type Tuple = readonly [Row, ...Row[]];

/** What the residuals say of each value in use; of each measurement, where the estimator says no more. */
function rowsOf(
  { measurements }: EstimationProblem,
  { residuals, normalisedResiduals }: EstimateResult,
): readonly Row[] {
  return (
    residuals ??
    measurements.map(({ id }, index) => ({ index, measurement: id, normalised: normalisedResiduals?.[index] ?? 0 }))
  );
}

/** The values with the same residual as the worst one that nothing checks without it; undefined when there are none. */
function criticalWithout(worst: Worst, before: readonly Row[], after: readonly Row[]): Tuple | undefined {
  const others = (rows: readonly Row[]) => rows.filter(({ index }) => index !== worst.index);
  const left = others(after);
  const isSame = ({ normalised }: Row) => areEqual(normalised, worst.normalisedResidual);
  const critical = others(before).filter((row, i) => isSame(row) && Number.isNaN(left[i]?.normalised));
  const own = before.find((row) => row.index === worst.index && isSame(row));
  return own === undefined || critical.length === 0 ? undefined : [own, ...critical];
}

function withOthers<S extends EstimateResult['suspects'][number]>(suspect: S, tuples: readonly string[][]): S {
  const tuple = tuples.find((names) => names.includes(suspect.measurement));
  if (tuple === undefined) return suspect;
  return { ...suspect, indistinguishableFrom: tuple.filter((name) => name !== suspect.measurement) };
}

/** Residuals that should be equal are so but for rounding: the first of them is taken, whatever the machine. */
const ROUNDING = 1e-6;

interface Worst {
  readonly index: number;
  readonly normalisedResidual: number;
}

/** The measurement of the largest normalised residual above `limit` but for some; the first of equals. */
function worstOf(result: EstimateResult, limit: number, but: ReadonlySet<number>): Worst | undefined {
  let index = -1;
  let normalisedResidual = limit;
  result.normalisedResiduals?.forEach((size, i) => {
    if (but.has(i) || !(size > normalisedResidual * (index < 0 ? 1 : 1 + ROUNDING))) return;
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
