/** The historian keeps every message of every kind, in the columns that the record promises. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Estimate } from '../../platform/contract/estimate.ts';
import type { Forecast } from '../../platform/contract/forecast.ts';
import { historyTables } from '../../platform/contract/history.ts';
import type { Measurement } from '../../platform/contract/measurement.ts';
import type { Setpoint } from '../../platform/contract/setpoint.ts';
import { parseInstant } from '../../platform/contract/time.ts';
import { historian } from '../../platform/historian/service.ts';
import type { Input } from '../../platform/service/definition.ts';

let folder = '';
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'twin-historian-'))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const timestamp = '2021-04-01T12:00:00Z';
const timeUs = parseInstant(timestamp);
const input = (kind: string, topic: string, message: object, late = false): Input => ({
  kind,
  topic,
  message,
  taggedUs: timeUs,
  late,
});

const pmu: Measurement = {
  schema: 'platone.measurement/1',
  device: 'pmu-breaker',
  timestamp,
  sequence: 0,
  readings: [
    { component: 'branch:transformer:to', measurand: 'voltmagnitude', phase: 'A', data: 231.5, sigma: 1 },
    { component: 'branch:transformer:to', measurand: 'currmagnitude', phase: 'A', data: 40 },
  ],
};
const estimate: Estimate = {
  schema: 'platone.estimate/1',
  estimator: 'wls',
  timestamp,
  interval: { start: '2021-04-01T11:45:00Z', end: timestamp },
  status: 'converged',
  iterations: 4,
  buses: [
    {
      id: 'busbar',
      voltageMagnitudeV: [230, 231, null],
      voltageAngleRad: [0, -2, null],
      voltageMagnitudeSigmaV: [1, 1, null],
      voltageAngleSigmaRad: [0.1, 0.1, null],
    },
    {
      id: 'single',
      voltageMagnitudeV: [230],
      voltageAngleRad: [0],
      voltageMagnitudeSigmaV: [1],
      voltageAngleSigmaRad: [0.1],
    },
  ],
  branches: [],
  objective: 12.5,
  inventory: [{ source: 'pmu-breaker', kind: 'pmu', count: 2, ageUsMax: 0, sigmaRelativeMedian: 0.01 }],
};
const setpoint: Setpoint = {
  schema: 'platone.setpoint/1',
  device: 'cbes',
  timestamp,
  sequence: 0,
  activePowerW: -12_000,
  validForUs: 30_000_000,
  issuer: 'balancer',
};
const forecast: Forecast = {
  schema: 'platone.forecast/1',
  issuer: 'forecasting',
  timestamp,
  start: timestamp,
  stepUs: 900_000_000,
  series: [
    {
      component: 'site:load',
      activePowerW: [1000, 1100],
      activePowerSigmaW: [100, 110],
      quantiles: [
        { probability: 0.1, activePowerW: [900, 950] },
        { probability: 0.5, activePowerW: [990, 1080] },
        { probability: 0.9, activePowerW: [1150, 1300] },
      ],
    },
  ],
};

async function table(name: string): Promise<Record<string, unknown>[]> {
  return parquetReadObjects({ file: await asyncBufferFromFile(join(folder, 'series', `${name}.parquet`)) });
}

test('every kind of message reaches its table', async () => {
  const config = historian.configSchema.parse({ site: 'germany', directory: join(folder, 'series'), upstreams: ['x'] });
  expect(historian.upstreams(config)).toEqual(['x']);
  const core = historian.create(config);
  const inputs = [
    input('pmu', '/bal/germany/pmu/pmu-breaker', pmu),
    input('power', 'dsotp/power/germany/pmu-breaker', { ...pmu, readings: pmu.readings.slice(0, 1) }, true),
    input('estimate', 'dsotp/estimate/germany/wls', estimate),
    input('setpoint', 'setpoint/germany/cbes', setpoint),
    input('forecast', 'dsotp/forecast/germany/forecasting', forecast),
    input('repudiation', 'dsotp/repudiation/germany/x', {}),
  ];
  expect(core.step({ timeUs, sequence: 1, inputs, final: true })).toEqual([]);
  expect(existsSync(join(folder, 'series'))).toBe(false);
  await core.finish?.();

  expect(await table('measurements')).toEqual([
    {
      timeUs,
      kind: 'pmu',
      device: 'pmu-breaker',
      component: 'branch:transformer:to',
      measurand: 'voltmagnitude',
      phase: 'A',
      value: 231.5,
    },
    {
      timeUs,
      kind: 'pmu',
      device: 'pmu-breaker',
      component: 'branch:transformer:to',
      measurand: 'currmagnitude',
      phase: 'A',
      value: 40,
    },
    {
      timeUs,
      kind: 'power',
      device: 'pmu-breaker',
      component: 'branch:transformer:to',
      measurand: 'voltmagnitude',
      phase: 'A',
      value: 231.5,
    },
  ]);
  expect(await table('estimate-runs')).toEqual([
    {
      timeUs,
      estimator: 'wls',
      intervalStartUs: timeUs - 900e6,
      status: 'converged',
      iterations: 4,
      objective: 12.5,
      degreesOfFreedom: -1,
      chiSquareLimit: Number.NaN,
      inventory: JSON.stringify(estimate.inventory),
      suspects: '[]',
      modelFindings: '',
    },
  ]);
  const states = await table('estimates');
  expect(states.map((row) => [row['bus'], row['phase'], row['voltageV']])).toEqual([
    ['busbar', 'A', 230],
    ['busbar', 'B', 231],
    ['busbar', 'C', Number.NaN],
    ['single', 'positive', 230],
  ]);
  expect(await table('setpoints')).toEqual([{ timeUs, device: 'cbes', activePowerW: -12_000, issuer: 'balancer' }]);
  const row = { issuedUs: timeUs, component: 'site:load' };
  expect(await table('forecasts')).toEqual([
    { ...row, timeUs: timeUs + 900e6, activePowerW: 1000, activePowerSigmaW: 100, quantile10W: 900, quantile90W: 1150 },
    {
      ...row,
      timeUs: timeUs + 1800e6,
      activePowerW: 1100,
      activePowerSigmaW: 110,
      quantile10W: 950,
      quantile90W: 1300,
    },
  ]);
  expect(core.metrics?.()).toMatchObject({ 'measurements.rows': 3, 'estimates.rows': 4 });
});

test('a run without messages leaves every table, empty, with its columns', async () => {
  const core = historian.create(historian.configSchema.parse({ site: 'x', directory: join(folder, 'series') }));
  await core.finish?.();
  for (const name of Object.keys(historyTables)) expect(await table(name)).toEqual([]);
});
