/** Both roads into the platform: PMUs behind the access layer, PMUs straight on the databus, and the two side by side. */
import { describe, expect, it } from 'vitest';
import { hamlet, rehearse, type Rehearsal } from './rehearsal.ts';

const direct = 'devices.0.route=direct';
const estimating = ['platform.stateEstimation={ every: 1min }', 'platform.forecasting={}'];
/** The breaker's PMU behind the access layer, a second one straight on the databus. */
const both = [
  'devices=[' +
    [
      '{ kind: pmu, id: pmu-breaker, at: "branch:transformer:to", every: 10s }',
      '{ kind: pmu, id: pmu-direct, at: "branch:transformer:from", every: 10s, route: direct }',
      '{ kind: smart-meter, id: meter, at: "bus:house-0*", every: 1min }',
      '{ kind: bess, id: cbes, at: "battery:cbes", every: 10s, power: 300 kW, energy: 800 kWh, soc: 50 % }',
    ].join(', ') +
    ']',
];

const hopOf = ({ audit }: Rehearsal, hop: string, kind: string) =>
  audit.hops.find((entry) => entry.hop === hop && entry.kind === kind);

describe('PMUs straight on the databus', () => {
  it('reach power calculation and estimation, on their own stream, and the audit closes', async () => {
    const run = await rehearse({ scenarioFile: hamlet, set: [direct, ...estimating] });
    expect(run.report.verdict).toBe('pass');
    expect(hopOf(run, 'device>dsotp', 'pmu')).toMatchObject({ published: 19, delivered: 19 });
    expect(hopOf(run, 'device>bal', 'pmu')).toBeUndefined();
    expect(hopOf(run, 'dsotp>power-calculation', 'pmu')).toMatchObject({ published: 19, delivered: 19 });
    expect(hopOf(run, 'dsotp>state-estimation', 'pmu')).toMatchObject({ published: 19, delivered: 19 });
    for (const { hop, kind, unexplained, lostObserved } of run.audit.hops) {
      expect({ hop, kind, unexplained, lostObserved }).toEqual({ hop, kind, unexplained: 0, lostObserved: 0 });
    }
  });

  it('give the same bytes in memory and over MQTT', async () => {
    const set = [direct, ...estimating];
    const memory = await rehearse({ scenarioFile: hamlet, set });
    const brokers = await rehearse({ scenarioFile: hamlet, set, databus: 'embedded' });
    expect(brokers.accuracy).toBe(memory.accuracy);
  });

  it('lose a message without a trace only by fault', async () => {
    const events = 'events=[{ at: 1min, for: 30s, fault: comm-outage, target: pmu-breaker }]';
    const run = await rehearse({ scenarioFile: hamlet, set: [direct, events] });
    expect(hopOf(run, 'device>dsotp', 'pmu')).toMatchObject({ published: 19, delivered: 16, lostInjected: 3 });
    expect(run.report.messages).toMatchObject({ lost: { injected: 3, observed: 0 }, unexplained: 0 });
  });
});

describe('PMUs on both roads', () => {
  it('are waited for on both, and give the same bytes in memory and over MQTT', async () => {
    const set = [...both, ...estimating];
    const memory = await rehearse({ scenarioFile: hamlet, set });
    expect(memory.report.verdict).toBe('pass');
    expect(hopOf(memory, 'device>bal', 'pmu')).toMatchObject({ published: 19, delivered: 19 });
    expect(hopOf(memory, 'device>dsotp', 'pmu')).toMatchObject({ published: 19, delivered: 19 });
    expect(hopOf(memory, 'dsotp>power-calculation', 'pmu')).toMatchObject({ published: 38, delivered: 38 });
    const brokers = await rehearse({ scenarioFile: hamlet, set, databus: 'embedded' });
    expect(brokers.accuracy).toBe(memory.accuracy);
  });
});
