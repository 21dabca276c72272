/** The databus in memory: the same encoded bytes and the same order as over a broker, without sockets. */
import type { Databus, DatabusConnection, DatabusConnectionOptions } from './databus.ts';
import { DatabusError } from './databus.ts';
import { isValidFilter, isValidTopic, topicMatches } from './topic-filter.ts';

interface Subscriber {
  readonly options: DatabusConnectionOptions;
  readonly filters: Set<string>;
}

/** What a broker may be told to check; the access layer's rights are given this way. */
export interface MemoryDatabusOptions {
  /** For messages: `memory` or a name that says which of several it is. */
  readonly url?: string;
  /** Undefined when the client may connect, otherwise why not. */
  readonly authenticate?: (options: DatabusConnectionOptions) => string | undefined;
  /** True when this client may publish to this topic; otherwise the message is acknowledged and dropped, as by a broker. */
  readonly mayPublish?: (clientId: string, topic: string) => boolean;
  readonly onRefused?: (topic: string, payload: Uint8Array, clientId: string) => void;
  readonly maySubscribe?: (clientId: string, filter: string) => boolean;
  /** Sees every accepted message before any subscriber does. */
  readonly onPublish?: (topic: string, payload: Uint8Array, clientId: string) => void;
}

/** Topics that are remembered for a client: more than a site has. */
const TOPICS_MAX = 10_000;

/**
 * A broker in memory. A message is delivered once to every connection with a matching filter, in the order of
 * publication; handlers that publish add to the end of the queue, so that no handler is re-entered.
 */
export function createMemoryDatabus(options: MemoryDatabusOptions = {}): Databus {
  const url = options.url ?? 'memory';
  const subscribers = new Map<string, Subscriber>();
  const routes = new Map<string, readonly Subscriber[]>();
  const queue: { topic: string; payload: Uint8Array; to: Subscriber }[] = [];
  let draining = false;

  const route = (topic: string): readonly Subscriber[] => {
    let found = routes.get(topic);
    if (found === undefined) {
      found = [...subscribers.values()].filter(({ filters }) => [...filters].some((f) => topicMatches(f, topic)));
      routes.set(topic, found);
    }
    return found;
  };

  const drain = () => {
    if (draining) return;
    draining = true;
    try {
      for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
        void next.to.options.onMessage(next.topic, next.payload);
      }
    } finally {
      draining = false;
    }
  };

  const connection = (subscriber: Subscriber): DatabusConnection => {
    const { clientId } = subscriber.options;
    /** Topics that have been looked at and found in order: a client publishes to few, again and again. */
    const inOrder = new Set<string>();
    return {
      async publish(topic, payload) {
        if (!inOrder.has(topic)) {
          if (!isValidTopic(topic)) throw new DatabusError(url, `"${topic}" is no topic to publish to`);
          if (options.mayPublish !== undefined && !options.mayPublish(clientId, topic)) {
            options.onRefused?.(topic, payload, clientId);
            return;
          }
          if (inOrder.size < TOPICS_MAX) inOrder.add(topic);
        }
        options.onPublish?.(topic, payload, clientId);
        for (const to of route(topic)) queue.push({ topic, payload, to });
        drain();
      },
      async subscribe(filters) {
        for (const filter of filters) {
          if (!isValidFilter(filter)) throw new DatabusError(url, `"${filter}" is no topic filter`);
          if (options.maySubscribe !== undefined && !options.maySubscribe(clientId, filter)) {
            throw new DatabusError(url, `${clientId} may not subscribe to ${filter}`);
          }
          subscriber.filters.add(filter);
        }
        routes.clear();
      },
      isConnected: () => subscribers.get(clientId) === subscriber,
      async close() {
        subscribers.delete(clientId);
        routes.clear();
      },
    };
  };

  return {
    url,
    async connect(connectionOptions) {
      const refusal = options.authenticate?.(connectionOptions);
      if (refusal !== undefined) throw new DatabusError(url, refusal);
      const subscriber = { options: connectionOptions, filters: new Set<string>() };
      subscribers.set(connectionOptions.clientId, subscriber);
      return connection(subscriber);
    },
  };
}
