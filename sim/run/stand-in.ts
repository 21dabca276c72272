/**
 * Speaks for an attached service that knows nothing of ticks. It hears what that service hears, waits for the answers that
 * the scenario declares, and publishes the progress that the service itself would. What is not answered, or not in time,
 * makes the run invalid; what was not declared nobody answers for, which the ledger finds.
 */
import { type Progress, progressSchema, type Tick, tickSchema } from '../../platform/contract/timing.ts';
import { messageKind, topics } from '../../platform/contract/topics.ts';
import type { Databus, DatabusConnection } from '../../platform/databus/databus.ts';
import { readControl, readMessage } from '../../platform/service/intake.ts';
import { type Arrival, type Counts, countKinds, type Gathered, Roads } from '../../platform/service/roads.ts';
import { sleepUs } from '../clock/wall-clock.ts';
import type { TicklessService } from '../scenario/schema.ts';

export interface StandInOptions {
  readonly name: string;
  /** How many outputs of which kind each message of which kind is answered with. */
  readonly declared: TicklessService;
  readonly streams: readonly string[];
  readonly upstreams: readonly string[];
  readonly databus: Databus;
  readonly credentials: { readonly username: string; readonly password: string } | undefined;
  /** Wall time that an answer may take, us. */
  readonly patienceUs: number;
  readonly onViolation: (sentence: string) => void;
  readonly onFailure: (error: Error) => void;
}

type Pending = Gathered & { readonly sequence: number };

export class StandIn {
  readonly name: string;
  /** Kind of message that the service answers. */
  readonly input: string;
  readonly #options: StandInOptions;
  readonly #roads: Roads;
  #connection: DatabusConnection | undefined;
  #runId = '';
  #pending: Pending | undefined;
  #gaveUp = false;
  /** Distinct messages of the input's kind since the start of the run. */
  #arrived = 0;
  /** Newest payload by topic: a redelivery is byte-identical. */
  readonly #newest = new Map<string, Uint8Array>();
  #redelivered = 0;
  /** Answers that are due and that came, by kind and the instant that they name, until their instant is complete. */
  readonly #owed = new Map<string, number>();
  readonly #given = new Map<string, Uint8Array[]>();
  /** The instant whose answers a clock is running for. */
  #watched: Pending | undefined;
  #onNews: () => void = () => {};

  constructor(options: StandInOptions) {
    const { name, declared, streams, upstreams } = options;
    this.name = name;
    this.input = declared.input;
    this.#options = options;
    const taggedUs = ({ topic, kind, payload }: Arrival) => tagOf(topic, kind, payload) ?? Number.NaN;
    this.#roads = new Roads({ filters: filtersOf(declared.input), streams, upstreams, taggedUs });
  }

