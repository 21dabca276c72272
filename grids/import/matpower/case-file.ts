/**
 * The tables of a MATPOWER case file, with the conversions that stand below them applied. This is a reader of tables,
 * not an interpreter: it knows assignments, arithmetic on tables and the names of their columns. Everything else that
 * could change a table is a fault.
 */
import type { GridDraft, Origin } from '../draft.ts';
import { createPlaces } from '../../json-source.ts';
import { columnFunctions } from './constants.ts';
import { createLexer, type Lexer, type Token } from './lexer.ts';
import {
  ArithmeticFault,
  combine,
  isScalar,
  mapMatrix,
  MAX_ELEMENTS,
  range,
  replace,
  scalar,
  select,
  transpose,
  type Index,
  type Matrix,
} from './matrix.ts';

export type CaseValue =
  | { readonly kind: 'table'; readonly matrix: Matrix }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'list'; readonly texts: readonly string[] };

export interface CaseFile {
  readonly name: string | undefined;
  /** By the name of the field: `bus`, `gen`, `branch`, `baseMVA`, ... */
  readonly fields: ReadonlyMap<string, CaseValue>;
  /** Where a row of a table stands. */
  rowOrigin(field: string, row: number): Origin;
}

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

/** Words that open what a file of tables has no use for. */
const KEYWORDS = new Set(['if', 'for', 'while', 'switch', 'try', 'parfor', 'global', 'persistent', 'do', 'until']);

/** Expressions within expressions, deeper than any file of tables has them. */
const MAX_DEPTH = 100;

/** A statement that could not be understood, at the token where that showed. */
class SyntaxFault extends Error {
  override readonly name = 'SyntaxFault';
  readonly offset: number;

  constructor(message: string, offset: number) {
    super(message);
    this.offset = offset;
  }
}

/** Reads the text; faults go to the draft, and reading goes on with the next statement. */
export function readCaseFile(text: string, file: string, draft: GridDraft): CaseFile {
  const lexer = createLexer(text);
  const values = new Map<string, CaseValue>();
  const header: { name?: string; struct?: string } = {};
  const placeAt = createPlaces(text);
  const originAt = (offset: number, path = ''): Origin => ({ file, path, ...placeAt(offset) });

  for (;;) {
    const token = lexer.peek();
    if (token.kind === 'end') break;
    if (token.kind === 'newline' || token.text === ';' || token.text === ',') {
      lexer.next();
      continue;
    }
    try {
      readStatement(lexer, values, header);
    } catch (error) {
      if (error instanceof SyntaxFault) draft.fault(error.message, originAt(error.offset));
      else if (error instanceof ArithmeticFault) draft.fault(error.message, originAt(token.offset));
      else throw error;
      skipToStatement(lexer);
    }
  }
  const { name, struct } = header;
  const prefix = struct ?? [...values.keys()].find((key) => key.endsWith('.bus'))?.slice(0, -'.bus'.length);
  const fields = new Map<string, CaseValue>();
  for (const [key, value] of values) {
    if (prefix === undefined) fields.set(key, value);
    else if (key.startsWith(`${prefix}.`)) fields.set(key.slice(prefix.length + 1), value);
  }
  return {
    name,
    fields,
    rowOrigin: (field, row) => {
      const value = fields.get(field);
      const offset = value?.kind === 'table' ? value.matrix.rowOffsets?.[row] : undefined;
      const path = `${field}(${row + 1})`;
      return offset === undefined ? { file, path } : originAt(offset, path);
    },
  };
}

/** Behind a fault: on to the next line that can begin a statement, past what is left of a table. */
function skipToStatement(lexer: Lexer): void {
  lexer.skipLine();
  for (;;) {
    const token = lexer.peek();
    if (token.kind === 'end' || (token.kind === 'name' && token.text !== 'end') || token.text === '[') return;
    if (token.kind === 'newline') lexer.next();
    else lexer.skipLine();
  }
}

