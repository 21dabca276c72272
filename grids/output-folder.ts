/** Folders that a command writes into: new or empty, so that nothing old can pass for something that it wrote. */
import { existsSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { InvalidInputError } from './problem.ts';
import { describeSystemError } from './system-error.ts';

interface OutputFolder {
  /** Absolute. */
  readonly directory: string;
  /** The first folder that had to be made, itself or one above; undefined when it was there. */
  readonly firstMade: string | undefined;
}

/**
 * Makes `folder` and those above it that are missing. One that exists must be empty unless `existing` is `any`. Throws
 * InvalidInputError where it is not, or where nothing can be made.
 */
export function makeOutputFolder(folder: string, existing: 'empty' | 'any' = 'empty'): OutputFolder {
  const directory = resolve(folder);
  return inWords(directory, () => {
    const firstMade = makeFolders(directory);
    const entries = readdirSync(directory);
    if (existing === 'empty' && entries.length > 0) throw refusal(directory, NOT_EMPTY);
    return { directory, firstMade };
  });
}

/** Throws InvalidInputError when there is something in `folder` that must be new or empty; makes nothing. */
export function refuseUsedFolder(folder: string): void {
  const directory = resolve(folder);
  inWords(directory, () => {
    const isFolder = statSync(directory, { throwIfNoEntry: false })?.isDirectory() === true;
    if (isFolder && readdirSync(directory).length > 0) throw refusal(directory, NOT_EMPTY);
  });
}

/** Makes a folder that nobody else has: `folder`, or with a number behind it when that is taken. Throws the same. */
export function makeFreshFolder(folder: string): OutputFolder {
  const wanted = resolve(folder);
  return inWords(wanted, () => {
    const firstMade = makeFolders(dirname(wanted));
    for (let copy = 1; ; copy += 1) {
      const directory = copy === 1 ? wanted : `${wanted}-${copy}`;
      if (makeOne(directory)) return { directory, firstMade: firstMade ?? directory };
    }
  });
}

/**
 * What `mkdir -p` does. Node's own recursive form never returns where the system answers "no such file" beneath a
 * folder that exists, as `/proc` does.
 */
function makeFolders(directory: string): string | undefined {
  const missing: string[] = [];
  for (let above = directory; !existsSync(above); above = dirname(above)) missing.unshift(above);
  for (const folder of missing) makeOne(folder);
  return missing[0];
}

/** False when a folder of that name is there, perhaps since a moment ago. */
function makeOne(folder: string): boolean {
  try {
    mkdirSync(folder);
    return true;
  } catch (error) {
    const taken = (error as NodeJS.ErrnoException).code === 'EEXIST';
    if (taken && statSync(folder, { throwIfNoEntry: false }) !== undefined) return false;
    throw error;
  }
}

const NOT_EMPTY = 'the folder is not empty';

function inWords<Result>(folder: string, make: () => Result): Result {
  try {
    return make();
  } catch (error) {
    throw error instanceof InvalidInputError ? error : refusal(folder, `cannot be made: ${why(error)}`);
  }
}

/** Nobody makes folders in `/proc`, which answers as if they were missing. */
function why(error: unknown): string {
  const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT';
  return isMissing ? 'the system makes no folders there' : describeSystemError(error);
}

function refusal(folder: string, message: string): InvalidInputError {
  const hint = 'name a folder that is new or empty with --out';
  return new InvalidInputError([{ file: folder, path: '', message, hint }]);
}
