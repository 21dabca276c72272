/**
 * The tables of a MATPOWER case file, with the conversions that stand below them applied. This is a reader of tables,
 * not an interpreter: it knows assignments, arithmetic on tables and the names of their columns. Everything else that
 * could change a table is a fault.
 */
import type { GridDraft, Origin } from '../draft.ts';
import { createPlaces } from '../../json-source.ts';
import type { CaseValue } from './expressions.ts';
import { createLexer, type Lexer } from './lexer.ts';
import { ArithmeticFault } from './matrix.ts';
import { readStatement, type CaseHeader } from './statements.ts';
import { SyntaxFault } from './syntax.ts';

export interface CaseFile {
  readonly name: string | undefined;
  /** By the name of the field: `bus`, `gen`, `branch`, `baseMVA`, ... */
  readonly fields: ReadonlyMap<string, CaseValue>;
  /** Where a row of a table stands. */
  rowOrigin(field: string, row: number): Origin;
}

/** Reads the text; faults go to the draft, and reading goes on with the next statement. */
export function readCaseFile(text: string, file: string, draft: GridDraft): CaseFile {
  const lexer = createLexer(text);
  const values = new Map<string, CaseValue>();
  const header: CaseHeader = {};
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
