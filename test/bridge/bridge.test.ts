/** The bridge carries everything once and in order, and loses nothing when a connection breaks. */
import { createServer, type AddressInfo } from 'node:net';
import { Aedes } from 'aedes';
import * as fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { bySchema } from '../../grids/by-schema.ts';
import { startBridge, type Bridge, type BridgeOptions } from '../../platform/bridge/bridge.ts';
import { bridgeConfigSchema, bridgeRules } from '../../platform/bridge/config.ts';
import { defaultTopicRules } from '../../platform/bridge/rules.ts';
import { serveBridge } from '../../platform/bridge/serve.ts';
import { DatabusError, type Databus } from '../../platform/databus/databus.ts';
import { createMemoryDatabus } from '../../platform/databus/memory.ts';
import { mqttDatabus } from '../../platform/databus/mqtt.ts';
import { atEnd, broker, closeAll, countingBroker, listener, wire, writer } from './brokers.ts';

/** Machines are shared and slow at times: how long a test waits for what has to happen. */

afterEach(closeAll);

const rules = bridgeRules(defaultTopicRules);
const noFailure = (error: Error) => {
  throw error;
};

async function bridge(
  local: Databus,
  remote: Databus,
  options: Partial<Omit<BridgeOptions, 'local' | 'remote'>> = {},
): Promise<Bridge> {
  const started = await startBridge({
    rules,
    local: { databus: local },
    remote: { databus: remote },
    onFailure: noFailure,
    ...options,
  });
  atEnd(() => started.stop());
  return started;
}

const numbered = (topic: string, count: number) => Array.from({ length: count }, (_, n) => `${topic} ${n}`);