function readStatement(lexer: Lexer, values: Map<string, CaseValue>, header: { name?: string; struct?: string }): void {
  const token = lexer.peek();
  if (token.text === 'function') return readHeader(lexer, header);
  if (token.text === '[') return readColumnNames(lexer, values);
  if (token.kind !== 'name') throw new SyntaxFault(`a statement cannot begin with ${quote(token)}`, token.offset);
  if (KEYWORDS.has(token.text)) {
    const why = 'it could change the tables; save the case from MATPOWER as plain tables (savecase)';
    throw new SyntaxFault(`"${token.text}" is programming, which is not carried out: ${why}`, token.offset);
  }
  lexer.next();
  if (['end', 'return', 'endfunction', 'clear', 'clc'].includes(token.text)) return endStatement(lexer);
  if (token.text === 'define_constants') {
    for (const constants of columnFunctions.values()) {
      for (const [name, column] of constants) values.set(name, { kind: 'table', matrix: scalar(column) });
    }
    return endStatement(lexer);
  }
  readAssignment(lexer, values, token);
}

/** `function mpc = name` or, in version 1, `function [baseMVA, bus, gen, branch] = name`. */
function readHeader(lexer: Lexer, header: { name?: string; struct?: string }): void {
  const start = lexer.next();
  // A second function in the file is a program of its own: nothing of it belongs to the case.
  if (header.name !== undefined) throw new SyntaxFault('a second function stands in the file', start.offset);
  let output: string | undefined;
  if (lexer.peek().text === '[') {
    while (lexer.peek().text !== ']' && lexer.peek().kind !== 'newline' && lexer.peek().kind !== 'end') lexer.next();
    expect(lexer, ']');
  } else output = lexer.next().text;
  expect(lexer, '=');
  const name = lexer.next();
  if (name.kind !== 'name') throw new SyntaxFault('the function has no name', name.offset);
  if (lexer.peek().text === '(') {
    lexer.next();
    expect(lexer, ')');
  }
  header.name = name.text;
  if (output !== undefined) header.struct = output;
  endStatement(lexer);
}

/** `[PQ, PV, ...] = idx_bus;` names the columns of a table. */
function readColumnNames(lexer: Lexer, values: Map<string, CaseValue>): void {
  const start = lexer.next();
  const names: string[] = [];
  for (let token = lexer.next(); token.text !== ']'; token = lexer.next()) {
    if (token.kind === 'name' || token.text === '~') names.push(token.text);
    else if (token.text !== ',' && token.kind !== 'newline') {
      throw new SyntaxFault(`a list of names does not hold ${quote(token)}`, token.offset);
    }
  }
  expect(lexer, '=');
  const source = lexer.next();
  const constants = columnFunctions.get(source.text);
  if (constants === undefined) {
    const known = [...columnFunctions.keys()].join(', ');
    throw new SyntaxFault(`"${source.text}" is none of the functions that name columns: ${known}`, source.offset);
  }
  if (names.length > constants.length) throw new SyntaxFault(`more names than ${source.text} gives`, start.offset);
  names.forEach((name, i) => {
    if (name !== '~') values.set(name, { kind: 'table', matrix: scalar(constants[i]![1]) });
  });
  endStatement(lexer);
}

/** `mpc.bus = [...]`, `Sbase = ...`, `mpc.bus(:, PD) = ...`. */
function readAssignment(lexer: Lexer, values: Map<string, CaseValue>, first: Token): void {
  const name = dottedName(lexer, first);
  const scope: Scope = { lexer, values, depth: 0 };
  const next = lexer.peek();
  if (next.text === '(') {
    const table = tableOf(values, name, first.offset);
    const [rows, columns] = readIndices(scope, table);
    expect(lexer, '=');
    const value = readExpression(scope);
    values.set(name, { kind: 'table', matrix: replace(table, rows, columns, value) });
    return endStatement(lexer);
  }
  if (next.text !== '=') throw new SyntaxFault(`"${name}" is no table and no conversion that is known`, first.offset);
  lexer.next();
  values.set(name, readValue(scope));
  endStatement(lexer);
}

