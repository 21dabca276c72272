/** Same seed, same bytes: in memory, over two embedded brokers, over a real Mosquitto, and with services elsewhere. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readTable } from '../../reports/record-reader.ts';
import { hasMosquitto, startMosquitto } from './mosquitto.ts';
import { hamlet, rehearse } from './rehearsal.ts';

describe('a run in lock-step', () => {
  it('passes, with every message accounted for and every setpoint delivered', async () => {
    const { report, audit, manifest } = await rehearse();
    expect(report.verdict).toBe('pass');
    expect(manifest).toMatchObject({ state: 'complete', class: 'exact', instants: 61 });
    expect(audit.violations).toEqual([]);
    const hop = (name: string, kind: string) => audit.hops.find((entry) => entry.hop === name && entry.kind === kind);
    expect(hop('device>bal', 'pmu')).toMatchObject({ published: 61, delivered: 61, unexplained: 0 });
    // Nine meters, ten minutes; at the start there is no interval to report yet.
    expect(hop('dsotp>state-estimation', 'smart-meter')).toMatchObject({ published: 90, delivered: 90 });
    const setpoints = hop('dsotp>bal', 'setpoint')?.published ?? 0;
    expect(setpoints).toBeGreaterThan(50);
    expect(hop('bal>device', 'setpoint')).toMatchObject({ published: setpoints, delivered: setpoints });
  });

  it('gives the same accuracy.json twice, and another one for another seed', async () => {
    const first = await rehearse();
    const second = await rehearse();
    const other = await rehearse({ seed: 'test-2' });
    expect(second.accuracy).toBe(first.accuracy);
    expect(other.accuracy).not.toBe(first.accuracy);
  });

  it('gives the same accuracy.json over two embedded MQTT brokers as in memory', async () => {
    const memory = await rehearse();
    const brokers = await rehearse({ databus: 'embedded' });
    expect(brokers.report.verdict).toBe('pass');
    expect(brokers.accuracy).toBe(memory.accuracy);
  });

  it.skipIf(!hasMosquitto)(
    'gives the same accuracy.json over two real Mosquittos (skipped when mosquitto is not installed)',
    async () => {
      const bal = await startMosquitto();
      const databus = await startMosquitto();
      try {
        const memory = await rehearse();
        const real = await rehearse({ databus: databus.url, bal: bal.url });
        expect(real.audit.violations).toEqual([]);
        expect(real.accuracy).toBe(memory.accuracy);
      } finally {
        await Promise.all([bal.stop(), databus.stop()]);
      }
    },
  );

  it('gives the same accuracy.json with a service in a process of its own', async () => {
    const here = await rehearse();
    const there = await rehearse({ databus: 'embedded', service: { 'power-calculation': 'process' } });
    expect(there.accuracy).toBe(here.accuracy);
  });

  it('leaves every other device alone when a meter is added', async () => {
    const few = await rehearse();
    const more = await rehearse({ set: ['devices.1.at=bus:house-*'] });
    const before = await readings(few.directory);
    const after = await readings(more.directory);
    expect(after.size).toBeGreaterThan(before.size);
    for (const [device, values] of before) expect(after.get(device), device).toEqual(values);
  });
});

describe('faults on the way', () => {
  const fault = (text: string) => ({ set: [`events=[${text}]`] });

  it('counts a message that a communication outage swallowed as injected loss, and stays explained', async () => {
    const { report, audit } = await rehearse(fault('{ at: 2min, for: 1min, fault: comm-outage, target: pmu-breaker }'));
    expect(audit.hops.find(({ hop, kind }) => hop === 'device>bal' && kind === 'pmu')).toMatchObject({
      published: 61,
      delivered: 55,
      lostInjected: 6,
      unexplained: 0,
    });
    expect(report.messages).toMatchObject({ lost: { injected: 6, observed: 0 }, unexplained: 0 });
  });

  it('refuses what is forged, malformed or no number, counts it under its reason, and goes on', async () => {
    const { audit, manifest } = await rehearse(
      fault(
        [
          '{ at: 1min, for: 10s, fault: forged-certificate, target: pmu-breaker, value: hash }',
          '{ at: 2min, for: 10s, fault: wrong-schema, target: pmu-breaker }',
          '{ at: 3min, for: 10s, fault: not-a-number, target: pmu-breaker }',
          '{ at: 4min, for: 10s, fault: wrong-password, target: pmu-breaker }',
          '{ at: 5min, for: 10s, fault: duplicate, target: pmu-breaker }',
        ].join(', '),
      ),
    );
    expect(manifest.state).toBe('complete');
    expect(audit.refused['power-calculation']).toEqual({ 'hash-mismatch': 1, 'wrong-schema': 1, 'not-a-number': 1 });
    expect(audit.refused['bal']).toMatchObject({ 'wrong-password': 1 });
    const hop = audit.hops.find((entry) => entry.hop === 'device>bal' && entry.kind === 'pmu');
    expect(hop).toMatchObject({ published: 61, delivered: 60, refused: 1, duplicated: 1, unexplained: 0 });
    for (const { unexplained } of audit.hops) expect(unexplained).toBe(0);
  });

  it('lets a delayed message arrive late and counts it so', async () => {
    const { audit } = await rehearse(fault('{ at: 1min, for: 10s, fault: delay, target: pmu-breaker, value: 30s }'));
    const hop = audit.hops.find((entry) => entry.hop === 'dsotp>power-calculation' && entry.kind === 'pmu');
    expect(hop).toMatchObject({ published: 61, delivered: 61, late: 1, unexplained: 0 });
  });

  it('holds a PMU whose clock is 1 ms ahead against truth at its tags, every frame of it', async () => {
    const skewed = await rehearse({
      scenarioFile: hamlet,
      set: ['events=[{ at: 1min, fault: time-skew, target: pmu-breaker, value: 1ms }]', 'expect=[pmu.tve.max < 1 %]'],
    });
    const { verdict, metrics, unscored } = skewed.report;
    expect({ verdict, unscored }).toEqual({ verdict: 'fail', unscored: {} });
    expect(metrics['pmu.tve']?.count).toBe(19 * 6);
    expect(metrics['power.active.error']?.count).toBe(19 * 4);
    // 360 * 50 Hz * 1 ms = 18 degrees, beside which the errors of the unit itself are small.
    expect(Math.abs((metrics['pmu.tve']?.max ?? 0) - 200 * Math.sin(Math.PI / 20))).toBeLessThan(0.5);
  });

  it('notices a source that signs with a stranger’s key at the end of its block', async () => {
    const { audit } = await rehearse({
      set: [
        'clock.duration=30min',
        'events=[{ at: 1min, for: 1min, fault: forged-certificate, target: pmu-breaker, value: signature }]',
      ],
    });
    expect(audit.hops.find(({ kind }) => kind === 'repudiation')).toBeDefined();
    for (const { unexplained } of audit.hops) expect(unexplained).toBe(0);
  });

  it('counts feedback of the last instant as on its way, the same over every databus', async () => {
    const last = {
      scenarioFile: hamlet,
      set: [
        // A meter's block has four messages: the first ends after four minutes, the second with the run.
        'clock.duration=8min',
        'events=[{ at: 210s, fault: forged-certificate, target: "smart-meter/*", value: signature }]',
      ],
    };
    const { audit, report, accuracy } = await rehearse(last);
    const hop = audit.hops.find((entry) => entry.hop === 'dsotp>power-calculation' && entry.kind === 'repudiation');
    expect(hop).toMatchObject({ published: 18, delivered: 9, inFlight: 9, unexplained: 0 });
    expect(report.verdict).toBe('pass');
    expect((await rehearse({ ...last, databus: 'embedded' })).accuracy).toBe(accuracy);
  });
});

/** Every reading of the historian's table as text, by device. */
async function readings(directory: string): Promise<Map<string, string[]>> {
  const table = await readTable(
    join(directory, 'series', 'measurements.parquet'),
    ['timeUs', 'value'],
    ['kind', 'device', 'measurand', 'phase'],
  );
  const byDevice = new Map<string, string[]>();
  for (let row = 0; row < table.rows; row += 1) {
    const text = (name: string) => {
      const { names, index } = table.text(name);
      return names[index[row] ?? -1] ?? '';
    };
    const number = (name: string) => table.number(name)[row];
    if (text('kind') === 'power') continue;
    const line = [number('timeUs'), text('measurand'), text('phase'), number('value')].join(' ');
    const device = text('device');
    byDevice.set(device, [...(byDevice.get(device) ?? []), line]);
  }
  return byDevice;
}
