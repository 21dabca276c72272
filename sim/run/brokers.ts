/** The two brokers of a run, each in memory, embedded or at a URL, with an observer beside the data path. */
import type { Databus } from '../../platform/databus/databus.ts';
import { createMemoryDatabus } from '../../platform/databus/memory.ts';
import { sleepUs } from '../clock/wall-clock.ts';
import { mayPublish, maySubscribe, type Users } from '../../platform/databus/rights.ts';

export type Observer = (topic: string, payload: Uint8Array) => void;

export interface Broker {
  readonly databus: Databus;
  /** Connections, publications and subscriptions that were turned away, by reason. */
  refusals(): Readonly<Record<string, number>>;
  /** Resolves when the observer has seen everything that the broker took before. */
  settled(): Promise<void>;
  close(): Promise<void>;
}

export interface BrokerOptions {
  /** For messages to people: `access layer`, `databus`. */
  readonly name: string;
  /** `memory`, `embedded`, `embedded:PORT`, or a URL. */
  readonly where: string;
  /** Who may connect and what they may do; not for brokers at a URL, which have rules of their own. */
  readonly users?: Users;
  /** Sees every accepted message once. */
  readonly observe: Observer;
  /** A publication that was turned away for want of rights. */
  readonly onRefused?: (topic: string, payload: Uint8Array) => void;
  /** For a broker at a URL: what the observer's own connection logs in with. */
  readonly credentials?: { readonly username: string; readonly password: string };
  /** The observer's connection was lost. */
  readonly onError: (error: Error) => void;
}

/** Starts or finds the broker. Rejects with DatabusError when it cannot be had. */
export async function openBroker(options: BrokerOptions): Promise<Broker> {
  const { where } = options;
  if (where === 'memory') return inMemory(options);
  if (where === 'embedded' || where.startsWith('embedded:')) return embedded(options);
  return atUrl(options);
}

function inMemory({ name, users, observe, onRefused }: BrokerOptions): Broker {
  const refused: Record<string, number> = {};
  const count = (reason: string) => {
    refused[reason] = (refused[reason] ?? 0) + 1;
  };
  const rights = new Map<string, string>();
  const user = (clientId: string) => users?.[rights.get(clientId) ?? ''];
  const databus = createMemoryDatabus({
    url: `memory (${name})`,
    onPublish: observe,
    ...(users !== undefined && {
      authenticate: ({ clientId, username = '', password }) => {
        if (!Object.hasOwn(users, username) || users[username]?.password !== password) {
          count('wrong-password');
          return 'bad user name or password';
        }
        rights.set(clientId, username);
        return undefined;
      },
      mayPublish: (clientId, topic) => {
        const allowed = mayPublish(user(clientId)?.rights ?? NOTHING, topic);
        if (!allowed) count('publish-not-allowed');
        return allowed;
      },
      maySubscribe: (clientId, filter) => {
        const allowed = maySubscribe(user(clientId)?.rights ?? NOTHING, filter);
        if (!allowed) count('subscribe-not-allowed');
        return allowed;
      },
      onRefused: (topic, payload) => onRefused?.(topic, payload),
    }),
  });
  return { databus, refusals: () => refused, settled: done, close: done };
}

const done = () => Promise.resolve();

/** A run in memory needs neither broker nor client, and they take a fifth of a second to load. */
const loadMqtt = () => import('../../platform/databus/mqtt.ts');

const NOTHING = { publish: [], subscribe: [] };

async function embedded({ name, where, users, observe, onRefused }: BrokerOptions): Promise<Broker> {
  const port = where === 'embedded' ? 0 : Number(where.slice('embedded:'.length));
  const { createEmbeddedBroker } = await import('../../platform/databus/embedded.ts');
  const { mqttDatabus } = await loadMqtt();
  const broker = await createEmbeddedBroker({
    name,
    port,
    onPublish: observe,
    ...(users !== undefined && { users }),
    ...(onRefused !== undefined && { onRefused }),
  });
  return {
    databus: mqttDatabus(broker.url),
    refusals: () => {
      const { connections, publishes, subscriptions } = broker.refusals();
      const all = { ...connections, 'publish-not-allowed': publishes, 'subscribe-not-allowed': subscriptions };
      return Object.fromEntries(Object.entries(all).filter(([, count]) => count > 0));
    },
    settled: done,
    close: () => broker.close(),
  };
}

/** How long a broker may take to bring the observer's own message back. */
const SETTLE_US = 2_000_000;

type Address = Pick<BrokerOptions, 'where' | 'credentials'>;

/** Whether two URLs lead to one broker, under whatever names: what is said at the one is then heard at the other. */
export async function areOneBroker(one: Address, other: Address): Promise<boolean> {
  const { mqttDatabus } = await loadMqtt();
  const topic = 'twin/observer/who-is-who';
  const [fromOne, fromOther] = [Uint8Array.of(1), Uint8Array.of(2)];
  let isOne = false;
  const heard = new AbortController();
  const speaker = await mqttDatabus(one.where, one.credentials).connect({
    clientId: 'twin-observer-speaker',
    onMessage: () => {},
  });
  try {
    const listener = await mqttDatabus(other.where, other.credentials).connect({
      clientId: 'twin-observer-listener',
      onMessage: (_topic, [word]) => {
        if (word === fromOne[0]) isOne = true;
        // What it says itself comes back behind all that came before it.
        else heard.abort();
      },
    });
    try {
      await listener.subscribe([topic]);
      await speaker.publish(topic, fromOne);
      await listener.publish(topic, fromOther);
      await sleepUs(SETTLE_US, heard.signal);
    } finally {
      await listener.close();
    }
  } finally {
    await speaker.close();
  }
  return isOne;
}

/** A broker of somebody else's: the observer is one more client that reads everything. */
async function atUrl({ where, observe, credentials, onError, name }: BrokerOptions): Promise<Broker> {
  const { mqttDatabus } = await loadMqtt();
  const databus = mqttDatabus(where, credentials);
  const clientId = `twin-observer-${name.replaceAll(' ', '-')}`;
  // What the observer says to itself comes back behind all that came before it.
  const ownTopic = `twin/observer/${name.replaceAll(' ', '-')}`;
  const heard = new AbortController();
  const connection = await databus.connect({
    clientId,
    onMessage: (topic, payload) => (topic === ownTopic ? heard.abort() : observe(topic, payload)),
    onError,
  });
  await connection.subscribe(['#']);
  return {
    databus,
    refusals: () => ({}),
    async settled() {
      await connection.publish(ownTopic, new Uint8Array());
      await sleepUs(SETTLE_US, heard.signal);
    },
    close: () => connection.close(),
  };
}
