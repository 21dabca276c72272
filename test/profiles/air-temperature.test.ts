/** The air over the site: usual for season and hour, a drift of its own stream, a file, and what loads and roofs make of it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { InvalidInputError } from '../../grids/problem.ts';
import { parseInstant } from '../../platform/contract/time.ts';
import { climateTemperatureC } from '../../platform/forecasting/clear-sky.ts';
import { usualTemperatureC } from '../../platform/forecasting/temperature.ts';
import { createAirTemperature } from '../../sim/profiles/air-temperature.ts';
import { createProfiles } from '../../sim/profiles/profiles.ts';
import type { ScenarioInput } from '../../sim/scenario/schema.ts';
import { profilesOf, village } from './village.ts';

const directory = mkdtempSync(join(tmpdir(), 'twin-air-'));
afterAll(() => rmSync(directory, { recursive: true }));

const HOUR_US = 3600e6;
const start = '2021-01-15T00:00:00+01:00';
const startUs = parseInstant(start);
const clock = { start, duration: 24 * HOUR_US, step: 10e6 };
const grid = village(6, 3);

const airOf = (temperature: NonNullable<ScenarioInput['profiles']>['temperature'], seed = '1') =>
  createAirTemperature({ profile: profilesOf({ temperature }).temperature, grid, seed, clock, directory });

/** Sums of load and generation of every minute of `hours`. */
function powers(profiles: ScenarioInput['profiles'], hours = 14) {
  const world = createProfiles({ grid, profiles: profilesOf(profiles), seed: '1', clock, directory });
  const out = { loadPower: new Float64Array(6 * 6), generatorPower: new Float64Array(6 * 3) };
  const [loads, generation]: [string[], string[]] = [[], []];
  for (let minute = 0; minute < 60 * hours; minute += 1) {
    const fromUs = startUs + minute * 60e6;
    world.at(fromUs + 60e6, fromUs, out);
    loads.push(out.loadPower.join());
    generation.push(out.generatorPower.join());
  }
  return { loads, generation };
}

