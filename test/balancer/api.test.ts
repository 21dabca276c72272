/** The balancer's API as callers meet it: every example of its description, every refusal, jobs, orders, shutdown. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fastify } from 'fastify';
import { z } from 'zod';
import { parsePymfmRequest } from '../../platform/balancer/pymfm-request.ts';
import { answerPymfmRequest } from '../../platform/balancer/pymfm.ts';
import { examples } from '../../platform/balancer/rest/examples.ts';
import { openApiDocument } from '../../platform/balancer/rest/openapi.ts';
import { twin } from '../cli/harness.ts';
import { buildOnce, openBench, token, type Answer, type Bench } from './api-desk.ts';

let bench: Bench;
beforeAll(async () => {
  buildOnce();
  bench = await openBench();
  await bench.tick();
});
afterAll(() => bench.close());

const describedSchema = z.looseObject({
  $ref: z.string().optional(),
  content: z.record(z.string(), z.object({ schema: z.looseObject({}) })).optional(),
});
const operationSchema = z.looseObject({
  requestBody: z
    .object({
      content: z.object({
        'application/json': z.object({ examples: z.record(z.string(), z.object({ value: z.looseObject({}) })) }),
      }),
    })
    .optional(),
  responses: z.record(z.string(), describedSchema),
});
type Operation = z.output<typeof operationSchema>;
/** Of a path: its operations by method. */
const pathSchema = z
  .record(z.string(), z.unknown())
  .transform((path) => Object.entries(path).filter(([key]) => key !== 'parameters'))
  .transform((operations) => z.record(z.string(), operationSchema).parse(Object.fromEntries(operations)));
const document = z
  .looseObject({
    paths: z.record(z.string(), pathSchema),
    components: z.looseObject({ responses: z.record(z.string(), describedSchema) }),
  })
  .parse(openApiDocument());

/** A validator of the document's schemas: Ajv, as the server framework brings it, without any mending of values. */
async function validators() {
  const app = fastify({
    ajv: {
      customOptions: {
        removeAdditional: false,
        coerceTypes: false,
        useDefaults: false,
        allErrors: true,
        keywords: ['components'],
      },
    },
  });
  let compile: ((schema: object) => (value: unknown) => string) | undefined;
  app.get('/', (request) => {
    compile = (schema) => {
      const check = request.compileValidationSchema({ components: document.components, ...schema });
      return (value) => (check(value) ? '' : JSON.stringify(check.errors));
    };
    return {};
  });
  await app.inject('/');
  await app.close();
  if (compile === undefined) throw new Error('no validator');
  return compile;
}

/** What the document says of an answer: the faults that its schema finds in it, or that the status is not foreseen. */
async function faultsOf(operation: Operation, { status, json, headers }: Answer): Promise<string> {
  let described = operation.responses[status];
  if (described === undefined) return `status ${status} is not described`;
  const name = described.$ref?.split('/').at(-1);
  if (name !== undefined) described = document.components.responses[name];
  if (described?.content === undefined) return json === undefined ? '' : 'a body is not described';
  const type = headers.get('content-type')?.split(';')[0] ?? '';
  const schema = described.content[type]?.schema;
  return schema === undefined ? `${type} is not described` : (await validators())(schema)(json);
}

const operationAt = (method: string, path: string): Operation => {
  const operation = document.paths[path]?.[method.toLowerCase()];
  if (operation === undefined) throw new Error(`${method} ${path} is not described`);
  return operation;
};

const described = Object.entries(document.paths).flatMap(([path, operations]) =>
  Object.entries(operations).flatMap(([method, operation]) =>
    Object.entries(operation.requestBody?.content['application/json'].examples ?? {}).map(
      ([name, { value }]) => [method.toUpperCase(), path, name, value] as const,
    ),
  ),
);

