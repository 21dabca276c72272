/** What every forecaster has to keep to, whoever wrote it: call `describeForecasterConformance` in a test file of yours. */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Forecaster, SiteObservation } from '../../platform/forecasting/forecaster.ts';
import type { StepOutlook } from '../../platform/forecasting/outlook.ts';

const QUARTER_US = 900e6;
const probabilities = [0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99];

export interface ForecasterUnderTest {
  readonly name: string;
  /** A fresh one for this site: the numbers of customers and systems, and where its first day begins. */
  readonly create: () => Forecaster;
  readonly customers: number;
  readonly systems: number;
  /** Start of a day of which it knows something. */
  readonly startUs: number;
}

export function describeForecasterConformance({
  name,
  create,
  customers,
  systems,
  startUs,
}: ForecasterUnderTest): void {
  const steps = Array.from({ length: 96 }, (_, index) => startUs + index * QUARTER_US);
  const observation = (index: number, netW: readonly number[]): SiteObservation => ({
    fromUs: startUs + index * QUARTER_US,
    toUs: startUs + (index + 1) * QUARTER_US,
    connections: netW.map((net, customer) => ({
      netW: net,
      customers: [customer],
      systems: customer < systems ? [customer] : [],
    })),
  });
  /** Powers of all connections; some meters are silent, some are out of their minds. */
  const reading = fc.oneof(
    { weight: 8, arbitrary: fc.double({ min: -8000, max: 4000, noNaN: true }) },
    { weight: 1, arbitrary: fc.constantFrom(0, 1e9, -1e9, 43_000, Number.MAX_VALUE) },
  );
  const history = fc.array(
    fc.tuple(fc.integer({ min: 0, max: 47 }), fc.array(reading, { minLength: 0, maxLength: customers })),
    { maxLength: 12 },
  );
  const feed = (forecaster: Forecaster, past: readonly (readonly [number, readonly number[]])[]) => {
    for (const [index, netW] of new Map(past.toSorted(([a], [b]) => a - b)))
      forecaster.observe(observation(index, netW));
    return forecaster;
  };
  const say = (step: StepOutlook | undefined) =>
    step === undefined
      ? undefined
      : {
          load: [step.load.powerW, step.load.sigmaW, ...probabilities.map((each) => step.load.quantileW(each))],
          generation: [
            step.generation.powerW,
            step.generation.sigmaW,
            ...probabilities.map((each) => step.generation.quantileW(each)),
          ],
          customers: Array.from({ length: customers }, (_, index) => step.customer(index)),
          systems: Array.from({ length: systems }, (_, index) => step.system(index)),
        };
  const ask = (forecaster: Forecaster, fromUs: number) => say(forecaster.outlook(fromUs, fromUs + QUARTER_US));

  describe(`${name} keeps to what a forecaster is`, () => {
    test('it knows something of the day that it is made for, and has a name in kebab-case', () => {
      const forecaster = create();
      expect(forecaster.name).toMatch(/^[a-z]+(-[a-z]+)*$/);
      expect(steps.map((fromUs) => ask(forecaster, fromUs)).every((said) => said !== undefined)).toBe(true);
    });

    test('powers are finite and not negative, spreads too, and quantiles rise', () => {
      fc.assert(
        fc.property(history, (past) => {
          const forecaster = feed(create(), past);
          for (const fromUs of steps) {
            const said = ask(forecaster, fromUs);
            for (const [power = Number.NaN, sigma = Number.NaN, ...quantiles] of [said?.load, said?.generation].flatMap(
              (each) => (each === undefined ? [] : [each]),
            )) {
              expect(power).toBeGreaterThanOrEqual(0);
              expect(sigma).toBeGreaterThanOrEqual(0);
              expect([power, sigma, ...quantiles].every(Number.isFinite)).toBe(true);
              expect(quantiles).toEqual(quantiles.toSorted((a, b) => a - b));
              expect(Math.min(...quantiles)).toBeGreaterThanOrEqual(0);
            }
            for (const { powerW, sigmaW } of [...(said?.customers ?? []), ...(said?.systems ?? [])]) {
              expect(powerW >= 0 && sigmaW >= 0 && Number.isFinite(powerW + sigmaW)).toBe(true);
            }
          }
        }),
        { numRuns: 30 },
      );
    });

    test('the parts add up to the site', () => {
      fc.assert(
        fc.property(history, fc.integer({ min: 0, max: 95 }), (past, index) => {
          const said = ask(feed(create(), past), steps[index] ?? 0);
          const sum = (parts: readonly { readonly powerW: number }[]) =>
            parts.reduce((total, { powerW }) => total + powerW, 0);
          expect(sum(said?.customers ?? [])).toBeCloseTo(said?.load[0] ?? Number.NaN, 4);
          expect(sum(said?.systems ?? [])).toBeCloseTo(said?.generation[0] ?? Number.NaN, 4);
        }),
        { numRuns: 50 },
      );
    });

    test('asked again, in another order, or by a twin that saw the same, it says the same', () => {
      fc.assert(
        fc.property(history, fc.shuffledSubarray(steps, { minLength: 8 }), (past, order) => {
          const [one, twin] = [feed(create(), past), feed(create(), past)];
          const said = order.map((fromUs) => ask(one, fromUs));
          expect(
            order
              .toReversed()
              .map((fromUs) => ask(one, fromUs))
              .toReversed(),
          ).toEqual(said);
          expect(order.map((fromUs) => ask(twin, fromUs))).toEqual(said);
        }),
        { numRuns: 20 },
      );
    });

    test('the order in which meters report does not matter', () => {
      fc.assert(
        fc.property(
          fc.array(fc.double({ min: -5000, max: 4000, noNaN: true }), { minLength: 2, maxLength: customers }),
          (netW) => {
            const straight = observation(10, netW);
            const turned = { ...straight, connections: straight.connections.toReversed() };
            const [one, other] = [create(), create()];
            one.observe(straight);
            other.observe(turned);
            const [a, b] = [one, other].map((forecaster) =>
              forecaster.outlook(straight.toUs, straight.toUs + QUARTER_US),
            );
            expect(a?.load.powerW).toBeCloseTo(b?.load.powerW ?? Number.NaN, 6);
            expect(a?.generation.powerW).toBeCloseTo(b?.generation.powerW ?? Number.NaN, 6);
          },
        ),
        { numRuns: 30 },
      );
    });

    test('a step is the mean of its parts, as far as powers are concerned', () => {
      const forecaster = create();
      for (const fromUs of steps.filter((_, index) => index % 4 === 0)) {
        const whole = forecaster.outlook(fromUs, fromUs + 4 * QUARTER_US);
        const parts = [0, 1, 2, 3].map((part) =>
          forecaster.outlook(fromUs + part * QUARTER_US, fromUs + (part + 1) * QUARTER_US),
        );
        const mean = (of: (step: StepOutlook) => number) =>
          parts.reduce((sum, part) => sum + (part === undefined ? Number.NaN : of(part)), 0) / 4;
        expect(whole?.load.powerW).toBeCloseTo(
          mean((step) => step.load.powerW),
          6,
        );
        // The sun is looked at now and then only.
        const generation = mean((step) => step.generation.powerW);
        expect(Math.abs((whole?.generation.powerW ?? Number.NaN) - generation)).toBeLessThan(
          0.02 * generation + 0.002 * PEAK_W,
        );
      }
    });
  });
}

/** A system of a house at most. */
const PEAK_W = 30e3;
