/** Tables of numbers as MATPOWER files write them, and the arithmetic that such files use on whole tables. */

export interface Matrix {
  readonly rows: number;
  readonly columns: number;
  /** Row by row. */
  readonly data: readonly number[];
  /** Offset in the text of each row of a table that stands in the file. */
  readonly rowOffsets?: readonly number[];
}

/** What stands in a file is nothing that a table conversion could mean: the message says why. */
export class ArithmeticFault extends Error {
  override readonly name = 'ArithmeticFault';
}

export function scalar(value: number): Matrix {
  return { rows: 1, columns: 1, data: [value] };
}

export function isScalar(matrix: Matrix): boolean {
  return matrix.rows === 1 && matrix.columns === 1;
}

function shape(matrix: Matrix): string {
  return `${matrix.rows}x${matrix.columns}`;
}

export function mapMatrix(matrix: Matrix, of: (value: number) => number): Matrix {
  return { ...matrix, data: matrix.data.map(of) };
}

const elementwise: Readonly<Record<string, (a: number, b: number) => number>> = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '.*': (a, b) => a * b,
  './': (a, b) => a / b,
  '.^': (a, b) => a ** b,
};

/** `a operator b` as MATLAB has it: a scalar goes with every element; otherwise the shapes must fit. */
export function combine(operator: string, a: Matrix, b: Matrix): Matrix {
  const divides = operator === '/' && isScalar(b);
  const scales = operator === '*' && (isScalar(a) || isScalar(b));
  const raises = operator === '^' && isScalar(a) && isScalar(b);
  const of = elementwise[divides || scales || raises ? `.${operator}` : operator];
  if (of === undefined) {
    if (operator === '*' && a.columns === 1 && b.rows === 1) return outerProduct(a, b);
    throw new ArithmeticFault(
      `"${operator}" between tables of ${shape(a)} and ${shape(b)} is no conversion of a table`,
    );
  }
  if (isScalar(b)) return mapMatrix(a, (value) => of(value, b.data[0]!));
  if (isScalar(a)) return mapMatrix(b, (value) => of(a.data[0]!, value));
  if (a.rows !== b.rows || a.columns !== b.columns) {
    throw new ArithmeticFault(`"${operator}" between tables of ${shape(a)} and ${shape(b)}`);
  }
  return { ...a, data: a.data.map((value, i) => of(value, b.data[i]!)) };
}

/** A column times a row. */
function outerProduct(a: Matrix, b: Matrix): Matrix {
  if (a.rows * b.columns > MAX_ELEMENTS) throw new ArithmeticFault(`a product of more than ${MAX_ELEMENTS} elements`);
  return { rows: a.rows, columns: b.columns, data: a.data.flatMap((left) => b.data.map((right) => left * right)) };
}

/** More than any grid has. */
export const MAX_ELEMENTS = 20_000_000;

export function transpose(matrix: Matrix): Matrix {
  const { rows, columns, data } = matrix;
  const turned = Array.from({ length: data.length }, (_, i) => data[(i % rows) * columns + Math.floor(i / rows)]!);
  return { rows: columns, columns: rows, data: turned };
}

/** `first:step:last`, ends included. */
export function range(first: number, step: number, last: number): Matrix {
  const count = Math.floor((last - first) / step + 1e-9) + 1;
  if (!Number.isFinite(count) || count > MAX_ELEMENTS) throw new ArithmeticFault('a range without an end');
  const data = Array.from({ length: Math.max(0, count) }, (_, i) => first + i * step);
  return { rows: 1, columns: data.length, data };
}

/** One index of a table, from 1: `all` is a colon. */
export type Index = Matrix | 'all';

function positions(index: Index, size: number, what: string): number[] {
  if (index === 'all') return Array.from({ length: size }, (_, i) => i);
  return index.data.map((value) => {
    if (!Number.isInteger(value) || value < 1 || value > size) {
      throw new ArithmeticFault(`${what} ${value} of a table that has ${size}`);
    }
    return value - 1;
  });
}

export function select(matrix: Matrix, rowIndex: Index, columnIndex: Index): Matrix {
  const rows = positions(rowIndex, matrix.rows, 'row');
  const columns = positions(columnIndex, matrix.columns, 'column');
  if (rows.length * columns.length > MAX_ELEMENTS) throw new ArithmeticFault('a selection larger than any grid');
  const data = rows.flatMap((row) => columns.map((column) => matrix.data[row * matrix.columns + column]!));
  return { rows: rows.length, columns: columns.length, data };
}

/** The table with some of its elements replaced. */
export function replace(matrix: Matrix, rowIndex: Index, columnIndex: Index, value: Matrix): Matrix {
  const rows = positions(rowIndex, matrix.rows, 'row');
  const columns = positions(columnIndex, matrix.columns, 'column');
  if (!isScalar(value) && (value.rows !== rows.length || value.columns !== columns.length)) {
    throw new ArithmeticFault(`a table of ${shape(value)} put in the place of one of ${rows.length}x${columns.length}`);
  }
  const data = [...matrix.data];
  rows.forEach((row, r) =>
    columns.forEach((column, c) => {
      data[row * matrix.columns + column] = isScalar(value) ? value.data[0]! : value.data[r * columns.length + c]!;
    }),
  );
  return { ...matrix, data };
}
