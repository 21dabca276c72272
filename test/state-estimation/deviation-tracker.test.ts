/** Remembering deviations from the forecast: the algebra, a site that reports seldom, and the service that uses it. */
import { describe, expect, test } from 'vitest';
import { compileGrid } from '../../grids/compile.ts';
import { loadGrid } from '../../grids/load.ts';
import { randomStream } from '../../numerics/random.ts';
import { branchEndFlow, busInjections } from '../../platform/state-estimation/branch-flows.ts';
import { DeviationTracker } from '../../platform/state-estimation/deviation-tracker.ts';
import type { ScalarMeasurement } from '../../platform/state-estimation/estimator.ts';
import { createWeightedLeastSquares } from '../../platform/state-estimation/wls.ts';
import { createPowerFlow } from '../../sim/physics/power-flow.ts';

const HOUR_US = 3600e6;

describe('the memory of a deviation', () => {
  test('without news it is the forecast; news fade with the time constant, and the doubt grows back', () => {
    const tracker = new DeviationTracker(1, 2 * HOUR_US);
    const forecast = { value: 100, sigma: 30 };
    expect(tracker.predict(0, 0, forecast)).toEqual(forecast);
    tracker.learn(0, 0, 100, { value: 150, sigma: 3 });
    const soon = tracker.predict(0, 0, forecast);
    expect(soon.value).toBeCloseTo(150, 12);
    expect(soon.sigma).toBeCloseTo(3, 12);
    const later = tracker.predict(0, 2 * HOUR_US, forecast);
    expect(later.value).toBeCloseTo(100 + 50 / Math.E, 12);
    expect(later.sigma ** 2).toBeCloseTo(9 / Math.E ** 2 + 900 * (1 - 1 / Math.E ** 2), 9);
    const much = tracker.predict(0, 100 * HOUR_US, forecast);
    expect(much.value).toBeCloseTo(100, 9);
    expect(much.sigma).toBeCloseTo(30, 9);
  });

  test('it keeps to the level of a new forecast, never doubts more than it, and forgets nothing for a failed estimate', () => {
    const tracker = new DeviationTracker(1, HOUR_US);
    tracker.learn(0, 0, 100, { value: 120, sigma: 50 });
    expect(tracker.predict(0, 0, { value: 300, sigma: 10 })).toEqual({ value: 320, sigma: 10 });
    tracker.learn(0, 1, 100, { value: Number.NaN, sigma: 1 });
    expect(tracker.predict(0, 0, { value: 100, sigma: 80 }).value).toBe(120);
    // An instant before what is known: nothing is remembered backwards.
    expect(tracker.predict(0, -1, { value: 100, sigma: 80 })).toEqual({ value: 100, sigma: 80 });
  });
});

/**
 * A feeder as in Mesogeia: the head is measured all the time, each customer once in two hours, the rest is forecast.
 * Customers stray from their forecast by 40 % with a memory of three hours.
 */
function day(remember: boolean): { readonly rmse: number; readonly normalised: number } {
  const grid = compileGrid(loadGrid('ieee-33'));
  const flow = createPowerFlow(grid, { tolerancePu: 1e-12 });
  const nominal = flow.powers.load.slice();
  const loads = grid.document.loads.map(({ bus }) => grid.busIndex.get(bus)!);
  const { normal } = randomStream('tracking', ['day']);
  const estimator = createWeightedLeastSquares();
  const stepUs = HOUR_US / 4;
  const tracker = new DeviationTracker(2 * grid.busCount, 3 * HOUR_US);
  const phi = Math.exp(-stepUs / (3 * HOUR_US));
  // Of active and reactive power each for itself, as the estimator takes them.
  const deviation = Array.from(nominal, () => 0.4 * normal());
  const unit = grid.basePowerVA;
  let squares = 0;
  let normalised = 0;
  let count = 0;
  for (let step = 0; step < 96; step += 1) {
    deviation.forEach((d, i) => (deviation[i] = phi * d + 0.4 * Math.sqrt(1 - phi ** 2) * normal()));
    nominal.forEach((power, i) => (flow.powers.load[i] = power * (1 + deviation[i]!)));
    flow.solve();
    const truth = flow.voltage;
    const injection = busInjections(grid, truth);
    const head = branchEndFlow(grid, grid.branches[0]!, 'from', truth);
    const timeUs = step * stepUs;
    const measure = (
      kind: ScalarMeasurement['kind'],
      place: ScalarMeasurement['place'],
      value: number,
      sigma: number,
    ) => {
      const id = `${kind}${place.at}${place.at === 'bus' ? place.bus : ''}`;
      return { id, kind, place, phase: 0, value: value + sigma * normal(), sigma };
    };
    const measurements: ScalarMeasurement[] = [
      measure('voltageMagnitude', { at: 'bus', bus: 0 }, Math.hypot(truth[0]!, truth[1]!), 1e-3),
      measure('activePower', { at: 'from', branch: 0 }, head.activePower[0]!, 5e-3),
      measure('reactivePower', { at: 'from', branch: 0 }, head.reactivePower[0]!, 5e-3),
    ];
    const forecasts = new Float64Array(2 * grid.busCount).fill(Number.NaN);
    loads.forEach((bus, i) => {
      (['activePower', 'reactivePower'] as const).forEach((kind, part) => {
        const value = -nominal[2 * i + part]! / unit;
        const forecast = { value, sigma: 0.4 * Math.abs(value) };
        forecasts[2 * bus + part] = value;
        const place = { at: 'bus', bus } as const;
        if (i % 8 === step % 8) {
          measurements.push(measure(kind, place, injection[2 * bus + part]!, 0.01 * Math.abs(value)));
          return;
        }
        const assumed = remember ? tracker.predict(2 * bus + part, timeUs, forecast) : forecast;
        measurements.push({ id: `f${kind}${bus}`, kind, place, phase: 0, ...assumed });
      });
    });
    const result = estimator.estimate({ grid, measurements, zeroInjections: [], referenceBus: 0, statistics: 'full' });
    expect(result.status).toBe('converged');
    const found = busInjections(grid, result.voltage);
    forecasts.forEach((forecast, k) => {
      if (Number.isNaN(forecast)) return;
      tracker.learn(k, timeUs, forecast, { value: found[k]!, sigma: result.flowSigmas!.injection[k]! });
    });
    for (let bus = 1; bus < grid.busCount; bus += 1) {
      const error =
        Math.hypot(result.voltage[2 * bus]!, result.voltage[2 * bus + 1]!) -
        Math.hypot(truth[2 * bus]!, truth[2 * bus + 1]!);
      squares += error ** 2;
      normalised += (error / result.voltageMagnitudeSigma![bus]!) ** 2;
      count += 1;
    }
  }
  return { rmse: Math.sqrt(squares / count), normalised: normalised / count };
}

describe('a feeder whose customers report seldom', () => {
  test('memory takes a third of the error away, and what it states of its error stays honest', () => {
    const plain = day(false);
    const tracking = day(true);
    expect(tracking.rmse).toBeLessThan(0.67 * plain.rmse);
    // Mean square of error over stated sigma: 1 where sigmas are right.
    for (const { normalised } of [plain, tracking]) {
      expect(normalised).toBeGreaterThan(0.6);
      expect(normalised).toBeLessThan(1.4);
    }
  });
});
