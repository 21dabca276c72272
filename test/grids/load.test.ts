/** Reading grid documents: every fault with its place, and what may be left out. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { checkGrid, loadGrid, parseGrid } from '../../grids/load.ts';
import { formatProblem, InvalidInputError, type Problem } from '../../grids/problem.ts';
import type { GridDocumentInput } from '../../grids/schema.ts';

const folder = mkdtempSync(join(tmpdir(), 'twin-grids-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** A sound three-phase grid; tests spoil a copy. */
function sound(): GridDocumentInput {
  return {
    schema: 1,
    name: 'sound',
    representation: 'three',
    buses: [
      { id: 'mv', nominalVoltageV: 20_000 },
      { id: 'lv', nominalVoltageV: 400 },
      { id: 'house', nominalVoltageV: 400 },
    ],
    lines: [
      {
        id: 'cable',
        from: 'lv',
        to: 'house',
        lengthM: 50,
        r1OhmPerKm: 0.2,
        x1OhmPerKm: 0.08,
        r0OhmPerKm: 0.8,
        x0OhmPerKm: 0.32,
      },
    ],
    transformers: [
      {
        id: 'transformer',
        from: 'mv',
        to: 'lv',
        ratedPowerVA: 400_000,
        ratedVoltageFromV: 20_000,
        ratedVoltageToV: 400,
        vkPercent: 6,
        vkrPercent: 1.4,
        vectorGroup: 'Dyn5',
      },
    ],
    loads: [{ id: 'load', bus: 'house', activePowerW: 1000 }],
    externalGrids: [{ id: 'grid', bus: 'mv' }],
  };
}

function problemsOf(act: () => unknown): readonly Problem[] {
  try {
    act();
  } catch (error) {
    if (error instanceof InvalidInputError) return error.problems;
    throw error;
  }
  throw new Error('no fault was found');
}

const messages = (problems: readonly Problem[]): string[] => problems.map(formatProblem);

