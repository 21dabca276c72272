/** In lock-step: a forged block is believed until its end, and from the next instant on by nobody. */
import { expect, it } from 'vitest';
import { z } from 'zod';
import { certificateCheck } from '../../platform/certificate-check/service.ts';
import { createIntakeVerifier } from '../../platform/contract/intake-verifier.ts';
import type { Progress } from '../../platform/contract/timing.ts';
import { topics } from '../../platform/contract/topics.ts';
import { createMemoryDatabus } from '../../platform/databus/memory.ts';
import { defineService } from '../../platform/service/definition.ts';
import { startService } from '../../platform/service/runner.ts';
import { keyRegister, type Forgery } from '../../sim/access-layer/light-node.ts';
import { lightNode, measurement } from './messages.ts';

/** A service that does nothing but read measurements. */
const reading = defineService({
  name: 'reading',
  summary: 'reads',
  configSchema: z.object({}),
  inputs: () => [topics.bridgedMeasurement('germany', '+', '+')],
  streams: () => ['bal'],
  upstreams: () => [],
  create: () => ({ step: () => [] }),
});

/** What `reading` refused at each instant while the device forges as told. */
async function refusals(instants: number, forgeries: Readonly<Record<number, Forgery>>): Promise<string[]> {
  const databus = createMemoryDatabus();
  const node = lightNode();
  const common = {
    databus,
    verifier: createIntakeVerifier(),
    log: { info() {}, warn() {}, error() {} },
    onFailure: (error: Error) => {
      throw error;
    },
  };
  const config = certificateCheck.configSchema.parse({ site: 'germany', keys: keyRegister([node]) });
  const services = [
    await startService({ ...common, definition: certificateCheck, config }),
    await startService({ ...common, verifier: createIntakeVerifier(), definition: reading, config: {} }),
  ];
  const progress: Progress[] = [];
  const world = await databus.connect({
    clientId: 'world',
    onMessage: (_topic, payload) => {
      progress.push(JSON.parse(Buffer.from(payload).toString()) as Progress);
    },
  });
  await world.subscribe([topics.progress('+')]);
  const results: string[] = [];
  for (let sequence = 1; sequence <= instants; sequence++) {
    const message = measurement(sequence - 1);
    const timeUs = Date.parse(message.timestamp) * 1000;
    const certified = node.seal(message, forgeries[sequence - 1]).message;
    const topic = topics.bridgedMeasurement('germany', 'smart-meter', 'meter-1');
    await world.publish(topic, Buffer.from(JSON.stringify(certified)));
    const tick = {
      schema: 'platone.tick/1',
      runId: 'r',
      stream: 'bal',
      timeUs,
      sequence,
      published: { 'smart-meter': 1 },
    };
    await world.publish(topics.bridgedTick, Buffer.from(JSON.stringify(tick)));
    const done = () => progress.filter((each) => each.sequence === sequence);
    await expect.poll(() => done().length, { interval: 1 }).toBe(2);
    const refused = done().find(({ service }) => service === 'reading')?.refused;
    results.push(refused === undefined ? 'believed' : JSON.stringify(refused));
  }
  for (const service of services) await service.stop();
  return results;
}

it('a genuine source is believed throughout', async () => {
  expect(new Set(await refusals(9, {}))).toEqual(new Set(['believed']));
});

it('a block signed with a strange key exposes one block and costs the next, then the source is believed again', async () => {
  const repudiated = '{"smart-meter":{"repudiated":1}}';
  expect(await refusals(10, { 1: 'signature' })).toEqual([
    ...Array<string>(4).fill('believed'),
    ...Array<string>(4).fill(repudiated),
    ...Array<string>(2).fill('believed'),
  ]);
});

it('tampered content and broken chains are refused at the instant at which they come', async () => {
  expect(await refusals(6, { 1: 'hash', 3: 'chain' })).toEqual([
    'believed',
    '{"smart-meter":{"hash-mismatch":1}}',
    'believed',
    '{"smart-meter":{"chain-broken":1}}',
    'believed',
    'believed',
  ]);
});
