/** What floats is named before solving, and the proposed measurements, no more than are missing, make it observable. */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compileGrid } from '../../grids/compile.ts';
import { generateFeederGrid } from '../../grids/generate/feeders.ts';
import type { EstimationProblem, EstimatorMeasurement, ScalarKind } from '../../platform/state-estimation/estimator.ts';
import { analyseObservability } from '../../platform/state-estimation/observability.ts';
import { createWeightedLeastSquares } from '../../platform/state-estimation/wls.ts';
import { feeders, measure, type Feeder } from './random-feeder.ts';

const runs = { seed: 8, numRuns: 60, endOnFailure: true };

/** Some measurements of a feeder, chosen by index. */
function thinned(feeder: Feeder, keep: (index: number) => boolean): EstimationProblem {
  const problem = measure(feeder);
  return { ...problem, measurements: problem.measurements.filter((m, i) => m.kind === 'sourceBalance' || keep(i)) };
}

function valueAt(kind: ScalarKind, bus: number, phase: number): EstimatorMeasurement {
  const id = `${kind} ${bus} ${phase}`;
  return { id, kind, place: { at: 'bus', bus }, phase, value: kind === 'voltageMagnitude' ? 1 : 0, sigma: 0.01 };
}

describe('observability', () => {
  test('a fully measured grid is observable and one island', () => {
    fc.assert(
      fc.property(feeders, (feeder) => {
        const found = analyseObservability(measure(feeder));
        expect(found).toMatchObject({ observable: true, missing: 0, unobservedBuses: [], proposals: [] });
        expect(found.islands).toHaveLength(1);
      }),
      runs,
    );
  });

  test('with the proposed measurements added nothing is missing, and with any one less something is', () => {
    fc.assert(
      fc.property(feeders, fc.integer({ min: 2, max: 7 }), (feeder, divisor) => {
        const problem = thinned(feeder, (i) => i % divisor === 0);
        const found = analyseObservability(problem);
        fc.pre(!found.observable);
        expect(found.proposals.length).toBeGreaterThanOrEqual(found.missing);
        const added = found.proposals.map(({ kind, bus, phase }) => valueAt(kind, bus, phase));
        const withAll = { ...problem, measurements: [...problem.measurements, ...added] };
        expect(analyseObservability(withAll).missing).toBe(0);
        // Lines of 0.5 m beside lines of 400 m may ask for one or two too many; what is missing stays the lower bound.
        const excess = found.proposals.length - found.missing;
        expect(excess).toBeLessThanOrEqual(2);
        if (excess > 0) return;
        const withLess = { ...problem, measurements: [...problem.measurements, ...added.slice(1)] };
        expect(analyseObservability(withLess).missing).toBe(1);
      }),
      runs,
    );
  });

  test('where hundreds of values are missing all of them are proposed, and no more', () => {
    const grid = compileGrid(generateFeederGrid({ buses: 400, representation: 'positive-sequence' }));
    const volts = Array.from({ length: 400 }, (_, bus) => valueAt('voltageMagnitude', bus, 0));
    const powers = volts.flatMap((_, bus) =>
      bus % 2 === 0 && bus > 0 ? [valueAt('activePower', bus, 0), valueAt('reactivePower', bus, 0)] : [],
    );
    for (const measurements of [[], volts, powers]) {
      const problem = { grid, measurements, zeroInjections: [], referenceBus: 0, statistics: 'never' as const };
      const { missing, proposals } = analyseObservability(problem);
      expect(missing).toBe(799 - measurements.length);
      expect(proposals).toHaveLength(missing);
      const added = proposals.map(({ kind, bus, phase }) => valueAt(kind, bus, phase));
      expect(analyseObservability({ ...problem, measurements: [...measurements, ...added] }).missing).toBe(0);
    }
  });

  test('what the estimate leaves open was named before', () => {
    fc.assert(
      fc.property(feeders, (feeder) => {
        const last = feeder.grid.busCount - 1;
        fc.pre(!feeder.zeroInjections.includes(last));
        const problem = measure(feeder);
        const above = feeder.grid.branches.find((branch) => branch.to === last)!.from;
        fc.pre(!feeder.zeroInjections.includes(above));
        const measurements = problem.measurements.filter((m) => {
          if (m.kind === 'sourceBalance' || m.place.at !== 'bus') return true;
          return m.place.bus !== last && (m.place.bus !== above || m.kind === 'voltageMagnitude');
        });
        const found = analyseObservability({ ...problem, measurements });
        const result = createWeightedLeastSquares().estimate({ ...problem, measurements });
        expect(found.unobservedBuses).toEqual(result.unobservedBuses);
        expect(found.unobservedBuses).toContain(last);
        expect(found.islands.some((island) => island.includes(0) && !island.includes(last))).toBe(true);
      }),
      runs,
    );
  });
});
