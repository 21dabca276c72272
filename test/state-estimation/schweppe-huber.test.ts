/** The robust estimator: like least squares where all is well, and hardly moved by gross errors. */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { EstimationProblem, EstimatorMeasurement } from '../../platform/state-estimation/estimator.ts';
import { createSchweppeHuber } from '../../platform/state-estimation/schweppe-huber.ts';
import { createWeightedLeastSquares } from '../../platform/state-estimation/wls.ts';
import { feeders, measure } from './random-feeder.ts';

const runs = { seed: 21, numRuns: 40, endOnFailure: true };

function distance(a: Float64Array, b: Float64Array): number {
  return a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0);
}

function spoil(problem: EstimationProblem, picks: readonly number[]): EstimationProblem {
  const magnitudes = problem.measurements.filter((m) => m.kind === 'voltageMagnitude');
  const bad = new Set(picks.map((pick) => magnitudes[pick % magnitudes.length]!));
  const measurements = problem.measurements.map((m): EstimatorMeasurement =>
    bad.has(m as never) && m.kind === 'voltageMagnitude' ? { ...m, value: m.value + 0.05 } : m,
  );
  return { ...problem, measurements };
}

const robust = () => createSchweppeHuber(createWeightedLeastSquares());

describe('Schweppe-Huber', () => {
  test('small errors leave the least-squares estimate as it is', () => {
    fc.assert(
      fc.property(feeders, (feeder) => {
        const problem = measure(feeder, { phasorTurn: 0, error: (i) => 0.5 * Math.sin(7 * i + 1) });
        const plain = createWeightedLeastSquares().estimate(problem);
        fc.pre(plain.suspects.length === 0 && !plain.normalisedResiduals!.some((size) => size > 2));
        const result = robust().estimate(problem);
        expect(distance(result.voltage, plain.voltage)).toBeLessThan(1e-9);
        expect(result.objective).toBeCloseTo(plain.objective, 6);
      }),
      runs,
    );
  });

  test('two gross errors move it less than they move least squares, and stand first among its suspects', () => {
    let better = 0;
    let all = 0;
    fc.assert(
      fc.property(feeders, fc.nat(1000), fc.nat(1000), (feeder, a, b) => {
        fc.pre(feeder.grid.busCount >= 6);
        const problem = spoil(measure(feeder, { phasorTurn: 0 }), [a, b]);
        const plain = createWeightedLeastSquares().estimate(problem);
        const result = robust().estimate(problem);
        expect(result.status).toBe('converged');
        all += 1;
        if (distance(result.voltage, feeder.truth) < 0.5 * distance(plain.voltage, feeder.truth)) better += 1;
        expect(result.suspects[0]!.measurement).toMatch(/^voltageMagnitude/);
        const spoilt = problem.measurements.filter(
          (m) => 'value' in m && m.kind === 'voltageMagnitude' && m.value > 1.04,
        );
        expect(spoilt.map(({ id }) => id)).toContain(result.suspects[0]!.measurement);
      }),
      runs,
    );
    // Two errors that agree with one another may win, but seldom.
    expect(better / all).toBeGreaterThan(0.9);
  });
});
