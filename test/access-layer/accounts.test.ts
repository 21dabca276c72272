/** The access layer's broker lets everyone do what they are there for, and nothing else - in memory and over MQTT. */
import mqtt from 'mqtt';
import { afterEach, describe, expect, it } from 'vitest';
import type { DatabusConnection } from '../../platform/databus/databus.ts';
import { DatabusError } from '../../platform/databus/databus.ts';
import {
  createEmbeddedBroker,
  type EmbeddedBroker,
  type EmbeddedBrokerOptions,
} from '../../platform/databus/embedded.ts';
import { mqttDatabus } from '../../platform/databus/mqtt.ts';
import { accessLayerAccounts, bridgeAccount, harnessAccount } from '../../sim/access-layer/accounts.ts';

/** Machines are shared and slow at times: how long a test waits for what has to happen. */

const devices = [
  { kind: 'pmu', id: 'pmu-breaker' },
  { kind: 'bess', id: 'cbes' },
];
const accounts = accessLayerAccounts({ seed: 'spring-1', site: 'germany', devices });

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function broker(options: Partial<EmbeddedBrokerOptions> = {}): Promise<EmbeddedBroker> {
  const started = await createEmbeddedBroker({ name: 'access layer', users: accounts.users, ...options });
  closing.push(() => started.close());
  return started;
}

async function connect(url: string, username: string, onMessage = (_topic: string, _payload: Uint8Array) => {}) {
  const connection = await mqttDatabus(url).connect({
    clientId: username,
    ...accounts.credentials(username),
    onMessage,
  });
  closing.push(() => connection.close());
  return connection;
}

/** Resolves when everything that the broker had for this client before has been delivered: a message of its own came. */
async function roundTrip(connection: DatabusConnection, topic: string, seen: string[]): Promise<void> {
  await connection.publish(topic, Buffer.from('last'));
  await expect.poll(() => seen.at(-1)).toBe(topic);
}

describe('accounts', () => {
  it('follow from the seed and differ from one another', () => {
    const again = accessLayerAccounts({ seed: 'spring-1', site: 'germany', devices });
    expect(again.users).toEqual(accounts.users);
    const other = accessLayerAccounts({ seed: 'spring-2', site: 'germany', devices });
    const passwords = [...Object.values(accounts.users), ...Object.values(other.users)].map(({ password }) => password);
    expect(new Set(passwords).size).toBe(8);
  });

  it('are not there for strangers', () => {
    expect(accounts.credentials('stranger')).toBeUndefined();
    expect(accounts.credentials('constructor')).toBeUndefined();
  });

  it('may not share a name', () => {
    const twins = [devices[0]!, devices[0]!];
    expect(() => accessLayerAccounts({ seed: 's', site: 'x', devices: twins })).toThrow('pmu-pmu-breaker');
  });
});

describe('connections', () => {
  it('with the right password are accepted', async () => {
    const { url, refusals } = await broker();
    await connect(url, 'pmu-pmu-breaker');
    expect(refusals()).toEqual({
      connections: { 'no-credentials': 0, 'unknown-user': 0, 'wrong-password': 0 },
      publishes: 0,
      subscriptions: 0,
    });
  });

  it.each([
    ['wrong-password', { username: 'pmu-pmu-breaker', password: 'wrong' }],
    ['wrong-password', { username: 'pmu-pmu-breaker', password: 'x'.repeat(24) }],
    ['unknown-user', { username: 'nobody', password: 'wrong' }],
    ['unknown-user', { username: 'constructor', password: 'wrong' }],
    ['no-credentials', {}],
  ] as const)('are refused as %s with %j', async (reason, credentials) => {
    const { url, refusals } = await broker();
    const attempt = mqttDatabus(url).connect({ clientId: 'x', ...credentials, onMessage: () => {} });
    await expect(attempt).rejects.toThrow(DatabusError);
    await expect(attempt).rejects.toThrow(/bad user ?name or password/i);
    expect(refusals().connections[reason]).toBe(1);
  });

  it('are refused with CONNACK code 4', async () => {
    const { url } = await broker();
    const client = mqtt.connect(url, { username: 'nobody', password: 'x', reconnectPeriod: 0, protocolVersion: 4 });
    const error = await new Promise<Error & { code?: number }>((resolve) => client.on('error', resolve));
    expect(error.code).toBe(4);
    client.end(true);
  });

  it('need nothing where the broker has no accounts', async () => {
    const open = await createEmbeddedBroker({ name: 'databus' });
    closing.push(() => open.close());
    await expect(connect(open.url, 'anybody')).resolves.toBeDefined();
  });
});

