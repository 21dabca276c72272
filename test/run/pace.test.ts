/** The other paces: a barrier of silence, and a multiple of real time. */
import { describe, expect, it } from 'vitest';
import type { Audit } from '../../reports/record.ts';
import { hamlet, rehearse } from './rehearsal.ts';

/** A machine that is busy with other tests may be late; nothing else may be wrong. */
function violationsBesideLateness({ violations }: Audit): readonly string[] {
  return violations.filter((sentence) => !sentence.includes('late by the wall clock'));
}

describe.each([['quiet'], ['100x']])('pace %s', (pace) => {
  it.each([['memory'], ['embedded']])(
    'runs over %s, says that it is paced, and accounts for every message',
    async (databus) => {
      const { manifest, report, audit } = await rehearse({ scenarioFile: hamlet, pace, databus });
      expect(manifest).toMatchObject({ class: 'paced', state: 'complete', instants: 19 });
      expect(report).toMatchObject({ class: 'paced', latency: {} });
      expect(violationsBesideLateness(audit)).toEqual([]);
      expect(report.verdict).toBe(audit.violations.length === 0 ? 'pass' : 'invalid');
      expect(report.messages).toMatchObject({ lost: { injected: 0, observed: 0 }, unexplained: 0, inFlight: 0 });
      expect(audit.hops.find(({ hop, kind }) => hop === 'dsotp>power-calculation' && kind === 'pmu')).toMatchObject({
        published: 19,
        delivered: 19,
      });
    },
  );
});

describe('pace realtime', () => {
  it('times every hop, loses nothing, and computes estimates beside the devices', async () => {
    const { manifest, report, audit } = await rehearse({
      scenarioFile: hamlet,
      pace: 'realtime',
      databus: 'embedded',
      set: [
        'clock={ start: "2021-04-01T12:00:00+02:00", duration: 3s, step: 200ms }',
        'devices.0.every=200ms',
        'devices.1.every=1s',
        'devices.2.every=1s',
        'platform.stateEstimation={ every: 1s }',
        'platform.forecasting={}',
      ],
    });
    expect(manifest).toMatchObject({ class: 'realtime', state: 'complete', instants: 16 });
    expect(report.messages).toMatchObject({ lost: { injected: 0, observed: 0 }, unexplained: 0, inFlight: 0 });
    expect(violationsBesideLateness(audit)).toEqual([]);
    const timed = [
      'device>bal',
      'bal>dsotp',
      'dsotp>powerCalculation',
      'device>estimate',
      'device>setpoint',
      'setpoint>device',
    ] as const;
    for (const hop of timed) expect(report.latency[hop]?.count, hop).toBeGreaterThan(0);
  });
});
