/** The estimator agrees with textbook answers and with estimates that pandapower solved. */
import { describe, expect, test } from 'vitest';
import type { EstimateResult, EstimationProblem } from '../../platform/state-estimation/estimator.ts';
import { WlsSolver } from '../../platform/state-estimation/wls-solver.ts';
import { evaluate } from '../../platform/state-estimation/equations/evaluate.ts';
import { loadMeasurements } from '../../platform/state-estimation/equations/load.ts';
import { createWeightedLeastSquares } from '../../platform/state-estimation/wls.ts';
import { hasReference } from '../reference.ts';
import { pandapowerProblem, pyvoltProblem, textbookCases, textbookProblem } from './reference-cases.ts';

/** Largest distance between the estimate and expected phasors, per unit. */
function worst(result: EstimateResult, expected: readonly { vmPu: number; vaDeg: number }[]): number {
  let error = 0;
  expected.forEach(({ vmPu, vaDeg }, bus) => {
    const angle = (vaDeg * Math.PI) / 180;
    const re = result.voltage[2 * bus]! - vmPu * Math.cos(angle);
    const im = result.voltage[2 * bus + 1]! - vmPu * Math.sin(angle);
    error = Math.max(error, Math.hypot(re, im));
  });
  return error;
}

/** Sum of squared weighted residuals of a problem at a given state. */
function objectiveAt(problem: EstimationProblem, state: readonly { vmPu: number; vaDeg: number }[]): number {
  const { equations } = new WlsSolver(problem);
  const x = Float64Array.from(
    state.flatMap(({ vmPu, vaDeg }) => [
      vmPu * Math.cos((vaDeg * Math.PI) / 180),
      vmPu * Math.sin((vaDeg * Math.PI) / 180),
    ]),
  );
  loadMeasurements(equations, problem.measurements);
  evaluate(equations, x);
  let sum = 0;
  for (let row = 0; row < equations.measuredRows; row += 1) {
    sum += (equations.target[row]! - equations.value[row]!) ** 2 / equations.variance[row]!;
  }
  return sum;
}

describe.skipIf(!hasReference)('textbook cases (skipped without the reference folder)', () => {
  for (const of of hasReference ? textbookCases() : []) {
    test(`textbook ${of.name}`, () => {
      const result = createWeightedLeastSquares().estimate(textbookProblem(of));
      const { expected } = of;
      expect(result.status).toBe('converged');
      const phasors = expected.V_pu.map((vmPu, bus) => ({ vmPu, vaDeg: expected.Va_deg[bus]! }));
      expect(worst(result, phasors)).toBeLessThan(1e-8);
      expect(Math.abs(result.objective - expected.J)).toBeLessThan(1e-6 * Math.max(1, expected.J));
      expect(result.degreesOfFreedom).toBe(expected.dof);
      expect(result.chiSquareLimit).toBeCloseTo(expected.chi2_critical['0.05']!, 8);
      expected.normalized_residuals.forEach((size, i) => {
        const ours = result.normalisedResiduals![i]!;
        expect(Number.isNaN(ours) ? 0 : ours).toBeCloseTo(Number.isFinite(size) ? size : 0, 4);
      });
      expect(result.objective > result.chiSquareLimit).toBe(expected['bad_data_by_chi2_0.05']);
    });
  }
});

/**
 * What pandapower returns here is no least-squares answer to the measurements that the file lists: bus 14's injections
 * (m31, m32) stand at 4.9 and 7.2 sigma and the objective at 83, while 7.3 can be reached. Its estimates of lines with
 * an open end go through auxiliary buses; bus 14 carries one.
 */
const noLeastSquaresAnswer = new Set(['cigre_mv']);

describe.skipIf(!hasReference)('pandapower cases (skipped without the reference folder)', () => {
  for (const name of ['case33bw', 'cigre_mv', 'kerber_dorfnetz']) {
    test(`${name}: noise-free measurements return the true state`, () => {
      const { problem, truth } = pandapowerProblem(`se_${name}_exact`);
      const result = createWeightedLeastSquares().estimate(problem);
      expect(result.status).toBe('converged');
      expect(worst(result, truth)).toBeLessThan(1e-8);
    });

    const known = noLeastSquaresAnswer.has(name);
    const claim = known ? "pandapower's estimate is no least-squares answer" : "noisy give pandapower's estimate";
    test(`${name}: ${claim}`, () => {
      const { problem, estimate } = pandapowerProblem(`se_${name}_noisy`);
      const result = createWeightedLeastSquares().estimate(problem);
      expect(result.status).toBe('converged');
      expect(worst(result, estimate) < 1e-6).toBe(!known);
      expect(objectiveAt(problem, estimate) > 10 * result.objective).toBe(known);
    });

    test(`${name}: no estimate of pandapower's has a smaller objective`, () => {
      const { problem, estimate } = pandapowerProblem(`se_${name}_noisy`);
      const result = createWeightedLeastSquares().estimate(problem);
      expect(result.objective).toBeLessThan(objectiveAt(problem, estimate) + 1e-6);
    });
  }
});

describe.skipIf(!hasReference)('CIGRE MV of the SOGNO estimator (skipped without the reference folder)', () => {
  test.each([
    ['injections and one magnitude', false],
    ['injections and phasors at all nodes', true],
  ])('noise-free %s return the published voltages', (_, withPhasors) => {
    const { problem, truth } = pyvoltProblem(withPhasors);
    const result = createWeightedLeastSquares().estimate(problem);
    expect(result.status).toBe('converged');
    expect(worst(result, truth)).toBeLessThan(1e-8);
  });
});
