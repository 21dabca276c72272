/** A time series file of the user's own as rows: when each stamps and what its columns say; every fault with its row. */
import { resolve } from 'node:path';
import { CsvError, parse } from 'csv-parse/sync';
import { collectFaults, type Problem } from '../../grids/problem.ts';
import { readText } from '../../grids/read-text.ts';
import { didYouMean } from '../../numerics/edit-distance.ts';
import { parseInstant } from '../../platform/contract/time.ts';
import { createZoneOffset } from '../../platform/forecasting/local-time.ts';
import type { ScenarioCsv } from '../scenario/schema.ts';

export interface CsvRow {
  /** Undefined where no time can be read. */
  readonly timeUs: number | undefined;
  /** The time as it stands in the file. */
  readonly written: string;
  /** By column as asked for, in the file's unit; NaN for an empty cell, undefined for what cannot be read. */
  readonly values: readonly (number | undefined)[];
  readonly line: number;
}

/** Where a column stands in the header, for faults of the column as a whole. */
export interface CsvColumn {
  readonly path: string;
  readonly line: number;
  /** From 1. */
  readonly column: number;
}

interface CsvTable {
  /** In the order of the file. */
  readonly rows: readonly CsvRow[];
  /** As asked for; undefined for one that the file does not have. */
  readonly columns: readonly (CsvColumn | undefined)[];
}

export type Fault = (problem: Omit<Problem, 'file'>) => void;

/**
 * Reads `columns` of a file whose name is taken from `directory`. Semicolons, tabs or commas separate, as the header
 * does; without commas between columns they may be decimal. What is wrong goes to `fault`.
 */
export function readCsvTable(
  { file, time, zone }: Pick<ScenarioCsv, 'file' | 'time' | 'zone'>,
  columns: readonly string[],
  directory: string,
  fault: Fault,
): CsvTable {
  const [first, ...body] = readRecords(resolve(directory, file), [time, ...columns], fault);
  if (first?.cells === undefined) return { rows: [], columns: [] };
  const header: Header = { ...first, cells: first.cells };
  if (![time, ...columns].some((name) => header.cells.includes(name)) && header.cells.some(isValue)) {
    const message = `has values in its first row, which has to name the columns: ${[time, ...columns].join(', ')}`;
    fault({ path: '', line: header.line, message });
    return { rows: [], columns: [] };
  }
  const find = (name: string) => findColumn(header, name, fault);
  const timeIndex = find(time);
  const indices = columns.map(find);
  const inRows = new RowFaults(body.length);
  const readTime = createTimeReader(zone, inRows, time, timeIndex + 1);
  const rows: CsvRow[] = [];
  let previousUs = Number.NEGATIVE_INFINITY;
  const unreadable = (line: number) =>
    rows.push({ timeUs: undefined, written: '', values: columns.map(() => undefined), line });
  for (const { cells, line } of body) {
    if (cells === undefined) {
      unreadable(line);
      continue;
    }
    const cell = (index: number) => cells[index] ?? '';
    if (cells.length !== header.cells.length) {
      const message = `has ${cells.length} cells where the header has ${header.cells.length}`;
      const more = cells.length > header.cells.length;
      inRows.add('cells', {
        path: '',
        line,
        message,
        ...(more && { hint: 'decimal commas need columns separated by semicolons' }),
      });
      unreadable(line);
      continue;
    }
    const values = indices.map((index, i) => {
      const value = index < 0 ? undefined : readNumber(cell(index));
      if (value !== undefined || index < 0) return value;
      const message = `${quote(cell(index))} is no number`;
      const hint = 'leave the cell empty where there is no value';
      inRows.add('number', { path: columns[i] ?? '', line, column: index + 1, message, hint });
      return undefined;
    });
    const timeUs = timeIndex < 0 ? undefined : readTime(cell(timeIndex), line, previousUs);
    rows.push({ timeUs, written: cell(timeIndex), values, line });
    previousUs = timeUs ?? previousUs;
  }
  inRows.tell(fault);
  checkOrder(rows, { path: time, column: timeIndex + 1 }, fault);
  const places = indices.map((index, i) =>
    index < 0 ? undefined : { path: columns[i] ?? '', line: header.line, column: index + 1 },
  );
  return { rows, columns: places };
}

