/** Forecasts add up, follow the clock and the sun, end where their source ends, and stay small. */
import { readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { forecastSchema, type Forecast } from '../../platform/contract/forecast.ts';
import { formatInstant, parseInstant } from '../../platform/contract/time.ts';
import { createH0 } from '../../platform/forecasting/h0.ts';
import { forecasting } from '../../platform/forecasting/service.ts';
import { hasReference, referencePath } from '../reference.ts';
import { scheduleByRule } from '../../platform/balancer/rules.ts';

const QUARTER_US = 900e6;
const midnightUs = parseInstant('2021-04-01T00:00:00+02:00');
const noonUs = parseInstant('2021-04-01T13:30:00+02:00');

const site = {
  source: 'model',
  site: 'germany',
  location: { latitudeDeg: 52.83, longitudeDeg: 8.63 },
  customers: [
    { id: 'house-1', annualEnergyWh: 3e6 },
    { id: 'house-2', annualEnergyWh: 5e6, powerFactor: 1 },
  ],
  pvSystems: [
    { id: 'pv-1', peakPowerW: 10e3, tiltDeg: 30, azimuthDeg: 135 },
    { id: 'pv-2', peakPowerW: 20e3 },
  ],
} as const;

function publishAt(timeUs: number, options: object = {}): Forecast | undefined {
  const core = forecasting.create(forecasting.configSchema.parse({ ...site, ...options }));
  const [output] = core.step({ timeUs, sequence: 1, inputs: [], final: false });
  return output?.message as Forecast | undefined;
}

function powers(forecast: Forecast | undefined, component: string): readonly number[] {
  return forecast?.series.find((series) => series.component === component)?.activePowerW ?? [];
}

function sigmas(forecast: Forecast | undefined, component: string): readonly number[] {
  return forecast?.series.find((series) => series.component === component)?.activePowerSigmaW ?? [];
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);

describe('from the site facts', () => {
  const forecast = publishAt(midnightUs);

  test('is a valid message: 24 h of site sums, two steps of each part, one step before the instant', () => {
    expect(forecastSchema.parse(forecast)).toEqual(forecast);
    expect(forecast?.start).toBe(formatInstant(midnightUs - QUARTER_US));
    expect(forecast?.series.map((series) => [series.component, series.activePowerW.length])).toEqual([
      ['site:load', 97],
      ['site:generation', 97],
      ['load:house-1', 3],
      ['load:house-2', 3],
      ['generator:pv-1', 3],
      ['generator:pv-2', 3],
    ]);
  });

  test('the parts add up to the site in every step, whatever the hour', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 366 * 96 }), (quarters) => {
        const message = publishAt(midnightUs + quarters * QUARTER_US);
        for (const step of [0, 1, 2]) {
          const parts = (kind: string) =>
            sum(
              message?.series.filter((s) => s.component.startsWith(kind)).map((s) => s.activePowerW[step] ?? 0) ?? [],
            );
          expect(parts('load:')).toBeCloseTo(powers(message, 'site:load')[step] ?? Number.NaN, 2);
          expect(parts('generator:')).toBeCloseTo(powers(message, 'site:generation')[step] ?? Number.NaN, 2);
        }
      }),
      { numRuns: 40 },
    );
  });

  test('the load is H0 with its dynamic factor, in proportion to annual energy', () => {
    const h0 = createH0('Europe/Berlin');
    for (const [step, power] of powers(forecast, 'site:load').entries()) {
      const beginUs = midnightUs + (step - 1) * QUARTER_US;
      expect(power).toBeCloseTo(8 * h0.at(beginUs), 2);
    }
    expect((powers(forecast, 'load:house-2')[1] ?? 0) / (powers(forecast, 'load:house-1')[1] ?? 0)).toBeCloseTo(
      5 / 3,
      4,
    );
    const house = forecast?.series.find((series) => series.component === 'load:house-1');
    expect((house?.reactivePowerVar?.[0] ?? 0) / (house?.activePowerW[0] ?? 1)).toBeCloseTo(
      Math.tan(Math.acos(0.95)),
      4,
    );
    expect(forecast?.series.find((series) => series.component === 'load:house-2')?.reactivePowerVar?.[0]).toBe(0);
  });

  test('chance averages out between customers, the weather does not', () => {
    const [total, part, other] = ['site:load', 'load:house-1', 'load:house-2'].map(
      (name) => sigmas(forecast, name)[1] ?? 0,
    );
    expect(total).toBeLessThan((part ?? 0) + (other ?? 0));
    expect(total).toBeGreaterThan(Math.max(part ?? 0, other ?? 0));
    const exact = publishAt(midnightUs, { loadSigma: { relative: 0, applianceW: 0 } });
    expect(sigmas(exact, 'site:load').every((sigma) => sigma === 0)).toBe(true);
    const day = publishAt(noonUs);
    // One sky over all of them, and a little of its own over each.
    const roofs = sum(['generator:pv-1', 'generator:pv-2'].map((name) => sigmas(day, name)[1] ?? 0));
    expect(roofs).toBeGreaterThan(sigmas(day, 'site:generation')[1] ?? Number.NaN);
    expect(roofs).toBeLessThan(1.1 * (sigmas(day, 'site:generation')[1] ?? Number.NaN));
  });

  test('PV: nothing at night, a plausible clear day, and less the cloudier it is', () => {
    const generation = powers(publishAt(midnightUs, { clearness: { mean: 1, sigma: 0 } }), 'site:generation');
    expect(generation.slice(0, 24).every((power) => power === 0)).toBe(true);
    const peakW = Math.max(...generation);
    // 30 kWp on a clear spring day at 53 degrees north: 65 to 90 % of the peak power at noon, 4.5 to 6.5 kWh per kWp.
    expect(peakW / 30e3).toBeGreaterThan(0.65);
    expect(peakW / 30e3).toBeLessThan(0.9);
    const kWhPerKWp = (sum(generation.slice(1)) * 0.25) / 30e3;
    expect(kWhPerKWp).toBeGreaterThan(4.5);
    expect(kWhPerKWp).toBeLessThan(6.5);
    const noonStep = generation.indexOf(peakW) - 1;
    expect(midnightUs + noonStep * QUARTER_US).toBeGreaterThan(noonUs - 2 * 3600e6);
    expect(midnightUs + noonStep * QUARTER_US).toBeLessThan(noonUs + 1 * 3600e6);
    const cloudy = powers(publishAt(midnightUs, { clearness: { mean: 0.4, sigma: 0.1 } }), 'site:generation');
    expect(cloudy.every((power, step) => power <= (generation[step] ?? 0))).toBe(true);
    expect(sum(cloudy)).toBeLessThan(0.5 * sum(generation));
  });

  test('a site of 90 houses and 40 systems fits into 40 kB', () => {
    const customers = Array.from({ length: 90 }, (_, index) => ({ id: `house-${index}`, annualEnergyWh: 3e6 + index }));
    const pvSystems = Array.from({ length: 40 }, (_, index) => ({ id: `pv-${index}`, peakPowerW: 7e3 + index }));
    const message = publishAt(noonUs, { customers, pvSystems });
    expect(JSON.stringify(message).length).toBeLessThan(40_000);
    expect(message?.series.length).toBe(132);
  });
});

