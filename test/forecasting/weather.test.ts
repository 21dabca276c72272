/** Weather on its way to the forecast: what a station's messages change in it, what is not believed, and a run with both. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parquetReadObjects } from 'hyparquet';
import { describe, expect, test } from 'vitest';
import type { Forecast } from '../../platform/contract/forecast.ts';
import type { Measurement } from '../../platform/contract/measurement.ts';
import { formatInstant, parseInstant } from '../../platform/contract/time.ts';
import { forecasting } from '../../platform/forecasting/service.ts';
import { usualTemperatureC } from '../../platform/forecasting/temperature.ts';
import { rehearse } from '../run/rehearsal.ts';

const QUARTER_US = 900e6;
const startUs = parseInstant('2021-01-15T00:00:00+01:00');
const usualC = (timeUs: number) => usualTemperatureC(timeUs, 8.63);

function create(temperature: object = {}) {
  const config = forecasting.configSchema.parse({
    source: 'model',
    site: 'germany',
    location: { latitudeDeg: 52.83, longitudeDeg: 8.63 },
    customers: [{ id: 'house', annualEnergyWh: 270e6 }],
    temperature: { station: 'weather', loadPerKelvin: 0.02, ...temperature },
  });
  const core = forecasting.create(config);
  let sequence = 0;
  return (timeUs: number, message?: Measurement): readonly number[] => {
    sequence += 1;
    const input = {
      topic: '/bal/germany/weather-station/weather',
      kind: 'weather-station',
      taggedUs: timeUs,
      late: false,
    };
    const inputs = message === undefined ? [] : [{ ...input, message }];
    const [output] = core.step({ timeUs, sequence, inputs, final: false });
    const forecast = output?.message as Forecast;
    return forecast.series.find(({ component }) => component === 'site:load')?.activePowerW.slice(1) ?? [];
  };
}

/** The air is `anomaly` off what is usual over the quarter hour before, and will be `expected` off for so many hours. */
function report(timeUs: number, anomaly: number, expected?: { anomaly: number; hours: number }): Measurement {
  const hourUs = Math.floor(timeUs / 3600e6) * 3600e6;
  return {
    schema: 'platone.measurement/1',
    device: 'weather',
    timestamp: formatInstant(timeUs),
    sequence: 0,
    interval: { start: formatInstant(timeUs - QUARTER_US), end: formatInstant(timeUs) },
    readings: [
      {
        component: 'site:air',
        measurand: 'airtemperature',
        phase: 'total',
        data: usualC(timeUs - QUARTER_US / 2) + anomaly,
      },
    ],
    ...(expected && {
      outlook: {
        start: formatInstant(hourUs),
        stepUs: QUARTER_US,
        airTemperatureC: Array.from(
          { length: 4 * expected.hours },
          (_, quarter) => usualC(hourUs + (quarter + 0.5) * QUARTER_US) + expected.anomaly,
        ),
      },
    }),
  };
}

const growth = (told: readonly number[], usual: readonly number[], hour: number) =>
  (told[4 * hour] ?? Number.NaN) / (usual[4 * hour] ?? Number.NaN) - 1;

