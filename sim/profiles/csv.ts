/** A time series file of the user's own, checked and laid on a regular grid of instants; every fault with its row. */
import { resolve } from 'node:path';
import { inFileOrder, InvalidInputError, type Problem } from '../../grids/problem.ts';
import { formatInstant, parseInstant, zoneOffsetUs } from '../../platform/contract/time.ts';
import type { ScenarioCsv, TemperatureCsv } from '../scenario/schema.ts';
import { type CsvColumn, type CsvRow, type Fault, quote, readCsvTable } from './csv-table.ts';

const WATTS = { W: 1, kW: 1e3, MW: 1e6 } as const;

/** To degrees Celsius. */
const CELSIUS = {
  C: (value: number) => value,
  K: (value: number) => value - 273.15,
  F: (value: number) => (value - 32) / 1.8,
} as const;

export interface Series {
  /** Absolute path of the file that it came from. */
  readonly file: string;
  /** Covered time: (startUs, endUs], us since the epoch. */
  readonly startUs: number;
  readonly endUs: number;
  readonly stepUs: number;
  /** Interval means, W or C; entry i stands for (startUs + i stepUs, startUs + (i + 1) stepUs]. */
  readonly values: Float64Array;
  /** Intervals that were empty in the file and have been filled. */
  readonly filled: number;
}

/** All that can be said of a file, whatever is wrong in it. */
export interface CsvInspection<Key extends string> {
  /** Covered time, us since the epoch; undefined where the first or the last row does not tell. */
  readonly startUs: number | undefined;
  readonly endUs: number | undefined;
  /** The columns asked for; none of them when the file has faults. */
  readonly series: Partial<Readonly<Record<Key, Series>>>;
  /** Every fault, in the order of the file. */
  readonly problems: readonly Problem[];
}

type PowerKind = 'load' | 'pv';

interface PowerOptions {
  readonly csv: ScenarioCsv;
  /** Relative file names start here. */
  readonly directory: string;
}

/** The columns that the scenario names for `kinds`, W. */
export function inspectCsv({
  csv,
  kinds,
  directory,
}: PowerOptions & { readonly kinds: readonly PowerKind[] }): CsvInspection<PowerKind> {
  const toSi = (value: number) => value * WATTS[csv.unit];
  const columns = kinds.flatMap((key) => (csv[key] === undefined ? [] : [{ key, name: csv[key], toSi }]));
  return inspectColumns({ ...csv, columns }, directory);
}

/** The column for `kind`, W. Throws InvalidInputError with every fault of its cells and of the file's times. */
export function readCsvSeries({ csv, kind, directory }: PowerOptions & { readonly kind: PowerKind }): Series {
  if (csv[kind] === undefined) {
    const message = `the scenario names no column for ${kind}`;
    throw new InvalidInputError([{ file: csv.file, path: '', message, hint: `add "${kind}: <column>" to its csv` }]);
  }
  return soundSeries(inspectCsv({ csv, kinds: [kind], directory }), kind);
}

/** The same for air temperatures, C. */
export function inspectTemperatureCsv(csv: TemperatureCsv, directory: string): CsvInspection<'temperature'> {
  const column = { key: 'temperature', name: csv.temperature, toSi: CELSIUS[csv.unit] } as const;
  return inspectColumns({ ...csv, columns: [column] }, directory);
}

/** Throws as for powers. */
export function readTemperatureSeries(csv: TemperatureCsv, directory: string): Series {
  return soundSeries(inspectTemperatureCsv(csv, directory), 'temperature');
}

function soundSeries<Key extends string>({ series, problems }: CsvInspection<Key>, key: Key): Series {
  const found = series[key];
  if (found === undefined) throw new InvalidInputError(problems);
  return found;
}

interface Column<Key extends string> {
  readonly key: Key;
  readonly name: string;
  readonly toSi: (value: number) => number;
}

interface Wanted<Key extends string> extends Pick<ScenarioCsv, 'file' | 'time' | 'zone' | 'stamp' | 'gaps'> {
  readonly columns: readonly Column<Key>[];
}

