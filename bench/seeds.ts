/** What a scenario gives over many seeds, and whether each run can be repeated. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { median } from '../numerics/statistics.ts';
import type { RunReport } from '../reports/report.ts';
import { runScenario } from '../sim/run/run.ts';
import { verifyRun } from '../sim/run/verify.ts';
import { readNumbers, readOptions } from './arguments.ts';

const USAGE = `What a scenario gives over many seeds.

  npm run seeds                                                       UC-DE-1, seeds 1 to 20: indicators, median and range
  npm run seeds -- --scenario scenarios/germany/uc2-flexibility.yaml --seeds 5
  npm run seeds -- --verify                                           every run again, and once over MQTT: the same bytes?
  npm run seeds -- --verify --set clock.duration=30min                shorter
  npm run seeds -- --first 11 --seeds 10                              seeds 11 to 20`;

const values = readOptions(USAGE, {
  scenario: { type: 'string', default: 'scenarios/germany/uc1-virtual-islanding.yaml' },
  seeds: { type: 'string', default: '20' },
  first: { type: 'string', default: '1' },
  set: { type: 'string', multiple: true, default: [] },
  verify: { type: 'boolean', default: false },
});
for (const option of ['seeds', 'first'] as const) readNumbers(option, values[option], USAGE);

/** Told of every seed; of all other indicators the table at the end has least, median and most. */
const SHOWN = [
  'exchangedEnergyReduction',
  'exchangedEnergyReductionSocNeutral',
  'regretShare',
  'generationEnergy',
] as const;
const never = new AbortController().signal;

async function run(seed: string, databus: string, out: string): Promise<RunReport> {
  await runScenario({ scenarioFile: values.scenario, seed, databus, out, set: values.set, service: {} }, never);
  return JSON.parse(readFileSync(join(out, 'report.json'), 'utf8')) as RunReport;
}

/** Runs one seed; with `--verify` also again from its manifest, and over two embedded brokers. */
async function play(seed: string): Promise<{ readonly report: RunReport; readonly same: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'twin-seeds-'));
  try {
    const out = join(folder, 'memory');
    const report = await run(seed, 'memory', out);
    if (!values.verify) return { report, same: '' };
    const again = await verifyRun(out, never);
    const mqtt = await run(seed, 'embedded', join(folder, 'mqtt'));
    const same = again.code === 0 && mqtt.accuracyHash === report.accuracyHash;
    return { report, same: same ? 'same' : 'DIFFERENT' };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** By indicator, in the order in which the runs gave them. */
const figures = new Map<string, { readonly unit: string; readonly values: number[] }>();
const verdicts = new Map<string, number>();
let different = 0;
console.log(`${values.scenario}, ${values.seeds} seeds`);
console.log(['seed'.padEnd(6), ...SHOWN.map((name) => name.padStart(36)), 'verdict'.padStart(9)].join(''));
for (let number = Number(values.first); number < Number(values.first) + Number(values.seeds); number += 1) {
  const { report, same } = await play(`seed-${number}`);
  if (same === 'DIFFERENT') different += 1;
  verdicts.set(report.verdict, (verdicts.get(report.verdict) ?? 0) + 1);
  for (const [name, { value, unit }] of Object.entries(report.kpis)) {
    const known = figures.get(name);
    if (known === undefined) figures.set(name, { unit, values: [value] });
    else known.values.push(value);
  }
  const cells = SHOWN.map((name) => {
    const { value, unit = '' } = report.kpis[name] ?? {};
    return `${value?.toFixed(2) ?? '-'} ${unit}`.padStart(36);
  });
  console.log([String(number).padEnd(6), ...cells, report.verdict.padStart(9), same.padStart(11)].join(''));
}

console.log(
  `\n${['indicator'.padEnd(46), ...['least', 'median', 'most', 'runs'].map((name) => name.padStart(12))].join('')}`,
);
for (const [name, { unit, values: found }] of figures) {
  const cells = [Math.min(...found), median(found), Math.max(...found)].map((value) => value.toFixed(2).padStart(12));
  // Not every run has every indicator: a hold that never settled has no response.
  console.log([`${name} (${unit})`.padEnd(46), ...cells, String(found.length).padStart(12)].join(''));
}
console.log(`verdicts: ${[...verdicts].map(([verdict, count]) => `${count} ${verdict}`).join(', ')}`);
if (values.verify)
  console.log(
    different === 0 ? 'every run gave the same accuracy.json again, and over MQTT' : `${different} runs DIFFERED`,
  );
if (different > 0) process.exitCode = 20;
