/** Measurements that only check each other: none is removed, whichever is wrong, and they are named together. */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { estimateWithoutBadData } from '../../platform/state-estimation/bad-data.ts';
import { branchEndFlow } from '../../platform/state-estimation/branch-flows.ts';
import { estimateMessage } from '../../platform/state-estimation/estimate-message.ts';
import type {
  EstimationProblem,
  Estimator,
  EstimatorMeasurement,
  ScalarMeasurement,
} from '../../platform/state-estimation/estimator.ts';
import { createLeastSquares } from '../../platform/state-estimation/least-squares.ts';
import { createSchweppeHuber } from '../../platform/state-estimation/schweppe-huber.ts';
import { createWeightedLeastSquares } from '../../platform/state-estimation/wls.ts';
import { type Feeder, feeders, loadedFeeders, measure, positiveSequenceFeeders } from './random-feeder.ts';

const some = { seed: 8, numRuns: 25, endOnFailure: true };
const forms: readonly (readonly [name: string, create: () => Estimator])[] = [
  ['least squares by structure', () => createLeastSquares()],
  ['the general form', () => createWeightedLeastSquares()],
  ['Schweppe-Huber', () => createSchweppeHuber(createLeastSquares())],
];

function isScalar(m: EstimatorMeasurement): m is ScalarMeasurement {
  return m.kind !== 'sourceBalance' && !('angleRad' in m);
}

/** Without redundancy: |V| at the source, P and Q wherever something is injected. */
function bare(feeder: Feeder): EstimationProblem {
  const problem = measure(feeder);
  const measurements = problem.measurements.filter(
    (m) => !isScalar(m) || m.kind !== 'voltageMagnitude' || (m.place.at === 'bus' && m.place.bus === 0),
  );
  return { ...problem, measurements };
}

const last = (feeder: Feeder) => `activePower-${feeder.grid.busCount - 1}-0`;

/** Further measurements of the same power, `errors` sigmas (their own, twice as large) off. */
function alsoMeasured(problem: EstimationProblem, id: string, errors: readonly number[]): EstimationProblem {
  const again = problem.measurements.flatMap((m) =>
    isScalar(m) && m.id === id
      ? errors.map((error, i) => ({
          ...m,
          id: `again-${i}`,
          sigma: 2 * m.sigma,
          value: m.value + 2 * error * m.sigma,
        }))
      : [],
  );
  return { ...problem, measurements: [...problem.measurements, ...again] };
}

function shift(problem: EstimationProblem, id: string, sigmas: number): EstimationProblem {
  const measurements = problem.measurements.map((m) =>
    isScalar(m) && m.id === id ? { ...m, value: m.value + sigmas * m.sigma } : m,
  );
  return { ...problem, measurements };
}

describe.each(forms)('%s', (_, create) => {
  const any = fc.oneof(feeders, positiveSequenceFeeders);

  test('of two that only check each other none is removed', () => {
    fc.assert(
      fc.property(any, fc.boolean(), (feeder, first) => {
        const id = last(feeder);
        const pair = shift(alsoMeasured(bare(feeder), id, [first ? 0 : 20]), id, first ? 20 : 0);
        const { removed, undecided, consistent, result } = estimateWithoutBadData(create(), pair);
        expect(removed).toEqual([]);
        expect(undecided.map((names) => names.toSorted())).toEqual([[id, 'again-0']]);
        expect(consistent).toBe(false);
        const named = result.suspects.map(({ measurement, indistinguishableFrom }) => [
          measurement,
          indistinguishableFrom,
        ]);
        const both = [
          [id, ['again-0']],
          ['again-0', [id]],
        ];
        expect(named).toHaveLength(2);
        expect(named).toEqual(expect.arrayContaining(both));
        // The estimate alone says so too.
        expect(create().estimate({ ...pair, statistics: 'always' }).suspects).toEqual(result.suspects);
      }),
      some,
    );
  });

  test('with a third of the same, the one that is wrong goes', () => {
    fc.assert(
      fc.property(any, (feeder) => {
        const three = alsoMeasured(bare(feeder), last(feeder), [30, 0.1]);
        const { removed, undecided, consistent } = estimateWithoutBadData(create(), three);
        expect(removed.map(({ measurement }) => measurement)).toEqual(['again-0']);
        expect(undecided).toEqual([]);
        expect(consistent).toBe(true);
      }),
      some,
    );
  });
});

