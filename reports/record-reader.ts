/** Reads a run's folder: the manifest, the audit, and of each table the columns that the report needs, as typed arrays. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parquetMetadata, parquetRead, parquetSchema } from 'hyparquet';
import { InvalidInputError } from '../grids/problem.ts';
import { describeSystemError } from '../grids/system-error.ts';
import type { Audit, Foresight, Manifest } from './record.ts';

/** Text stored once per distinct value: row r holds `names[index[r]]`. Names stand in order of first appearance. */
export interface TextColumn {
  readonly names: readonly string[];
  readonly index: Int32Array;
}

/** Columns of one table. Booleans come as 0 and 1, nulls as NaN or the empty text. */
export interface Table {
  readonly rows: number;
  number(column: string): Float64Array;
  text(column: string): TextColumn;
}

const numberColumns = {
  'truth-site': [
    'timeUs',
    'frequencyHz',
    'loadW',
    'generationW',
    'batteryW',
    'lossesW',
    'shuntsW',
    'exchangeW',
    'exchangeIdleW',
    'lossesIdleW',
    'shuntsIdleW',
  ],
  'truth-weather': ['timeUs', 'airTemperatureC'],
  'truth-bus': ['timeUs', 'voltageMeanV', 'voltageMinV', 'voltageMaxV', 'voltageEndV', 'angleMeanRad', 'angleEndRad'],
  'truth-branch': ['timeUs', 'loadingMeanPercent', 'loadingMaxPercent'],
  'truth-terminal': [
    'timeUs',
    'voltageReV',
    'voltageImV',
    'currentReA',
    'currentImA',
    'primaryVoltageReV',
    'primaryVoltageImV',
    'primaryCurrentReA',
    'primaryCurrentImA',
  ],
  'truth-energy': ['timeUs', 'importWh', 'exportWh'],
  'device-states': ['timeUs', 'activePowerW', 'stateOfCharge', 'energyStoredWh', 'setpointW', 'saturated', 'lossesWh'],
  measurements: ['timeUs', 'value'],
  'estimate-runs': ['timeUs', 'intervalStartUs', 'iterations', 'objective', 'degreesOfFreedom', 'chiSquareLimit'],
  estimates: ['timeUs', 'voltageV', 'angleRad', 'voltageSigmaV'],
  setpoints: ['timeUs', 'activePowerW'],
  acknowledgements: ['timeUs', 'setpointUs', 'sequence', 'activePowerW'],
  triggers: ['timeUs', 'useCase'],
  'use-cases': ['timeUs', 'useCase', 'targetW', 'lowestW', 'highestW', 'accepted'],
  plans: ['issuedUs', 'timeUs', 'useCase', 'loadW', 'generationW', 'exchangeW'],
  'plan-batteries': ['issuedUs', 'timeUs', 'activePowerW', 'stateOfCharge'],
  'plan-windows': ['issuedUs', 'startUs', 'endUs', 'exchangeW'],
  'plan-runs': ['issuedUs', 'useCase'],
  forecasts: ['issuedUs', 'timeUs', 'activePowerW', 'activePowerSigmaW', 'quantile10W', 'quantile90W'],
  messages: ['taggedUs', 'sentWallUs', 'balWallUs', 'databusWallUs', 'deviceWallUs'],
} as const;

const textColumns = {
  'truth-site': [],
  'truth-weather': [],
  'truth-bus': ['bus', 'phase'],
  'truth-branch': ['branch'],
  'truth-terminal': ['device', 'phase'],
  'truth-energy': ['device'],
  'device-states': ['device'],
  measurements: ['kind', 'device', 'component', 'measurand', 'phase'],
  'estimate-runs': ['estimator', 'status', 'inventory', 'suspects', 'modelFindings'],
  estimates: ['estimator', 'bus', 'phase'],
  setpoints: ['device', 'issuer'],
  acknowledgements: ['device', 'status'],
  triggers: ['issuer', 'request', 'parameters'],
  'use-cases': ['cause', 'request', 'reasons'],
  plans: [],
  'plan-batteries': ['device'],
  'plan-windows': ['kind'],
  'plan-runs': ['method', 'status', 'clashes'],
  forecasts: ['component'],
  messages: ['kind', 'device', 'faults'],
} as const satisfies Record<TableName, readonly string[]>;

type TableName = keyof typeof numberColumns;

export interface RunRecord {
  readonly directory: string;
  readonly manifest: Manifest;
  readonly audit: Audit;
  readonly foresight?: Foresight;
  readonly tables: Readonly<Record<TableName, Table>>;
}

/**
 * Reads a run's folder. A table that the run did not write is empty; wall-clock columns of the ledger are read for
 * real-time runs only, since no other class may draw latencies from them.
 * Throws `InvalidInputError` when the folder holds no manifest or audit, or a table lacks a column.
 */
