/**
 * The German day over two embedded brokers and in memory, in turn, each run in a process of its own; and what a stranger
 * waits for after `npm ci`: the first build and the run. Targets: 30 s, 5 s and 60 s on two cores.
 *
 *   npm run bench                  three rounds
 *   npm run bench -- --rounds 5
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { median } from '../numerics/statistics.ts';
import { projectRoot } from '../grids/project-root.ts';
import type { RunReport } from '../reports/report.ts';

const SCENARIO = 'scenarios/germany/uc1-virtual-islanding.yaml';

interface Round {
  readonly wallSeconds: number;
  readonly loopSeconds: number;
  readonly instants: number;
  readonly messages: number;
  readonly peakMemoryMiB: number;
  readonly accuracyHash: string;
  readonly verdict: string;
}

/** One run in a child process, so that memory and warm-up belong to it alone. */
async function round(databus: string): Promise<Round> {
  const out = mkdtempSync(join(tmpdir(), 'twin-bench-'));
  try {
    const worker = fileURLToPath(new URL('german-day-run.js', import.meta.url));
    const began = performance.now();
    const child = spawn(process.execPath, [worker, SCENARIO, databus, out], {
      cwd: projectRoot(),
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let said = '';
    child.stdout.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
    const code = await new Promise<number | null>((resolve) => child.once('exit', resolve));
    if (code !== 0) throw new Error(`the run over ${databus} ended with exit code ${code}`);
    const wallSeconds = (performance.now() - began) / 1000;
    const { maxRssKiB } = JSON.parse(said) as { maxRssKiB: number };
    const report = JSON.parse(readFileSync(join(out, 'report.json'), 'utf8')) as RunReport;
    return {
      wallSeconds,
      loopSeconds: report.loopSeconds,
      instants: report.instants,
      messages: report.messages.delivered,
      peakMemoryMiB: maxRssKiB / 1024,
      accuracyHash: report.accuracyHash,
      verdict: report.verdict,
    };
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
}

/** Seconds of a build from nothing, into a folder that is thrown away. */
function firstBuild(): number {
  const out = mkdtempSync(join(tmpdir(), 'twin-build-'));
  const root = projectRoot();
  const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const began = performance.now();
  const notes = ['--outDir', out, '--tsBuildInfoFile', join(out, 'notes')];
  const { status, stdout } = spawnSync(process.execPath, [compiler, '-p', 'tsconfig.json', ...notes], { cwd: root });
  const seconds = (performance.now() - began) / 1000;
  rmSync(out, { recursive: true, force: true });
  if (status !== 0) throw new Error(`the build failed: ${stdout.toString()}`);
  return seconds;
}

function line(name: string, rounds: readonly Round[], targetSeconds: number): void {
  const of = (pick: (each: Round) => number) => median(rounds.map(pick));
  const wall = of((each) => each.wallSeconds);
  const spread = rounds.map((each) => each.wallSeconds.toFixed(1)).join(', ');
  const instants = of((each) => each.instants);
  const loop = of((each) => each.loopSeconds);
  console.log(
    `${name.padEnd(22)} ${wall.toFixed(1).padStart(6)} s  (${spread}; target ${targetSeconds} s: ${wall <= targetSeconds ? 'met' : 'MISSED'})`,
  );
  console.log(
    `${''.padEnd(22)} ${((1000 * loop) / instants).toFixed(2).padStart(6)} ms a step, ` +
      `${Math.round(of((each) => each.messages) / loop)} messages/s over all hops, ` +
      `${Math.round(of((each) => each.peakMemoryMiB))} MiB peak, verdict ${[...new Set(rounds.map((each) => each.verdict))].join(', ')}`,
  );
}

const option = process.argv.indexOf('--rounds');
const rounds = option < 0 ? 3 : Number(process.argv[option + 1]);
const [processor] = cpus();
console.log(
  `${processor?.model ?? 'unknown processor'}, ${cpus().length} cores, load average ${loadavg()[0]?.toFixed(1)}, Node ${process.version}`,
);
console.log(
  `The German day (${SCENARIO}), ${rounds} rounds in turn, medians; wall clock of the whole process, report included`,
);
const brokers: Round[] = [];
const memory: Round[] = [];
for (let each = 0; each < rounds; each += 1) {
  brokers.push(await round('embedded'));
  memory.push(await round('memory'));
}
line('two embedded brokers', brokers, 30);
line('in memory', memory, 5);
const build = firstBuild();
const start = build + median(brokers.map((each) => each.wallSeconds));
console.log(
  `${'npm start, first time'.padEnd(22)} ${start.toFixed(1).padStart(6)} s  (build ${build.toFixed(1)} s and the run over brokers; target 60 s: ${start <= 60 ? 'met' : 'MISSED'})`,
);
const hashes = new Set([...brokers, ...memory].map((each) => each.accuracyHash));
console.log(
  `accuracyHash ${[...hashes].join(', ')} (${hashes.size === 1 ? 'the same in every round, brokers and memory alike' : 'DIFFERENT'})`,
);
if (hashes.size !== 1) process.exitCode = 20;
