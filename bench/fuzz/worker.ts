/** A thread that tries a stretch of cases and says before each where it is, so that a hang can be named and ended. */
import { parentPort, workerData } from 'node:worker_threads';
import type { FuzzFormat } from './mutate.ts';
import { tryCase } from './trial.ts';

export interface WorkerTask {
  readonly format: FuzzFormat;
  readonly seed: string;
  readonly from: number;
  readonly to: number;
  /** One Int32: the number of the case at work, -1 before the first. */
  readonly progress: SharedArrayBuffer;
}

export interface WorkerReport {
  readonly read: number;
  readonly refused: number;
  readonly failures: readonly { readonly index: number; readonly reason: string }[];
}

const { format, seed, from, to, progress } = workerData as WorkerTask;
const at = new Int32Array(progress);
let [read, refused] = [0, 0];
const failures: { index: number; reason: string }[] = [];
for (let index = from; index < to; index++) {
  Atomics.store(at, 0, index);
  const result = tryCase(format, seed, index);
  if (result.outcome === 'read') read++;
  else if (result.outcome === 'refused') refused++;
  else failures.push({ index, reason: result.reason });
}
const report: WorkerReport = { read, refused, failures };
parentPort!.postMessage(report, []);
