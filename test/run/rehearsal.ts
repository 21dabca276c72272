/** Runs a scenario into a temporary folder, for tests that look at what it leaves. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import type { RunReport } from '../../reports/report.ts';
import type { Audit, Manifest } from '../../reports/record.ts';
import type { RunOptions } from '../../sim/run/options.ts';
import { runScenario } from '../../sim/run/run.ts';

export const village = 'test/run/village.yaml';
/** The same in little. */
export const hamlet = 'test/run/hamlet.yaml';

export interface Rehearsal {
  readonly directory: string;
  readonly report: RunReport;
  readonly audit: Audit;
  readonly manifest: Manifest;
  readonly accuracy: string;
}

const folders: string[] = [];

afterAll(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'twin-test-'));
  folders.push(folder);
  return folder;
}

/** In memory unless told otherwise. */
export async function rehearse(options: Partial<RunOptions> = {}, signal?: AbortSignal): Promise<Rehearsal> {
  const directory = options.out ?? temporaryFolder();
  await runScenario(
    { scenarioFile: village, databus: 'memory', set: [], service: {}, ...options, out: directory },
    signal ?? new AbortController().signal,
  );
  return readRehearsal(directory);
}

export function readRehearsal(directory: string): Rehearsal {
  const read = (name: string) => readFileSync(join(directory, name), 'utf8');
  return {
    directory,
    report: JSON.parse(read('report.json')) as RunReport,
    audit: JSON.parse(read('audit.json')) as Audit,
    manifest: JSON.parse(read('manifest.json')) as Manifest,
    accuracy: read('accuracy.json'),
  };
}
