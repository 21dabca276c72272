import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { InvalidInputError } from '../../grids/problem.ts';
import { parseInstant } from '../../platform/contract/time.ts';
import { covering, inspectCsv, meanOfSeries, readCsvSeries, type Series } from '../../sim/profiles/csv.ts';
import { csvSchema, type ScenarioCsv } from '../../sim/scenario/schema.ts';

const directory = mkdtempSync(join(tmpdir(), 'twin-csv-'));
afterAll(() => rmSync(directory, { recursive: true }));

function read(lines: readonly string[], options: Partial<ScenarioCsv> = {}): Series {
  writeFileSync(join(directory, 'data.csv'), lines.join('\n'));
  const csv = csvSchema.parse({ file: 'data.csv', load: 'load', ...options });
  return readCsvSeries({ csv, kind: 'load', directory });
}

/** `row:column path: message` of every fault. */
function faults(lines: readonly string[], options: Partial<ScenarioCsv> = {}): string[] {
  try {
    read(lines, options);
  } catch (error) {
    if (!(error instanceof InvalidInputError)) throw error;
    return error.problems.map(
      ({ line, column, path, message }) => `${line ?? '-'}:${column ?? '-'} ${path}: ${message}`,
    );
  }
  return [];
}

/** `count` local wall-clock times of `date` in quarter hours, skipping or repeating what the clocks do. */
function wallClock(date: string, hours: readonly number[]): string[] {
  const two = (n: number) => String(n).padStart(2, '0');
  return hours.flatMap((hour) => [0, 15, 30, 45].map((minute) => `${date} ${two(hour)}:${two(minute)}`));
}
const hoursOfDay = Array.from({ length: 24 }, (_, hour) => hour);