export async function readRecord(directory: string): Promise<RunRecord> {
  const manifest = await readManifest(directory);
  const audit = (await readJson(directory, 'audit.json')) as Audit;
  const foresight = await readIfThere(directory, 'foresight.json');
  const names = Object.keys(numberColumns) as TableName[];
  const tables = await Promise.all(
    names.map(async (name) => {
      if (name === 'messages' && manifest.class !== 'realtime') return [name, emptyTable] as const;
      const file =
        name === 'messages' ? join(directory, 'messages.parquet') : join(directory, 'series', `${name}.parquet`);
      return [name, await readTable(file, [...numberColumns[name]], [...textColumns[name]])] as const;
    }),
  );
  return {
    directory,
    manifest,
    audit,
    ...(foresight !== undefined && { foresight: foresight as Foresight }),
    tables: Object.fromEntries(tables) as Record<TableName, Table>,
  };
}

/** What was run. Throws `InvalidInputError` when the folder holds none. */
export async function readManifest(directory: string): Promise<Manifest> {
  const manifest = (await readJson(directory, 'manifest.json')) as Manifest | null;
  if (manifest?.schema === 'platone.manifest/1') return manifest;
  const file = join(directory, 'manifest.json');
  throw new InvalidInputError([{ file, path: '', message: 'is no manifest of a run', hint: RUN_FOLDER }]);
}

const RUN_FOLDER = 'give the folder that `twin run` printed';

async function readIfThere(directory: string, name: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(join(directory, name), 'utf8')) as unknown;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

async function readJson(directory: string, name: string): Promise<unknown> {
  const file = join(directory, name);
  try {
    return JSON.parse(await readFile(file, 'utf8')) as unknown;
  } catch (error) {
    const message = isMissing(error)
      ? 'does not exist, so this is no folder of a run'
      : error instanceof SyntaxError
        ? 'is no JSON document'
        : `cannot be read: ${describeSystemError(error)}`;
    throw new InvalidInputError([{ file, path: '', message, hint: RUN_FOLDER }]);
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}

/** Reads the named columns of a Parquet file; a file that is not there is a table without rows. */
export async function readTable(file: string, numbers: readonly string[], texts: readonly string[]): Promise<Table> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(file);
  } catch (error) {
    if (isMissing(error)) return emptyTable;
    throw error;
  }
  const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
  const metadata = readMetadata(file, buffer);
  const present = new Set(parquetSchema(metadata).children.map(({ element }) => element.name));
  const missing = [...numbers, ...texts].filter((name) => !present.has(name));
  if (missing.length > 0) {
    const hint = 'a record of another version of twin? manifest.json names its commit';
    throw new InvalidInputError(missing.map((path) => ({ file, path, message: 'the table has no such column', hint })));
  }
  const rows = Number(metadata.num_rows);
  const numberData = new Map(numbers.map((name) => [name, new Float64Array(rows)]));
  const textData = new Map(texts.map((name) => [name, new TextBuilder(rows)]));
  await parquetRead({
    file: { byteLength: buffer.byteLength, slice: (start, end) => buffer.slice(start, end) },
    metadata,
    columns: [...numbers, ...texts],
    onChunk({ columnName, columnData, rowStart }) {
      const target = numberData.get(columnName);
      if (target === undefined) textData.get(columnName)?.fill(columnData, rowStart);
      else fillNumbers(target, columnData, rowStart);
    },
  });
  return makeTable(rows, numberData, textData);
}

function readMetadata(file: string, buffer: ArrayBuffer): ReturnType<typeof parquetMetadata> {
  try {
    return parquetMetadata(buffer);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new InvalidInputError([{ file, path: '', message: `is no complete Parquet file (${reason})` }]);
  }
}

function fillNumbers(target: Float64Array, data: ArrayLike<unknown>, start: number): void {
  if (data instanceof Float64Array || data instanceof Float32Array || data instanceof Int32Array) {
    target.set(data, start);
    return;
  }
  for (let i = 0; i < data.length; i += 1) {
    const value = data[i];
    target[start + i] = value === null || value === undefined ? Number.NaN : Number(value);
  }
}

class TextBuilder {
  readonly names: string[] = [];
  readonly index: Int32Array;
  private readonly known = new Map<string, number>();

  constructor(rows: number) {
    this.index = new Int32Array(rows);
  }

  fill(data: ArrayLike<unknown>, start: number): void {
    let last: unknown;
    let lastIndex = -1;
    for (let i = 0; i < data.length; i += 1) {
      const value = data[i];
      // Neighbouring rows often hold the same text: comparing is cheaper than looking up.
      if (value !== last || lastIndex < 0) {
        last = value;
        lastIndex = this.intern(typeof value === 'string' ? value : '');
      }
      this.index[start + i] = lastIndex;
    }
  }

  private intern(text: string): number {
    const known = this.known.get(text);
    if (known !== undefined) return known;
    this.known.set(text, this.names.length);
    this.names.push(text);
    return this.names.length - 1;
  }
}

function makeTable(
  rows: number,
  numbers: ReadonlyMap<string, Float64Array>,
  texts: ReadonlyMap<string, TextColumn>,
): Table {
  return {
    rows,
    number: (column) => numbers.get(column) ?? notRead(column),
    text: (column) => texts.get(column) ?? notRead(column),
  };
}

function notRead(column: string): never {
  throw new Error(`column ${column} was not read`);
}

const emptyTable: Table = {
  rows: 0,
  number: () => new Float64Array(0),
  text: () => ({ names: [], index: new Int32Array(0) }),
};
