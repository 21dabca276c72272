/** The one entry to least squares: whichever form it takes, what it answers is the general form's answer. */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createEstimationFrames } from '../../bench/peers/estimation-frames.ts';
import { compileGrid } from '../../grids/compile.ts';
import { generateFeederGrid } from '../../grids/generate/feeders.ts';
import { estimateWithoutBadData } from '../../platform/state-estimation/bad-data.ts';
import type {
  EstimateResult,
  EstimationProblem,
  EstimatorMeasurement,
  Residual,
} from '../../platform/state-estimation/estimator.ts';
import { createLeastSquares } from '../../platform/state-estimation/least-squares.ts';
import { createSchweppeHuber } from '../../platform/state-estimation/schweppe-huber.ts';
import { createWeightedLeastSquares } from '../../platform/state-estimation/wls.ts';
import { type Besides, measureTree, randomTreeProblem, trees } from './random-tree.ts';

const TIGHT = { tolerance: 1e-12 };

const besides: fc.Arbitrary<Besides> = fc
  .record({
    rootPower: fc.boolean(),
    phasors: fc.boolean(),
    turn: fc.double({ min: -3, max: 3, noNaN: true }),
  })
  .map(({ rootPower, phasors, turn }) => ({
    openEnds: true,
    rootPower,
    ...(phasors && { phasorTurn: turn }),
  }));

/** Some measurements absent, but for what makes the state observable. */
function withAbsences(problem: EstimationProblem, every: number): EstimationProblem {
  const measurements = problem.measurements.map((one, k): EstimatorMeasurement => {
    const isInjection = one.kind.endsWith('Power') && 'place' in one && one.place.at === 'bus';
    return k % every === 0 && !isInjection && !['voltageMagnitude', 'voltagePhasor'].includes(one.kind)
      ? { ...one, sigma: Infinity }
      : one;
  });
  return { ...problem, measurements };
}

/** Largest difference over the size of the numbers, where both have one; infinite where only one has. */
function differ(a: ArrayLike<number>, b: ArrayLike<number>, floor: number): number {
  expect(a.length).toBe(b.length);
  let worst = 0;
  for (let k = 0; k < a.length; k += 1) {
    if (Number.isNaN(a[k]!) && Number.isNaN(b[k]!)) continue;
    const difference = Math.abs(a[k]! - b[k]!) / (floor + Math.abs(b[k]!));
    worst = Number.isNaN(difference) ? Infinity : Math.max(worst, difference);
  }
  return worst;
}

/** The general form's variances, differences of larger numbers, are good to some 1e-15: hence the floor. */
function expectSameVariances(a: Float64Array, b: Float64Array, tolerance: number): void {
  const [ours, theirs] = [a, b].map((sigmas) => sigmas.map((sigma) => sigma * sigma));
  expect(differ(ours!, theirs!, 1e-9)).toBeLessThan(tolerance);
}

/**
 * The covariance of a voltage is one block in rectangular coordinates. Where one of magnitude and angle is known far better
 * than the other, its variance is a small difference of large numbers: the block is good to 1e-6, whichever way one looks.
 */
function expectSameCovariances(ours: EstimateResult, theirs: EstimateResult): void {
  const square = (sigma: number): number => sigma * sigma;
  const [magnitude, angle] = [theirs.voltageMagnitudeSigma!, theirs.voltageAngleSigma!];
  for (const [mine, general] of [
    [ours.voltageMagnitudeSigma!, magnitude],
    [ours.voltageAngleSigma!, angle],
  ] as const) {
    const worst = mine.map((sigma, k) => {
      if (Number.isNaN(sigma) && Number.isNaN(general[k]!)) return 0;
      return Math.abs(square(sigma) - square(general[k]!)) / (1e-9 + square(magnitude[k]!) + square(angle[k]!));
    });
    expect(worst.length).toBe(general.length);
    // NaN where only one of them has a figure, and NaN is not less.
    expect(Math.max(...worst)).toBeLessThan(1e-6);
  }
}

