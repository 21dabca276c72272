/** Districts of several voltages: both forms give the truth back, agree under noise, and the fast one is the rule. */
import { describe, expect, test } from 'vitest';
import type { EstimatorMeasurement } from '../../platform/state-estimation/estimator.ts';
import { createLeastSquares } from '../../platform/state-estimation/least-squares.ts';
import { createWeightedLeastSquares } from '../../platform/state-estimation/wls.ts';
import { type MeterOptions, measureDistrict, randomDistrict } from './random-district.ts';

const SEEDS = Array.from({ length: 40 }, (_, i) => i + 1);

/** Largest difference of two states, where the grid is energised. */
function difference(a: Float64Array, b: Float64Array, energised: Uint8Array): number {
  return a.reduce((most, value, i) => {
    if (energised[i >> 1] !== 1) return most;
    const apart = Math.abs(value - b[i]!);
    return Number.isNaN(apart) ? Infinity : Math.max(most, apart);
  }, 0);
}

describe.each([1, 3] as const)('random districts, phases: %i', (phases) => {
  test.each([
    ['augmented', createWeightedLeastSquares],
    ['current-form', createLeastSquares],
  ] as const)('exact measurements give the truth back, %s', (method, create) => {
    let byMethod = 0;
    for (const seed of SEEDS) {
      const district = randomDistrict(seed, phases);
      const exact: MeterOptions = { noise: 0, sigma: 1e-3, flows: 0.1, currentMagnitudes: true };
      const problem = { ...measureDistrict(district, seed, exact), statistics: 'never' as const };
      const result = create().estimate(problem);
      expect(result.status, `seed ${seed}`).toBe('converged');
      expect(result.iterations, `seed ${seed}`).toBeLessThan(16);
      const error = difference(result.voltage, district.truth, district.grid.energisedPhases);
      expect(error, `seed ${seed}`).toBeLessThan(1e-9);
      if (result.method === method) byMethod += 1;
    }
    // Small transformers beside short medium-voltage lines are no reason for the slower form.
    expect(byMethod).toBeGreaterThan(0.9 * SEEDS.length);
  });

  test.each([
    { noise: 1, sigma: 1e-3, flows: 0.15, currentMagnitudes: true },
    { noise: 1, sigma: 1e-4, flows: 0.4, currentMagnitudes: true },
    { noise: 1, sigma: 1e-4, flows: 0.5, currentMagnitudes: false },
  ])('both forms agree under noise, and the objective is that of the noise: %o', (meters) => {
    let [alarms, all] = [0, 0];
    for (const seed of SEEDS) {
      const { grid, truth } = randomDistrict(seed, phases);
      const problem = { ...measureDistrict({ grid, truth }, seed, meters), statistics: 'never' as const };
      const [ours, theirs] = [createLeastSquares().estimate(problem), createWeightedLeastSquares().estimate(problem)];
      for (const result of [ours, theirs]) {
        // Ammeters without current among them, which read less than their own error.
        expect(result.status, `seed ${seed}`).toBe('converged');
        expect(result.iterations, `seed ${seed}`).toBeLessThan(31);
      }
      expect(difference(ours.voltage, theirs.voltage, grid.energisedPhases), `seed ${seed}`).toBeLessThan(1e-7);
      expect(ours.objective / theirs.objective, `seed ${seed}`).toBeCloseTo(1, 5);
      if (theirs.objective > theirs.chiSquareLimit) alarms += 1;
      all += 1;
    }
    // At 5 % false alarms more than 9 of 40 come once in 30,000 times.
    expect(alarms / all).toBeLessThan(9.5 / 40);
  });

  test.each([
    ['augmented', createWeightedLeastSquares],
    ['the fastest form', createLeastSquares],
  ] as const)('frame after frame the answer is that of a fresh start, %s', (_, create) => {
    const meters: MeterOptions = { noise: 1, sigma: 1e-5, sigmaShare: 0.01, flows: 0.3, currentMagnitudes: true };
    for (const seed of SEEDS) {
      const district = randomDistrict(seed, phases);
      const { grid } = district;
      const warm = create();
      for (let frame = 0; frame < 6; frame += 1) {
        const problem = measureDistrict({ grid, truth: district.truthAt(frame) }, 10 * seed, meters);
        const [ours, theirs] = [warm, create()].map((one) => one.estimate({ ...problem, statistics: 'never' }));
        const place = `seed ${seed}, frame ${frame}`;
        expect(ours!.status, place).toBe('converged');
        expect(ours!.objective / theirs!.objective, place).toBeCloseTo(1, 6);
        expect(difference(ours!.voltage, theirs!.voltage, grid.energisedPhases), place).toBeLessThan(1e-7);
      }
    }
  });
});

test('how sure an angle against the reference is does not depend on how well the common clock is known', () => {
  for (const seed of SEEDS) {
    const meters: MeterOptions = { noise: 0, sigma: 1e-6, sigmaShare: 0.001, flows: 0.3, currentMagnitudes: false };
    const problem = measureDistrict(randomDistrict(seed, 1), seed, meters);
    const [rough, sharp] = [0.01, 1e-6].map((angleSigmaRad) => {
      const measurements = problem.measurements.map((one): EstimatorMeasurement =>
        one.id === 'm0' && 'value' in one && one.kind === 'voltageMagnitude'
          ? { ...one, kind: 'voltagePhasor', phase: 0, angleRad: 0.3, angleSigmaRad }
          : one,
      );
      return createWeightedLeastSquares().estimate({ ...problem, measurements }).voltageAngleSigma!;
    });
    // Where no load tells two buses apart the angle between them is known exactly, but for rounding.
    const apart = rough!.map((sigma, k) => (sharp![k]! > 5e-7 ? Math.abs(sigma / sharp![k]! - 1) : 0));
    expect(Math.max(...apart), `seed ${seed}`).toBeLessThan(2e-3);
  }
});
