/** pandapower JSON of versions 2 and 3: a hamlet of our own against pandapower's solution, measurements, faults. */
import { describe, expect, test } from 'vitest';
import { describeNote } from '../../grids/import/imported-grid.ts';
import { importGrid } from '../../grids/import/read-grid-files.ts';
import { faultsOf, sampleJson, sampleText } from './samples.ts';
import { worstVoltage, type ExpectedBus } from './solve.ts';

const read = (text: string) => importGrid([{ name: 'net.json', text }]);
const sample = sampleText('hamlet.pandapower-3.json');

interface Frame {
  columns: string[];
  index: unknown[];
  data: unknown[][];
}
interface Net {
  _object: Record<string, { _object: string } | undefined>;
}

/** The sample with one of its tables changed. */
function changed(table: string, change: (frame: Frame) => void, text = sample): string {
  const net = JSON.parse(text) as Net;
  const frame = JSON.parse(net._object[table]!._object) as Frame;
  change(frame);
  net._object[table]!._object = JSON.stringify(frame);
  return JSON.stringify(net, undefined, 1);
}

/** The sample with one value of a table changed. */
function withValue(table: string, row: number, column: string, value: unknown, text = sample): string {
  return changed(
    table,
    (frame) => {
      frame.data[row]![frame.columns.indexOf(column)] = value;
    },
    text,
  );
}

describe.each(['2', '3'])('the hamlet as pandapower %s writes it', (version) => {
  const text = sampleText(`hamlet.pandapower-${version}.json`);
  const { grid, measurements } = read(text);
  const expected = sampleJson(`hamlet.pandapower-${version}.expected.json`) as { bus: ExpectedBus[] };

  test('has the voltages that pandapower finds', () => {
    const { error, bus } = worstVoltage(grid, expected.bus);
    expect(error, `bus ${bus}`).toBeLessThan(1e-10);
  });

  test('calls elements after their tables, and buses by their index', () => {
    expect(grid.buses.slice(0, 10).map(({ id }) => id)).toEqual(['0', '1', '2', '3', '4', '5', '6', '7', '8', '9']);
    expect(grid.transformers.map(({ id }) => id)).toEqual(['trafo-0', 'trafo-1', 'trafo-2']);
    expect(grid.threeWindingTransformers.map(({ id }) => id)).toEqual(['trafo3w-0']);
    expect(grid.transformers[0]).toMatchObject({
      vectorGroup: 'YNd5',
      tap: { side: 'from', position: -2, stepPercent: 1.5 },
    });
    expect(grid.transformers[2]!.tap).toMatchObject({ kind: 'ideal', stepDeg: 1.2 });
  });

  test('turns consumption at buses into injection, and leaves flows as they are', () => {
    const byId = new Map(measurements.map((item) => [item.id, item]));
    expect(byId.get('0')).toEqual({
      id: '0',
      kind: 'voltageMagnitude',
      at: 'bus:0',
      value: 1.02,
      sigma: 0.002,
      unit: 'pu',
    });
    const injection = byId.get('2')!;
    expect(injection).toMatchObject({ kind: 'activePower', at: 'bus:7', sigma: 1000 });
    expect(injection.value).toBeCloseTo(-3000, 6);
    expect(byId.get('4')).toMatchObject({ kind: 'activePower', at: 'branch:line-0:from', value: 1.2e6, sigma: 1e4 });
    expect(byId.get('5')).toMatchObject({ kind: 'reactivePower', at: 'branch:line-0:to', value: 0.5e6 });
    expect(byId.get('6')).toMatchObject({ at: 'branch:trafo-0:from', value: 6e6 });
    expect(byId.get('7')).toMatchObject({ kind: 'currentMagnitude', value: 40, sigma: 1 });
    expect(byId.get('8')).toMatchObject({ at: 'branch:trafo3w-0:medium:from', value: 2e6 });
  });
});

