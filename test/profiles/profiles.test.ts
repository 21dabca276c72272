import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { loadGrid } from '../../grids/load.ts';
import { InvalidInputError } from '../../grids/problem.ts';
import { gridDocumentSchema, type GridDocument } from '../../grids/schema.ts';
import { parseInstant } from '../../platform/contract/time.ts';
import { createH0 } from '../../platform/forecasting/h0.ts';
import { meanClearSkyIndex } from '../../sim/profiles/clouds.ts';
import { createProfiles, type ProfilePowers } from '../../sim/profiles/profiles.ts';
import type { ScenarioInput } from '../../sim/scenario/schema.ts';
import { profilesOf, village } from './village.ts';

const clock = { start: '2021-04-01T00:00:00+02:00', duration: 86_400e6, step: 10e6 };
const START_US = parseInstant(clock.start);
const directory = mkdtempSync(join(tmpdir(), 'twin-profiles-'));
afterAll(() => rmSync(directory, { recursive: true }));

function setUp(grid: GridDocument, profiles: ScenarioInput['profiles'], seed = '1') {
  const phases = grid.representation === 'three' ? 3 : 1;
  const out: ProfilePowers = {
    loadPower: new Float64Array(2 * phases * grid.loads.length),
    generatorPower: new Float64Array(2 * phases * grid.generators.length),
  };
  const source = createProfiles({ grid, profiles: profilesOf(profiles), seed, clock, directory });
  return { out, source };
}

/** Active power, every second entry. */
function activeSum(power: Float64Array): number {
  return power.reduce((sum, value, i) => (i % 2 === 0 ? sum + value : sum), 0);
}

/** Runs `count` steps of `stepUs` and hands the arrays to `visit` after each, the initial instant left out. */
function run(
  grid: GridDocument,
  profiles: ScenarioInput['profiles'],
  visit: (out: ProfilePowers, timeUs: number) => void,
  { seed = '1', stepUs = 60e6, count = 1440 } = {},
): void {
  const { source, out } = setUp(grid, profiles, seed);
  source.at(START_US, START_US, out);
  for (let step = 1; step <= count; step += 1) {
    source.at(START_US + step * stepUs, START_US + (step - 1) * stepUs, out);
    visit(out, START_US + step * stepUs);
  }
}

function problemsOf(action: () => unknown): readonly { path: string; message: string }[] {
  try {
    action();
  } catch (error) {
    if (error instanceof InvalidInputError) return error.problems;
    throw error;
  }
  return [];
}

