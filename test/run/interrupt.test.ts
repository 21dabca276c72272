/** A real Ctrl-C: the run finishes its instant, reports, and leaves neither processes nor ports behind. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { topics } from '../../platform/contract/topics.ts';
import { broker, closeAll } from '../bridge/brokers.ts';
import { hamlet, readRehearsal, rehearse, temporaryFolder } from './rehearsal.ts';
import { freePort, stranger, twinProcess } from './strangers.ts';

afterAll(closeAll);

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  const free = await new Promise<boolean>((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => resolve(true));
  });
  await new Promise((resolve) => server.close(resolve));
  return free;
}

/** Waits for the tick of an instant, or of a later one where that was over before somebody listened, on the databus of a run. */
async function tickOn(port: number, sequence: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    stranger(`mqtt://127.0.0.1:${port}`, [topics.bridgedTick], (_topic, payload) => {
      const tick = JSON.parse(Buffer.from(payload).toString()) as { sequence: number };
      if (tick.sequence >= sequence) resolve();
    }).catch(reject);
  });
}

describe.skipIf(process.platform !== 'linux')('Ctrl-C', () => {
  it('ends the run after the instant under way with 40; services in processes of their own end with it', async () => {
    const out = join(temporaryFolder(), 'run');
    const port = await freePort();
    const args = ['run', hamlet, '--out', out, '--databus', `embedded:${port}`, '--pace', '20x'];
    const twin = twinProcess([...args, '--service', 'power-calculation=process', '--service', 'bridge=process']);
    await tickOn(port, 2);
    const children = childrenOf(twin.child.pid ?? 0);
    expect(children).toHaveLength(2);
    twin.interrupt();
    expect(await twin.ended).toBe(40);
    expect(twin.err()).toContain('twin: interrupted; the report covers what was run');
    const { manifest, report } = readRehearsal(out);
    expect(manifest.state).toBe('interrupted');
    expect(manifest.instants).toBeGreaterThan(1);
    expect(manifest.instants).toBeLessThan(19);
    expect(report.verdict).toBe('invalid');
    expect(children.filter(isAlive)).toEqual([]);
    expect(await isFree(port)).toBe(true);
  });

  it('while a service is awaited ends the run with 40 and leaves nothing behind', async () => {
    const out = join(temporaryFolder(), 'run');
    const port = await freePort();
    const twin = twinProcess([
      'run',
      hamlet,
      '--out',
      out,
      '--databus',
      `embedded:${port}`,
      '--service',
      'balancer=attach',
    ]);
    await tickOn(port, 0);
    twin.interrupt();
    expect(await twin.ended).toBe(40);
    expect(existsSync(out)).toBe(false);
  });

  it('twice ends at once, even when a service hangs', async () => {
    const port = await freePort();
    const out = join(temporaryFolder(), 'run');
    const args = ['run', hamlet, '--out', out, '--databus', `embedded:${port}`];
    const twin = twinProcess([...args, '--service', 'balancer=attach', '--service', 'power-calculation=process']);
    // There for the announcement, gone for the first instant.
    await new Promise<void>((resolve, reject) => {
      stranger(`mqtt://127.0.0.1:${port}`, [topics.bridgedTick], (_topic, payload, publish) => {
        const { runId, sequence } = JSON.parse(Buffer.from(payload).toString()) as { runId: string; sequence: number };
        const head = { schema: 'platone.progress/1', runId, service: 'balancer', instance: '0', timeUs: 0 };
        const answer = { ...head, sequence, inputs: {}, outputs: {} };
        if (sequence === 0) void publish(topics.progress('balancer'), Buffer.from(JSON.stringify(answer)));
        else resolve();
      }).catch(reject);
    });
    const children = childrenOf(twin.child.pid ?? 0);
    twin.interrupt();
    await twin.says('Ctrl-C again ends at once');
    expect(twin.child.exitCode).toBeNull();
    twin.interrupt();
    await twin.says('ended at once, without a report');
    expect(await twin.ended).toBe(40);
    await expect.poll(() => children.filter(isAlive)).toEqual([]);
  });
});

describe.skipIf(process.platform !== 'linux')('a run that is killed', () => {
  it('takes the services in processes of their own with it, also at brokers that live on', async () => {
    const { url } = await broker('databus');
    const port = Number(new URL(url).port);
    const args = ['run', hamlet, '--out', join(temporaryFolder(), 'run'), '--pace', '20x'];
    const processes = ['power-calculation', 'bridge'].flatMap((name) => ['--service', `${name}=process`]);
    const twin = twinProcess([...args, ...processes, '--databus', url]);
    await tickOn(port, 2);
    const children = childrenOf(twin.child.pid ?? 0);
    expect(children).toHaveLength(2);
    twin.child.kill('SIGKILL');
    await twin.ended;
    await expect.poll(() => children.filter(isAlive), { timeout: 10_000 }).toEqual([]);
  });
});

describe.skipIf(process.platform === 'win32')('twin verify', () => {
  it.each([1, 2])(
    'interrupted %i times ends with 40 and leaves nothing in the folder for such things',
    async (times) => {
      const { directory } = await rehearse({ scenarioFile: hamlet });
      const temporary = temporaryFolder();
      const twin = twinProcess(['verify', directory], { TMPDIR: temporary });
      await expect
        .poll(() => readdirSync(temporary).some((name) => name.startsWith('twin-verify-')), { timeout: 30_000 })
        .toBe(true);
      for (let time = 0; time < times; time += 1) twin.interrupt();
      expect(await twin.ended).toBe(40);
      expect(readdirSync(temporary)).toEqual([]);
    },
  );
});

/** A process that has ended may wait a while for its parent to take notice. */
function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

/** Processes whose parent is `pid`. */
function childrenOf(pid: number): readonly number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
  return text.split(' ').filter(Boolean).map(Number);
}