type RowFault = Omit<Problem, 'file'>;

/** Faults of cells: what is wrong in a column of every row is told once, with its first row. */
class RowFaults {
  private readonly rows: number;
  private readonly byKind = new Map<string, RowFault[]>();

  constructor(rows: number) {
    this.rows = rows;
  }

  add(kind: string, problem: RowFault): void {
    const key = `${kind} ${problem.path}`;
    const alike = this.byKind.get(key);
    if (alike === undefined) this.byKind.set(key, [problem]);
    else alike.push(problem);
  }

  tell(fault: Fault): void {
    for (const [first, ...others] of this.byKind.values()) {
      const everywhere = others.length > 0 && others.length + 1 === this.rows;
      const message = `${first!.message}, and so it is in all ${this.rows} rows`;
      for (const problem of everywhere ? [{ ...first!, message }] : [first!, ...others]) fault(problem);
    }
  }
}

interface CsvRecord {
  /** Trimmed; undefined where a quote leaves open what they are. */
  readonly cells: readonly string[] | undefined;
  readonly line: number;
}

/** What stands in the file, record by record. */
function readRecords(file: string, names: readonly string[], fault: Fault): CsvRecord[] {
  const problems: Problem[] = [];
  const text = collectFaults(problems, () => readText(file));
  for (const { file: _file, ...problem } of problems) fault(problem);
  if (text === undefined) return [];
  const header = /\S.*/.exec(text)?.[0] ?? '';
  const delimiter = [';', '\t'].find((separator) => header.includes(separator)) ?? ',';
  const records = parseRecords(text, delimiter, names) ?? readLineByLine(text, delimiter, fault);
  if (records.length === 0) fault({ path: '', line: 1, message: 'the file is empty' });
  const comma = (cell: string) => (delimiter !== ',' && /^[+-]?\d+,\d+$/.test(cell) ? cell.replace(',', '.') : cell);
  return records.map(({ cells, line }) => ({ cells: cells?.map(comma), line }));
}

/** Undefined where a quote does not end, or only in another record; a time or a number of `names` has one line. */
function parseRecords(text: string, delimiter: string, names: readonly string[] = []): CsvRecord[] | undefined {
  try {
    const parsed = parse(text, {
      bom: true,
      delimiter,
      info: true,
      relax_column_count: true,
      // A quote inside a cell is a fault of the cell.
      relax_quotes: true,
      skip_empty_lines: true,
      trim: true,
    }) as unknown as { record: string[]; info: { lines: number } }[];
    const [header, ...body] = parsed.map(({ record }) => record);
    const named = names.map((name) => header?.indexOf(name) ?? -1);
    const isTorn = body.some((cells) => {
      const long = cells.flatMap((cell, index) => (/[\n\r]/.test(cell) ? index : []));
      return long.length > 0 && (cells.length !== header?.length || long.some((index) => named.includes(index)));
    });
    return isTorn ? undefined : parsed.map(({ record, info }) => ({ cells: record, line: info.lines }));
  } catch (error) {
    if (error instanceof CsvError) return undefined;
    throw error;
  }
}

/** Times and numbers end with their line, and so does what an open quote swallows. */
function readLineByLine(text: string, delimiter: string, fault: Fault): CsvRecord[] {
  return text.split(/\r\n|\n|\r/).flatMap((content, i) => {
    const line = i + 1;
    const records = parseRecords(content, delimiter);
    if (records !== undefined) return records.map(({ cells }) => ({ cells, line }));
    const cells = content.split(delimiter).map((cell) => cell.trim());
    const index = cells.findIndex((cell) => cell.startsWith('"') && !(cell.length > 1 && cell.endsWith('"')));
    const isOpen = (cells[index] ?? '').split('"').length % 2 === 0;
    const message = isOpen ? 'a quote begins here and does not end' : 'a quote ends here in the midst of a cell';
    fault({ path: '', line, ...(index >= 0 && { column: index + 1 }), message });
    return [{ cells: undefined, line }];
  });
}

interface Header extends CsvRecord {
  readonly cells: readonly string[];
}

