/** What floats is named before solving, and the proposed measurements, no more than are missing, make it observable. */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compileGrid } from '../../grids/compile.ts';
import { generateFeederGrid } from '../../grids/generate/feeders.ts';
import type { CompiledGrid } from '../../grids/model.ts';
import type { EstimationProblem, EstimatorMeasurement, ScalarKind } from '../../platform/state-estimation/estimator.ts';
import { analyseObservability } from '../../platform/state-estimation/observability.ts';
import { sourceBalances } from '../../platform/state-estimation/source-balance.ts';
import { createWeightedLeastSquares } from '../../platform/state-estimation/wls.ts';
import { zeroInjectionBuses } from '../../platform/state-estimation/zero-injections.ts';
import { compile, documentOf, randomGrid } from '../physics/random-grid.ts';
import { feeders, measure, positiveSequenceFeeders } from './random-feeder.ts';

const runs = { seed: 8, numRuns: 60, endOnFailure: true };

const KINDS: readonly ScalarKind[] = ['activePower', 'reactivePower', 'voltageMagnitude'];

/** Some measurements of a problem, chosen by index. */
function thinned(problem: EstimationProblem, keep: (index: number) => boolean): EstimationProblem {
  return { ...problem, measurements: problem.measurements.filter((m, i) => m.kind === 'sourceBalance' || keep(i)) };
}

/** Magnitudes everywhere, powers where something may be injected, and balanced sources; values do not matter. */
function measurable(grid: CompiledGrid): EstimationProblem {
  const zeroInjections = zeroInjectionBuses(grid);
  const measurements = Array.from(grid.energisedPhases, (live, k) => {
    const bus = Math.floor(k / grid.phases);
    const kinds = live === 0 ? [] : zeroInjections.includes(bus) ? KINDS.slice(2) : KINDS;
    return kinds.map((kind) => valueAt(kind, bus, k % grid.phases));
  }).flat();
  return {
    grid,
    measurements: [...measurements, ...sourceBalances(grid, 1e-3)],
    zeroInjections,
    referenceBus: grid.sources[0]!.bus,
    statistics: 'never',
  };
}

function missingWith(problem: EstimationProblem, added: readonly EstimatorMeasurement[]): number {
  return analyseObservability({ ...problem, measurements: [...problem.measurements, ...added] }).missing;
}

/** All subsets of one size. */
function subsets<T>(all: readonly T[], size: number): T[][] {
  if (size === 0) return [[]];
  return all.flatMap((one, i) => subsets(all.slice(i + 1), size - 1).map((rest) => [one, ...rest]));
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

  describe.each([
    ['three-phase feeders', feeders.map((feeder) => measure(feeder))],
    ['feeders in positive sequence', positiveSequenceFeeders.map((feeder) => measure(feeder))],
    ['villages with loops, windings and laterals', randomGrid.map((random) => measurable(compile(documentOf(random))))],
  ])('%s', (_, problems) => {
    test('with the proposed measurements added nothing is missing, and with any one less something is', () => {
      fc.assert(
        fc.property(problems, fc.integer({ min: 2, max: 7 }), fc.nat(1000), (problem, divisor, pick) => {
          const few = thinned(problem, (i) => i % divisor === 0);
          const { observable, missing, proposals } = analyseObservability(few);
          fc.pre(!observable);
          expect(proposals).toHaveLength(missing);
          const added = proposals.map(({ kind, bus, phase }) => valueAt(kind, bus, phase));
          expect(missingWith(few, added)).toBe(0);
          expect(missingWith(few, added.toSpliced(pick % missing, 1))).toBe(1);
        }),
        { ...runs, numRuns: 200 },
      );
    });
  });

  test('no smaller set of values at buses would do: all are tried', () => {
    fc.assert(
      fc.property(
        positiveSequenceFeeders.filter(({ grid }) => grid.busCount <= 6),
        fc.array(fc.nat(20), { minLength: 2, maxLength: 6 }),
        (feeder, dropped) => {
          const problem = thinned(measure(feeder), (i) => i % 3 === 0 && !dropped.includes(i));
          const { missing, proposals } = analyseObservability(problem);
          fc.pre(missing > 0 && missing <= 4);
          expect(proposals).toHaveLength(missing);
          const candidates = Array.from({ length: feeder.grid.busCount }, (_, bus) =>
            (feeder.zeroInjections.includes(bus) ? KINDS.slice(2) : KINDS).map((kind) => valueAt(kind, bus, 0)),
          ).flat();
          for (const few of subsets(candidates, missing - 1)) expect(missingWith(problem, few)).toBeGreaterThan(0);
        },
      ),
      { ...runs, numRuns: 25 },
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
