/**
 * A columnar table in memory that is written as one Parquet file: typed growing arrays for numbers, one copy of
 * each distinct string. The same rows give the same bytes, whenever and wherever they are written.
 */
import { writeFileSync } from 'node:fs';
import { ByteWriter, parquetWrite, type ColumnSource } from 'hyparquet-writer';
import type { ColumnType, TableColumns } from '../contract/history.ts';

type CellValue = number | string | boolean;

type CellOf<Type extends ColumnType> = Type extends 'STRING' ? string : Type extends 'BOOLEAN' ? boolean : number;

/** A row as an object: every column named, NaN for a number that is not there. */
type Row<Columns extends TableColumns> = { readonly [Name in keyof Columns]: CellOf<Columns[Name]> };

export interface Table<Columns extends TableColumns = TableColumns> {
  readonly columns: Columns;
  readonly rowCount: number;
  append(row: Row<Columns>): void;
  /** The same by position, in the order of `columns`: no object per row, for the hot path. */
  push(...values: readonly CellValue[]): void;
  /** Writes `file`, replacing it. The table may grow and be written again. */
  write(file: string): void;
}

/**
 * Makes an empty table. A cell of the wrong type or a row of the wrong length is a programmer's mistake and throws
 * `TypeError`; INT32 cells must be integers, all columns are required (not nullable).
 */
export function createTable<const Columns extends TableColumns>(columns: Columns): Table<Columns> {
  const names = Object.keys(columns);
  const stores = names.map((name) => createColumn(name, columns[name] as ColumnType));
  let rowCount = 0;

  function push(...values: readonly CellValue[]): void {
    if (values.length !== stores.length) {
      throw new TypeError(`a row of ${values.length} cells does not fit a table of ${stores.length} columns`);
    }
    for (let index = 0; index < stores.length; index++) (stores[index] as Column).push(values[index] as CellValue);
    rowCount += 1;
  }

  return {
    columns,
    get rowCount() {
      return rowCount;
    },
    append(row) {
      const cells = row as Readonly<Record<string, CellValue>>;
      push(...names.map((name) => cells[name] as CellValue));
    },
    push,
    write(file) {
      const writer = new ByteWriter(1 << 16);
      void parquetWrite({
        writer,
        columnData: stores.map((store) => store.source(rowCount)),
        // Statistics and compression cost more time than they save on files that live beside their report; dictionary
        // codes already shrink the strings, and equal numbers stay readable by every Parquet reader.
        codec: 'UNCOMPRESSED',
        statistics: false,
        rowGroupSize: ROWS_PER_GROUP,
        createdBy: 'platone-twin',
      });
      writeFileSync(file, writer.getBytes());
    },
  };
}

const ROWS_PER_GROUP = 1_000_000;
const FIRST_CAPACITY = 1024;

interface Column {
  push(value: CellValue): void;
  source(rowCount: number): ColumnSource;
}

function createColumn(name: string, type: ColumnType): Column {
  if (type === 'STRING') return stringColumn(name);
  if (type === 'BOOLEAN') return booleanColumn(name);
  return numberColumn(name, type, allocators[type]);
}

type NumberArray = Float64Array<ArrayBuffer> | Float32Array<ArrayBuffer> | Int32Array<ArrayBuffer>;

const allocators = {
  DOUBLE: (length: number) => new Float64Array(length),
  FLOAT: (length: number) => new Float32Array(length),
  INT32: (length: number) => new Int32Array(length),
} as const;

/** Doubles its array when full: amortised O(1) per cell. */
function numberColumn(
  name: string,
  type: 'DOUBLE' | 'FLOAT' | 'INT32',
  allocate: (length: number) => NumberArray,
): Column {
  let data = allocate(FIRST_CAPACITY);
  let length = 0;
  return {
    push(value) {
      if (typeof value !== 'number' || (type === 'INT32' && (value | 0) !== value)) refuse(name, type, value);
      if (length === data.length) {
        const larger = allocate(2 * length);
        larger.set(data);
        data = larger;
      }
      data[length++] = value;
    },
    source: (rowCount) => ({ name, type, nullable: false, encoding: 'PLAIN', data: data.subarray(0, rowCount) }),
  };
}

function booleanColumn(name: string): Column {
  const data: boolean[] = [];
  return {
    push(value) {
      if (typeof value !== 'boolean') refuse(name, 'BOOLEAN', value);
      data.push(value);
    },
    source: () => ({ name, type: 'BOOLEAN', nullable: false, data }),
  };
}

/** Keeps one copy of each distinct string, so that a day of readings does not hold on to every parsed message. */
function stringColumn(name: string): Column {
  const known = new Map<string, string>();
  const data: string[] = [];
  let last: string | undefined;
  return {
    push(value) {
      if (typeof value !== 'string') refuse(name, 'STRING', value);
      // Neighbouring rows mostly agree; the comparison is cheaper than the look-up of a freshly parsed string.
      if (value !== last) {
        last = known.get(value);
        if (last === undefined) {
          last = value;
          known.set(value, value);
        }
      }
      data.push(last);
    },
    source: () => ({ name, type: 'STRING', nullable: false, encoding: 'RLE_DICTIONARY', data }),
  };
}

function refuse(name: string, type: ColumnType, value: CellValue | undefined): never {
  throw new TypeError(`column ${name} holds ${type}, not ${typeof value} ${String(value)}`);
}
