/** The one entry to weighted least squares: the tree recursion where the structure allows it, the general form elsewhere. */
import type { EstimateResult, EstimationProblem, Estimator } from './estimator.ts';
import { createTreeEstimator, type TreeEstimator } from './fast-tree.ts';
import { StructureMemory } from './structure-memory.ts';
import { createWeightedLeastSquares, type WlsOptions } from './wls.ts';
import { chiSquareLimitOf, suspectsOf } from './wls-statistics.ts';

/** Steps of the recursion take so few microseconds that one that would not settle is told early. */
const TREE_ITERATIONS_MAX = 30;

/** Standard deviations that lie further apart ask for the general form, which carries no covariances. */
const SIGMA_RATIO_MAX = 1e5;

/** A structure of measurements that is ready for the tree recursion, and whether it stands at an answer. */
interface PreparedTree {
  readonly estimator: TreeEstimator;
  /** Values of the measurements at hand. */
  readonly values: Float64Array;
  warm: boolean;
}

/**
 * Weighted least squares by structure: radial positive-sequence grids whose injections are all known take the tree
 * recursion (`method: 'tree'`), everything else, and what does not converge there, the augmented matrix
 * (`method: 'augmented'`). Both solve the same equations; the answers differ by rounding.
 */
export function createLeastSquares(options: WlsOptions = {}): Estimator {
  const { tolerance = 1e-10, structuresMax = 4 } = options;
  const general = createWeightedLeastSquares(options);
  const trees = new StructureMemory((problem) => prepareTree(problem, tolerance), {
    most: structuresMax,
    presenceMatters: true,
  });
  return {
    name: general.name,
    estimate(problem) {
      const tree = trees.solverFor(problem);
      return (tree === undefined ? undefined : estimateOnTree(tree, problem)) ?? general.estimate(problem);
    },
  };
}

function prepareTree(problem: EstimationProblem, tolerancePu: number): PreparedTree | undefined {
  const estimator = createTreeEstimator(problem, { tolerancePu, iterationsMax: TREE_ITERATIONS_MAX });
  if (typeof estimator === 'string') return undefined;
  return {
    estimator,
    values: new Float64Array(problem.measurements.length),
    warm: false,
  };
}

/** Undefined when the recursion would lose digits or does not settle: the general form then answers. */
function estimateOnTree(tree: PreparedTree, problem: EstimationProblem): EstimateResult | undefined {
  const { estimator, values } = tree;
  const { degreesOfFreedom } = estimator;
  const { measurements, statistics } = problem;
  measurements.forEach((one, k) => (values[k] = 'value' in one ? one.value : 0));
  if (estimator.weigh(measurements) > SIGMA_RATIO_MAX) return undefined;
  let solved = estimator.estimate(values, tree.warm ? 'last' : 'flat');
  if (solved.status !== 'converged' && tree.warm) solved = estimator.estimate(values, 'flat');
  tree.warm = solved.status === 'converged';
  if (!tree.warm) return undefined;
  const { objective, iterations } = solved;
  const chiSquareLimit = chiSquareLimitOf(degreesOfFreedom);
  const suspicious = degreesOfFreedom > 0 && objective > chiSquareLimit;
  const withSigmas = statistics === 'always' || statistics === 'full';
  const found =
    withSigmas || (statistics === 'on-suspicion' && suspicious)
      ? estimator.statistics(values, measurements, statistics === 'full')
      : undefined;
  return {
    status: 'converged',
    method: 'tree',
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
