/** `twin estimate` reads native measurements, answers in the published form, and names every fault in its place. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { estimate } from '../../cli/commands/estimate.ts';
import type { describeEstimate } from '../../cli/estimate-answer.ts';
import { compileGrid } from '../../grids/compile.ts';
import { loadGrid } from '../../grids/load.ts';
import { InvalidInputError, type Problem } from '../../grids/problem.ts';
import { measurementFileSchema } from '../../platform/state-estimation/measurement-file.ts';
import { createPowerFlow } from '../../sim/physics/power-flow.ts';
import { twin } from '../cli/harness.ts';

const folder = mkdtempSync(join(tmpdir(), 'twin-estimate-'));
afterAll(() => rmSync(folder, { recursive: true }));

function write(name: string, value: unknown): string {
  const file = join(folder, name);
  writeFileSync(file, typeof value === 'string' ? value : JSON.stringify(value, undefined, 2));
  return file;
}

interface Row {
  id: string;
  kind: string;
  at: string;
  phase?: string;
  value: number;
  sigma: number;
  unit?: string;
}

/** Exact measurements of a network's power flow: magnitude, P and Q at every bus but those without injection. */
function measure(name: string, unit?: 'pu'): { rows: Row[]; voltage: Float64Array; lossesW: number } {
  const grid = compileGrid(loadGrid(name));
  const flow = createPowerFlow(grid, { tolerancePu: 1e-13 });
  flow.solve();
  const rows: Row[] = [];
  const { phases } = grid;
  const actual = flow.actualPowers().load;
  const power = phases === 1 ? 3 : 1;
  for (const bus of grid.document.buses) {
    const index = grid.busIndex.get(bus.id)!;
    for (let p = 0; p < phases; p += 1) {
      const k = 2 * (index * phases + p);
      const common = { at: `bus:${bus.id}`, ...(phases === 3 && { phase: 'ABC'[p]! }), ...(unit && { unit }) };
      const vm = Math.hypot(flow.voltage[k]!, flow.voltage[k + 1]!);
      const volt = unit === 'pu' ? 1 : grid.baseVoltageV[index]!;
      rows.push({ id: `v-${bus.id}-${p}`, kind: 'voltageMagnitude', ...common, value: vm * volt, sigma: 0.001 * volt });
      const at = grid.document.loads.flatMap((load, i) => (load.bus === bus.id ? [i] : []));
      if (at.length === 0) continue;
      for (const [q, kind] of ['activePower', 'reactivePower'].entries()) {
        const watts = -power * at.reduce((sum, i) => sum + actual[2 * (i * phases + p) + q]!, 0);
        const base = unit === 'pu' ? power * grid.basePowerVA : 1;
        rows.push({ id: `${kind}-${bus.id}-${p}`, kind, ...common, value: watts / base, sigma: 10_000 / base });
      }
    }
  }
  return { rows, voltage: flow.voltage, lossesW: flow.totals().lossesW };
}

function faults(gridName: string, text: unknown): readonly Problem[] {
  try {
    estimate(gridName, write('faults.json', text), 'json');
  } catch (error) {
    if (error instanceof InvalidInputError) return error.problems;
    throw error;
  }
  return [];
}

