/** The API while the broker is away: it answers, keeps no caller waiting, and goes on when the broker is back. */
import { expect, it } from 'vitest';
import { createEmbeddedBroker } from '../../platform/databus/embedded.ts';
import { mqttDatabus } from '../../platform/databus/mqtt.ts';
import { openBench } from './api-desk.ts';

it('a broker that goes and comes back ends nothing; orders meanwhile get 503 and take effect afterwards', async () => {
  const open = (port: number) => createEmbeddedBroker({ name: 'databus', port, onPublish: () => {} });
  let broker = await open(0);
  const port = Number(new URL(broker.url).port);
  const bench = await openBench({}, mqttDatabus(broker.url, { reconnectMs: 100 }));
  try {
    await bench.tick();
    expect((await bench.call('POST', '/v1/trigger', { useCase: 1, request: 'before' })).status).toBe(202);
    await broker.close();
    expect((await bench.call('GET', '/health')).status).toBe(200);
    const hold = { targetW: 5000, durationS: 600, request: 'meanwhile' };
    const turnedAway = await bench.call('POST', '/v1/setpoint', hold);
    expect(turnedAway.status).toBe(503);
    expect(turnedAway.headers.get('retry-after')).toBe('10');
    expect(turnedAway.json).toMatchObject({ detail: expect.stringContaining('within 5 s') as string });
    broker = await open(port);
    // Ten attempts to come back for every client.
    await new Promise((resolve) => setTimeout(resolve, 1000));
    // The order is under way as soon as the client has its connection again; it counts from the instant after.
    for (let instants = 0; instants < 20; instants += 1) {
      await bench.tick();
      const { json } = await bench.call('GET', '/v1/orders/meanwhile');
      if ((json as { state: string }).state === 'accepted') break;
    }
    expect((await bench.call('GET', '/v1/orders/meanwhile')).json).toMatchObject({ state: 'accepted', useCase: 2 });
    expect((await bench.call('GET', '/v1/status')).json).toMatchObject({ useCase: 2, targetW: 5000 });
  } finally {
    await bench.close();
    await broker.close();
  }
});