function readValue(scope: Scope): CaseValue {
  const token = scope.lexer.peek();
  if (token.kind === 'string') {
    scope.lexer.next();
    return { kind: 'text', text: unquote(token.text) };
  }
  if (token.text === '{') return { kind: 'list', texts: readCell(scope.lexer) };
  return { kind: 'table', matrix: readExpression(scope) };
}

function unquote(text: string): string {
  const quoteMark = text.charAt(0);
  return text.slice(1, -1).replaceAll(quoteMark + quoteMark, quoteMark);
}

/** The texts of a cell array; numbers and what else it holds are passed over. */
function readCell(lexer: Lexer): string[] {
  const open = lexer.next();
  const texts: string[] = [];
  for (let depth = 1; depth > 0;) {
    const token = lexer.next();
    if (token.kind === 'end') throw new SyntaxFault('the list that opens here is not closed', open.offset);
    if ('{[('.includes(token.text) && token.text !== '') depth++;
    else if ('}])'.includes(token.text) && token.text !== '') depth--;
    else if (token.kind === 'string' && depth === 1) texts.push(unquote(token.text));
  }
  return texts;
}

function dottedName(lexer: Lexer, first: Token): string {
  let name = first.text;
  while (lexer.peek().text === '.') {
    lexer.next();
    const part = lexer.next();
    if (part.kind !== 'name') throw new SyntaxFault(`"${name}." lacks the name of a field`, part.offset);
    name += `.${part.text}`;
  }
  return name;
}

function tableOf(values: ReadonlyMap<string, CaseValue>, name: string, offset: number): Matrix {
  const value = values.get(name);
  if (value === undefined) throw new SyntaxFault(`"${name}" stands nowhere above`, offset);
  if (value.kind !== 'table') throw new SyntaxFault(`"${name}" is no table of numbers`, offset);
  return value.matrix;
}

interface Scope {
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
function readExpression(scope: Scope, least = 1): Matrix {
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
    expect(lexer, ')');
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
    expect(lexer, ')');
    return mapMatrix(argument, of);
  }
  const constant = named.get(name);
  if (constant !== undefined && !values.has(name)) return scalar(constant);
  const table = tableOf(values, name, token.offset);
  return called ? select(table, ...readIndices(scope, table)) : table;
}

/** `(rows, columns)`; with one index, the elements of a single row or column. */
function readIndices(scope: Scope, table: Matrix): [rows: Index, columns: Index] {
  const open = scope.lexer.next();
  const first = readIndex(deeper(scope, { inBrackets: false, end: Math.max(table.rows, 1) }));
  if (scope.lexer.peek().text === ')') {
    scope.lexer.next();
    if (table.rows === 1) return ['all', first];
    if (table.columns === 1) return [first, 'all'];
    throw new SyntaxFault('a table needs an index for rows and one for columns', open.offset);
  }
  expect(scope.lexer, ',');
  const second = readIndex(deeper(scope, { inBrackets: false, end: table.columns }));
  expect(scope.lexer, ')');
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

function expect(lexer: Lexer, text: string): void {
  const token = lexer.next();
  if (token.text !== text) throw new SyntaxFault(`"${text}" was expected, found ${quote(token)}`, token.offset);
}

function endStatement(lexer: Lexer): void {
  const token = lexer.peek();
  if (token.kind === 'end' || token.kind === 'newline') return;
  if (token.text !== ';' && token.text !== ',') {
    throw new SyntaxFault(`the statement should end before ${quote(token)}`, token.offset);
  }
  lexer.next();
}

function quote(token: Token): string {
  if (token.kind === 'end') return 'the end of the file';
  return token.kind === 'newline' ? 'the end of the line' : `"${token.text.slice(0, 40)}"`;
}