/** Which column has this name, from 0; -1, and a fault, when none has it or not only one. */
function findColumn({ cells, line }: Header, name: string, fault: Fault): number {
  const index = cells.indexOf(name);
  if (index < 0) {
    const hint = didYouMean(name, cells) ?? `it has ${cells.map((cell) => shorten(cell)).join(', ')}`;
    fault({ path: name, line, message: `has no column "${name}"`, hint });
  } else if (cells.includes(name, index + 1)) {
    fault({ path: name, line, column: cells.lastIndexOf(name) + 1, message: `has the column "${name}" twice` });
  }
  return index;
}

const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;

/** What stands in rows, and is no name of a column. */
function isValue(cell: string): boolean {
  return NUMBER.test(cell) || LOCAL.test(cell.slice(0, 16));
}

/** NaN for an empty cell; undefined for what is no finite number. */
function readNumber(cell: string): number | undefined {
  if (cell === '') return Number.NaN;
  const value = NUMBER.test(cell) ? Number(cell) : Number.NaN;
  return Number.isFinite(value) ? value : undefined;
}

/** Every row comes after the one before; a file that runs backwards throughout has one fault, not one a row. */
function checkOrder(rows: readonly CsvRow[], place: { readonly path: string; readonly column: number }, fault: Fault) {
  const timed = rows.filter(({ timeUs }) => timeUs !== undefined);
  const early = timed.filter(({ timeUs }, i) => i > 0 && (timeUs ?? 0) <= (timed[i - 1]?.timeUs ?? 0));
  const backwards = early.length > 1 && early.length === timed.length - 1;
  for (const { written, line } of backwards ? early.slice(0, 1) : early) {
    const message = backwards ? 'the rows run backwards' : `${quote(written)} does not come after the row before it`;
    const hint = backwards ? 'sort the rows by time' : 'sort the rows and remove duplicates';
    fault({ ...place, line, message, hint });
  }
}

const LOCAL = /^(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2})(:\d{2})?(\.\d{1,6})?$/;

/**
 * Reads times with a zone as they are, and times without one on the clocks of `zone`: the hour that occurs twice in
 * autumn is taken in the order of the rows, the hour that does not exist in spring is a fault.
 */
function createTimeReader(zone: string | undefined, inRows: RowFaults, path: string, column: number) {
  const offsetUs = zone === undefined ? undefined : createZoneOffset(zone);
  return (cell: string, line: number, previousUs: number): number | undefined => {
    const zoned = parseInstant(cell.replace(' ', 'T').replace(/^(.{16})(Z|[+-]\d{2}:\d{2})$/, '$1:00$2'));
    if (!Number.isNaN(zoned)) return zoned;
    const match = LOCAL.exec(cell);
    if (match === null) {
      const hint = 'write 2021-04-01T00:15:00+02:00';
      inRows.add('form', { path, line, column, message: `${quote(cell)} is no ISO 8601 time`, hint });
      return undefined;
    }
    if (offsetUs === undefined) {
      const hint = 'give the csv a "zone", for example Europe/Berlin';
      inRows.add('zone', { path, line, column, message: `${quote(cell)} has no zone`, hint });
      return undefined;
    }
    const [, date = '', minutes = '', seconds = ':00', fraction = ''] = match;
    const wallUs = parseInstant(`${date}T${minutes}${seconds}${fraction}Z`);
    const instants = Number.isNaN(wallUs) ? [] : localInstants(wallUs, offsetUs);
    if (instants.length === 0) {
      const message = `${quote(cell)} does not exist on the clocks of ${zone}`;
      inRows.add('clock', { path, line, column, message });
      return undefined;
    }
    return instants.find((instant) => instant > previousUs) ?? instants[0];
  };
}

/** Instants at which the clocks of a zone show `wallUs`: none, one or two, earlier first. */
function localInstants(wallUs: number, offsetUs: (timeUs: number) => number): number[] {
  const dayUs = 86_400e6;
  const offsets = new Set([offsetUs(wallUs - dayUs), offsetUs(wallUs + dayUs)]);
  const instants = [...offsets].map((offset) => wallUs - offset);
  return instants.filter((instant) => instant + offsetUs(instant) === wallUs).sort((a, b) => a - b);
}

/** As it would stand in a sentence, without what a terminal obeys. */
export function quote(cell: string): string {
  return JSON.stringify(shorten(cell));
}

function shorten(cell: string): string {
  return cell.length > 60 ? `${cell.slice(0, 57)}...` : cell;
}
