/** `twin powerflow` as other programs read it: the promised JSON, phase arrays, nulls, and no convergence as an answer. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { powerflow } from '../../cli/commands/powerflow.ts';
import type { PowerFlowAnswer } from '../../cli/power-flow-answer.ts';
import type { GridDocumentInput } from '../../grids/schema.ts';

const folder = mkdtempSync(join(tmpdir(), 'twin-powerflow-'));
afterAll(() => rmSync(folder, { recursive: true }));

function fileOf(document: GridDocumentInput): string {
  const file = join(folder, `${document.name}.json`);
  writeFileSync(file, JSON.stringify(document));
  return file;
}

/** 1 pu of resistance on 400 V and 1 MVA, and a dead bus behind a line out of service. */
const grid = (name: string, activePowerW: number): GridDocumentInput => ({
  schema: 1,
  name,
  representation: 'positive-sequence',
  buses: ['a', 'b', 'c'].map((id) => ({ id, nominalVoltageV: 400 })),
  lines: [
    { id: 'l', from: 'a', to: 'b', lengthM: 1000, r1OhmPerKm: 0.16, x1OhmPerKm: 0, ratedCurrentA: 200 },
    { id: 'off', from: 'b', to: 'c', lengthM: 1, r1OhmPerKm: 1, x1OhmPerKm: 0, inService: false },
  ],
  loads: [{ id: 'load', bus: 'b', activePowerW }],
  externalGrids: [{ id: 'grid', bus: 'a' }],
});

test('json has the keys of the public interface, ids of the source, null for what is dead', () => {
  const { text, converged } = powerflow(fileOf(grid('small', 100_000)), 'json');
  expect(converged).toBe(true);
  const answer = JSON.parse(text) as Record<string, unknown>;
  expect(Object.keys(answer)).toEqual([
    'converged',
    'iterations',
    'method',
    'buses',
    'branches',
    'lossesW',
    'shuntsW',
    'externalGrids',
    'generators',
  ]);
  const v = (1 + Math.sqrt(0.6)) / 2;
  expect(answer).toMatchObject({
    converged: true,
    buses: [
      { id: 'a', vmPu: 1, vaDeg: 0 },
      { id: 'b', vmPu: expect.closeTo(v, 9) as number, vaDeg: expect.closeTo(0, 9) as number },
      { id: 'c', vmPu: null, vaDeg: null },
    ],
    branches: [
      { id: 'l', pFromW: expect.closeTo(1e6 * (1 - v), 2) as number, pToW: expect.closeTo(-1e5, 2) as number },
      { id: 'off', pFromW: 0, pToW: null },
    ],
    lossesW: expect.closeTo(1e6 * (1 - v) ** 2, 2) as number,
    externalGrids: [
      { id: 'grid', pW: expect.closeTo(1e6 * (1 - v), 2) as number, qVar: expect.closeTo(0, 2) as number },
    ],
    generators: [],
  });
});

test('a three-phase grid has arrays of three', () => {
  const answer = JSON.parse(powerflow('abbenhausen', 'json').text) as {
    buses: { id: string; vmPu: number[] }[];
    branches: { id: string; pFromW: number[] }[];
  };
  expect(answer.buses[1]).toMatchObject({
    id: 'busbar',
    vmPu: [expect.any(Number), expect.any(Number), expect.any(Number)],
  });
  const transformer = answer.branches.find((branch) => branch.id === 'transformer')!;
  expect(transformer.pFromW.reduce((sum, p) => sum + p, 0)).toBeGreaterThan(50_950);
});

test('the table shows voltages, flows, loading and the totals', () => {
  const { text } = powerflow(fileOf(grid('table', 100_000)), 'table');
  expect(text).toMatch(/^b +0\.88730 +0\.000$/m);
  expect(text).toMatch(/^l +a +b +112\.70 +0\.00 +-100\.00 +0\.00 +81\.3$/m);
  expect(text).toContain('Losses 12.702 kW, import 112.702 kW');
  expect(text).toContain('Lowest voltage 0.88730 pu at bus b');
  expect(text).toContain('1 bus is without voltage');
});

test('what shunts draw is consumption: neither losses, nor left out of the balance', () => {
  const shunt = { id: 'heater', bus: 'b', activePowerW: 10_000 };
  const file = fileOf({ ...grid('shunt', 90_000), shunts: [shunt] });
  const answer = JSON.parse(powerflow(file, 'json').text) as PowerFlowAnswer;
  const { pFromW, pToW } = answer.branches[0]!;
  const v = answer.buses[1]!.vmPu as number;
  expect(answer.lossesW).toBeCloseTo((pFromW as number) + (pToW as number), 3);
  expect(answer.shuntsW).toBeCloseTo(10_000 * v ** 2, 3);
  expect(answer.externalGrids[0]!.pW).toBeCloseTo(90_000 + answer.shuntsW! + answer.lossesW!, 3);
  const { text } = powerflow(file, 'table');
  expect(text).toContain(
    `Losses ${(answer.lossesW! / 1000).toFixed(3)} kW, shunts ${(answer.shuntsW! / 1000).toFixed(3)} kW, import`,
  );
});