function expectSame(ours: EstimateResult, theirs: EstimateResult): void {
  expect(ours.status).toBe(theirs.status);
  expect(ours.degreesOfFreedom).toBe(theirs.degreesOfFreedom);
  expect(ours.chiSquareLimit).toBe(theirs.chiSquareLimit);
  expect(differ(ours.voltage, theirs.voltage, 1)).toBeLessThan(1e-11);
  // Without an answer there is no uncertainty either.
  if (theirs.flowSigmas === undefined) return;
  expectSameCovariances(ours, theirs);
  expectSameVariances(ours.flowSigmas!.branch, theirs.flowSigmas.branch, 1e-5);
  expectSameVariances(ours.flowSigmas!.injection, theirs.flowSigmas.injection, 1e-7);
  expect(ours.flowSigmas!.losses / theirs.flowSigmas.losses).toBeCloseTo(1, 4);
  const [mine, general] = [ours.residuals!, theirs.residuals!];
  expect(mine.map(({ index, measurement }) => [index, measurement])).toEqual(
    general.map(({ index, measurement }) => [index, measurement]),
  );
  const each = (all: typeof mine, of: (one: Residual) => number) => Float64Array.from(all, of);
  const sigma = (one: Residual) => one.sigma;
  const weighted = (one: Residual) => one.residual / one.sigma;
  const normalised = (one: Residual) => one.normalised;
  expect(each(mine, sigma)).toEqual(each(general, sigma));
  expect(differ(each(mine, weighted), each(general, weighted), 1)).toBeLessThan(1e-8);
  // What is left of a variance may be as little as 1e-5 of it, and has five digits fewer.
  expect(differ(each(mine, normalised), each(general, normalised), 1)).toBeLessThan(1e-5);
  expect(differ(ours.normalisedResiduals!, theirs.normalisedResiduals!, 1)).toBeLessThan(1e-5);
}

