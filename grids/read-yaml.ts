/** A YAML or JSON document of a file that somebody named, or what is wrong with its syntax and where. */
import { LineCounter, parseDocument } from 'yaml';
import { InvalidInputError } from './problem.ts';
import { readText } from './read-text.ts';

/** Throws `InvalidInputError` when the file cannot be read or is no YAML. */
export function readYaml(file: string): unknown {
  const lines = new LineCounter();
  const document = parseDocument(readText(file), { lineCounter: lines, prettyErrors: false });
  const problems = document.errors.map(({ message, pos }) => {
    const { line, col: column } = lines.linePos(pos[0]);
    return { file, line, column, path: '', message: `is no valid YAML: ${message.replaceAll(/\s+/g, ' ')}` };
  });
  if (problems.length > 0) throw new InvalidInputError(problems);
  try {
    return document.toJS();
  } catch (error) {
    // An alias without its anchor, or so many that they would fill the memory.
    throw new InvalidInputError([{ file, path: '', message: `is no valid YAML: ${(error as Error).message}` }]);
  }
}
