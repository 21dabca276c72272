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
 * Where nothing else would check another one with the same residual, each of the two is as likely to be wrong: it is only
 * set aside, so that their error disturbs no judgement of others, and in the answer again. In the end each removed one is
 * tried again: one that the others made look bad comes back.
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
  const aside = new Set<number>();
  const undecided: (readonly string[])[] = [];
  const solve = (...without: readonly number[]) => estimator.estimate(absentAt(problem, new Set(without)));
  const disagrees = (result: EstimateResult) => {
    const worst = worstOf(result, residualLimit);
    if (worst === undefined || result.status !== 'converged') return undefined;
    const alone = worst.normalisedResidual > aloneLimit;
    return alone || result.objective > result.chiSquareLimit ? worst : undefined;
  };

  let result = solve();
  let worst = disagrees(result);
  while (worst !== undefined && removed.size < removals) {
    const next = solve(...removed.keys(), ...aside, worst.index);
    const tuple = tupleOf(worst, problem, result, next);
    if (tuple.length > 1) undecided.push(tuple);
    // What no answer can do without stays.
    if (next.status !== 'converged') break;
    if (tuple.length > 1) aside.add(worst.index);
    else removed.set(worst.index, worst.normalisedResidual);
    result = next;
    worst = disagrees(result);
  }
  for (const index of removed.size > 1 ? [...removed.keys()] : []) {
    const again = solve(...[...removed.keys()].filter((other) => other !== index), ...aside);
    if (again.status !== 'converged' || disagrees(again) !== undefined) continue;
    removed.delete(index);
    result = again;
  }
  const consistent = undecided.length === 0 && disagrees(result) === undefined;
  if (aside.size > 0) result = solve(...removed.keys());
  return {
    result: { ...result, suspects: result.suspects.map((suspect) => withOthers(suspect, undecided)) },
    removed: [...removed].map(([index, normalisedResidual]) => ({
      measurement: problem.measurements[index]!.id,
      normalisedResidual,
    })),
    undecided,
    consistent,
  };
}

type Row = Pick<Residual, 'index' | 'measurement' | 'normalised'>;

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

/**
 * Names of the worst value and of those with the same residual that nothing checks without it. Where the estimate without
 * it has no answer, nothing checks anything.
 */
function tupleOf(worst: Worst, problem: EstimationProblem, before: EstimateResult, after: EstimateResult): string[] {
  const isOther = ({ index }: Row) => index !== worst.index;
  const isSame = ({ normalised }: Row) => areEqual(normalised, worst.normalisedResidual);
  const rows = rowsOf(problem, before);
  const left = after.status === 'converged' ? rowsOf(problem, after).filter(isOther) : undefined;
  const own = rows.filter((row) => !isOther(row) && isSame(row));
  const critical = rows
    .filter(isOther)
    .filter((row, i) => isSame(row) && (left === undefined || Number.isNaN(left[i]?.normalised)));
  return [...new Set([...own, ...critical].map(({ measurement }) => measurement))];
}

function withOthers<S extends EstimateResult['suspects'][number]>(
  suspect: S,
  tuples: readonly (readonly string[])[],
): S {
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

/** The measurement of the largest normalised residual above `limit`; the first of equals. */
function worstOf(result: EstimateResult, limit: number): Worst | undefined {
  let index = -1;
  let normalisedResidual = limit;
  result.normalisedResiduals?.forEach((size, i) => {
    if (!(size > normalisedResidual * (index < 0 ? 1 : 1 + ROUNDING))) return;
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
