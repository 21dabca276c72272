/** A balancer with its API on a free loopback port and a databus in memory, for tests that call it as strangers do. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { projectRoot } from '../../grids/project-root.ts';
import { examples } from '../../platform/balancer/rest/examples.ts';
import { balancerHttp } from '../../platform/balancer/rest/http-side.ts';
import type { Measurand, Measurement, Reading } from '../../platform/contract/measurement.ts';
import { createLightNode } from '../../sim/access-layer/light-node.ts';
import { balancer } from '../../platform/balancer/service.ts';
import { formatInstant, parseInstant } from '../../platform/contract/time.ts';
import { topics } from '../../platform/contract/topics.ts';
import type { Databus, DatabusConnection } from '../../platform/databus/databus.ts';
import { createMemoryDatabus } from '../../platform/databus/memory.ts';
import { startService } from '../../platform/service/runner.ts';

export const token = 'a-token-of-the-test-0123456789';
const startUs = parseInstant('2021-04-01T12:00:00+02:00');
const PERIOD_US = 10e6;

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly json: unknown;
  readonly text: string;
}

export interface Bench {
  readonly url: string;
  /** What the API and the service wrote to their log. */
  readonly logged: readonly string[];
  call(method: string, path: string, body?: unknown, headers?: Readonly<Record<string, string>>): Promise<Answer>;
  /** Breaker power and telemetry of the next instant, and its tick; resolves when the balancer has finished it. */
  tick(): Promise<void>;
  /** The same without waiting for the balancer, which may not be there. */
  publishTick(): Promise<void>;
  /** Messages that were published below a topic. */
  published(prefix: string): readonly object[];
  close(): Promise<void>;
}

/** A week in steps of 15 min, optimised: whoever asks meanwhile finds it under way, also on a busy machine. */
export function weekLong() {
  const { value } = examples.optimised;
  const times = Array.from({ length: 672 }, (_, k) => formatInstant(startUs + k * 900e6));
  const values = times.map((timestamp, k) => {
    return { timestamp, P_gen_kW: 40 * Math.max(0, Math.sin((k - 24) / 15)), P_load_kW: 30 };
  });
  return {
    ...value,
    uc_start: times[0],
    uc_end: times.at(-1),
    day_end: times.at(-1),
    P_net_after_kW_limitation: [],
    generation_and_load: { values },
  };
}

/** The plan's thread runs from the build. */
export function buildOnce(): void {
  execFileSync(process.execPath, [join(projectRoot(), 'bin', 'twin.mjs'), '--help'], { stdio: 'pipe' });
}

export async function openBench(settings: object = {}, databus: Databus = createMemoryDatabus()): Promise<Bench> {
  const logged: string[] = [];
  const note = (data: object, message: string) => void logged.push(`${message} ${JSON.stringify(data)}`);
  const log = { info: note, warn: note, error: note };
  const onFailure = (error: Error) => {
    throw error;
  };
  const config = balancer.configSchema.parse({
    mode: 'near-real-time',
    site: 'germany',
    battery: { device: 'cbes', ratedPowerW: 300e3, capacityWh: 800e3, socMin: 0.0875, socMax: 0.875 },
    breaker: { device: 'pmu-breaker', component: 'branch:transformer:to', importSign: -1 },
  });
  const service = await startService({ definition: balancer, config, databus, log, onFailure });
  const http = await balancerHttp.open({
    settings: balancerHttp.settingsSchema.parse({ port: 0, token, ...settings }),
    config,
    service,
    databus,
    instance: '0',
    log,
    onFailure,
  });
  const messages: { topic: string; message: object }[] = [];
  const world = await databus.connect({
    clientId: 'world',
    onMessage: (topic, payload) => {
      messages.push({ topic, message: JSON.parse(Buffer.from(payload).toString()) as object });
    },
  });
  await world.subscribe(['#']);
  let sequence = 0;
  const publishTick = async () => {
    sequence += 1;
    await publishInstant(world, sequence);
  };
  return {
    url: http.url,
    logged,
    call: (method, path, body, headers) => call(`${http.url}${path}`, method, body, headers),
    publishTick,
    async tick() {
      await publishTick();
      while (service.watermarkUs() !== startUs + sequence * PERIOD_US)
        await new Promise((resolve) => setImmediate(resolve));
    },
    published: (prefix) => messages.filter(({ topic }) => topic.startsWith(prefix)).map(({ message }) => message),
    async close() {
      await http.close();
      await service.stop();
      await world.close();
    },
  };
}

async function call(
  url: string,
  method: string,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  const response = await fetch(url, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  const isJson = response.headers.get('content-type')?.includes('json') === true;
  return { status: response.status, headers: response.headers, text, json: isJson ? JSON.parse(text) : undefined };
}

/** Certifies what the battery says, as its light node does. */
const node = createLightNode({ seed: 'test', site: 'germany', kind: 'bess', device: 'cbes', blockLength: 4 });

/** What power calculation, battery and ticker say of instant `sequence`, 10 s after the one before. */
export async function publishInstant(world: DatabusConnection, sequence: number): Promise<void> {
  const timeUs = startUs + sequence * PERIOD_US;
  const timestamp = formatInstant(timeUs);
  const send = (topic: string, message: object) => world.publish(topic, Buffer.from(JSON.stringify(message)));
  const reading = (component: string, measurand: Measurand, data: number): Reading => ({
    component,
    measurand,
    phase: 'total',
    data,
  });
  const head = { schema: 'platone.measurement/1', timestamp, sequence } as const;
  const telemetry: Measurement = {
    ...head,
    device: 'cbes',
    readings: [reading('battery:cbes', 'activepower', 0), reading('battery:cbes', 'stateofcharge', 0.5)],
  };
  await send(topics.bridgedMeasurement('germany', 'bess', 'cbes'), node.seal(telemetry).message);
  await send(topics.power('germany', 'pmu-breaker'), {
    ...head,
    device: 'pmu-breaker',
    readings: [reading('branch:transformer:to', 'activepower', 40e3)],
  });
  await send(topics.progress('power-calculation'), {
    schema: 'platone.progress/1',
    runId: 'test',
    service: 'power-calculation',
    instance: '0',
    timeUs,
    sequence,
    inputs: {},
    outputs: { power: 1 },
  });
  await send(topics.bridgedTick, {
    schema: 'platone.tick/1',
    runId: 'test',
    stream: 'bal',
    timeUs,
    sequence,
    published: { bess: 1 },
  });
}
