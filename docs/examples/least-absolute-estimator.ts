/**
 * Somebody else's estimator, in process and in a few lines: least absolute values instead of least squares, by solving
 * least squares again and again with the weight of each measurement divided by the size of its residual.
 *
 * Hand it to the service's core, `new EstimationCore(config, createLeastAbsoluteValues())`, and call
 * `describeEstimatorConformance` of `test/state-estimation/estimator-conformance.ts` in a test of yours.
 */
import type { EstimationProblem, Estimator } from '../../platform/state-estimation/estimator.ts';
import { createLeastSquares } from '../../platform/state-estimation/least-squares.ts';

/** Residuals below this many sigmas count alike, so that the weights stay finite. */
const SMALL = 0.05;
const ROUNDS = 25;

export function createLeastAbsoluteValues(): Estimator {
  const leastSquares = createLeastSquares();
  return {
    name: 'least-absolute-values',
    estimate(problem: EstimationProblem) {
      let result = leastSquares.estimate({ ...problem, statistics: 'always' });
      for (let round = 0; round < ROUNDS && result.status === 'converged'; round += 1) {
        const factor = new Float64Array(problem.measurements.length).fill(1);
        for (const { index, measurement, residual } of result.residuals ?? []) {
          const { id, sigma } = problem.measurements[index]!;
          // (r / sigma)^2 over the last round's |r| / sigma is |r| / sigma. Angles of phasors keep their weight.
          if (measurement === id) factor[index] = Math.sqrt(Math.max(SMALL, Math.abs(residual) / sigma));
        }
        const measurements = problem.measurements.map((m, i) => ({ ...m, sigma: m.sigma * factor[i]! }));
        result = leastSquares.estimate({ ...problem, measurements, statistics: 'always' });
      }
      // The weights were a means: what is told of the residuals is in sigmas of the measurements.
      const residuals = (result.residuals ?? []).map((one) => {
        const { id, sigma } = problem.measurements[one.index]!;
        return one.measurement === id ? { ...one, sigma } : one;
      });
      const objective = residuals.reduce((sum, { residual, sigma }) => sum + (residual / sigma) ** 2, 0);
      return result.status === 'converged' ? { ...result, residuals, objective } : result;
    },
  };
}
