/** Runs a record's manifest again and compares: the same commit, scenario and seed have to give the same bytes. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InvalidInputError } from '../../grids/problem.ts';
import type { Manifest } from '../../reports/record.ts';
import { commitOf } from './manifest.ts';
import type { RunOptions } from './options.ts';
import { runScenario } from './run.ts';

export interface Verification {
  readonly code: 0 | 10 | 20;
  /** A sentence for people. */
  readonly message: string;
}

/** Exit code 0 same, 20 different, 10 another commit. Throws InvalidInputError when the folder holds no record. */
export async function verifyRun(directory: string, signal: AbortSignal): Promise<Verification> {
  const manifest = readManifest(directory);
  const { commit } = commitOf();
  if (manifest.commit !== commit) {
    const message = `the record is of commit ${manifest.commit}, this is ${commit}: check that one out to verify it`;
    return { code: 10, message };
  }
  if (manifest.class !== 'exact') {
    const message = `the record is of class ${manifest.class}: only exact (lock-step) runs promise the same bytes`;
    throw new InvalidInputError([{ file: directory, path: 'class', message }]);
  }
  const before = readFileSync(join(directory, 'accuracy.json'));
  const out = mkdtempSync(join(tmpdir(), 'twin-verify-'));
  try {
    const again = await runScenario({ ...(manifest.options as unknown as RunOptions), out }, signal);
    const after = readFileSync(join(out, 'accuracy.json'));
    if (before.equals(after)) return { code: 0, message: `same: accuracy.json has hash ${again.accuracyHash} again` };
    return { code: 20, message: `different: ${firstDifference(before.toString(), after.toString())}` };
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
}

function readManifest(directory: string): Manifest {
  const file = join(directory, 'manifest.json');
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Manifest;
  } catch (error) {
    const message = `is no record of a run: ${(error as Error).message}`;
    throw new InvalidInputError([{ file: directory, path: '', message }]);
  }
}

function firstDifference(before: string, after: string): string {
  const old = before.split('\n');
  const fresh = after.split('\n');
  const line = old.findIndex((text, index) => text !== fresh[index]);
  return `line ${line + 1} was ${old[line]?.trim() ?? 'absent'}, is ${fresh[line]?.trim() ?? 'absent'}`;
}
