/** A YAML or JSON document, or what is wrong with their syntax and where. */
import { type Document, LineCounter, parseDocument } from 'yaml';
import { InvalidInputError, type Problem } from './problem.ts';

interface YamlText {
  readonly document: Document.Parsed;
  /** Where its offsets stand in the file. */
  readonly lines: LineCounter;
  /** Its faults of syntax. */
  readonly problems: readonly Problem[];
}

/** Deeper than anybody writes. The parser takes memory without end for text that is all brackets or dashes. */
const DEPTH_MAX = 1000;

/** Parses YAML 1.2 `text` of `file`. */
export function parseYaml(file: string, text: string): YamlText {
  if (isTooDeep(text)) throw new InvalidInputError([{ file, path: '', message: 'nests too deeply' }]);
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const problems = document.errors.map(({ code, message, pos }) => {
    const { line, col: column } = lines.linePos(pos[0]);
    const what = code === 'MULTIPLE_DOCS' ? 'a second document begins here, and one is read' : message;
    return { file, line, column, path: '', message: `is no valid YAML: ${what.replaceAll(/\s+/g, ' ').trim()}` };
  });
  return { document, lines, problems };
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
