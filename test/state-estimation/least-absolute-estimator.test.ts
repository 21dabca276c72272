/** The example of somebody else's estimator passes the conformance kit, and is what it says. */
import { expect, test } from 'vitest';
import * as fc from 'fast-check';
import { createLeastAbsoluteValues } from '../../docs/examples/least-absolute-estimator.ts';
import { createWeightedLeastSquares } from '../../platform/state-estimation/wls.ts';
import { describeEstimatorConformance } from './estimator-conformance.ts';
import { feeders, measure } from './random-feeder.ts';

describeEstimatorConformance({
  name: 'the example of least absolute values',
  create: createLeastAbsoluteValues,
  tolerance: 1e-7,
  grids: 6,
  robust: true,
});

test('one voltage that is far off is left alone by least absolute values, not by least squares', () => {
  const feeder = fc.sample(feeders, { seed: 4, numRuns: 8 }).find(({ grid }) => grid.busCount > 5)!;
  const problem = measure(feeder, { phasorTurn: 0 });
  const measurements = problem.measurements.map((m) =>
    m.kind === 'voltageMagnitude' && m.id === 'voltageMagnitude-3-0' ? { ...m, value: m.value + 0.03 } : m,
  );
  const error = ({ voltage }: { voltage: Float64Array }) =>
    voltage.reduce((most, value, i) => Math.max(most, Math.abs(value - feeder.truth[i]!)), 0);
  const squares = error(createWeightedLeastSquares().estimate({ ...problem, measurements }));
  const absolute = error(createLeastAbsoluteValues().estimate({ ...problem, measurements }));
  expect(absolute).toBeLessThan(0.3 * squares);
});