describe('over two brokers', () => {
  it('carries measurements in, setpoints and progress out, in order, and counts them', async () => {
    const [bal, dsotp] = [await broker('access layer'), await broker('databus')];
    const carrying = await bridge(mqttDatabus(dsotp.url), mqttDatabus(bal.url));
    const atDsotp = await listener(dsotp.url, ['/bal/#']);
    const atBal = await listener(bal.url, ['platone/setpoint/#', 'platone/time/#']);
    const [device, service] = [await writer(bal.url), await writer(dsotp.url)];
    await Promise.all([
      ...Array.from({ length: 300 }, (_, n) => device.publish('platone/dsotp/germany/pmu/p', Buffer.from(String(n)))),
      ...Array.from({ length: 300 }, (_, n) => service.publish('setpoint/germany/cbes', Buffer.from(String(n)))),
      service.publish('dsotp/time/progress/balancer', Buffer.from('p')),
      service.publish('dsotp/estimate/germany/wls', Buffer.from('not to be carried')),
      device.publish('platone/other', Buffer.from('not to be carried')),
    ]);
    await expect.poll(() => atDsotp.length).toBe(300);
    await expect.poll(() => atBal.length).toBe(301);
    expect(atDsotp).toEqual(numbered('/bal/germany/pmu/p', 300));
    expect(atBal).toEqual([...numbered('platone/setpoint/germany/cbes', 300), 'platone/time/progress/balancer p']);
    const nothing = { 'no-rule': 0, 'invalid-topic': 0, 'queue-full': 0 };
    await expect
      .poll(() => carrying.counts())
      .toEqual({
        in: { received: 300, forwarded: 300, inFlight: 0, dropped: nothing },
        out: { received: 301, forwarded: 301, inFlight: 0, dropped: nothing },
      });
  });

  it('keeps the order with a window of one as well', async () => {
    const [bal, dsotp] = [await broker('access layer'), await broker('databus')];
    await bridge(mqttDatabus(dsotp.url), mqttDatabus(bal.url), { windowMax: 1 });
    const atDsotp = await listener(dsotp.url, ['/bal/#']);
    const device = await writer(bal.url);
    await Promise.all(Array.from({ length: 100 }, (_, n) => device.publish('platone/dsotp/x', Buffer.from(String(n)))));
    await expect.poll(() => atDsotp.length).toBe(100);
    expect(atDsotp).toEqual(numbered('/bal/x', 100));
  });

  it('carries both ways at once without the two directions waiting for each other', async () => {
    const [bal, dsotp] = [await broker('access layer'), await broker('databus')];
    await bridge(mqttDatabus(dsotp.url), mqttDatabus(bal.url), { windowMax: 2 });
    const atDsotp = await listener(dsotp.url, ['/bal/#']);
    const atBal = await listener(bal.url, ['platone/setpoint/#']);
    const [device, service] = [await writer(bal.url), await writer(dsotp.url)];
    const many = Array.from({ length: 500 }, (_, n) => Buffer.from(String(n)));
    await Promise.all(many.flatMap((n) => [device.publish('platone/dsotp/x', n), service.publish('setpoint/x', n)]));
    await expect.poll(() => atDsotp.length + atBal.length).toBe(1000);
  });

  it('does not acknowledge what the other broker has not acknowledged: it comes again after a break', async () => {
    const [bal, dsotp] = [await countingBroker(), await broker('databus')];
    const [toBal, toDsotp] = [await wire(bal.port), await wire(dsotp.port)];
    const carrying = await bridge(
      mqttDatabus(toDsotp.url, { reconnectMs: 20 }),
      mqttDatabus(toBal.url, { reconnectMs: 20 }),
      { session: 'kept' },
    );
    const atDsotp = await listener(dsotp.url, ['/bal/#']);
    const device = await writer(bal.url);
    toDsotp.hold();
    for (let n = 0; n < 10; n++) await device.publish('platone/dsotp/x', Buffer.from(String(n)));
    await expect.poll(() => carrying.counts().in.inFlight).toBe(10);
    expect(carrying.counts().in.forwarded).toBe(0);
    toBal.cut();
    // The access layer's broker offers all of them again, because none was acknowledged.
    await expect.poll(() => carrying.counts().in.received).toBe(20);
    toDsotp.release();
    await expect.poll(() => carrying.counts().in.forwarded).toBe(20);
    expect(new Set(atDsotp)).toEqual(new Set(numbered('/bal/x', 10)));
    // The second ten were acknowledged, the first ten belong to a connection that is gone.
    await expect.poll(() => bal.taken('bridge')).toBe(10);
    toBal.cut();
    await device.publish('platone/dsotp/x', Buffer.from('10'));
    await expect.poll(() => atDsotp).toContain('/bal/x 10');
    expect(carrying.counts().in.received).toBe(21);
  });

  it('loses nothing when either connection breaks again and again', async () => {
    const [bal, dsotp] = [await broker('access layer'), await broker('databus')];
    const [toBal, toDsotp] = [await wire(bal.port), await wire(dsotp.port)];
    await bridge(mqttDatabus(toDsotp.url, { reconnectMs: 20 }), mqttDatabus(toBal.url, { reconnectMs: 20 }), {
      session: 'kept',
    });
    const atDsotp = await listener(dsotp.url, ['/bal/#']);
    const device = await writer(bal.url);
    for (let n = 0; n < 200; n++) {
      await device.publish('platone/dsotp/x', Buffer.from(String(n)));
      if (n % 50 === 20) toBal.cut();
      if (n % 50 === 40) toDsotp.cut();
    }
    // Some come twice; and a resumed session of this broker may show a new message before those that it kept.
    await expect.poll(() => new Set(atDsotp).size).toBe(200);
  });

  it('tells of a broker that goes away for good', async () => {
    const [bal, dsotp] = [await broker('access layer'), await broker('databus')];
    const toBal = await wire(bal.port);
    const failures: Error[] = [];
    await bridge(mqttDatabus(dsotp.url), mqttDatabus(toBal.url), { onFailure: (error) => failures.push(error) });
    toBal.cut();
    await expect.poll(() => failures[0]).toBeInstanceOf(DatabusError);
  });

  it('does not start without its brokers, and says which is missing', async () => {
    const dsotp = await broker('databus');
    const bal = await broker('access layer');
    await bal.close();
    const start = startBridge({
      rules,
      local: { databus: mqttDatabus(dsotp.url) },
      remote: { databus: mqttDatabus(bal.url) },
      onFailure: noFailure,
    });
    await expect(start).rejects.toMatchObject({ name: 'DatabusError', url: bal.url });
  });

  it('leaves no connection behind when it does not start: both ends at one broker take the name from each other', async () => {
    const aedes = await Aedes.createBroker();
    const server = createServer((socket) => aedes.handle(socket));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    atEnd(async () => {
      await new Promise<void>((resolve) => aedes.close(resolve));
      server.close();
    });
    const both = { databus: mqttDatabus(`mqtt://127.0.0.1:${(server.address() as AddressInfo).port}`) };
    const start = startBridge({ rules, local: both, remote: both, onFailure: () => {} });
    await expect(start).rejects.toBeInstanceOf(DatabusError);
    await expect.poll(() => aedes.connectedClients).toBe(0);
  });
});

