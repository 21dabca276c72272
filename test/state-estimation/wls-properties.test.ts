/** What must hold of weighted least squares on every three-phase radial grid. */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { branchEndFlow, busInjections, gridLosses } from '../../platform/state-estimation/branch-flows.ts';
import type { EstimateResult, EstimatorMeasurement } from '../../platform/state-estimation/estimator.ts';
import { createWeightedLeastSquares } from '../../platform/state-estimation/wls.ts';
import { feeders, loadedFeeders, measure, positiveSequenceFeeders } from './random-feeder.ts';

const runs = { seed: 3, numRuns: 60, endOnFailure: true };

function distance(a: Float64Array, b: Float64Array): number {
  return a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0);
}

function solved(result: EstimateResult): Float64Array {
  expect(result.status).toBe('converged');
  return result.voltage;
}

/** Deterministic errors of about one sigma. */
const noise = (index: number) => 1.3 * Math.sin(7 * index + 1);

describe('weighted least squares on random three-phase feeders', () => {
  test('noise-free measurements without phasors return the truth', () => {
    fc.assert(
      fc.property(feeders, (feeder) => {
        const voltage = solved(createWeightedLeastSquares().estimate(measure(feeder)));
        expect(distance(voltage, feeder.truth)).toBeLessThan(1e-8);
      }),
      runs,
    );
  });

  test('noise-free measurements with phasors return the truth whatever the time base', () => {
    fc.assert(
      fc.property(feeders, fc.double({ min: -3, max: 3, noNaN: true }), (feeder, phasorTurn) => {
        const voltage = solved(createWeightedLeastSquares().estimate(measure(feeder, { phasorTurn })));
        expect(distance(voltage, feeder.truth)).toBeLessThan(1e-8);
      }),
      runs,
    );
  });

  test('turning all angles turns nothing in the answer, and leaves the objective', () => {
    fc.assert(
      fc.property(feeders, fc.double({ min: -3, max: 3, noNaN: true }), (feeder, phasorTurn) => {
        const plain = createWeightedLeastSquares().estimate(measure(feeder, { phasorTurn: 0, error: noise }));
        const turned = createWeightedLeastSquares().estimate(measure(feeder, { phasorTurn, error: noise }));
        expect(distance(solved(plain), solved(turned))).toBeLessThan(1e-8);
        expect(turned.objective).toBeCloseTo(plain.objective, 5);
      }),
      runs,
    );
  });

  test('scaling all sigmas leaves the estimate and scales its uncertainty', () => {
    fc.assert(
      fc.property(feeders, fc.constantFrom(1e-3, 0.1, 30), (feeder, sigmaScale) => {
        const plain = createWeightedLeastSquares().estimate(measure(feeder, { error: noise }));
        const scaled = createWeightedLeastSquares().estimate(measure(feeder, { error: noise, sigmaScale }));
        expect(distance(solved(plain), solved(scaled))).toBeLessThan(1e-8);
        const ratio = scaled.voltageMagnitudeSigma![0]! / plain.voltageMagnitudeSigma![0]!;
        expect(ratio / sigmaScale).toBeCloseTo(1, 6);
      }),
      runs,
    );
  });

  test('the order of measurements is irrelevant', () => {
    fc.assert(
      fc.property(feeders, (feeder) => {
        const problem = measure(feeder, { error: noise, phasorTurn: 0.4 });
        const reversed = { ...problem, measurements: [...problem.measurements].reverse() };
        const a = createWeightedLeastSquares().estimate(problem);
        const b = createWeightedLeastSquares().estimate(reversed);
        expect(distance(solved(a), solved(b))).toBeLessThan(1e-9);
      }),
      runs,
    );
  });

  test('a warm start, an old factor and absent values lead to the same answer as a cold start', () => {
    fc.assert(
      fc.property(feeders, (feeder) => {
        const warm = createWeightedLeastSquares();
        warm.estimate(measure(feeder, { error: noise, phasorTurn: 1 }));
        warm.estimate(measure(feeder, { error: (i) => noise(i + 5), phasorTurn: 1.3 }));
        const problem = measure(feeder, { error: (i) => noise(i + 9), phasorTurn: 1.3 });
        const withGap = {
          ...problem,
          measurements: problem.measurements.map((m, i) => (i === 0 ? { ...m, sigma: Infinity } : m)),
        };
        for (const of of [problem, withGap]) {
          const cold = createWeightedLeastSquares().estimate(of);
          expect(distance(solved(warm.estimate(of)), solved(cold))).toBeLessThan(1e-8);
        }
      }),
      runs,
    );
  });

  test('weights that differ by 1e8 and more cost no digits', () => {
    fc.assert(
      fc.property(feeders, (feeder) => {
        const problem = measure(feeder, { phasorTurn: 0 });
        const uneven = problem.measurements.map((m, i) => ({ ...m, sigma: m.sigma * (i % 3 === 0 ? 1e5 : 1) }));
        const voltage = solved(createWeightedLeastSquares().estimate({ ...problem, measurements: uneven }));
        expect(distance(voltage, feeder.truth)).toBeLessThan(1e-8);
      }),
      runs,
    );
  });

  test('a gross error fails the chi-square test and is named', () => {
    fc.assert(
      fc.property(feeders, fc.nat(1000), (feeder, pick) => {
        const problem = measure(feeder, { phasorTurn: 0 });
        const magnitudes = problem.measurements.filter((m) => m.kind === 'voltageMagnitude');
        const bad = magnitudes[pick % magnitudes.length]!;
        const measurements = problem.measurements.map((m) =>
          m === bad && m.kind === 'voltageMagnitude' ? { ...m, value: m.value + 0.1 } : m,
        );
        const result = createWeightedLeastSquares().estimate({ ...problem, measurements });
        expect(result.objective).toBeGreaterThan(result.chiSquareLimit);
        expect(result.suspects[0]?.measurement).toBe(bad.id);
      }),
      runs,
    );
  });

  test('what no measurement reaches is named, the rest is estimated', () => {
    fc.assert(
      fc.property(feeders, (feeder) => {
        const problem = measure(feeder);
        const last = feeder.grid.busCount - 1;
        const above = feeder.grid.branches.find((branch) => branch.to === last)!.from;
        fc.pre(!feeder.zeroInjections.includes(last) && !feeder.zeroInjections.includes(above));
        // The injection above would tell the current into the last line.
        const measurements = problem.measurements.filter((m) => {
          if (m.kind === 'sourceBalance' || m.place.at !== 'bus') return true;
          return m.place.bus !== last && (m.place.bus !== above || m.kind === 'voltageMagnitude');
        });
        const result = createWeightedLeastSquares().estimate({ ...problem, measurements });
        expect(result.status).toBe('not-observable');
        expect(result.unobservedBuses).toContain(last);
        const angleSigma = result.voltageAngleSigma ?? [];
        fc.pre(angleSigma.length > 0);
        for (let bus = 0; bus < last; bus += 1) {
          // A voltage that its measurements barely fix may lie anywhere within its own uncertainty.
          const vague = angleSigma.slice(3 * bus, 3 * bus + 3).some((sigma) => sigma > 0.02);
          if (vague || result.unobservedBuses.includes(bus)) continue;
          const found = result.voltage.slice(6 * bus, 6 * bus + 6);
          expect(distance(found, feeder.truth.slice(6 * bus, 6 * bus + 6))).toBeLessThan(1e-8);
        }
      }),
      runs,
    );
  });

  /**
   * A measurement of y with sigma s that lies d off leaves a residual d s^2 / (s^2 + sigma_y^2), so what the residual
   * says about sigma_y must be what was stated before it was measured.
   */
  test('the standard deviations of flows and injections are those that a further measurement would find', () => {
    fc.assert(
      fc.property(feeders, fc.nat(1000), fc.nat(2), fc.nat(7), (feeder, pick, phase, what) => {
        const { grid } = feeder;
        // The injection at the source is not measured, all others are.
        const base = measure(feeder, { phasorTurn: 0 });
        const problem = { ...base, statistics: 'full' as const };
        const { flowSigmas } = createWeightedLeastSquares().estimate(problem);
        const branch = pick % grid.branches.length;
        const bus = pick % grid.busCount;
        const [kind, place, stated] = (
          [
            ['activePower', { at: 'from', branch }, flowSigmas!.branch[6 * (3 * branch + phase)]],
            ['reactivePower', { at: 'from', branch }, flowSigmas!.branch[6 * (3 * branch + phase) + 1]],
            ['activePower', { at: 'to', branch }, flowSigmas!.branch[6 * (3 * branch + phase) + 2]],
            ['reactivePower', { at: 'to', branch }, flowSigmas!.branch[6 * (3 * branch + phase) + 3]],
            ['currentMagnitude', { at: 'from', branch }, flowSigmas!.branch[6 * (3 * branch + phase) + 4]],
            ['currentMagnitude', { at: 'to', branch }, flowSigmas!.branch[6 * (3 * branch + phase) + 5]],
            ['activePower', { at: 'bus', bus }, flowSigmas!.injection[2 * (3 * bus + phase)]],
            ['reactivePower', { at: 'bus', bus }, flowSigmas!.injection[2 * (3 * bus + phase) + 1]],
          ] as const
        )[what]!;
        if (stated! < 1e-7) return;
        const sigma = stated!;
        const extra = { id: 'extra', kind, place, phase, value: 0, sigma };
        const at = (value: number) => {
          const measurements = [...base.measurements, { ...extra, value }];
          return createWeightedLeastSquares()
            .estimate({ ...problem, measurements })
            .residuals!.at(-1)!.residual;
        };
        const flow =
          place.at === 'bus' ? undefined : branchEndFlow(grid, grid.branches[branch]!, place.at, feeder.truth);
        const injection = busInjections(grid, feeder.truth);
        const power = kind === 'activePower' ? 0 : 1;
        const truth =
          flow === undefined
            ? injection[2 * (3 * bus + phase) + power]!
            : (kind === 'currentMagnitude' ? flow.current : power === 0 ? flow.activePower : flow.reactivePower)[
                phase
              ]!;
        // The magnitude of a current as small as its own error is not nearly linear.
        if (kind === 'currentMagnitude' && truth < 100 * sigma) return;
        // With the sigma that was stated, half of what the value is off by remains.
        const step = 0.1 * sigma;
        expect(at(truth + step) / step).toBeCloseTo(0.5, 3);
      }),
      runs,
    );
  });

  test('the standard deviation of the losses is the error of every measurement carried through to them', () => {
    fc.assert(
      fc.property(fc.oneof(positiveSequenceFeeders, feeders), (feeder) => {
        const { phases } = feeder.grid;
        // Without currents there are no losses that anything would change, and no angles of currents.
        const currents = Array.from({ length: phases }, (_, k) =>
          Math.hypot(feeder.lineCurrent[2 * k]!, feeder.lineCurrent[2 * k + 1]!),
        );
        fc.pre(currents.every((current) => current > 0.01));
        const base = measure(feeder, { phasorTurn: 0 });
        const measurements = base.measurements.filter((one) => one.kind !== 'sourceBalance');
        const problem = { ...base, measurements, statistics: 'full' as const };
        const estimator = createWeightedLeastSquares();
        const stated = estimator.estimate(problem).flowSigmas!.losses;
        const lossesWith = (
          index: number,
          change: { readonly value: number } | { readonly angleRad: number },
        ): number => {
          const changed = measurements.map((one, k) => (k === index ? { ...one, ...change } : one));
          const { voltage } = estimator.estimate({ ...problem, measurements: changed, statistics: 'never' });
          return gridLosses(feeder.grid, voltage);
        };
        let variance = 0;
        measurements.forEach((one, index) => {
          const step = 0.05;
          const moved = (sigmas: number): number => lossesWith(index, { value: one.value + sigmas * one.sigma });
          variance += ((moved(step) - moved(-step)) / (2 * step)) ** 2;
          if (!('angleRad' in one)) return;
          const turned = (sigmas: number): number =>
            lossesWith(index, { angleRad: one.angleRad + sigmas * one.angleSigmaRad });
          variance += ((turned(step) - turned(-step)) / (2 * step)) ** 2;
        });
        expect(Math.abs(stated / Math.sqrt(variance) - 1)).toBeLessThan(0.01);
      }),
      { ...runs, numRuns: 6 },
    );
  });

  test('the angle of a current that does not flow yet leaves all weights as they are in the end', () => {
    fc.assert(
      fc.property(loadedFeeders, (feeder) => {
        const { grid, lineCurrent } = feeder;
        const last = grid.busCount - 1;
        const k = 2 * grid.phases * (last - 1);
        const sharp = { phase: 0, sigma: 1e-6 } as const;
        const angle = Math.atan2(lineCurrent[k + 1]!, lineCurrent[k]!);
        const problem = measure(feeder);
        const blurred = problem.measurements.flatMap((m) => {
          if (m.kind === 'voltageMagnitude') return m.place.at === 'bus' && m.place.bus === 0 ? [m] : [];
          const atEnd = m.kind === 'activePower' && m.place.at === 'bus' && m.place.bus === last && m.phase === 0;
          return [atEnd ? { ...m, value: 1.2 * m.value, sigma: 0.05 } : m];
        });
        const measurements: EstimatorMeasurement[] = [
          ...blurred,
          { ...sharp, id: 'head', kind: 'voltageAngle', place: { at: 'bus', bus: 0 }, value: 0 },
          { ...sharp, id: 'angle', kind: 'currentAngle', place: { at: 'from', branch: last - 1 }, value: angle },
        ];
        // At no load its derivative is beyond all others. No convergence is an honest answer, other weights are none.
        const result = createWeightedLeastSquares().estimate({ ...problem, measurements });
        for (const { index, sigma } of result.residuals ?? []) {
          expect(sigma / measurements[index]!.sigma).toBeCloseTo(1, 9);
        }
      }),
      { ...runs, numRuns: 20 },
    );
  });

  test('measuring twice halves the variance', () => {
    fc.assert(
      fc.property(feeders, (feeder) => {
        const once = measure(feeder, { phasorTurn: 0 });
        const twice = { ...once, measurements: [...once.measurements, ...once.measurements] };
        const a = createWeightedLeastSquares().estimate(once);
        const b = createWeightedLeastSquares().estimate(twice);
        a.voltageMagnitudeSigma!.forEach((sigma, k) => {
          expect(b.voltageMagnitudeSigma![k]! / sigma).toBeCloseTo(Math.SQRT1_2, 6);
        });
      }),
      runs,
    );
  });

  test('a further measurement that agrees raises no standard deviation', () => {
    fc.assert(
      fc.property(feeders, fc.nat(1000), fc.nat(2), (feeder, pick, phase) => {
        const problem = measure(feeder, { phasorTurn: 0 });
        const bus = pick % feeder.grid.busCount;
        const k = 3 * bus + phase;
        const value = Math.hypot(feeder.truth[2 * k]!, feeder.truth[2 * k + 1]!);
        const more = {
          id: 'more',
          kind: 'voltageMagnitude',
          place: { at: 'bus', bus },
          phase,
          value,
          sigma: 2e-4,
        } as const;
        const a = createWeightedLeastSquares().estimate(problem);
        const b = createWeightedLeastSquares().estimate({ ...problem, measurements: [...problem.measurements, more] });
        for (const which of ['voltageMagnitudeSigma', 'voltageAngleSigma'] as const) {
          a[which]!.forEach((sigma, i) => expect(b[which]![i]!).toBeLessThan(sigma * (1 + 1e-6) + 1e-12));
        }
        expect(b.voltageMagnitudeSigma![k]!).toBeLessThan(2e-4);
      }),
      runs,
    );
  });

  test('nothing measured is an answer of its own', () => {
    const feeder = fc.sample(feeders, { seed: 1, numRuns: 1 })[0]!;
    const problem = { ...measure(feeder), measurements: [] };
    expect(createWeightedLeastSquares().estimate(problem).status).toBe('no-measurements');
  });
});
