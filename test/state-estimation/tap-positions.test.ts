/** Taps are found where one alone cannot tell: in parallel, with a second changer, at three windings. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { estimate } from '../../cli/commands/estimate.ts';
import { compileGrid } from '../../grids/compile.ts';
import { loadGrid } from '../../grids/load.ts';
import { InvalidInputError } from '../../grids/problem.ts';
import type { GridDocumentInput } from '../../grids/schema.ts';
import { setTaps, tapChangers } from '../../grids/tap-changers.ts';
import { tapHypotheses } from '../../platform/state-estimation/model-hypotheses.ts';
import { branchEndFlow, busInjections } from '../../platform/state-estimation/branch-flows.ts';
import { createPowerFlow } from '../../sim/physics/power-flow.ts';

const folder = mkdtempSync(join(tmpdir(), 'twin-taps-'));
afterAll(() => rmSync(folder, { recursive: true }));

function write(name: string, value: unknown): string {
  const file = join(folder, name);
  writeFileSync(file, JSON.stringify(value, undefined, 2));
  return file;
}

interface Found {
  readonly taps?: readonly {
    readonly transformer: string;
    readonly position: number;
    readonly probability: number | null;
  }[];
  readonly removed: readonly { readonly measurement: string }[];
  readonly objective: number;
}

/** Of the readings in turn, in standard deviations. */
const ERRORS = [0.4, -0.7, 0.2, 0.9, -0.3, -1.1, 0.6];

/** What voltmeters and power meters at all `buses`, and meters of the flows into `branches`, say of the grid in the field. */
function measured(document: GridDocumentInput, positions: Record<string, number>, branches: readonly string[]) {
  const paper = loadGrid(write('field.json', document));
  const grid = compileGrid(setTaps(paper, new Map(Object.entries(positions))));
  const flow = createPowerFlow(grid, { tolerancePu: 1e-12 });
  flow.solve();
  const watts = 3 * grid.basePowerVA;
  const power = busInjections(grid, flow.voltage);
  const rows: { id: string; kind: string; at: string; value: number; sigma: number; unit?: string }[] = [];
  const add = (kind: string, at: string, value: number, sigma: number, unit?: string) => {
    const error = ERRORS[rows.length % ERRORS.length]! * sigma;
    rows.push({ id: `${kind} ${at}`, kind, at, value: value + error, sigma, ...(unit !== undefined && { unit }) });
  };
  document.buses.forEach(({ id }, k) => {
    const at = grid.busIndex.get(id)!;
    add('voltageMagnitude', `bus:${id}`, Math.hypot(flow.voltage[2 * at]!, flow.voltage[2 * at + 1]!), 0.002, 'pu');
    if (k === 0) return;
    add('activePower', `bus:${id}`, power[2 * at]! * watts, 5e4);
    add('reactivePower', `bus:${id}`, power[2 * at + 1]! * watts, 5e4);
  });
  for (const branch of grid.branches.filter(({ id }) => branches.includes(id))) {
    const from = branchEndFlow(grid, branch, 'from', flow.voltage);
    add('activePower', `branch:${branch.id}:from`, from.activePower[0]! * watts, 1e5);
    add('reactivePower', `branch:${branch.id}:from`, from.reactivePower[0]! * watts, 1e5);
  }
  return rows;
}

function find(
  document: GridDocumentInput,
  measurements: readonly object[],
  estimateTaps = true,
  removeBadData = false,
): Found {
  const text = estimate(write('paper.json', document), write('taps.json', { measurements }), 'json', {
    estimateTaps,
    removeBadData,
  }).text;
  return JSON.parse(text) as Found;
}

const positionsOf = ({ taps = [] }: Found) => Object.fromEntries(taps.map((tap) => [tap.transformer, tap.position]));

const tap = { position: 0, stepPercent: 1.5, min: -9, max: 9 } as const;
type Unit = NonNullable<GridDocumentInput['transformers']>[number];