test('an open line end is loose for the estimator of pandapower 2 only', () => {
  const two = read(sampleText('hamlet.pandapower-2.json'));
  expect(two.measurements.slice(0, 2)).toEqual([
    { id: 'line-1-open-p', kind: 'activePower', at: 'bus:line-1-open', value: 0, sigma: 1e6 },
    { id: 'line-1-open-q', kind: 'reactivePower', at: 'bus:line-1-open', value: 0, sigma: 1e6 },
  ]);
  expect(two.grid.lines[1]).toMatchObject({ to: 'line-1-open', toClosed: true });
  const three = read(sample);
  expect(three.measurements[0]!.id).toBe('0');
  expect(three.grid.lines[1]).toMatchObject({ to: '5', toClosed: false });
});

test('a negative short-circuit voltage makes a general branch of a negative reactance', () => {
  const { grid } = read(withValue('trafo', 0, 'vk_percent', -11.2));
  expect(grid.transformers.map(({ id }) => id)).toEqual(['trafo-1', 'trafo-2']);
  const [branch] = grid.generalBranches.filter(({ id }) => id === 'trafo-0');
  // 11.2 % and 0.4 % of (20.5 kV)^2 / 25 MVA; two steps down of 1.5 % on the high side.
  const base = 20_500 ** 2 / 25e6;
  expect(branch!.r1Ohm).toBeCloseTo(0.004 * base, 9);
  expect(branch!.x1Ohm).toBeCloseTo(-Math.sqrt(0.112 ** 2 - 0.004 ** 2) * base, 9);
  expect(branch).toMatchObject({ shiftDeg: 150, ratedVoltageFromV: 112_000, ratedVoltageToV: 20_500 });
  expect(branch!.ratio).toBeCloseTo(0.97, 12);
});

test.each([
  ['2.14.10', 100, 100],
  ['3.3.2', 100, 100],
  ['3.4.0', 100, 1],
  ['3.10.1', 50, 0.5],
])('mag0_percent is a ratio up to version 3.3 and a percentage since 3.4: %s', (version, written, ratio) => {
  const text = changed('trafo', (frame) => {
    frame.columns.push('vk0_percent', 'mag0_percent');
    for (const row of frame.data) row.push(4, written);
  }).replace('"version": "3.5.6"', `"version": "${version}"`);
  expect(read(text).grid.transformers[0]!.zeroSequence).toMatchObject({ vkPercent: 4, magnetisingRatio: ratio });
});

test('every table and column that is left out is named', () => {
  const text = changed('line', (frame) => {
    frame.columns.push('colour');
    for (const row of frame.data) row.push('red');
  });
  const notes = read(text)
    .notes.map((note) => describeNote(note))
    .join('\n');
  expect(notes).toContain('storages are written as loads with their present power');
  const columns = read(text).notes.find(({ message }) => message === 'columns not carried over')!;
  expect(columns.count).toBeGreaterThan(5);
  expect(JSON.stringify(read(text).notes)).toContain('bus.type');
});

test('frames as objects, and written column by column, read the same', () => {
  const net = JSON.parse(sample) as {
    _object: Record<string, { _class?: string; _object?: unknown; orient?: string }>;
  };
  for (const value of Object.values(net._object)) {
    if (value._class !== 'DataFrame') continue;
    const frame = JSON.parse(String(value._object)) as Frame;
    value._object = frame;
  }
  expect(read(JSON.stringify(net)).grid).toEqual(read(sample).grid);
  for (const value of Object.values(net._object)) {
    if (value._class !== 'DataFrame') continue;
    const { columns, index, data } = value._object as Frame;
    const column = (c: number) => Object.fromEntries(index.map((label, r) => [String(label), data[r]![c]]));
    value._object = JSON.stringify(Object.fromEntries(columns.map((name, c) => [name, column(c)])));
    value.orient = 'columns';
  }
  expect(read(JSON.stringify(net)).grid).toEqual(read(sample).grid);
});

