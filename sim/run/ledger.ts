/**
 * Every message accounted for: what was published, where it was seen, what became of it.
 * Observers beside the data path report what each broker took; the services' progress says what each one did with it.
 */
import { hash } from 'node:crypto';
import { askOnce } from '../../platform/contract/payload-memo.ts';
import type { Progress } from '../../platform/contract/timing.ts';
import { balPrefix, bridgedPrefix, messageKind } from '../../platform/contract/topics.ts';
import { createTable, type Table } from '../../platform/historian/table.ts';
import { type Audit, messagesTable } from '../../reports/record.ts';
import { HopTable, inside, type OnDatabus } from './hop-counts.ts';
import { headOf } from './message-head.ts';

/** What the harness knows of a message when it hands it to a publisher. */
export interface SentMessage {
  readonly topic: string;
  readonly kind: string;
  readonly device: string;
  readonly sequence: number;
  readonly measuredUs: number;
  readonly publishedUs: number;
  readonly taggedUs: number;
  readonly faults: readonly string[];
  readonly payload: Uint8Array;
}

/** Where a message has been seen, as bits. */
const SEEN = { bal: 1, databus: 2, device: 4 } as const;

interface Entry extends Omit<SentMessage, 'payload'> {
  readonly digest: string;
  readonly bytes: number;
  readonly sentWallUs: number;
  balWallUs: number;
  databusWallUs: number;
  deviceWallUs: number;
  seen: number;
}

const HOP_OF_SENDER = { bal: 'device>bal', direct: 'device>dsotp', operator: 'operator>dsotp' } as const;
/** From the services to the databus's broker: what they say they published, against what it took. */
const SERVICE_HOP = 'service>dsotp';

export class Ledger {
  /** In the order in which they were first seen. */
  readonly #entries: Entry[] = [];
  readonly #byDigest = new Map<string, Entry>();
  /** The same bytes under another topic, by topic and digest. */
  readonly #namesakes = new Map<string, Entry>();
  readonly #hops = new HopTable();
  /** By kind. */
  readonly #onDatabus = new Map<string, OnDatabus>();
  /** Setpoints that were seen on their way out, but not on the databus: two observers need not keep step. */
  readonly #unclaimed = new Set<Entry>();
  /** Messages that nobody of this run sent, by hop and kind. */
  readonly #strangers = new Map<string, number>();
  readonly #refused: Record<string, Record<string, number>> = {};
  readonly #violations: string[] = [];
  #overruns = 0;
  #overrunUsMax = 0;
  /** By hop, then by topic. */
  readonly #lastSequence = new Map<string, Map<string, number>>();
  readonly #wallUs: () => number;

  readonly #openToOperators: boolean;

  /**
   * `wallUs`: wall clock since the run began; where latencies mean nothing, a function that answers NaN. `openToOperators`:
   * triggers may come from people at a live run; a run that is to be repeated byte for byte has only its scenario's.
   */
  constructor(wallUs: () => number, { openToOperators = false }: { readonly openToOperators?: boolean } = {}) {
    this.#wallUs = wallUs;
    this.#openToOperators = openToOperators;
  }