/** Units between 110 and 20 kV; a short line leads to another bus. */
function station(units: readonly Partial<Unit>[]): GridDocumentInput {
  return {
    schema: 1,
    name: 'station',
    representation: 'positive-sequence',
    buses: [
      { id: 'h', nominalVoltageV: 110_000 },
      { id: 'm', nominalVoltageV: 20_000 },
      { id: 'm2', nominalVoltageV: 20_000 },
    ],
    transformers: units.map((unit, k) => ({
      id: `t${k + 1}`,
      from: 'h',
      to: 'm',
      ratedPowerVA: 25e6,
      ratedVoltageFromV: 110_000,
      ratedVoltageToV: 20_000,
      vkPercent: 11,
      vkrPercent: 0.5,
      vectorGroup: 'YNd5',
      tap,
      ...unit,
    })),
    lines: [{ id: 'l', from: 'm', to: 'm2', lengthM: 500, r1OhmPerKm: 0.2, x1OhmPerKm: 0.12 }],
    loads: [
      { id: 'a', bus: 'm', activePowerW: 1e7, reactivePowerVar: 3e6 },
      { id: 'b', bus: 'm2', activePowerW: 4e6, reactivePowerVar: 1e6 },
    ],
    externalGrids: [{ id: 'e', bus: 'h', voltagePu: 1.02 }],
  };
}

const winding = { ratedPowerVA: 40e6, tap };
const threeWindings: GridDocumentInput = {
  schema: 1,
  name: 'three windings',
  representation: 'positive-sequence',
  buses: [
    { id: 'h', nominalVoltageV: 110_000 },
    { id: 'm', nominalVoltageV: 20_000 },
    { id: 'l', nominalVoltageV: 10_000 },
  ],
  threeWindingTransformers: [
    {
      id: 'T',
      high: { ...winding, bus: 'h', ratedVoltageV: 110_000 },
      medium: { ...winding, bus: 'm', ratedVoltageV: 20_000 },
      low: { bus: 'l', ratedPowerVA: 15e6, ratedVoltageV: 10_000 },
      highMedium: { vkPercent: 11, vkrPercent: 0.5 },
      mediumLow: { vkPercent: 7, vkrPercent: 0.5 },
      highLow: { vkPercent: 9, vkrPercent: 0.5 },
      vectorGroup: 'YNyn0d5',
    },
  ],
  loads: [
    { id: 'a', bus: 'm', activePowerW: 1e7, reactivePowerVar: 3e6 },
    { id: 'b', bus: 'l', activePowerW: 4e6, reactivePowerVar: 1e6 },
  ],
  externalGrids: [{ id: 'e', bus: 'h', voltagePu: 1.02 }],
};

describe('taps in parallel', () => {
  test.each([
    [5, 5],
    [-6, -6],
    [4, -2],
  ])('two units at %i and %i, both at 0 on paper', (t1, t2) => {
    const grid = station([{}, {}]);
    const found = find(grid, measured(grid, { t1, t2 }, ['t1', 't2']));
    expect(positionsOf(found)).toEqual({ t1, t2 });
    expect(found.taps!.every(({ probability }) => probability! > 0.999 && probability! < 1)).toBe(true);
  });

  test('three at once, at buses that a short line couples, and one that steps the other way by another size', () => {
    const grid = station([{}, { to: 'm2' }, { tap: { ...tap, side: 'to', stepPercent: 1 } }]);
    const field = { t1: 4, t2: 4, t3: -6 };
    expect(positionsOf(find(grid, measured(grid, field, ['t1', 't2', 't3'])))).toEqual(field);
  });

  test('two of three together, against the third', () => {
    const grid = station([{}, {}, {}]);
    const field = { t1: 6, t2: 6, t3: -6 };
    expect(positionsOf(find(grid, measured(grid, field, ['t1', 't2', 't3'])))).toEqual(field);
  });

  test('two of which only the sum is known are told apart without certainty', () => {
    const grid = station([{}, {}, {}]);
    const known = { id: 'first', kind: 'tapPosition', at: 'branch:t1', value: 0, sigma: 0.05 };
    const rows = measured(grid, { t1: 0, t2: 6, t3: 6 }, ['t1']);
    const [t1, ...others] = find(grid, [...rows, known]).taps!;
    expect(t1!.position).toBe(0);
    expect(others.reduce((sum, { position }) => sum + position, 0)).toBe(12);
    for (const { probability } of others) expect(probability).toBeLessThan(0.5);
  });

  test('no probability is claimed while the measurements disagree', () => {
    const grid = station([{}, {}]);
    const rows = measured(grid, { t1: 5, t2: 5 }, ['t1', 't2']);
    const wrong = rows.map((row) => (row.id === 'activePower branch:t1:from' ? { ...row, value: -row.value } : row));
    expect(find(grid, wrong).taps!.map(({ probability }) => probability)).toEqual([null, null]);
    const { text } = estimate(write('paper.json', grid), write('taps.json', { measurements: wrong }), 'table', {
      estimateTaps: true,
    });
    expect(text).toContain('without a probability: the measurements disagree');
  });

  test('where nothing tells the paper position stays, as likely as any other', () => {
    const grid = station([{}, { tap: { ...tap, position: 2 } }]);
    const rows = measured(grid, {}, []).filter(({ id }) => !/voltageMagnitude bus:m/.test(id));
    const found = find(grid, rows);
    expect(positionsOf(found)).toEqual({ t1: 0, t2: 2 });
    for (const { probability } of found.taps!) expect(probability).toBeLessThan(0.1);
  });
});