describe('from a series', () => {
  const series = {
    source: 'series',
    site: 'germany',
    location: undefined,
    start: '2021-04-01T00:00:00+02:00',
    loadW: [100, 200, 300, 400],
    generationW: [0, 10, 20, 30],
    relativeSigma: 0.1,
  };
  const given = (timeUs: number, options: object = {}) => {
    const { location: _, ...config } = { ...site, ...series, ...options };
    const core = forecasting.create(forecasting.configSchema.parse(config));
    const [output] = core.step({ timeUs, sequence: 1, inputs: [], final: false });
    return output?.message as Forecast | undefined;
  };

  test('gives its very values, as far as it goes, shared out by energy and peak power', () => {
    const first = given(midnightUs);
    expect(first?.start).toBe(formatInstant(midnightUs));
    expect(powers(first, 'site:load')).toEqual([100, 200, 300, 400]);
    expect(sigmas(first, 'site:load')).toEqual([10, 20, 30, 40]);
    expect(powers(first, 'load:house-1')).toEqual([37.5, 75]);
    expect(powers(first, 'generator:pv-2')).toEqual([0, 6.667]);
    const third = given(midnightUs + 2 * QUARTER_US);
    expect(third?.start).toBe(formatInstant(midnightUs + QUARTER_US));
    expect(powers(third, 'site:load')).toEqual([200, 300, 400]);
    expect(given(midnightUs + 4 * QUARTER_US)).toBeUndefined();
    expect(given(midnightUs - QUARTER_US)).toBeUndefined();
  });

  test('steps of another length are means over the series', () => {
    const halfHours = given(midnightUs, { stepUs: 2 * QUARTER_US, pastSteps: 0 });
    expect(powers(halfHours, 'site:load')).toEqual([150, 350]);
    const twentyMinutes = given(midnightUs, { stepUs: 1200e6, pastSteps: 0 });
    expect(powers(twentyMinutes, 'site:load')).toEqual([125, 250, 375]);
    const fine = given(midnightUs, { stepUs: QUARTER_US / 3, pastSteps: 0 });
    expect(powers(fine, 'site:load').slice(0, 4)).toEqual([100, 100, 100, 200]);
  });

  test('series of unequal length, a start that is no instant, an unknown zone and unknown keys are refused', () => {
    const refuses = (config: object) => forecasting.configSchema.safeParse(config).error?.issues[0]?.path.join('.');
    const { location: _, ...good } = { ...site, ...series };
    expect(refuses(good)).toBeUndefined();
    expect(refuses({ ...good, generationW: [1] })).toBe('generationW');
    expect(refuses({ ...good, loadW: [] })).toBe('loadW');
    expect(refuses({ ...good, loadW: [1, Number.NaN, 2, 3] })).toBe('loadW.1');
    expect(refuses({ ...good, start: '2021-04-01' })).toBe('start');
    expect(refuses({ ...site, zone: 'Europe/Abbenhausen' })).toBe('zone');
    expect(refuses({ ...site, horizon: 1 })).toBe('');
  });
});

