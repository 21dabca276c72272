/** power-grid-model JSON: a hamlet of our own against its solution, sensors, and faults with their places. */
import { describe, expect, test } from 'vitest';
import { importGrid } from '../../grids/import/read-grid-files.ts';
import { faultsOf, sampleJson, sampleText } from './samples.ts';
import { worstVoltage } from './solve.ts';

const sample = sampleText('hamlet.power-grid-model.json');
const read = (text: string, representation?: 'three' | 'positive-sequence') =>
  importGrid([{ name: 'grid.json', text }], representation === undefined ? {} : { representation });

type Component = Record<string, unknown>;
interface DataSet {
  data: Record<string, Component[]>;
}

/** The sample with one component changed. */
function withComponent(kind: string, index: number, change: Component): string {
  const set = JSON.parse(sample) as DataSet;
  Object.assign(set.data[kind]![index]!, change);
  return JSON.stringify(set, undefined, 1);
}

interface Solved {
  readonly id: string;
  readonly vmPu: number | readonly number[];
  readonly vaRad: number | readonly number[];
}
const solved = sampleJson('hamlet.power-grid-model.expected.json') as { sym: Solved[]; asym: Solved[] };
const degrees = (value: Solved['vaRad']) => [value].flat().map((angle) => (angle * 180) / Math.PI);

describe('the hamlet', () => {
  test.each([
    ['sym', 'positive-sequence', 1e-8],
    // Its three-phase solution stands on an iteration to 1e-7.
    ['asym', 'three', 3e-7],
  ] as const)('has the voltages that power-grid-model finds, %s', (kind, representation, tolerance) => {
    const { grid } = read(sample, representation);
    const buses = solved[kind].map(({ id, vmPu, vaRad }) => ({ id, vmPu: [vmPu].flat(), vaDeg: degrees(vaRad) }));
    const { error, bus } = worstVoltage(grid, buses);
    expect(error, `node ${bus}`).toBeLessThan(tolerance);
  });

  test('is three-phase because a load tells the phases apart', () => {
    expect(read(sample).grid.representation).toBe('three');
    const balanced = withComponent('asym_load', 0, { p_specified: [1e4, 1e4, 1e4], q_specified: [0, 0, 0] });
    expect(read(balanced).grid.representation).toBe('positive-sequence');
  });

  test('has no use for the earthing of a winding without a neutral, and says so', () => {
    const { grid, notes } = read(withComponent('transformer', 0, { r_grounding_from: 1 }));
    expect(grid).toEqual(read(sample).grid);
    expect(JSON.stringify(notes)).toContain('earthing impedances of windings without a neutral');
  });

  test('keeps ids, taps that count downwards, and earthing', () => {
    const { grid } = read(sample);
    expect(grid.transformers[0]).toMatchObject({
      id: '21',
      vectorGroup: 'Dyn5',
      tap: { side: 'from', position: 1, min: -3, max: 3 },
      earthingTo: { rOhm: 0.02, xOhm: 0.01 },
    });
    // tap_max below tap_min: a step up lowers the voltage, 500 V of 20500 V.
    expect(grid.transformers[0]!.tap!.stepPercent).toBeCloseTo(-100 * (500 / 20_500), 12);
    expect(grid.switches).toEqual([{ id: '14', from: '2', to: '5', closed: true }]);
    expect(grid.lines[2]).toMatchObject({ fromClosed: false, toClosed: true });
  });

  test('measures what its sensors measure, in signs and units of ours', () => {
    const { measurements } = read(sample, 'positive-sequence');
    const at = (id: string) => measurements.find((item) => item.id === id)!;
    const sensors = (JSON.parse(sample) as DataSet).data;
    const volts = sensors['sym_voltage_sensor']![0]!['u_measured'] as number;
    expect(at('61')).toMatchObject({ kind: 'voltageMagnitude', at: 'bus:1' });
    expect(at('61').value).toBeCloseTo(volts / Math.sqrt(3), 9);
    expect(at('61').sigma).toBeCloseTo(40 / Math.sqrt(3), 9);
    const flow = sensors['sym_power_sensor']![0]!['p_measured'] as number;
    expect(at('63-p')).toMatchObject({ kind: 'activePower', at: 'branch:11:from', value: flow });
    // power_sigma is that of P + jQ.
    expect(at('63-p').sigma).toBeCloseTo(2000 / Math.SQRT2, 9);
    // A load consumes: the injection of its bus is negative.
    expect(at('64-p')).toMatchObject({ at: 'bus:6' });
    expect(at('64-p').value).toBeLessThan(0);
    expect(at('66-p')).toMatchObject({ at: 'branch:22:high:from' });
    expect(at('67-p')).toMatchObject({ at: 'bus:3', value: 30_000 });
    // Three phases as their sum.
    expect(at('68-p')).toMatchObject({ at: 'bus:4', value: -65_050 });
  });

  test('a sum of three phases counts as thirds in a three-phase grid', () => {
    const { measurements } = read(sample, 'three');
    const third = measurements.filter(({ id }) => id.startsWith('67-p-'));
    expect(third.map(({ phase, value }) => [phase, value])).toEqual([
      ['A', 10_000],
      ['B', 10_000],
      ['C', 10_000],
    ]);
    expect(third[0]!.sigma).toBeCloseTo(500 / Math.SQRT2 / 3, 9);
  });

  test('an appliance that is not measured keeps the injection of its node open', () => {
    const set = JSON.parse(sample) as DataSet;
    set.data['sym_load']!.push({ id: 49, node: 6, status: 1, type: 0, p_specified: 1000, q_specified: 0 });
    const { measurements, notes } = read(JSON.stringify(set));
    expect(measurements.some(({ at }) => at === 'bus:6')).toBe(false);
    expect(notes.map(({ message }) => message)).toContain(
      'powers of appliances left out where another one at the node is not measured',
    );
  });
});

