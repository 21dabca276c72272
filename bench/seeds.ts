/**
 * What a scenario gives over many seeds, and whether each run can be repeated.
 *
 *   npm run seeds                                                       UC-DE-1, seeds 1 to 20: KPIs, median and range
 *   npm run seeds -- --scenario scenarios/germany/recorded-day.yaml --seeds 5
 *   npm run seeds -- --verify                                           every run again, and once over MQTT: the same bytes?
 *   npm run seeds -- --verify --set clock.duration=30min                shorter
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { RunReport } from '../reports/report.ts';
import { runScenario } from '../sim/run/run.ts';
import { verifyRun } from '../sim/run/verify.ts';

const { values } = parseArgs({
  options: {
    scenario: { type: 'string', default: 'scenarios/germany/uc1-virtual-islanding.yaml' },
    seeds: { type: 'string', default: '20' },
    set: { type: 'string', multiple: true, default: [] },
    verify: { type: 'boolean', default: false },
  },
});

const SHOWN = [
  'exchangedEnergyReduction',
  'exchangedEnergyReductionSocNeutral',
  'selfSufficiency',
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

const figures = new Map<string, number[]>(SHOWN.map((name) => [name, []]));
const verdicts = new Map<string, number>();
let different = 0;
console.log(`${values.scenario}, ${values.seeds} seeds`);
console.log(['seed'.padEnd(6), ...SHOWN.map((name) => name.padStart(36)), 'verdict'.padStart(9)].join(''));
for (let number = 1; number <= Number(values.seeds); number += 1) {
  const { report, same } = await play(`seed-${number}`);
  if (same === 'DIFFERENT') different += 1;
  verdicts.set(report.verdict, (verdicts.get(report.verdict) ?? 0) + 1);
  const cells = SHOWN.map((name) => {
    const { value = Number.NaN, unit = '' } = report.kpis[name] ?? {};
    figures.get(name)?.push(value ?? Number.NaN);
    return `${value?.toFixed(2)} ${unit}`.padStart(36);
  });
  console.log([String(number).padEnd(6), ...cells, report.verdict.padStart(9), same.padStart(11)].join(''));
}
const summary = (label: string, pick: (sorted: readonly number[]) => number) =>
  [
    label.padEnd(6),
    ...SHOWN.map((name) =>
      pick((figures.get(name) ?? []).toSorted((a, b) => a - b))
        .toFixed(2)
        .padStart(36),
    ),
  ].join('');
console.log(summary('min', (sorted) => sorted[0] ?? Number.NaN));
console.log(
  summary(
    'median',
    (sorted) =>
      ((sorted[Math.floor((sorted.length - 1) / 2)] ?? 0) + (sorted[Math.ceil((sorted.length - 1) / 2)] ?? 0)) / 2,
  ),
);
console.log(summary('max', (sorted) => sorted.at(-1) ?? Number.NaN));
console.log(`verdicts: ${[...verdicts].map(([verdict, count]) => `${count} ${verdict}`).join(', ')}`);
if (values.verify)
  console.log(
    different === 0 ? 'every run gave the same accuracy.json again, and over MQTT' : `${different} runs DIFFERED`,
  );
if (different > 0) process.exitCode = 20;
