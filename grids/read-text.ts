/** What stands in a file that somebody named, or why it cannot be read, in words. */
import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { InvalidInputError } from './problem.ts';
import { describeSystemError } from './system-error.ts';

/** Larger than any file that is meant; what is larger would only fill the memory. */
const MAX_BYTES = 256 * 1024 * 1024;

/** What came out of pipes, which can be read once. */
const piped = new Map<string, Buffer>();

/** Throws `InvalidInputError` when the file cannot be read. A pipe gives the same bytes however often it is asked. */
export function readBytes(file: string): Buffer {
  const key = resolve(file);
  const known = piped.get(key);
  if (known !== undefined) return known;
  const bytes = inWords(file, () => readUpTo(file, MAX_BYTES));
  if (bytes === undefined) {
    const message = `is larger than any file that is meant: at most ${Math.round(MAX_BYTES / 1e6)} MB are read`;
    throw new InvalidInputError([{ file, path: '', message }]);
  }
  if (!isRegular(file)) piped.set(key, bytes);
  return bytes;
}

/** Text in UTF-8. Throws `InvalidInputError` when the file cannot be read or holds no text. */
export function readText(file: string): string {
  const bytes = readBytes(file);
  const [first = 0, second = 0] = bytes;
  const isUtf16 = [0xfffe, 0xfeff].includes(first * 256 + second);
  const text = bytes.toString('utf8');
  // Parsers would show what they stumble over, and a terminal obeys some of it.
  if (!isUtf16 && !text.includes('\0')) return text;
  const message = isUtf16 ? 'is written in UTF-16' : 'is no text file';
  throw new InvalidInputError([{ file, path: '', message, ...(isUtf16 && { hint: 'save it as UTF-8' }) }]);
}

/** Where the files are that a file names: beside it, for what comes through a pipe in the current folder. */
export function folderOf(file: string): string {
  return isRegular(file) ? dirname(file) : '.';
}

/** False for pipes and the like, and for what is not there. */
export function isRegular(file: string): boolean {
  return statSync(file, { throwIfNoEntry: false })?.isFile() === true;
}

/** Undefined when there is more. Pipes do not know their size beforehand. */
function readUpTo(file: string, limit: number): Buffer | undefined {
  const descriptor = openSync(file, 'r');
  try {
    const chunks: Buffer[] = [];
    for (let total = 0; total <= limit; total += chunks.at(-1)!.length) {
      const chunk = Buffer.allocUnsafe(1024 * 1024);
      const count = readSync(descriptor, chunk);
      if (count === 0) return Buffer.concat(chunks);
      chunks.push(chunk.subarray(0, count));
    }
    return undefined;
  } finally {
    closeSync(descriptor);
  }
}

function inWords<Result>(file: string, work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    const reason = describeSystemError(error);
    const isThere = (error as NodeJS.ErrnoException).code !== 'ENOENT';
    const message = !isThere ? 'file does not exist' : reason.startsWith('is ') ? reason : `cannot be read: ${reason}`;
    throw new InvalidInputError([{ file, path: '', message }]);
  }
}
