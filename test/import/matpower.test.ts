/** MATPOWER cases: every part of the table syntax, conversions below the tables, and faults with their places. */
import { describe, expect, test } from 'vitest';
import { importGrid } from '../../grids/import/read-grid-files.ts';
import { describeNote } from '../../grids/import/imported-grid.ts';
import { faultsOf, sampleText } from './samples.ts';

const read = (text: string) => importGrid([{ name: 'case.m', text }]);
const hamlet = sampleText('hamlet.m');

describe('the hamlet', () => {
  const { grid, notes } = read(hamlet);

  test('has buses with their numbers, names and voltages', () => {
    expect(grid.buses.map(({ id, name, nominalVoltageV }) => [id, name, nominalVoltageV])).toEqual([
      ['1', 'Grid', 110_000],
      ['10', 'Busbar', 20_000],
      ['20', "Miller's", 20_000],
      ['30', 'Village', 20_000],
      ['40', 'Plant', 20_000],
    ]);
  });

  test('has its loads after arithmetic, conversion to MW and a power factor', () => {
    expect(grid.loads.map(({ bus, activePowerW }) => [bus, activePowerW])).toEqual([
      ['10', 200_000],
      ['20', 750_000],
      ['30', 150_000],
    ]);
    expect(grid.loads[0]!.reactivePowerVar).toBeCloseTo(60_000, 6);
    expect(grid.loads[1]!.reactivePowerVar).toBeCloseTo(-40_000, 6);
    // tan(acos(0.9)) = 0.48432...
    expect(grid.loads[2]!.reactivePowerVar).toBeCloseTo(150_000 * Math.sqrt(1 / 0.81 - 1), 6);
  });

  test('numbers branches by row, and tells lines from what transforms', () => {
    expect(grid.lines.map(({ id }) => id)).toEqual(['2', '3', '4', '5']);
    expect(grid.lines[0]).toMatchObject({ from: '10', to: '20', lengthM: 1000 });
    expect(grid.lines[0]!.r1OhmPerKm).toBeCloseTo(1.1, 12);
    // b = 0.001 pu on 400 V^2/10 MVA = 40 ohm, at 50 Hz.
    expect(grid.lines[0]!.c1FPerKm * 2 * Math.PI * 50).toBeCloseTo(0.001 / 40, 14);
    expect(grid.lines[3]).toMatchObject({ inService: false });
    expect(grid.generalBranches).toHaveLength(1);
    expect(grid.generalBranches[0]).toMatchObject({ id: '1', from: '1', to: '10', ratio: 0.98, shiftDeg: -30 });
    // 25 MVA at 110 kV.
    expect(grid.generalBranches[0]!.ratedCurrentA).toBeCloseTo(25e6 / Math.sqrt(3) / 110e3, 9);
  });

  test('holds voltages where MATPOWER holds them, and knows limits that it does not keep', () => {
    expect(grid.externalGrids).toMatchObject([{ id: '1', bus: '1', voltagePu: 1.02, angleDeg: 0 }]);
    expect(grid.generators).toMatchObject([
      { id: '2', bus: '40', activePowerW: 600_000, voltageControl: { voltagePu: 1.01, enforceLimits: false } },
      { id: '3', bus: '20', inService: false },
    ]);
    // Gs consumes, Bs injects at 1 pu.
    expect(grid.shunts).toMatchObject([
      { bus: '20', reactivePowerVar: -500_000 },
      { bus: '30', activePowerW: 20_000 },
    ]);
  });

  test('flat starting voltages are none', () => {
    expect(grid.buses.every(({ start }) => start === undefined)).toBe(true);
  });

  test('says what it leaves out and what it assumes', () => {
    expect(notes.map((note) => describeNote(note))).toEqual([
      'generator costs not carried over (gencost)',
      'columns not carried over (bus.area, bus.zone, bus.Vmax and 8 more)',
      'no lengths given: lines are written with 1 km (branch(2), branch(3), branch(4) and 1 more)',
      'no frequency given: line charging is written as capacitance at 50 Hz (branch(2))',
    ]);
    expect(grid.assumptions).toHaveLength(2);
  });
});

