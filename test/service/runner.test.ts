/** A service completes an instant when tick, counts and upstream progress say so, and never before. */
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { formatInstant } from '../../platform/contract/time.ts';
import type { Progress } from '../../platform/contract/timing.ts';
import { topics } from '../../platform/contract/topics.ts';
import { createMemoryDatabus } from '../../platform/databus/memory.ts';
import { defineService, type Instant } from '../../platform/service/definition.ts';
import { startService } from '../../platform/service/runner.ts';

const START_US = Date.UTC(2021, 3, 1) * 1000;
const STEP_US = 10_000_000;
const at = (sequence: number) => START_US + (sequence - 1) * STEP_US;

interface RigOptions {
  readonly upstreams?: string[];
  readonly throwAt?: number;
  readonly onFinish?: () => void;
}

/** A service that notes what it was given, and answers every PMU message with one of kind `power`. */
function notingService(instants: Instant[], options: RigOptions = {}) {
  return defineService({
    name: 'noting',
    summary: 'notes what it was given',
    configSchema: z.strictObject({}),
    inputs: () => [
      topics.bridgedMeasurement('abbenhausen', 'pmu', '+'),
      topics.forecast('abbenhausen', '+'),
      topics.repudiation('abbenhausen', '+'),
    ],
    streams: () => ['bal'],
    upstreams: () => options.upstreams ?? [],
    create: () => ({
      step(instant) {
        if (instant.sequence === options.throwAt) throw new Error('boom');
        instants.push(instant);
        return instant.inputs
          .filter(({ kind }) => kind === 'pmu')
          .map(({ message }) => ({ topic: topics.power('abbenhausen', 'pmu-1'), message: message as object }));
      },
      finish() {
        options.onFinish?.();
        return Promise.resolve();
      },
    }),
  });
}

async function rig(options: RigOptions = {}) {
  const databus = createMemoryDatabus();
  const instants: Instant[] = [];
  const progress: Progress[] = [];
  const failures: Error[] = [];
  const log = { info() {}, warn() {}, error() {} };
  const definition = notingService(instants, options);
  const onFailure = (error: Error) => failures.push(error);
  const service = await startService({ definition, config: {}, databus, log, onFailure });
  const world = await databus.connect({
    clientId: 'world',
    onMessage: (_topic, payload) => {
      progress.push(JSON.parse(Buffer.from(payload).toString()) as Progress);
    },
  });
  await world.subscribe([topics.progress('noting')]);
  const send = async (topic: string, message: object | string) => {
    await world.publish(topic, Buffer.from(typeof message === 'string' ? message : JSON.stringify(message)));
    await settle();
  };
  const tick = (sequence: number, published: Record<string, number> = {}, extra: object = {}) =>
    send(topics.bridgedTick, {
      schema: 'platone.tick/1',
      runId: 'r',
      stream: 'bal',
      timeUs: at(sequence),
      sequence,
      published,
      ...extra,
    });
  return { instants, progress, failures, send, tick, service };
}

