/** A time series file of the user's own: read, checked and laid on a regular grid of instants; every fault with its row. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { parse } from 'csv-parse/sync';
import { InvalidInputError, type Problem } from '../../grids/problem.ts';
import { readText } from '../../grids/read-text.ts';
import { formatInstant, parseInstant, zoneOffsetUs } from '../../platform/contract/time.ts';
import { createZoneOffset } from '../../platform/forecasting/local-time.ts';
import type { ScenarioCsv, TemperatureCsv } from '../scenario/schema.ts';

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

/** A row that could be read: when it stamps, its value (NaN = empty cell) and where it stands in the file. */
interface Row {
  readonly timeUs: number;
  /** The time as it stands in the file. */
  readonly written: string;
  readonly value: number;
  readonly line: number;
}

/**
 * Reads the column of `kind` named in the scenario, W. Relative file names are taken from `directory`. Decimal commas are
 * understood where the columns are separated by semicolons. Throws InvalidInputError with every fault of the file.
 */
export function readCsvSeries(options: {
  readonly csv: ScenarioCsv;
  readonly kind: 'load' | 'pv';
  readonly directory: string;
}): Series {
  const { csv, kind, directory } = options;
  const column = csv[kind];
  if (column === undefined) {
    const message = `the scenario names no column for ${kind}`;
    throw new InvalidInputError([{ file: csv.file, path: '', message, hint: `add "${kind}: <column>" to its csv` }]);
  }
  const watts = WATTS[csv.unit];
  const series = readColumn({ ...csv, column, toSi: (value) => value * watts }, directory);
  // A load may be what is left after PV, and negative at noon. PV draws a little at night, and all in all gives.
  if (kind === 'load' || series.values.reduce((sum, value) => sum + value, 0) >= 0) return series;
  const hint = 'what PV generates is written positive; turn the signs round';
  throw new InvalidInputError([{ file: csv.file, path: column, message: 'consumes all in all', hint }]);
}

/** The same for air temperatures, C. */
export function readTemperatureSeries(csv: TemperatureCsv, directory: string): Series {
  return readColumn({ ...csv, column: csv.temperature, toSi: CELSIUS[csv.unit] }, directory);
}

interface Wanted extends Pick<ScenarioCsv, 'file' | 'time' | 'zone' | 'stamp' | 'gaps'> {
  readonly column: string;
  readonly toSi: (value: number) => number;
}

function readColumn(wanted: Wanted, directory: string): Series {
  const problems: Problem[] = [];
  const fault = (problem: Omit<Problem, 'file'>) => problems.push({ file: wanted.file, ...problem });
  const file = resolve(directory, wanted.file);
  if (!existsSync(file)) {
    fault({ path: '', message: 'there is no such file', hint: `looked for ${file}` });
    throw new InvalidInputError(problems);
  }
  const rows = readRows(readText(file), wanted, fault);
  const series = problems.length === 0 ? layOut(rows, wanted, file, fault) : undefined;
  if (series === undefined || problems.length > 0) throw new InvalidInputError(problems);
  return series;
}

type Fault = (problem: Omit<Problem, 'file'>) => void;

function readRows(text: string, { time, zone, column, toSi }: Wanted, fault: Fault): Row[] {
  const records = parseRecords(text, fault);
  const [header, ...body] = records;
  if (header === undefined) {
    fault({ path: '', line: 1, message: 'the file is empty' });
    return [];
  }
  const timeIndex = header.cells.indexOf(time);
  const valueIndex = header.cells.indexOf(column);
  for (const [name, index] of [
    [time, timeIndex],
    [column, valueIndex],
  ] as const) {
    if (index < 0) {
      fault({
        path: name,
        line: header.line,
        message: `has no column "${name}"`,
        hint: `it has ${header.cells.join(', ')}`,
      });
    }
  }
  if (timeIndex < 0 || valueIndex < 0) return [];

  const readTime = createTimeReader(zone, fault, time, timeIndex + 1);
  const rows: Row[] = [];
  let previousUs = Number.NEGATIVE_INFINITY;
  for (const { cells, line } of body) {
    if (cells.length !== header.cells.length) {
      fault({ path: '', line, message: `has ${cells.length} cells where the header has ${header.cells.length}` });
      continue;
    }
    const value = readNumber(cells[valueIndex] ?? '', toSi);
    if (value === undefined) {
      const message = `"${cells[valueIndex]}" is no number`;
      fault({
        path: column,
        line,
        column: valueIndex + 1,
        message,
        hint: 'leave the cell empty where there is no value',
      });
    }
    const timeUs = readTime(cells[timeIndex] ?? '', line, previousUs);
    if (timeUs === undefined) continue;
    if (timeUs <= previousUs) {
      const message = `"${cells[timeIndex]}" does not come after the row before it`;
      fault({ path: time, line, column: timeIndex + 1, message, hint: 'sort the rows and remove duplicates' });
      continue;
    }
    previousUs = timeUs;
    if (value !== undefined) rows.push({ timeUs, written: cells[timeIndex] ?? '', value, line });
  }
  return rows;
}