describe('its description', () => {
  it('holds an example for every kind of request', () => {
    expect(new Set(described.map(([, , name]) => name))).toEqual(new Set(Object.keys(examples)));
  });

  it.each(described)('%s %s answers the example %s as described', async (method, path, _name, value) => {
    const answer = await bench.call(method, path, value);
    expect(await faultsOf(operationAt(method, path), answer)).toBe('');
    expect([200, 202]).toContain(answer.status);
  });

  it.each(['/health', '/ready', '/openapi.json', '/v1/status'])('GET %s answers as described', async (path) => {
    const answer = await bench.call('GET', path);
    expect(answer.status).toBe(200);
    expect(await faultsOf(operationAt('GET', path), answer)).toBe('');
  });

  it('is what the server gives, without a token', async () => {
    const answer = await bench.call('GET', '/openapi.json', undefined, { authorization: '' });
    expect(answer.json).toEqual(JSON.parse(JSON.stringify(openApiDocument())));
  });

  it('notices an answer that is not as described (the check itself works)', async () => {
    const wrong = {
      status: 200,
      headers: new Headers({ 'content-type': 'application/json' }),
      text: '',
      json: { status: 'perhaps' },
    };
    expect(await faultsOf(operationAt('GET', '/health'), wrong)).toContain('must be equal to one of');
  });

  it('mounted below a path of a gateway, serves everything there', async () => {
    const mounted = await openBench({ basePath: '/balancer/one' });
    const { status } = await mounted.call('GET', '/health');
    const document = (await mounted.call('GET', '/openapi.json')).json as { servers: { url: string }[] };
    await mounted.close();
    expect(mounted.url.endsWith('/balancer/one')).toBe(true);
    expect([status, document.servers[0]?.url]).toEqual([200, '/balancer/one']);
  });
});

describe('who may call', () => {
  const guarded = Object.entries(document.paths).flatMap(([path, operations]) =>
    Object.keys(operations)
      .filter((method) => method !== 'parameters' && !['/health', '/ready', '/openapi.json'].includes(path))
      .map((method) => [method.toUpperCase(), path.replace(/\{\w+\}/, 'x')] as const),
  );
  it.each(guarded)('%s %s wants the token', async (method, path) => {
    for (const authorization of ['', 'Bearer', `Basic ${token}`, `Bearer ${token}x`, `Bearer ${token.slice(1)}`]) {
      const { status, headers, json } = await bench.call(method, path, undefined, { authorization });
      expect([status, headers.get('www-authenticate')]).toEqual([401, 'Bearer realm="balancer"']);
      expect(json).toMatchObject({ status: 401, title: 'Unauthorized' });
    }
  });

  it('the token never comes back, not in answers and not in the log', async () => {
    await bench.call('POST', '/v1/plan', 'no json', { authorization: `Bearer ${token}` });
    await bench.call('GET', `/v1/${token}`);
    const { text } = await bench.call('GET', '/v1/status');
    expect(text).not.toContain(token);
    expect(bench.logged.join('\n')).not.toContain(token);
  });

  it.each(['short', 'sixteen letters with blanks', ''])(
    'a token that cannot be one is refused: "%s"',
    async (wrong) => {
      await expect(openBench({ token: wrong })).rejects.toThrow(/token|16 characters/);
    },
  );
});

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

  it('a job that has not finished has no result yet, and a full queue turns callers away', async () => {
    const small = await openBench({ planQueue: 0, keptJobs: 1 });
    const long = await small.call('POST', '/v1/plan/jobs', examples.scheduling.value);
    // The first starts the thread, so it is under way for some time.
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

describe('beginning and end', () => {
  it('a port that is in use is said so, and what was begun is ended', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as { port: number };
    await expect(openBench({ port })).rejects.toMatchObject({
      name: 'ServiceFailure',
      phase: 'start',
      message: `balancer cannot listen on 127.0.0.1:${port}: the port is in use; take another one, or 0 for any that is free`,
    });
    other.close();
  });

  it('ends with idle connections open, and answers a plan that waits', async () => {
    const ending = await openBench();
    await ending.call('GET', '/health');
    const waiting = ending.call('POST', '/v1/plan', examples.scheduling.value);
    await expect
      .poll(async () => ((await ending.call('GET', '/v1/status')).json as { plansUnderWay: number }).plansUnderWay)
      .toBe(1);
    await ending.close();
    expect((await waiting).status).toBe(200);
    await expect(fetch(`${ending.url}/health`)).rejects.toThrow('fetch failed');
  });
});