describe('rights', () => {
  it('a measurement on the own topic reaches the bridge, one on another topic is dropped, counted and shown', async () => {
    const refused: string[] = [];
    const observed: string[] = [];
    const { url, refusals } = await broker({
      onRefused: (topic, payload, clientId) => refused.push(`${clientId} ${topic} ${Buffer.from(payload).toString()}`),
      onPublish: (topic) => observed.push(topic),
    });
    const seen: string[] = [];
    const bridge = await connect(url, bridgeAccount, (topic) => seen.push(topic));
    await bridge.subscribe(['platone/dsotp/#']);
    const pmu = await connect(url, 'pmu-pmu-breaker');
    const own = 'platone/dsotp/germany/pmu/pmu-breaker';
    await pmu.publish('platone/dsotp/germany/bess/cbes', Buffer.from('forged'));
    await pmu.publish('platone/dsotp/time/tick', Buffer.from('forged'));
    await pmu.publish('$SYS/refused', Buffer.from('odd'));
    await roundTrip(pmu, own, seen);
    expect(seen).toEqual([own]);
    expect(observed).toEqual([own]);
    expect(refusals().publishes).toBe(3);
    expect(refused[0]).toBe('pmu-pmu-breaker platone/dsotp/germany/bess/cbes forged');
  });

  it.each([
    ['pmu-pmu-breaker', 'platone/dsotp/#'],
    ['pmu-pmu-breaker', 'platone/setpoint/germany/cbes'],
    ['bess-cbes', 'platone/setpoint/germany/+'],
    ['bess-cbes', '#'],
    [bridgeAccount, '#'],
    [bridgeAccount, '$SYS/#'],
    [harnessAccount, 'platone/dsotp/#'],
  ])('%s may not subscribe to %s', async (account, filter) => {
    const { url, refusals } = await broker();
    const connection = await connect(url, account);
    await expect(connection.subscribe([filter])).rejects.toThrow(Error);
    expect(refusals().subscriptions).toBe(1);
  });

  it.each([
    ['bess-cbes', 'platone/setpoint/germany/cbes'],
    [bridgeAccount, 'platone/dsotp/#'],
    [bridgeAccount, 'platone/dsotp/germany/+/+'],
    [harnessAccount, 'platone/time/progress/#'],
    [harnessAccount, 'platone/setpoint/#'],
  ])('%s may subscribe to %s', async (account, filter) => {
    const { url, refusals } = await broker();
    const connection = await connect(url, account);
    await connection.subscribe([filter]);
    expect(refusals().subscriptions).toBe(0);
  });

  it('the bridge may bring setpoints and progress, and not measurements', async () => {
    const { url, refusals } = await broker();
    const seen: string[] = [];
    const harness = await connect(url, harnessAccount, (topic) => seen.push(topic));
    await harness.subscribe(['platone/setpoint/#', 'platone/time/progress/#']);
    const bridge = await connect(url, bridgeAccount);
    await bridge.publish('platone/dsotp/germany/pmu/pmu-breaker', Buffer.from('x'));
    await bridge.publish('platone/setpoint/germany/cbes', Buffer.from('x'));
    await roundTrip(bridge, 'platone/time/progress/balancer', seen);
    expect(seen).toEqual(['platone/setpoint/germany/cbes', 'platone/time/progress/balancer']);
    expect(refusals().publishes).toBe(1);
  });
});

describe('embedded broker', () => {
  it('says what to do when its port is in use', async () => {
    const { port } = await broker();
    const second = createEmbeddedBroker({ name: 'access layer', port });
    await expect(second).rejects.toThrow(DatabusError);
    await expect(second).rejects.toThrow(
      `the broker of the access layer did not start: port ${port} is in use: stop what listens there, choose another port`,
    );
  });

  it('frees its port when it is closed, with clients still connected', async () => {
    const first = await createEmbeddedBroker({ name: 'databus' });
    const client = mqtt.connect(first.url, { reconnectPeriod: 0 });
    await new Promise((resolve) => client.once('connect', resolve));
    await first.close();
    const second = await createEmbeddedBroker({ name: 'databus', port: first.port });
    await second.close();
    client.end(true);
    expect(second.port).toBe(first.port);
  });

  it('delivers QoS 1 messages in order, and shows each to the observer before any subscriber', async () => {
    const log: string[] = [];
    const open = await createEmbeddedBroker({ name: 'databus', onPublish: (topic) => log.push(`observer ${topic}`) });
    closing.push(() => open.close());
    const reader = await connect(open.url, 'reader', (topic) => log.push(`reader ${topic}`));
    await reader.subscribe(['a/#']);
    const writer = await connect(open.url, 'writer');
    await Promise.all(Array.from({ length: 200 }, (_, n) => writer.publish(`a/${n}`, Buffer.from('x'))));
    await expect.poll(() => log.length).toBe(400);
    expect(log.filter((line) => line.startsWith('reader'))).toEqual(
      Array.from({ length: 200 }, (_, n) => `reader a/${n}`),
    );
    for (let n = 0; n < 200; n++) expect(log.indexOf(`observer a/${n}`)).toBeLessThan(log.indexOf(`reader a/${n}`));
  });

  it('keeps nothing: a retained message is delivered once and forgotten', async () => {
    const open = await createEmbeddedBroker({ name: 'databus' });
    closing.push(() => open.close());
    const client = mqtt.connect(open.url, { reconnectPeriod: 0 });
    await client.publishAsync('a/retained', 'x', { qos: 1, retain: true });
    await client.endAsync();
    const seen: string[] = [];
    const reader = await connect(open.url, 'reader', (topic) => seen.push(topic));
    await reader.subscribe(['a/#']);
    await roundTrip(reader, 'a/last', seen);
    expect(seen).toEqual(['a/last']);
  });
});
