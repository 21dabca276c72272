/**
 * The use cases of the German site on every day that there is: the scenarios of the four use cases, and virtual islanding
 * on each recorded day of the reference (TWIN_REFERENCE; left out with a notice where it is absent).
 */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import type { RunReport } from '../reports/report.ts';
import { runScenario } from '../sim/run/run.ts';
import { readOptions } from './arguments.ts';

const USAGE = `The use cases of the German site on every day that there is.

  npm run use-cases
  npm run use-cases -- --only uc3                     scenarios whose name begins so
  npm run use-cases -- --days                         the recorded days alone`;

const values = readOptions(USAGE, { only: { type: 'string' }, days: { type: 'boolean', default: false } });

const FOLDER = 'scenarios/germany';
const ISLAND_OF_A_DAY = join(FOLDER, 'recorded-island.yaml');
const SHOWN = [
  'gainOverIdle',
  'gainOverIdleSocNeutral',
  'regret',
  'regretShare',
  'islandShare',
  'holdAccuracy',
  'holdResponse',
  'packageError',
];
const CELL = 23;
const never = new AbortController().signal;
const figures = new Map<string, number[]>();
let runs = 0;
let failed = 0;

async function play(label: string, scenarioFile: string, set: readonly string[] = []): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'twin-use-cases-'));
  try {
    const out = join(folder, 'run');
    await runScenario({ scenarioFile, databus: 'memory', out, set: [...set], service: {} }, never);
    print(label, JSON.parse(readFileSync(join(out, 'report.json'), 'utf8')) as RunReport);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function print(label: string, { verdict, kpis, expectations, reasons }: RunReport): void {
  const cells = SHOWN.map((name) => {
    const kpi = kpis[name];
    if (kpi !== undefined) figures.set(name, [...(figures.get(name) ?? []), kpi.value]);
    return (kpi === undefined ? '-' : `${kpi.value.toFixed(1)} ${kpi.unit}`).padStart(CELL);
  });
  console.log([label.padEnd(26), verdict.padEnd(8), ...cells].join(''));
  runs += 1;
  if (verdict === 'pass') return;
  failed += 1;
  for (const { text, observed, pass } of expectations) if (!pass) console.log(`  ${text}, observed ${observed}`);
  for (const reason of reasons) console.log(`  ${reason}`);
}

function recordedDays(): readonly string[] {
  const folder = resolve(process.env['TWIN_REFERENCE'] ?? '../shared/reference', 'german-site-days');
  if (!existsSync(folder)) {
    console.log(`recorded days: left out, there is no ${folder} (TWIN_REFERENCE names the reference's folder)`);
    return [];
  }
  return readdirSync(folder)
    .filter((name) => name.endsWith('.csv'))
    .sort()
    .map((name) => join(folder, name));
}

console.log([''.padEnd(34), ...SHOWN.map((name) => name.padStart(CELL))].join(''));
const scenarios = readdirSync(FOLDER)
  .filter((name) => /^(uc\d|use-case)/.test(name) && name.startsWith(values.only ?? ''))
  .sort();
if (!values.days) for (const name of scenarios) await play(basename(name, '.yaml'), join(FOLDER, name));
if (values.only === undefined) {
  for (const day of recordedDays()) await play(basename(day, '.csv'), ISLAND_OF_A_DAY, [`profiles.csv=${day}`]);
}
for (const [label, pick] of [
  ['min', 0],
  ['median', 0.5],
  ['max', 1],
] as const) {
  const cells = SHOWN.map((name) => {
    const sorted = (figures.get(name) ?? []).toSorted((a, b) => a - b);
    const place = pick * (sorted.length - 1);
    const value = ((sorted[Math.floor(place)] ?? Number.NaN) + (sorted[Math.ceil(place)] ?? Number.NaN)) / 2;
    return (sorted.length === 0 ? '-' : value.toFixed(1)).padStart(CELL);
  });
  console.log([label.padEnd(34), ...cells].join(''));
}
console.log(
  runs === 0 ? 'nothing was run' : failed === 0 ? `all ${runs} runs passed` : `${failed} of ${runs} runs did not pass`,
);
if (runs === 0) process.exitCode = 2;
else if (failed > 0) process.exitCode = 20;