describe('air temperature', () => {
  test('without a word of the scenario it is the mean of the climate, and nothing feels it', () => {
    const air = airOf(undefined);
    expect(air.meanC(startUs, startUs + HOUR_US)).toBe(climateTemperatureC(14));
    expect(air.loadFactor(startUs, startUs + HOUR_US)).toBe(1);
    expect(air.assumption).toBeUndefined();
  });

  test('usual: coldest in mid January, warmest at three in the afternoon by the sun, and the day’s mean is the climate’s', () => {
    const at = (text: string) => usualTemperatureC(parseInstant(text), 0);
    expect(at('2021-01-15T15:00:00Z') - at('2021-01-15T03:00:00Z')).toBeCloseTo(4, 1);
    expect(at('2021-07-15T15:00:00Z') - at('2021-07-15T03:00:00Z')).toBeCloseTo(10, 1);
    const hours = Array.from({ length: 24 }, (_, hour) => usualTemperatureC(startUs + hour * HOUR_US, 8.63));
    expect(hours.reduce((sum, airC) => sum + airC, 0) / 24).toBeCloseTo(climateTemperatureC(15), 1);
  });

  test('the drift has the stated spread and memory, whatever the step and the order of asking', () => {
    const usual = (timeUs: number) => usualTemperatureC(timeUs, 8.63);
    let square = 0;
    let product = 0;
    const count = 400;
    for (let seed = 0; seed < count; seed += 1) {
      const air = airOf({ sigma: '3 K' }, `drift-${seed}`);
      const [a, b] = [startUs, startUs + 72 * HOUR_US].map((timeUs) => air.meanC(timeUs, timeUs) - usual(timeUs));
      square += (a ?? 0) ** 2 / count;
      product += ((a ?? 0) * (b ?? 0)) / count;
    }
    // Standard errors of 400 draws: 7 % of the variance, 5 % of the correlation.
    expect(square / 9).toBeGreaterThan(0.8);
    expect(square / 9).toBeLessThan(1.2);
    expect(Math.abs(product / square - Math.exp(-1))).toBeLessThan(0.15);
    const [forth, back] = [airOf({}), airOf({})];
    const hours = Array.from({ length: 48 }, (_, hour) => startUs + hour * HOUR_US);
    const late = hours.toReversed().map((timeUs) => back.meanC(timeUs, timeUs));
    expect(hours.map((timeUs) => forth.meanC(timeUs, timeUs))).toEqual(late.toReversed());
  });

  test('an anomaly is added as it stands, and loads grow by the stated share per K below the limit', () => {
    const [usual, cold] = [airOf({ sigma: '0 K' }), airOf({ sigma: '0 K', anomaly: '-9 K', loadPerKelvin: '2 %' })];
    const step = [startUs, startUs + 900e6] as const;
    expect(cold.meanC(...step) - usual.meanC(...step)).toBeCloseTo(-9, 12);
    expect(cold.loadFactor(...step)).toBeCloseTo(1.18, 12);
    const warm = airOf({ sigma: '0 K', anomaly: '40 K', loadPerKelvin: '2 %' });
    // Nothing is heated above 15 C: what is usual falls away, 15 C less what is usual at that hour.
    expect(warm.loadFactor(...step)).toBeCloseTo(1 - 0.02 * (15 - usual.meanC(...step)), 12);
  });

  test('weather changes no household; PV follows the air, loads as told', () => {
    const plain = powers({});
    const weather = powers({ temperature: {} });
    expect(weather.loads).toEqual(plain.loads);
    expect(weather.generation).not.toEqual(plain.generation);
    const heated = powers({ temperature: { sigma: '0 K', anomaly: '-9 K', loadPerKelvin: '2 %' } });
    expect(heated.loads).not.toEqual(plain.loads);
    expect(powers({ temperature: { sigma: '0 K', anomaly: '-9 K' } }).generation).toEqual(heated.generation);
  });

  test('a file in its own unit, zone and with gaps goes before all that; what it does not cover is told', () => {
    const rows = (unit: (airC: number) => number, hours = 24) =>
      Array.from({ length: hours }, (_, hour) => {
        const time = `2021-01-15 ${String(hour).padStart(2, '0')}:00`;
        return hour === 5 ? `${time},` : `${time},${unit(hour - 10)}`;
      });
    const csv = {
      file: 'air.csv',
      time: 'time',
      temperature: 't',
      zone: 'Europe/Berlin',
      gaps: 'interpolate',
    } as const;
    const read = (unit: 'C' | 'K' | 'F', toUnit: (airC: number) => number, hours?: number) => {
      writeFileSync(join(directory, 'air.csv'), ['time,t', ...rows(toUnit, hours)].join('\n'));
      return airOf({ kind: 'csv', csv: { ...csv, unit } });
    };
    for (const [unit, toUnit] of [
      ['C', (airC: number) => airC],
      ['K', (airC: number) => airC + 273.15],
      ['F', (airC: number) => 1.8 * airC + 32],
    ] as const) {
      const air = read(unit, toUnit);
      expect(air.meanC(startUs + 5 * HOUR_US, startUs + 6 * HOUR_US)).toBeCloseTo(-5, 9);
      expect(air.meanC(startUs + 10 * HOUR_US, startUs + 12 * HOUR_US)).toBeCloseTo(0.5, 9);
      // Only a weather service asks beyond the run.
      expect(air.meanC(startUs + 30 * HOUR_US, startUs + 31 * HOUR_US)).toBeCloseTo(13, 9);
    }
    expect(() => read('C', (airC) => airC, 20)).toThrow(InvalidInputError);
    expect(() => airOf({ kind: 'csv' })).toThrow('profiles.temperature.csv');
  });
});