describe('a file', () => {
  test('names file, line, column and a likely correction for every fault at once', () => {
    const text = `{
  "schema": 1, "name": "bad", "representation": "three",
  "buses": [ { "id": "mv", "nominalVoltageV": 20000 }, { "id": "lv", "nominalVoltage": 400 } ],
  "lines": [
    { "id": "l1", "from": "lv", "to": "lw", "lengthM": -5, "r1OhmPerKm": 1, "x1OhmPerKm": "0.1" }
  ],
  "externalGrids": [ { "id": "grid", "bus": "mv" } ]
}`;
    const file = join(folder, 'bad.json');
    writeFileSync(file, text);
    expect(messages(problemsOf(() => loadGrid(file)))).toEqual([
      `${file}:3:70: buses[1].nominalVoltage: unknown key "nominalVoltage" in "lv" (did you mean "nominalVoltageV"?)`,
      `${file}:5:39: lines[0].to: line "l1" refers to bus "lw", which does not exist (did you mean "lv"?)`,
      `${file}:5:56: lines[0].lengthM: -5 is not above 0 in "l1"`,
      `${file}:5:91: lines[0].x1OhmPerKm: "0.1" is not a number in "l1"`,
    ]);
  });

  test('of another tool is named as such, with how to bring it over', () => {
    const file = join(folder, 'case.m');
    writeFileSync(file, 'function mpc = case3\nmpc.baseMVA = 100;\n');
    expect(messages(problemsOf(() => loadGrid(file)))).toEqual([
      `${file}: is a MATPOWER case, not a grid document in the native form ("twin grid import ${file} --out DIR" writes one)`,
    ]);
  });

  test('without buses has that fault, and not one for each reference to a bus', () => {
    const text =
      '{ "schema": 1, "name": "g", "representation": "thre", "lines": [{ "id": "l", "from": "a", "to": "b", ';
    expect(messages(problemsOf(() => parseGrid(`${text}"lengthM": 1, "r1OhmPerKm": 1, "x1OhmPerKm": 1 }] }`)))).toEqual(
      [
        '1:1: buses: missing',
        '1:47: representation: "thre" is not one of "three", "positive-sequence" (did you mean "three"?)',
      ],
    );
  });

  test.each([
    ['a comma too many', '{ "schema": 1,\n "a": , }', /^2:7: is not valid JSON: Unexpected token ','$/],
    ['a comma too few', '{ "schema": 1,\n  "buses": [ {} \n  "lines": [] }', /^3:3: is not valid JSON/],
    ['a truncated file', '{ "schema": 1,\n "buses": [1, 2,', /^2:17: is not valid JSON: Unexpected end/],
    ['a key given twice', '{ "schema": 1,\n "name": "x",\n "name": "y" }', /^3:2: name: key "name" is given twice/m],
    ['another kind of value', '[1, 2]', /^1:1: a list is not a map of keys and values/],
    ['nothing', '', /is not valid JSON/],
  ])('tells the place of %s', (_, text, expected) => {
    expect(messages(problemsOf(() => parseGrid(text))).join('\n')).toMatch(expected);
  });

  /** Each changes a sound text; all are told, in the order of the file, and nothing else is. */
  test.each<[string, readonly (readonly [from: string, to: string])[], string[]]>([
    [
      'of form and voltage levels',
      [
        ['"from":"lv","to":"house"', '"from":"mv","to":"house"'],
        ['"ratedVoltageToV":400', '"ratedVoltageToV":20000'],
        ['"activePowerW"', '"activePowrW"'],
      ],
      ['lines[0]', 'transformers[0].ratedVoltageToV', 'loads[0].activePowrW'],
    ],
    [
      'of form, references and zero sequence',
      [
        ['"id":"cable"', '"id":"other","from":"lw","to":"house","lengthM":0},{"id":"cable"'],
        ['"r0OhmPerKm":0.8,', ''],
        ['"bus":"house"', '"bus":"hose"'],
      ],
      ['lines[0].r1OhmPerKm', 'lines[0].x1OhmPerKm', 'lines[0].from', 'lines[0].lengthM', 'lines[1]', 'loads[0].bus'],
    ],
    [
      'of form and no source',
      [
        ['"externalGrids":[{"id":"grid","bus":"mv"}]', '"externalGrid":3,"frequencyHz":0'],
        ['"id":"load",', ''],
      ],
      ['loads[0].id', 'externalGrid', 'frequencyHz'],
    ],
    [
      'of form where there is no source',
      [
        ['[{"id":"grid","bus":"mv"}]', '[]'],
        ['"id":"load",', ''],
      ],
      ['loads[0].id', 'externalGrids'],
    ],
    [
      'of a source, whose lack is none',
      [
        ['"id":"grid","bus":"mv"', '"id":"grid","bus":"mw"'],
        ['"lengthM":50', '"lengthM":-50'],
      ],
      ['lines[0].lengthM', 'externalGrids[0].bus'],
    ],
    [
      'of the id of a bus, to which others refer',
      [
        ['"id":"house","nominal', '"di":"house","nominal'],
        ['"vkPercent":6', '"vkPercent":1'],
      ],
      ['buses[2].di', 'transformers[0].vkrPercent'],
    ],
    [
      'of a key given twice and a value',
      [
        ['"name":"sound"', '"name":"sound","name":"again"'],
        ['"lengthM":50', '"lengthM":"50 m"'],
      ],
      ['name', 'lines[0].lengthM'],
    ],
    [
      'of the representation, without which no element can be judged',
      [
        ['"three"', '"thre"'],
        ['"to":"house"', '"to":"hose"'],
        ['"r0OhmPerKm":0.8,', ''],
      ],
      ['representation', 'lines[0].to'],
    ],
  ])('with faults %s has them told together', (_, changes, paths) => {
    const text = changes.reduce((before, [from, to]) => {
      if (!before.includes(from)) throw new Error(`the grid has no ${from}`);
      return before.replace(from, to);
    }, JSON.stringify(sound()));
    const found = problemsOf(() => parseGrid(text));
    expect(found.map(({ path }) => path)).toEqual(paths);
    expect(found.every(({ line, column }) => line === 1 && column !== undefined)).toBe(true);
  });

  test('that is missing, or a folder, or a misspelt network, is said in words', () => {
    expect(problemsOf(() => loadGrid('abenhausen'))[0]).toMatchObject({ hint: 'did you mean "abbenhausen"?' });
    expect(problemsOf(() => loadGrid('nothing-like-it'))[0]!.hint).toMatch(/native networks: abbenhausen, /);
    expect(problemsOf(() => loadGrid(join(folder, 'none.json')))[0]!.message).toBe('file does not exist');
    expect(problemsOf(() => loadGrid(folder))[0]!.message).toMatch(/is a folder/);
  });

  test('may begin with a byte order mark', () => {
    expect(parseGrid(`\uFEFF${JSON.stringify(sound())}`).name).toBe('sound');
  });
});

