/** People who meddle with a run: clients on its brokers, a bridge that drops messages, wires that tremble. */
import { spawn, type ChildProcess } from 'node:child_process';
import { connect as connectSocket, createServer, type AddressInfo, type Socket } from 'node:net';
import { resolve } from 'node:path';
import { afterEach } from 'vitest';
import { accessLayerAccounts } from '../../sim/access-layer/accounts.ts';
import { bridgeRules } from '../../platform/bridge/config.ts';
import { route, subscriptions } from '../../platform/bridge/rules.ts';
import type { DatabusConnection } from '../../platform/databus/databus.ts';
import { mqttDatabus } from '../../platform/databus/mqtt.ts';
import { bridgeTopics } from '../../sim/run/stage.ts';

const leaving: (() => Promise<void>)[] = [];

/** Everybody goes home after the test, whatever came of it. */
afterEach(async () => {
  for (const leave of leaving.splice(0).reverse()) await leave();
});

export function atEnd(leave: () => Promise<void>): void {
  leaving.push(leave);
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

export async function pause(ms: number): Promise<void> {
  await new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

/**
 * For runs in which somebody does not do his part: services are told soon to go on without him, and the run is given up
 * soon; not so soon that a machine which is busy with other tests passes for him.
 */
export const impatient = { stallUs: 1e6, giveUpUs: 3e6 };

/** Tries until the broker of a run that is just being started is there. */
export async function connectSoon(
  url: string,
  clientId: string,
  onMessage: (topic: string, payload: Uint8Array) => void,
  login?: { username: string; password: string },
): Promise<DatabusConnection> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      const connection = await mqttDatabus(url).connect({ clientId, ...login, onMessage });
      atEnd(() => connection.close());
      // The run may end, and its brokers with it, while something is on its way.
      return { ...connection, publish: (topic, payload) => connection.publish(topic, payload).catch(() => {}) };
    } catch (error) {
      if (attempt === 3000) throw error;
      await pause(20);
    }
  }
}

export type Publish = (topic: string, payload: Uint8Array) => Promise<void>;

let strangers = 0;

/** A client that nobody asked for; resolves when it is connected and listens. */
export async function stranger(
  url: string,
  filters: readonly string[],
  onMessage: (topic: string, payload: Uint8Array, publish: Publish) => void,
): Promise<void> {
  const connection: DatabusConnection = await connectSoon(url, `stranger-${(strangers += 1)}`, (topic, payload) =>
    onMessage(topic, payload, (to, what) => connection.publish(to, what)),
  );
  await connection.subscribe(filters);
}

/** An account on the embedded access layer of a run of the hamlet: the bridge's, or that of a device. */
export function loginOf(holder: 'bridge' | { readonly kind: string; readonly id: string }) {
  const devices = holder === 'bridge' ? [] : [holder];
  const name = holder === 'bridge' ? holder : `${holder.kind}-${holder.id}`;
  const login = accessLayerAccounts({ seed: 'test-1', site: 'germany', devices }).credentials(name);
  if (login === undefined) throw new Error(`${name} has an account`);
  return login;
}

/** What a bridge does with a message for `topic`: forward it, now or later, or not at all. */
export type Carrier = (topic: string, forward: () => void, payload: Uint8Array) => void;

/** A bridge of somebody else's between the two brokers. */
export async function foreignBridge(
  urls: { readonly databus: string; readonly bal: string },
  carrier: Carrier = (_topic, forward) => forward(),
): Promise<void> {
  const rules = bridgeRules(bridgeTopics(['balancer']));
  const carry =
    (side: 'local' | 'remote', to: () => DatabusConnection) =>
    (topic: string, payload: Uint8Array): void => {
      const target = route(rules, side, topic);
      if (target !== undefined) carrier(target, () => void to().publish(target, payload), payload);
    };
  const local: DatabusConnection = await connectSoon(
    urls.databus,
    'foreign-bridge',
    carry('local', () => remote),
  );
  const remote: DatabusConnection = await connectSoon(
    urls.bal,
    'foreign-bridge',
    carry('remote', () => local),
    loginOf('bridge'),
  );
  await local.subscribe(subscriptions(rules, 'local'));
  await remote.subscribe(subscriptions(rules, 'remote'));
}

/** A wire to a broker that holds every piece back for a while of its own choosing; order within a connection is kept. */
export async function tremblingWire(port: number): Promise<string> {
  const sockets = new Set<Socket>();
  const tremble = async (from: Socket, to: Socket) => {
    let turn = sockets.size;
    for await (const data of from) {
      turn = (turn + 7) % 11;
      await pause(turn / 2);
      to.write(data as Buffer);
    }
  };
  const server = createServer((client) => {
    const broker = connectSocket(port, '127.0.0.1');
    for (const [socket, other] of [[client, broker] as const, [broker, client] as const]) {
      sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('error', () => {});
      socket.on('close', () => other.destroy());
      // A socket that is destroyed in mid-read has said all that it had to say.
      tremble(socket, other).catch(() => {});
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  atEnd(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return `mqtt://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

export interface TwinProcess {
  readonly child: ChildProcess;
  /** What it has written so far. */
  out(): string;
  err(): string;
  /** Exit code when it has ended. */
  readonly ended: Promise<number | null>;
  /** Ctrl-C: the terminal signals the whole group. */
  interrupt(): void;
  /** Resolves when `text` has appeared in what it wrote. */
  says(text: string): Promise<void>;
}

/** `node bin/twin.mjs ARGS`, the real thing. */
export function twinProcess(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
  cwd = process.cwd(),
): TwinProcess {
  const child = spawn(process.execPath, [resolve('bin/twin.mjs'), ...args], {
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...environment },
    // A process group of its own, as a shell with a terminal gives it.
    detached: true,
  });
  const written = { out: '', err: '' };
  child.stdout.on('data', (chunk: Buffer) => (written.out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (written.err += chunk.toString()));
  // Behind its last word, which is still to be read when it has exited.
  let isClosed = false;
  const ended = new Promise<number | null>((resolve) => {
    child.once('close', (code) => {
      isClosed = true;
      resolve(code);
    });
  });
  atEnd(async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
    await ended;
  });
  return {
    child,
    out: () => written.out,
    err: () => written.err,
    ended,
    interrupt: () => void process.kill(-(child.pid ?? 0), 'SIGINT'),
    async says(text) {
      for (let wait = 0; !(written.out + written.err).includes(text); wait += 1) {
        if (wait === 3000 || isClosed) throw new Error(`never said "${text}": ${written.err}`);
        await pause(20);
      }
    },
  };
}