describe('a gross error beside a tap', () => {
  const grid = station([{}, {}]);
  const field = { t1: 5, t2: 4 };
  const rows = measured(grid, field, ['t1', 't2', 'l']);
  // Three voltmeters: of two that contradict each other the taps could be made to suit either.
  for (const [k, error] of [-0.002, 0.001].entries())
    rows.push({ ...rows[0]!, id: `again ${k}`, value: rows[0]!.value + error });
  /** One reading off by so many of its standard deviations. */
  const spoiled = (id: string, sigmas: number) =>
    rows.map((row) => (row.id === id ? { ...row, value: row.value + sigmas * row.sigma } : row));

  test.each([
    ['voltageMagnitude bus:m', 20],
    ['voltageMagnitude bus:m', -60],
    ['voltageMagnitude bus:m2', 60],
    ['voltageMagnitude bus:h', 30],
    ['activePower branch:t1:from', 60],
    ['reactivePower branch:t1:from', 40],
    ['reactivePower branch:t2:from', -40],
  ])('%s off by %i standard deviations goes, and the taps are those of the field', (id, sigmas) => {
    const { taps, removed, objective } = find(grid, spoiled(id, sigmas), true, true);
    expect(removed.map(({ measurement }) => measurement)).toEqual([id]);
    const without = find(
      grid,
      rows.filter((row) => row.id !== id),
    );
    expect(positionsOf({ taps: taps!, removed, objective })).toEqual(field);
    expect(positionsOf(without)).toEqual(field);
    expect(objective / without.objective).toBeCloseTo(1, 6);
    for (const { probability } of taps!) expect(probability).toBeGreaterThan(0.9);
  });

  test('what explains a reactive power as well as its meter does lowers the probability', () => {
    // 6 Mvar through 11 % of 25 MVA are 2.6 % of the voltage, and two steps 3 %: another meter may be wrong, and the tap at 7.
    const one = station([{}]);
    const readings = measured(one, { t1: 5 }, ['t1']).map((row) =>
      row.id === 'reactivePower branch:t1:from' ? { ...row, value: row.value - 60 * row.sigma } : row,
    );
    const { taps, removed } = find(one, readings, true, true);
    expect(removed).toHaveLength(1);
    expect(taps![0]!.position).toBe(5);
    expect(taps![0]!.probability).toBeGreaterThan(0.6);
    expect(taps![0]!.probability).toBeLessThan(0.95);
  });
});

/** Banks of single-phase regulators along a feeder of 20 kV with unlike phases; `regulators` lie one behind the other. */
function regulated(regulators: readonly Partial<Unit>[]): GridDocumentInput {
  const ends = ['r', 's'].slice(0, regulators.length);
  const ids = ['h', ...ends.flatMap((end) => [`${end}0`, end, `${end}1`])];
  const line = { lengthM: 4000, r1OhmPerKm: 0.3, x1OhmPerKm: 0.35, r0OhmPerKm: 0.6, x0OhmPerKm: 1.1 };
  return {
    schema: 1,
    name: 'regulated',
    representation: 'three',
    buses: ids.map((id) => ({ id, nominalVoltageV: 20_000 })),
    lines: ends.flatMap((end, k) => [
      { ...line, id: `to-${end}`, from: k === 0 ? 'h' : `${ends[k - 1]!}1`, to: `${end}0` },
      { ...line, id: `from-${end}`, from: end, to: `${end}1` },
    ]),
    transformers: regulators.map((unit, k) => ({
      id: `reg${k + 1}`,
      from: `${ends[k]!}0`,
      to: ends[k]!,
      ratedPowerVA: 10e6,
      ratedVoltageFromV: 20_000,
      ratedVoltageToV: 20_000,
      vkPercent: 1,
      vkrPercent: 0.1,
      vectorGroup: 'YNyn0',
      tap: { side: 'to', position: 0, stepPercent: 0.625, min: -16, max: 16, phasePositions: { A: 0 } },
      ...unit,
    })),
    loads: ends.map((end, k) => ({
      id: `load-${end}`,
      bus: `${end}1`,
      activePowerW: { A: 4e5 + 1e5 * k, B: 9e5, C: 2e5 },
      reactivePowerVar: { A: 1e5, B: 3e5, C: 5e4 },
    })),
    externalGrids: [{ id: 'e', bus: 'h', voltagePu: 1.01 }],
  };
}