describe('syntax', () => {
  const bus = (row: string) => `mpc.bus = [ ${row} ];`;
  const whole = (tables: string) => `function mpc = tiny
mpc.baseMVA = 1;
mpc.gen = [1 0 0 1 -1 1 1 1 1 0];
mpc.branch = [1 2 0.1 0.2 0 0 0 0 0 0 1];
${tables}`;
  const two = (load: string) => whole(bus(`1 3 0 0 0 0 1 1 0 10 1 1 1; 2 1 ${load} 0 0 1 1 0 10 1 1 1`));
  const loadOf = (load: string) => {
    const { activePowerW, reactivePowerVar } = read(two(load)).grid.loads[0]!;
    return [activePowerW, reactivePowerVar];
  };

  test.each([
    ['1 -2', [1e6, -2e6]],
    ['1, -2', [1e6, -2e6]],
    ['1 - 0.5 2', [0.5e6, 2e6]],
    ['1-0.5 2', [0.5e6, 2e6]],
    ['2/1000 3e-3', [2e3, 3e3]],
    ['2*(3+1) .5', [8e6, 0.5e6]],
    ['-2^2 1', [-4e6, 1e6]],
    ['2^-1 1D0', [0.5e6, 1e6]],
    ['1. 2.e0', [1e6, 2e6]],
    ['[1 2]', [1e6, 2e6]],
    ['1 ... the rest is on the next line\n 2', [1e6, 2e6]],
    ['sqrt(4) abs(-1)', [2e6, 1e6]],
  ])('a load of %s', (text, powers) => {
    expect(loadOf(text)).toEqual(powers);
  });

  test('tables without semicolons, with commas, with comments in them, and transposed', () => {
    const { grid } = read(`mpc.baseMVA=1
mpc.bus=[1,3,0,0,0,0,1,1,0,10,1,1,1 % slack
# Octave comments too
2 1 1 0 0 0 1 1 0 10 1 1 1]
mpc.gen=[1 0 0 1 -1 1 1 1 1 0]
mpc.branch=[1;2;0.1;0.2;0;0;0;0;0;0;1]';`);
    expect(grid.buses).toHaveLength(2);
    expect(grid.lines[0]).toMatchObject({ id: '1', from: '1', to: '2' });
  });

  test('version 1: a function that returns its tables', () => {
    const { grid } = read(`function [baseMVA, bus, gen, branch, areas, gencost] = old
baseMVA = 100;
bus = [1 3 0 0 0 0 1 1 0 345 1 1.1 0.9; 2 1 90 30 0 0 1 1 0 345 1 1.1 0.9];
gen = [1 0 0 300 -300 1.04 100 1 250 10];
branch = [1 2 0 0.0576 0 250 250 250 0 0 1];
areas = [1 5];
gencost = [2 1500 0 3 0.11 5 150];
return;`);
    expect(grid).toMatchObject({ name: 'old', loads: [{ activePowerW: 90e6 }] });
  });

  test('conversions by column names, ranges, single elements and other tables', () => {
    const { grid } = read(
      `${two('200 100')}
define_constants;
scale = 1e3;
mpc.bus(:, PD:QD) = mpc.bus(:, [PD QD]) ./ scale;
mpc.bus(end, PD) = mpc.bus(2, 3) + 0.1;
mpc.branch(1, BR_R) = 0.4;`,
    );
    expect(grid.loads[0]!.activePowerW).toBeCloseTo(300_000, 6);
    expect(grid.loads[0]!.reactivePowerVar).toBeCloseTo(100_000, 6);
    expect(grid.lines[0]!.r1OhmPerKm).toBeCloseTo(0.4 * 100, 9);
  });

  test('a block that is switched off by a number above is passed over, one that is on is read', () => {
    const scaled = (text: string) => read(`${two('1 2')}\n${text}`).grid.loads[0]!.activePowerW;
    const block = 'if fixed\n  k = find( isinf(mpc.gen(:, 4)) );\n  mpc.bus(k, 3) = 7;\nend';
    expect(scaled(`fixed = 0;\n${block}\nmpc.bus(2, 3) = 5;`)).toBe(5e6);
    expect(scaled('fixed = 1;\nif fixed\n  mpc.bus(2, 3) = 7;\nend')).toBe(7e6);
    expect(() => scaled(`fixed = 1;\n${block}`)).toThrow(/"find" stands nowhere above/);
    expect(() => scaled('fixed = 0;\nif fixed\n mpc.bus(2, 3) = 7;\nelse\n mpc.bus(2, 3) = 8;\nend')).toThrow(
      /"else" is/,
    );
    expect(() => scaled('fixed = 0;\nif fixed\n mpc.bus(2, 3) = 7;')).toThrow(
      /condition that opens here is not closed/,
    );
  });

  test('starting voltages are those of the bus; without a magnitude there are none', () => {
    const rows = ['1 3 0 0 0 0 1 1.02 5 10 1 1 1', '2 1 1 0 0 0 1 0.97 -3.5 10 1 1 1', '3 4 0 0 0 0 1 0 7 10 1 1 1'];
    expect(read(whole(bus(rows.join('; ')))).grid.buses.map(({ start }) => start)).toEqual([
      { voltagePu: 1.02, angleDeg: 5 },
      { voltagePu: 0.97, angleDeg: -3.5 },
      undefined,
    ]);
  });

  test('elements that it does not know are told to change the results', () => {
    const { notes } = read(`${two('1 0')}\nmpc.dcline = [1 2 1 10 9 0 0 1 1 1 10 -1 1 -1 1 0 0];\nmpc.if.map = [1 2];`);
    expect(notes.map((note) => describeNote(note))).toEqual([
      'elements not carried over: results differ (dcline)',
      'field "if.map" not carried over (if.map)',
      'columns not carried over (bus.area, bus.zone, bus.Vmax and 8 more)',
      'no lengths given: lines are written with 1 km (branch(1))',
    ]);
  });

  test('without a base voltage 1 kV stands in, and the note says so', () => {
    const { grid, notes } = read(two('1 0').replaceAll('0 10 1 1 1', '0 0 1 1 1'));
    expect(grid.buses[0]!.nominalVoltageV).toBe(1000);
    expect(notes.map(({ message }) => message)).toContain(
      'no base voltage given: 1 kV stands in, per-unit results do not depend on it',
    );
  });

  test.each([
    ['a loop', 'for i = 1:2', 'case.m:6:1: "for" is programming'],
    ['a loop', 'for k = 1, end', 'case.m:6:1: "for" is programming'],
    ['a comparison', 'if mpc.bus(1, 3) > 2', 'case.m:6:18: the statement should end before ">"'],
    ['a call', 'mpc = loadcase("other");', 'case.m:6:7: "loadcase" stands nowhere above'],
    ['a selection', 'mpc.bus(mpc.bus(:, 2) == 1, 3) = 0;', 'case.m:6:23: "," was expected, found "=="'],
    ['system commands', 'system("rm -rf /");', 'case.m:6:1: "system" stands nowhere above'],
    ['an unknown name', 'mpc.bus(:, PD) = 1;', 'case.m:6:12: "PD" stands nowhere above'],
    ['unlike shapes', 'mpc.bus(:, 3) = [1 2 3];', 'case.m:6:1: a table of 1x3 put in the place of one of 2x1'],
    ['a row that is not there', 'mpc.bus(7, 3) = 1;', 'case.m:6:1: row 7 of a table that has 2'],
  ])('refuses %s', (_, statement, message) => {
    expect(faultsOf(() => read(`${two('1 0')}\n${statement}`)).join('\n')).toContain(message);
  });
});