describe('profiles', () => {
  test('variation 0 gives the H0 profile for the sum of all loads, with its power factor', () => {
    const h0 = createH0();
    run(
      village(90, 0),
      { load: { households: 90, annualEnergy: '3000 kWh', variation: 0, powerFactor: 0.95 } },
      ({ loadPower }, timeUs) => {
        expect(activeSum(loadPower) / (270 * h0.mean(timeUs - 60e6, timeUs))).toBeCloseTo(1, 12);
        expect((loadPower[1] ?? 0) / (loadPower[0] ?? 0)).toBeCloseTo(Math.tan(Math.acos(0.95)), 12);
      },
      { count: 120 },
    );
  });

  test('the 302 kWp of Abbenhausen under the default clouds yield 1,100 to 1,400 kWh on 1 April 2021, for 20 seeds', () => {
    const yields = Array.from({ length: 20 }, (_, seed) => {
      let energyKWh = 0;
      run(
        loadGrid('abbenhausen'),
        { pv: { capacity: '302 kWp' } },
        (out) => (energyKWh += activeSum(out.generatorPower) / 60e3),
        {
          seed: String(seed),
        },
      );
      return energyKWh;
    });
    expect(Math.min(...yields)).toBeGreaterThan(1100);
    expect(Math.max(...yields)).toBeLessThan(1400);
    expect(new Set(yields).size).toBe(20);
  });

  test('cover orders the yields, and the mean clear-sky index is what the process gives', () => {
    const noon = { from: START_US + 11 * 3600e6, to: START_US + 15 * 3600e6 };
    const means = (['clear', 'fair', 'broken', 'overcast'] as const).map((clouds) => {
      let energy = 0;
      for (const seed of ['1', '2', '3', '4', '5', '6']) {
        run(
          village(1, 10),
          { pv: { clouds } },
          (out, timeUs) => {
            if (timeUs > noon.from && timeUs <= noon.to) energy += activeSum(out.generatorPower);
          },
          { seed, count: 900 },
        );
      }
      return { energy, index: meanClearSkyIndex(clouds) };
    });
    const [clear] = means;
    for (const { energy, index } of means) {
      // Cooler modules under clouds give a little more than the index; six days of site-wide clouds scatter.
      expect(Math.abs(energy / (clear?.energy ?? 0) - index / (clear?.index ?? 0))).toBeLessThan(0.1);
    }
    expect(means.map(({ energy }) => energy)).toEqual(means.map(({ energy }) => energy).sort((a, b) => b - a));
  });

  test('adding a household or a roof changes no other series', () => {
    // Same kWp per roof on both sides: the village's own scale must not come into it.
    const scaled = (houses: number, roofs: number) => {
      const grid = village(houses, roofs);
      return { ...grid, generators: grid.generators.map((generator) => ({ ...generator, ratedPowerW: 5000 })) };
    };
    const record = (houses: number, roofs: number) => {
      const rows: number[][] = [];
      run(
        scaled(houses, roofs),
        { load: {}, pv: {} },
        (out) => rows.push([...out.loadPower.subarray(0, 30), ...out.generatorPower.subarray(0, 18)]),
        { stepUs: 600e6, count: 144 },
      );
      return rows;
    };
    expect(record(6, 4)).toEqual(record(5, 3));
  });

  test('a positive-sequence grid carries a third of the sum on its only phase', () => {
    const three = village(3, 2);
    const one: GridDocument = { ...three, representation: 'positive-sequence' };
    const sums: number[][] = [[], []];
    for (const [i, grid] of [three, one].entries()) {
      run(grid, { load: {}, pv: {} }, (out) => sums[i]?.push(activeSum(out.loadPower), activeSum(out.generatorPower)), {
        count: 900,
      });
    }
    const [full = [], third = []] = sums;
    expect(full.length).toBe(1800);
    full.forEach((sum, i) => expect(third[i]).toBeCloseTo(sum / 3, 6));
  });

  test('kind grid keeps the document: sums in thirds, single phases and per-phase values in their place', () => {
    const grid = gridDocumentSchema.parse({
      schema: 1,
      name: 'fixed',
      representation: 'three',
      buses: [{ id: 'b', nominalVoltageV: 400 }],
      loads: [
        { id: 'sum', bus: 'b', activePowerW: 300, reactivePowerVar: 30 },
        { id: 'single', bus: 'b', connection: 'B', activePowerW: 100 },
        { id: 'each', bus: 'b', activePowerW: { A: 1, C: 3 }, reactivePowerVar: { B: 2 } },
        { id: 'off', bus: 'b', activePowerW: 300, inService: false },
      ],
      generators: [{ id: 'wind', bus: 'b', kind: 'wind', activePowerW: 600 }],
    });
    const { source, out } = setUp(grid, { load: { kind: 'grid' } });
    source.at(START_US, START_US, out);
    expect([...out.loadPower]).toEqual([
      100, 10, 100, 10, 100, 10, 0, 0, 100, 0, 0, 0, 1, 0, 0, 2, 3, 0, 0, 0, 0, 0, 0, 0,
    ]);
    expect([...out.generatorPower]).toEqual([200, 0, 200, 0, 200, 0]);
  });

  test('a file replaces the profile: totals are preserved at every step, shared by energy and by capacity', () => {
    const grid = village(3, 2);
    const energies = [1e6, 2e6, 5e6];
    grid.loads.forEach((load, i) => Object.assign(load, { annualEnergyWh: energies[i] }));
    const rows = Array.from(
      { length: 24 },
      (_, hour) => `2021-04-01T${String(hour).padStart(2, '0')}:00:00+02:00,${10 + hour},${hour * 2}`,
    );
    writeFileSync(join(directory, 'day.csv'), ['timestamp,load_kw,pv_kw', ...rows].join('\n'));
    const csv = { file: 'day.csv', load: 'load_kw', pv: 'pv_kw' };
    run(
      grid,
      { load: { kind: 'csv', csv }, pv: { kind: 'csv', csv } },
      (out, timeUs) => {
        // The row of hour h applies to (h, h + 1].
        const hour = Math.ceil((timeUs - START_US) / 3600e6) - 1;
        expect(activeSum(out.loadPower)).toBeCloseTo((10 + hour) * 1000, 9);
        expect(activeSum(out.generatorPower)).toBeCloseTo(hour * 2000, 8);
        expect(activeSum(out.loadPower.subarray(12, 18))).toBeCloseTo(((10 + hour) * 1000 * 5) / 8, 8);
        expect(activeSum(out.generatorPower.subarray(0, 6))).toBeCloseTo(hour * 1000, 8);
      },
      { stepUs: 600e6, count: 144 },
    );
  });

  test('faults are told together: number of households, location, file', () => {
    const grid = { ...village(5, 2), location: undefined } as unknown as GridDocument;
    const problems = problemsOf(() => setUp(grid, { load: { households: 6 }, pv: {} }));
    expect(problems.map(({ path }) => path)).toEqual(['profiles.load.households', 'profiles.pv.kind']);
    expect(problems[0]?.message).toContain('is 6 but grid "village" has 5 loads');
    const csv = { file: 'none.csv', load: 'a', pv: 'b' };
    const both = problemsOf(() => setUp(village(2, 1), { load: { kind: 'csv', csv }, pv: { kind: 'csv', csv } }));
    expect(both.map(({ message }) => message)).toEqual(['file does not exist', 'file does not exist']);
    expect(problemsOf(() => setUp(village(2, 1), { load: { kind: 'csv' } }))[0]?.path).toBe('profiles.load.csv');
    const bare = gridDocumentSchema.parse({ ...village(2, 0), loads: [{ id: 'l', bus: 'house-01' }] });
    expect(problemsOf(() => setUp(bare, { load: {} }))[0]?.message).toContain('no load in service with annualEnergyWh');
  });
});
