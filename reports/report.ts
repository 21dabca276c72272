/** Makes a run's report from its folder alone: scores the record and writes the files that people and machines read. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { renderAccuracy } from './accuracy.ts';
import { renderPage } from './html/page.ts';
import { renderJunit } from './junit.ts';
import { renderMarkdown } from './markdown.ts';
import type { Manifest } from './record.ts';
import { readRecord } from './record-reader.ts';
import { scenarioFacts } from './scenario-facts.ts';
import { score as scoreRecord, type Score } from './score.ts';

/** `report.json`: everything that was found out about a run, without the series. */
export interface RunReport extends Omit<Score, 'details'> {
  readonly schema: 'platone.report/1';
  readonly runId: string;
  readonly scenario: string;
  readonly seed: string;
  readonly class: Manifest['class'];
  readonly state: Manifest['state'];
  readonly commit: string;
  /** SHA-256 of `accuracy.json`. */
  readonly accuracyHash: string;
  readonly instants: number;
  readonly wallSeconds: number;
  readonly loopSeconds: number;
}

/**
 * Scores the record in `directory` and writes `accuracy.json`, `report.json`, `report.md`, `junit.xml` and
 * `report.html` beside it. Throws `InvalidInputError` when the folder holds no readable record.
 */
export async function writeReport(directory: string): Promise<RunReport> {
  const record = await readRecord(directory);
  const score = scoreRecord(record);
  const accuracy = renderAccuracy(score, record.audit);
  const report = describe(record.manifest, score, accuracy.hash);
  const files = {
    'accuracy.json': accuracy.text,
    'report.json': `${JSON.stringify(report, null, 2)}\n`,
    'report.md': renderMarkdown(record, score, accuracy.hash),
    'junit.xml': renderJunit(record, score),
    'report.html': renderPage(record, score, accuracy.hash),
  };
  await Promise.all(Object.entries(files).map(([name, text]) => writeFile(join(directory, name), text)));
  return report;
}

function describe(manifest: Manifest, score: Score, accuracyHash: string): RunReport {
  const { verdict, reasons, metrics, unscored, kpis, expectations, messages, invariants, latency } = score;
  return {
    schema: 'platone.report/1',
    runId: manifest.runId,
    scenario: scenarioFacts(manifest).name,
    seed: manifest.seed,
    class: manifest.class,
    state: manifest.state,
    commit: manifest.commit,
    accuracyHash,
    instants: manifest.instants,
    wallSeconds: manifest.wallSeconds,
    loopSeconds: manifest.loopSeconds,
    verdict,
    reasons,
    metrics,
    unscored,
    kpis,
    expectations,
    messages,
    invariants,
    latency,
  };
}