test('one redundant value makes all that it checks suspects together: a critical tuple', () => {
  fc.assert(
    fc.property(loadedFeeders, fc.nat(1000), (feeder, pick) => {
      const problem = bare(feeder);
      // What flows into the first line of the feeder is the sum of all powers beyond it, and losses.
      const [first] = feeder.grid.branches;
      const beyond = new Set([first!.to]);
      for (const { from, to } of feeder.grid.branches) if (beyond.has(from)) beyond.add(to);
      const ids = problem.measurements.flatMap((m) =>
        isScalar(m) && m.kind === 'activePower' && m.phase === 0 && m.place.at === 'bus' && beyond.has(m.place.bus)
          ? [m.id]
          : [],
      );
      const flow = branchEndFlow(feeder.grid, first!, 'from', feeder.truth).activePower[0]!;
      const place = { at: 'from', branch: 0 } as const;
      const sum = { id: 'sum', kind: 'activePower', place, phase: 0, value: flow, sigma: 1e-4 } as const;
      const wrong = [...ids, 'sum'][pick % (ids.length + 1)]!;
      const measured = shift({ ...problem, measurements: [...problem.measurements, sum] }, wrong, 40);
      const { removed, undecided } = estimateWithoutBadData(createLeastSquares(), measured);
      expect(removed).toEqual([]);
      expect(undecided).toHaveLength(1);
      expect(undecided[0]).toEqual(expect.arrayContaining([...ids, 'sum']));
    }),
    some,
  );
});

test('beside a pair that is undecided, what is wrong and checked goes', () => {
  fc.assert(
    fc.property(loadedFeeders, (feeder) => {
      fc.pre(feeder.grid.busCount > 3);
      const pair = alsoMeasured(bare(feeder), last(feeder), [40]);
      const head = pair.measurements.filter((m) => isScalar(m) && m.kind === 'voltageMagnitude');
      const again = head.flatMap((m) => [0, 1, 2].map((i) => ({ ...m, id: `${m.id}-${i}` }) as ScalarMeasurement));
      const wrong = 'voltageMagnitude-0-0-1';
      const problem = shift({ ...pair, measurements: [...pair.measurements, ...again] }, wrong, 15);
      const { removed, undecided, consistent } = estimateWithoutBadData(createLeastSquares(), problem);
      expect(removed.map(({ measurement }) => measurement)).toEqual([wrong]);
      expect(undecided.map((names) => names.toSorted())).toEqual([[last(feeder), 'again-0']]);
      expect(consistent).toBe(false);
    }),
    some,
  );
});

test('two that share a cause of errors are kept as well', () => {
  fc.assert(
    fc.property(feeders, (feeder) => {
      const id = last(feeder);
      const pair = alsoMeasured(bare(feeder), id, [30]);
      const measurements = pair.measurements.map((m): EstimatorMeasurement => {
        if (!isScalar(m) || (m.id !== id && m.id !== 'again-0')) return m;
        return { ...m, shared: { cause: 'cloud', sensitivity: m.sigma } };
      });
      const { removed, undecided, result } = estimateWithoutBadData(createLeastSquares(), { ...pair, measurements });
      expect(removed).toEqual([]);
      expect(undecided.map((names) => names.toSorted())).toEqual([[id, 'again-0']]);
      expect(result.suspects.map(({ indistinguishableFrom }) => indistinguishableFrom?.length)).toEqual([1, 1]);
    }),
    some,
  );
});

test('of two phasors the angles that contradict each other are named', () => {
  const feeder = fc.sample(feeders, { seed: 4, numRuns: 8 }).find(({ grid }) => grid.busCount > 5)!;
  const phasor = (id: string, angleRad: number): EstimatorMeasurement => ({
    id,
    angleId: `${id}-angle`,
    kind: 'voltagePhasor',
    place: { at: 'bus', bus: 0 },
    phase: 0,
    value: 1.02,
    sigma: 1e-3,
    angleRad,
    angleSigmaRad: 1e-3,
  });
  const problem = bare(feeder);
  const measurements = [...problem.measurements, phasor('one', 0), phasor('two', 0.05)];
  const { removed, undecided } = estimateWithoutBadData(createLeastSquares(), { ...problem, measurements });
  expect(removed).toEqual([]);
  expect(undecided).toEqual([['one-angle', 'two-angle']]);
});

test('the message on the databus names them together', () => {
  const feeder = fc.sample(feeders, { seed: 4, numRuns: 1 })[0]!;
  const pair = alsoMeasured(bare(feeder), last(feeder), [30]);
  const result = createLeastSquares().estimate(pair);
  const message = estimateMessage(pair, result, { estimator: 'wls', timeUs: 0, fromUs: 0, inventory: [] });
  expect(message.suspects!.map(({ indistinguishableFrom }) => indistinguishableFrom)).toEqual(
    result.suspects.map(({ measurement }) => [measurement === 'again-0' ? last(feeder) : 'again-0']),
  );
});
