/**
 * Runs a service on a databus: one connection, instants in order, outputs acknowledged before progress is published.
 * It never reads a clock: ticks say when, counts say whether all is there.
 */
import type { z } from 'zod';
import type { Repudiation } from '../contract/certification.ts';
import type { IntakeVerifier } from '../contract/intake-verifier.ts';
import { askOnce } from '../contract/payload-memo.ts';
import { type Progress, progressSchema, tickSchema } from '../contract/timing.ts';
import { messageKind, topics } from '../contract/topics.ts';
import type { Databus, DatabusConnection } from '../databus/databus.ts';
import type { Input, ServiceCore, ServiceDefinition } from './definition.ts';
import { noteWritten, prepareToRead, readControl, readMessage } from './intake.ts';
import { type Arrival, type Counts, countKinds, countTopics, type Gathered, Roads, streamOf } from './roads.ts';

/** The part of a logger that services need; pino fits. */
export interface ServiceLog {
  info(data: object, message: string): void;
  warn(data: object, message: string): void;
  error(data: object, message: string): void;
}

export interface RunnerOptions<Schema extends z.ZodType> {
  readonly definition: ServiceDefinition<Schema>;
  readonly config: z.infer<Schema>;
  readonly databus: Databus;
  /** Tells several instances of one service apart. */
  readonly instance?: string;
  readonly credentials?: { readonly username: string; readonly password: string };
  /** Checks hash and chain of bridged messages, and believes nobody whom the certificate check repudiated. */
  readonly verifier?: IntakeVerifier;
  readonly log: ServiceLog;
  /** The core threw, or the connection was lost: the service is dead. */
  readonly onFailure: (error: Error) => void;
}

export interface RunningService {
  readonly name: string;
  /** Newest completed instant, us; the lag against the wall clock is the field's liveness signal. */
  watermarkUs(): number;
  metrics(): Readonly<Record<string, number>>;
  /** What it waits for, in words. */
  waitingFor(): string;
  /** Whether its broker is there. */
  isConnected(): boolean;
  stop(): Promise<void>;
}

interface Checked {
  readonly inputs: readonly Input[];
  /** By kind, then by reason. */
  readonly refused: Record<string, Counts>;
  readonly late: Counts;
  /** Those that the chain knows already; redeliveries do not get as far as here. */
  readonly duplicates: Counts;
}

const RECENT_PAYLOADS = 4;

/** Connects, subscribes, and then works through the instants until it is stopped. */
export async function startService<Schema extends z.ZodType>(options: RunnerOptions<Schema>): Promise<RunningService> {
  await options.definition.ready?.(options.config);
  const runner = new Runner(options);
  await runner.start();
  return runner;
}

