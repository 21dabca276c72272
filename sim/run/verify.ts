/** Runs a record's manifest again and compares: the same commit, scenario and seed have to give the same bytes. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { projectRoot } from '../../grids/project-root.ts';
import { InvalidInputError } from '../../grids/problem.ts';
import { isRegular, readText } from '../../grids/read-text.ts';
import { shownPath } from '../../grids/shown-path.ts';
import type { Manifest } from '../../reports/record.ts';
import { readManifest } from '../../reports/record-reader.ts';
import { commitOf, hashOf } from './manifest.ts';
import type { RunOptions } from './options.ts';
import { runScenario } from './run.ts';

export interface Verification {
  readonly code: 0 | 10 | 20;
  /** A sentence for people. */
  readonly message: string;
}

/**
 * Exit code 0 same, 20 different, 10 another commit or other inputs. Throws InvalidInputError when the folder holds no
 * record that could be repeated, AbortError when it is interrupted.
 */
export async function verifyRun(directory: string, signal: AbortSignal): Promise<Verification> {
  const manifest = await readManifest(directory);
  const { commit, dirty } = commitOf();
  if (manifest.commit !== commit) {
    const message = `the record is of commit ${manifest.commit}, this is ${commit}: check that one out to verify it`;
    return { code: 10, message };
  }
  const refused = whyNotRepeatable(manifest);
  if (refused !== undefined) throw new InvalidInputError([{ file: directory, path: '', message: refused }]);
  const changed = changedInputs(manifest);
  if (changed.length > 0) {
    const message = `${changed.join(', ')} changed since the record was made: verify needs the same inputs`;
    return { code: 10, message };
  }
  // A commit that does not hold what ran proves little: both answers say so.
  const doubt =
    manifest.dirty || dirty ? ' (with uncommitted changes in the checkout, which the record does not hold)' : '';
  const before = readText(join(directory, 'accuracy.json'));
  const out = mkdtempSync(join(tmpdir(), 'twin-verify-'));
  const remove = () => rmSync(out, { recursive: true, force: true });
  // A second Ctrl-C ends the process without coming back here.
  process.once('exit', remove);
  try {
    const again = await runScenario({ ...optionsOf(manifest), out }, signal);
    signal.throwIfAborted();
    const after = readText(join(out, 'accuracy.json'));
    if (before !== after) {
      return { code: 20, message: `different: ${firstDifference(before, after)}${doubt}` };
    }
    return { code: 0, message: `same: accuracy.json has hash ${again.accuracyHash} again${doubt}` };
  } finally {
    process.off('exit', remove);
    remove();
  }
}

function whyNotRepeatable({ class: kind, state }: Manifest): string | undefined {
  if (kind !== 'exact') return `the record is of class ${kind}: only exact (lock-step) runs promise the same bytes`;
  return state === 'complete' ? undefined : `the run was ${state}: where it ended is not repeatable`;
}

/** Inputs that are not there any more, came through a pipe, or are others. */
function changedInputs({ inputHashes }: Manifest): readonly string[] {
  const files = Object.entries(inputHashes).map(([file, before]) => [resolve(projectRoot(), file), before] as const);
  return files.flatMap(([file, before]) => (isRegular(file) && hashOf(file) === before ? [] : [shownPath(file)]));
}

/** The options of the run; its scenario is found from any working folder. */
function optionsOf({ options, scenarioFile }: Manifest): RunOptions {
  return { ...(options as unknown as RunOptions), scenarioFile: resolve(projectRoot(), scenarioFile) };
}

function firstDifference(before: string, after: string): string {
  const old = before.split('\n');
  const fresh = after.split('\n');
  const line = old.findIndex((text, index) => text !== fresh[index]);
  return `line ${line + 1} was ${old[line]?.trim() ?? 'absent'}, is ${fresh[line]?.trim() ?? 'absent'}`;
}
