/** The kit catches estimators that break a rule: each of these does one thing wrong, and is otherwise ours. */
import { describe, expect, test } from 'vitest';
import type {
  EstimateResult,
  EstimationProblem,
  Estimator,
  EstimatorMeasurement,
} from '../../platform/state-estimation/estimator.ts';
import { createLeastSquares } from '../../platform/state-estimation/least-squares.ts';
import { estimatorRules } from './estimator-conformance.ts';

/** Ours, with something changed in what it is told or in what it answers. */
function wrapped(
  told: (problem: EstimationProblem) => EstimationProblem,
  answers: (result: EstimateResult) => EstimateResult = (result) => result,
): () => Estimator {
  return () => {
    const ours = createLeastSquares();
    return { name: 'wrapped', estimate: (problem) => answers(ours.estimate(told(problem))) };
  };
}

function answering(change: (result: EstimateResult) => Partial<EstimateResult>): () => Estimator {
  return wrapped(
    (problem) => problem,
    (result) => ({ ...result, ...change(result) }),
  );
}

function telling(change: (m: EstimatorMeasurement) => readonly EstimatorMeasurement[]): () => Estimator {
  return wrapped((problem) => ({ ...problem, measurements: problem.measurements.flatMap(change) }));
}

const without = (...kinds: readonly EstimatorMeasurement['kind'][]) =>
  telling((m) => (kinds.includes(m.kind) ? [] : [m]));

/** As if all of its error were its own. */
function alone(m: EstimatorMeasurement): EstimatorMeasurement {
  if (!('shared' in m)) return m;
  const { shared: _, ...own } = m;
  return own;
}

const statistics = 'statistics have a number for everything, and none is negative';
const objective =
  'the objective is the sum of squared residuals over sigmas, and residuals are measured minus estimated';
const suspects = 'suspects are the normalised residuals above 3, the largest first';
const growing = 'standard deviations grow with those of the measurements';
const carried = 'standard deviations are the errors of all measurements carried through';
const flows = 'so are those of flows, injections and losses, where they are stated';
const shared = 'a cause that measurements share moves all of them, each by its sensitivity';
const weights = 'of two that contradict each other the more precise one wins by the inverse variances';
const counted =
  'every kind of measurement counts: where it stands for a power that nobody measures, the truth comes back';
const currents = 'every kind of measurement counts: a sharp current against a blurred power';

/** Which rules an estimator breaks, on fewer grids than the tests of an honest one. */
function broken(create: () => Estimator): string[] {
  return estimatorRules.flatMap(({ name, check }) => {
    try {
      check({ name: 'wrapped', create, grids: 6 });
      return [];
    } catch {
      return [name];
    }
  });
}

describe('an estimator is caught that', () => {
  test.each<readonly [what: string, create: () => Estimator, rules: readonly string[]]>([
    [
      'answers with negative standard deviations',
      answering(({ voltageMagnitudeSigma }) => ({ voltageMagnitudeSigma: voltageMagnitudeSigma?.map((s) => -s) })),
      [statistics, growing, carried],
    ],
    ['answers with an objective of -1', answering(() => ({ objective: -1 })), [statistics, objective]],
    ['doubles its objective', answering((result) => ({ objective: 2 * result.objective })), [objective]],
    [
      'answers with one normalised residual for all',
      answering(() => ({ normalisedResiduals: Float64Array.of(1) })),
      [statistics, suspects],
    ],
    ['names no suspects', answering(() => ({ suspects: [] })), [suspects]],
    [
      'turns its residuals round',
      answering(({ residuals }) => ({ residuals: residuals?.map((one) => ({ ...one, residual: -one.residual })) })),
      [objective],
    ],
    [
      'states half of its standard deviations',
      answering(({ voltageAngleSigma }) => ({ voltageAngleSigma: voltageAngleSigma?.map((s) => s / 2) })),
      [carried],
    ],
    [
      'states too large standard deviations of branch flows',
      answering(({ flowSigmas }) =>
        flowSigmas === undefined
          ? {}
          : { flowSigmas: { ...flowSigmas, branch: flowSigmas.branch.map((s) => 1.2 * s) } },
      ),
      [flows],
    ],
    ['knows of no shared causes', telling((m) => [alone(m)]), [shared]],
    [
      'takes shared causes for errors of each alone',
      telling((m) => [{ ...alone(m), sigma: Math.hypot(m.sigma, ('shared' in m && m.shared?.sensitivity) || 0) }]),
      [shared],
    ],
    ['ignores every sigma', telling((m) => [{ ...m, sigma: 1e-3 }]), [objective, growing, carried, weights]],
    ['weighs by one over sigma', telling((m) => [{ ...m, sigma: Math.sqrt(m.sigma) }]), [objective, growing, weights]],
    ['drops current magnitudes', without('currentMagnitude'), [currents]],
    ['drops voltage angles', without('voltageAngle'), [counted]],
    ['drops phasors', without('voltagePhasor', 'currentPhasor'), [statistics, counted]],
    ['drops phasors of currents', without('currentPhasor'), [statistics, counted]],
    ['knows no balanced sources', without('sourceBalance'), [counted]],
    [
      'drops what is measured at branches',
      telling((m) => (m.kind !== 'sourceBalance' && m.place.at !== 'bus' ? [] : [m])),
      [counted, currents],
    ],
    [
      'takes a sum of phases for one',
      telling((m) => ('phase' in m && m.phase === 'sum' ? [{ ...m, phase: 0 }] : [m])),
      [counted],
    ],
  ])('%s', (_, create, rules) => {
    expect(broken(create)).toEqual(expect.arrayContaining([...rules]));
  });

  test('but not an honest one', () => {
    expect(broken(() => createLeastSquares())).toEqual([]);
  });
});
