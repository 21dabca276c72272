/** The API while the broker is away: it answers, keeps no caller waiting, and goes on when the broker is back. */
import { expect, it } from 'vitest';
import { createEmbeddedBroker } from '../../platform/databus/embedded.ts';
import { mqttDatabus } from '../../platform/databus/mqtt.ts';
import { openBench } from './api-desk.ts';

it('a broker that goes and comes back ends nothing; orders meanwhile get 503 and take effect when they are sent again', async () => {
  const open = (port: number) => createEmbeddedBroker({ name: 'databus', port, onPublish: () => {} });
  let broker = await open(0);
  const port = Number(new URL(broker.url).port);
  const bench = await openBench({}, mqttDatabus(broker.url, { reconnectMs: 100 }));
  /** What probes make of it: alive or not, it would be of no use to start it again. */
  const probes = async () => {
    const health = await bench.call('GET', '/health');
    const { status, databus } = health.json as { status: string; databus: string };
    expect(health.status).toBe(200);
    return [status, databus, (await bench.call('GET', '/ready')).status];
  };
  try {
    await bench.tick();
    expect((await bench.call('POST', '/v1/trigger', { useCase: 1, request: 'before' })).status).toBe(202);
    expect(await probes()).toEqual(['pass', 'connected', 200]);
    await broker.close();
    await expect.poll(probes).toEqual(['warn', 'away', 503]);
    const hold = { targetW: 5000, durationS: 600, request: 'meanwhile' };
    const turnedAway = await bench.call('POST', '/v1/setpoint', hold);
    expect(turnedAway.status).toBe(503);
    expect(turnedAway.headers.get('retry-after')).toBe('10');
    expect(turnedAway.json).toMatchObject({ detail: expect.stringContaining('within 5 s') as string });
    broker = await open(port);
    // Who is not back yet misses an instant or an order; so the caller sends it again, as the answer said.
    const state = async () => {
      await bench.call('POST', '/v1/setpoint', hold);
      await bench.publishTick();
      return ((await bench.call('GET', '/v1/orders/meanwhile')).json as { state: string }).state;
    };
    await expect.poll(state, { interval: 100 }).toBe('accepted');
    expect(await probes()).toEqual(['pass', 'connected', 200]);
    expect((await bench.call('GET', '/v1/orders/meanwhile')).json).toMatchObject({ state: 'accepted', useCase: 2 });
    expect((await bench.call('GET', '/v1/status')).json).toMatchObject({ useCase: 2, targetW: 5000 });
  } finally {
    await bench.close();
    await broker.close();
  }
});
