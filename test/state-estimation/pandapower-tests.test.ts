/** pandapower's own estimation tests give the estimates that pandapower recorded. */
import { describe, expect, test } from 'vitest';
import { estimateWithoutBadData } from '../../platform/state-estimation/bad-data.ts';
import type { EstimateResult, EstimationProblem } from '../../platform/state-estimation/estimator.ts';
import { createWeightedLeastSquares } from '../../platform/state-estimation/wls.ts';
import { hasReference } from '../reference.ts';
import { recordedCalls, recordedProblem, recordedTests, type RecordedCall } from './pandapower-tests.ts';

/** Tests that recorded no voltages, and why; each has a test of its own below. */
const withoutVoltages: Readonly<Record<string, string>> = {
  'test_wls_estimation.test_net_unobserved_island': 'pandapower gives up where a bus is unobserved',
};

function expectVoltages({ grid, referenceBus }: EstimationProblem, call: RecordedCall, result: EstimateResult): number {
  const rows = (call.res_bus_est ?? []).flatMap(({ index, vm_pu, va_degree }) =>
    vm_pu === null || va_degree === null ? [] : [{ bus: grid.busIndex.get(String(index))!, vm_pu, va_degree }],
  );
  const atReference = rows.find(({ bus }) => bus === referenceBus)?.va_degree ?? 0;
  for (const { bus, vm_pu, va_degree } of rows) {
    const [re, im] = [result.voltage[2 * bus]!, result.voltage[2 * bus + 1]!];
    expect(Math.abs(Math.hypot(re, im) - vm_pu)).toBeLessThan(1e-6);
    const off = (Math.atan2(im, re) * 180) / Math.PI + atReference - va_degree;
    expect(Math.abs(off - 360 * Math.round(off / 360))).toBeLessThan(1e-5);
  }
  return rows.length;
}

describe.skipIf(!hasReference)("pandapower's tests (skipped without the reference folder)", () => {
  for (const name of hasReference ? recordedTests() : []) {
    recordedCalls(name).forEach((call, i) => {
      const reason = withoutVoltages[name];
      if (reason !== undefined) return;
      test(`${name}, call ${i + 1}: ${call.call}`, () => {
        const problem = recordedProblem(call, name);
        const estimator = createWeightedLeastSquares();
        const cleans = call.call === 'remove_bad_data';
        const { result, removed } = cleans
          ? estimateWithoutBadData(estimator, problem)
          : { result: estimator.estimate(problem), removed: [] };
        expect(result.status).toBe('converged');
        expect(expectVoltages(problem, call, result)).toBeGreaterThan(1);
        const left = problem.measurements
          .map(({ id }) => id)
          .filter((id) => !removed.some((r) => r.measurement === id));
        // Measurements that fused busbars share go by both names here.
        expect(left.flatMap((id) => id.split(' + ')).sort()).toEqual(call.measurements_left.map(String).sort());
        const disagree = result.objective > result.chiSquareLimit;
        expect(disagree).toBe(call.call === 'chi2_analysis' ? call.returned : disagree);
      });
    });
  }

  test('test_net_unobserved_island: pandapower gives up, here the bus that is unobserved is named and the rest estimated', () => {
    const name = 'test_wls_estimation.test_net_unobserved_island';
    const [call] = recordedCalls(name);
    expect(call!.returned).toMatchObject({ success: false });
    const result = createWeightedLeastSquares().estimate(recordedProblem(call!, name));
    expect(result).toMatchObject({ status: 'not-observable', unobservedBuses: [2] });
    expect(result.voltage.slice(0, 4)).not.toContain(Number.NaN);
  });
});