class Runner<Schema extends z.ZodType> implements RunningService {
  readonly name: string;
  readonly #options: RunnerOptions<Schema>;
  readonly #tickTopics: readonly string[];
  #connection: DatabusConnection | undefined;
  #core: ServiceCore;
  #roads: Roads;
  #runId = '';
  #busy = false;
  #stopped = false;
  #finished = false;
  #watermarkUs = Number.NaN;
  /** Latest payloads by topic: a redelivery is byte-identical. */
  #recent = new Map<string, Uint8Array[]>();
  /** By kind, since the last completed instant. */
  #redelivered: Counts = {};
  readonly #totals: Record<string, number> = {
    instants: 0,
    accepted: 0,
    refused: 0,
    late: 0,
    duplicates: 0,
    missing: 0,
  };

  constructor(options: RunnerOptions<Schema>) {
    this.#options = options;
    this.name = options.definition.name;
    const streams = options.definition.streams(options.config);
    this.#tickTopics = streams.map((stream) => (stream === 'direct' ? topics.directTick : topics.bridgedTick));
    this.#core = options.definition.create(options.config);
    this.#roads = this.#newRoads();
  }

  async start(): Promise<void> {
    const { definition, config, databus, credentials } = this.#options;
    prepareToRead(this.#filters);
    this.#connection = await databus.connect({
      clientId: `${this.name}-${this.#instance}`,
      ...credentials,
      onMessage: (topic, payload) => this.#receive(topic, payload),
      onError: (error) => this.#fail(error),
    });
    const upstreams = definition.upstreams(config).map((name) => topics.progress(name));
    await this.#connection.subscribe([...this.#tickTopics, ...upstreams, ...this.#filters]);
  }

  watermarkUs(): number {
    return this.#watermarkUs;
  }

  metrics(): Readonly<Record<string, number>> {
    return { ...this.#totals, ...this.#core.metrics?.() };
  }

  waitingFor(): string {
    return this.#busy ? 'its own computation or the acknowledgement of its outputs' : this.#roads.waitingFor();
  }

  isConnected(): boolean {
    return this.#connection?.isConnected() === true;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#connection?.close();
    // In the field no instant is the last one: who is stopped leaves what it has.
    if (Number.isFinite(this.#watermarkUs)) await this.#finish();
  }

  /** Once for each run. */
  async #finish(): Promise<void> {
    if (this.#finished) return;
    this.#finished = true;
    await this.#core.finish?.();
  }

  get #instance(): string {
    return this.#options.instance ?? '0';
  }

  get #verifier(): RunnerOptions<Schema>['verifier'] {
    return this.#options.definition.checksCertificates === true ? undefined : this.#options.verifier;
  }

  get #filters(): readonly string[] {
    const filters = this.#options.definition.inputs(this.#options.config);
    // Every reader of certified messages has to hear whom not to believe.
    const certified = this.#verifier !== undefined && filters.some((filter) => filter.startsWith('/bal/'));
    return certified ? [...new Set([...filters, topics.repudiation('+', '+')])] : filters;
  }

  #newRoads(): Roads {
    const { definition, config } = this.#options;
    return new Roads({
      filters: this.#filters,
      streams: definition.streams(config),
      upstreams: definition.upstreams(config),
      taggedUs: ({ topic, kind, payload }) => {
        const intake = readMessage(topic, kind, payload);
        return intake.accepted ? intake.taggedUs : Number.NaN;
      },
    });
  }

  #receive(topic: string, payload: Uint8Array): void {
    if (this.#tickTopics.includes(topic)) this.#onTick(payload);
    else if (topic.startsWith('dsotp/time/progress/')) this.#onProgress(payload);
    else {
      const kind = messageKind(topic);
      // Before it is counted: a message that comes twice must not pass for another one that was lost.
      if (kind !== undefined && this.#isDuplicate(topic, payload)) addTo(this.#redelivered, kind, 1);
      else if (kind !== undefined) this.#roads.data({ topic, kind, payload });
    }
    void this.#work();
  }

  #onTick(payload: Uint8Array): void {
    const tick = readControl('#tick', tickSchema, payload);
    if (tick === undefined) {
      this.#options.log.warn({ service: this.name }, 'a tick that is none was ignored');
      return;
    }
    if (tick.sequence === 0) this.#begin(tick.runId, tick.timeUs);
    else if (this.#runId === '' || this.#runId === tick.runId) {
      this.#runId = tick.runId;
      this.#roads.tick(tick);
    }
  }

  /** A run announces itself: state of an older one is dropped, and the answer says that the service is ready. */
  #begin(runId: string, timeUs: number): void {
    if (runId !== this.#runId) {
      this.#runId = runId;
      this.#finished = false;
      this.#core = this.#options.definition.create(this.#options.config);
      this.#roads = this.#newRoads();
      this.#recent = new Map();
      this.#redelivered = {};
      this.#verifier?.reset();
      this.#watermarkUs = Number.NaN;
    }
    const ready: Progress = { ...this.#progressHead(timeUs, 0), inputs: {}, outputs: {} };
    this.#publish(topics.progress(this.name), ready).catch((error: Error) => this.#fail(error));
  }

  #onProgress(payload: Uint8Array): void {
    const progress = readControl('#progress', progressSchema, payload);
    if (progress === undefined || progress.sequence === 0) return;
    // Of another run: its sequence would say that upstreams are done which have not begun. Before the first tick nobody
    // knows which run it is, and an upstream may be ahead.
    if (this.#runId === '' || this.#runId === progress.runId) this.#roads.progress(progress);
  }

  async #work(): Promise<void> {
    if (this.#busy || this.#stopped) return;
    this.#busy = true;
    try {
      for (let next = this.#roads.take(); next !== undefined && !this.#stopped; next = this.#roads.take()) {
        await this.#complete(next.sequence, next);
      }
    } catch (error) {
      this.#fail(error as Error);
    } finally {
      this.#busy = false;
    }
  }

  async #complete(sequence: number, gathered: Gathered): Promise<void> {
    const { timeUs, final, arrivals, missing } = gathered;
    const received = countKinds(arrivals);
    const checked = this.#check(arrivals);
    for (const kind in this.#redelivered) {
      for (const counts of [received, checked.duplicates]) addTo(counts, kind, this.#redelivered[kind] ?? 0);
    }
    this.#redelivered = {};
    const outputs = this.#core.step({ timeUs, sequence, inputs: checked.inputs, final });
    if (outputs.length > 0) await Promise.all(outputs.map(({ topic, message }) => this.#publish(topic, message)));
    if (final) await this.#finish();
    this.#watermarkUs = timeUs;
    this.#count(checked, missing);
    const progress: Progress = {
      ...this.#progressHead(timeUs, sequence),
      inputs: received,
      outputs: countTopics(outputs),
    };
    if (isAny(checked.refused)) progress.refused = checked.refused;
    if (isAny(checked.late)) progress.late = checked.late;
    if (isAny(checked.duplicates)) progress.duplicates = checked.duplicates;
    if (isAny(missing)) progress.missing = missing;
    await this.#publish(topics.progress(this.name), progress, '#progress');
  }

  /** Sorts out duplicates and what has to be refused, and puts the rest in the one order that all runs share. */
  #check(arrivals: readonly Arrival[]): Checked {
    const inputs: (Input & { readonly order: number })[] = [];
    const refused: Record<string, Counts> = {};
    const late: Counts = {};
    const duplicates: Counts = {};
    let order = 0;
    for (const { topic, kind, payload } of repudiationsFirst(arrivals)) {
      order += 1;
      const intake = readMessage(topic, kind, payload, this.#verifier);
      if (!intake.accepted && intake.reason === 'duplicate') {
        addTo(duplicates, kind, 1);
        continue;
      }
      if (!intake.accepted) {
        addTo((refused[kind] ??= {}), intake.reason, 1);
        const { reason, faults } = intake;
        this.#options.log.warn({ service: this.name, topic, reason, faults }, 'message refused');
        continue;
      }
      // A watermark of NaN (nothing completed yet) makes nothing late.
      const isLate = intake.taggedUs <= this.#watermarkUs && streamOf(topic) !== undefined;
      if (isLate) addTo(late, kind, 1);
      if (kind === 'repudiation') this.#verifier?.repudiate(intake.message as Repudiation);
      inputs.push({ topic, kind, payload, message: intake.message, taggedUs: intake.taggedUs, late: isLate, order });
    }
    if (inputs.length > 1) inputs.sort(byTopicAndSequence);
    return { inputs, refused, late, duplicates };
  }

  #isDuplicate(topic: string, payload: Uint8Array): boolean {
    const recent = this.#recent.get(topic);
    if (recent === undefined) {
      this.#recent.set(topic, [payload]);
      return false;
    }
    if (recent.some((earlier) => earlier.length === payload.length && Buffer.compare(earlier, payload) === 0))
      return true;
    recent.push(payload);
    if (recent.length > RECENT_PAYLOADS) recent.shift();
    return false;
  }

  #count(checked: Checked, missing: Counts): void {
    const totals = this.#totals;
    addTo(totals, 'instants', 1);
    addTo(totals, 'accepted', checked.inputs.length);
    for (const kind in checked.refused) addTo(totals, 'refused', sum(checked.refused[kind] ?? {}));
    addTo(totals, 'late', sum(checked.late));
    addTo(totals, 'duplicates', sum(checked.duplicates));
    addTo(totals, 'missing', sum(missing));
  }

  #progressHead(timeUs: number, sequence: number) {
    return {
      schema: 'platone.progress/1',
      runId: this.#runId,
      service: this.name,
      instance: this.#instance,
      timeUs,
      sequence,
    } as const;
  }

  async #publish(topic: string, message: object, control?: '#progress'): Promise<void> {
    const payload = Buffer.from(JSON.stringify(message));
    // Counts and names survive JSON as they are.
    if (control === undefined) noteWritten(payload, message);
    else askOnce(payload, control, () => message);
    await this.#connection?.publish(topic, payload);
  }

  #fail(error: Error): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#options.log.error({ service: this.name, error: error.message }, 'service failed');
    this.#options.onFailure(error);
  }
}

/** Topic first (it ends with the device), then the sender's sequence, then arrival. */
function byTopicAndSequence(a: Input & { order: number }, b: Input & { order: number }): number {
  if (a.topic !== b.topic) return a.topic < b.topic ? -1 : 1;
  return sequenceOf(a.message) - sequenceOf(b.message) || a.order - b.order;
}

function sequenceOf(message: unknown): number {
  return (message as { sequence?: number }).sequence ?? 0;
}

/** Whom not to believe has to be known before the messages of the instant are read. */
function repudiationsFirst(arrivals: readonly Arrival[]): readonly Arrival[] {
  const isRepudiation = ({ kind }: Arrival) => kind === 'repudiation';
  if (!arrivals.some(isRepudiation)) return arrivals;
  return [...arrivals.filter(isRepudiation), ...arrivals.filter((arrival) => !isRepudiation(arrival))];
}

function addTo(counts: Counts, key: string, count: number): void {
  counts[key] = (counts[key] ?? 0) + count;
}

function sum(counts: Counts): number {
  let total = 0;
  for (const kind in counts) total += counts[kind] ?? 0;
  return total;
}

function isAny(counts: object): boolean {
  for (const _ in counts) return true;
  return false;
}
