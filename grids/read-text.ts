/** Text of a file that somebody named, or why there is none, in words. */
import { readFileSync } from 'node:fs';
import { InvalidInputError } from './problem.ts';
import { describeSystemError } from './system-error.ts';

/** Throws `InvalidInputError` when the file cannot be read or holds no text. */
export function readText(file: string): string {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const reason = describeSystemError(error);
    const isThere = (error as NodeJS.ErrnoException).code !== 'ENOENT';
    const message = !isThere ? 'file does not exist' : reason.startsWith('is ') ? reason : `cannot be read: ${reason}`;
    throw new InvalidInputError([{ file, path: '', message }]);
  }
  // Parsers would show what they stumble over, and a terminal obeys some of it.
  if (text.includes('\0')) throw new InvalidInputError([{ file, path: '', message: 'is no text file' }]);
  return text;
}