/** What meters of each phase at the buses named say, each with an error in turn. */
function measuredPhases(
  document: GridDocumentInput,
  field: Record<string, number>,
  buses: readonly string[],
  sigma = 0.001,
) {
  const grid = compileGrid(setTaps(loadGrid(write('field.json', document)), new Map(Object.entries(field))));
  const flow = createPowerFlow(grid, { tolerancePu: 1e-12 });
  flow.solve();
  const power = busInjections(grid, flow.voltage);
  let count = 0;
  const error = () => ERRORS[count++ % ERRORS.length]!;
  return buses.flatMap((id) =>
    ['A', 'B', 'C'].flatMap((phase, p) => {
      const k = 2 * (3 * grid.busIndex.get(id)! + p);
      const common = { at: `bus:${id}`, phase };
      const [re, im] = [flow.voltage[k]!, flow.voltage[k + 1]!];
      const volt = { value: Math.hypot(re, im) + sigma * error(), sigma, unit: 'pu' };
      const watt = (value: number) => ({ value: value * grid.basePowerVA + 1e4 * error(), sigma: 1e4 });
      return [
        { ...common, ...volt, id: `u ${id} ${phase}`, kind: 'voltageMagnitude' },
        ...(id === 'h'
          ? []
          : [
              { ...common, ...watt(power[k]!), id: `p ${id} ${phase}`, kind: 'activePower' },
              { ...common, ...watt(power[k + 1]!), id: `q ${id} ${phase}`, kind: 'reactivePower' },
            ]),
      ];
    }),
  );
}

describe('regulators of single phases', () => {
  test.each([
    { A: 8, B: -4, C: 3 },
    { A: 0, B: 16, C: -16 },
    { A: -1, B: 1, C: 0 },
  ])('each phase is found for itself: %o', (positions) => {
    const grid = regulated([{}]);
    const field = Object.fromEntries(Object.entries(positions).map(([phase, value]) => [`reg1:${phase}`, value]));
    const found = find(grid, measuredPhases(grid, field, ['h', 'r1']));
    expect(positionsOf(found)).toEqual(field);
    for (const { probability } of found.taps!) expect(probability).toBeGreaterThan(0.95);
  });

  test('two banks in a row, with a meter between them', () => {
    const grid = regulated([{}, { tap: { ...tap, side: 'to', stepPercent: 0.625, phasePositions: { B: 2 } } }]);
    const field = { 'reg1:A': 5, 'reg1:B': 2, 'reg1:C': 0, 'reg2:A': -3, 'reg2:B': 7, 'reg2:C': 4 };
    expect(positionsOf(find(grid, measuredPhases(grid, field, ['h', 'r1', 's1'])))).toEqual(field);
  });

  test('a bank of two phases has two', () => {
    const { lines, ...grid } = regulated([
      { phases: ['A', 'C'], ratedPowerVA: 6e6, tap: { ...tap, side: 'to', stepPercent: 0.625 } },
    ]);
    const two = {
      ...grid,
      buses: grid.buses
        .filter(({ id }) => id !== 'r1')
        .map((bus) => (bus.id === 'r' ? { ...bus, phases: ['A' as const, 'C' as const] } : bus)),
      lines: lines!.filter(({ id }) => id === 'to-r'),
      loads: [{ id: 'load-r', bus: 'r', activePowerW: { A: 4e5, C: 2e5 }, reactivePowerVar: { A: 1e5, C: 5e4 } }],
    };
    const field = { 'reg1:A': 6, 'reg1:C': -5 };
    const rows = measuredPhases(two, field, ['h', 'r']).filter(({ at, phase }) => at === 'bus:h' || phase !== 'B');
    expect(positionsOf(find(two, rows))).toEqual(field);
  });

  test('where no meter sees a phase its paper position stays, without certainty', () => {
    const grid = regulated([{}]);
    const field = { 'reg1:A': 8, 'reg1:B': -4, 'reg1:C': 3 };
    const rows = measuredPhases(grid, field, ['h', 'r1']).filter(({ id }) => id !== 'u r1 B');
    const found = find(grid, rows);
    expect(positionsOf(found)).toEqual({ ...field, 'reg1:B': 0 });
    expect(found.taps!.map(({ probability }) => probability! > 0.95)).toEqual([true, false, true]);
  });

  test('a position that is reported for one phase weighs as a measurement', () => {
    const grid = regulated([{}]);
    const field = { 'reg1:A': 8, 'reg1:B': -4, 'reg1:C': 3 };
    const rows = measuredPhases(grid, field, ['h', 'r1']).filter(({ id }) => id !== 'u r1 B');
    const reported = { id: 'tap', kind: 'tapPosition', at: 'branch:reg1:B', value: -4, sigma: 0.3 };
    expect(positionsOf(find(grid, [...rows, reported]))).toEqual(field);
    expect(find(grid, [...rows, reported], false).objective).toBeGreaterThan(100);
    const all = Object.entries(field).map(([id, value]) => ({ ...reported, id, at: `branch:${id}`, value }));
    expect(find(grid, [...rows, ...all], false).objective).toBeLessThan(20);
  });
});

