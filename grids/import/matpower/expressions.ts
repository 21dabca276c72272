/** Arithmetic on tables: what stands behind an equals sign or in the brackets of an index. */
import type { Lexer, Token } from './lexer.ts';
import {
  ArithmeticFault,
  combine,
  isScalar,
  mapMatrix,
  MAX_ELEMENTS,
  range,
  scalar,
  select,
  transpose,
  type Index,
  type Matrix,
} from './matrix.ts';
import { dottedName, quote, SyntaxFault, takeToken } from './syntax.ts';

export type CaseValue =
  | { readonly kind: 'table'; readonly matrix: Matrix }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'list'; readonly texts: readonly string[] };

/** Functions of numbers that conversions use. */
const functions: ReadonlyMap<string, (value: number) => number> = new Map(
  (['sin', 'cos', 'tan', 'asin', 'acos', 'atan', 'sqrt', 'abs', 'exp', 'log'] as const).map((name) => [
    name,
    Math[name],
  ]),
);

const named: ReadonlyMap<string, number> = new Map([
  ['pi', Math.PI],
  ['inf', Infinity],
  ['Inf', Infinity],
  ['nan', Number.NaN],
  ['NaN', Number.NaN],
  ['eps', Number.EPSILON],
  ['true', 1],
  ['false', 0],
]);

/** Expressions within expressions, deeper than any file of tables has them. */
const MAX_DEPTH = 100;

/** The table of that name. Throws SyntaxFault at `offset`. */
export function tableOf(values: ReadonlyMap<string, CaseValue>, name: string, offset: number): Matrix {
  const value = values.get(name);
  if (value === undefined) throw new SyntaxFault(`"${name}" stands nowhere above`, offset);
  if (value.kind !== 'table') throw new SyntaxFault(`"${name}" is no table of numbers`, offset);
  return value.matrix;
}

export interface Scope {
  readonly lexer: Lexer;
  readonly values: ReadonlyMap<string, CaseValue>;
  readonly depth: number;
  /** Size of the dimension that `end` means inside an index. */
  readonly end?: number;
  /** Inside brackets white space separates elements. */
  readonly inBrackets?: boolean;
}

function deeper(scope: Scope, change: Partial<Scope> = {}): Scope {
  if (scope.depth >= MAX_DEPTH) {
    throw new SyntaxFault(`brackets are nested deeper than ${MAX_DEPTH} levels`, scope.lexer.peek().offset);
  }
  return { ...scope, ...change, depth: scope.depth + 1 };
}

const PRECEDENCE: Readonly<Record<string, number>> = { ':': 1, '+': 2, '-': 2, '*': 3, '/': 3, '.*': 3, './': 3 };

/** Sums, products and powers by precedence climbing. */
export function readExpression(scope: Scope, least = 1): Matrix {
  const { lexer } = scope;
  let left = readOperand(scope);
  for (;;) {
    const token = lexer.peek();
    const precedence = token.kind === 'operator' ? PRECEDENCE[token.text] : undefined;
    if (precedence === undefined || precedence < least || beginsElement(scope, token)) return left;
    lexer.next();
    const right = readExpression(deeper(scope), precedence + 1);
    left = token.text === ':' ? readRange(scope, left, right) : combine(token.text, left, right);
  }
}

/** `first:last` or `first:step:last`; the colon and the second number are taken already. */
function readRange(scope: Scope, first: Matrix, second: Matrix): Matrix {
  const single = (matrix: Matrix): number => {
    if (!isScalar(matrix)) throw new ArithmeticFault('a range runs between numbers');
    return matrix.data[0]!;
  };
  if (scope.lexer.peek().text !== ':') return range(single(first), 1, single(second));
  scope.lexer.next();
  return range(single(first), single(second), single(readExpression(deeper(scope), 2)));
}

/** In brackets `1 -2` are two elements while `1 - 2` and `1-2` are one. */
function beginsElement(scope: Scope, token: Token): boolean {
  if (scope.inBrackets !== true || !token.spaced) return false;
  return (token.text === '+' || token.text === '-') && !scope.lexer.spaceAfter();
}

/** A signed power: -2^2 is -(2^2). */
function readOperand(scope: Scope): Matrix {
  const { lexer } = scope;
  const token = lexer.peek();
  if (token.text === '-' || token.text === '+') {
    lexer.next();
    const operand = readOperand(deeper(scope));
    return token.text === '-' ? mapMatrix(operand, (value) => -value) : operand;
  }
  let value = readPrimary(scope);
  for (;;) {
    const next = lexer.peek();
    if (next.text === '^' || next.text === '.^') {
      lexer.next();
      const sign = lexer.peek().text === '-' ? lexer.next() && -1 : 1;
      value = combine(
        next.text,
        value,
        mapMatrix(readPrimary(deeper(scope)), (power) => sign * power),
      );
    } else if ((next.text === "'" || next.text === ".'") && !next.spaced) {
      lexer.next();
      value = transpose(value);
    } else return value;
  }
}

