/** Plans in order of arrival, one at a time, in a worker thread; jobs are kept until their callers have fetched them. */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { projectRoot } from '../../../grids/project-root.ts';
import type { PlanOutcome } from './plan-worker.ts';

export type JobState = 'queued' | 'running' | 'done' | 'failed';

export interface PlanJob {
  readonly id: string;
  readonly state: JobState;
  /** Set when `state` is done or failed. */
  readonly outcome?: PlanOutcome;
}

export interface PlanQueue {
  /** The plan itself, or undefined when the queue is full. */
  run(request: unknown): Promise<PlanOutcome> | undefined;
  /** A job to come back for, or undefined when the queue is full. */
  submit(request: unknown): PlanJob | undefined;
  find(id: string): PlanJob | undefined;
  /** Forgets a job; one that is under way is broken off. False when there is none of that id. */
  remove(id: string): boolean;
  /** Plans that wait or are under way. */
  load(): number;
  close(): Promise<void>;
}

interface Entry {
  readonly id: string;
  readonly request: unknown;
  state: JobState;
  outcome: PlanOutcome | undefined;
  readonly settle: (outcome: PlanOutcome) => void;
}

/** The build's copy, for a thread cannot read TypeScript. */
const workerFile = join(projectRoot(), 'dist', 'platform', 'balancer', 'rest', 'plan-worker.js');

export function createPlanQueue(limits: Limits, file = workerFile): PlanQueue {
  return new Queue(limits, file);
}

interface Limits {
  readonly planQueue: number;
  readonly keptJobs: number;
}

class Queue implements PlanQueue {
  readonly #limits: Limits;
  readonly #file: string;
  /** Jobs by id, oldest first; plans that somebody waits for are not among them. */
  readonly #jobs = new Map<string, Entry>();
  readonly #waiting: Entry[] = [];
  #running: Entry | undefined;
  #worker: Worker | undefined;
  #closed = false;

  constructor(limits: Limits, file: string) {
    this.#limits = limits;
    this.#file = file;
  }

  run(request: unknown): Promise<PlanOutcome> | undefined {
    return this.#enter(request)?.outcome;
  }

  submit(request: unknown): PlanJob | undefined {
    const entered = this.#enter(request);
    if (entered === undefined) return undefined;
    this.#jobs.set(entered.entry.id, entered.entry);
    return describe(entered.entry);
  }

  find(id: string): PlanJob | undefined {
    const entry = this.#jobs.get(id);
    return entry === undefined ? undefined : describe(entry);
  }

  remove(id: string): boolean {
    const entry = this.#jobs.get(id);
    if (entry === undefined) return false;
    this.#jobs.delete(id);
    const place = this.#waiting.indexOf(entry);
    if (place !== -1) this.#waiting.splice(place, 1);
    if (entry === this.#running) this.#breakOff('the job was removed');
    return true;
  }

  load(): number {
    return this.#waiting.length + (this.#running === undefined ? 0 : 1);
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const entry of this.#waiting.splice(0)) finish(entry, { error: 'the balancer is shutting down' });
    if (this.#running !== undefined) finish(this.#running, { error: 'the balancer is shutting down' });
    this.#running = undefined;
    await this.#worker?.terminate();
  }

  #enter(request: unknown): { entry: Entry; outcome: Promise<PlanOutcome> } | undefined {
    const busy = this.#running !== undefined;
    if (this.#closed || (busy && this.#waiting.length >= this.#limits.planQueue)) return undefined;
    let settle: Entry['settle'] = () => {};
    const outcome = new Promise<PlanOutcome>((resolve) => {
      settle = resolve;
    });
    const entry: Entry = { id: randomUUID(), request, state: 'queued', outcome: undefined, settle };
    this.#waiting.push(entry);
    this.#next();
    return { entry, outcome };
  }

  #next(): void {
    if (this.#running !== undefined || this.#closed) return;
    const entry = this.#waiting.shift();
    if (entry === undefined) return;
    this.#running = entry;
    entry.state = 'running';
    this.#worker ??= this.#startWorker();
    this.#worker.postMessage(entry.request, []);
  }

  #startWorker(): Worker {
    const worker = new Worker(this.#file);
    worker.on('message', (outcome: PlanOutcome) => this.#done(worker, outcome));
    // Out of memory, or a solver that took the thread with it: this plan fails, the next one gets a new thread.
    worker.on('error', (error) => this.#lost(worker, error.message));
    worker.on('exit', (code) => this.#lost(worker, `its thread ended with code ${code}`));
    return worker;
  }

  #lost(worker: Worker, how: string): void {
    if (worker !== this.#worker) return;
    this.#worker = undefined;
    if (!this.#closed) this.#done(worker, { error: how });
  }

  #done(worker: Worker, outcome: PlanOutcome): void {
    const entry = this.#running;
    if (entry === undefined || (this.#worker !== undefined && worker !== this.#worker)) return;
    this.#running = undefined;
    finish(entry, outcome);
    this.#forgetOldest();
    this.#next();
  }

  #breakOff(why: string): void {
    const worker = this.#worker;
    this.#worker = undefined;
    void worker?.terminate();
    const entry = this.#running;
    this.#running = undefined;
    if (entry !== undefined) finish(entry, { error: why });
    this.#next();
  }

  #forgetOldest(): void {
    const finished = [...this.#jobs.values()].filter(({ state }) => state === 'done' || state === 'failed');
    for (const { id } of finished.slice(0, Math.max(0, finished.length - this.#limits.keptJobs))) this.#jobs.delete(id);
  }
}

function finish(entry: Entry, outcome: PlanOutcome): void {
  entry.state = 'answer' in outcome ? 'done' : 'failed';
  entry.outcome = outcome;
  entry.settle(outcome);
}

function describe({ id, state, outcome }: Entry): PlanJob {
  return { id, state, ...(outcome !== undefined && { outcome }) };
}