  async start(): Promise<void> {
    const { databus, credentials, declared, upstreams, onFailure } = this.#options;
    this.#connection = await databus.connect({
      clientId: `stand-in-${this.name}`,
      ...credentials,
      onMessage: (topic, payload) => this.#receive(topic, payload),
      onError: onFailure,
    });
    const heard = [declared.input, ...Object.keys(declared.outputs)].flatMap(filtersOf);
    const time = [topics.bridgedTick, topics.directTick, ...upstreams.map((name) => topics.progress(name))];
    await this.#connection.subscribe([...new Set([...time, ...heard])]);
  }

  async stop(): Promise<void> {
    await this.#connection?.close();
  }

  waitingFor(): string {
    return this.#pending === undefined ? this.#roads.waitingFor() : `${this.#short()} answers of the service`;
  }

  /** Resolves when the first `sent` messages of the run have arrived and been answered, or will not be any more. */
  async answered(sent: number): Promise<void> {
    const isDone = () => this.#gaveUp || (this.#arrived >= sent && this.#short() === 0);
    if (isDone()) return;
    const heard = new AbortController();
    this.#onNews = () => {
      if (isDone()) heard.abort();
    };
    await sleepUs(this.#options.patienceUs, heard.signal);
    this.#onNews = () => {};
    if (!isDone()) this.#giveUp();
  }

  #receive(topic: string, payload: Uint8Array): void {
    if (topic === topics.bridgedTick || topic === topics.directTick) this.#onTick(payload);
    else if (topic.startsWith('dsotp/time/progress/')) {
      const progress = readControl('#progress', progressSchema, payload);
      if (progress !== undefined && progress.sequence > 0 && progress.runId === this.#runId) {
        this.#roads.progress(progress);
      }
    } else {
      const kind = messageKind(topic);
      if (kind === this.input) this.#onInput(topic, kind, payload);
      else if (kind !== undefined) this.#onOutput(topic, kind, payload);
    }
    this.#work();
    this.#onNews();
  }

  #onTick(payload: Uint8Array): void {
    const tick: Tick | undefined = readControl('#tick', tickSchema, payload);
    if (tick === undefined) return;
    if (tick.sequence > 0) this.#roads.tick(tick);
    else {
      this.#runId = tick.runId;
      this.#say({ timeUs: tick.timeUs, sequence: 0 }, {}, {});
    }
  }

  #onInput(topic: string, kind: string, payload: Uint8Array): void {
    if (Buffer.compare(this.#newest.get(topic) ?? new Uint8Array(), payload) === 0) {
      this.#redelivered += 1;
      return;
    }
    this.#newest.set(topic, payload);
    this.#arrived += 1;
    this.#roads.data({ topic, kind, payload });
    for (const [key, count] of this.#owedFor([{ topic, kind, payload }])) add(this.#owed, key, count);
  }

  /** Answers that messages call for, by kind and instant. What no service can read is answered by none. */
  #owedFor(messages: readonly Arrival[]): Map<string, number> {
    const owed = new Map<string, number>();
    for (const { topic, kind, payload } of messages) {
      const timeUs = tagOf(topic, kind, payload);
      if (timeUs === undefined) continue;
      for (const [output, count] of Object.entries(this.#options.declared.outputs)) {
        add(owed, `${output} ${timeUs}`, count);
      }
    }
    return owed;
  }

  #onOutput(topic: string, kind: string, payload: Uint8Array): void {
    const key = `${kind} ${tagOf(topic, kind, payload) ?? 'unreadable'}`;
    const given = this.#given.get(key) ?? [];
    if (given.some((earlier) => Buffer.compare(earlier, payload) === 0)) return;
    this.#given.set(key, [...given, payload]);
  }

  /** Answers that are still to come. */
  #short(owed: ReadonlyMap<string, number> = this.#owed): number {
    let short = 0;
    for (const [key, count] of owed) short += Math.max(0, count - (this.#given.get(key)?.length ?? 0));
    return short;
  }

  #work(): void {
    while (this.#pending !== undefined || (this.#pending = this.#roads.take()) !== undefined) {
      const owed = this.#owedFor(this.#pending.arrivals);
      if (this.#short(owed) > 0 && !this.#gaveUp) {
        void this.#answersInTime(this.#pending);
        return;
      }
      this.#complete(this.#pending, owed);
    }
  }

  async #answersInTime(pending: Pending): Promise<void> {
    if (this.#watched === pending) return;
    this.#watched = pending;
    await sleepUs(this.#options.patienceUs);
    if (this.#pending !== pending) return;
    this.#giveUp();
    this.#work();
  }

  #giveUp(): void {
    this.#gaveUp = true;
    const outputs = Object.entries(this.#options.declared.outputs).map(([kind, count]) => `${count} of kind ${kind}`);
    const sentence = `${this.name} did not answer every ${this.input} with ${outputs.join(' and ')}, as the scenario declares`;
    this.#options.onViolation(sentence);
  }

  #complete(pending: Pending, instantOwed: ReadonlyMap<string, number>): void {
    const inputs = countKinds(pending.arrivals);
    if (this.#redelivered > 0) inputs[this.input] = (inputs[this.input] ?? 0) + this.#redelivered;
    const outputs: Counts = {};
    for (const [key, owed] of instantOwed) {
      const [kind = ''] = key.split(' ');
      const given = this.#given.get(key)?.length ?? 0;
      outputs[kind] = (outputs[kind] ?? 0) + Math.min(owed, given);
      add(this.#owed, key, -owed);
      this.#given.delete(key);
    }
    const { missing } = pending;
    this.#say(pending, inputs, outputs, {
      ...(this.#redelivered > 0 && { duplicates: { [this.input]: this.#redelivered } }),
      ...(Object.keys(missing).length > 0 && { missing }),
    });
    this.#redelivered = 0;
    this.#pending = undefined;
  }

  #say(
    { timeUs, sequence }: Pick<Progress, 'timeUs' | 'sequence'>,
    inputs: Counts,
    outputs: Counts,
    more: Pick<Progress, 'duplicates' | 'missing'> = {},
  ): void {
    const { name: service } = this;
    const head = { schema: 'platone.progress/1', runId: this.#runId, service, instance: '0' } as const;
    const progress: Progress = { ...head, timeUs, sequence, inputs, outputs, ...more };
    this.#connection
      ?.publish(topics.progress(service), Buffer.from(JSON.stringify(progress)))
      .catch((error: Error) => this.#options.onFailure(error));
  }
}

/** Filters of a kind of message, wherever it comes from. */
function filtersOf(kind: string): readonly string[] {
  if (kind === 'setpoint') return ['setpoint/+/+'];
  return [`/bal/+/${kind}/+`, `dsotp/${kind}/+/+`, ...(kind === 'pmu' ? ['pmu/+/+'] : [])];
}

function tagOf(topic: string, kind: string, payload: Uint8Array): number | undefined {
  const read = readMessage(topic, kind, payload);
  return read.accepted ? read.taggedUs : undefined;
}

/** Entries of zero are taken away, so that a map of a long run stays small. */
function add(counts: Map<string, number>, key: string, count: number): void {
  const sum = (counts.get(key) ?? 0) + count;
  if (sum === 0) counts.delete(key);
  else counts.set(key, sum);
}