interface CsvRecord {
  readonly cells: readonly string[];
  readonly line: number;
}

/** Cells of every line, trimmed; semicolons separate where the header has one, commas otherwise. */
function parseRecords(text: string, fault: Fault): CsvRecord[] {
  const semicolons = (text.split('\n', 1)[0] ?? '').includes(';');
  try {
    const parsed = parse(text, {
      bom: true,
      delimiter: semicolons ? ';' : ',',
      info: true,
      relax_column_count: true,
      skip_empty_lines: true,
      trim: true,
    }) as unknown as { record: string[]; info: { lines: number } }[];
    const comma = (cell: string) => (semicolons && /^[+-]?\d+,\d+$/.test(cell) ? cell.replace(',', '.') : cell);
    return parsed.map(({ record, info }) => ({ cells: record.map(comma), line: info.lines }));
  } catch (error) {
    const line = error instanceof Error && 'lines' in error ? Number(error.lines) : 1;
    fault({ path: '', line, message: `is no CSV: ${error instanceof Error ? error.message : String(error)}` });
    return [];
  }
}

/** In SI; NaN for an empty cell; undefined for what is no finite number. */
function readNumber(cell: string, toSi: Wanted['toSi']): number | undefined {
  if (cell === '') return Number.NaN;
  const value = Number(cell);
  return Number.isFinite(value) ? toSi(value) : undefined;
}

const LOCAL = /^(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2})(:\d{2})?(\.\d{1,6})?$/;

/**
 * Reads times with a zone as they are, and times without one on the clocks of `zone`: the hour that occurs twice in
 * autumn is taken in the order of the rows, the hour that does not exist in spring is a fault.
 */
function createTimeReader(zone: string | undefined, fault: Fault, path: string, column: number) {
  const offsetUs = zone === undefined ? undefined : createOffset(zone, fault, path);
  return (cell: string, line: number, previousUs: number): number | undefined => {
    const zoned = parseInstant(cell.replace(' ', 'T').replace(/^(.{16})(Z|[+-]\d{2}:\d{2})$/, '$1:00$2'));
    if (!Number.isNaN(zoned)) return zoned;
    const match = LOCAL.exec(cell);
    if (match === null) {
      const hint = 'write 2021-04-01T00:15:00+02:00';
      fault({ path, line, column, message: `"${cell}" is no ISO 8601 time`, hint });
      return undefined;
    }
    if (offsetUs === undefined) {
      const hint = zone === undefined ? 'give the csv a "zone", for example Europe/Berlin' : 'correct the zone first';
      fault({ path, line, column, message: `"${cell}" has no zone`, hint });
      return undefined;
    }
    const [, date = '', minutes = '', seconds = ':00', fraction = ''] = match;
    const wallUs = parseInstant(`${date}T${minutes}${seconds}${fraction}Z`);
    const instants = Number.isNaN(wallUs) ? [] : localInstants(wallUs, offsetUs);
    if (instants.length === 0) {
      fault({ path, line, column, message: `"${cell}" does not exist on the clocks of ${zone}` });
      return undefined;
    }
    return instants.find((instant) => instant > previousUs) ?? instants[0];
  };
}

function createOffset(zone: string, fault: Fault, path: string): ((timeUs: number) => number) | undefined {
  try {
    return createZoneOffset(zone);
  } catch {
    fault({ path, message: `"${zone}" is no time zone`, hint: 'write an IANA name such as Europe/Berlin' });
    return undefined;
  }
}