describe('faults', () => {
  test.each([
    [
      'a missing value',
      withValue('line', 0, 'length_km', null),
      /^net\.json:\d+:\d+: line\[0\]\.length_km: length_km of line 0 is missing$/,
    ],
    ['a line of no length', withValue('line', 0, 'length_km', 0), /line\[0\]\.length_km: .* must be above 0, found 0/],
    [
      'a line without impedance',
      changed('line', ({ columns, data }) => {
        data[0]![columns.indexOf('r_ohm_per_km')] = 0;
        data[0]![columns.indexOf('x_ohm_per_km')] = 0;
      }),
      /line 0 has no series impedance \(use a bus-bus switch\)/,
    ],
    [
      'text for a number',
      withValue('load', 1, 'p_mw', 'much'),
      /load\[1\]\.p_mw: p_mw of load 1 is no finite number, found "much"/,
    ],
    [
      'W for MW',
      withValue('load', 1, 'p_mw', 12_000_000),
      /p_mw of load 1 must be at most 100000, found 12000000 \(MW and Mvar: is it W or kW\?\)/,
    ],
    [
      'V for kV',
      withValue('bus', 1, 'vn_kv', 20_000),
      /vn_kv of bus 1 must be at most 1500, found 20000 \(kilovolts: is it V for kV\?\)/,
    ],
    ['m for km', withValue('line', 0, 'length_km', 6000), /\(kilometres: is it m for km\?\)/],
    [
      'a vector group of no windings',
      withValue('trafo', 0, 'vector_group', 'Dyq'),
      /trafo\[0\]\.vector_group: "Dyq" is no vector group such as Dyn/,
    ],
    [
      'an element at no bus',
      withValue('load', 1, 'bus', 77),
      /load\[1\]: bus: load "load-1" refers to bus "77", which does not exist/,
    ],
    [
      'an index twice',
      changed('bus', ({ index }) => {
        index[1] = 0;
      }),
      /bus\[0\]: index 0 stands in table bus twice/,
    ],
    [
      'a measurement at nothing',
      withValue('measurement', 0, 'element', 42),
      /measurement\[0\]\.element: measurement 0 stands at bus 42, which does not exist/,
    ],
    [
      'a measurement of no side',
      withValue('measurement', 4, 'side', 'hv'),
      /side of measurement 4 must be from or to, found "hv"/,
    ],
    ['a sigma of zero', withValue('measurement', 0, 'std_dev', 0), /std_dev of measurement 0 must be above 0, found 0/],
    [
      'a negative sigma',
      withValue('measurement', 3, 'std_dev', -0.1),
      /std_dev of measurement 3 must be above 0, found -0\.1/,
    ],
    ['a value that is NaN', withValue('measurement', 3, 'value', null), /value of measurement 3 is missing/],
    [
      'kV for pu',
      withValue('measurement', 0, 'value', 20.4),
      /value of measurement 0 must be at most 5, found 20\.4 \(is it in pu\?\)/,
    ],
    [
      'an unknown kind of measurement',
      withValue('measurement', 0, 'measurement_type', 'f'),
      /measurement_type must be one of v, va, p, q, i, ia, found "f"/,
    ],
    [
      'a switch between strangers',
      withValue('switch', 0, 'bus', 0),
      /switch\[0\]\.bus: the switch stands between bus 0 and line 1, which ends at 1 and 5/,
    ],
    [
      'a switch at nothing',
      withValue('switch', 0, 'element', 55),
      /the switch stands at line 55, which does not exist/,
    ],
    [
      'a row too short',
      changed('load', ({ data }) => {
        data[0]!.pop();
      }),
      /row 0 of load does not have the \d+ values of the columns/,
    ],
    [
      'a table cut off',
      sample.replace(String.raw`\"index\":[0,1,2,3,4],\"data\"`, String.raw`\"index\":[0,1,2`),
      /table \w+ is not valid JSON/,
    ],
    [
      'no buses',
      changed('bus', (frame) => {
        frame.index = [];
        frame.data = [];
      }),
      /buses|bus/,
    ],
  ])('%s', (_, text, message) => {
    expect(faultsOf(() => read(text)).join('\n')).toMatch(message);
  });

  test('a truncated file has its place', () => {
    const faults = faultsOf(() => read(sample.slice(0, 5000)));
    expect(faults).toHaveLength(1);
    expect(faults[0]).toMatch(/^net\.json:\d+:\d+: is not valid JSON/);
  });

  test('all of them at once', () => {
    const text = withValue(
      'measurement',
      0,
      'std_dev',
      0,
      withValue('line', 0, 'length_km', null, withValue('bus', 1, 'vn_kv', 20_000)),
    );
    expect(faultsOf(() => read(text))).toHaveLength(3);
  });
});
