/** Meter messages become observations: who is known, complete and on time, in one direction; the others are left out. */
import { describe, expect, test } from 'vitest';
import type { Measurement, Reading } from '../../platform/contract/measurement.ts';
import { formatInstant, parseInstant } from '../../platform/contract/time.ts';
import { forecastingConfigSchema } from '../../platform/forecasting/config.ts';
import { createMeteredSite } from '../../platform/forecasting/metered-site.ts';
import { forecasting } from '../../platform/forecasting/service.ts';
import type { Input } from '../../platform/service/definition.ts';

const QUARTER_US = 900e6;
const startUs = parseInstant('2021-04-01T12:00:00+02:00');
const config = forecastingConfigSchema.parse({
  source: 'model',
  site: 'germany',
  location: { latitudeDeg: 52.83, longitudeDeg: 8.63 },
  customers: [
    { id: 'house-1', annualEnergyWh: 3e6 },
    { id: 'house-2', annualEnergyWh: 3e6 },
  ],
  pvSystems: [{ id: 'pv-2', peakPowerW: 10e3 }],
  meters: [
    { device: 'meter-1', customers: ['house-1'], pvSystems: [] },
    { device: 'meter-2', customers: ['house-2', 'house-that-is-not-there'], pvSystems: ['pv-2'] },
  ],
});

const power = (phase: Reading['phase'], data: number): Reading => ({
  component: 'bus:house',
  measurand: 'activepower',
  phase,
  data,
});
const phases = (...values: readonly number[]) =>
  (['A', 'B', 'C'] as const).slice(0, values.length).map((phase, index) => power(phase, values[index] ?? 0));

function meter(device: string, quarter: number, readings: readonly Reading[], more: Partial<Measurement> = {}): Input {
  const [fromUs, toUs] = [startUs + (quarter - 1) * QUARTER_US, startUs + quarter * QUARTER_US];
  const message: Measurement = {
    schema: 'platone.measurement/1',
    device,
    timestamp: formatInstant(toUs),
    sequence: quarter,
    interval: { start: formatInstant(fromUs), end: formatInstant(toUs) },
    readings: [...readings],
    ...more,
  };
  const topic = `/bal/germany/smart-meter/${device}`;
  return { topic, kind: 'smart-meter', message, taggedUs: toUs, late: false };
}

describe('an observation', () => {
  test('holds the net power of every known connection over the interval, phases summed, in one direction', () => {
    const observation = createMeteredSite(config).take([
      meter('meter-1', 1, phases(100, 200, 300)),
      meter('meter-2', 1, phases(1000, 1000, 500), { positiveDirection: -1 }),
      meter('meter-of-a-stranger', 1, phases(1, 1, 1)),
    ]);
    expect(observation).toEqual({
      fromUs: startUs,
      toUs: startUs + QUARTER_US,
      connections: [
        { netW: 600, customers: [0], systems: [] },
        { netW: -2500, customers: [1], systems: [0] },
      ],
    });
  });

  test('takes a total as it stands, and one phase for a third', () => {
    const net = (readings: readonly Reading[], more: Partial<Measurement> = {}) =>
      createMeteredSite(config).take([meter('meter-1', 1, readings, more)])?.connections[0]?.netW;
    expect(net([power('total', 750), ...phases(1, 2, 3)])).toBe(750);
    expect(net([power('total', 750)], { positiveDirection: -1 })).toBe(-750);
    expect(net(phases(200))).toBe(600);
    expect(net(phases(200), { positiveDirection: -1 })).toBe(-600);
  });

  test('leaves out what is invalid, incomplete, without interval, or no meter', () => {
    const site = createMeteredSite(config);
    const whole = meter('meter-1', 1, phases(1, 2, 3));
    const { interval: _, ...instantaneous } = whole.message as Measurement;
    expect(
      site.take([
        meter('meter-1', 1, phases(1, 2, 3), { quality: { valid: false } }),
        meter('meter-1', 1, phases(1, 2)),
        { ...whole, message: instantaneous },
        { ...whole, kind: 'pmu' },
      ]),
    ).toBeUndefined();
    expect(site.take([whole])?.connections).toHaveLength(1);
  });

  test('is of the newest interval, once; what comes late was missed', () => {
    const site = createMeteredSite(config);
    const late = meter('meter-1', 1, phases(9, 9, 9));
    const observation = site.take([late, meter('meter-2', 2, phases(1, 1, 1))]);
    expect(observation?.toUs).toBe(startUs + 2 * QUARTER_US);
    expect(observation?.connections.map(({ customers }) => customers)).toEqual([[1]]);
    expect(site.take([late])).toBeUndefined();
    expect(site.take([meter('meter-2', 2, phases(1, 1, 1))])).toBeUndefined();
  });
});

test('the service reads its meters and says so: the forecast after a hungry quarter hour is higher', () => {
  expect(forecasting.inputs(config)).toEqual(['/bal/germany/smart-meter/+']);
  const said = (inputs: readonly Input[]) => {
    const core = forecasting.create(config);
    core.step({ timeUs: startUs, sequence: 1, inputs: [], final: false });
    const [output] = core.step({ timeUs: startUs + QUARTER_US, sequence: 2, inputs, final: false });
    const { series } = (output?.message ?? { series: [] }) as {
      series: readonly { readonly component: string; readonly activePowerW: readonly number[] }[];
    };
    return {
      loadW: series.find(({ component }) => component === 'site:load')?.activePowerW[1] ?? 0,
      metrics: core.metrics?.(),
    };
  };
  const usual = said([]);
  const hungry = said([meter('meter-1', 1, phases(700, 700, 700))]);
  expect(hungry.loadW).toBeGreaterThan(1.1 * usual.loadW);
  expect([usual.metrics?.['observations'], hungry.metrics?.['observations']]).toEqual([0, 1]);
});