  /**
   * A device hands a message to its client. False for the same bytes again: they are no new message, and the broker counts
   * the duplicate.
   */
  sent(route: keyof typeof HOP_OF_SENDER, message: SentMessage): boolean {
    if (this.#find(message.topic, message.payload) !== undefined) return false;
    this.#enter(message);
    this.#hops.of(HOP_OF_SENDER[route], message.kind).published += 1;
    return true;
  }

  /** A fault swallowed a message on its way from the device. */
  lostByFault(route: 'bal' | 'direct', message: SentMessage): void {
    this.sent(route, message);
    this.#hops.of(HOP_OF_SENDER[route], message.kind).lostInjected += 1;
  }

  /** The broker would not take a device's message. */
  refusedByBroker(route: 'bal' | 'direct', message: SentMessage, reason: string): void {
    this.sent(route, message);
    this.#hops.of(HOP_OF_SENDER[route], message.kind).refused += 1;
    this.refuse(route === 'bal' ? 'bal' : 'dsotp', reason, 1);
  }

  /** The end of the run found a delayed message on its way. */
  inFlight(route: 'bal' | 'direct', message: SentMessage): void {
    this.sent(route, message);
    this.#hops.of(HOP_OF_SENDER[route], message.kind).inFlight += 1;
  }

  /** The access layer's broker took a message: a device's on its way in, or a setpoint on its way out. */
  seenAtBal(topic: string, payload: Uint8Array): void {
    if (topic.startsWith(balPrefix)) {
      const kind = messageKind(bridgedPrefix + topic.slice(balPrefix.length));
      if (kind === undefined) return;
      const entry = this.#find(topic, payload) ?? this.#foreign('device>bal', topic, kind, payload);
      if (this.#passed('device>bal', entry, 'bal')) this.#hops.of('bal>dsotp', kind).published += 1;
    } else if (topic.startsWith('platone/setpoint/')) {
      const entry = this.#output(topic.slice('platone/'.length), 'setpoint', payload);
      if (this.#passed('dsotp>bal', entry, 'bal')) this.#hops.of('bal>device', 'setpoint').published += 1;
    }
  }

  /** The databus's broker took a message: from the bridge, from a direct device, or from a service. */
  seenAtDatabus(topic: string, payload: Uint8Array): void {
    const kind = messageKind(topic);
    if (kind === undefined) return;
    if (topic.startsWith(bridgedPrefix)) {
      const balTopic = balPrefix + topic.slice(bridgedPrefix.length);
      const entry = this.#find(balTopic, payload) ?? this.#foreign('bal>dsotp', balTopic, kind, payload);
      if (this.#passed('bal>dsotp', entry, 'databus')) this.#tookOnDatabus(kind);
    } else if (topic.startsWith('pmu/')) {
      const entry = this.#find(topic, payload) ?? this.#foreign('device>dsotp', topic, kind, payload);
      if (this.#passed('device>dsotp', entry, 'databus')) this.#tookOnDatabus(kind);
    } else if (kind === 'trigger') {
      const entry = this.#find(topic, payload) ?? this.#foreign(HOP_OF_SENDER.operator, topic, kind, payload);
      if (this.#passed(HOP_OF_SENDER.operator, entry, 'databus')) noteNewest(this.#tookOnDatabus(kind), entry.taggedUs);
    } else {
      const entry = this.#output(topic, kind, payload);
      this.#unclaimed.delete(entry);
      if (!this.#passed(SERVICE_HOP, entry, 'databus')) return;
      noteNewest(this.#tookOnDatabus(kind), entry.taggedUs);
      if (kind === 'setpoint') this.#hops.of('dsotp>bal', kind).published += 1;
    }
  }

  /** A setpoint reached its device; false when it comes again. */
  seenAtDevice(topic: string, payload: Uint8Array): boolean {
    return this.#passed('bal>device', this.#output(topic.slice('platone/'.length), 'setpoint', payload), 'device');
  }

  /** What a service did with the messages of an instant. */
  serviceProgress(progress: Progress): void {
    const { service, inputs, outputs, refused, duplicates, late, missing } = progress;
    for (const kind in outputs) this.#hops.of(SERVICE_HOP, kind).published += outputs[kind] ?? 0;
    const hop = `dsotp>${service}`;
    for (const kind in inputs) this.#hops.of(hop, kind).delivered += inputs[kind] ?? 0;
    for (const kind in duplicates) {
      const counts = this.#hops.of(hop, kind);
      counts.duplicated += duplicates[kind] ?? 0;
      counts.delivered -= duplicates[kind] ?? 0;
    }
    for (const kind in late) this.#hops.of(hop, kind).late += late[kind] ?? 0;
    for (const [kind, reasons] of Object.entries(refused ?? {})) {
      const counts = this.#hops.of(hop, kind);
      counts.refused += total(reasons);
      counts.delivered -= total(reasons);
      for (const [reason, count] of Object.entries(reasons)) this.refuse(service, reason, count);
    }
    if (missing === undefined) return;
    for (const kind in missing) this.#hops.of(hop, kind).lostObserved += missing[kind] ?? 0;
    const what = Object.entries(missing).map(([kind, count]) => `${count} of kind ${kind}`);
    if (what.length > 0) this.violation(`${service} completed an instant without ${what.join(', ')}`);
  }

  /** What a broker counted of its own accord; attempts that were entered here already are among them. */
  refusedAtLeast(receiver: string, reason: string, count: number): void {
    const reasons = (this.#refused[receiver] ??= {});
    reasons[reason] = Math.max(reasons[reason] ?? 0, count);
  }

  /** A receiver turned something away. */
  refuse(receiver: string, reason: string, count: number): void {
    const reasons = (this.#refused[receiver] ??= {});
    reasons[reason] = (reasons[reason] ?? 0) + count;
  }

  /** An instant began later than an overrun allows by the wall clock. */
  overrun(lateUs: number): void {
    this.#overruns += 1;
    this.#overrunUsMax = Math.max(this.#overrunUsMax, lateUs);
  }

  /** Something that makes the run invalid, in a sentence. */
  violation(sentence: string): void {
    if (!this.#violations.includes(sentence)) this.#violations.push(sentence);
  }

  /** Closes the books after the instant `lastUs`. */
  audit(services: Audit['services'], lastUs: number): Audit {
    const hops = this.#hops.close(this.#onDatabus, lastUs);
    if (this.#unclaimed.size > 0) this.#strangers.set('dsotp>bal (setpoint)', this.#unclaimed.size);
    for (const [where, count] of this.#strangers) {
      this.violation(`${count} ${count === 1 ? 'message' : 'messages'} on ${where} came from nobody of this run`);
    }
    for (const { hop, kind, unexplained } of hops) {
      if (hop !== SERVICE_HOP || unexplained >= 0) continue;
      this.violation(`${-unexplained} of kind ${kind} on the databus came from no service of this run`);
    }
    if (this.#overruns > 0) {
      const worst = Math.round(this.#overrunUsMax / 1000);
      this.violation(`${this.#overruns} instants began too late by the wall clock (worst ${worst} ms)`);
    }
    return { hops, refused: this.#refused, services, violations: this.#violations };
  }

  /** `messages.parquet`: one row per message, in the order in which they were first seen. */
  table(): Table<typeof messagesTable> {
    const table = createTable(messagesTable);
    for (const entry of this.#entries) table.append({ ...entry, faults: entry.faults.join(';') });
    return table;
  }

  /** True the first time that a message passes a hop; later passes are duplicates. */
  #passed(hop: string, entry: Entry, at: keyof typeof SEEN): boolean {
    const counts = this.#hops.of(hop, entry.kind);
    if ((entry.seen & SEEN[at]) !== 0) {
      counts.duplicated += 1;
      return false;
    }
    entry.seen |= SEEN[at];
    const nowUs = this.#wallUs();
    if (at === 'bal') entry.balWallUs = nowUs;
    else if (at === 'databus') entry.databusWallUs = nowUs;
    else entry.deviceWallUs = nowUs;
    counts.delivered += 1;
    const sequences = inside(this.#lastSequence, hop);
    if (entry.sequence < (sequences.get(entry.topic) ?? -1)) counts.reordered += 1;
    else sequences.set(entry.topic, entry.sequence);
    return true;
  }

  /** A message that no device of ours sent: it is entered where it was first seen. */
  #foreign(hop: string, topic: string, kind: string, payload: Uint8Array): Entry {
    this.#hops.of(hop, kind).published += 1;
    const where = `${hop} (${kind})`;
    const welcome = hop === HOP_OF_SENDER.operator && this.#openToOperators;
    if (!welcome) this.#strangers.set(where, (this.#strangers.get(where) ?? 0) + 1);
    const { taggedUs } = headOf(topic, payload);
    const unknown = { device: '', sequence: -1, measuredUs: Number.NaN, publishedUs: Number.NaN, taggedUs };
    return this.#enter({ topic, kind, ...unknown, faults: ['foreign'], payload });
  }

  /** A service's message, known or entered where it is seen first. */
  #output(topic: string, kind: string, payload: Uint8Array): Entry {
    const known = this.#find(topic, payload);
    if (known !== undefined) return known;
    const head = headOf(topic, payload);
    const times = { measuredUs: head.taggedUs, publishedUs: head.taggedUs };
    const entry = this.#enter({ topic, kind, ...head, ...times, faults: [], payload });
    this.#unclaimed.add(entry);
    return entry;
  }

  #enter(message: SentMessage): Entry {
    const { topic, kind, device, sequence, measuredUs, publishedUs, taggedUs, faults, payload } = message;
    const digest = digestOf(payload);
    // Written out, member by member: a day enters some 45,000 of them.
    const entry: Entry = {
      topic,
      kind,
      device,
      sequence,
      measuredUs,
      publishedUs,
      taggedUs,
      faults,
      digest,
      bytes: payload.byteLength,
      sentWallUs: this.#wallUs(),
      balWallUs: Number.NaN,
      databusWallUs: Number.NaN,
      deviceWallUs: Number.NaN,
      seen: 0,
    };
    this.#entries.push(entry);
    if (this.#byDigest.has(digest)) this.#namesakes.set(`${topic} ${digest}`, entry);
    else this.#byDigest.set(digest, entry);
    return entry;
  }

  #find(topic: string, payload: Uint8Array): Entry | undefined {
    const digest = digestOf(payload);
    const entry = this.#byDigest.get(digest);
    return entry === undefined || entry.topic === topic ? entry : this.#namesakes.get(`${topic} ${digest}`);
  }

  #tookOnDatabus(kind: string): OnDatabus {
    let taken = this.#onDatabus.get(kind);
    if (taken === undefined) {
      taken = { published: 0, newestUs: Number.NEGATIVE_INFINITY, ofNewest: 0 };
      this.#onDatabus.set(kind, taken);
    }
    taken.published += 1;
    return taken;
  }
}

/** A service's message names its instant; comparisons with NaN, which unreadable ones have, are false. */
function noteNewest(taken: OnDatabus, taggedUs: number): void {
  if (taggedUs === taken.newestUs) taken.ofNewest += 1;
  else if (taggedUs > taken.newestUs) Object.assign(taken, { newestUs: taggedUs, ofNewest: 1 });
}

function digestOf(payload: Uint8Array): string {
  return askOnce(payload, '#digest', (bytes) => hash('sha256', bytes).slice(0, 16));
}

function total(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}
