/** The service turns messages of the Abbenhausen site into estimates, whatever is missing. */
import { describe, expect, test } from 'vitest';
import { loadGrid } from '../../grids/load.ts';
import { type Estimate, estimateSchema } from '../../platform/contract/estimate.ts';
import type { Forecast } from '../../platform/contract/forecast.ts';
import type { Measurement } from '../../platform/contract/measurement.ts';
import { formatInstant } from '../../platform/contract/time.ts';
import { topics } from '../../platform/contract/topics.ts';
import type { Input, ServiceCore } from '../../platform/service/definition.ts';
import { type Meter, stateEstimationConfigSchema } from '../../platform/state-estimation/config.ts';
import { stateEstimation } from '../../platform/state-estimation/service.ts';
import { createVillage, meters, quarterUs, startUs, type Village } from '../../bench/state-estimation-village.ts';

const [pmu, ...houses] = meters;

function createService(changes: object = {}): ServiceCore {
  return stateEstimation.create(
    stateEstimationConfigSchema.parse({ site: 'germany', grid: loadGrid('abbenhausen'), meters, startUs, ...changes }),
  );
}

function input(kind: string, message: Measurement | Forecast, timeUs: number, late = false): Input {
  const topic =
    'device' in message ? topics.bridgedMeasurement('germany', kind, message.device) : topics.forecast('germany', 'x');
  return { topic, kind, message, taggedUs: timeUs, late };
}

/** One instant; answers with the estimate that it brought, checked against the contract. */
function step(service: ServiceCore, timeUs: number, inputs: readonly Input[]): Estimate | undefined {
  const sequence = Math.round((timeUs - startUs) / 1e6) + 1;
  const [output] = service.step({ timeUs, sequence, inputs, final: false });
  if (output === undefined) return undefined;
  expect(output.topic).toBe('dsotp/estimate/germany/wls');
  return estimateSchema.parse(output.message);
}

function voltageError(village: Village, estimate: Estimate): number {
  const truth = village.truth();
  let worst = 0;
  for (const bus of estimate.buses) {
    const index = village.grid.busIndex.get(bus.id)!;
    const base = village.grid.baseVoltageV[index]!;
    for (let phase = 0; phase < 3; phase += 1) {
      const k = 6 * index + 2 * phase;
      const angle = bus.voltageAngleRad[phase]!;
      const magnitude = bus.voltageMagnitudeV[phase]! / base;
      const error = Math.hypot(magnitude * Math.cos(angle) - truth[k]!, magnitude * Math.sin(angle) - truth[k + 1]!);
      worst = Math.max(worst, error);
    }
  }
  return worst;
}

