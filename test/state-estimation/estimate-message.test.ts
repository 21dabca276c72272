/** What an estimate says on the databus: SI units, and of a positive-sequence grid the power of all three phases. */
import { expect, test } from 'vitest';
import { compileGrid } from '../../grids/compile.ts';
import { loadGrid } from '../../grids/load.ts';
import { estimateMessage } from '../../platform/state-estimation/estimate-message.ts';
import type { EstimationProblem, ScalarMeasurement } from '../../platform/state-estimation/estimator.ts';
import { createWeightedLeastSquares } from '../../platform/state-estimation/wls.ts';
import { createPowerFlow } from '../../sim/physics/power-flow.ts';

test('a feeder that takes 3.715 MW and loses 203 kW carries 3.918 MW at its head', () => {
  const grid = compileGrid(loadGrid('ieee-33'));
  const flow = createPowerFlow(grid, { tolerancePu: 1e-13 });
  flow.solve();
  const measurements = Array.from({ length: grid.busCount }, (_, bus): ScalarMeasurement[] => {
    const size = Math.hypot(flow.voltage[2 * bus]!, flow.voltage[2 * bus + 1]!);
    const angleRad = Math.atan2(flow.voltage[2 * bus + 1]!, flow.voltage[2 * bus]!);
    const common = { place: { at: 'bus', bus } as const, phase: 0, sigma: 1e-4 };
    return [
      { ...common, id: `v${bus}`, kind: 'voltageMagnitude', value: size },
      { ...common, id: `a${bus}`, kind: 'voltageAngle', value: angleRad },
    ];
  }).flat();
  const problem: EstimationProblem = { grid, measurements, zeroInjections: [], referenceBus: 0, statistics: 'never' };
  const result = createWeightedLeastSquares().estimate(problem);
  const message = estimateMessage(problem, result, { estimator: 'wls', timeUs: 0, fromUs: 0, inventory: [] });
  const head = message.branches.find(({ id }) => id === grid.branches[0]!.id)!;
  expect(head.activePowerFromW).toHaveLength(1);
  // Baran and Wu: losses 202.677 kW.
  expect(head.activePowerFromW[0]! / 1000).toBeCloseTo(3917.677, 2);
});
