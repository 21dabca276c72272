/** The one entry to weighted least squares: the fastest way that the structure of a problem allows. */
import { createFrameEstimator, type FrameEstimator } from './current-form/current-form.ts';
import type { EstimateResult, EstimationProblem, Estimator } from './estimator.ts';
import { StructureMemory } from './structure-memory.ts';
import { createWeightedLeastSquares, type WlsOptions } from './wls.ts';
import { suspectsOf, testObjective } from './wls-statistics.ts';

/** Steps take so little time that an estimator that would not settle is told early. */
const ITERATIONS_MAX = 30;

/** Standard deviations that lie further apart ask for the general form, which carries no covariances. */
const SIGMA_RATIO_MAX = 1e4;

/** A structure of measurements that is ready to be estimated frame after frame. */
interface Prepared {
  readonly estimator: FrameEstimator;
  /** Values of the measurements at hand. */
  readonly values: Float64Array;
  /** Found too poor for standard deviations. */
  blunt: boolean;
}

/**
 * Weighted least squares by structure: the constant factors of the current form (`method: 'current-form'`) wherever they
 * suit; what does not, does not converge there, is not observable, or would lose digits, takes the augmented matrix
 * (`method: 'augmented'`). Both solve the same equations; the answers differ by rounding.
 */
export function createLeastSquares(options: WlsOptions = {}): Estimator {
  const { tolerance = 1e-10, structuresMax = 4 } = options;
  const general = createWeightedLeastSquares(options);
  const structures = new StructureMemory((problem) => prepare(problem, tolerance), {
    most: structuresMax,
    presenceMatters: true,
  });
  return {
    name: general.name,
    estimate(problem) {
      const prepared = structures.solverFor(problem);
      return (prepared === undefined ? undefined : estimatePrepared(prepared, problem)) ?? general.estimate(problem);
    },
  };
}

function prepare(problem: EstimationProblem, tolerancePu: number): Prepared | undefined {
  const estimator = createFrameEstimator(problem, { tolerancePu, iterationsMax: ITERATIONS_MAX });
  if (typeof estimator === 'string') return undefined;
  return { estimator, values: new Float64Array(problem.measurements.length), blunt: false };
}

/** Undefined when digits would be lost or nothing settles: the general form then answers. */
function estimatePrepared(prepared: Prepared, problem: EstimationProblem): EstimateResult | undefined {
  const { estimator, values } = prepared;
  const { degreesOfFreedom } = estimator;
  const { measurements, statistics } = problem;
  if (prepared.blunt && (statistics === 'always' || statistics === 'full')) return undefined;
  measurements.forEach((one, k) => (values[k] = 'value' in one ? one.value : 0));
  if (estimator.weigh(measurements) > SIGMA_RATIO_MAX) return undefined;
  const solved = estimator.estimate(values, 'last');
  if (solved.status !== 'converged') return undefined;
  const { objective, iterations } = solved;
  const { chiSquareLimit, withSigmas, withResiduals } = testObjective(objective, degreesOfFreedom, statistics);
  const found = withResiduals ? estimator.statistics(values, measurements, statistics === 'full') : undefined;
  if (withResiduals && found === undefined) {
    prepared.blunt = true;
    return undefined;
  }
  return {
    status: 'converged',
    method: 'current-form',
    iterations,
    voltage: estimator.voltage.slice(),
    objective,
    degreesOfFreedom,
    chiSquareLimit,
    suspects: found === undefined ? [] : suspectsOf(found.checks.residuals),
    normalisedResiduals: found?.checks.largest,
    residuals: found?.checks.residuals,
    unobservedBuses: [],
    voltageMagnitudeSigma: withSigmas ? found?.magnitude : undefined,
    voltageAngleSigma: withSigmas ? found?.angle : undefined,
    flowSigmas: found?.flows,
  };
}