describe('state estimation of Abbenhausen', () => {
  test('ideal instantaneous devices give the truth to 1e-8, at any turn of the system angle', () => {
    const village = createVillage();
    const service = createService({ everyUs: 10_000_000 });
    for (let k = 0; k < 4; k += 1) {
      village.live(k);
      const timeUs = startUs + k * 10_000_000;
      const inputs = meters.map((meter) =>
        input(meter.kind, village.message(meter, timeUs, { systemAngleRad: 2.1 * k }), timeUs),
      );
      const estimate = step(service, timeUs, inputs)!;
      expect(estimate.status).toBe('converged');
      expect(estimate.interval).toBeUndefined();
      expect(voltageError(village, estimate)).toBeLessThan(1e-8);
      expect(estimate.objective!).toBeLessThan(1e-6);
      expect(estimate.suspects).toEqual([]);
    }
  });

  test('branch flows follow the voltages: what the transformer delivers', () => {
    const village = createVillage();
    const service = createService({ everyUs: 10_000_000 });
    village.live(1);
    const inputs = meters.map((meter) => input(meter.kind, village.message(meter, startUs), startUs));
    const estimate = step(service, startUs, inputs)!;
    const transformer = estimate.branches.find((branch) => branch.id === 'transformer')!;
    const delivered = transformer.activePowerFromW.reduce<number>((sum, p) => sum + p!, 0);
    expect(Math.abs(delivered - village.flow.totals().exchangeW)).toBeLessThan(1);
  });

  test('interval means and frames at 49.98 Hz give an estimate of the interval, with meters and inventory named', () => {
    const village = createVillage();
    const service = createService();
    village.live(2);
    let estimate: Estimate | undefined;
    for (let k = 0; k <= 90; k += 1) {
      const timeUs = startUs + k * 10_000_000;
      // 20 mHz below nominal turn every phasor by 72 degrees from frame to frame.
      const inputs = [
        input('pmu', village.message(pmu!, timeUs, { systemAngleRad: ((-72 * Math.PI) / 180) * k }), timeUs),
      ];
      if (k === 90) {
        for (const meter of houses) {
          inputs.push(input('smart-meter', village.message(meter, timeUs, { intervalStartUs: startUs }), timeUs));
        }
      }
      const answer = step(service, timeUs, inputs);
      expect(answer === undefined).toBe(k !== 90);
      estimate ??= answer;
    }
    expect(estimate!.interval).toEqual({ start: formatInstant(startUs), end: formatInstant(startUs + quarterUs) });
    expect(voltageError(village, estimate!)).toBeLessThan(1e-7);
    const powers = estimate!.inventory.find((row) => row.source === 'smart-meter' && row.kind === 'activePower')!;
    expect(powers).toMatchObject({ count: 270, ageUsMax: 0 });
    expect(estimate!.inventory.find((row) => row.kind === 'currentPhasor')).toMatchObject({ source: 'pmu', count: 3 });
  });

  test('a second PMU shares the time base of the first; without a common time only its magnitudes count', () => {
    const village = createVillage();
    village.live(2);
    const second: Meter = { device: 'pmu-feeder', kind: 'pmu', at: 'branch:feeder-1-1:from' };
    const estimateWith = (skewRad: number, synchronised: boolean) => {
      const service = createService({ everyUs: 10_000_000, meters: [...meters, second] });
      const skewed = {
        ...village.message(second, startUs, { systemAngleRad: 1 + skewRad }),
        quality: { valid: true, synchronised },
      };
      const inputs = meters.map((meter) =>
        input(meter.kind, village.message(meter, startUs, { systemAngleRad: 1 }), startUs),
      );
      return step(service, startUs, [...inputs, input('pmu', skewed, startUs)])!;
    };
    expect(voltageError(village, estimateWith(0, true))).toBeLessThan(1e-8);
    expect(voltageError(village, estimateWith(0.05, true))).toBeGreaterThan(1e-4);
    expect(voltageError(village, estimateWith(0.05, false))).toBeLessThan(1e-8);
  });

  test('between two meter messages the old values count less with every minute', () => {
    const village = createVillage();
    village.live(2);
    const service = createService({ everyUs: 300_000_000 });
    const sigmas: number[] = [];
    for (let k = 1; k <= 3; k += 1) {
      const timeUs = startUs + quarterUs + (k - 1) * 300_000_000;
      const inputs = [input('pmu', village.message(pmu!, timeUs), timeUs)];
      if (k === 1) {
        for (const meter of houses) {
          inputs.push(input('smart-meter', village.message(meter, timeUs, { intervalStartUs: startUs }), timeUs));
        }
      }
      const estimate = step(service, timeUs, inputs)!;
      const row = estimate.inventory.find(
        ({ source, kind }) => source === 'smart-meter' && kind === 'voltageMagnitude',
      )!;
      expect(row.ageUsMax).toBe((k - 1) * 300_000_000);
      sigmas.push(row.sigmaRelativeMedian);
      expect(voltageError(village, estimate)).toBeLessThan(5e-3);
    }
    expect(sigmas.toSorted((a, b) => a - b)).toEqual(sigmas);
    expect(new Set(sigmas).size).toBe(3);
  });

  test('meters that drop out are replaced by the forecast, with a wider uncertainty', () => {
    const village = createVillage();
    const service = createService();
    village.live(3);
    const timeUs = startUs + quarterUs;
    const present = houses.slice(20);
    const inputs: Input[] = [
      input('forecast', perfectForecast(village), startUs),
      input('pmu', village.message(pmu!, timeUs), timeUs),
      ...present.map((meter) =>
        input('smart-meter', village.message(meter, timeUs, { intervalStartUs: startUs }), timeUs),
      ),
    ];
    const partial = step(service, timeUs, inputs)!;
    expect(partial.status).toBe('converged');
    expect(partial.inventory.find((row) => row.source === 'forecast' && row.kind === 'activePower')!.count).toBe(60);
    expect(voltageError(village, partial)).toBeLessThan(0.01);
    const sigmaOf = (id: string) => partial.buses.find((bus) => bus.id === id)!.voltageMagnitudeSigmaV[0]!;
    expect(sigmaOf('house-05')).toBeGreaterThan(sigmaOf('house-60'));
  });

  test('with no device at all the forecast and the assumptions still carry an estimate', () => {
    const village = createVillage();
    const service = createService();
    village.live(0);
    const estimate = step(service, startUs + quarterUs, [input('forecast', perfectForecast(village), startUs)])!;
    expect(estimate.status).toBe('converged');
    expect(voltageError(village, estimate)).toBeLessThan(0.05);
  });

  test('a forecast of the site as a whole is shared out to its customers', () => {
    const village = createVillage();
    village.live(0);
    const forecast = siteForecast(village, 0.1);
    const timeUs = startUs + quarterUs;
    const inputs = [input('forecast', forecast, startUs), input('pmu', village.message(pmu!, timeUs), timeUs)];
    const estimate = step(createService(), timeUs, inputs)!;
    expect(estimate.inventory.find(({ source }) => source === 'assumption')?.kind).toBe('sourceBalance');
    expect(voltageError(village, estimate)).toBeLessThan(0.03);
    const ignorant = step(createService(), timeUs, inputs.slice(1))!;
    expect(voltageError(village, estimate)).toBeLessThan(voltageError(village, ignorant));
  });

  test('with a memory, what the meters said helps when they have been silent for longer than they are believed', () => {
    const village = createVillage();
    village.live(1);
    const errors = [{}, { tracking: { timeConstantUs: 24 * 4 * quarterUs } }].map((changes) => {
      const service = createService(changes);
      const forecast = perfectForecast(village);
      // The forecast is off by a half everywhere, and says so.
      const series = forecast.series.map(({ component, activePowerW }) => ({
        component,
        activePowerW: Array.from({ length: 12 }, () => 0.5 * activePowerW[0]!),
        activePowerSigmaW: Array.from({ length: 12 }, () => 0.5 * Math.abs(activePowerW[0]!)),
      }));
      const told = input('forecast', { ...forecast, series }, startUs);
      let estimate: Estimate | undefined;
      for (let k = 1; k <= 8; k += 1) {
        const timeUs = startUs + k * quarterUs;
        const heard = k === 1 ? meters : [pmu!];
        const inputs = heard.map((meter) => {
          const options = { intervalStartUs: timeUs - quarterUs };
          return input(meter.kind, village.message(meter, timeUs, meter.kind === 'pmu' ? {} : options), timeUs);
        });
        estimate = step(service, timeUs, k === 1 ? [told, ...inputs] : inputs);
      }
      expect(estimate!.status).toBe('converged');
      return voltageError(village, estimate!);
    });
    expect(errors[1]!).toBeLessThan(0.5 * errors[0]!);
  });

  test('plants under one sky: where errors are shared, the meter of one house tells more of another', () => {
    const village = createVillage();
    village.live(0);
    const timeUs = startUs + quarterUs;
    const forecast = siteForecast(village, 0.3);
    // One house reports; the rest is forecast.
    const meter = village.message(houses[0]!, timeUs, { intervalStartUs: startUs });
    const inputs = [input('forecast', forecast, startUs), input('smart-meter', meter, timeUs)];
    const sigmaAt = (correlatedWeather: boolean) => {
      const estimate = step(createService({ assumptions: { correlatedWeather } }), timeUs, inputs)!;
      expect(estimate.status).toBe('converged');
      expect(voltageError(village, estimate)).toBeLessThan(0.05);
      return estimate.buses.find(({ id }) => id === 'house-90')!.voltageMagnitudeSigmaV[0]!;
    };
    expect(sigmaAt(true)).toBeLessThan(0.98 * sigmaAt(false));
  });

  test('a grid with nothing known of it is answered, not thrown', () => {
    const grid = loadGrid('abbenhausen');
    const service = createService({ grid: { ...grid, loads: [], generators: [], batteries: [] }, meters: [] });
    const estimate = step(service, startUs + quarterUs, [])!;
    expect(estimate.status).toBe('not-observable');
    expect(estimate.unobservedBuses!.length).toBeGreaterThan(100);
  });

  test('a gross error is named', () => {
    const village = createVillage();
    const service = createService({ everyUs: 10_000_000 });
    village.live(1);
    const inputs = meters.map((meter) => {
      const message = village.message(meter, startUs);
      if (meter.device === 'meter-30') message.readings.find((r) => r.measurand === 'voltmagnitude')!.data *= 1.2;
      return input(meter.kind, message, startUs);
    });
    const estimate = step(service, startUs, inputs)!;
    expect(estimate.objective!).toBeGreaterThan(estimate.chiSquareLimit!);
    expect(estimate.suspects![0]!.measurement).toBe('smart-meter/meter-30:voltmagnitude:A');
  });

  test('late messages, invalid ones and those of strangers stay out', () => {
    const village = createVillage();
    village.live(1);
    const timeUs = startUs + quarterUs;
    const good = [pmu!, ...houses].map((meter) =>
      input(
        meter.kind,
        village.message(meter, timeUs, meter.kind === 'pmu' ? {} : { intervalStartUs: startUs }),
        timeUs,
      ),
    );
    const wrong = village.message(houses[4]!, timeUs, { intervalStartUs: startUs, error: () => 0.5 });
    const service = createService();
    const estimate = step(service, timeUs, [
      ...good,
      input('smart-meter', wrong, timeUs, true),
      input('smart-meter', { ...wrong, quality: { valid: false } }, timeUs),
      input('smart-meter', { ...wrong, device: 'nobody' }, timeUs),
    ])!;
    expect(voltageError(village, estimate)).toBeLessThan(1e-7);
    expect(service.metrics!()).toMatchObject({ converged: 1, lateIgnored: 1, strangers: 1 });
  });

  test('a channel wired the other way is read the right way', () => {
    const village = createVillage();
    const service = createService({ everyUs: 10_000_000 });
    village.live(1);
    const inputs = meters.map((meter) => {
      const message = village.message(meter, startUs);
      const readings = message.readings.map((reading) => {
        if (reading.measurand === 'currangle') return { ...reading, data: reading.data + Math.PI };
        return reading.measurand.endsWith('power') ? { ...reading, data: -reading.data } : reading;
      });
      return input(meter.kind, { ...message, readings, positiveDirection: -1 }, startUs);
    });
    expect(voltageError(village, step(service, startUs, inputs)!)).toBeLessThan(1e-8);
  });

  test('the same messages give the same bytes', () => {
    const run = () => {
      const village = createVillage();
      const service = createService();
      const answers: (Estimate | undefined)[] = [];
      for (let k = 1; k <= 3; k += 1) {
        village.live(k);
        const timeUs = startUs + k * quarterUs;
        const inputs = meters.map((meter) =>
          input(meter.kind, village.message(meter, timeUs, { intervalStartUs: timeUs - quarterUs }), timeUs),
        );
        answers.push(step(service, timeUs, inputs));
      }
      return JSON.stringify(answers);
    };
    expect(run()).toBe(run());
  });
});

