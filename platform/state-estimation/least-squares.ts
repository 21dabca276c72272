/** The one entry to weighted least squares: the fastest way that the structure of a problem allows. */
import { createFrameEstimator, type FrameEstimator } from './current-form/current-form.ts';
import type { EstimateResult, EstimationProblem, Estimator } from './estimator.ts';
import { createTreeEstimator, type TreeEstimator } from './fast-tree.ts';
import { StructureMemory } from './structure-memory.ts';
import { createWeightedLeastSquares, type WlsOptions } from './wls.ts';
import { chiSquareLimitOf, suspectsOf } from './wls-statistics.ts';

/** Steps take so little time that an estimator that would not settle is told early. */
const ITERATIONS_MAX = 30;

/** Standard deviations that lie further apart ask for the general form, which carries no covariances. */
const SIGMA_RATIO_MAX = 1e5;

/** A structure of measurements that is ready to be estimated frame after frame, and whether it stands at an answer. */
interface Prepared {
  readonly method: 'tree' | 'current-form';
  readonly estimator: TreeEstimator | FrameEstimator;
  /** Values of the measurements at hand. */
  readonly values: Float64Array;
  warm: boolean;
  /** Found too poor for standard deviations. */
  blunt: boolean;
}

/**
 * Weighted least squares by structure: radial positive-sequence grids whose injections are all known take the tree
 * recursion (`method: 'tree'`); loops and three phases the constant factors of the current form (`method: 'current-form'`);
 * what suits neither or does not converge there, what is not observable among it, the augmented matrix (`method:
 * 'augmented'`). All solve the same equations; the answers differ by rounding.
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
  const options = { tolerancePu, iterationsMax: ITERATIONS_MAX };
  const ready = { values: new Float64Array(problem.measurements.length), warm: false, blunt: false };
  const tree = createTreeEstimator(problem, options);
  if (typeof tree !== 'string') return { method: 'tree', estimator: tree, ...ready };
  const frames = createFrameEstimator(problem, options);
  return typeof frames === 'string' ? undefined : { method: 'current-form', estimator: frames, ...ready };
}

/** Undefined when digits would be lost or nothing settles: the general form then answers. */
function estimatePrepared(prepared: Prepared, problem: EstimationProblem): EstimateResult | undefined {
  const { estimator, values } = prepared;
  const { degreesOfFreedom } = estimator;
  const { measurements, statistics } = problem;
  if (prepared.blunt && (statistics === 'always' || statistics === 'full')) return undefined;
  measurements.forEach((one, k) => (values[k] = 'value' in one ? one.value : 0));
  if (estimator.weigh(measurements) > SIGMA_RATIO_MAX) return undefined;
  let solved = estimator.estimate(values, prepared.warm ? 'last' : 'flat');
  if (solved.status !== 'converged' && prepared.warm) solved = estimator.estimate(values, 'flat');
  prepared.warm = solved.status === 'converged';
  if (!prepared.warm) return undefined;
  const { objective, iterations } = solved;
  const chiSquareLimit = chiSquareLimitOf(degreesOfFreedom);
  const suspicious = degreesOfFreedom > 0 && objective > chiSquareLimit;
  const withSigmas = statistics === 'always' || statistics === 'full';
  const asked = withSigmas || (statistics === 'on-suspicion' && suspicious);
  const found = asked ? estimator.statistics(values, measurements, statistics === 'full') : undefined;
  if (asked && found === undefined) {
    prepared.blunt = true;
    return undefined;
  }
  return {
    status: 'converged',
    method: prepared.method,
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
