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
  if (type === 'STRING') return new StringColumn(name);
  if (type === 'BOOLEAN') return new BooleanColumn(name);
  return new NumberColumn(name, type);
}

type NumberType = 'DOUBLE' | 'FLOAT' | 'INT32';
type NumberArray = Float64Array<ArrayBuffer> | Float32Array<ArrayBuffer> | Int32Array<ArrayBuffer>;

const allocators: Readonly<Record<NumberType, (length: number) => NumberArray>> = {
  DOUBLE: (length) => new Float64Array(length),
  FLOAT: (length) => new Float32Array(length),
  INT32: (length) => new Int32Array(length),
};

/** Doubles its array when full: amortised O(1) per cell. */
class NumberColumn implements Column {
  readonly #name: string;
  readonly #type: NumberType;
  #data: NumberArray;
  #length = 0;

  constructor(name: string, type: NumberType) {
    this.#name = name;
    this.#type = type;
    this.#data = allocators[type](FIRST_CAPACITY);
  }

  push(value: CellValue): void {
    if (typeof value !== 'number' || (this.#type === 'INT32' && (value | 0) !== value)) {
      refuse(this.#name, this.#type, value);
    }
    if (this.#length === this.#data.length) {
      const larger = allocators[this.#type](2 * this.#length);
      larger.set(this.#data);
      this.#data = larger;
    }
    this.#data[this.#length] = value;
    this.#length += 1;
  }

  source(rowCount: number): ColumnSource {
    const data = this.#data.subarray(0, rowCount);
    return { name: this.#name, type: this.#type, nullable: false, encoding: 'PLAIN', data };
  }
}

class BooleanColumn implements Column {
  readonly #name: string;
  readonly #data: boolean[] = [];

  constructor(name: string) {
    this.#name = name;
  }

  push(value: CellValue): void {
    if (typeof value !== 'boolean') refuse(this.#name, 'BOOLEAN', value);
    this.#data.push(value);
  }

  source(): ColumnSource {
    return { name: this.#name, type: 'BOOLEAN', nullable: false, data: this.#data };
  }
}

/** Keeps one copy of each distinct string, so that a day of readings does not hold on to every parsed message. */
class StringColumn implements Column {
  readonly #name: string;
  readonly #known = new Map<string, string>();
  readonly #data: string[] = [];
  #last = '';

  constructor(name: string) {
    this.#name = name;
  }

  push(value: CellValue): void {
    if (typeof value !== 'string') refuse(this.#name, 'STRING', value);
    // Neighbouring rows mostly agree; the comparison is cheaper than the look-up of a freshly parsed string.
    if (value !== this.#last) {
      this.#last = this.#known.get(value) ?? value;
      this.#known.set(this.#last, this.#last);
    }
    this.#data.push(this.#last);
  }

  source(): ColumnSource {
    return { name: this.#name, type: 'STRING', nullable: false, encoding: 'RLE_DICTIONARY', data: this.#data };
  }
}

function refuse(name: string, type: ColumnType, value: CellValue | undefined): never {
  throw new TypeError(`column ${name} holds ${type}, not ${typeof value} ${String(value)}`);
}