describe('in memory', () => {
  it('carries any payload to the topic of the rule and no other', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.constantFrom('platone/dsotp/a/b/c', 'platone/dsotp', 'platone/x'), fc.uint8Array())),
        async (messages) => {
          const [bal, dsotp] = [createMemoryDatabus(), createMemoryDatabus()];
          const carrying = await startBridge({
            rules,
            local: { databus: dsotp },
            remote: { databus: bal },
            onFailure: noFailure,
          });
          const arrived: [string, Uint8Array][] = [];
          const reader = await dsotp.connect({
            clientId: 'reader',
            onMessage: (topic, payload) => {
              arrived.push([topic, payload]);
            },
          });
          await reader.subscribe(['#']);
          const device = await bal.connect({ clientId: 'device', onMessage: () => {} });
          for (const [topic, payload] of messages) await device.publish(topic, payload);
          const wanted = messages
            .filter(([topic]) => topic !== 'platone/x')
            .map(([topic, payload]) => [topic === 'platone/dsotp' ? `/bal/${topic}` : '/bal/a/b/c', payload]);
          expect(arrived).toEqual(wanted);
          await carrying.stop();
        },
      ),
      { numRuns: 30 },
    );
  });

  it('drops and counts what the queue cannot hold, and acknowledges it', async () => {
    const [bal, dsotp] = [createMemoryDatabus(), createMemoryDatabus()];
    let open: () => void = () => {};
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    // The databus in memory behind a door that opens when the test says so.
    const slow: Databus = {
      url: dsotp.url,
      async connect(options) {
        const connection = await dsotp.connect(options);
        return { ...connection, publish: (...message) => gate.then(() => connection.publish(...message)) };
      },
    };
    const carrying = await bridge(slow, bal, { windowMax: 2, queueMax: 3 });
    const device = await bal.connect({ clientId: 'device', onMessage: () => {} });
    for (let n = 0; n < 9; n++) await device.publish('platone/dsotp/x', Buffer.from('x'));
    expect(carrying.counts().in).toMatchObject({
      received: 9,
      inFlight: 5,
      forwarded: 0,
      dropped: { 'queue-full': 4 },
    });
    open();
    await expect.poll(() => carrying.counts().in).toMatchObject({ inFlight: 0, forwarded: 5 });
  });

  it('sends a window that failed again and in order, and gives up when it always fails', async () => {
    const [bal, dsotp] = [createMemoryDatabus(), createMemoryDatabus()];
    let breakNow: () => void = () => {};
    const broken = new Promise<void>((resolve) => {
      breakNow = resolve;
    });
    let calls = 0;
    let failing = (call: number) => call <= 4;
    // The databus in memory behind a connection that fails when the test says so.
    const flaky: Databus = {
      url: dsotp.url,
      async connect(options) {
        const connection = await dsotp.connect(options);
        return {
          ...connection,
          async publish(topic, payload) {
            calls += 1;
            if (failing(calls)) {
              await broken;
              throw new DatabusError(dsotp.url, 'connection lost');
            }
            await connection.publish(topic, payload);
          },
        };
      },
    };
    const failures: Error[] = [];
    const carrying = await bridge(flaky, bal, { windowMax: 4, onFailure: (error) => failures.push(error) });
    const seen: string[] = [];
    const reader = await dsotp.connect({
      clientId: 'reader',
      onMessage: (_topic, payload) => {
        seen.push(Buffer.from(payload).toString());
      },
    });
    await reader.subscribe(['#']);
    const device = await bal.connect({ clientId: 'device', onMessage: () => {} });
    for (let n = 0; n < 20; n++) await device.publish('platone/dsotp/x', Buffer.from(String(n)));
    expect(seen).toEqual([]);
    breakNow();
    await expect.poll(() => seen.length).toBe(20);
    expect(seen).toEqual(Array.from({ length: 20 }, (_, n) => String(n)));
    expect(failures).toEqual([]);
    failing = () => true;
    await device.publish('platone/dsotp/x', Buffer.from('x'));
    await expect.poll(() => failures.length).toBe(1);
    expect(carrying.counts().in).toMatchObject({ forwarded: 20, inFlight: 1 });
  });

  it('drops and counts a message whose new topic is none', async () => {
    const [bal, dsotp] = [createMemoryDatabus(), createMemoryDatabus()];
    const carrying = await bridge(dsotp, bal, { rules: bridgeRules(['topic # in 1 "" a/']) });
    const device = await bal.connect({ clientId: 'device', onMessage: () => {} });
    await device.publish('a/', Buffer.from('x'));
    expect(carrying.counts().in).toMatchObject({ received: 1, forwarded: 0, dropped: { 'invalid-topic': 1 } });
  });

  it('does not start with rules that go round in a circle, or with faulty ones', async () => {
    const both = { databus: createMemoryDatabus() };
    const start = (lines: readonly string[]) =>
      startBridge({ rules: bridgeRules(lines), local: both, remote: both, onFailure: noFailure });
    await expect(start(['topic # both 1'])).rejects.toThrow('takes in again what it sends out');
    const faulty = [{ pattern: '', direction: 'in', qos: 1, localPrefix: '', remotePrefix: '' }] as const;
    await expect(startBridge({ rules: faulty, local: both, remote: both, onFailure: noFailure })).rejects.toThrow(
      'an empty pattern needs',
    );
  });
});

describe('served alone', () => {
  it('carries until it is told to stop', async () => {
    const [bal, dsotp] = [await broker('access layer'), await broker('databus')];
    const stop = new AbortController();
    const config = { local: { url: dsotp.url }, remote: { url: bal.url }, reconnectMs: 20, log: 'error' };
    const served = serveBridge(bridgeConfigSchema.parse(config), stop.signal);
    const atDsotp = await listener(dsotp.url, ['/bal/#']);
    const device = await writer(bal.url);
    await expect
      .poll(async () => {
        await device.publish('platone/dsotp/x', Buffer.from('x'));
        return atDsotp.length;
      })
      .toBeGreaterThan(0);
    stop.abort();
    await expect(served).resolves.toBeUndefined();
  });

  it('names every fault of its configuration', () => {
    const read = (config: object) => bySchema(bridgeConfigSchema, config, { file: 'bridge.yaml' });
    expect(() => read({ local: { url: 'mqtt://x' }, topic: [] })).toThrow(/bridge\.yaml: remote/);
    const rules = { local: { url: 'mqtt://x' }, remote: { url: 'mqtt://y' }, topics: ['topic a sideways'] };
    expect(() => read(rules)).toThrow('"sideways"');
  });
});