function readPrimary(scope: Scope): Matrix {
  const { lexer, values } = scope;
  const token = lexer.next();
  if (token.kind === 'number') return scalar(Number(token.text.replace(/[dD]/, 'e')));
  if (token.text === '(') {
    const value = readExpression(deeper(scope, { inBrackets: false }));
    takeToken(lexer, ')');
    return value;
  }
  if (token.text === '[') return readBrackets(deeper(scope, { inBrackets: true }), token);
  if (token.kind !== 'name') throw new SyntaxFault(`a number was expected, found ${quote(token)}`, token.offset);
  if (token.text === 'end' && scope.end !== undefined) return scalar(scope.end);
  const name = dottedName(lexer, token);
  const called = lexer.peek().text === '(' && !(scope.inBrackets === true && lexer.peek().spaced);
  const of = functions.get(name);
  if (called && of !== undefined && !values.has(name)) {
    lexer.next();
    const argument = readExpression(deeper(scope, { inBrackets: false }));
    takeToken(lexer, ')');
    return mapMatrix(argument, of);
  }
  const constant = named.get(name);
  if (constant !== undefined && !values.has(name)) return scalar(constant);
  const table = tableOf(values, name, token.offset);
  return called ? select(table, ...readIndices(scope, table)) : table;
}

/** `(rows, columns)`; with one index, the elements of a single row or column. */
export function readIndices(scope: Scope, table: Matrix): [rows: Index, columns: Index] {
  const open = scope.lexer.next();
  const first = readIndex(deeper(scope, { inBrackets: false, end: Math.max(table.rows, 1) }));
  if (scope.lexer.peek().text === ')') {
    scope.lexer.next();
    if (table.rows === 1) return ['all', first];
    if (table.columns === 1) return [first, 'all'];
    throw new SyntaxFault('a table needs an index for rows and one for columns', open.offset);
  }
  takeToken(scope.lexer, ',');
  const second = readIndex(deeper(scope, { inBrackets: false, end: table.columns }));
  takeToken(scope.lexer, ')');
  return [first, second];
}

function readIndex(scope: Scope): Index {
  if (scope.lexer.peek().text !== ':') return readExpression(scope);
  scope.lexer.next();
  return 'all';
}

/** `[1 2; 3 4]`: rows end at a semicolon or a line, elements at a comma or white space. */
function readBrackets(scope: Scope, open: Token): Matrix {
  const { lexer } = scope;
  const rows: { readonly values: readonly Matrix[]; readonly offset: number }[] = [];
  let row: Matrix[] = [];
  let rowOffset = open.offset;
  let count = 0;
  const endRow = (): void => {
    if (row.length > 0) rows.push({ values: row, offset: rowOffset });
    row = [];
  };
  for (;;) {
    const token = lexer.peek();
    if (token.kind === 'end') throw new SyntaxFault('the table that opens here is not closed', open.offset);
    // A new assignment inside a table: the closing bracket is missing.
    if (token.kind === 'operator' && token.text === '=') {
      throw new SyntaxFault('the table that opens here is not closed', open.offset);
    }
    if (token.text === ']') {
      lexer.next();
      endRow();
      return stack(rows, open);
    }
    if (token.text === ';' || token.kind === 'newline') endRow();
    if (token.text === ';' || token.text === ',' || token.kind === 'newline') {
      lexer.next();
      continue;
    }
    if (row.length === 0) rowOffset = token.offset;
    const element = readExpression(scope);
    count += element.data.length;
    if (count > MAX_ELEMENTS) throw new SyntaxFault(`the table has more than ${MAX_ELEMENTS} numbers`, open.offset);
    row.push(element);
  }
}

/** Puts elements side by side and rows one below the other. */
function stack(rows: readonly { readonly values: readonly Matrix[]; readonly offset: number }[], open: Token): Matrix {
  const data: number[] = [];
  const rowOffsets: number[] = [];
  let columns: number | undefined;
  for (const { values, offset } of rows) {
    const height = values[0]!.rows;
    if (values.some((value) => value.rows !== height)) throw new SyntaxFault('parts of unlike height in a row', offset);
    const width = values.reduce((sum, value) => sum + value.columns, 0);
    if (columns !== undefined && width !== columns) {
      throw new SyntaxFault(`this row has ${width} numbers, the rows above have ${columns}`, offset);
    }
    columns = width;
    for (let r = 0; r < height; r++) {
      rowOffsets.push(offset);
      for (const value of values) {
        for (let c = 0; c < value.columns; c++) data.push(value.data[r * value.columns + c]!);
      }
    }
  }
  return {
    rows: rowOffsets.length,
    columns: columns ?? 0,
    data,
    rowOffsets: columns === undefined ? [open.offset] : rowOffsets,
  };
}
