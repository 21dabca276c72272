/** Text of a file that somebody named on the command line, or why there is none, in words. */
import { readFileSync } from 'node:fs';
import { InvalidInputError } from '../grids/problem.ts';

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'file does not exist',
  EISDIR: 'is a folder, not a file',
  EACCES: 'cannot be read: no permission',
};

/** Throws `InvalidInputError` when the file cannot be read. */
export function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException;
    throw new InvalidInputError([{ file, path: '', message: reasons[code] ?? `cannot be read: ${message}` }]);
  }
}