describe('every tap changer has a name', () => {
  const both = station([{ tap2: { ...tap, side: 'to', stepPercent: 2 } }]);
  const faults = (document: GridDocumentInput, at: string) => {
    try {
      find(document, [{ id: 'tap', kind: 'tapPosition', at, value: 4, sigma: 0.3 }]);
    } catch (error) {
      if (error instanceof InvalidInputError) return error.problems.map(({ message, hint }) => `${message}: ${hint}`);
    }
    return [];
  };

  test('those of three windings are found together, and read', () => {
    const field = { 'T:high': 4, 'T:medium': -3 };
    const rows = measured(threeWindings, field, []);
    expect(positionsOf(find(threeWindings, rows))).toEqual(field);
    expect(find(threeWindings, rows, false).objective).toBeGreaterThan(100);
    const reported = Object.entries(field).map(([id, value]) => {
      return { id, kind: 'tapPosition', at: `branch:${id}`, value, sigma: 0.3 };
    });
    expect(find(threeWindings, [...rows, ...reported], false).objective).toBeLessThan(10);
  });

  test('the second of two windings is read, and found where the first is known', () => {
    const rows = measured(both, { t1: 0, 't1:tap2': 3 }, ['t1']);
    const known = { id: 'first', kind: 'tapPosition', at: 'branch:t1', value: 0, sigma: 0.01 };
    expect(positionsOf(find(both, [...rows, known]))).toEqual({ t1: 0, 't1:tap2': 3 });
    const second = { ...known, id: 'second', at: 'branch:t1:tap2', value: 3 };
    expect(find(both, [...rows, second], false).objective).toBeLessThan(10);
  });

  test('the id of a transformer will do for the only one it has, and where it has two they are named', () => {
    const { medium, ...rest } = threeWindings.threeWindingTransformers![0]!;
    const { tap: _, ...plain } = medium;
    const single = { ...threeWindings, threeWindingTransformers: [{ ...rest, medium: plain }] };
    expect(faults(single, 'branch:T')).toEqual([]);
    expect(faults(threeWindings, 'branch:T')).toEqual([
      '"branch:T" is no single tap changer: write branch:T:high or branch:T:medium',
    ]);
    expect(faults(threeWindings, 'branch:T:hihg')).toEqual([
      '"branch:T:hihg" is no transformer with a tap changer: did you mean "T:high"?',
    ]);
  });

  test('the watch over the model names them by the same ids', () => {
    for (const document of [both, threeWindings]) {
      const grid = compileGrid(loadGrid(write('watched.json', document)));
      const ids = tapChangers(grid.document).map(({ id }) => id);
      expect(ids).toHaveLength(2);
      expect(new Set(tapHypotheses(grid).map(({ element }) => element))).toEqual(new Set(ids));
    }
  });
});