/** Instants at which the clocks of a zone show `wallUs`: none, one or two, earlier first. */
function localInstants(wallUs: number, offsetUs: (timeUs: number) => number): number[] {
  const dayUs = 86_400e6;
  const offsets = new Set([offsetUs(wallUs - dayUs), offsetUs(wallUs + dayUs)]);
  const instants = [...offsets].map((offset) => wallUs - offset);
  return instants.filter((instant) => instant + offsetUs(instant) === wallUs).sort((a, b) => a - b);
}

/** Rows on a regular grid with the step that most rows keep; gaps treated as the scenario says. */
function layOut(rows: readonly Row[], wanted: Wanted, file: string, fault: Fault): Series | undefined {
  const { time, column, gaps, stamp } = wanted;
  const [first] = rows;
  const last = rows.at(-1);
  if (first === undefined || last === undefined || rows.length < 2) {
    fault({ path: column, message: 'needs two rows at least, so that the interval is known' });
    return undefined;
  }
  const stepUs = commonStep(rows);
  const values = new Float64Array(Math.floor((last.timeUs - first.timeUs) / stepUs) + 1).fill(Number.NaN);
  let next = 0;
  for (const { timeUs, written, value, line } of rows) {
    const index = (timeUs - first.timeUs) / stepUs;
    if (!Number.isInteger(index)) {
      const message = `"${written}" is off the grid of ${stepUs / 1e6} s that the other rows keep`;
      fault({ path: time, line, message });
      continue;
    }
    if (gaps === 'error' && index > next) {
      const hint = 'fill the file, or say gaps: hold or gaps: interpolate';
      fault({
        path: time,
        line,
        message: `${index - next} rows are missing before "${written}"`,
        hint,
      });
    }
    if (Number.isNaN(value) && gaps === 'error') {
      fault({ path: column, line, message: 'is empty', hint: 'fill it, or say gaps: hold or gaps: interpolate' });
    }
    values[index] = value;
    next = index + 1;
  }
  const filled = gaps === 'error' ? 0 : fillGaps(values, gaps);
  if (filled === undefined) fault({ path: column, message: 'has no value at all' });
  const startUs = stamp === 'interval-start' ? first.timeUs : first.timeUs - stepUs;
  return { file, startUs, endUs: startUs + values.length * stepUs, stepUs, values, filled: filled ?? 0 };
}

/** The distance that occurs most often between neighbouring rows, the shorter one where two are equally common. */
function commonStep(rows: readonly Row[]): number {
  const counts = new Map<number, number>();
  for (let i = 1; i < rows.length; i += 1) {
    const distance = (rows[i]?.timeUs ?? 0) - (rows[i - 1]?.timeUs ?? 0);
    counts.set(distance, (counts.get(distance) ?? 0) + 1);
  }
  const [commonest] = [...counts].sort(([a, many], [b, more]) => more - many || a - b);
  return commonest?.[0] ?? Number.NaN;
}

/** Fills NaN entries in place, at the edges with the nearest value; answers how many, undefined when all were empty. */
function fillGaps(values: Float64Array, how: 'hold' | 'interpolate'): number | undefined {
  const known: number[] = [];
  values.forEach((value, i) => {
    if (!Number.isNaN(value)) known.push(i);
  });
  const [first] = known;
  const last = known.at(-1);
  if (first === undefined || last === undefined) return undefined;
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

/** The series itself, when it covers the run. Throws InvalidInputError that tells what it lacks, in the zone of its start. */
export function covering(
  series: Series,
  csvFile: string,
  clock: { readonly start: string; readonly duration: number },
): Series {
  const startUs = parseInstant(clock.start);
  const endUs = startUs + clock.duration;
  if (series.startUs <= startUs && series.endUs >= endUs) return series;
  const show = (timeUs: number) => formatInstant(timeUs, zoneOffsetUs(clock.start));
  const message = `covers ${show(series.startUs)} to ${show(series.endUs)} but the scenario runs ${show(startUs)} to ${show(endUs)}`;
  const hint = 'change clock.start and clock.duration or use another file';
  throw new InvalidInputError([{ file: csvFile, path: '', message, hint }]);
}