describe('twin estimate', () => {
  for (const unit of [undefined, 'pu'] as const) {
    test(`exact measurements of ieee-33 in ${unit ?? 'SI'} give its power flow`, () => {
      const { rows, voltage, lossesW } = measure('ieee-33', unit);
      const { text, converged } = estimate('ieee-33', write('m.json', { measurements: rows }), 'json');
      const answer = JSON.parse(text);
      expect(converged).toBe(true);
      expect(Object.keys(answer)).toEqual([
        'converged',
        'iterations',
        'method',
        'buses',
        'branches',
        'lossesW',
        'lossesSigmaW',
        'shuntsW',
        'shuntsSigmaW',
        'objective',
        'degreesOfFreedom',
        'chiSquareLimit',
        'suspects',
        'observable',
        'unobservedBuses',
        'residuals',
        'criticalMeasurements',
        'removed',
      ]);
      answer.buses.forEach((bus: { vmPu: number }, i: number) => {
        expect(bus.vmPu).toBeCloseTo(Math.hypot(voltage[2 * i]!, voltage[2 * i + 1]!), 8);
      });
      expect(answer.lossesW).toBeCloseTo(lossesW, 1);
      // Nothing is estimated without its standard deviation.
      const bare = answer.branches.flatMap((branch: Record<string, number>) =>
        ['pFrom/W', 'qFrom/Var', 'pTo/W', 'qTo/Var', 'iFrom/A', 'iTo/A']
          .filter((name) => {
            const [value, sigma] = ['', 'Sigma'].map((word) => branch[name.replace('/', word)]);
            return !Number.isFinite(value) || !Number.isFinite(sigma);
          })
          .map((name) => `${branch['id']} ${name}`),
      );
      expect(bare).toEqual([]);
      // The first line carries the whole feeder: 3.715 MW, 2.3 Mvar and the losses at 12.66 kV.
      expect(answer.branches[0].iFromA).toBeCloseTo(Math.hypot(3_917_677, 2_435_141) / (Math.sqrt(3) * 12_660), 2);
      const { text: table } = estimate('ieee-33', write('m.json', { measurements: rows }), 'table');
      expect(table).toMatch(/Losses 202\.677 kW, sigma \d+\.\d+ kW\./);
      expect(table).toMatch(/^branch +P from kW +sigma +Q from kvar +sigma +I from A +sigma$/m);
      expect(answer).toMatchObject({ observable: true, unobservedBuses: [], suspects: [] });
      expect(answer.degreesOfFreedom).toBe(rows.length - 65);
    });
  }

  test('a three-phase grid answers with phase arrays; its delta side is fixed by a balanced source', () => {
    const { rows, voltage } = measure('abbenhausen');
    // The community battery at the busbar is idle.
    for (const phase of ['A', 'B', 'C']) {
      for (const kind of ['activePower', 'reactivePower']) {
        rows.push({ id: `battery-${kind}-${phase}`, kind, at: 'bus:busbar', phase, value: 0, sigma: 100 });
      }
    }
    const { text, converged } = estimate('abbenhausen', write('m3.json', { measurements: rows }), 'json');
    expect(converged).toBe(true);
    const answer = JSON.parse(text);
    const grid = compileGrid(loadGrid('abbenhausen'));
    const house = answer.buses.find((bus: { id: string }) => bus.id === 'house-90');
    const k = 6 * grid.busIndex.get('house-90')!;
    expect(house.vmPu[1]).toBeCloseTo(Math.hypot(voltage[k + 2]!, voltage[k + 3]!), 7);
    expect(answer.branches[0].pFromW).toHaveLength(3);
  });

  test('an unobservable part is named and the exit code says so', () => {
    const { rows } = measure('ieee-33');
    const few = rows.filter((row) => ['bus:1', 'bus:2'].includes(row.at));
    const { text, converged } = estimate('ieee-33', write('few.json', { measurements: few }), 'json');
    const answer = JSON.parse(text);
    expect(converged).toBe(false);
    expect(answer).toMatchObject({ converged: false, observable: false });
    expect(answer.unobservedBuses).toContain('18');
    expect(answer.observableIslands.flat()).toHaveLength(33);
    const table = estimate('ieee-33', write('few.json', { measurements: few }), 'table').text;
    expect(table).toContain('Unobserved buses');
    expect(table).toContain('To observe all of them, measure besides:');
    // What is proposed makes the rest observable: one value for each of the two unknowns of 31 buses.
    const proposed = answer.proposedMeasurements.map((row: Row, i: number) => ({
      ...row,
      id: `new-${i}`,
      ...(row.kind === 'voltageMagnitude' ? { value: 1, sigma: 0.01 } : { value: 0, sigma: 0.01 }),
      unit: 'pu',
    }));
    const added = estimate('ieee-33', write('more.json', { measurements: [...few, ...proposed] }), 'json');
    expect(JSON.parse(added.text)).toMatchObject({ observable: true, unobservedBuses: [] });
  });

  test('what balanced sources fix is not told as missing, and what is proposed suffices', () => {
    const { rows } = measure('abbenhausen');
    const phases = ['A', 'B', 'C'];
    const ask = (measurements: readonly Row[]) =>
      JSON.parse(estimate('abbenhausen', write('silent.json', { measurements }), 'json').text) as ReturnType<
        typeof describeEstimate
      >;
    const powersAt = (at: string): Row[] =>
      ['activePower', 'reactivePower'].flatMap((kind) =>
        phases.map((phase) => ({ id: `${kind}-${at}-${phase}`, kind, at, phase, value: 0, sigma: 100 })),
      );
    // Two silent houses leave one feeder open; with the battery at the busbar unknown besides, nothing has an angle.
    for (const [known, open] of [
      [powersAt('bus:busbar'), 35],
      [[], 182],
    ] as const) {
      const few = [...rows.filter(({ at }) => !['bus:house-01', 'bus:house-02'].includes(at)), ...known];
      const answer = ask(few);
      expect(answer.unobservedBuses).toHaveLength(open);
      const proposed = answer.proposedMeasurements!.map((row, i) => ({ ...row, id: `new-${i}`, value: 0, sigma: 100 }));
      expect(proposed).toHaveLength(answer.missingValues!);
      // An angle between two phases would have asked for powers at the source's own bus.
      expect(new Set(proposed.map(({ at }) => at))).toEqual(
        new Set(['bus:house-01', ...(known.length > 0 ? [] : ['bus:busbar'])]),
      );
      expect(ask([...few, ...proposed])).toMatchObject({ observable: true, unobservedBuses: [] });
    }
  });

  test('a gross error shows in the table', () => {
    const { rows } = measure('ieee-33');
    rows.find((row) => row.id === 'v-10-0')!.value *= 1.05;
    const { text } = estimate('ieee-33', write('bad.json', { measurements: rows }), 'table');
    expect(text).toContain('bad data suspected');
    expect(text).toContain('Suspect: v-10-0');
  });

  test('bad data is removed on request, or loses its weight', () => {
    const { rows, voltage } = measure('ieee-33');
    const index = rows.findIndex((row) => row.id === 'v-10-0');
    rows[index]!.value *= 1.05;
    const file = write('bad.json', { measurements: rows });
    const cleaned = JSON.parse(estimate('ieee-33', file, 'json', { removeBadData: true }).text);
    expect(cleaned.removed.map(({ measurement }: { measurement: string }) => measurement)).toEqual(['v-10-0']);
    const robust = JSON.parse(estimate('ieee-33', file, 'json', { estimator: 'schweppe-huber' }).text);
    const plain = JSON.parse(estimate('ieee-33', file, 'json').text);
    const error = (answer: { buses: { vmPu: number }[] }) =>
      Math.max(...answer.buses.map(({ vmPu }, i) => Math.abs(vmPu - Math.hypot(voltage[2 * i]!, voltage[2 * i + 1]!))));
    expect(error(cleaned)).toBeLessThan(1e-8);
    expect(error(robust)).toBeLessThan(0.2 * error(plain));
    expect(estimate('ieee-33', file, 'table', { removeBadData: true }).text).toContain('Removed: v-10-0');
  });

  test('two that only check each other, but for losses, are named together, and none is removed', async () => {
    const lines = ['ab', 'bc', 'cd', 'be', 'ef', 'fg'].map(([from, to], i) => ({
      id: `l${i}`,
      from,
      to,
      lengthM: 1000,
      r1OhmPerKm: 0.3,
      x1OhmPerKm: 0.12,
    }));
    const grid = write('spur.json', {
      schema: 1,
      name: 'a spur',
      representation: 'positive-sequence',
      buses: ['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((id) => ({ id, nominalVoltageV: 20_000 })),
      lines,
      loads: ['c', 'd', 'f', 'g'].map((bus) => ({ id: `load-${bus}`, bus, activePowerW: 5e5, reactivePowerVar: 1e5 })),
      externalGrids: [{ id: 'e', bus: 'a', voltagePu: 1.02 }],
    });
    const power = (id: string, at: string, active: number, reactive: number) => [
      { id: `p${id}`, kind: 'activePower', at, value: active, sigma: 1e4 },
      { id: `q${id}`, kind: 'reactivePower', at, value: reactive, sigma: 1e4 },
    ];
    const v = { id: 'v', kind: 'voltageMagnitude', at: 'bus:a', value: 1.02, sigma: 0.002, unit: 'pu' };
    const buses = ['c', 'd', 'f', 'g'].flatMap((bus) => power(bus, `bus:${bus}`, -5e5, -1e5));
    // Really 500 kW flow into the last line, and its losses.
    const measurements = [v, ...buses, ...power('-line', 'branch:l5:from', 9e5, 1e5)];
    const ask = (name: string, rows: readonly object[], ...more: string[]) =>
      twin(['estimate', grid, write(name, { measurements: rows }), '--remove-bad-data', ...more]);
    const { code, out, err } = await ask('pair.json', measurements, '--format', 'json');
    const answer = JSON.parse(out) as ReturnType<typeof describeEstimate>;
    expect(code).toBe(20);
    expect(answer).toMatchObject({ converged: true, removed: [] });
    expect(Object.fromEntries(answer.suspects.map((one) => [one.measurement, one.indistinguishableFrom]))).toEqual({
      'p-line': ['pg'],
      pg: ['p-line'],
    });
    expect(err).toMatch(/pg, p-line contradict each other.*none was removed/);
    const table = await ask('pair.json', measurements);
    expect(table.out).toMatch(/Suspect: pg, normalised residual 28\.\d+; cannot be told apart from p-line/);
    // Without one of them nothing that counts checks the other; with a third the wrong one goes.
    const alone = measurements.filter(({ id }) => id !== 'pg');
    const bare = JSON.parse((await ask('alone.json', alone, '--format', 'json')).out) as typeof answer;
    expect(bare.criticalMeasurements).toContain('p-line');
    const third = await ask('third.json', [...measurements, ...power('-third', 'branch:l5:to', -5e5, -1e5)]);
    expect(third.code).toBe(0);
    expect(third.out).toContain('Removed: p-line');
  });

  test('what nothing else checks is named', () => {
    const { rows } = measure('ieee-33');
    const bare = rows.filter((row) => row.kind !== 'voltageMagnitude' || row.at === 'bus:1');
    const answer = JSON.parse(estimate('ieee-33', write('bare.json', { measurements: bare }), 'json').text);
    expect(answer.degreesOfFreedom).toBe(0);
    expect(answer.criticalMeasurements).toHaveLength(bare.length);
  });

  test('a switch between two metered busbars: the sum of both counts', () => {
    const bus = (id: string) => ({ id, nominalVoltageV: 10_000 });
    const grid = {
      schema: 1,
      name: 'two busbars',
      representation: 'positive-sequence',
      buses: [bus('a'), bus('b1'), bus('b2')],
      lines: [{ id: 'l', from: 'a', to: 'b1', lengthM: 1000, r1OhmPerKm: 0.1, x1OhmPerKm: 0.1 }],
      switches: [{ id: 's', from: 'b1', to: 'b2', closed: true }],
      loads: [
        { id: 'one', bus: 'b1', activePowerW: 1e5 },
        { id: 'two', bus: 'b2', activePowerW: 2e5 },
      ],
      externalGrids: [{ id: 'g', bus: 'a' }],
    };
    const power = (id: string, at: string, value: number) => ({ id, kind: 'activePower', at, value, sigma: 3000 });
    const reactive = (at: string) => ({ id: `q-${at}`, kind: 'reactivePower', at, value: 0, sigma: 3000 });
    const v = { id: 'v', kind: 'voltageMagnitude', at: 'bus:a', value: 1, sigma: 0.01, unit: 'pu' };
    const both = [
      v,
      power('one', 'bus:b1', -1e5),
      power('two', 'bus:b2', -2e5),
      reactive('bus:b1'),
      reactive('bus:b2'),
    ];
    const file = write('busbars.json', grid);
    const answer = JSON.parse(estimate(file, write('both.json', { measurements: both }), 'json').text);
    expect(answer.branches[0].pToW).toBeCloseTo(-3e5, 0);
    expect(answer.branches[0].pToSigmaW).toBeCloseTo(3000 * Math.SQRT2, 3);
    // One section alone says nothing about the sum.
    const one = both.filter(({ id }) => id !== 'two');
    const half = JSON.parse(estimate(file, write('one.json', { measurements: one }), 'json').text);
    expect(half.observable).toBe(false);
  });

  test('tap positions are taken as reported, or found', () => {
    const grid = (position: number) => ({
      schema: 1,
      name: 'tap',
      representation: 'positive-sequence',
      buses: [
        { id: 'hv', nominalVoltageV: 110_000 },
        { id: 'lv', nominalVoltageV: 20_000 },
      ],
      transformers: [
        {
          id: 't1',
          from: 'hv',
          to: 'lv',
          ratedPowerVA: 25e6,
          ratedVoltageFromV: 110_000,
          ratedVoltageToV: 20_000,
          vkPercent: 12,
          vkrPercent: 0.41,
          vectorGroup: 'YNyn0',
          tap: { position, stepPercent: 1.5, min: -9, max: 9 },
        },
      ],
      loads: [{ id: 'town', bus: 'lv', activePowerW: 8e6, reactivePowerVar: 2e6 }],
      externalGrids: [{ id: 'g', bus: 'hv' }],
    });
    const field = compileGrid(loadGrid(write('field.json', grid(3))));
    const flow = createPowerFlow(field, { tolerancePu: 1e-12 });
    flow.solve();
    const size = (bus: number) => Math.hypot(flow.voltage[2 * bus]!, flow.voltage[2 * bus + 1]!);
    const v = (id: string, bus: number) => {
      return { id: `v-${id}`, kind: 'voltageMagnitude', at: `bus:${id}`, value: size(bus), sigma: 0.003, unit: 'pu' };
    };
    const town = { at: 'bus:lv', sigma: 8e4 };
    const rows = [
      v('hv', 0),
      v('lv', 1),
      { ...town, id: 'p', kind: 'activePower', value: -8e6 },
      { ...town, id: 'q', kind: 'reactivePower', value: -2e6 },
    ];
    const paper = write('paper.json', grid(0));
    const read = (measurements: object[], options = {}) =>
      JSON.parse(estimate(paper, write('taps.json', { measurements }), 'json', options).text);
    expect(read(rows).objective).toBeGreaterThan(50);
    expect(
      read([...rows, { id: 'tap', kind: 'tapPosition', at: 'branch:t1', value: 3, sigma: 0.1 }]).objective,
    ).toBeLessThan(1e-6);
    const found = read(rows, { estimateTaps: true });
    expect(found.taps).toMatchObject([{ transformer: 't1', position: 3 }]);
    // Voltages of 0.3 % tell steps of 1.5 % apart, though not beyond all doubt.
    expect(found.taps[0].probability).toBeGreaterThan(0.99);
    expect(found.taps[0].probability).toBeLessThan(1);
    // A worn sensor that is one step off does not win against the voltages, a sharp one does.
    const reported = (sigma: number) => ({ id: 'tap', kind: 'tapPosition', at: 'branch:t1', value: 4, sigma });
    expect(read([...rows, reported(1)], { estimateTaps: true }).taps[0].position).toBe(3);
    expect(read([...rows, reported(0.05)], { estimateTaps: true }).taps[0].position).toBe(4);
    const wrong = [
      { id: 'a', kind: 'tapPosition', at: 'branch:t2', value: 1, sigma: 1 },
      { id: 'b', kind: 'tapPosition', at: 'branch:t1', value: 12, sigma: 1 },
    ];
    const told = faults(paper, { measurements: [...rows, ...wrong] }).map(({ path }) => path);
    expect(told).toEqual(['measurements[4].at', 'measurements[5].value']);
  });

  test('numbers in another unit, NaN and no sigma at all are told in words', () => {
    const rows = [
      { id: 'kv', kind: 'voltageMagnitude', at: 'bus:1', value: 7.3, sigma: 0.01 },
      { id: 'line-to-line', kind: 'voltageMagnitude', at: 'bus:2', value: 12_660, sigma: 10 },
      { id: 'degrees', kind: 'voltageAngle', at: 'bus:3', value: -30, sigma: 0.01 },
      { id: 'unit', kind: 'activePower', at: 'bus:3', value: 1, sigma: 0.01, unit: 'kW' },
      { id: 'none', kind: 'activePower', at: 'bus:3', value: 1 },
    ];
    const text = `{"measurements":[${rows.map((row) => JSON.stringify(row)).join(',')},
      {"id":"nan","kind":"activePower","at":"bus:4","value":NaN,"sigma":1},
      {"id":"absent","kind":"activePower","at":"bus:4","value":1,"sigma":Infinity}]}`;
    const found = faults('ieee-33', text).map(({ path, message, hint }) => `${path}: ${message} ${hint ?? ''}`);
    expect(found).toHaveLength(6);
    expect(found[0]).toMatch(/measurements\[0\]\.value: a voltage of 7.3 V .*in kV/);
    expect(found[1]).toMatch(/line to line/);
    expect(found[2]).toMatch(/degrees/);
    expect(found[3]).toMatch(/unit: "kW" is no unit: write "pu"/);
    expect(found[4]).toMatch(/sigma: missing/);
    expect(found[5]).toMatch(/measurements\[5\]\.value: NaN is no number: leave the measurement out/);
  });

  test('every fault is named with its line and column', () => {
    const text = `{
  "measurements": [
    { "id": "a", "kind": "voltageMagnitud", "at": "bus:1", "value": 1, "sigma": 0.01, "unit": "pu" },
    { "id": "b", "kind": "voltageMagnitude", "at": "bus:99", "value": 1, "sigma": 0.01, "unit": "pu" },
    { "id": "c", "kind": "activePower", "at": "branch:line-99:from", "value": 1, "sigma": 0 },
    { "id": "d", "kind": "activePower", "at": "bus:2", "phase": "A", "value": 1, "sigma": 1, "unit": "pu" },
    { "id": "d", "kind": "reactivePower", "at": "bus:2", "value": 1, "sigma": -1, "sigmas": 3 },
    { "id": "e", "kind": "currentMagnitude", "at": "bus:2", "value": 1, "sigma": 1 },
    { "id": "e", "kind": "activePower", "at": "nowhere", "value": 1, "sigma": 1 }
  ]
}`;
    const found = faults('ieee-33', text).map(({ line, path }) => `${line} ${path}`);
    expect(found).toEqual([
      '3 measurements[0].kind',
      '4 measurements[1].at',
      '5 measurements[2].at',
      '5 measurements[2].sigma',
      '6 measurements[3].phase',
      '7 measurements[4].id',
      '7 measurements[4].sigma',
      '7 measurements[4].sigmas',
      '8 measurements[5].at',
      '9 measurements[6].id',
      '9 measurements[6].at',
    ]);
    const [kind] = faults('ieee-33', text);
    expect(kind).toMatchObject({ column: 26, hint: 'did you mean "voltageMagnitude"?' });
  });

  test('a key given twice hides no other fault, nor is a misspelt one missing', () => {
    const text = `{ "measurements": [
    { "id": "a", "id": "b", "kind": "activePower", "at": "bus:99", "value": 1, "sigma": 1 },
    { "id": "c", "kind": "activePower", "at": "bus:2", "valu": 1, "sigma": "constructor" } ] }`;
    const found = faults('ieee-33', text).map(({ line, column, path }) => `${line}:${column} ${path}`);
    expect(found).toEqual([
      '2:18 id',
      '2:58 measurements[0].at',
      '3:56 measurements[1].valu',
      '3:76 measurements[1].sigma',
    ]);
  });

  test('a fault of form hides no other one, of the same measurement or of the next', () => {
    const faulty = {
      id: 'a',
      kind: 'voltageMagnitude',
      at: 'bus:nowhere',
      value: 'one',
      sigma: -1,
      unit: 'kV',
    };
    const rows = [
      faulty,
      // Its wrong unit is told, not a voltage of 20 V besides.
      { ...faulty, at: 'bus:2', value: 20, sigma: 1 },
      { id: 'b', kind: 'voltage', at: 'branch:nowhere:to', value: 1, sigma: 1 },
      { id: 'c', kind: 'voltageMagnitude', at: 'branch:1:to', value: 1, sigma: 1, unit: 'pu', why: '' },
      { id: 'd', kind: 'activePower', at: 'bus:3', value: 1, sigma: 1, phase: 'X' },
      { id: 'e', kind: 'activePower', at: 'bus:3', value: 1, sigma: 0, phase: 'A' },
      { id: 'f', kind: 'tapPosition', at: 'branch:2', value: null, sigma: 1 },
      { kind: 'currentMagnitude', at: 'bus:3', value: 1, sigma: 1 },
      7,
    ];
    const found = faults('ieee-33', { measurements: rows, namesAllCustomer: true }).map(({ path }) => path);
    expect(found).toEqual([
      ...['at', 'value', 'sigma', 'unit'].map((key) => `measurements[0].${key}`),
      ...['id', 'unit'].map((key) => `measurements[1].${key}`),
      ...['kind', 'at'].map((key) => `measurements[2].${key}`),
      ...['at', 'why'].map((key) => `measurements[3].${key}`),
      'measurements[4].phase',
      ...['sigma', 'phase'].map((key) => `measurements[5].${key}`),
      ...['at', 'value'].map((key) => `measurements[6].${key}`),
      ...['id', 'at'].map((key) => `measurements[7].${key}`),
      'measurements[8]',
      'namesAllCustomer',
    ]);
  });

  test('the example of the README: one meter with its wires swapped is named, and what the house draws is found', async () => {
    const file = 'docs/examples/cigre-lv-measurements.json';
    const read = async (...options: string[]) => {
      const { code, out } = await twin(['estimate', 'cigre-lv', file, '--format', 'json', ...options]);
      expect(code).toBe(0);
      return JSON.parse(out) as ReturnType<typeof describeEstimate>;
    };
    const first = await read();
    expect(first.suspects[0]!.measurement).toBe('meter-r16-p');
    expect(first.suspects).toHaveLength(22);
    const cleaned = await read('--remove-bad-data');
    expect(cleaned.removed.map(({ measurement }) => measurement)).toEqual(['meter-r16-p', 'meter-r16-q']);
    expect(cleaned.objective).toBeLessThan(cleaned.chiSquareLimit);
    const house = cleaned.buses.find(({ id }) => id === 'r16')!;
    // 52.25 kW of the grid document, from which the file was made.
    expect(Math.abs((house.pW as number) + 52_250)).toBeLessThan(3 * (house.pSigmaW as number));
    const text = JSON.parse(readFileSync(file, 'utf8')) as unknown;
    expect(measurementFileSchema.safeParse(text).success).toBe(true);
  });

  test('a grid that names every customer has no injection where nothing is connected', () => {
    const grid = write('two-buses.json', {
      schema: 1,
      name: 'two buses',
      representation: 'positive-sequence',
      buses: [
        { id: 'a', nominalVoltageV: 400 },
        { id: 'b', nominalVoltageV: 400 },
      ],
      lines: [{ id: 'line', from: 'a', to: 'b', lengthM: 100, r1OhmPerKm: 0.2, x1OhmPerKm: 0.08 }],
      externalGrids: [{ id: 'grid', bus: 'a' }],
    });
    const measurements = [{ id: 'v', kind: 'voltageMagnitude', at: 'bus:a', value: 1.02, sigma: 0.01, unit: 'pu' }];
    const [open, closed] = [{}, { namesAllCustomers: true }].map((rule) =>
      estimate(grid, write('one.json', { ...rule, measurements }), 'json'),
    );
    expect(open!.converged).toBe(false);
    expect(closed!.converged).toBe(true);
  });

  test('voltages with circular errors are phasors: two that disagree meet at their weighted mean', () => {
    const sensor = (id: string, value: number, rad: number, sigma: number) => [
      { id, kind: 'voltageMagnitude', at: 'bus:1', value, sigma, unit: 'pu' },
      { id: `${id}-angle`, kind: 'voltageAngle', at: 'bus:1', value: rad, sigma },
    ];
    const grid = loadGrid('ieee-33');
    const rows = [...sensor('one', 1.1, -0.1, 0.1), ...sensor('two', 0.9, 0.1, 0.2)];
    const file = write('circular.json', { voltageErrors: 'circular', namesAllCustomers: true, measurements: rows });
    const answer = JSON.parse(estimate('ieee-33', file, 'json').text) as ReturnType<typeof describeEstimate>;
    // Weights 4 and 1 of two complex numbers.
    const re = (4 * 1.1 * Math.cos(0.1) + 0.9 * Math.cos(0.1)) / 5;
    const im = (-4 * 1.1 * Math.sin(0.1) + 0.9 * Math.sin(0.1)) / 5;
    const bus = answer.buses.find(({ id }) => id === grid.externalGrids[0]!.bus)!;
    expect(bus.vmPu).toBeCloseTo(Math.hypot(re, im), 10);
  });

  test('broken files are faults, not crashes', () => {
    expect(faults('ieee-33', '{ "measurements": [ { "id": "a", "value": NaN } ] }')[0]).toMatchObject({ line: 1 });
    expect(faults('ieee-33', '[1, 2')).toHaveLength(1);
    expect(faults('ieee-33', { measures: [] }).length).toBeGreaterThan(0);
    expect(() => estimate('ieee-33', join(folder, 'missing.json'), 'json')).toThrow(InvalidInputError);
    expect(() => estimate('ieee-33', undefined, 'json')).toThrow(/carries no measurements/);
  });
});
