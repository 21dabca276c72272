/** Which messages belong to which instant, where instants are counted from anywhere. */
import { expect, test } from 'vitest';
import type { Tick } from '../../platform/contract/timing.ts';
import { Roads } from '../../platform/service/roads.ts';

const tick = (sequence: number, pmus = 0): Tick => ({
  schema: 'platone.tick/1',
  runId: 'field',
  stream: 'bal',
  timeUs: sequence * 1e6,
  sequence,
  published: pmus === 0 ? {} : { pmu: pmus },
});
const arrival = (name: string) => ({ topic: `/bal/s/pmu/${name}`, kind: 'pmu', payload: new Uint8Array() });

test('a ticker that counts seconds since the epoch does not make a service count up to it', () => {
  const roads = new Roads({ filters: ['/bal/s/pmu/+'], streams: ['bal'], upstreams: [], taggedUs: () => 0 });
  const first = 1_795_377_597;
  roads.data(arrival('before'));
  // From number to number this would be minutes.
  expect(roads.tick(tick(first, 1))).toBe(true);
  expect(roads.take()).toMatchObject({ sequence: first, arrivals: [{ topic: '/bal/s/pmu/before' }], missing: {} });
  roads.data(arrival('next'));
  expect(roads.tick(tick(first + 1, 1))).toBe(true);
  expect(roads.take()).toMatchObject({ sequence: first + 1, arrivals: [{ topic: '/bal/s/pmu/next' }] });
});

test('when ticks were lost with the broker, the service goes on at the newest with what has come since', () => {
  const roads = new Roads({ filters: ['/bal/s/pmu/+'], streams: ['bal'], upstreams: ['maker'], taggedUs: () => 0 });
  const progress = (sequence: number) => ({
    schema: 'platone.progress/1' as const,
    runId: 'field',
    service: 'maker',
    instance: '0',
    timeUs: sequence * 1e6,
    sequence,
    inputs: {},
    outputs: {},
  });
  roads.tick(tick(7));
  roads.progress(progress(7));
  expect(roads.take()?.sequence).toBe(7);
  roads.data(arrival('a'));
  roads.tick(tick(12, 1));
  // The upstream missed them too, and has not caught up yet.
  expect(roads.take()).toBeUndefined();
  roads.progress(progress(12));
  expect(roads.take()).toMatchObject({ sequence: 12, arrivals: [{ topic: '/bal/s/pmu/a' }], missing: {} });
  expect(roads.take()).toBeUndefined();
});