describe('a document', () => {
  test('that is sound has no problem and all its defaults', () => {
    const { document, problems } = checkGrid(sound());
    expect(problems).toEqual([]);
    expect(document).toMatchObject({ frequencyHz: 50, switches: [], lines: [{ parallel: 1, inService: true }] });
  });

  type Spoil = (grid: ReturnType<typeof sound>) => void;
  const line = (grid: GridDocumentInput) => grid.lines![0]!;
  const unit = (grid: GridDocumentInput) => grid.transformers![0]!;
  type MatrixLine = NonNullable<GridDocumentInput['matrixLines']>[number];
  const matrixLine = (fields: Partial<MatrixLine>): MatrixLine => ({
    id: 'matrix',
    from: 'lv',
    to: 'house',
    lengthM: 10,
    phases: ['A', 'B'],
    rOhmPerKm: [
      [1, 0],
      [0, 1],
    ],
    xOhmPerKm: [
      [1, 0],
      [0, 1],
    ],
    ...fields,
  });
  const control = (fields: object) => ({ id: 'g', bus: 'house', voltageControl: { voltagePu: 1, ...fields } });
  const threeWinding = (vectorGroup: string): NonNullable<GridDocumentInput['threeWindingTransformers']>[number] => ({
    id: 'three',
    high: { bus: 'mv', ratedPowerVA: 1e6, ratedVoltageV: 20_000 },
    medium: { bus: 'lv', ratedPowerVA: 1e6, ratedVoltageV: 400 },
    low: { bus: 'house', ratedPowerVA: 1e6, ratedVoltageV: 400 },
    highMedium: { vkPercent: 6, vkrPercent: 1 },
    mediumLow: { vkPercent: 6, vkrPercent: 1 },
    highLow: { vkPercent: 6, vkrPercent: 1 },
    vectorGroup,
  });
  test.each<[string, Spoil, string, RegExp]>([
    [
      'an id used twice',
      (g) => g.buses.push({ id: 'lv', nominalVoltageV: 400 }),
      'buses[3].id',
      /used before, at buses\[1\]/,
    ],
    [
      'a branch id used by a line and a transformer',
      (g) => (unit(g).id = 'cable'),
      'transformers[0].id',
      /branch id "cable"/,
    ],
    ['a bus that does not exist', (g) => (g.loads![0]!.bus = 'hose'), 'loads[0].bus', /did you mean "house"/],
    ['a line with both ends at one bus', (g) => (line(g).to = 'lv'), 'lines[0].to', /both ends at bus "lv"/],
    [
      'a line without impedance',
      (g) => Object.assign(line(g), { r1OhmPerKm: 0, x1OhmPerKm: 0 }),
      'lines[0]',
      /no series impedance/,
    ],
    ['a missing zero sequence', (g) => delete line(g).r0OhmPerKm, 'lines[0]', /lacks r0OhmPerKm/],
    ['a missing zero-sequence capacitance', (g) => (line(g).c1FPerKm = 1e-7), 'lines[0]', /lacks c0FPerKm/],
    ['a line between voltage levels', (g) => (line(g).from = 'mv'), 'lines[0]', /20000 V and 400 V/],
    ['an impossible clock number', (g) => (unit(g).vectorGroup = 'Dyn6'), 'transformers[0].vectorGroup', /odd number/],
    ['a clock number beyond 11', (g) => (unit(g).vectorGroup = 'Dyn13'), 'transformers[0].vectorGroup', /0 to 11/],
    ['no vector group at all', (g) => (unit(g).vectorGroup = 'Dx5'), 'transformers[0].vectorGroup', /IEC 60076/],
    ['more resistance than impedance', (g) => (unit(g).vkrPercent = 7), 'transformers[0].vkrPercent', /exceeds/],
    [
      'swapped sides',
      (g) => Object.assign(unit(g), { from: 'lv', to: 'mv' }),
      'transformers[0].ratedVoltageFromV',
      /swapped/,
    ],
    ['kV for V', (g) => (unit(g).ratedVoltageToV = 0.4), 'transformers[0].ratedVoltageToV', /V for kV/],
    [
      'a tap outside its range',
      (g) => (unit(g).tap = { position: 3, stepPercent: 2.5, min: -2, max: 2 }),
      'transformers[0].tap.position',
      /-2\.\.2/,
    ],
    [
      'ZIP shares that do not add up',
      (g) => (g.loads![0]!.zip = { constantImpedance: 0.5, constantCurrent: 0, constantPower: 0.4 }),
      'loads[0].zip',
      /not 1/,
    ],
    [
      'power on a phase that the element is not on',
      (g) => Object.assign(g.loads![0]!, { connection: 'A', activePowerW: { A: 1, B: 2 } }),
      'loads[0].activePowerW',
      /has power on B/,
    ],
    [
      'a single phase in a positive-sequence grid',
      (g) => {
        g.representation = 'positive-sequence';
        g.loads![0]!.connection = 'B';
      },
      'loads[0].connection',
      /positive-sequence/,
    ],
    [
      'a power per phase in a positive-sequence grid',
      (g) => {
        g.representation = 'positive-sequence';
        g.loads![0]!.activePowerW = { A: 1 };
      },
      'loads[0].activePowerW',
      /per phase/,
    ],
    ['no source', (g) => (g.externalGrids = []), 'externalGrids', /nothing is energised/],
    ['a source out of service', (g) => (g.externalGrids![0]!.inService = false), 'externalGrids', /out of service/],
    [
      'two stiff sources at one bus',
      (g) => g.externalGrids!.push({ id: 'other', bus: 'mv', voltagePu: 1.02 }),
      'externalGrids[1].bus',
      /hold the same bus at different voltages/,
    ],
    [
      'a zero-sequence ratio of zero',
      (g) => Object.assign(g.externalGrids![0]!, { shortCircuitPowerVA: 1e8, zeroSequenceRatio: 0 }),
      'externalGrids[0].zeroSequenceRatio',
      /is 0/,
    ],
    [
      'a switch between voltage levels',
      (g) => (g.switches = [{ id: 's', from: 'mv', to: 'lv', closed: false }]),
      'switches[0]',
      /20000 V and 400 V/,
    ],
    ['a line of no length', (g) => (line(g).lengthM = 0), 'lines[0].lengthM', /0 is not above 0 in "cable"/],
    [
      'a zigzag with the hours of a star',
      (g) => (unit(g).vectorGroup = 'Yzn0'),
      'transformers[0].vectorGroup',
      /odd number/,
    ],
    [
      'earthing without a neutral',
      (g) => (unit(g).earthingFrom = { rOhm: 1 }),
      'transformers[0].earthingFrom',
      /without a neutral/,
    ],
    [
      'tap positions per phase of a delta',
      (g) => (unit(g).tap = { position: 0, stepPercent: 1, phasePositions: { A: 1 } }),
      'transformers[0].vectorGroup',
      /must be a YNyn0/,
    ],
    [
      'a tap of one phase beyond its range',
      (g) => (unit(g).tap = { position: 0, stepPercent: 1, max: 2, phasePositions: { B: 3 } }),
      'transformers[0].tap.phasePositions.B.position',
      /is outside any..2/,
    ],
    [
      'a tap position on a phase that the bank lacks',
      (g) =>
        Object.assign(unit(g), {
          vectorGroup: 'YNyn0',
          phases: ['A'],
          tap: { position: 0, stepPercent: 1, phasePositions: { B: 1 } },
        }),
      'transformers[0].tap.phasePositions.B',
      /but not the phase/,
    ],
    [
      'a matrix of the wrong size',
      (g) => (g.matrixLines = [matrixLine({ rOhmPerKm: [[1]] })]),
      'matrixLines[0].rOhmPerKm',
      /not 2 by 2/,
    ],
    [
      'a matrix that is not symmetric',
      (g) =>
        (g.matrixLines = [
          matrixLine({
            xOhmPerKm: [
              [1, 0.2],
              [0.3, 1],
            ],
          }),
        ]),
      'matrixLines[0].xOhmPerKm',
      /not symmetric/,
    ],
    [
      'a singular impedance matrix',
      (g) =>
        (g.matrixLines = [
          matrixLine({
            rOhmPerKm: [
              [1, 1],
              [1, 1],
            ],
            xOhmPerKm: [
              [0, 0],
              [0, 0],
            ],
          }),
        ]),
      'matrixLines[0]',
      /singular/,
    ],
    [
      'a phase named twice',
      (g) => (g.matrixLines = [matrixLine({ phases: ['A', 'A'] })]),
      'matrixLines[0].phases',
      /twice/,
    ],
    [
      'a matrix line in a positive-sequence grid',
      (g) => Object.assign(g, { representation: 'positive-sequence', matrixLines: [matrixLine({})] }),
      'matrixLines[0]',
      /positive-sequence/,
    ],
    [
      'a load on a phase that its bus lacks',
      (g) => {
        g.buses[2]!.phases = ['A', 'B'];
        g.loads![0]!.connection = 'BC';
        g.loads![0]!.activePowerW = 1000;
        g.loads![0]!.reactivePowerVar = 0;
      },
      'loads[0].connection',
      /needs phase C, which bus/,
    ],
    [
      'a line of three phases to a bus of two',
      (g) => (g.buses[2]!.phases = ['A', 'B']),
      'lines[0].to',
      /needs phase C/,
    ],
    [
      'reactive limits in the wrong order',
      (g) => (g.generators = [control({ minReactivePowerVar: 1, maxReactivePowerVar: -1 })]),
      'generators[0].voltageControl',
      /above its largest/,
    ],
    [
      'two setpoints at one bus',
      (g) => (g.generators = [control({}), { ...control({ voltagePu: 1.02 }), id: 'h' }]),
      'generators[1].voltageControl.voltagePu',
      /hold one bus at 1 and 1.02 pu/,
    ],
    [
      'a general branch without impedance',
      (g) => (g.generalBranches = [{ id: 'b', from: 'mv', to: 'lv', r1Ohm: 0, x1Ohm: 0 }]),
      'generalBranches[0]',
      /no series impedance/,
    ],
    [
      'a third winding at an impossible hour',
      (g) => (g.threeWindingTransformers = [threeWinding('YNyn0d6')]),
      'threeWindingTransformers[0].vectorGroup',
      /cannot be a YNyn0d6/,
    ],
    [
      'a third winding at no bus',
      (g) => {
        g.threeWindingTransformers = [threeWinding('YNyn0d5')];
        g.threeWindingTransformers[0]!.low.bus = 'hose';
      },
      'threeWindingTransformers[0].low.bus',
      /refers to bus "hose"/,
    ],
    ['not a number', (g) => (line(g).lengthM = Number.NaN), 'lines[0].lengthM', /is not a number/],
  ])('with %s is refused at its place', (_, spoil, path, message) => {
    const grid = sound();
    spoil(grid);
    const { problems } = checkGrid(grid);
    expect(problems.map((problem) => problem.path)).toContain(path);
    expect(problems.map(formatProblem).join('\n')).toMatch(message);
  });
});
