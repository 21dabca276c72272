/** Small grids of our own in the formats of others, in `samples/`. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../../grids/project-root.ts';
import { InvalidInputError, formatProblem } from '../../grids/problem.ts';

export function samplePath(name: string): string {
  return join(projectRoot(), 'test', 'import', 'samples', name);
}

export function sampleText(name: string): string {
  return readFileSync(samplePath(name), 'utf8');
}

export function sampleJson(name: string): unknown {
  return JSON.parse(sampleText(name));
}

/** The faults that `read` throws, one a line; fails when it throws none or something else. */
export function faultsOf(read: () => unknown): string[] {
  try {
    read();
  } catch (error) {
    if (error instanceof InvalidInputError) return error.problems.map(formatProblem);
    throw error;
  }
  throw new Error('nothing was found to be wrong');
}
