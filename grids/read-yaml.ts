/** YAML and JSON documents of files that somebody named, or what is wrong with their syntax and where. */
import { type Document, LineCounter, parseDocument } from 'yaml';
import { InvalidInputError, type Problem } from './problem.ts';
import { readText } from './read-text.ts';

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
  const problems = document.errors.map(({ message, pos }) => {
    const { line, col: column } = lines.linePos(pos[0]);
    return { file, line, column, path: '', message: `is no valid YAML: ${message.replaceAll(/\s+/g, ' ').trim()}` };
  });
  return { document, lines, problems };
}

/** Throws `InvalidInputError` when the file cannot be read or is no YAML. */
export function readYaml(file: string): unknown {
  const { document, problems } = parseYaml(file, readText(file));
  if (problems.length > 0) throw new InvalidInputError(problems);
  try {
    return document.toJS();
  } catch (error) {
    // An alias without its anchor, or so many that they would fill the memory.
    throw new InvalidInputError([{ file, path: '', message: `is no valid YAML: ${(error as Error).message}` }]);
  }
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