describe('CSV', () => {
  test('reads units, stamps and instants', () => {
    const lines = ['timestamp,load', '2021-04-01T00:00:00+02:00,1.5', '2021-04-01T00:15Z,2', '2021-04-01T00:30:00Z,3'];
    const series = read([lines[0] ?? '', '2021-04-01T00:00:00Z,1.5', ...lines.slice(2)], { unit: 'MW' });
    expect([...series.values]).toEqual([1.5e6, 2e6, 3e6]);
    expect(series).toMatchObject({ startUs: parseInstant('2021-04-01T00:00:00Z'), stepUs: 900e6, filled: 0 });
    const end = read(['timestamp,load', '2021-04-01T00:15:00Z,1', '2021-04-01T00:30:00Z,2'], {
      stamp: 'interval-end',
      unit: 'W',
    });
    expect(end.startUs).toBe(parseInstant('2021-04-01T00:00:00Z'));
    expect(end.endUs).toBe(parseInstant('2021-04-01T00:30:00Z'));
  });

  test('PV that consumes all in all has the signs of another convention; a draw at night passes', () => {
    const pv = (values: readonly number[]) => {
      const rows = values.map((value, i) => `2021-04-01T00:${15 * i || '00'}:00Z,${value}`);
      writeFileSync(join(directory, 'pv.csv'), ['timestamp,pv', ...rows].join('\n'));
      return readCsvSeries({ csv: csvSchema.parse({ file: 'pv.csv', pv: 'pv' }), kind: 'pv', directory });
    };
    expect(() => pv([0, -120, -80])).toThrow('pv: consumes all in all (what PV generates is written positive');
    expect(pv([-0.01, 120, 80]).values).toHaveLength(3);
    expect(read(['timestamp,load', '2021-04-01T00:00:00Z,-5', '2021-04-01T00:15:00Z,-3']).values).toHaveLength(2);
  });

  test('understands semicolons with decimal commas, a byte-order mark and Windows line ends', () => {
    const series = read(['\uFEFFtimestamp;load\r', '2021-04-01T00:00:00Z;1,5\r', '2021-04-01T00:15:00Z;2,25\r', ''], {
      unit: 'W',
    });
    expect([...series.values]).toEqual([1.5, 2.25]);
  });

  test('a spring day of the local clocks has 92 quarter hours, an autumn day 100, both without a gap', () => {
    const spring = wallClock(
      '2021-03-28',
      hoursOfDay.filter((hour) => hour !== 2),
    );
    const springSeries = read(['timestamp,load', ...spring.map((time, i) => `${time},${i}`)], {
      zone: 'Europe/Berlin',
      unit: 'W',
    });
    expect(springSeries.values).toHaveLength(92);
    expect(springSeries.startUs).toBe(parseInstant('2021-03-28T00:00:00+01:00'));
    expect(springSeries.endUs).toBe(parseInstant('2021-03-29T00:00:00+02:00'));

    const autumn = wallClock('2021-10-31', [0, 1, 2, 2, ...hoursOfDay.slice(3)]);
    const autumnSeries = read(['timestamp,load', ...autumn.map((time, i) => `${time},${i}`)], {
      zone: 'Europe/Berlin',
      unit: 'W',
    });
    expect([...autumnSeries.values]).toEqual(Array.from({ length: 100 }, (_, i) => i));
    expect(autumnSeries.endUs).toBe(parseInstant('2021-11-01T00:00:00+01:00'));
  });

  test('an hour that the clocks skip is a fault', () => {
    const lines = [
      'timestamp,load',
      '2021-03-28 01:45,1',
      '2021-03-28 02:00,2',
      '2021-03-28 03:00,3',
      '2021-03-28 03:15,3',
    ];
    expect(faults(lines, { zone: 'Europe/Berlin' })).toEqual([
      '3:1 timestamp: "2021-03-28 02:00" does not exist on the clocks of Europe/Berlin',
    ]);
  });

  test('every fault of a file is told with row and column', () => {
    const lines = [
      'timestamp,load',
      '2021-04-01T00:00:00Z,1',
      'yesterday,2',
      '2021-04-01T00:15:00Z,much',
      '2021-04-01T00:30:00,3',
      '2021-04-01T00:30:00Z,Infinity',
      '2021-04-01T00:30:00Z,4',
      '2021-04-01T00:45:00Z,5,6',
    ];
    expect(faults(lines)).toEqual([
      '3:1 timestamp: "yesterday" is no ISO 8601 time',
      '4:2 load: "much" is no number',
      '5:1 timestamp: "2021-04-01T00:30:00" has no zone',
      '6:2 load: "Infinity" is no number',
      '7:1 timestamp: "2021-04-01T00:30:00Z" does not come after the row before it',
      '8:- : has 3 cells where the header has 2',
    ]);
  });

  const at = (time: string, ...cells: readonly string[]) => [`2021-04-01T${time}:00Z`, ...cells].join(',');
  const open = 'a quote begins here and does not end';
  test.each<[string, string[], string[]]>([
    ['is the only fault', [at('00:00', '1'), `"${at('00:15', '1')}`, at('00:30', '1')], [`3:1 : ${open}`]],
    [
      'hides neither what is before it nor what is behind',
      [at('00:00', 'x'), at('00:15', '"1'), 'yesterday,1', at('00:30', '1'), at('00:30', '1'), at('01:15', '1', '2')],
      [
        '2:2 load: "x" is no number',
        `3:2 : ${open}`,
        '4:1 timestamp: "yesterday" is no ISO 8601 time',
        '6:1 timestamp: "2021-04-01T00:30:00Z" does not come after the row before it',
        '7:- : has 3 cells where the header has 2',
      ],
    ],
    [
      'is told for each row that has one',
      [`"${at('00:00', '1')}`, at('00:15', '1'), `"${at('00:30', '1')}`, at('00:45', '"1"x'), at('01:00', '1')],
      [`2:1 : ${open}`, `4:1 : ${open}`, '5:2 : a quote ends here in the midst of a cell'],
    ],
    [
      'that the next row happens to end',
      [at('00:00', '1'), at('00:15', '"1'), at('00:30', '1"'), at('00:45', 'y')],
      [`3:2 : ${open}`, '4:2 load: "1\\"" is no number', '5:2 load: "y" is no number'],
    ],
    [
      'among others that end',
      ['"2021-04-01T00:00:00Z","1"', '"2021-04-01T00:15:00Z","1', '"2021-04-01T00:30:00Z","z"'],
      [`3:2 : ${open}`, '4:2 load: "z" is no number'],
    ],
  ])('an open quote %s', (_, rows, found) => {
    expect(faults(['timestamp,load', ...rows])).toEqual(found);
  });

  test('an open quote of the header leaves no column known', () => {
    expect(faults(['timestamp,"load', at('00:00', 'x')])).toEqual([`1:2 : ${open}`]);
  });

  test('a quoted cell of another column may have lines', () => {
    expect(faults(['timestamp,load,note', at('00:00', '1', '"a'), 'b"', at('00:15', '2', '')])).toEqual([]);
  });

  test('missing columns, an unknown zone and an empty file are faults', () => {
    expect(faults(['time,watts', '2021-04-01T00:00:00Z,1'])).toEqual([
      '1:- timestamp: has no column "timestamp"',
      '1:- load: has no column "load"',
    ]);
    expect(csvSchema.safeParse({ file: 'data.csv', zone: 'Europe/Abbenhausen' }).error?.issues).toMatchObject([
      { path: ['zone'], message: '"Europe/Abbenhausen" is no time zone: write an IANA name such as Europe/Berlin' },
    ]);
    expect(faults([''])).toEqual(['1:- : the file is empty']);
    expect(faults(['2021-04-01T00:00:00Z,1', '2021-04-01T00:15:00Z,2'])).toEqual([
      '1:- : has values in its first row, which has to name the columns: timestamp, load',
    ]);
    expect(faults(['timestamp,load', '2021-04-01T00:00:00Z,1'])).toEqual([
      '1:- : needs two rows at least, so that the interval is known',
    ]);
  });

  const gappy = [
    'timestamp,load',
    '2021-04-01T00:00:00Z,1',
    '2021-04-01T00:15:00Z,2',
    '2021-04-01T01:00:00Z,5',
    '2021-04-01T01:15:00Z,',
    '2021-04-01T01:30:00Z,7',
  ];
  test('gaps are faults, or held, or interpolated, as the scenario says', () => {
    expect(faults(gappy)).toEqual([
      '4:- timestamp: 2 rows are missing before "2021-04-01T01:00:00Z"',
      '5:2 load: is empty',
    ]);
    expect([...read(gappy, { gaps: 'hold', unit: 'W' }).values]).toEqual([1, 2, 2, 2, 5, 5, 7]);
    const interpolated = read(gappy, { gaps: 'interpolate', unit: 'W' });
    expect([...interpolated.values]).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(interpolated.filled).toBe(3);
  });

  test('a row off the grid is a fault', () => {
    const lines = [
      'timestamp,load',
      ...['00:00', '00:15', '00:35', '00:45', '01:00'].map((time) => `2021-04-01T${time}:00Z,1`),
    ];
    expect(faults(lines, { gaps: 'hold' })).toEqual([
      '4:- timestamp: "2021-04-01T00:35:00Z" is off the grid of 900 s that the other rows keep',
    ]);
  });

  test('faults of every kind are told at once, in the order of the rows, and none that follows from another', () => {
    const lines = [
      'timestamp,load,pv',
      '2021-04-01T00:00:00Z,1,-9',
      'yesterday,x,0',
      '2021-04-01T00:30:00Z,,0',
      '2021-04-01T00:45:00Z,4',
      '2021-04-01T01:15:00Z,5,0x10',
      '2021-04-01T01:15:00Z,6,1e400',
      '2021-04-01T01:35:00Z,7,0',
      '2021-04-01T01:45:00Z,8,0',
      '2021-04-01T02:00:00Z,9,0',
      '2021-04-01T02:15:00Z,9,0',
      '2021-04-01T02:30:00Z,9,0',
    ];
    writeFileSync(join(directory, 'data.csv'), lines.join('\n'));
    const csv = csvSchema.parse({ file: 'data.csv', load: 'load', pv: 'pv' });
    const { problems, series, startUs } = inspectCsv({ csv, kinds: ['load', 'pv'], directory });
    expect(problems.map(({ line, column, path, message }) => `${line}:${column ?? '-'} ${path}: ${message}`)).toEqual([
      '1:3 pv: consumes all in all',
      '3:1 timestamp: "yesterday" is no ISO 8601 time',
      '3:2 load: "x" is no number',
      '4:2 load: is empty',
      '5:- : has 2 cells where the header has 3',
      '6:- timestamp: 1 row is missing before "2021-04-01T01:15:00Z"',
      '6:3 pv: "0x10" is no number',
      '7:1 timestamp: "2021-04-01T01:15:00Z" does not come after the row before it',
      '7:3 pv: "1e400" is no number',
      '8:- timestamp: "2021-04-01T01:35:00Z" is off the grid of 900 s that the other rows keep',
    ]);
    expect(series).toEqual({});
    expect(startUs).toBe(parseInstant('2021-04-01T00:00:00Z'));
  });

  test('what is wrong in every row is told once, and hides nothing else', () => {
    const lines = ['timestamp,load', '2021-04-01T00:00:00,1"2', '2021-04-01T00:15:00,x', '2021-04-01T00:30:00,3'];
    expect(faults(lines)).toEqual([
      '2:1 timestamp: "2021-04-01T00:00:00" has no zone, and so it is in all 3 rows',
      '2:2 load: "1\\"2" is no number',
      '3:2 load: "x" is no number',
    ]);
    expect(faults(['timestamp,load', '2021-04-01T00:00:00Z,1,2', '2021-04-01T00:15:00Z,3,4'])).toEqual([
      '2:- : has 3 cells where the header has 2, and so it is in all 2 rows',
    ]);
    expect(faults(['timestamp,load', '2021-04-01T00:00:00Z,', '2021-04-01T00:15:00Z,'])).toEqual([
      '1:2 load: has no value at all',
    ]);
  });

  const rows = (hours: readonly number[]) =>
    hours.map((hour) => `2021-04-01T${String(hour).padStart(2, '0')}:00:00Z,${hour}`);

  test('a slip in one row is no fault of those after it, and a file that runs backwards has one', () => {
    const slip = ['timestamp,load', ...rows([0, 1, 2]), '9121-04-01T03:00:00Z,3', ...rows([4, 5])];
    expect(faults(slip, { gaps: 'hold' })).toEqual([
      '5:- timestamp: 62237301 rows are missing before "9121-04-01T03:00:00Z"',
      '6:1 timestamp: "2021-04-01T04:00:00Z" does not come after the row before it',
    ]);
    expect(faults(['timestamp,load', ...rows([5, 4, 3, 2])])).toEqual(['3:1 timestamp: the rows run backwards']);
  });

  test('tabs separate as well; a column that is there twice is a fault, and what a cell says stays in its line', () => {
    expect([
      ...read(['timestamp\tload\tx', ...rows([0, 1]).map((row) => `${row.replace(',', '\t')},5\t`)], { unit: 'W' })
        .values,
    ]).toEqual([0.5, 1.5]);
    expect(faults(['timestamp,load,load', ...rows([0, 1]).map((row) => `${row},1`)])).toEqual([
      '1:3 load: has the column "load" twice',
    ]);
    const nasty = faults(['timestamp,load', ...rows([0, 1]), `2021-04-01T02:00:00Z,\u001B[31m${'x'.repeat(1000)}`]);
    expect(nasty).toEqual([`4:2 load: "\\u001b[31m${'x'.repeat(52)}..." is no number`]);
  });

  test('means weight the intervals, and what is not covered is said', () => {
    const series = read(['timestamp,load', '2021-04-01T00:00:00Z,1', '2021-04-01T00:15:00Z,4'], { unit: 'W' });
    const t = series.startUs;
    expect(meanOfSeries(series, t, t)).toBe(1);
    expect(meanOfSeries(series, t, t + 900e6)).toBe(1);
    expect(meanOfSeries(series, t + 900e6, t + 1800e6)).toBe(4);
    expect(meanOfSeries(series, t + 600e6, t + 1200e6)).toBe(2.5);
    expect(() => meanOfSeries(series, t, t + 1801e6)).toThrow(RangeError);
    expect(covering(series, 'data.csv', { start: '2021-04-01T00:00:00Z', duration: 1800e6 })).toBe(series);
    expect(() => covering(series, 'data.csv', { start: '2021-04-01T01:59:00+02:00', duration: 1800e6 })).toThrow(
      'data.csv: covers 2021-04-01T02:00:00+02:00 to 2021-04-01T02:30:00+02:00 but the scenario runs 2021-04-01T01:59:00+02:00 to 2021-04-01T02:29:00+02:00',
    );
  });
});