describe('least squares by structure', () => {
  test('on trees state, flows, residuals and all standard deviations are those of the general form', () => {
    let [fast, all] = [0, 0];
    fc.assert(
      fc.property(trees, besides, fc.nat(1000), fc.integer({ min: 3, max: 50 }), (buses, more, seed, every) => {
        const noise = (k: number): number => 2 * Math.sin(12.9898 * (k + 1) * (seed + 1));
        const problem = { ...withAbsences(randomTreeProblem(buses, noise, more), every), statistics: 'full' as const };
        const ours = createLeastSquares(TIGHT).estimate(problem);
        const theirs = createWeightedLeastSquares(TIGHT).estimate(problem);
        if (ours.method === 'current-form') fast += 1;
        all += 1;
        expectSame(ours, theirs);
        const plain = createLeastSquares(TIGHT).estimate({ ...problem, statistics: 'never' });
        expect(plain.method).toBe('current-form');
        expect(differ(plain.voltage, theirs.voltage, 1)).toBeLessThan(1e-11);
      }),
      { numRuns: 120, interruptAfterTimeLimit: 40_000 },
    );
    // Where sensors are precise and lines short, the general form says how sure the answer is.
    expect(fast).toBeGreaterThan(all / 3);
  });

  test('bad data are named and removed alike, and the robust estimator weighs alike', () => {
    fc.assert(
      fc.property(trees, fc.nat(1000), fc.nat(1000), (buses, seed, gross) => {
        const clean = randomTreeProblem(buses, (k) => Math.sin(12.9898 * (k + 1) * (seed + 1)), { phasorTurn: 0.3 });
        const wrong = gross % clean.measurements.length;
        const measurements = clean.measurements.map((one, k) =>
          k === wrong && 'value' in one ? { ...one, value: one.value + 30 * one.sigma } : one,
        );
        const problem = { ...clean, measurements, statistics: 'full' as const };
        const [ours, theirs] = [createLeastSquares(TIGHT), createWeightedLeastSquares(TIGHT)].map((estimator) =>
          estimateWithoutBadData(estimator, problem),
        );
        expect(ours!.removed.map((one) => one.measurement)).toEqual(theirs!.removed.map((one) => one.measurement));
        expect(ours!.consistent).toBe(theirs!.consistent);
        expectSame(ours!.result, theirs!.result);
        const [robust, general] = [createLeastSquares(TIGHT), createWeightedLeastSquares(TIGHT)].map((estimator) =>
          createSchweppeHuber(estimator).estimate(problem),
        );
        expect(differ(robust!.voltage, general!.voltage, 1)).toBeLessThan(1e-7);
      }),
      { numRuns: 40, interruptAfterTimeLimit: 40_000 },
    );
  });

  test('standard deviations that lie far apart lead to the same answer, whatever the form', () => {
    fc.assert(
      fc.property(trees, fc.nat(1000), fc.integer({ min: 2, max: 6 }), (buses, seed, decades) => {
        const problem = randomTreeProblem(buses, () => 0);
        const measurements = problem.measurements.map((one, k) => {
          if (!('value' in one)) return one;
          const sigma = one.sigma * 10 ** (-decades * Math.sin(78.233 * (k + 1) * (seed + 1)) ** 2);
          return { ...one, sigma, value: one.value + sigma * Math.sin(12.9898 * (k + 1) * (seed + 1)) };
        });
        const wide = { ...problem, measurements, statistics: 'full' as const };
        const ours = createLeastSquares(TIGHT).estimate(wide);
        const theirs = createWeightedLeastSquares(TIGHT).estimate(wide);
        expect(differ(ours.voltage, theirs.voltage, 1)).toBeLessThan(1e-11);
        expect(differ([ours.objective], [theirs.objective], 1)).toBeLessThan(1e-5);
      }),
      { numRuns: 60, interruptAfterTimeLimit: 40_000 },
    );
  });

  test('goes on from frame to frame, with other weights and other measurements absent', () => {
    const buses = Array.from({ length: 20 }, (_, k) => ({ parent: (k % 4) / 4, idle: k % 5 === 1 }));
    const [ours, plain] = [createLeastSquares(TIGHT), createLeastSquares(TIGHT)];
    for (let frame = 0; frame < 6; frame += 1) {
      const problem = randomTreeProblem(buses, (k) => Math.sin(7 * k + frame), { phasorTurn: 2 * frame });
      const measurements = withAbsences(problem, 3 + (frame % 3)).measurements.map((one, k) => ({
        ...one,
        sigma: one.sigma * (1 + 0.3 * Math.sin(k + frame)),
      }));
      const next = { ...problem, measurements, statistics: 'full' as const };
      const result = ours.estimate(next);
      expect(plain.estimate({ ...next, statistics: 'never' }).method).toBe('current-form');
      expectSame(result, createWeightedLeastSquares(TIGHT).estimate(next));
    }
  });

  test('takes the current form on loops and in three phases, with the statistics of the general form', () => {
    for (const [phases, meshed] of [
      [1, true],
      [3, false],
      [3, true],
    ] as const) {
      const representation = phases === 3 ? 'three' : 'positive-sequence';
      const grid = compileGrid(generateFeederGrid({ buses: 40, meshed, representation, feederBuses: 20 }));
      const { problem: empty, read } = createEstimationFrames(grid, 1);
      const values = new Float64Array(empty.measurements.length);
      read(0, values);
      const measurements = empty.measurements.map((one, k) => ({ ...one, value: values[k]! }));
      const problem = { ...empty, measurements: measurements as EstimatorMeasurement[], statistics: 'full' as const };
      // Standard deviations come from the general form where digits would be lost.
      const plain = createLeastSquares(TIGHT).estimate({ ...problem, statistics: 'never' });
      expect(plain.method).toBe('current-form');
      const theirs = createWeightedLeastSquares(TIGHT).estimate(problem);
      expect(differ(plain.voltage, theirs.voltage, 1)).toBeLessThan(1e-11);
      expectSame(createLeastSquares(TIGHT).estimate(problem), theirs);
    }
  });

  test('takes the general form where the current form does not suit, with its answer', () => {
    const radial = compileGrid(generateFeederGrid({ buses: 60, representation: 'positive-sequence' }));
    const problem = measureTree(radial, 0, new Set(), (k) => Math.sin(k));
    const clouded = problem.measurements.map((one, k) =>
      k % 5 === 0 && one.kind === 'activePower' ? { ...one, shared: { cause: 'sky', sensitivity: one.sigma } } : one,
    );
    const together = { ...problem, measurements: clouded };
    expect(createLeastSquares().estimate(together).method).toBe('augmented');
    expect(createLeastSquares().estimate(together)).toEqual(createWeightedLeastSquares().estimate(together));
    expect(createLeastSquares().estimate({ ...problem, measurements: [] }).status).toBe('no-measurements');
  });
});
