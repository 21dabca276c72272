/**
 * Which messages belong to which instant. A stream's tick closes what came before it on that stream; an upstream's
 * progress says how many of its outputs belong to the instant; what nobody declared waits for the next instant.
 */
import type { Progress, Tick } from '../contract/timing.ts';
import { bridgedPrefix, messageKind } from '../contract/topics.ts';
import { filtersOverlap } from '../databus/rights.ts';

export interface Arrival {
  readonly topic: string;
  readonly kind: string;
  readonly payload: Uint8Array;
}

export type Counts = Record<string, number>;

/** The messages of one instant as they arrived, and what the counts promised but nobody brought. */
export interface Gathered {
  readonly timeUs: number;
  readonly final: boolean;
  readonly arrivals: readonly Arrival[];
  readonly missing: Counts;
}

interface Stream {
  /** Sequence of the newest tick; what arrives now belongs to the one after it. */
  closed: number;
  readonly arrivals: Map<number, Arrival[]>;
  readonly ticks: Map<number, Tick>;
}

interface Upstream {
  closed: number;
  readonly progress: Map<number, Progress>;
}

/** Collects the messages of a service and hands out instants that are complete, in order. */
export class Roads {
  /** Sequence of the next instant to complete; undefined until the first tick. */
  #next: number | undefined;
  #forced = 0;
  readonly #filters: readonly string[];
  readonly #streams: ReadonlyMap<string, Stream>;
  readonly #upstreams: ReadonlyMap<string, Upstream>;
  /** Outputs of services by kind, in order of arrival. */
  readonly #internal = new Map<string, Arrival[]>();
  readonly #taggedUs: (arrival: Arrival) => number;

