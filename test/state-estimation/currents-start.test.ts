/** Where an estimate begins when currents are measured, whose magnitudes and angles say nothing before they flow. */
import { describe, expect, test } from 'vitest';
import type { CompiledBranch, CompiledGrid } from '../../grids/model.ts';
import { branchEndFlow } from '../../platform/state-estimation/branch-flows.ts';
import type { Estimator, EstimatorMeasurement } from '../../platform/state-estimation/estimator.ts';
import { createLeastSquares } from '../../platform/state-estimation/least-squares.ts';
import { sourceBalances } from '../../platform/state-estimation/source-balance.ts';
import { createWeightedLeastSquares } from '../../platform/state-estimation/wls.ts';
import { largestError, type MeshOptions, randomMesh } from './random-mesh.ts';

const estimators: readonly (readonly [string, () => Estimator])[] = [
  ['augmented form', createWeightedLeastSquares],
  ['the fastest form', createLeastSquares],
];
const country: MeshOptions = {
  phases: 3,
  lengthsM: [30, 3000],
  mixed: 'log-uniform',
  busesPerLoop: 5,
  sigmaRatio: 1,
  currentMagnitudes: false,
};

describe.each(estimators)('%s', (_, create) => {
  test.each([
    { phases: 3, sigmaRatio: 100 },
    { phases: 3, sigmaRatio: 1e4 },
    { phases: 1, sigmaRatio: 1e4 },
    { phases: 3, sigmaRatio: 10, lengthsM: [10, 300], voltageV: 400 },
    { phases: 1, sigmaRatio: 1000, lengthsM: [10, 300], voltageV: 400 },
    { phases: 3, sigmaRatio: 1, lengthsM: [0.1, 10_000], mixed: 'one or the other' },
  ] as const)('precise magnitudes of currents do not lead to another solution: %o', (options) => {
    for (let seed = 1; seed <= 40; seed += 1) {
      const { problem, truth } = randomMesh(seed, { ...country, ...options, currentMagnitudes: true });
      const result = create().estimate(problem);
      expect(result.status, `seed ${seed}`).toBe('converged');
      expect(largestError(result.voltage, truth), `seed ${seed}`).toBeLessThan(1e-6);
    }
  });

  test.each([
    [1, 'currentAngle'],
    [1, 'currentPhasor'],
    [3, 'currentAngle'],
    [3, 'currentPhasor'],
  ] as const)('phases: %i, only a %s carries the time base', (phases, kind) => {
    for (let seed = 1; seed <= 30; seed += 1) {
      const { problem, truth } = randomMesh(seed, { ...country, phases });
      const clock = (seed * 1.7) % 6.2;
      const measurements: EstimatorMeasurement[] = problem.measurements.filter((one) => one.kind !== 'voltageAngle');
      const branch = mostLoaded(problem.grid, truth);
      for (let phase = 0; phase < phases; phase += 1) {
        const [re, im] = currentInto(problem.grid, branch, phase, truth);
        const angleRad = Math.atan2(im, re) + clock;
        const common = { id: `i${phase}`, place: { at: 'from', branch: branch.index } as const, phase };
        measurements.push(
          kind === 'currentAngle'
            ? { ...common, kind, value: angleRad, sigma: 1e-5 }
            : { ...common, kind, value: Math.hypot(re, im), sigma: 1e-6, angleRad, angleSigmaRad: 1e-4 },
        );
      }
      if (phases === 3) measurements.push(...sourceBalances(problem.grid, 1e-3));
      const result = create().estimate({ ...problem, measurements });
      expect(result.status, `seed ${seed}`).toBe('converged');
      expect(largestError(result.voltage, truth), `seed ${seed}`).toBeLessThan(1e-6);
    }
  });
});

function mostLoaded(grid: CompiledGrid, truth: Float64Array): CompiledBranch {
  const least = (branch: CompiledBranch) => Math.min(...branchEndFlow(grid, branch, 'from', truth).current);
  return grid.branches.reduce((most, branch) => (least(branch) > least(most) ? branch : most));
}

/** Current into the branch at its from side, from its own admittances. */
function currentInto(
  { phases }: CompiledGrid,
  { from, to, yff, yft }: CompiledBranch,
  phase: number,
  voltage: Float64Array,
): [re: number, im: number] {
  let [re, im] = [0, 0];
  for (let column = 0; column < phases; column += 1) {
    for (const [y, bus] of [
      [yff, from],
      [yft, to],
    ] as const) {
      const [yr, yi] = y.subarray(2 * (phase * phases + column), 2 * (phase * phases + column) + 2);
      const [vr, vi] = voltage.subarray(2 * (bus * phases + column), 2 * (bus * phases + column) + 2);
      re += yr! * vr! - yi! * vi!;
      im += yr! * vi! + yi! * vr!;
    }
  }
  return [re, im];
}
