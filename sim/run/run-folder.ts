/** The folder of a run: new or empty, so that no table of an older run can pass for one of this. */
import { mkdirSync, readdirSync, rmdirSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { InvalidInputError } from '../../grids/problem.ts';

export interface RunFolder {
  readonly directory: string;
  /** Takes it away again, for a run that never began. */
  discard(): void;
}

/** Makes `out`, or `runs/<name>` with a number behind it when that is taken. Throws InvalidInputError when `out` is not empty. */
export function createRunFolder(out: string | undefined, name: string): RunFolder {
  if (out !== undefined) return makeNamed(resolve(out), out);
  const parent = resolve('runs');
  const firstMade = mkdirSync(parent, { recursive: true });
  for (let copy = 1; ; copy += 1) {
    const directory = join(parent, copy === 1 ? name : `${name}-${copy}`);
    if (makeNew(directory)) return { directory, discard: () => discard(directory, firstMade ?? directory) };
  }
}

function makeNamed(directory: string, out: string): RunFolder {
  const refuse = (message: string) =>
    new InvalidInputError([{ file: `--out ${out}`, path: '', message, hint: 'name another folder, or remove it' }]);
  let firstMade: string | undefined;
  try {
    firstMade = mkdirSync(directory, { recursive: true });
    if (readdirSync(directory).length > 0) throw refuse('the folder is not empty');
  } catch (error) {
    throw error instanceof InvalidInputError ? error : refuse(`cannot be made: ${(error as Error).message}`);
  }
  return { directory, discard: () => discard(directory, firstMade) };
}

/** False when it is there already. */
function makeNew(directory: string): boolean {
  try {
    mkdirSync(directory);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
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
