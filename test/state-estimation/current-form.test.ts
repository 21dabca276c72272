/** The estimator in current form gives the estimate of the augmented one, radial and meshed, in one phase and in three. */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createEstimationFrames } from '../../bench/peers/estimation-frames.ts';
import { compileGrid } from '../../grids/compile.ts';
import { generateFeederGrid } from '../../grids/generate/feeders.ts';
import { createFrameEstimator } from '../../platform/state-estimation/current-form/current-form.ts';
import { createWeightedLeastSquares } from '../../platform/state-estimation/wls.ts';

describe('the estimator in current form', () => {
  test.each([
    [1, false],
    [1, true],
    [3, false],
    [3, true],
  ] as const)(
    'of %d phases, meshed: %s, agrees with the augmented form from a flat start and going on',
    (phases, meshed) => {
      fc.assert(
        fc.property(fc.integer({ min: 2, max: 60 }), fc.nat(1000), (buses, seed) => {
          const representation = phases === 3 ? 'three' : 'positive-sequence';
          const grid = compileGrid(generateFeederGrid({ buses, meshed, representation, seed: String(seed) }));
          const frames = createEstimationFrames(grid, 3);
          const estimator = createFrameEstimator(frames.problem, { tolerancePu: 1e-12 });
          if (typeof estimator === 'string') throw new Error(estimator);
          const values = new Float64Array(frames.problem.measurements.length);
          for (const [frame, start] of [
            [0, 'flat'],
            [1, 'last'],
            [2, 'flat'],
          ] as const) {
            frames.read(frame, values);
            const measurements = frames.problem.measurements.map((one, k) => ({ ...one, value: values[k]! }));
            const theirs = createWeightedLeastSquares({ tolerance: 1e-12 }).estimate({
              ...frames.problem,
              measurements,
            });
            const { status, objective } = estimator.estimate(values, start);
            expect([status, theirs.status]).toEqual(['converged', 'converged']);
            const worst = Math.max(...estimator.voltage.map((value, k) => Math.abs(value - theirs.voltage[k]!)));
            expect(worst).toBeLessThan(1e-12);
            expect(Math.abs(objective - theirs.objective)).toBeLessThan(1e-9 * (1 + theirs.objective));
          }
        }),
        { numRuns: 12, seed: 11 },
      );
    },
  );
});
