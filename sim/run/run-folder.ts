/** The folder of a run: new or empty, so that no table of an older run can pass for one of this. */
import { readdirSync, rmdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { makeFreshFolder, makeOutputFolder } from '../../grids/output-folder.ts';

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
  const { directory, firstMade } = out === undefined ? makeFreshFolder(join('runs', name)) : makeOutputFolder(out);
  return { directory, discard: () => discard(directory, firstMade) };
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