/** The truth of the present situation as a forecast, with a sigma of a fifth. */
function perfectForecast(village: Village): Forecast {
  const { document } = village.grid;
  const actual = village.flow.actualPowers();
  const sum = (powers: Float64Array, i: number) => powers[6 * i]! + powers[6 * i + 2]! + powers[6 * i + 4]!;
  const series = (component: string, power: number) => ({
    component,
    activePowerW: [power, power],
    activePowerSigmaW: [0.2 * Math.abs(power), 0.2 * Math.abs(power)],
  });
  return {
    schema: 'platone.forecast/1',
    issuer: 'x',
    timestamp: formatInstant(startUs),
    start: formatInstant(startUs),
    stepUs: quarterUs,
    series: [
      ...document.loads.map((load, i) => series(`load:${load.id}`, sum(actual.load, i))),
      ...document.generators.map((generator, i) => series(`generator:${generator.id}`, sum(actual.generator, i))),
    ],
  };
}

/** The same as sums of all loads and of all generators, uncertain by this share of them. */
function siteForecast(village: Village, uncertainty: number): Forecast {
  const perCustomer = perfectForecast(village);
  const site = (component: string, prefix: string) => {
    const power = perCustomer.series
      .filter((series) => series.component.startsWith(prefix))
      .reduce((sum, { activePowerW }) => sum + activePowerW[0]!, 0);
    return {
      component,
      activePowerW: [power, power],
      activePowerSigmaW: [uncertainty * power, uncertainty * power],
    };
  };
  return { ...perCustomer, series: [site('site:load', 'load:'), site('site:generation', 'generator:')] };
}