function inspectColumns<Key extends string>(wanted: Wanted<Key>, directory: string): CsvInspection<Key> {
  const problems: Problem[] = [];
  const fault: Fault = (problem) => problems.push({ file: wanted.file, ...problem });
  const { columns, gaps } = wanted;
  const table = readCsvTable(
    wanted,
    columns.map(({ name }) => name),
    directory,
    fault,
  );
  const { rows } = table;
  if (rows.length < 2 && problems.length === 0) {
    fault({ path: '', line: 1, message: 'needs two rows at least, so that the interval is known' });
  }
  const raster = rasterOf(rows, wanted.stamp);
  if (raster !== undefined) checkSteps(rows, raster, wanted, fault);
  columns.forEach(({ key }, i) => checkValues(key, rows, i, table.columns[i], gaps, fault));

  const found =
    problems.length > 0 || raster === undefined
      ? []
      : columns.map(({ key, toSi }, i) => {
          const values = layOut(rows, raster, i, toSi);
          const filled = fillGaps(values, gaps);
          const { startUs, endUs, stepUs } = raster;
          return [key, { file: resolve(directory, wanted.file), startUs, endUs, stepUs, values, filled }] as const;
        });
  return {
    startUs: rows[0]?.timeUs === undefined ? undefined : raster?.startUs,
    endUs: rows.at(-1)?.timeUs === undefined ? undefined : raster?.endUs,
    series: Object.fromEntries(found) as CsvInspection<Key>['series'],
    problems: inFileOrder(problems),
  };
}

/** The regular grid of instants that the rows keep. */
interface Raster extends Pick<Series, 'startUs' | 'endUs' | 'stepUs'> {
  /** Of the first row. */
  readonly stampUs: number;
}

/** The step is the distance that occurs most often between neighbours, the shorter one where two are equally common. */
function rasterOf(rows: readonly CsvRow[], stamp: Wanted<string>['stamp']): Raster | undefined {
  const times = [...new Set(rows.flatMap(({ timeUs }) => timeUs ?? []))].sort((a, b) => a - b);
  const [stampUs] = times;
  const lastUs = times.at(-1);
  if (stampUs === undefined || lastUs === undefined || times.length < 2) return undefined;
  const counts = new Map<number, number>();
  for (let i = 1; i < times.length; i += 1) {
    const distance = (times[i] ?? 0) - (times[i - 1] ?? 0);
    counts.set(distance, (counts.get(distance) ?? 0) + 1);
  }
  const [commonest] = [...counts].sort(([a, many], [b, more]) => more - many || a - b);
  const stepUs = commonest?.[0] ?? Number.NaN;
  const startUs = stamp === 'interval-start' ? stampUs : stampUs - stepUs;
  const count = Math.floor((lastUs - stampUs) / stepUs) + 1;
  return { stampUs, startUs, endUs: startUs + count * stepUs, stepUs };
}

/** More than anybody means to fill; rather a year with a slip of the pen. */
const FILLED_MAX = 1_000_000;

/** Rows that are missing, or off the grid that the others keep. */
function checkSteps(
  rows: readonly CsvRow[],
  { stampUs, stepUs }: Raster,
  { time: path, gaps }: Pick<Wanted<string>, 'time' | 'gaps'>,
  fault: Fault,
): void {
  let unread = 0;
  const timed = rows.flatMap(({ timeUs, written, line }) => {
    const before = unread;
    unread = timeUs === undefined ? unread + 1 : 0;
    return timeUs === undefined ? [] : [{ timeUs, written, line, before }];
  });
  let next = 0;
  /** Rows since the last whose time cannot be used: each may be one that is missed. */
  let unplaced = 0;
  for (const { timeUs, written, line, before } of timed.sort((a, b) => a.timeUs - b.timeUs)) {
    const index = (timeUs - stampUs) / stepUs;
    unplaced += before;
    if (!Number.isInteger(index)) {
      fault({ path, line, message: `${quote(written)} is off the grid of ${stepUs / 1e6} s that the other rows keep` });
      unplaced += 1;
      continue;
    }
    const missing = index - next - unplaced;
    if (missing > 0 && (gaps === 'error' || missing > FILLED_MAX)) {
      const message = `${missing === 1 ? '1 row is' : `${missing} rows are`} missing before ${quote(written)}`;
      const hint = gaps === 'error' ? 'fill the file, or say gaps: hold or gaps: interpolate' : 'too many to be filled';
      fault({ path, line, message, hint });
    }
    next = index + 1;
    unplaced = 0;
  }
}

