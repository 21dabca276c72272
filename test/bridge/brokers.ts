/** Brokers, connections and a breakable wire for the tests of this folder; `closeAll` ends what a test opened. */
import { connect as connectSocket, createServer, type AddressInfo, type Socket } from 'node:net';
import { Aedes } from 'aedes';
import type { DatabusConnection } from '../../platform/databus/databus.ts';
import { createEmbeddedBroker, type EmbeddedBroker } from '../../platform/databus/embedded.ts';
import { mqttDatabus } from '../../platform/databus/mqtt.ts';

const closing: (() => Promise<void>)[] = [];

export function atEnd(close: () => Promise<void>): void {
  closing.push(close);
}

export async function closeAll(): Promise<void> {
  for (const close of closing.splice(0).reverse()) await close();
}

export async function broker(name: string): Promise<EmbeddedBroker> {
  const started = await createEmbeddedBroker({ name });
  atEnd(() => started.close());
  return started;
}

/** A broker that says how many of a client's acknowledgements it has taken. */
export async function countingBroker(): Promise<{
  readonly port: number;
  readonly url: string;
  taken(id: string): number;
}> {
  const taken = new Map<string, number>();
  const aedes = await Aedes.createBroker();
  aedes.on('ack', (_packet, { id }) => taken.set(id, (taken.get(id) ?? 0) + 1));
  const server = createServer((socket) => aedes.handle(socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  atEnd(async () => {
    const closed = new Promise((resolve) => server.close(resolve));
    await new Promise<void>((resolve) => aedes.close(resolve));
    await closed;
  });
  const { port } = server.address() as AddressInfo;
  return { port, url: `mqtt://127.0.0.1:${port}`, taken: (id) => taken.get(id) ?? 0 };
}

/** A client that notes `topic payload` of everything that matches the filters. */
export async function listener(url: string, filters: readonly string[]): Promise<readonly string[]> {
  const seen: string[] = [];
  const connection = await mqttDatabus(url).connect({
    clientId: 'listener',
    onMessage: (topic, payload) => {
      seen.push(`${topic} ${Buffer.from(payload).toString()}`);
    },
  });
  atEnd(() => connection.close());
  await connection.subscribe(filters);
  return seen;
}

export async function writer(url: string): Promise<DatabusConnection> {
  const connection = await mqttDatabus(url).connect({ clientId: 'writer', onMessage: () => {} });
  atEnd(() => connection.close());
  return connection;
}

/** A TCP wire to a broker that can be cut, and that can hold back what the broker says. */
export interface Wire {
  readonly url: string;
  /** Ends all connections; new ones are let through. */
  cut(): void;
  /** From now on nothing comes back from the broker until `release`. */
  hold(): void;
  release(): void;
}

export async function wire(port: number): Promise<Wire> {
  const pairs = new Set<readonly [Socket, Socket]>();
  let held = false;
  const server = createServer((client) => {
    const upstream = connectSocket(port, '127.0.0.1');
    const pair = [client, upstream] as const;
    pairs.add(pair);
    for (const socket of pair) {
      socket.setNoDelay(true);
      socket.on('error', () => {});
      socket.on('close', () => {
        pairs.delete(pair);
        for (const end of pair) end.destroy();
      });
    }
    client.pipe(upstream);
    upstream.on('data', (data) => client.write(data));
    if (held) upstream.pause();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  atEnd(async () => {
    for (const [client] of pairs) client.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  const eachUpstream = (act: (socket: Socket) => void) => {
    for (const [, upstream] of pairs) act(upstream);
  };
  return {
    url: `mqtt://127.0.0.1:${(server.address() as AddressInfo).port}`,
    cut() {
      for (const [client] of pairs) client.destroy();
    },
    hold() {
      held = true;
      eachUpstream((socket) => socket.pause());
    },
    release() {
      held = false;
      eachUpstream((socket) => socket.resume());
    },
  };
}