test('no convergence is said with its place, and without figures that would mislead', () => {
  const file = fileOf(grid('heavy', 260_000));
  const json = powerflow(file, 'json');
  expect(json.converged).toBe(false);
  expect(JSON.parse(json.text)).toMatchObject({
    converged: false,
    // A quarter of a per unit is the most that the resistance lets through.
    reason: expect.stringMatching(/^no convergence after \d+ iterations .* at bus b; .* about 96 %/) as string,
    method: 'newton',
    worstBuses: [{ id: 'b', mismatchVA: expect.closeTo(10_000, -3) as number }],
    buses: [{ vmPu: null }, { vmPu: null }, { vmPu: null }],
    lossesW: null,
  });
  const { historyVA, iterations } = JSON.parse(json.text) as { historyVA: number[]; iterations: number };
  expect(historyVA).toHaveLength(iterations + 1);
  expect(powerflow(file, 'table').text).toMatch(/^heavy: no convergence/);
});

/** Two buses, a generator that holds the far one with little reactive power to spare. */
const held = (name: string): GridDocumentInput => ({
  ...grid(name, 100_000),
  lines: [{ id: 'l', from: 'a', to: 'b', lengthM: 1000, r1OhmPerKm: 0.05, x1OhmPerKm: 0.08 }],
  buses: ['a', 'b'].map((id) => ({ id, nominalVoltageV: 400 })),
  generators: [{ id: 'g', bus: 'b', voltageControl: { voltagePu: 1.02, maxReactivePowerVar: 50_000 } }],
});

test('reactive limits are kept or ignored on request, and generators at one are named', () => {
  const file = fileOf(held('held'));
  type Answer = { buses: { vmPu: number }[]; method: string; limitedGenerators?: string[] };
  const kept = JSON.parse(powerflow(file, 'json').text) as Answer;
  expect(kept).toMatchObject({ method: 'newton', limitedGenerators: ['g'] });
  expect(kept.buses[1]!.vmPu).toBeLessThan(1);
  const free = JSON.parse(powerflow(file, 'json', { limits: 'ignore' }).text) as Answer;
  expect(free.limitedGenerators).toBeUndefined();
  expect(free.buses[1]!.vmPu).toBeCloseTo(1.02, 9);
  expect(powerflow(file, 'table').text).toContain('At a reactive limit, so without their voltage: generators g.');
});

test('a method that cannot solve the grid is refused with the reason, another is used', () => {
  expect(() => powerflow(fileOf(held('linear')), 'json', { method: 'linear' })).toThrow(/cannot hold the voltage/);
  const file = fileOf(grid('chosen', 100_000));
  for (const method of ['sweep', 'newton', 'current-injection', 'linear'] as const) {
    expect(JSON.parse(powerflow(file, 'json', { method }).text)).toMatchObject({ converged: true, method });
  }
  // v = 1 / (1 + 0.1) with the load as a conductance of 0.1 pu.
  const { buses } = JSON.parse(powerflow(file, 'json', { method: 'linear' }).text) as { buses: { vmPu: number }[] };
  expect(buses[1]!.vmPu).toBeCloseTo(1 / 1.1, 9);
});

test('taps move on request', () => {
  const document: GridDocumentInput = {
    ...grid('taps', 100_000),
    buses: [
      { id: 'a', nominalVoltageV: 20_000 },
      { id: 'b', nominalVoltageV: 400 },
    ],
    lines: [],
    transformers: [
      {
        id: 't',
        from: 'a',
        to: 'b',
        ratedPowerVA: 250_000,
        ratedVoltageFromV: 20_000,
        ratedVoltageToV: 400,
        vkPercent: 4,
        vkrPercent: 1,
        vectorGroup: 'Dyn5',
        tap: {
          position: 0,
          stepPercent: 2.5,
          min: -4,
          max: 4,
          control: { side: 'to', voltageV: 415, bandV: 12 },
        },
      },
    ],
  };
  const file = fileOf(document);
  const answer = JSON.parse(powerflow(file, 'json', { taps: 'nearest' }).text) as { taps: object };
  expect(answer.taps).toEqual({ status: 'held', positions: [{ id: 't', position: -2 }] });
  expect(powerflow(file, 'table', { taps: 'nearest' }).text).toContain('Tap control: held, t at -2.');
  expect(JSON.parse(powerflow(file, 'json').text)).not.toHaveProperty('taps');
});
