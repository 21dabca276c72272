/** Clients of pymfm's own HTTP service find its paths, its jobs and its password here. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { examples } from '../../platform/balancer/rest/examples.ts';
import { buildOnce, openBench, token, type Bench } from './api-desk.ts';

const basic = { username: 'admin', password: 'of the field: trial' };
const authorization = `Basic ${Buffer.from(`${basic.username}:${basic.password}`).toString('base64')}`;
let bench: Bench;
beforeAll(async () => {
  buildOnce();
  bench = await openBench({ basic, keptJobs: 3 });
});
afterAll(() => bench.close());

const call = (method: string, path: string, body?: object) => bench.call(method, path, body, { authorization });

interface Job {
  readonly id: string;
  readonly status: string;
  readonly details: string | null;
  readonly finished: string | null;
  readonly result: Readonly<Record<string, unknown>> | null;
}

/** As pymfm's demonstration client does it: post, then ask until it is done. */
async function plan(request: { readonly id: string }): Promise<Job> {
  const posted = await call('POST', '/balancing', request);
  expect(posted.json).toMatchObject({
    id: request.id,
    status: 'created',
    input: request,
    finished: null,
    result: null,
  });
  const ask = async () => (await call('GET', `/balancing/${request.id}`)).json as Job;
  await expect.poll(async () => (await ask()).status).toMatch(/success|failed/);
  return ask();
}

/** The rows that `POST /v1/plan` answers for the same request. */
async function rows(request: object): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const { json } = await bench.call('POST', '/v1/plan', request);
  return (json as { results: Readonly<Record<string, unknown>>[] }).results;
}

describe('a job', () => {
  it('holds the optimised schedule: by battery, states of charge from 0 to 1, and the peaks', async () => {
    const { value } = examples.optimised;
    const { status, details, finished, result } = await plan(value);
    expect([status, details]).toEqual(['success', 'ok']);
    expect(finished).toMatch(/Z$/);
    const expected = (await rows(value)).map((row) => ({
      time: row['timestamp'],
      SoC_bat: { cbes: Number(row['SoC_cbes_%']) / 100, 'house-7': Number(row['SoC_house-7_%']) / 100 },
      P_bat_kW: { cbes: row['P_cbes_kW'], 'house-7': row['P_house-7_kW'] },
      P_PV_kW: row['P_PV_controlled_kW'],
      P_net_before_kW: row['P_net_before_kW'],
      P_net_after_kW: row['P_net_after_kW'],
    }));
    const net = expected.map(({ P_net_after_kW: after }) => Number(after));
    expect(result).toEqual({
      id: value.id,
      version: expect.any(String),
      peak_imp: Math.max(0, ...net),
      peak_exp: Math.max(0, ...net.map((each) => -each)),
      schedule: expected,
    });
  });

  it('in the names of later versions is the same plan', async () => {
    const later = await plan(examples['later-names'].value);
    const { result } = await plan(examples.scheduling.value);
    expect(later.status).toBe('success');
    expect(later.result?.['schedule']).toEqual(result?.['schedule']);
    // Where no window is named it is the whole series.
    const { control_start: _start, control_end: _end, ...open } = examples['later-names'].value;
    const whole = await plan({ ...open, id: 'open' });
    expect(whole.result?.['schedule']).toEqual(result?.['schedule']);
  });

  it('of near real time holds one step', async () => {
    const { value } = examples['near-real-time'];
    const { json } = await bench.call('POST', '/v1/plan', value);
    const answer = json as Readonly<Record<string, number>>;
    expect((await plan(value)).result).toMatchObject({
      peak_imp: null,
      schedule: [
        {
          time: answer['timestamp'],
          SoC_bat: { bat_1: Number(answer['SoC_bat_%']) / 100 },
          P_bat_kW: { bat_1: answer['P_bat_kW'] },
          P_net_after_kW: answer['P_net_after_kW'],
        },
      ],
    });
  });

  it('whose demands clash has failed, and says which', async () => {
    const { status, details, result } = await plan(examples.infeasible.value);
    expect([status, result]).toEqual(['failed', null]);
    expect(details).toMatch(/^cannot be met together: .*state of charge 80 %/);
  });

  it('is listed, forgotten when told to or when it is the oldest, and replaced by one of its name', async () => {
    for (const id of ['a', 'b', 'c', 'd', 'c']) await plan({ ...examples.scheduling.value, id });
    expect((await call('GET', '/balancing/')).json).toEqual(['b', 'd', 'c']);
    expect((await call('DELETE', '/balancing/d')).json).toMatchObject({ id: 'd', status: 'success' });
    const gone = await call('GET', '/balancing/d');
    // Its clients print `detail`.
    expect([gone.status, gone.json]).toEqual([404, expect.objectContaining({ detail: 'No job with id d' })]);
    expect((await call('GET', '/balancing')).json).toEqual(['b', 'c']);
  });

  it('that cannot be read is refused with every fault, at the names of its sender', async () => {
    const { generation_and_load: series, ...rest } = examples['later-names'].value;
    const values = series.values.map((sample, k) => (k === 2 ? { ...sample, P_required_kW: 'much' } : sample));
    const battery = { ...rest.battery_specs[0], max_SoC: 87.5 };
    const wrong = { ...rest, generation_and_load: { ...series, values }, battery_specs: [battery], measurement: 'm-1' };
    const { status, json } = await call('POST', '/balancing/', wrong);
    expect(status).toBe(422);
    expect((json as { errors: { path: string }[] }).errors.map(({ path }) => path)).toEqual([
      'generation_and_load.values[2].P_required_kW',
      'battery_specs[0].max_SoC',
      'measurement',
    ]);
    for (const body of [[], 'text', { generation_and_load: { values: [null] } }]) {
      expect((await bench.call('POST', '/balancing', JSON.stringify(body))).status).toBe(422);
    }
  });
});

describe('its password', () => {
  it('opens these paths and no other, where the settings have one', async () => {
    for (const [method, path] of [['POST', '/v1/trigger'] as const, ['GET', '/v1/status'] as const]) {
      const { status, headers } = await call(method, path);
      expect([status, headers.get('www-authenticate')]).toEqual([401, 'Bearer realm="balancer"']);
    }
    for (const wrong of ['', `Basic ${Buffer.from('admin:admin').toString('base64')}`, 'Basic', 'Basic %%%']) {
      const { status, headers } = await bench.call('GET', '/balancing', undefined, { authorization: wrong });
      expect([status, headers.get('www-authenticate')]).toEqual([401, 'Basic realm="balancer"']);
    }
    expect((await bench.call('GET', '/balancing')).status).toBe(200);
    const without = await openBench();
    expect((await without.call('GET', '/balancing', undefined, { authorization })).status).toBe(401);
    await without.close();
    expect([token, basic.password].some((secret) => bench.logged.join('\n').includes(secret))).toBe(false);
  });
});