describe('faults', () => {
  test.each([
    ['an id twice', withComponent('line', 1, { id: 11 }), /data\.line\[1\]: id 11 is taken by data\.line\[0\]/],
    ['an id that is none', withComponent('line', 1, { id: 'a' }), /needs an id that is a whole number, found "a"/],
    [
      'a line to nowhere',
      withComponent('line', 1, { to_node: 99 }),
      /data\.line\[1\]: to: line "12" refers to bus "99"/,
    ],
    ['no impedance', withComponent('line', 1, { r1: 0, x1: 0 }), /line 12 has no series impedance \(use a link\)/],
    ['kV for V', withComponent('source', 0, { u_ref: 20_000 }), /u_ref of source 31 must be at most 5, found 20000/],
    [
      'an unknown winding',
      withComponent('transformer', 0, { winding_to: 9 }),
      /winding_to of transformer 21 must be at most 4, found 9/,
    ],
    ['a clock that cannot be', withComponent('transformer', 0, { clock: 4 }), /transformer "21" cannot be a Dyn4/],
    [
      'a sigma of zero',
      withComponent('sym_voltage_sensor', 0, { u_sigma: 0 }),
      /u_sigma of sym_voltage_sensor 61 must be above 0/,
    ],
    [
      'a negative sigma',
      withComponent('sym_power_sensor', 0, { power_sigma: -1 }),
      /power_sigma of sym_power_sensor 63 must be above 0/,
    ],
    [
      'a sensor at nothing',
      withComponent('sym_power_sensor', 0, { measured_object: 1234 }),
      /sensor 63 measures 1234, which does not exist/,
    ],
    [
      'a sensor at the wrong thing',
      withComponent('sym_power_sensor', 0, { measured_object: 21, measured_terminal_type: 4 }),
      /measured_terminal_type 4 does not fit transformer 21/,
    ],
    [
      'two phases of three',
      withComponent('asym_load', 0, { p_specified: [1, 2] }),
      /must be a list of three numbers, found \[1,2\]/,
    ],
    [
      'a batch',
      sample.replace('"is_batch": false', '"is_batch": true'),
      /^grid\.json:\d+:\d+: is_batch: is a batch of updates or results, not one grid$/,
    ],
    ['results', sample.replace('"input"', '"sym_output"'), /only the type "input" describes a grid/],
    ['a later version', sample.replace('"1.0"', '"2.0"'), /version: is "2\.0": version 1\.0 is known/],
    ['a row too short', sample.replace('[3, 400.0]', '[3]'), /data\.node\[2\]: a node has 1 values for 2 attributes/],
    ['NaN', sample.replace('"r1": 0.9', '"r1": NaN'), /is not valid JSON/],
  ])('%s', (_, text, message) => {
    expect(faultsOf(() => read(text)).join('\n')).toMatch(message);
  });
});
