/** Plans over the API: those of the command line, at once or as a job, and requests that cannot be answered. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parsePymfmRequest } from '../../platform/balancer/pymfm-request.ts';
import { answerPymfmRequest } from '../../platform/balancer/pymfm.ts';
import { examples } from '../../platform/balancer/rest/examples.ts';
import { twin } from '../cli/harness.ts';
import { buildOnce, openBench, weekLong, type Bench } from './api-desk.ts';
import { faultsOf, operationAt } from './api-document.ts';

let bench: Bench;
beforeAll(async () => {
  buildOnce();
  bench = await openBench();
});
afterAll(() => bench.close());

describe('plans', () => {
  it('are those of the command line, number for number', async () => {
    for (const name of ['near-real-time', 'scheduling', 'optimised', 'infeasible'] as const) {
      const { json } = await bench.call('POST', '/v1/plan', examples[name].value);
      const direct = await answerPymfmRequest(parsePymfmRequest(examples[name].value));
      expect(json).toEqual(JSON.parse(JSON.stringify(direct)));
    }
  });

  it('are what "twin balance" prints, byte for byte but for its indentation', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'twin-balance-'));
    const file = join(folder, 'request.json');
    for (const name of ['near-real-time', 'scheduling', 'optimised', 'infeasible'] as const) {
      await writeFile(file, JSON.stringify(examples[name].value));
      const { code, out } = await twin(['balance', file]);
      const { text } = await bench.call('POST', '/v1/plan', examples[name].value);
      expect(JSON.stringify(JSON.parse(out))).toBe(text);
      expect(code).toBe(name === 'infeasible' ? 20 : 0);
    }
    // And what is wrong with a request is the same, too.
    const wrong = JSON.stringify({ ...examples.scheduling.value, id: 'a, NaN, b', uc_end: '?' }).replace('27.1', 'NaN');
    await writeFile(file, wrong);
    const { code, err } = await twin(['balance', file]);
    const { json } = await bench.call('POST', '/v1/plan', wrong);
    const { errors } = json as { errors: { path: string; message: string }[] };
    expect(code).toBe(10);
    expect(errors.length).toBeGreaterThan(0);
    for (const { path, message } of errors) expect(err).toContain(`${path}: ${message}`);
    await rm(folder, { recursive: true });
  });

  it('as a job: taken on, looked at, fetched, forgotten', async () => {
    const taken = await bench.call('POST', '/v1/plan/jobs', examples.scheduling.value);
    expect(taken.status).toBe(202);
    const path = taken.headers.get('location') ?? '';
    expect(taken.json).toEqual({ id: path.split('/').at(-1), state: expect.any(String), result: `${path}/result` });
    await expect.poll(async () => (await bench.call('GET', path)).json).toMatchObject({ state: 'done' });
    const sync = await bench.call('POST', '/v1/plan', examples.scheduling.value);
    expect((await bench.call('GET', `${path}/result`)).json).toEqual(sync.json);
    expect((await bench.call('DELETE', path)).status).toBe(204);
    for (const gone of [path, `${path}/result`]) {
      const answer = await bench.call('GET', gone);
      expect(answer.status).toBe(404);
      expect(await faultsOf(operationAt('GET', '/v1/plan/jobs/{id}'), answer)).toBe('');
    }
  });

  it.each([
    ['no body', undefined],
    ['an empty one', ''],
    ['one that says nothing', '{'],
  ])('a job is forgotten by a caller who declares JSON and sends %s', async (_, body) => {
    const taken = await bench.call('POST', '/v1/plan/jobs', examples.scheduling.value);
    const path = taken.headers.get('location') ?? '';
    const json = { 'content-type': 'application/json' };
    expect((await bench.call('DELETE', path, body, json)).status).toBe(204);
    expect((await bench.call('GET', path)).status).toBe(404);
  });

  it('a job that has not finished has no result yet, and a full queue turns callers away', async () => {
    const small = await openBench({ planQueue: 0, keptJobs: 1 });
    const long = await small.call('POST', '/v1/plan/jobs', weekLong());
    const answers = await Promise.all([
      small.call('GET', `${long.headers.get('location')}/result`),
      small.call('POST', '/v1/plan', examples.scheduling.value),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([409, 503]);
    expect(answers[1]?.headers.get('retry-after')).toBe('5');
    await small.close();
  });

  it('of the finished jobs as many are kept as the settings say', async () => {
    const small = await openBench({ keptJobs: 1 });
    const paths: string[] = [];
    for (let n = 0; n < 3; n += 1) {
      const taken = await small.call('POST', '/v1/plan/jobs', examples.scheduling.value);
      paths.push(taken.headers.get('location') ?? '');
      await expect.poll(async () => (await small.call('GET', paths[n] ?? '')).json).toMatchObject({ state: 'done' });
    }
    const found = await Promise.all(paths.map(async (path) => (await small.call('GET', path)).status));
    expect(found).toEqual([404, 404, 200]);
    await small.close();
  });
});

type Change = (request: Record<string, unknown>) => void;
const values = (request: Record<string, unknown>) =>
  (request['generation_and_load'] as { values: Record<string, unknown>[] }).values;

describe('requests that cannot be answered', () => {
  const cases: readonly (readonly [string, Change, readonly string[]])[] = [
    ['a series shorter than the window', (r) => void values(r).pop(), ['generation_and_load.values[6].timestamp']],
    [
      'a state of charge outside its limits',
      (r) => Object.assign(r['battery_specs'] as object, { initial_SoC: 90 }),
      ['battery_specs.initial_SoC'],
    ],
    [
      'unsorted timestamps',
      (r) => void values(r).splice(2, 2, values(r)[3] ?? {}, values(r)[2] ?? {}),
      [2, 3, 4].map((index) => `generation_and_load.values[${index}].timestamp`),
    ],
    [
      'mixed zones',
      (r) => Object.assign(values(r)[1] ?? {}, { timestamp: '2021-04-01T09:15:00+02:00' }),
      ['generation_and_load.values[1].timestamp'],
    ],
    [
      'NaN',
      (r) => Object.assign(values(r)[4] ?? {}, { P_load_kW: Number.NaN }),
      ['generation_and_load.values[4].P_load_kW'],
    ],
    [
      'an unknown field',
      (r) => Object.assign(r['battery_specs'] as object, { capacity: 1 }),
      ['battery_specs.capacity'],
    ],
    [
      'several at once',
      (r) => {
        Object.assign(r['battery_specs'] as object, { max_SoC: 200, colour: 'red' });
        delete r['id'];
      },
      ['id', 'battery_specs.max_SoC', 'battery_specs.colour'],
    ],
  ];
  it.each(cases)('%s: 422 with every path, at once and as a job', async (_name, change, paths) => {
    const request: Record<string, unknown> = structuredClone(examples.scheduling.value);
    change(request);
    // Python writes NaN as it is.
    const text = JSON.stringify(request, (_key, value: unknown) => (Number.isNaN(value) ? '@NaN@' : value)).replaceAll(
      '"@NaN@"',
      'NaN',
    );
    for (const path of ['/v1/plan', '/v1/plan/jobs']) {
      const answer = await bench.call('POST', path, text);
      expect(answer.status).toBe(422);
      expect(answer.headers.get('content-type')).toContain('application/problem+json');
      expect(await faultsOf(operationAt('POST', path), answer)).toBe('');
      const { errors } = answer.json as { errors: { path: string; message: string }[] };
      expect(new Set(errors.map((error) => error.path))).toEqual(new Set(paths));
      expect(errors.some(({ message }) => message === 'NaN is not a number')).toBe(text.includes('NaN'));
    }
  });

  it('a NaN inside a text is a text', async () => {
    const request = { ...examples['near-real-time'].value, id: 'of NaN, -Infinity] and "NaN"' };
    const asked = { ...request.measurements_request, P_req_kW: '@' };
    const text = JSON.stringify({ ...request, measurements_request: asked }).replace('"@"', 'Infinity');
    const { json } = await bench.call('POST', '/v1/plan', text);
    expect((json as { errors: { path: string }[] }).errors.map(({ path }) => path)).toEqual([
      'measurements_request.P_req_kW',
    ]);
    expect((await bench.call('POST', '/v1/plan', request)).json).toMatchObject({ id: request.id });
  });

  it.each([
    ['no JSON', '{ "id": ', {}, 400],
    ['no body', '', {}, 400],
    ['an array', '[]', {}, 422],
    ['another type', 'id: 1', { 'content-type': 'application/yaml' }, 415],
    ['a body that is too large', JSON.stringify({ id: 'x'.repeat(5_000_000) }), {}, 413],
  ])('%s', async (_name, body, headers, status) => {
    const answer = await bench.call('POST', '/v1/plan', body, headers);
    expect(answer.status).toBe(status);
    expect(await faultsOf(operationAt('POST', '/v1/plan'), answer)).toBe('');
  });

  it('paths that cannot be decoded, keys that would reach into objects', async () => {
    const undecodable = await bench.call('GET', '/v1/orders/%E0%A4%A');
    expect([undecodable.status, undecodable.headers.get('content-type')]).toEqual([
      400,
      expect.stringContaining('application/problem+json'),
    ]);
    const text = JSON.stringify(examples['near-real-time'].value).replace(
      '{',
      '{"__proto__":{"id":"x"},"constructor":1,',
    );
    const reaching = await bench.call('POST', '/v1/plan', text);
    expect(reaching.status).toBe(422);
    const { errors } = reaching.json as { errors: { path: string }[] };
    expect(errors.map(({ path }) => path)).toEqual(['__proto__', 'constructor']);
  });

  it('paths and methods that are not there', async () => {
    expect((await bench.call('GET', '/v2/plan')).status).toBe(404);
    const wrong = await bench.call('DELETE', '/v1/plan');
    expect([wrong.status, wrong.headers.get('allow')]).toEqual([405, 'GET, POST']);
    expect((await bench.call('GET', '/v1/plan/jobs/no-such-job')).status).toBe(404);
    expect((await bench.call('GET', '/v1/orders/no-such-order')).status).toBe(404);
  });
});