  constructor(options: {
    readonly filters: readonly string[];
    readonly streams: readonly string[];
    readonly upstreams: readonly string[];
    /** Instant named in a message, to hold back what is not of the past; NaN when it cannot be read. */
    readonly taggedUs: (arrival: Arrival) => number;
  }) {
    this.#filters = options.filters;
    this.#streams = new Map(
      options.streams.map((name) => [name, { closed: 0, arrivals: new Map(), ticks: new Map() }] as const),
    );
    this.#upstreams = new Map(options.upstreams.map((name) => [name, { closed: 0, progress: new Map() }] as const));
    this.#taggedUs = options.taggedUs;
  }

  data(arrival: Arrival): void {
    const stream = this.#streams.get(streamOf(arrival.topic) ?? '');
    if (stream === undefined) {
      append(this.#internal, arrival.kind, arrival);
      return;
    }
    append(stream.arrivals, stream.closed + 1, arrival);
  }

  /** False for ticks that are old news. */
  tick(tick: Tick): boolean {
    const stream = this.#streams.get(tick.stream);
    if (stream === undefined) return false;
    if (tick.forced === true) this.#forced = Math.max(this.#forced, tick.sequence);
    if (tick.sequence <= stream.closed) return tick.forced === true;
    // After a restart, or when a tick was lost, what has gathered belongs to the newest tick.
    this.#merge(stream, tick.sequence);
    stream.ticks.set(tick.sequence, tick);
    stream.closed = tick.sequence;
    this.#next ??= tick.sequence;
    return true;
  }

  progress(progress: Progress): boolean {
    const upstream = this.#upstreams.get(progress.service);
    if (upstream === undefined || progress.sequence <= upstream.closed) return false;
    upstream.progress.set(progress.sequence, progress);
    upstream.closed = progress.sequence;
    return true;
  }

  /** The next complete instant with its sequence, or undefined when something is still to come. */
  take(): (Gathered & { readonly sequence: number }) | undefined {
    const sequence = this.#nextTicked();
    if (sequence === undefined || !this.#closed(sequence)) return undefined;
    const tick = this.#tickOf(sequence);
    const missing = this.#missing(sequence);
    if (Object.keys(missing).length > 0 && this.#forced < sequence && !this.#overtaken(sequence)) return undefined;
    const arrivals = this.#collect(sequence, tick.timeUs);
    this.#next = sequence + 1;
    return { sequence, timeUs: tick.timeUs, final: tick.final === true, arrivals, missing };
  }

  /** The next instant. One whose tick no stream has heard, since the broker was away, is passed over: its time is over. */
  #nextTicked(): number | undefined {
    const next = this.#next;
    if (next === undefined || !this.#closed(next)) return next;
    let first = Infinity;
    for (const { ticks } of this.#streams.values()) {
      if (ticks.has(next)) return next;
      for (const sequence of ticks.keys()) if (sequence > next && sequence < first) first = sequence;
    }
    return first === Infinity ? next : first;
  }

  /** What the service waits for, in words, for the message about a stuck run. */
  waitingFor(): string {
    const sequence = this.#next;
    if (sequence === undefined) return 'the first tick';
    const parts: string[] = [];
    for (const [name, { closed }] of this.#streams) {
      if (closed < sequence) parts.push(`tick ${sequence} of stream ${name}`);
    }
    for (const [name, { closed }] of this.#upstreams) {
      if (closed < sequence) parts.push(`progress ${sequence} of ${name}`);
    }
    if (parts.length === 0) {
      for (const [kind, count] of Object.entries(this.#missing(sequence))) parts.push(`${count} of kind ${kind}`);
    }
    return parts.length === 0 ? `tick ${sequence}` : parts.join(', ');
  }

  /** On with a shortfall only when told so, or when a later tick shows that nothing more will come. */
  #overtaken(sequence: number): boolean {
    return [...this.#streams.values()].every(({ closed }) => closed > sequence);
  }

  #closed(sequence: number): boolean {
    for (const { closed } of this.#streams.values()) if (closed < sequence) return false;
    for (const { closed } of this.#upstreams.values()) if (closed < sequence) return false;
    return true;
  }

  #tickOf(sequence: number): Tick {
    for (const { ticks } of this.#streams.values()) {
      const tick = ticks.get(sequence);
      if (tick !== undefined) return tick;
    }
    throw new Error(`no tick ${sequence} although every stream is past it`);
  }

  /** Counts promised by ticks and progress minus what arrived, positive entries only. */
  #missing(sequence: number): Counts {
    const missing: Counts = {};
    for (const [name, { ticks, arrivals }] of this.#streams) {
      const here = countKinds(arrivals.get(sequence) ?? []);
      const published = ticks.get(sequence)?.published;
      for (const kind in published) {
        if (!this.#reads(name, kind)) continue;
        const short = (published[kind] ?? 0) - (here[kind] ?? 0);
        if (short > 0) missing[kind] = (missing[kind] ?? 0) + short;
      }
    }
    const promised = this.#promised(sequence);
    for (const kind in promised) {
      const short = (promised[kind] ?? 0) - (this.#internal.get(kind)?.length ?? 0);
      if (short > 0) missing[kind] = (missing[kind] ?? 0) + short;
    }
    return missing;
  }

  /** Outputs of the declared upstreams for this instant that this service reads, by kind. */
  #promised(sequence: number): Counts {
    const promised: Counts = {};
    for (const { progress } of this.#upstreams.values()) {
      const outputs = progress.get(sequence)?.outputs;
      for (const kind in outputs) {
        if (this.#reads('internal', kind)) promised[kind] = (promised[kind] ?? 0) + (outputs[kind] ?? 0);
      }
    }
    return promised;
  }

  #collect(sequence: number, timeUs: number): Arrival[] {
    const gathered: Arrival[] = [];
    for (const { arrivals, ticks } of this.#streams.values()) {
      gathered.push(...(arrivals.get(sequence) ?? []));
      arrivals.delete(sequence);
      ticks.delete(sequence);
    }
    const promised = this.#promised(sequence);
    for (const [kind, queue] of this.#internal) {
      if (queue.length === 0) continue;
      gathered.push(...queue.splice(0, promised[kind] ?? 0));
      // From services that are no declared upstream: feedback, which takes effect at the next instant.
      const held: Arrival[] = [];
      for (const arrival of queue.splice(0)) {
        if (this.#taggedUs(arrival) >= timeUs) held.push(arrival);
        else gathered.push(arrival);
      }
      queue.push(...held);
    }
    for (const { progress } of this.#upstreams.values()) progress.delete(sequence);
    return gathered;
  }

  #merge(stream: Stream, sequence: number): void {
    // Not from number to number: a ticker that counts from the epoch begins at a billion.
    const skipped = [...stream.arrivals.keys()].filter((known) => known > stream.closed && known < sequence);
    for (const earlier of skipped.toSorted((a, b) => a - b)) {
      for (const arrival of stream.arrivals.get(earlier) ?? []) append(stream.arrivals, sequence, arrival);
      stream.arrivals.delete(earlier);
    }
  }

  #reads(road: string, kind: string): boolean {
    const key = `${road} ${kind}`;
    let reads = this.#readsCache.get(key);
    if (reads === undefined) {
      const ofKind = filterOfKind(road, kind);
      reads = this.#filters.some((filter) => filtersOverlap(filter, ofKind));
      this.#readsCache.set(key, reads);
    }
    return reads;
  }
  readonly #readsCache = new Map<string, boolean>();
}

/** `bal` for what the bridge brought in, `direct` for PMUs without a bridge, undefined for outputs of services. */
export function streamOf(topic: string): string | undefined {
  if (topic.startsWith(bridgedPrefix)) return 'bal';
  return topic.startsWith('pmu/') ? 'direct' : undefined;
}

/** Filter that covers the topics of a kind on a road, whatever the site and device. */
function filterOfKind(road: string, kind: string): string {
  if (road === 'bal') return `${bridgedPrefix}+/${kind}/+`;
  if (road === 'direct') return 'pmu/+/+';
  return kind === 'setpoint' ? 'setpoint/+/+' : `dsotp/${kind}/+/+`;
}

export function countKinds(arrivals: readonly { readonly kind: string }[]): Counts {
  const counts: Counts = {};
  for (const { kind } of arrivals) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
}

/** Output counts by kind, for progress; topics that are not counted are a programmer's mistake. */
export function countTopics(outputs: readonly { readonly topic: string }[]): Counts {
  const counts: Counts = {};
  for (const { topic } of outputs) {
    const kind = messageKind(topic);
    if (kind === undefined)
      throw new Error(`a service may not publish to ${topic}: it carries no counted message kind`);
    counts[kind] = (counts[kind] ?? 0) + 1;
  }
  return counts;
}

function append<Key>(map: Map<Key, Arrival[]>, key: Key, arrival: Arrival): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [arrival]);
  else list.push(arrival);
}
