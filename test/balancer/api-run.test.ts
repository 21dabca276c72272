/** A balancer of its own process in a run, called over HTTP in mid-run: the call is an input of the next instant that begins. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { parseInstant } from '../../platform/contract/time.ts';
import { topics } from '../../platform/contract/topics.ts';
import { readRecord } from '../../reports/record-reader.ts';
import { rehearse, temporaryFolder, village } from '../run/rehearsal.ts';
import { freePort, stranger, twinProcess } from '../run/strangers.ts';
import { buildOnce, token } from './api-desk.ts';

beforeAll(buildOnce);

/** Runs the village with the balancer attached; as soon as there is a time, somebody orders a hold. */
async function rehearseWithCall(pace: 'lockstep' | 'quiet') {
  const [port, httpPort] = [await freePort(), await freePort()];
  const url = `mqtt://127.0.0.1:${port}`;
  const config = join(temporaryFolder(), 'balancer.yaml');
  const settings = {
    databus: { url },
    http: { port: httpPort, token },
    service: {
      mode: 'near-real-time',
      site: 'germany',
      battery: { device: 'cbes', ratedPowerW: 300e3, capacityWh: 800e3, socMin: 0.0875, socMax: 0.875 },
      breaker: { device: 'pmu-breaker', component: 'branch:transformer:to', importSign: -1 },
    },
  };
  writeFileSync(config, JSON.stringify(settings));
  const attachAndCall = async () => {
    await stranger(url, [topics.bridgedTick], () => {});
    await twinProcess(['serve', 'balancer', '--config', config]).says('balancer is up');
    const call = (path: string, body?: object) =>
      fetch(`http://127.0.0.1:${httpPort}${path}`, {
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        ...(body !== undefined && { method: 'POST', body: JSON.stringify(body) }),
      });
    await expect
      .poll(async () => ((await (await call('/health')).json()) as { watermark: unknown }).watermark, {
        interval: 1,
      })
      .not.toBeNull();
    await call('/v1/setpoint', { targetW: -20e3, durationS: 120, request: 'by-hand' });
    const order = async () =>
      (await (await call('/v1/orders/by-hand')).json()) as { issuedAt: string; answeredAt: string };
    await expect.poll(async () => (await order()).answeredAt, { interval: 1 }).not.toBeNull();
    return order();
  };
  const [run, order] = await Promise.all([
    rehearse({
      scenarioFile: village,
      pace,
      databus: `embedded:${port}`,
      service: { balancer: 'attach' },
      // Long enough to be called in: lock-step goes as fast as it can.
      set: ['expect=[]', `clock.duration=${pace === 'lockstep' ? 30 : 10}min`],
    }),
    attachAndCall(),
  ]);
  const { tables } = await readRecord(run.directory);
  const { names, index } = tables['use-cases'].text('request');
  const answer = [...index].findIndex((each) => names[each] === 'by-hand');
  return {
    run,
    orderedUs: parseInstant(order.issuedAt),
    answeredUs: parseInstant(order.answeredAt),
    recordedUs: [...tables.triggers.number('timeUs')],
    answer: {
      timeUs: tables['use-cases'].number('timeUs')[answer],
      targetW: tables['use-cases'].number('targetW')[answer],
    },
  };
}

describe('a REST call in mid-run', () => {
  it('is recorded with its instant and takes effect when it says; nobody could repeat it, so an exact run is invalid', async () => {
    const { run, orderedUs, recordedUs, answeredUs, answer } = await rehearseWithCall('lockstep');
    expect(recordedUs).toEqual([orderedUs]);
    expect(answer).toEqual({ timeUs: answeredUs, targetW: -20e3 });
    expect(answeredUs).toBeGreaterThan(orderedUs);
    expect(run.report.verdict).toBe('invalid');
    expect(run.audit.violations).toEqual([
      expect.stringContaining('operator>dsotp (trigger) came from nobody of this run'),
    ]);
  });

  it('is what operators do where a run is not to be repeated byte for byte', async () => {
    const { run, orderedUs, recordedUs, answeredUs, answer } = await rehearseWithCall('quiet');
    expect(recordedUs).toEqual([orderedUs]);
    expect(answer).toEqual({ timeUs: answeredUs, targetW: -20e3 });
    expect(answeredUs).toBeGreaterThan(orderedUs);
    expect(run.audit.violations).toEqual([]);
  });
});
