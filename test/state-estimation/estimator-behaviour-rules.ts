/** How an estimator behaves, whatever numbers it gives: truth from exact measurements, no memory, honest failure. */
import { expect } from 'vitest';
import type { EstimationProblem } from '../../platform/state-estimation/estimator.ts';
import { distance, noise, rule, solved, type EstimatorRule } from './estimator-rule.ts';
import { measure, type Feeder } from './random-feeder.ts';

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

export const behaviourRules: readonly EstimatorRule[] = [
  rule('its name can stand in a topic', ({ create }) => {
    expect(create().name).toMatch(/^[a-z0-9]+(-[a-z0-9]+)*$/);
  }),
  rule(
    'noise-free measurements give the truth back, with phasors of any time base and without',
    ({ feeder, create, tolerance }) => {
      for (const choice of [{}, { phasorTurn: 0.7 }, { phasorTurn: -2 }]) {
        expect(distance(solved(create().estimate(measure(feeder, choice))), feeder.truth)).toBeLessThan(tolerance);
      }
    },
  ),
  rule('the order of measurements is irrelevant', ({ feeder, create, tolerance }) => {
    const problem = measure(feeder, { error: noise });
    const reversed = { ...problem, measurements: problem.measurements.toReversed() };
    const [a, b] = [create().estimate(problem), create().estimate(reversed)];
    expect(distance(solved(a), solved(b))).toBeLessThan(10 * tolerance);
  }),
  rule(
    'what it saw before leaves no trace, and it writes to nothing that it is given',
    ({ feeder, create, tolerance }) => {
      const estimator = create();
      const problem = frozen(measure(feeder, { error: noise }));
      const first = solved(estimator.estimate(problem)).slice();
      solved(estimator.estimate(frozen(measure(feeder, { error: (i) => noise(i + 5), phasorTurn: 1 }))));
      estimator.estimate({ ...problem, measurements: [] });
      expect(distance(solved(estimator.estimate(problem)), first)).toBeLessThan(10 * tolerance);
    },
  ),
  rule('an infinite sigma is the same as no measurement', ({ feeder, create, tolerance }) => {
    const problem = measure(feeder, { error: noise, phasorTurn: 0 });
    const gone = (i: number) => i % 5 === 2 && problem.measurements[i]!.kind === 'voltageMagnitude';
    const absent = problem.measurements.map((m, i) => (gone(i) ? { ...m, sigma: Infinity } : m));
    const left = problem.measurements.filter((_, i) => !gone(i));
    const a = create().estimate({ ...problem, measurements: absent });
    const b = create().estimate({ ...problem, measurements: left });
    expect(distance(solved(a), solved(b))).toBeLessThan(10 * tolerance);
    expect(a.degreesOfFreedom).toBe(b.degreesOfFreedom);
  }),
  rule('statistics change nothing in the estimate', ({ feeder, create, tolerance }) => {
    const problem = measure(feeder, { error: noise });
    const [a, b] = (['never', 'full'] as const).map((statistics) => create().estimate({ ...problem, statistics }));
    expect(distance(solved(a!), solved(b!))).toBeLessThan(10 * tolerance);
  }),
  rule('the reference bus has angle zero', ({ feeder, create, tolerance }) => {
    const voltage = solved(create().estimate(measure(feeder, { error: noise, phasorTurn: 2.2 })));
    expect(Math.abs(voltage[1]!)).toBeLessThan(tolerance);
    expect(voltage[0]).toBeGreaterThan(0);
  }),
  rule('what nobody observes is an answer with names, and so is nothing at all', ({ feeder, create }) => {
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
  }),
  rule('a place outside the grid is a mistake of the caller', ({ feeder, create }) => {
    const problem = measure(feeder);
    const place = { at: 'bus', bus: feeder.grid.busCount } as const;
    const stray = { id: 'stray', kind: 'voltageMagnitude', place, phase: 0, value: 1, sigma: 1 } as const;
    expect(() => create().estimate({ ...problem, measurements: [...problem.measurements, stray] })).toThrow(/stray/);
  }),
];
