/** A YAML or JSON document, or what is wrong with their syntax and where. */
import { type Document, LineCounter, parseDocument, type Range, type Scalar, visit, type YAMLParseError } from 'yaml';
import { InvalidInputError, type Problem } from './problem.ts';

interface YamlText {
  readonly document: Document.Parsed;
  /** Where its offsets stand in the file. */
  readonly lines: LineCounter;
  /** Its faults of syntax. */
  readonly problems: readonly Problem[];
  /** They leave no doubt of what else is written: keys given twice. */
  readonly isReadable: boolean;
}

/** Deeper than anybody writes. The parser takes memory without end for text that is all brackets or dashes. */
const DEPTH_MAX = 1000;

/** Parses YAML 1.2 `text` of `file`. */
export function parseYaml(file: string, text: string): YamlText {
  if (isTooDeep(text)) throw new InvalidInputError([{ file, path: '', message: 'nests too deeply' }]);
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const isOpenQuote = ({ code, message }: YAMLParseError) => code === 'MISSING_CHAR' && message.endsWith('quote');
  const openQuotes = new Set(document.errors.filter(isOpenQuote).map(({ pos: [end] }) => end));
  const problems = document.errors.flatMap((error): Problem[] => {
    const { code, message, pos } = error;
    const at = (offset: number, what: string) => {
      const { line, col: column } = lines.linePos(offset);
      return [{ file, line, column, path: '', message: what }];
    };
    const [offset] = pos;
    if (isOpenQuote(error)) {
      const begin = scalarOf(document, ([, end]) => end === offset)?.range?.[0];
      return at(begin ?? offset, 'is no valid YAML: a quote begins here and does not end');
    }
    // What the quote swallowed is not missing.
    if (openQuotes.has(offset)) return [];
    if (code === 'DUPLICATE_KEY') {
      const key = scalarOf(document, ([begin]) => begin === offset)?.source ?? '';
      return at(offset, `key "${key}" is given twice in one map`);
    }
    const what = code === 'MULTIPLE_DOCS' ? 'a second document begins here, and one is read' : message;
    return at(offset, `is no valid YAML: ${what.replaceAll(/\s+/g, ' ').trim()}`);
  });
  return { document, lines, problems, isReadable: document.errors.every(({ code }) => code === 'DUPLICATE_KEY') };
}

/** The first scalar that lies where it is looked for. */
function scalarOf(document: Document, isThere: (range: Range) => boolean): Scalar | undefined {
  let found: Scalar | undefined;
  visit(document, {
    Scalar(_key, node) {
      if (node.range == null || !isThere(node.range)) return undefined;
      found = node;
      return visit.BREAK;
    },
  });
  return found;
}

/** More brackets open than could be closed again, or more list entries begin in one line, than anybody writes. */
function isTooDeep(text: string): boolean {
  let depth = 0;
  for (const bracket of text.match(/[[\]{}]/g) ?? []) {
    depth += bracket === '[' || bracket === '{' ? 1 : -1;
    if (depth > DEPTH_MAX) return true;
  }
  return new RegExp(String.raw`(?:[-?:][ \t]+){${DEPTH_MAX}}`).test(text);
}
