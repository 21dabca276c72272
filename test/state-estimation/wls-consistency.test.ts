/** With errors drawn from the stated sigmas, objective, false alarms and stated uncertainty are what statistics promises. */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { chiSquareQuantile } from '../../numerics/chi-square.ts';
import { randomStream } from '../../numerics/random.ts';
import type { EstimationProblem, EstimatorMeasurement } from '../../platform/state-estimation/estimator.ts';
import { createWeightedLeastSquares } from '../../platform/state-estimation/wls.ts';
import { feeders, measure } from './random-feeder.ts';

const DRAWS = 400;

/** Adds an error of one stated sigma times a normal draw to every value. */
function disturb(problem: EstimationProblem, normal: () => number): EstimationProblem {
  return {
    ...problem,
    measurements: problem.measurements.map((m) => {
      // True without an error here, and stated so.
      if (m.kind === 'sourceBalance') return { ...m, sigma: 1e-7 };
      const value = m.value + m.sigma * normal();
      if (m.kind !== 'voltagePhasor' && m.kind !== 'currentPhasor') return { ...m, value };
      return { ...m, value, angleRad: m.angleRad + m.angleSigmaRad * normal() };
    }),
  };
}

describe('consistency over matched Gaussian errors', () => {
  test('objective, false alarms, magnitude and angle bands lie inside their 99.9 % limits', () => {
    const feeder = fc.sample(feeders, { seed: 5, numRuns: 3 }).at(-1)!;
    const { normal } = randomStream('consistency-1', ['test']);
    const estimator = createWeightedLeastSquares();
    // The truth fulfils the source's balance exactly, so those four rows add no error of their own.
    const whole = measure(feeder, { phasorTurn: 0 });
    // The angle of a current that is lost in its noise counts as less certain than it is; leave those out.
    const lost = (m: EstimatorMeasurement) => m.kind === 'currentPhasor' && m.value < 10 * m.sigma;
    const exact = { ...whole, measurements: whole.measurements.filter((m) => !lost(m)) };
    const balanceRows = 4;
    let objective = 0;
    let degrees = 0;
    let alarms = 0;
    const inside = { magnitude: 0, angle: 0 };
    let checked = 0;
    // Phase B of the last bus: its magnitude and angle are both mixtures of real and imaginary part.
    const far = 3 * (feeder.grid.busCount - 1) + 1;
    const errors = { magnitude: 0, angle: 0 };
    const stated = { magnitude: 0, angle: 0 };
    for (let draw = 0; draw < DRAWS; draw += 1) {
      const result = estimator.estimate(disturb(exact, normal));
      expect(result.status).toBe('converged');
      objective += result.objective;
      degrees = result.degreesOfFreedom;
      if (result.objective > result.chiSquareLimit) alarms += 1;
      const errorAt = (at: number) => {
        const [re, im] = [result.voltage[2 * at]!, result.voltage[2 * at + 1]!];
        const [tr, ti] = [feeder.truth[2 * at]!, feeder.truth[2 * at + 1]!];
        return {
          magnitude: Math.hypot(re, im) - Math.hypot(tr, ti),
          angle: Math.atan2(im * tr - re * ti, re * tr + im * ti),
        };
      };
      errors.magnitude += errorAt(far).magnitude ** 2;
      errors.angle += errorAt(far).angle ** 2;
      stated.magnitude += result.voltageMagnitudeSigma![far]! ** 2;
      stated.angle += result.voltageAngleSigma![far]! ** 2;
      // One bus-phase a draw keeps the checks independent.
      const k = 3 + (draw % (3 * (feeder.grid.busCount - 1)));
      const { magnitude, angle } = errorAt(k);
      if (Math.abs(magnitude) <= 2 * result.voltageMagnitudeSigma![k]!) inside.magnitude += 1;
      if (Math.abs(angle) <= 2 * result.voltageAngleSigma![k]!) inside.angle += 1;
      checked += 1;
    }
    // Sum of DRAWS objectives: chi-square with DRAWS times the degrees of freedom, up to the silent balance rows.
    expect(objective).toBeLessThan(chiSquareQuantile(0.9995, DRAWS * degrees));
    expect(objective).toBeGreaterThan(chiSquareQuantile(0.0005, DRAWS * (degrees - balanceRows)));
    const band = (share: number) => 3.3 * Math.sqrt((share * (1 - share)) / DRAWS);
    expect(alarms / DRAWS).toBeLessThan(0.05 + band(0.05));
    expect(alarms / DRAWS).toBeGreaterThan(0.05 - band(0.05) - 0.03);
    // The mean square of DRAWS normal errors over their variance is chi-square distributed over DRAWS.
    for (const ratio of [errors.magnitude / stated.magnitude, errors.angle / stated.angle]) {
      expect(ratio).toBeLessThan(chiSquareQuantile(0.9995, DRAWS) / DRAWS);
      expect(ratio).toBeGreaterThan(chiSquareQuantile(0.0005, DRAWS) / DRAWS);
    }
    for (const count of [inside.magnitude, inside.angle]) {
      expect(Math.abs(count / checked - 0.9545)).toBeLessThan(band(0.9545) + 0.005);
    }
  });
});
