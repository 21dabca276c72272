/** Orders over the API: refused with every fault, handed on as triggers, followed until they are answered. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openBench, type Bench } from './api-desk.ts';
import { faultsOf, operationAt } from './api-document.ts';

let bench: Bench;
beforeAll(async () => {
  bench = await openBench();
  await bench.tick();
});
afterAll(() => bench.close());

describe('orders', () => {
  const refusals: readonly (readonly [string, string, object, readonly string[]])[] = [
    ['/v1/trigger', 'no use case', {}, ['useCase']],
    ['/v1/trigger', 'a use case that there is not', { useCase: 5 }, ['useCase']],
    ['/v1/trigger', 'a hold without power and duration', { useCase: 2 }, ['targetW', 'durationS']],
    ['/v1/trigger', 'a power in a text', { useCase: 2, targetW: '50 kW', durationS: 60 }, ['targetW']],
    ['/v1/trigger', 'packages without slots', { useCase: 3, slots: [] }, ['slots']],
    [
      '/v1/trigger',
      'a slot with three faults',
      { useCase: 4, slots: [{ start: '2021-04-01', durationS: 0, powerW: -1 }] },
      ['slots[0].start', 'slots[0].durationS', 'slots[0].powerW'],
    ],
    ['/v1/trigger', 'a key of another use case', { useCase: 1, targetW: 3 }, ['targetW']],
    ['/v1/trigger', 'a slip of the pen', { useCase: 2, targetW: 1, durationS: 60, startt: 'now' }, ['startt']],
    ['/v1/setpoint', 'more than a year', { targetW: 1, durationS: 4e7 }, ['durationS']],
    ['/v1/setpoint', 'megawatts by mistake', { targetW: 5e10, durationS: 60 }, ['targetW']],
  ];
  it.each(refusals)('%s: %s is refused', async (path, _name, body, paths) => {
    const answer = await bench.call('POST', path, body);
    expect(answer.status).toBe(422);
    expect(await faultsOf(operationAt('POST', path), answer)).toBe('');
    const { errors } = answer.json as { errors: { path: string; hint?: string }[] };
    expect(errors.map((error) => error.path)).toEqual(paths);
  });

  it('a slip of the pen is told what was probably meant', async () => {
    const { json } = await bench.call('POST', '/v1/trigger', { useCase: 2, targetW: 1, durationS: 60, startt: 'now' });
    expect(json).toMatchObject({ errors: [{ path: 'startt', hint: 'did you mean "start"?' }] });
  });

  it('become triggers of the databus, in its time, and again under the same name until they are answered', async () => {
    const before = bench.published('dsotp/trigger').length;
    const { json, headers } = await bench.call('POST', '/v1/setpoint', {
      targetW: 20e3,
      durationS: 600,
      request: 'one/two',
    });
    await bench.call('POST', '/v1/setpoint', { targetW: 20e3, durationS: 600, request: 'one/two' });
    await expect.poll(() => bench.published('dsotp/trigger').length).toBe(before + 2);
    const [first, second] = bench.published('dsotp/trigger').slice(before);
    expect(second).toEqual(first);
    expect(first).toEqual({
      schema: 'platone.trigger/1',
      timestamp: '2021-04-01T10:00:10Z',
      issuer: 'rest',
      request: 'one/two',
      useCase: 2,
      targetW: 20_000,
      durationUs: 600e6,
    });
    expect(json).toMatchObject({ request: 'one/two', useCase: 2, state: 'pending' });
    expect(headers.get('location')).toBe('/v1/orders/one%2Ftwo');
    expect((await bench.call('GET', '/v1/orders/one%2Ftwo')).status).toBe(200);
  });

  it('another order under a name that is taken is a conflict, whatever the use case', async () => {
    const hold = { targetW: 10e3, durationS: 60, request: 'taken' };
    expect((await bench.call('POST', '/v1/setpoint', hold)).status).toBe(202);
    for (const [path, body] of [
      ['/v1/setpoint', { ...hold, targetW: 11e3 }],
      ['/v1/trigger', { useCase: 1, request: 'taken' }],
    ] as const) {
      const answer = await bench.call('POST', path, body);
      expect(answer.status).toBe(409);
      expect(await faultsOf(operationAt('POST', path), answer)).toBe('');
    }
    // The same thing said through the other door is the same thing.
    expect((await bench.call('POST', '/v1/trigger', { useCase: 2, ...hold })).status).toBe(202);
  });

  it('say at which instant they took effect', async () => {
    const { json } = await bench.call('POST', '/v1/setpoint', { targetW: 5e3, durationS: 600, request: 'when' });
    expect(json).toMatchObject({ state: 'pending', issuedAt: '2021-04-01T10:00:10Z', answeredAt: null });
    await bench.tick();
    const answer = await bench.call('GET', '/v1/orders/when');
    expect(await faultsOf(operationAt('GET', '/v1/orders/{request}'), answer)).toBe('');
    expect(answer.json).toMatchObject({ state: 'accepted', answeredAt: '2021-04-01T10:00:20Z' });
    const sent = bench.published('dsotp/trigger').length;
    const again = await bench.call('POST', '/v1/setpoint', { targetW: 5e3, durationS: 600, request: 'when' });
    expect(again.json).toEqual(answer.json);
    expect(bench.published('dsotp/trigger')).toHaveLength(sent);
  });

  it('have to wait until the databus has a time', async () => {
    const early = await openBench();
    const answer = await early.call('POST', '/v1/trigger', { useCase: 1 });
    const health = await early.call('GET', '/health');
    const ready = await early.call('GET', '/ready', undefined, { authorization: '' });
    await early.close();
    for (const each of [answer, ready]) {
      expect([each.status, each.headers.get('retry-after')]).toEqual([503, '10']);
      expect(each.json).toMatchObject({ detail: expect.stringContaining('has no time yet') as string });
    }
    expect(await faultsOf(operationAt('GET', '/ready'), ready)).toBe('');
    expect(health.json).toEqual({ status: 'warn', databus: 'connected', watermark: null, lagS: null });
  });
});
