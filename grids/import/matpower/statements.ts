/** Statements of a case file: its header, names of columns, and assignments to tables and their parts. */
import { columnFunctions } from './constants.ts';
import { readExpression, readIndices, tableOf, type CaseValue, type Scope } from './expressions.ts';
import type { Lexer, Token } from './lexer.ts';
import { isScalar, replace, scalar } from './matrix.ts';
import { dottedName, quote, SyntaxFault, takeToken } from './syntax.ts';

/** Words that open what a file of tables has no use for. */
const KEYWORDS = new Set(['for', 'while', 'switch', 'try', 'parfor', 'global', 'persistent', 'do', 'until']);

/** What the function line says: the name of the case, and of the variable that it fills. */
export interface CaseHeader {
  name?: string;
  struct?: string;
}

/** Reads one statement to its end. Throws SyntaxFault and ArithmeticFault. */
export function readStatement(lexer: Lexer, values: Map<string, CaseValue>, header: CaseHeader): void {
  const token = lexer.peek();
  if (token.text === 'function') return readHeader(lexer, header);
  if (token.text === '[') return readColumnNames(lexer, values);
  if (token.kind !== 'name') throw new SyntaxFault(`a statement cannot begin with ${quote(token)}`, token.offset);
  if (token.text === 'if') return readCondition(lexer, values);
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

/** `if fixed`, of a number that stands above: what is switched off is passed over, what is on is read like the rest. */
function readCondition(lexer: Lexer, values: ReadonlyMap<string, CaseValue>): void {
  const start = lexer.next();
  const condition = readExpression({ lexer, values, depth: 0 });
  endStatement(lexer);
  if (!isScalar(condition)) throw new SyntaxFault('a condition must be one number', start.offset);
  if (condition.data[0] !== 0) return;
  for (let depth = 1; depth > 0;) {
    const token = lexer.peek();
    if (token.kind === 'end') throw new SyntaxFault('the condition that opens here is not closed', start.offset);
    if (token.text === 'if' || KEYWORDS.has(token.text)) depth++;
    else if (token.text === 'end') depth--;
    else if (depth === 1 && /^else(if)?$/.test(token.text)) {
      throw new SyntaxFault(`"${token.text}" is programming, which is not carried out`, token.offset);
    }
    if (token.kind === 'newline') lexer.next();
    else lexer.skipLine();
  }
}

/** `function mpc = name` or, in version 1, `function [baseMVA, bus, gen, branch] = name`. */
function readHeader(lexer: Lexer, header: CaseHeader): void {
  const start = lexer.next();
  // A second function in the file is a program of its own: nothing of it belongs to the case.
  if (header.name !== undefined) throw new SyntaxFault('a second function stands in the file', start.offset);
  let output: string | undefined;
  if (lexer.peek().text === '[') {
    while (lexer.peek().text !== ']' && lexer.peek().kind !== 'newline' && lexer.peek().kind !== 'end') lexer.next();
    takeToken(lexer, ']');
  } else output = lexer.next().text;
  takeToken(lexer, '=');
  const name = lexer.next();
  if (name.kind !== 'name') throw new SyntaxFault('the function has no name', name.offset);
  if (lexer.peek().text === '(') {
    lexer.next();
    takeToken(lexer, ')');
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
  takeToken(lexer, '=');
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
    takeToken(lexer, '=');
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

function endStatement(lexer: Lexer): void {
  const token = lexer.peek();
  if (token.kind === 'end' || token.kind === 'newline') return;
  if (token.text !== ';' && token.text !== ',') {
    throw new SyntaxFault(`the statement should end before ${quote(token)}`, token.offset);
  }
  lexer.next();
}
