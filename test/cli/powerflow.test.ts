/** `twin powerflow` as other programs read it: the promised JSON, phase arrays, nulls, and no convergence as an answer. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { powerflow } from '../../cli/commands/powerflow.ts';
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
  expect(Object.keys(answer)).toEqual(['converged', 'iterations', 'method', 'buses', 'branches', 'lossesW']);
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
