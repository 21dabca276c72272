/**
 * Damaged files of every format at the readers, in threads that are ended after a second of work at one file. Work is
 * the processor time of the program, so a machine that is busy with something else makes no hangs.
 */
import { Worker } from 'node:worker_threads';
import { readNumbers, readOptions, refuse } from './arguments.ts';
import { fuzzFormats, type FuzzFormat } from './fuzz/mutate.ts';
import type { WorkerReport, WorkerTask } from './fuzz/worker.ts';

const USAGE = `Damaged files of every format at the readers.

  npm run fuzz                                          100,000 files of each format
  npm run fuzz -- --count 5000 --format cim --seed x    fewer, of one format, of another seed
  npm run fuzz -- --threads 1                           on one thread

Formats: ${fuzzFormats.join(', ')}.
Ends with 1 when a reader crashes, hangs, or reads a file that was cut off.`;

const values = readOptions(USAGE, {
  count: { type: 'string', default: '100000' },
  format: { type: 'string' },
  seed: { type: 'string', default: 'fuzz-1' },
  threads: { type: 'string', default: '2' },
});
const [count] = readNumbers('count', values.count, USAGE);
const [threads] = readNumbers('threads', values.threads, USAGE);

/** Cases that a thread is given at once. */
const STRETCH = 500;
const LIMIT_MS = 1000;
const MEMORY_MB = 512;

/** Collecting garbage of earlier files may fall into one; a file that takes long does so again. */
const TRIES = 3;

interface Tally {
  read: number;
  refused: number;
  readonly failures: { readonly index: number; readonly reason: string }[];
  /** How often a file has ended a thread. */
  readonly tries: Map<number, number>;
}

/** Processor time of all threads so far, ms. */
function workedMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** Runs one stretch; a file that takes too long, or takes the thread's memory, ends the thread and is left behind. */
function runStretch(format: FuzzFormat, from: number, to: number, tally: Tally): Promise<number> {
  const progress = new SharedArrayBuffer(4);
  const at = new Int32Array(progress);
  at[0] = -1;
  const workerData: WorkerTask = { format, seed: values.seed, from, to, progress };
  const worker = new Worker(new URL('./fuzz/worker.js', import.meta.url), {
    workerData,
    resourceLimits: { maxOldGenerationSizeMb: MEMORY_MB },
  });
  return new Promise((resolve) => {
    let [last, since] = [-1, workedMs()];
    // What the thread had done before is done again, without the file that ended it.
    const leaveBehind = async (index: number, next: number): Promise<void> => {
      await worker.terminate();
      for (let at = from; at < index;) at = await runStretch(format, at, index, tally);
      resolve(next);
    };
    const giveUp = (reason: string, tries: number): void => {
      clearInterval(watch);
      const index = Math.max(from, Atomics.load(at, 0));
      const tried = (tally.tries.get(index) ?? 0) + 1;
      tally.tries.set(index, tried);
      if (tried >= tries) tally.failures.push({ index, reason });
      void leaveBehind(index, tried >= tries ? index + 1 : index);
    };
    const watch = setInterval(() => {
      const now = Atomics.load(at, 0);
      // A thread that has not begun yet is loading.
      if (now !== last || now === -1) [last, since] = [now, workedMs()];
      else if (workedMs() - since > threads! * LIMIT_MS) giveUp(`takes longer than ${LIMIT_MS} ms`, TRIES);
    }, 50);
    worker.on('message', ({ read, refused, failures }: WorkerReport) => {
      clearInterval(watch);
      tally.read += read;
      tally.refused += refused;
      tally.failures.push(...failures);
      resolve(to);
    });
    worker.on('error', (error) => giveUp(`ends the thread: ${error.message}`, 1));
  });
}

async function fuzz(format: FuzzFormat, count: number, threads: number): Promise<Tally> {
  const tally: Tally = { read: 0, refused: 0, failures: [], tries: new Map() };
  let next = 0;
  const runner = async (): Promise<void> => {
    for (let from = next; from < count; from = next) {
      const to = Math.min(count, from + STRETCH);
      next = to;
      for (let at = from; at < to;) at = await runStretch(format, at, to, tally);
    }
  };
  await Promise.all(Array.from({ length: threads }, runner));
  return tally;
}

const chosen = fuzzFormats.filter((format) => values.format === undefined || values.format === format);
if (chosen.length === 0) refuse(`--format must be one of ${fuzzFormats.join(', ')}, found "${values.format}"`, USAGE);
console.log(`seed ${values.seed}, ${count} files of each format, ${LIMIT_MS} ms a file`);
for (const format of chosen) {
  const start = performance.now();
  const { read, refused, failures } = await fuzz(format, count!, threads!);
  const seconds = ((performance.now() - start) / 1000).toFixed(0);
  console.log(`${format.padEnd(18)} read ${read}, refused ${refused}, failed ${failures.length}, ${seconds} s`);
  for (const { index, reason } of failures.slice(0, 5)) console.log(`  case ${index}: ${reason}`);
  if (failures.length > 0) process.exitCode = 1;
}
