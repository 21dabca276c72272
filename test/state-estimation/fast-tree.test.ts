/** The tree estimator gives the estimate of weighted least squares, and says what it cannot do. */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compileGrid } from '../../grids/compile.ts';
import { generateFeederGrid } from '../../grids/generate/feeders.ts';
import type { EstimationProblem } from '../../platform/state-estimation/estimator.ts';
import { createTreeEstimator, type TreeEstimator } from '../../platform/state-estimation/fast-tree.ts';
import { createWeightedLeastSquares } from '../../platform/state-estimation/wls.ts';
import { createPowerFlow } from '../../sim/physics/power-flow.ts';
import { measureTree, randomTreeProblem, trees } from './random-tree.ts';

function estimatorOf(problem: EstimationProblem): TreeEstimator {
  const estimator = createTreeEstimator(problem, { tolerancePu: 1e-12 });
  if (typeof estimator === 'string') throw new Error(estimator);
  return estimator;
}

const valuesOf = ({ measurements }: EstimationProblem): Float64Array =>
  Float64Array.from(measurements, (one) => ('value' in one ? one.value : 0));

describe('the tree estimator', () => {
  test('gives the estimate and the objective of weighted least squares', () => {
    fc.assert(
      fc.property(trees, fc.nat(1000), (buses, seed) => {
        const problem = randomTreeProblem(buses, (k) => 2 * Math.sin(12.9898 * (k + 1) * (seed + 1)));
        const theirs = createWeightedLeastSquares({ tolerance: 1e-12 }).estimate(problem);
        expect(theirs.status).toBe('converged');
        const estimator = estimatorOf(problem);
        const { status, objective } = estimator.estimate(valuesOf(problem), 'flat');
        expect(status).toBe('converged');
        const worst = Math.max(...estimator.voltage.map((value, k) => Math.abs(value - theirs.voltage[k]!)));
        expect(worst).toBeLessThan(1e-9);
        expect(Math.abs(objective - theirs.objective)).toBeLessThan(1e-6 * (1 + theirs.objective));
      }),
      { numRuns: 60, interruptAfterTimeLimit: 30_000 },
    );
  });

  test('returns the true state and its flows from values without errors', () => {
    const problem = randomTreeProblem(
      Array.from({ length: 20 }, (_, k) => ({ parent: (k % 4) / 4, idle: k % 5 === 1 })),
      () => 0,
    );
    const flow = createPowerFlow(problem.grid, { tolerancePu: 1e-12 });
    flow.solve();
    const estimator = estimatorOf(problem);
    expect(estimator.estimate(valuesOf(problem), 'flat').objective).toBeLessThan(1e-12);
    const [from, to] = [0, 1].map(() => new Float64Array(2 * problem.grid.branches.length)) as [
      Float64Array,
      Float64Array,
    ];
    estimator.branchCurrents(from, to);
    const truth = flow.branchCurrents();
    // The true state is turned against the estimate by the angle of the reference.
    const angle = Math.atan2(flow.voltage[2 * problem.referenceBus + 1]!, flow.voltage[2 * problem.referenceBus]!);
    const turned = (values: Float64Array, k: number): [number, number] => [
      values[k]! * Math.cos(angle) + values[k + 1]! * Math.sin(angle),
      values[k + 1]! * Math.cos(angle) - values[k]! * Math.sin(angle),
    ];
    const differ = (values: Float64Array, others: Float64Array): number =>
      Math.max(...Array.from(values, (_, k) => Math.abs(values[k]! - turned(others, k - (k % 2))[k % 2]!)));
    expect(differ(estimator.voltage, flow.voltage)).toBeLessThan(1e-9);
    expect(differ(from, truth.from)).toBeLessThan(1e-7);
    expect(differ(to, truth.to)).toBeLessThan(1e-7);
  });

  test('goes on from the last frame to the same answer', () => {
    const grid = compileGrid(generateFeederGrid({ buses: 80, representation: 'positive-sequence' }));
    const problem = measureTree(grid, 0, new Set(), (k) => Math.sin(7 * k));
    const estimator = estimatorOf(problem);
    estimator.estimate(valuesOf(problem), 'flat');
    const next = valuesOf(problem).map((value, k) => value * (1 + 0.01 * Math.cos(k)));
    const { iterations } = estimator.estimate(next, 'last');
    const warm = estimator.voltage.slice();
    const flat = estimator.estimate(next, 'flat');
    expect(iterations).toBeLessThan(flat.iterations);
    expect(Math.max(...warm.map((value, k) => Math.abs(value - estimator.voltage[k]!)))).toBeLessThan(1e-10);
  });

  test('says why a problem is none for it', () => {
    const grid = compileGrid(generateFeederGrid({ buses: 120, representation: 'positive-sequence' }));
    const problem = measureTree(grid, 0, new Set(), () => 0);
    const without = problem.measurements.filter(
      (one) => !(one.kind === 'activePower' && one.place.at === 'bus' && one.place.bus === 7),
    );
    expect(createTreeEstimator({ ...problem, measurements: without })).toMatch(/injection of a bus is not known/);
    const balance = { id: 'balance', kind: 'sourceBalance', source: 0, sequence: 'zero', sigma: 1e-3 } as const;
    expect(createTreeEstimator({ ...problem, measurements: [...problem.measurements, balance] })).toMatch(
      /other kinds/,
    );
    const meshed = compileGrid(generateFeederGrid({ buses: 120, meshed: true, representation: 'positive-sequence' }));
    expect(createTreeEstimator({ ...measureTree(meshed, 0, new Set(), () => 0) })).toMatch(/loops/);
  });

  test('says that nothing tells how high the voltage is', () => {
    const grid = compileGrid(generateFeederGrid({ buses: 30, representation: 'positive-sequence' }));
    const { measurements, ...rest } = measureTree(grid, 0, new Set(), () => 0);
    const powers = measurements.filter(
      (one) => one.kind !== 'voltageMagnitude' && !(one.kind !== 'sourceBalance' && one.place.at !== 'bus'),
    );
    expect(createTreeEstimator({ ...rest, measurements: powers })).toBe('no voltage is measured');
  });
});