describe('faults', () => {
  test.each([
    [
      'a cut table',
      hamlet.slice(0, hamlet.indexOf('30\t40\t0.7')),
      /case\.m:\d+:14: the table that opens here is not closed/,
    ],
    [
      'a short row',
      hamlet.replace('8e1	.02	0	1', '8e1	.02	0'),
      /case\.m:19:2: this row has 12 numbers, the rows above have 13/,
    ],
    [
      'no branch table',
      hamlet.slice(0, hamlet.indexOf('mpc.branch')),
      /branch: there is no branch table \(is this a whole/,
    ],
    ['text in a table', hamlet.replace('1500/2', '15oo/2'), /case\.m:18:11: "oo" stands nowhere above/],
    [
      'a bus twice',
      hamlet.replace('	30	1	(120', '	10	1	(120'),
      /case\.m:19:2: bus\(4\)\.bus_i: bus 10 stands in the table twice/,
    ],
    [
      'a branch to nowhere',
      hamlet.replace('30	40	0.7', '30	44	0.7'),
      /branch\(4\)\.tbus: branch 4 ends at bus 44, which does not exist/,
    ],
    ['NaN', hamlet.replace('1500/2', 'NaN'), /bus\(3\)\.Pd: Pd of row 3 of bus is missing/],
    ['Inf', hamlet.replace('1500/2', 'Inf'), /bus\(3\)\.Pd: Pd of row 3 of bus is no finite number/],
    [
      'V for kV',
      hamlet.replace('0	20	1	1.1	0.9	%', '0	20000	1	1.1	0.9	%'),
      /bus\(2\)\.baseKV: .*must be at most 1500, found 20000 \(kilovolts: is it V for kV\?\)/,
    ],
    ['no impedance', hamlet.replace('0.9	0.6	0	0', '0	0	0	0'), /branch\(3\)\.x: branch 3 has no impedance/],
    [
      'no slack',
      hamlet.replace('	1	3	0	0', '	1	1	0	0').replace('40	2	0	0	0', '40	1	0	0	0'),
      /nothing holds the voltage/,
    ],
    ['no base', hamlet.replace('mpc.baseMVA = 10;', ''), /baseMVA: baseMVA is missing/],
    [
      'no number for a base',
      hamlet.replace('mpc.baseMVA = 10;', "mpc.baseMVA = 'ten';"),
      /baseMVA must be a number above 0/,
    ],
  ])('%s', (_, text, message) => {
    expect(faultsOf(() => read(text)).join('\n')).toMatch(message);
  });

  test('all of them at once', () => {
    const text = hamlet
      .replace('1500/2', 'NaN')
      .replace('30	40	0.7', '30	44	0.7')
      .replace('1.02	10	1', '0	10	1');
    expect(faultsOf(() => read(text))).toHaveLength(3);
  });

  test('a table nested without an end is refused, not followed', () => {
    expect(faultsOf(() => read(`mpc.baseMVA = ${'('.repeat(100_000)}1;`))[0]).toContain(
      'nested deeper than 100 levels',
    );
    expect(faultsOf(() => read(`mpc.bus = 1:1e300;`))[0]).toContain('a range without an end');
  });
});
