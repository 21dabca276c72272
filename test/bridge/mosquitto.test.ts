/** A real Mosquitto with the configuration that we print carries the same messages to the same topics as our bridge. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { startBridge } from '../../platform/bridge/bridge.ts';
import { bridgeConfigSchema, bridgeRules, mosquittoConf, type BridgeConfig } from '../../platform/bridge/config.ts';
import { defaultTopicRules } from '../../platform/bridge/rules.ts';
import { mqttDatabus } from '../../platform/databus/mqtt.ts';
import { accessLayerAccounts, bridgeAccount } from '../../sim/access-layer/accounts.ts';
import { createEmbeddedBroker } from '../../platform/databus/embedded.ts';
import { atEnd, broker, closeAll, listener, writer } from './brokers.ts';

/** Machines are shared and slow at times: how long a test waits for what has to happen. */

const binary = ['/usr/sbin/mosquitto', '/usr/local/sbin/mosquitto', '/opt/homebrew/sbin/mosquitto'].find(existsSync);
const notice = binary === undefined ? ' (skipped: mosquitto is not installed)' : '';

afterEach(closeAll);

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Starts Mosquitto with our configuration for these brokers; it ends with the test. */
async function mosquitto(config: BridgeConfig): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'twin-mosquitto-'));
  const file = join(folder, 'mosquitto.conf');
  writeFileSync(file, mosquittoConf(config, { port: await freePort() }));
  const child: ChildProcess = spawn(binary ?? '', ['-c', file], { stdio: 'ignore' });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  atEnd(async () => {
    child.kill('SIGTERM');
    await ended;
    rmSync(folder, { recursive: true });
  });
}

async function ours(config: BridgeConfig): Promise<void> {
  const bridge = await startBridge({
    rules: bridgeRules(config.topics),
    local: { databus: mqttDatabus(config.local.url) },
    remote: { databus: mqttDatabus(config.remote.url) },
    onFailure: (error) => {
      throw error;
    },
  });
  atEnd(() => bridge.stop());
}

/** What arrives on both sides when every topic is published on both sides, with `carry` between the brokers. */
async function outcome(
  carry: (config: BridgeConfig) => Promise<void>,
  topicLines: readonly string[],
  topics: readonly string[],
) {
  const [bal, dsotp] = [await broker('access layer'), await broker('databus')];
  const [atBal, atDsotp] = [await listener(bal.url, ['#']), await listener(dsotp.url, ['#'])];
  const config = bridgeConfigSchema.parse({
    local: { url: dsotp.url },
    remote: { url: bal.url },
    topics: [
      ...topicLines,
      'topic probe in 1 probe/to-local/ probe/at-remote/',
      'topic probe out 1 probe/at-local/ probe/to-remote/',
    ],
  });
  await carry(config);
  const [atBalWriter, atDsotpWriter] = [await writer(bal.url), await writer(dsotp.url)];
  const bothWays = () => [atBal, atDsotp].every((seen) => seen.some((line) => line.startsWith('probe/to-')));
  await expect
    .poll(
      async () => {
        await atBalWriter.publish('probe/at-remote/probe', Buffer.from('up'));
        await atDsotpWriter.publish('probe/at-local/probe', Buffer.from('up'));
        return bothWays();
      },
      { interval: 100 },
    )
    .toBe(true);
  for (const [index, topic] of topics.entries()) {
    await atBalWriter.publish(topic, Buffer.from(`bal ${index}`));
    await atDsotpWriter.publish(topic, Buffer.from(`dsotp ${index}`));
  }
  // Each direction keeps its order: when the last probe is there, so is all before it.
  await atBalWriter.publish('probe/at-remote/probe', Buffer.from('last'));
  await atDsotpWriter.publish('probe/at-local/probe', Buffer.from('last'));
  await expect.poll(() => atDsotp).toContain('probe/to-local/probe last');
  await expect.poll(() => atBal).toContain('probe/to-remote/probe last');
  const data = (seen: readonly string[]) => seen.filter((line) => !line.startsWith('probe/')).toSorted();
  await closeAll();
  return { atBal: data(atBal), atDsotp: data(atDsotp) };
}

describe.skipIf(binary === undefined)(`our bridge and Mosquitto${notice}`, () => {
  it('agree on the rules of the platform', async () => {
    const topics = [
      'platone/dsotp/germany/pmu/pmu-breaker',
      'platone/dsotp/time/tick',
      'platone/dsotp',
      'platone/dsotp/',
      'platone/dsotp//x',
      'platone/setpoint/germany/cbes',
      'platone/time/progress/balancer',
      'setpoint/germany/cbes',
      'setpoint',
      'setpoint/',
      'dsotp/time/progress/state-estimation',
      'dsotp/estimate/germany/wls',
      '/bal/germany/pmu/pmu-breaker',
      'other',
    ];
    const real = await outcome(mosquitto, defaultTopicRules, topics);
    expect(await outcome(ours, defaultTopicRules, topics)).toEqual(real);
    expect(real.atDsotp).toContain('/bal/germany/pmu/pmu-breaker bal 0');
    expect(real.atBal).toContain('platone/setpoint/germany/cbes dsotp 7');
  });

  it("agree on patterns, prefixes that end within a level, single topics and the first rule's right", async () => {
    const lines = [
      'topic # in 1 local/topic/ remote/topic/',
      'topic prefix/# in 1 local2/topic/ remote2/topic/',
      'topic +/value in 1 local3/topic/ remote3/topic/',
      'topic ic/+ in 1 local4/top remote4/tip',
      'topic rmapped in 1 "" remote/mapped/',
      'topic lmapped in 1 local/mapped/ ""',
      'topic "" in 1 local/single remote/single',
      'topic a/# in 1 first/ both/',
      'topic # in 1 second/ both/',
      'topic plain/+ in 1',
      'topic b/# out 1 from/ to/',
    ];
    const topics = [
      'remote/topic/something',
      'remote/topic',
      'remote2/topic/prefix/x/y',
      'remote2/topic/other',
      'remote3/topic/x/value',
      'remote3/topic/value',
      'remote4/tipic/something',
      'remote/mapped/rmapped',
      'lmapped',
      'remote/single',
      'both/a/x',
      'both/b/x',
      'plain/x',
      'plain/x/y',
      'from/b/c',
      'from/b',
      'from/c',
    ];
    const real = await outcome(mosquitto, lines, topics);
    expect(await outcome(ours, lines, topics)).toEqual(real);
    expect(real.atDsotp.length).toBeGreaterThan(topics.length);
  });

  it('Mosquitto logs in to the access layer with the account of the bridge', async () => {
    const accounts = accessLayerAccounts({ seed: 's', site: 'germany', devices: [{ kind: 'pmu', id: 'p' }] });
    const bal = await createEmbeddedBroker({ name: 'access layer', users: accounts.users });
    atEnd(() => bal.close());
    const dsotp = await broker('databus');
    const atDsotp = await listener(dsotp.url, ['/bal/#']);
    const remote = { url: bal.url, ...accounts.credentials(bridgeAccount) };
    await mosquitto(bridgeConfigSchema.parse({ local: { url: dsotp.url }, remote }));
    const device = await mqttDatabus(bal.url).connect({
      clientId: 'pmu-p',
      ...accounts.credentials('pmu-p'),
      onMessage: () => {},
    });
    atEnd(() => device.close());
    await expect
      .poll(
        async () => {
          await device.publish('platone/dsotp/germany/pmu/p', Buffer.from('x'));
          return atDsotp[0];
        },
        { interval: 100 },
      )
      .toBe('/bal/germany/pmu/p x');
  });
});
