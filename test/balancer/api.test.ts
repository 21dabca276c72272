/** The balancer's API as callers meet it: every example of its description, who may call, its beginning and its end. */
import { createServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { examples } from '../../platform/balancer/rest/examples.ts';
import { openApiDocument } from '../../platform/balancer/rest/openapi.ts';
import { buildOnce, openBench, token, weekLong, type Bench } from './api-desk.ts';
import { document, faultsOf, operationAt } from './api-document.ts';

let bench: Bench;
beforeAll(async () => {
  buildOnce();
  bench = await openBench();
  await bench.tick();
});
afterAll(() => bench.close());

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
    const waiting = ending.call('POST', '/v1/plan', weekLong());
    await expect
      .poll(async () => ((await ending.call('GET', '/v1/status')).json as { plansUnderWay: number }).plansUnderWay)
      .toBe(1);
    await ending.close();
    expect((await waiting).status).toBe(200);
    await expect(fetch(`${ending.url}/health`)).rejects.toThrow('fetch failed');
  });
});