/** Lets every promise that is under way come to rest. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
}

function frame(sequence: number, device = 'pmu-1', instant = at(sequence)) {
  return {
    schema: 'platone.measurement/1',
    device,
    timestamp: formatInstant(instant),
    sequence,
    readings: [{ component: 'bus:1', measurand: 'frequency', phase: 'total', data: 50 }],
  };
}

const pmuTopic = (device = 'pmu-1') => topics.bridgedMeasurement('abbenhausen', 'pmu', device);

describe('a service on the databus', () => {
  it('answers the announcement of a run with progress 0', async () => {
    const { progress, tick } = await rig();
    await tick(0);
    expect(progress).toMatchObject([{ service: 'noting', sequence: 0, inputs: {}, outputs: {} }]);
  });

  it('computes on the tick, publishes its outputs, then its progress with counts', async () => {
    const { instants, progress, send, tick } = await rig();
    await send(pmuTopic(), frame(1));
    expect(instants).toEqual([]);
    await tick(1, { pmu: 1, 'smart-meter': 90 });
    expect(instants).toMatchObject([{ timeUs: at(1), sequence: 1 }]);
    expect(progress).toMatchObject([{ sequence: 1, inputs: { pmu: 1 }, outputs: { power: 1 } }]);
  });

  it('sorts the inputs of an instant by topic and sequence, whatever the order of arrival', async () => {
    const { instants, send, tick } = await rig();
    await send(pmuTopic('pmu-2'), frame(1, 'pmu-2'));
    await send(pmuTopic(), { ...frame(1), sequence: 5 });
    await send(pmuTopic(), frame(1));
    await tick(1, { pmu: 3 });
    const order = instants[0]?.inputs.map(({ message }) => message as { device: string; sequence: number });
    expect(order?.map(({ device, sequence }) => `${device} ${sequence}`)).toEqual(['pmu-1 1', 'pmu-1 5', 'pmu-2 1']);
  });

  it('waits for messages that the tick promises', async () => {
    const { instants, send, tick } = await rig();
    await tick(1, { pmu: 1 });
    expect(instants).toHaveLength(0);
    await send(pmuTopic(), frame(1));
    // It came behind its tick: it belongs to the next instant, and the first one stays short of it.
    expect(instants).toHaveLength(0);
  });

  it('goes on when forced, and names what is missing', async () => {
    const { progress, tick } = await rig();
    await tick(1, { pmu: 2 });
    await tick(1, { pmu: 2 }, { forced: true });
    expect(progress).toMatchObject([{ sequence: 1, inputs: {}, missing: { pmu: 2 } }]);
  });

  it('takes a message that a tick overtook as late, and the instant as short of it', async () => {
    const { instants, progress, send, tick } = await rig();
    await tick(1, { pmu: 1 });
    await send(pmuTopic(), frame(1));
    await tick(2, {});
    expect(progress).toMatchObject([
      { sequence: 1, missing: { pmu: 1 } },
      { sequence: 2, inputs: { pmu: 1 }, late: { pmu: 1 } },
    ]);
    expect(instants[1]?.inputs[0]?.late).toBe(true);
  });

  it('waits for the progress of its upstreams and takes as many of their outputs as it counts', async () => {
    const { instants, progress, send, tick } = await rig({ upstreams: ['forecasting'] });
    const forecast = (instant: number) => ({
      schema: 'platone.forecast/1',
      issuer: 'forecasting',
      timestamp: formatInstant(instant),
      start: formatInstant(instant),
      stepUs: 1,
      series: [],
    });
    await tick(1);
    await send(topics.forecast('abbenhausen', 'forecasting'), forecast(at(1)));
    await send(topics.forecast('abbenhausen', 'forecasting'), forecast(at(2)));
    expect(instants).toHaveLength(0);
    const head = { schema: 'platone.progress/1', runId: 'r', service: 'forecasting', instance: '0', inputs: {} };
    await send(topics.progress('forecasting'), { ...head, timeUs: at(1), sequence: 1, outputs: { forecast: 1 } });
    expect(instants[0]?.inputs).toHaveLength(1);
    await tick(2);
    await send(topics.progress('forecasting'), { ...head, timeUs: at(2), sequence: 2, outputs: { forecast: 1 } });
    expect(instants[1]?.inputs).toHaveLength(1);
    expect(progress.map(({ inputs }) => inputs)).toEqual([{ forecast: 1 }, { forecast: 1 }]);
  });

  it('holds feedback of services that it does not wait for until the next instant', async () => {
    const { instants, send, tick } = await rig();
    const repudiation = { schema: 'platone.repudiation/1', device: 'pmu-1', reason: 'chain-broken' };
    await send(topics.repudiation('abbenhausen', 'pmu-1'), {
      ...repudiation,
      timestamp: formatInstant(at(1)),
      fromIndex: 0,
      untilIndex: 1,
    });
    await tick(1);
    await tick(2);
    expect(instants.map(({ inputs }) => inputs.length)).toEqual([0, 1]);
  });

  it('refuses what it cannot read, under a reason, and goes on', async () => {
    const { progress, send, tick } = await rig();
    await send(pmuTopic(), 'not json');
    await send(pmuTopic(), { ...frame(1), readings: [] });
    await send(pmuTopic(), JSON.stringify(frame(1)).replace('"data":50', '"data":null'));
    await send(pmuTopic(), frame(1, 'somebody-else'));
    await send(pmuTopic(), { ...frame(1), timestamp: 'yesterday' });
    await send(pmuTopic(), frame(1));
    await tick(1, { pmu: 6 });
    expect(progress[0]?.inputs).toEqual({ pmu: 6 });
    expect(progress[0]?.refused).toEqual({
      pmu: { 'not-json': 1, 'wrong-schema': 2, 'not-a-number': 1, 'wrong-device': 1 },
    });
    expect(progress[0]?.outputs).toEqual({ power: 1 });
  });

  it('ignores a byte-identical repetition and counts it', async () => {
    const { instants, progress, send, tick } = await rig();
    await send(pmuTopic(), frame(1));
    await send(pmuTopic(), frame(1));
    await tick(1, { pmu: 1 });
    expect(instants[0]?.inputs).toHaveLength(1);
    expect(progress[0]).toMatchObject({ inputs: { pmu: 2 }, duplicates: { pmu: 1 } });
  });

  it('does not take a repetition for the message that is missing', async () => {
    const { instants, progress, send, tick } = await rig();
    await send(pmuTopic(), frame(1));
    await send(pmuTopic(), frame(1));
    await tick(1, { pmu: 2 });
    expect(instants).toHaveLength(0);
    await tick(1, { pmu: 2 }, { forced: true });
    expect(progress[0]).toMatchObject({ inputs: { pmu: 2 }, duplicates: { pmu: 1 }, missing: { pmu: 1 } });
  });

  it('does not take the progress of another run for that of its own upstreams', async () => {
    const { instants, send, tick } = await rig({ upstreams: ['model'] });
    const head = { schema: 'platone.progress/1', service: 'model', instance: '0', inputs: {}, outputs: {} };
    await tick(0);
    await send(topics.progress('model'), { ...head, runId: 'another', timeUs: at(9), sequence: 9 });
    await tick(1);
    expect(instants).toHaveLength(0);
    await send(topics.progress('model'), { ...head, runId: 'r', timeUs: at(1), sequence: 1 });
    expect(instants).toHaveLength(1);
  });

  it('takes the progress of an upstream that is ahead of the first tick', async () => {
    const { instants, send, tick } = await rig({ upstreams: ['model'] });
    const head = { schema: 'platone.progress/1', service: 'model', instance: '0', inputs: {}, outputs: {} };
    await send(topics.progress('model'), { ...head, runId: 'r', timeUs: at(7), sequence: 7 });
    await tick(7);
    expect(instants).toHaveLength(1);
  });

  it('resumes at the next tick when it comes up in mid-run', async () => {
    const { instants, send, tick } = await rig();
    await send(pmuTopic(), frame(7));
    await tick(7, { pmu: 1 });
    expect(instants).toMatchObject([{ sequence: 7, inputs: [{ kind: 'pmu' }] }]);
  });

  it('is told to finish when it is stopped in mid-run, once, and not before it has done anything', async () => {
    let finished = 0;
    const onFinish = () => (finished += 1);
    const idle = await rig({ onFinish });
    await idle.service.stop();
    expect(finished).toBe(0);
    const busy = await rig({ onFinish });
    await busy.tick(1);
    await busy.service.stop();
    expect(finished).toBe(1);
    const done = await rig({ onFinish });
    await done.tick(1, {}, { final: true });
    await done.service.stop();
    expect(finished).toBe(2);
  });

  it('reports the death of its core', async () => {
    const { failures, tick } = await rig({ throwAt: 2 });
    await tick(1);
    await tick(2);
    expect(failures.map(({ message }) => message)).toEqual(['boom']);
  });
});