describe('weather in the forecast', () => {
  const usual = create()(startUs);

  test('a weather service that expects a cold day makes every hour of it hungrier, by 2 %/K', () => {
    const told = create()(startUs, report(startUs, 0, { anomaly: -8, hours: 30 }));
    for (const hour of [0, 6, 12, 23]) expect(growth(told, usual, hour)).toBeCloseTo(0.16, 2);
    const light = create({ loadPerKelvin: 0.01 })(startUs, report(startUs, 0, { anomaly: -8, hours: 30 }));
    expect(growth(light, usual, 12)).toBeCloseTo(0.08, 2);
  });

  test('without a weather service the cold that is measured is believed for now, and less for later', () => {
    const told = create()(startUs, report(startUs, -8));
    expect(growth(told, usual, 0)).toBeCloseTo(0.16, 2);
    // Two days is what weather lasts: after 23 h exp(-23/48) of it is left.
    expect(growth(told, usual, 23)).toBeCloseTo(0.16 * Math.exp(-23 / 48), 2);
    const ends = create()(startUs, report(startUs, 0, { anomaly: -8, hours: 6 }));
    expect(growth(ends, usual, 5)).toBeCloseTo(0.16, 2);
    expect(growth(ends, usual, 20)).toBeGreaterThan(0.1);
    expect(growth(ends, usual, 20)).toBeLessThan(0.14);
  });

  test('what comes late, behind newer weather, changes nothing of what is expected', () => {
    const [one, other] = [create(), create()];
    for (const each of [one, other]) each(startUs, report(startUs, -2, { anomaly: -2, hours: 6 }));
    const late = report(startUs - 3600e6, -8, { anomaly: -8, hours: 30 });
    expect(one(startUs + QUARTER_US, late)).toEqual(other(startUs + QUARTER_US));
  });

  test('what a thermometer cannot show, and what it flags, is not believed; nor is such an outlook', () => {
    const [good] = report(startUs, -8).readings;
    if (good === undefined) throw new Error('a report has a reading');
    const flagged = { ...report(startUs, -8), quality: { valid: false } };
    const burnt = { ...report(startUs, -8), readings: [{ ...good, data: 850 }] };
    const mute = { ...report(startUs, -8), readings: [{ ...good, measurand: 'frequency' as const }] };
    for (const message of [flagged, burnt, mute]) expect(create()(startUs, message)).toEqual(usual);
    const mad = report(startUs, -8, { anomaly: 400, hours: 30 });
    expect(create()(startUs, mad)).toEqual(create()(startUs, report(startUs, -8)));
  });
});

describe('a run with weather', () => {
  const quick = [
    'clock.duration=30min',
    'clock.step=1min',
    'platform.stateEstimation=false',
    'platform.powerCalculation=false',
  ];
  const read = async (directory: string, table: string) => {
    const file = readFileSync(join(directory, 'series', `${table}.parquet`));
    return parquetReadObjects({ file: file.buffer.slice(file.byteOffset, file.byteOffset + file.byteLength) });
  };

  test('a station changes nothing of what other devices say, its messages are all accounted for, and forecasts hear it', async () => {
    const base = ['profiles.temperature={ anomaly: -9 K, loadPerKelvin: 2 % }', ...quick];
    const scenarioFile = 'scenarios/germany/uc1-cold-spell.yaml';
    const devices =
      'devices=[{ kind: pmu, id: pmu-breaker, at: "branch:transformer:to", every: 1min }, { kind: smart-meter, at: "bus:house-0*" }]';
    const withStation = devices.replace(/\]$/, ', { kind: weather-station, id: weather }]');
    const set = [...base, 'platform.balancer=false', 'expect=[]'];
    const alone = await rehearse({ scenarioFile, set: [...set, devices] });
    const both = await rehearse({ scenarioFile, set: [...set, withStation] });
    const said = await read(both.directory, 'measurements');
    const weather = said.filter(({ device }) => device === 'weather');
    expect(said.filter(({ device }) => device !== 'weather')).toEqual(await read(alone.directory, 'measurements'));
    expect(weather.map(({ measurand }) => measurand)).toEqual(Array<string>(3).fill('airtemperature'));
    // The record holds what the air really was, whoever measures it, and the report draws both.
    const truth = await read(both.directory, 'truth-weather');
    expect(truth).toEqual(await read(alone.directory, 'truth-weather'));
    expect(truth.map(({ timeUs }) => timeUs)).toEqual(weather.map(({ timeUs }) => timeUs));
    // A 0.2 K thermometer; the first report is of a quarter hour before the run.
    truth.slice(1).forEach((row, k) => {
      expect(Math.abs(Number(weather[k + 1]?.['value']) - Number(row['airTemperatureC']))).toBeLessThan(1);
    });
    const page = readFileSync(join(both.directory, 'report.html'), 'utf8');
    expect(page).toContain('weather station');
    expect(readFileSync(join(alone.directory, 'report.html'), 'utf8')).not.toContain('Air temperature');
    expect(both.report.messages).toMatchObject({ lost: { observed: 0 }, unexplained: 0, refused: 0 });
    expect(both.report.verdict).toBe('pass');
    const load = async ({ directory }: typeof both) =>
      (await read(directory, 'forecasts')).find(({ component }) => component === 'site:load')?.['activePowerW'];
    expect(Number(await load(both)) / Number(await load(alone))).toBeGreaterThan(1.05);
  });
});
