/** The folder of a run: new or empty, so that no table of an older run can pass for one of this. */
import { mkdirSync, readdirSync, rmdirSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { InvalidInputError } from '../../grids/problem.ts';

export interface RunFolder {
  readonly directory: string;
  /** Takes it away again, for a run that never began. */
  discard(): void;
}

/**
 * Makes `out`, or `runs/<name>` with a number behind it when that is taken. Throws InvalidInputError when `out` is not
 * empty, or where nothing can be made.
 */
export function createRunFolder(out: string | undefined, name: string): RunFolder {
  const wanted = resolve(out ?? join('runs', name));
  try {
    return out === undefined ? makeFresh(wanted) : makeNamed(wanted);
  } catch (error) {
    throw error instanceof InvalidInputError ? error : refusal(wanted, `cannot be made: ${(error as Error).message}`);
  }
}

function refusal(folder: string, message: string): InvalidInputError {
  const hint = 'name a folder that is new or empty with --out';
  return new InvalidInputError([{ file: folder, path: '', message, hint }]);
}

function makeNamed(directory: string): RunFolder {
  const firstMade = mkdirSync(directory, { recursive: true });
  if (readdirSync(directory).length > 0) throw refusal(directory, 'the folder is not empty');
  return { directory, discard: () => discard(directory, firstMade) };
}

function makeFresh(wanted: string): RunFolder {
  const firstMade = mkdirSync(dirname(wanted), { recursive: true });
  for (let copy = 1; ; copy += 1) {
    const directory = copy === 1 ? wanted : `${wanted}-${copy}`;
    try {
      mkdirSync(directory);
      return { directory, discard: () => discard(directory, firstMade ?? directory) };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
}

/** Empties the folder, and removes it and those above it up to `firstMade`, unless another run lives there by now. */
function discard(directory: string, firstMade: string | undefined): void {
  for (const entry of readdirSync(directory)) rmSync(join(directory, entry), { recursive: true, force: true });
  if (firstMade === undefined) return;
  try {
    for (let folder = directory; folder.length >= firstMade.length; folder = dirname(folder)) rmdirSync(folder);
  } catch {
    // Not empty: it is not ours alone.
  }
}