describe('the service', () => {
  test('publishes at the first instant and then on the quarter hours, on its topic', () => {
    const core = forecasting.create(forecasting.configSchema.parse(site));
    const published: number[] = [];
    for (let second = 0; second <= 3600; second += 10) {
      const timeUs = midnightUs + 130e6 + second * 1e6;
      const outputs = core.step({ timeUs, sequence: 1 + second / 10, inputs: [], final: false });
      expect(outputs.every(({ topic }) => topic === 'dsotp/forecast/germany/forecasting')).toBe(true);
      if (outputs.length > 0) published.push((timeUs - midnightUs) / 1e6);
    }
    expect(published).toEqual([130, 900, 1800, 2700, 3600]);
    expect(core.metrics?.()).toEqual({ forecasts: 5, withoutForecast: 0, observations: 0 });
  });

  test('what it remembers between forecasts is what it would compute anew', () => {
    const core = forecasting.create(forecasting.configSchema.parse(site));
    for (let quarter = 0; quarter < 300; quarter++) {
      const timeUs = midnightUs + quarter * QUARTER_US;
      const [output] = core.step({ timeUs, sequence: quarter + 1, inputs: [], final: false });
      const fresh = quarter % 99 === 0 ? publishAt(timeUs) : output?.message;
      expect(output?.message).toEqual(fresh);
    }
  });
});

describe.skipIf(!hasReference)('German site days (recorded; skipped when the reference folder is absent)', () => {
  // Table "The German days with the plain rule": day, import and export after, kWh.
  test.each([
    ['2021-04-01', 149.24, 281.26],
    ['2021-04-02', 122.31, 21.86],
    ['2021-04-04', 363.2, 0],
    ['2021-04-08', 131.69, 0],
    ['2021-04-11', 375.08, 0],
    ['2021-04-12', 126.85, 368.21],
    ['2021-04-15', 121.54, 321.15],
  ])('%s as its own forecast: the rule leaves %d kWh import and %d kWh export', (day, importKWh, exportKWh) => {
    const rows = readFileSync(referencePath(`german-site-days/${day}.csv`), 'utf8')
      .trim()
      .split('\n')
      .slice(1);
    const cells = rows.map((row) => row.split(','));
    const core = forecasting.create(
      forecasting.configSchema.parse({
        source: 'series',
        site: 'germany',
        start: cells[0]?.[0],
        loadW: cells.map((row) => Number(row[2]) * 1000),
        generationW: cells.map((row) => Number(row[3]) * 1000),
      }),
    );
    const startUs = parseInstant(cells[0]?.[0] ?? '');
    const [output] = core.step({ timeUs: startUs, sequence: 1, inputs: [], final: false });
    const forecast = output?.message as Forecast;
    const generation = powers(forecast, 'site:generation');
    const net = powers(forecast, 'site:load').map((load, step) => load - (generation[step] ?? 0));
    const battery = {
      maxDischargeW: 300e3,
      maxChargeW: 300e3,
      capacityWh: 800e3,
      socMin: 0.0875,
      socMax: 0.875,
      chargeEfficiency: 1,
      dischargeEfficiency: 1,
    };
    const exchange = scheduleByRule(battery, 0.0875, net, 0, 900).map((step) => step.exchangeW);
    expect(sum(exchange.map((power) => Math.max(0, power))) / 4e3).toBeCloseTo(importKWh, 1);
    expect(sum(exchange.map((power) => Math.max(0, -power))) / 4e3).toBeCloseTo(exportKWh, 1);
  });
});
