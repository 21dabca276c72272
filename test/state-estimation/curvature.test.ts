/** Second derivatives of every kind of measurement against differences of first ones. */
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { evaluateCurvature, layOutCurvature } from '../../platform/state-estimation/equations/curvature.ts';
import { evaluate, withoutAcross } from '../../platform/state-estimation/equations/evaluate.ts';
import { layOutEquations } from '../../platform/state-estimation/equations/layout.ts';
import { loadMeasurements } from '../../platform/state-estimation/equations/load.ts';
import type { EstimationProblem, EstimatorMeasurement } from '../../platform/state-estimation/estimator.ts';
import { feeders, measure, positiveSequenceFeeders } from './random-feeder.ts';

/** Also magnitudes, angles and powers of every phase at both ends of the first line and at its bus, and a sum. */
function everyKind(problem: EstimationProblem): EstimationProblem {
  const { phases } = problem.grid;
  const places = [{ at: 'bus', bus: 1 } as const, { at: 'from', branch: 0 } as const, { at: 'to', branch: 0 } as const];
  const kinds = ['activePower', 'reactivePower', 'currentMagnitude', 'currentAngle', 'voltageAngle'] as const;
  const more = places.flatMap((place) =>
    kinds.flatMap((kind) =>
      Array.from({ length: phases }, (_, phase): EstimatorMeasurement[] =>
        kind === 'voltageAngle' && place.at !== 'bus'
          ? []
          : [{ id: `${kind}-${place.at}-${phase}`, kind, place, phase, value: 0.3, sigma: 0.1 }],
      ).flat(),
    ),
  );
  const sum = { id: 'sum', kind: 'reactivePower', place: { at: 'bus', bus: 1 }, phase: 'sum' } as const;
  return { ...problem, measurements: [...problem.measurements, ...more, { ...sum, value: 0, sigma: 1 }] };
}

test('weighted second derivatives are how weighted first ones change', () => {
  fc.assert(
    fc.property(fc.oneof(feeders, positiveSequenceFeeders), fc.nat(1000), (feeder, turn) => {
      const problem = everyKind(measure(feeder));
      const equations = layOutEquations(problem);
      loadMeasurements(equations, problem.measurements);
      const { unknowns, rows, measuredRows, entryRow, entryColumn, jacobian, busPhaseOfState } = equations;
      const weight = Float64Array.from({ length: rows }, (_, row) => (row < measuredRows ? Math.sin(row + turn) : 0));
      const x = Float64Array.from({ length: unknowns }, (_, i) => {
        const at = 2 * (busPhaseOfState[i >> 1] ?? 0) + (i & 1);
        // Beside the truth: currents flow everywhere, and no angle stands where it jumps by a turn.
        return (feeder.truth[at] ?? 0) + 0.02 * Math.sin(3 * i + turn);
      });
      const gradient = (): Float64Array => {
        withoutAcross(equations);
        const sum = new Float64Array(unknowns);
        entryRow.forEach((row, e) => (sum[entryColumn[e]!]! += weight[row]! * jacobian[e]!));
        return sum;
      };
      evaluate(equations, x);
      const curvature = layOutCurvature(equations);
      evaluateCurvature(curvature, equations, x, weight);
      const full = Array.from({ length: unknowns }, () => new Float64Array(unknowns));
      curvature.rows.forEach((row, k) => {
        const column = curvature.columns[k]!;
        full[row]![column]! += curvature.values[k]!;
        if (row !== column) full[column]![row]! += curvature.values[k]!;
      });
      const largest = Math.max(1, ...full.map((line) => Math.max(...line.map(Math.abs))));
      for (let j = 0; j < unknowns; j += 1) {
        const at = (by: number): Float64Array => {
          evaluate(
            equations,
            x.map((value, i) => (i === j ? value + by : value)),
          );
          return gradient();
        };
        const step = 1e-6;
        const [up, down] = [at(step), at(-step)];
        full[j]!.forEach((value, i) => {
          expect(Math.abs(value - (up[i]! - down[i]!) / (2 * step)) / largest).toBeLessThan(2e-5);
        });
      }
    }),
    { seed: 5, numRuns: 12, endOnFailure: true },
  );
});