/** Column `i`: cells that are empty, values that cannot be meant. */
function checkValues(
  key: string,
  rows: readonly CsvRow[],
  i: number,
  place: CsvColumn | undefined,
  gaps: Wanted<string>['gaps'],
  fault: Fault,
): void {
  if (place === undefined) return;
  const { path, column } = place;
  const values = rows.map((row) => row.values[i]);
  if (rows.length > 0 && values.every((value) => Number.isNaN(value))) {
    fault({ ...place, message: 'has no value at all' });
    return;
  }
  // A load may be what is left after PV, and negative at noon. PV draws a little at night, and all in all gives.
  const sum = values.reduce<number>((total, value = 0) => total + (Number.isNaN(value) ? 0 : value), 0);
  if (key === 'pv' && sum < 0) {
    const hint = 'what PV generates is written positive; turn the signs round';
    fault({ ...place, message: 'consumes all in all', hint });
  }
  if (gaps !== 'error') return;
  for (const row of rows) {
    if (!Number.isNaN(row.values[i])) continue;
    fault({
      path,
      line: row.line,
      column,
      message: 'is empty',
      hint: 'fill it, or say gaps: hold or gaps: interpolate',
    });
  }
}

/** The values of column `i`, NaN where there is none. */
function layOut(
  rows: readonly CsvRow[],
  { stampUs, startUs, endUs, stepUs }: Raster,
  i: number,
  toSi: Column<string>['toSi'],
): Float64Array {
  const values = new Float64Array((endUs - startUs) / stepUs).fill(Number.NaN);
  for (const row of rows) {
    values[((row.timeUs ?? Number.NaN) - stampUs) / stepUs] = toSi(row.values[i] ?? Number.NaN);
  }
  return values;
}

/** Fills NaN entries in place, at the edges with the nearest value; answers how many. There is one value at least. */
function fillGaps(values: Float64Array, how: Wanted<string>['gaps']): number {
  const known: number[] = [];
  values.forEach((value, i) => {
    if (!Number.isNaN(value)) known.push(i);
  });
  const [first] = known;
  const last = known.at(-1);
  if (first === undefined || last === undefined) throw new Error('nothing to fill gaps with');
  values.fill(values[first] ?? 0, 0, first);
  values.fill(values[last] ?? 0, last + 1);
  for (let k = 1; k < known.length; k += 1) {
    const from = known[k - 1] ?? 0;
    const to = known[k] ?? 0;
    const a = values[from] ?? 0;
    const b = values[to] ?? 0;
    for (let i = from + 1; i < to; i += 1) values[i] = how === 'hold' ? a : a + ((b - a) * (i - from)) / (to - from);
  }
  return values.length - known.length;
}

/**
 * Mean over (fromUs, toUs] with the series constant within its intervals; with `fromUs === toUs` the value of
 * the interval that begins there. Throws RangeError outside the covered time.
 */
export function meanOfSeries(series: Series, fromUs: number, toUs: number): number {
  const { startUs, endUs, stepUs, values } = series;
  if (fromUs < startUs || toUs > endUs || (fromUs === toUs && fromUs === endUs)) {
    throw new RangeError(`${formatInstant(fromUs)} .. ${formatInstant(toUs)} is not covered by ${series.file}`);
  }
  const value = (index: number) => values[index] ?? Number.NaN;
  let index = Math.floor((fromUs - startUs) / stepUs);
  if (toUs <= startUs + (index + 1) * stepUs) return value(index);
  let sum = 0;
  for (let at = fromUs; at < toUs; index += 1) {
    const until = Math.min(toUs, startUs + (index + 1) * stepUs);
    sum += value(index) * (until - at);
    at = until;
  }
  return sum / (toUs - fromUs);
}

/** What a file lacks of a run, in the zone of its start; undefined where it covers it, or either is unknown. */
export function coverageProblem(
  { startUs, endUs }: Pick<CsvInspection<string>, 'startUs' | 'endUs'>,
  file: string,
  clock: { readonly start: string; readonly duration: number },
): Problem | undefined {
  const beginUs = parseInstant(clock.start);
  const stopUs = beginUs + clock.duration;
  if (startUs === undefined || endUs === undefined || Number.isNaN(stopUs)) return undefined;
  if (startUs <= beginUs && endUs >= stopUs) return undefined;
  const show = (timeUs: number) => formatInstant(timeUs, zoneOffsetUs(clock.start));
  const message = `covers ${show(startUs)} to ${show(endUs)} but the scenario runs ${show(beginUs)} to ${show(stopUs)}`;
  return { file, path: '', message, hint: 'change clock.start and clock.duration or use another file' };
}

/** The series itself, when it covers the run. Throws InvalidInputError that tells what it lacks. */
export function covering(series: Series, csvFile: string, clock: Parameters<typeof coverageProblem>[2]): Series {
  const problem = coverageProblem(series, csvFile, clock);
  if (problem !== undefined) throw new InvalidInputError([problem]);
  return series;
}
