/** What every estimator has to keep to, whoever wrote it: call `describeEstimatorConformance` in a test file of yours. */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { EstimateResult, EstimationProblem, Estimator } from '../../platform/state-estimation/estimator.ts';
import { feeders, type Feeder, measure, positiveSequenceFeeders } from './random-feeder.ts';

export interface EstimatorUnderTest {
  /** Stands in the test names. */
  readonly name: string;
  /** A fresh estimator that has seen nothing. */
  readonly create: () => Estimator;
  /** How near to the truth noise-free measurements must lead, per unit (default 1e-8). */
  readonly tolerance?: number;
  /** Grids tried per property (default 25), and their seed. */
  readonly grids?: number;
  readonly seed?: number;
}

/** Deterministic errors of about one sigma. */
const noise = (index: number) => 1.3 * Math.sin(7 * index + 1);

function distance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let most = 0;
  for (let i = 0; i < a.length; i += 1) most = Math.max(most, Math.abs(a[i]! - b[i]!));
  return most;
}

/** Freezes what the estimator must not write to. */
function frozen(problem: EstimationProblem): EstimationProblem {
  for (const measurement of problem.measurements) Object.freeze(measurement);
  return Object.freeze({ ...problem, measurements: Object.freeze([...problem.measurements]) });
}

/** The feeder with its last bus and the one above known by magnitude only: the last current is anybody's guess. */
function blindAtTheEnd(feeder: Feeder): EstimationProblem | undefined {
  const problem = measure(feeder);
  const last = feeder.grid.busCount - 1;
  const above = feeder.grid.branches.find((branch) => branch.to === last)!.from;
  if (feeder.zeroInjections.includes(last) || feeder.zeroInjections.includes(above)) return undefined;
  const measurements = problem.measurements.filter((m) => {
    if (m.kind === 'sourceBalance' || m.place.at !== 'bus') return true;
    return m.place.bus !== last && (m.place.bus !== above || m.kind === 'voltageMagnitude');
  });
  return { ...problem, measurements };
}

export function describeEstimatorConformance(of: EstimatorUnderTest): void {
  const { name, create, tolerance = 1e-8 } = of;
  const runs = { seed: of.seed ?? 5, numRuns: of.grids ?? 25, endOnFailure: true };
  const forEachFeeder = (check: (feeder: Feeder) => void) =>
    fc.assert(fc.property(fc.oneof(feeders, positiveSequenceFeeders), check), runs);
  const solved = (result: EstimateResult) => {
    expect(result.status).toBe('converged');
    return result.voltage;
  };

  describe(`${name} as an estimator`, () => {
    test('its name can stand in a topic', () => {
      expect(create().name).toMatch(/^[a-z0-9]+(-[a-z0-9]+)*$/);
    });

    test('noise-free measurements give the truth back, with phasors of any time base and without', () => {
      forEachFeeder((feeder) => {
        for (const choice of [{}, { phasorTurn: 0.7 }, { phasorTurn: -2 }]) {
          expect(distance(solved(create().estimate(measure(feeder, choice))), feeder.truth)).toBeLessThan(tolerance);
        }
      });
    });

    test('the order of measurements is irrelevant', () => {
      forEachFeeder((feeder) => {
        const problem = measure(feeder, { error: noise });
        const reversed = { ...problem, measurements: problem.measurements.toReversed() };
        const [a, b] = [create().estimate(problem), create().estimate(reversed)];
        expect(distance(solved(a), solved(b))).toBeLessThan(10 * tolerance);
      });
    });

    test('what it saw before leaves no trace, and it writes to nothing that it is given', () => {
      forEachFeeder((feeder) => {
        const estimator = create();
        const problem = frozen(measure(feeder, { error: noise }));
        const first = solved(estimator.estimate(problem)).slice();
        solved(estimator.estimate(frozen(measure(feeder, { error: (i) => noise(i + 5), phasorTurn: 1 }))));
        estimator.estimate({ ...problem, measurements: [] });
        expect(distance(solved(estimator.estimate(problem)), first)).toBeLessThan(10 * tolerance);
      });
    });

    test('an infinite sigma is the same as no measurement', () => {
      forEachFeeder((feeder) => {
        const problem = measure(feeder, { error: noise, phasorTurn: 0 });
        const gone = (i: number) => i % 5 === 2 && problem.measurements[i]!.kind === 'voltageMagnitude';
        const absent = problem.measurements.map((m, i) => (gone(i) ? { ...m, sigma: Infinity } : m));
        const left = problem.measurements.filter((_, i) => !gone(i));
        const a = create().estimate({ ...problem, measurements: absent });
        const b = create().estimate({ ...problem, measurements: left });
        expect(distance(solved(a), solved(b))).toBeLessThan(10 * tolerance);
        expect(a.degreesOfFreedom).toBe(b.degreesOfFreedom);
      });
    });

    test('statistics change nothing in the estimate', () => {
      forEachFeeder((feeder) => {
        const problem = measure(feeder, { error: noise });
        const [a, b] = (['never', 'full'] as const).map((statistics) => create().estimate({ ...problem, statistics }));
        expect(distance(solved(a!), solved(b!))).toBeLessThan(10 * tolerance);
      });
    });

    test('the reference bus has angle zero', () => {
      forEachFeeder((feeder) => {
        const voltage = solved(create().estimate(measure(feeder, { error: noise, phasorTurn: 2.2 })));
        expect(Math.abs(voltage[1]!)).toBeLessThan(tolerance);
        expect(voltage[0]).toBeGreaterThan(0);
      });
    });

    test('what nobody observes is an answer with names, and so is nothing at all', () => {
      forEachFeeder((feeder) => {
        const last = feeder.grid.busCount - 1;
        const blind = blindAtTheEnd(feeder);
        // Where the end of the feeder injects nothing by rule, there is nothing to be blind for.
        const result = blind === undefined ? undefined : create().estimate(blind);
        expect([undefined, 'not-observable']).toContain(result?.status);
        expect(result?.unobservedBuses ?? [last]).toContain(last);
        const width = 2 * feeder.grid.phases;
        expect((result?.voltage.slice(width * last, width * (last + 1)) ?? []).every(Number.isNaN)).toBe(true);
        const nothing = create().estimate({ ...measure(feeder), measurements: [] });
        expect(nothing.status).toBe('no-measurements');
        expect(nothing.voltage.every(Number.isNaN)).toBe(true);
      });
    });

    test('a place outside the grid is a mistake of the caller', () => {
      forEachFeeder((feeder) => {
        const problem = measure(feeder);
        const place = { at: 'bus', bus: feeder.grid.busCount } as const;
        const stray = { id: 'stray', kind: 'voltageMagnitude', place, phase: 0, value: 1, sigma: 1 } as const;
        expect(() => create().estimate({ ...problem, measurements: [...problem.measurements, stray] })).toThrow(
          /stray/,
        );
      });
    });
  });
}
