/** The plan's thread may die, hang or be told to stop: only the plan that it had is lost. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createPlanQueue } from '../../platform/balancer/rest/plan-queue.ts';

/** A thread that does what the request says. */
const obedient = `
import { parentPort } from 'node:worker_threads';
parentPort.on('message', (request) => {
  if (request === 'exit') process.exit(3);
  if (request === 'throw') throw new Error('out of its mind');
  if (request === 'hang') return;
  parentPort.postMessage({ answer: { said: request } });
});`;

let folder = '';
let file = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'twin-queue-'));
  file = join(folder, 'worker.mjs');
  await writeFile(file, obedient);
});
afterAll(() => rm(folder, { recursive: true }));

const open = (planQueue = 8) => createPlanQueue({ planQueue, keptJobs: 8 }, file);

describe('the queue', () => {
  it('answers in order of arrival', async () => {
    const queue = open();
    const answers = await Promise.all(['one', 'two', 'three'].map(async (request) => queue.run(request)));
    expect(answers).toEqual(['one', 'two', 'three'].map((said) => ({ answer: { said } })));
    await queue.close();
  });

  it.each([
    ['exit', 'its thread ended with code 3'],
    ['throw', 'out of its mind'],
  ])('a thread that dies (%s) takes its plan with it and no other', async (request, error) => {
    const queue = open();
    const answers = await Promise.all(
      ['before', request, 'after', request, 'last'].map(async (each) => queue.run(each)),
    );
    expect(answers).toEqual([
      { answer: { said: 'before' } },
      { error },
      { answer: { said: 'after' } },
      { error },
      { answer: { said: 'last' } },
    ]);
    await queue.close();
  });

  it('a job that is removed while it is under way is broken off, and the next one goes on', async () => {
    const queue = open();
    const hanging = queue.submit('hang');
    const waiting = queue.submit('never');
    const next = queue.run('next');
    expect([hanging?.state, waiting?.state, queue.load()]).toEqual(['running', 'queued', 3]);
    expect(queue.remove(waiting?.id ?? '')).toBe(true);
    expect(queue.remove(hanging?.id ?? '')).toBe(true);
    expect(await next).toEqual({ answer: { said: 'next' } });
    expect([queue.find(hanging?.id ?? ''), queue.remove('no such job')]).toEqual([undefined, false]);
    await queue.close();
  });

  it('takes as many as may wait, and nobody any more once it is closed', async () => {
    const queue = open(1);
    const hanging = queue.run('hang');
    const waiting = queue.run('waiting');
    expect(queue.run('too many')).toBeUndefined();
    expect(queue.submit('too many')).toBeUndefined();
    await queue.close();
    const ended = { error: 'the balancer is shutting down' };
    expect(await Promise.all([hanging, waiting])).toEqual([ended, ended]);
    expect(queue.run('late')).toBeUndefined();
  });
});
