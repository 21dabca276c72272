/** `twin serve balancer` with an `http` section, as in the field: an embedded broker, a ticking world, real processes. */
import { spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { projectRoot } from '../../grids/project-root.ts';
import { createEmbeddedBroker } from '../../platform/databus/embedded.ts';
import { mqttDatabus } from '../../platform/databus/mqtt.ts';
import { parseInstant } from '../../platform/contract/time.ts';
import type { DatabusConnection } from '../../platform/databus/databus.ts';
import { buildOnce, publishInstant, token } from './api-desk.ts';

const launcher = join(projectRoot(), 'bin', 'twin.mjs');
const service = {
  mode: 'near-real-time',
  site: 'germany',
  battery: { device: 'cbes', ratedPowerW: 300e3, capacityWh: 800e3, socMin: 0.0875, socMax: 0.875 },
  breaker: { device: 'pmu-breaker', component: 'branch:transformer:to', importSign: -1 },
};
let folder = '';
let broker: Awaited<ReturnType<typeof createEmbeddedBroker>>;
let world: DatabusConnection;
beforeAll(async () => {
  buildOnce();
  folder = await mkdtemp(join(tmpdir(), 'twin-serve-'));
  broker = await createEmbeddedBroker({ name: 'databus', port: 0, onPublish: () => {} });
  world = await mqttDatabus(broker.url).connect({ clientId: 'world', onMessage: () => {} });
});
afterAll(async () => {
  await world.close();
  await broker.close();
  await rm(folder, { recursive: true });
});

interface Served {
  readonly child: ChildProcess;
  /** Address of the API, once the service says that it is up. */
  readonly url: Promise<string>;
  /** What it has written so far. */
  readonly said: () => string;
  readonly ended: Promise<{ readonly code: number | null; readonly words: string }>;
}

async function serve(settings: object, environment: Readonly<Record<string, string>> = {}): Promise<Served> {
  const file = join(folder, `balancer-${randomUUID()}.json`);
  await writeFile(file, JSON.stringify({ databus: { url: broker.url, reconnectMs: 0 }, service, ...settings }));
  const child = spawn(process.execPath, [launcher, 'serve', 'balancer', '--config', file], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...environment },
  });
  let words = '';
  const url = new Promise<string>((resolve) => {
    const listen = (chunk: Buffer) => {
      words += chunk.toString();
      const found = /"http":"([^"]+)"/.exec(words)?.[1];
      if (found !== undefined) resolve(found);
    };
    child.stdout.on('data', listen);
    child.stderr.on('data', listen);
  });
  const ended = new Promise<{ code: number | null; words: string }>((resolve) => {
    child.once('close', (code) => resolve({ code, words }));
  });
  return { child, url, said: () => words, ended };
}

describe('the balancer served with its API', () => {
  it('takes orders, follows them from the next tick on, and ends cleanly when told to', async () => {
    const settings = { http: { port: 0 }, health: { port: 0 } };
    const { child, url, said, ended } = await serve(settings, { TWIN_HTTP_TOKEN: token });
    const at = await url;
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    const call = async (path: string, body?: object) => {
      const response = await fetch(`${at}${path}`, {
        headers,
        ...(body !== undefined && { method: 'POST', body: JSON.stringify(body) }),
      });
      return { status: response.status, json: (await response.json()) as Record<string, unknown> };
    };
    await publishInstant(world, 1);
    const watermark = (sequence: number) => `2021-04-01T10:00:${sequence}0Z`;
    await expect.poll(async () => (await call('/health')).json['watermark']).toBe(watermark(1));
    // Every service has this one, with or without an API.
    const health = await fetch(/"health":"([^"]+)"/.exec(said())?.[1] ?? '');
    expect(await health.json()).toMatchObject({ watermarkUs: parseInstant(watermark(1)), databus: 'connected' });
    // 40 kW leave the breaker's channel, which counts exports: an import of -40 kW, so the island charges 40 kW.
    await expect
      .poll(async () => (await call('/v1/status')).json['setpoints'])
      .toMatchObject([{ device: 'cbes', activePowerW: -40_000 }]);

    const ordered = await call('/v1/setpoint', { targetW: -15_000, durationS: 600, request: 'hold' });
    expect([ordered.status, ordered.json['state']]).toEqual([202, 'pending']);
    await publishInstant(world, 2);
    await expect.poll(async () => (await call('/v1/orders/hold')).json['state']).toBe('accepted');
    const status = await call('/v1/status');
    expect(status.json).toMatchObject({
      useCase: 2,
      targetW: -15_000,
      setpoints: [{ device: 'cbes', activePowerW: -25_000 }],
    });

    child.kill('SIGTERM');
    const { code, words } = await ended;
    expect([0, 40]).toContain(code);
    expect(words).not.toContain(token);
    await expect(fetch(`${at}/health`)).rejects.toThrow('fetch failed');
  });

  it('takes its token from a file, that of the environment before that of the configuration', async () => {
    const other = `${token}-of-the-environment`;
    await writeFile(join(folder, 'token'), `${token}\n`);
    await writeFile(join(folder, 'other'), other);
    const statusWith = async (served: Served, bearer: string) =>
      (await fetch(`${await served.url}/v1/status`, { headers: { authorization: `Bearer ${bearer}` } })).status;
    const follows = async (environment: Readonly<Record<string, string>>, right: string, wrong: string) => {
      // Two of one name at one broker would throw each other out.
      const served = await serve({ instance: `${right.length}`, http: { port: 0, tokenFile: 'token' } }, environment);
      expect([await statusWith(served, right), await statusWith(served, wrong)]).toEqual([200, 401]);
      served.child.kill('SIGTERM');
      expect((await served.ended).words).not.toContain(token);
    };
    const [nowhere, twice] = await Promise.all([
      serve({ http: { port: 0, tokenFile: 'lost' } }).then(({ ended }) => ended),
      serve({ http: { port: 0, token, tokenFile: 'token' } }).then(({ ended }) => ended),
      follows({}, token, other),
      follows({ TWIN_HTTP_TOKEN_FILE: join(folder, 'other') }, other, token),
    ]);
    expect([nowhere.code, nowhere.words]).toEqual([
      10,
      expect.stringMatching(/http\.tokenFile: .*lost: file does not/),
    ]);
    expect([twice.code, twice.words]).toEqual([
      10,
      expect.stringContaining('http.token: stands here and in tokenFile'),
    ]);
  });

  it('a port in use, a missing token, a section that is wrong, a service without an API: a sentence and its exit code', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as { port: number };
    const ended = async (settings: object, environment?: Readonly<Record<string, string>>) =>
      (await serve(settings, environment)).ended;
    const [inUse, health, open, wrong] = await Promise.all([
      ended({ http: { port } }, { TWIN_HTTP_TOKEN: token }),
      ended({ health: { port: -1 } }),
      ended({ http: { port: 0 } }),
      ended({ http: { port: 0, token, colour: 'red' } }),
    ]);
    other.close();
    expect([inUse.code, inUse.words]).toEqual([30, expect.stringContaining(`127.0.0.1:${port}: the port is in use`)]);
    expect([health.code, health.words]).toEqual([10, expect.stringContaining('health.port')]);
    expect([open.code, open.words]).toEqual([10, expect.stringContaining('http.token: is missing')]);
    expect([wrong.code, wrong.words]).toEqual([10, expect.stringContaining('colour')]);
  });
});
