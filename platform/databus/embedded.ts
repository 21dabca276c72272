/**
 * An MQTT 3.1.1 broker in this process (aedes) on a loopback port, with passwords and rights where they are given.
 * The default of lock-step runs: a real protocol over real sockets, nothing to install.
 */
import { Aedes, type AuthenticateError, type Client } from 'aedes';
import { timingSafeEqual } from 'node:crypto';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { DatabusError } from './databus.ts';
import { setUpSocket } from './tcp.ts';
import { mayPublish, maySubscribe, type Rights, type Users } from './rights.ts';

export interface EmbeddedBrokerOptions {
  /** For messages to people, such as `access layer`. */
  readonly name: string;
  /** 0 or absent: any free port. */
  readonly port?: number;
  /** Who may connect and what they may do; absent: anybody, everything. */
  readonly users?: Users;
  /** Sees every accepted message on its way in, before any subscriber does. */
  readonly onPublish?: (topic: string, payload: Uint8Array, clientId: string) => void;
  /** Sees every message that was refused for want of rights. */
  readonly onRefused?: (topic: string, payload: Uint8Array, clientId: string) => void;
}

/** What a broker turned away, by reason. */
interface BrokerRefusals {
  readonly connections: Readonly<Record<'no-credentials' | 'unknown-user' | 'wrong-password', number>>;
  readonly publishes: number;
  readonly subscriptions: number;
}

export interface EmbeddedBroker {
  readonly url: string;
  readonly port: number;
  readonly refusals: () => BrokerRefusals;
  /** Ends all connections and frees the port. */
  close(): Promise<void>;
}

/** Where refused messages go to be acknowledged: wildcards do not reach it and nobody may subscribe to it. */
const NOWHERE = '$SYS/refused';

/**
 * Starts a broker on 127.0.0.1. A client with a wrong password is refused with CONNACK code 4; a subscription without
 * the right to it with SUBACK code 128; a publication without the right to it is acknowledged, counted and dropped, as
 * Mosquitto does: MQTT 3.1.1 knows no negative PUBACK, and to close the connection would make the client send it again.
 *
 * Rejects with DatabusError when the port is taken.
 */
export async function createEmbeddedBroker(options: EmbeddedBrokerOptions): Promise<EmbeddedBroker> {
  const door = createDoor(options);
  const aedes = await Aedes.createBroker({
    authenticate: door.authenticate,
    authorizePublish: door.authorizePublish,
    authorizeSubscribe: door.authorizeSubscribe,
  });
  // A client that breaks off in mid-packet is no fault of the broker.
  aedes.on('clientError', ignore);
  aedes.on('connectionError', ignore);
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    setUpSocket(socket, 'with-the-turn');
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    aedes.handle(socket);
  });
  try {
    await listen(server, options);
  } catch (error) {
    await new Promise<void>((resolve) => aedes.close(resolve));
    throw error;
  }
  const { port } = server.address() as AddressInfo;
  return {
    url: `mqtt://127.0.0.1:${port}`,
    port,
    refusals: () => door.refusals(),
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      await new Promise<void>((resolve) => aedes.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

function ignore(): void {}

async function listen(server: Server, { name, port = 0 }: EmbeddedBrokerOptions): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const url = `mqtt://127.0.0.1:${port}`;
      const why =
        error.code === 'EADDRINUSE'
          ? `port ${port} is in use: stop what listens there, choose another port, or leave the port out to get a free one`
          : error.code === 'EACCES'
            ? `port ${port} may not be opened by this user: choose one above 1023`
            : error.message;
      reject(new DatabusError(url, `the broker of the ${name} did not start: ${why}`, { cause: error }));
    });
    server.listen(port, '127.0.0.1', () => resolve());
  });
}

type AedesOptions = NonNullable<ConstructorParameters<typeof Aedes>[0]>;
type Door = Required<Pick<AedesOptions, 'authenticate' | 'authorizePublish' | 'authorizeSubscribe'>> & {
  readonly refusals: () => BrokerRefusals;
};

/** The broker's doorkeeper: decides and counts. */
function createDoor({ users, onPublish, onRefused }: EmbeddedBrokerOptions): Door {
  const connections = { 'no-credentials': 0, 'unknown-user': 0, 'wrong-password': 0 };
  let publishes = 0;
  let subscriptions = 0;
  const rights = new WeakMap<Client, Rights>();
  const everything: Rights = { publish: ['#'], subscribe: ['#'] };
  return {
    authenticate(client, username, password, done) {
      const refusal = users === undefined ? undefined : refusalOf(users, username, password);
      if (refusal === undefined) {
        rights.set(client, users?.[username ?? '']?.rights ?? everything);
        done(null, true);
      } else {
        connections[refusal] += 1;
        done(badCredentials(), false);
      }
    },
    authorizePublish(client, packet, done) {
      // The broker's own messages and wills of clients that are gone have no client.
      if (client === null) return done(null);
      const { topic, payload } = packet;
      const allowed = rights.get(client);
      if (!topic.startsWith('$') && allowed !== undefined && mayPublish(allowed, topic)) {
        // Retained messages of an earlier run would come before this run's first tick.
        packet.retain = false;
        onPublish?.(topic, payload as Uint8Array, client.id);
      } else {
        publishes += 1;
        onRefused?.(topic, payload as Uint8Array, client.id);
        packet.topic = NOWHERE;
      }
      done(null);
    },
    authorizeSubscribe(client, subscription, done) {
      const allowed = rights.get(client);
      if (allowed !== undefined && maySubscribe(allowed, subscription.topic)) return done(null, subscription);
      subscriptions += 1;
      done(null, null);
    },
    refusals: () => ({ connections: { ...connections }, publishes, subscriptions }),
  };
}

/** CONNACK code 4. */
function badCredentials(): AuthenticateError {
  // oxlint-disable-next-line typescript/no-unsafe-enum-assignment -- aedes has this enumeration in its types only
  const returnCode: AuthenticateError['returnCode'] = 4;
  return Object.assign(new Error('bad user name or password'), { returnCode });
}

/** Why these credentials do not open the door, or undefined when they do. */
function refusalOf(
  users: Users,
  username: string | undefined,
  password: Uint8Array | undefined,
): keyof BrokerRefusals['connections'] | undefined {
  if (username === undefined || password === undefined) return 'no-credentials';
  const user = Object.hasOwn(users, username) ? users[username] : undefined;
  if (user === undefined) return 'unknown-user';
  const wanted = Buffer.from(user.password);
  return wanted.length === password.length && timingSafeEqual(wanted, password) ? undefined : 'wrong-password';
}
