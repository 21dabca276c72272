/**
 * Carries messages between the access layer's broker (remote) and the platform's databus (local) by Mosquitto's rules.
 * A message is acknowledged where it came from only after the other broker has acknowledged it, so a break on either
 * side loses nothing; it may then come twice. Order is kept in each direction with several messages on their way, and
 * across a break as far as the two brokers keep it.
 */
import type { Databus, DatabusConnection } from '../databus/databus.ts';
import { isValidTopic } from '../databus/topic-filter.ts';
import { faultsOfRule, loops, route, subscriptions, type BridgeRule, type Side } from './rules.ts';

export interface BridgeOptions {
  readonly rules: readonly BridgeRule[];
  readonly local: BridgeEnd;
  readonly remote: BridgeEnd;
  /** Client id on both brokers. */
  readonly clientId?: string;
  /** Messages of one direction that may wait for their acknowledgement at a time. */
  readonly windowMax?: number;
  /** Messages of one direction that may wait for a place in the window; more are dropped as `queue-full`. */
  readonly queueMax?: number;
  /** `kept`: both brokers keep what is undelivered while the bridge is away. */
  readonly session?: 'clean' | 'kept';
  /** A broker refused a message, or was lost for good: the bridge carries nothing any more. */
  readonly onFailure: (error: Error) => void;
}

export interface BridgeEnd {
  readonly databus: Databus;
  readonly username?: string;
  readonly password?: string;
}

/** `no-rule`: delivered although no rule takes it; `invalid-topic`: the prefixes make a topic that is none. */
type DropReason = 'no-rule' | 'invalid-topic' | 'queue-full';

interface DirectionCounts {
  readonly received: number;
  /** Acknowledged by the broker of the other side. */
  readonly forwarded: number;
  readonly inFlight: number;
  readonly dropped: Readonly<Record<DropReason, number>>;
}

export interface Bridge {
  counts(): { readonly in: DirectionCounts; readonly out: DirectionCounts };
  /** Ends both connections; what is not acknowledged stays with the broker that it came from. */
  stop(): Promise<void>;
}

const WINDOW_MAX = 64;
const QUEUE_MAX = 100_000;

/**
 * Connects both sides and subscribes. Rejects with DatabusError when a broker is not there or refuses the credentials or
 * a filter. A faulty rule, or rules that send messages round in a circle, are a mistake of the caller.
 */
export async function startBridge(options: BridgeOptions): Promise<Bridge> {
  const { rules, local, remote } = options;
  const [fault] = [...rules.flatMap(faultsOfRule), ...loops(rules).map(({ message }) => message)];
  if (fault !== undefined) throw new Error(`unchecked bridge rule: ${fault}`);
  const inward = new Lane('remote', options);
  const outward = new Lane('local', options);
  const localConnection = await connect(local, outward, options);
  let remoteConnection: DatabusConnection | undefined;
  try {
    remoteConnection = await connect(remote, inward, options);
    inward.open(localConnection);
    outward.open(remoteConnection);
    await subscribe(localConnection, subscriptions(rules, 'local'));
    await subscribe(remoteConnection, subscriptions(rules, 'remote'));
  } catch (error) {
    await Promise.all([localConnection.close(), remoteConnection?.close()]);
    throw error;
  }
  const connections = [localConnection, remoteConnection];
  return {
    counts: () => ({ in: inward.counts(), out: outward.counts() }),
    async stop() {
      for (const lane of [inward, outward]) lane.close();
      await Promise.all(connections.map((connection) => connection.close()));
    },
  };
}

function connect(end: BridgeEnd, lane: Lane, options: BridgeOptions): Promise<DatabusConnection> {
  const { databus, username, password } = end;
  return databus.connect({
    clientId: options.clientId ?? 'bridge',
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    acknowledge: 'handled',
    session: options.session ?? 'clean',
    onMessage: (topic, payload) => lane.carry(topic, payload),
    onError: options.onFailure,
  });
}

async function subscribe(connection: DatabusConnection, filters: readonly string[]): Promise<void> {
  if (filters.length > 0) await connection.subscribe(filters);
}

interface Waiting {
  /** Order of arrival. */
  readonly order: number;
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly acknowledge: () => void;
}

