/** One damaged file thrown at the readers: read, refused in words, or a failure of ours. */
import { compileGrid } from '../../grids/compile.ts';
import { importGrid } from '../../grids/import/read-grid-files.ts';
import { loadGrid } from '../../grids/load.ts';
import { InvalidInputError } from '../../grids/problem.ts';
import type { CompiledGrid } from '../../grids/model.ts';
import { parseMeasurements } from '../../platform/state-estimation/measurement-file.ts';
import { damage, type FuzzFormat } from './mutate.ts';

export type Outcome =
  | { readonly outcome: 'read' }
  | { readonly outcome: 'refused' }
  | { readonly outcome: 'failed'; readonly reason: string };

let ieee33: CompiledGrid | undefined;

/** Never throws: what the readers throw besides InvalidInputError is a failure. */
export function tryCase(format: FuzzFormat, seed: string, index: number): Outcome {
  const { files, isCut, how } = damage(format, seed, index);
  const failed = (reason: string): Outcome => ({ outcome: 'failed', reason: `${reason} (${how})` });
  try {
    if (format === 'measurements')
      parseMeasurements(files[0]!.text, (ieee33 ??= compileGrid(loadGrid('ieee-33'))), 'm.json');
    // What is read must be whole: a grid that the rest of the program can compute with.
    else compileGrid(importGrid(files).grid);
    return isCut ? failed('a cut file was read') : { outcome: 'read' };
  } catch (error) {
    if (!(error instanceof InvalidInputError)) {
      return failed(error instanceof Error ? (error.stack ?? error.message).slice(0, 600) : String(error));
    }
    const silent = error.problems.length === 0 || error.problems.some(({ message }) => message.trim() === '');
    return silent ? failed('refused without a word') : { outcome: 'refused' };
  }
}
