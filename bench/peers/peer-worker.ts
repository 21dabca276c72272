/** A peer's process: requests go to it as lines of JSON and are answered one after the other. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { projectRoot } from '../../grids/project-root.ts';

/** Per situation, by the processor's clock and by the wall. */
export interface Measured {
  readonly processorUs: number;
  readonly wallUs: number;
}

interface Answer extends Partial<Measured> {
  readonly failure?: string;
  readonly [name: string]: unknown;
}

export interface PeerWorker {
  request(message: object): Promise<Answer>;
  close(): Promise<void>;
}

const SINGLE_THREAD = { OMP_NUM_THREADS: '1', OPENBLAS_NUM_THREADS: '1', MKL_NUM_THREADS: '1', NUMBA_NUM_THREADS: '1' };

export function startPeerWorker(python: string): PeerWorker {
  const child = spawn(python, ['-u', join(projectRoot(), 'bench', 'peers', 'worker.py')], {
    stdio: ['pipe', 'pipe', process.env['TWIN_BENCH_VERBOSE'] === undefined ? 'ignore' : 'inherit'],
    env: { ...process.env, ...SINGLE_THREAD },
  });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    async request(message) {
      child.stdin.write(`${JSON.stringify(message)}\n`);
      const { value, done } = await lines.next();
      return done === true ? { failure: 'its process ended' } : (JSON.parse(value) as Answer);
    },
    async close() {
      child.stdin.end();
      await ended;
    },
  };
}