/**
 * So many times in a row the other side may fail to take messages before the bridge gives up. A connection that broke
 * and came back fails what was on its way; a broker that refuses, fails always.
 */
const FAILURES_MAX = 10;

/** One direction: a window of messages on their way, and a queue behind it. */
class Lane {
  readonly #from: Side;
  readonly #options: BridgeOptions;
  readonly #queue: Waiting[] = [];
  /** Failed messages, which go to the head of the queue again when nothing is on its way any more. */
  readonly #failed: Waiting[] = [];
  /** Where a topic goes: the same few topics come again and again. */
  readonly #ways = new Map<string, Way>();
  readonly #dropped: Record<DropReason, number> = { 'no-rule': 0, 'invalid-topic': 0, 'queue-full': 0 };
  #to: DatabusConnection | undefined;
  #received = 0;
  #forwarded = 0;
  #inFlight = 0;
  #failures = 0;
  #error: Error | undefined;

  constructor(from: Side, options: BridgeOptions) {
    this.#from = from;
    this.#options = options;
  }

  /** The other side is there: what has come meanwhile goes on its way. */
  open(to: DatabusConnection): void {
    this.#to = to;
    this.#pump();
  }

  /** Nothing goes on its way any more; what is not acknowledged stays with the broker that it came from. */
  close(): void {
    this.#to = undefined;
  }

  /** Resolves when the message may be acknowledged: it has arrived on the other side, or is dropped and counted. */
  carry(topic: string, payload: Uint8Array): Promise<void> {
    this.#received += 1;
    const way = this.#wayOf(topic);
    if ('drop' in way) return this.#drop(way.drop);
    if (this.#queue.length >= (this.#options.queueMax ?? QUEUE_MAX)) return this.#drop('queue-full');
    return new Promise((resolve) => {
      this.#queue.push({ order: this.#received, topic: way.to, payload, acknowledge: resolve });
      this.#pump();
    });
  }

  counts(): DirectionCounts {
    return {
      received: this.#received,
      forwarded: this.#forwarded,
      inFlight: this.#inFlight + this.#failed.length + this.#queue.length,
      dropped: { ...this.#dropped },
    };
  }

  #pump(): void {
    const windowMax = this.#options.windowMax ?? WINDOW_MAX;
    while (this.#to !== undefined && this.#failed.length === 0 && this.#inFlight < windowMax) {
      const next = this.#queue.shift();
      if (next === undefined) return;
      void this.#forward(this.#to, next);
    }
  }

  async #forward(to: DatabusConnection, message: Waiting): Promise<void> {
    this.#inFlight += 1;
    try {
      await to.publish(message.topic, message.payload);
      this.#forwarded += 1;
      this.#failures = 0;
      message.acknowledge();
    } catch (error) {
      this.#failed.push(message);
      this.#error = error as Error;
    }
    this.#inFlight -= 1;
    if (this.#failed.length > 0 && this.#inFlight === 0) this.#sendAgain();
    this.#pump();
  }

  /** Only when nothing is on its way: else a later message would overtake an earlier one. */
  #sendAgain(): void {
    this.#failures += 1;
    if (this.#to === undefined) return;
    if (this.#failures > FAILURES_MAX) {
      this.#options.onFailure(this.#error as Error);
      return;
    }
    this.#failed.sort((a, b) => a.order - b.order);
    this.#queue.unshift(...this.#failed.splice(0));
  }

  #drop(reason: DropReason): Promise<void> {
    this.#dropped[reason] += 1;
    return Promise.resolve();
  }

  #wayOf(topic: string): Way {
    let way = this.#ways.get(topic);
    if (way === undefined) {
      const to = route(this.#options.rules, this.#from, topic);
      way = to === undefined ? { drop: 'no-rule' } : isValidTopic(to) ? { to } : { drop: 'invalid-topic' };
      if (this.#ways.size < WAYS_MAX) this.#ways.set(topic, way);
    }
    return way;
  }
}

type Way = { readonly to: string } | { readonly drop: DropReason };

/** Topics whose way is remembered; more than a site has, few enough for senders that never use one twice. */
const WAYS_MAX = 10_000;
