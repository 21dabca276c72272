/** Every way in which something is lost on the way or somebody meddles ends in the verdict `invalid`, with a sentence why. */
import { describe, expect, it } from 'vitest';
import { topics } from '../../platform/contract/topics.ts';
import { createEmbeddedBroker } from '../../platform/databus/embedded.ts';
import type { RunOptions } from '../../sim/run/options.ts';
import { hamlet, rehearse, type Rehearsal, village } from './rehearsal.ts';
import {
  atEnd,
  type Carrier,
  connectSoon,
  foreignBridge,
  freePort,
  impatient,
  loginOf,
  type Publish,
  stranger,
} from './strangers.ts';

interface Urls {
  readonly databus: string;
  readonly bal: string;
}

/** A run over two embedded brokers whose ports somebody else knows. */
async function exposedRun(
  meddle: (urls: Urls) => Promise<void>,
  options: Partial<RunOptions> = {},
): Promise<Rehearsal> {
  const [databus, bal] = [await freePort(), await freePort()];
  const [rehearsal] = await Promise.all([
    rehearse({
      scenarioFile: hamlet,
      databus: `embedded:${databus}`,
      bal: `embedded:${bal}`,
      patience: { stallUs: impatient.stallUs },
      ...options,
    }),
    meddle({ databus: `mqtt://127.0.0.1:${databus}`, bal: `mqtt://127.0.0.1:${bal}` }),
  ]);
  return rehearsal;
}

const bridgedBy = (carrier?: Carrier) =>
  exposedRun((urls) => foreignBridge(urls, carrier), { service: { bridge: 'attach' } });

/** Somebody on the databus who does something once, at the tick of instant 8; the run waits for him with its bridge. */
const disturbedBy = (act: (publish: Publish, tick: Record<string, unknown>) => void) => {
  let done = false;
  return exposedRun(
    async (urls) => {
      await stranger(urls.databus, [topics.bridgedTick], (_topic, payload, publish) => {
        if (done) return;
        const tick = parse(payload);
        done = tick['sequence'] === 8;
        if (done) act(publish, tick);
      });
      await foreignBridge(urls);
    },
    { service: { bridge: 'attach' } },
  );
};

const parse = (payload: Uint8Array) => JSON.parse(Buffer.from(payload).toString()) as Record<string, unknown>;

const json = (document: object) => Buffer.from(JSON.stringify(document));

const hopOf = ({ audit }: Rehearsal, hop: string, kind: string) =>
  audit.hops.find((entry) => entry.hop === hop && entry.kind === kind);

describe('a bridge of somebody else’s', () => {
  it('that carries everything gives the same bytes as ours', async () => {
    const ours = await rehearse({ scenarioFile: hamlet });
    const theirs = await bridgedBy();
    expect(theirs.audit.violations).toEqual([]);
    expect(theirs.accuracy).toBe(ours.accuracy);
  });

  it('that brings everything twice, ticks and progress too, changes no byte: the audit alone counts the duplicates', async () => {
    const ours = await rehearse({ scenarioFile: hamlet });
    const theirs = await bridgedBy((_topic, forward) => {
      forward();
      forward();
    });
    expect(theirs.audit.violations).toEqual([]);
    expect(hopOf(theirs, 'bal>dsotp', 'pmu')).toMatchObject({ published: 19, delivered: 19, duplicated: 19 });
    expect(hopOf(theirs, 'dsotp>power-calculation', 'pmu')).toMatchObject({ delivered: 19, duplicated: 19 });
    expect(hopOf(theirs, 'bal>device', 'setpoint')).toMatchObject({ delivered: 19, duplicated: 19 });
    expect(theirs.report.messages.duplicated).toBeGreaterThan(100);
    expect(theirs.accuracy).toBe(ours.accuracy);
  });

  it('that brings one meter twice and another one behind the tick is found out: the one does not make up for the other', async () => {
    let meters = 0;
    let held = () => {};
    const run = await bridgedBy((topic, forward) => {
      if (topic.includes('/smart-meter/') && (meters += 1) === 1) {
        held = forward;
        return;
      }
      forward();
      if (meters === 2 && topic.includes('/smart-meter/')) forward();
      if (topic !== topics.bridgedTick) return;
      held();
      held = () => {};
    });
    expect(run.report.verdict).toBe('invalid');
    expect(run.audit.violations).toContain('historian completed an instant without 1 of kind smart-meter');
  });

  it('that brings a setpoint twice and a later one late is waited for, as if it came once', async () => {
    const ours = await rehearse({ scenarioFile: hamlet });
    let setpoints = 0;
    const theirs = await bridgedBy((topic, forward) => {
      if (!topic.startsWith('platone/setpoint/')) {
        forward();
        return;
      }
      setpoints += 1;
      if (setpoints === 3) forward();
      // Long behind everything else of its instant.
      if (setpoints === 6) setTimeout(forward, 100);
      else forward();
    });
    expect(theirs.audit.violations).toEqual([]);
    expect(theirs.accuracy).toBe(ours.accuracy);
  });

  it('that drops a measurement makes the run invalid, and the audit says where it was lost', async () => {
    let frames = 0;
    const run = await bridgedBy((topic, forward) => {
      if (topic.includes('/pmu/')) frames += 1;
      if (frames !== 5 || !topic.includes('/pmu/')) forward();
    });
    expect(run.report.verdict).toBe('invalid');
    expect(run.audit.violations).toContain('power-calculation completed an instant without 1 of kind pmu');
    expect(hopOf(run, 'bal>dsotp', 'pmu')).toMatchObject({ published: 19, delivered: 18, lostObserved: 1 });
    // The databus's broker never had it, so no reader lost it once more.
    expect(hopOf(run, 'dsotp>power-calculation', 'pmu')).toMatchObject({ published: 18, lostObserved: 0 });
    expect(run.report.messages).toMatchObject({ lost: { injected: 0, observed: 1 }, unexplained: 0 });
  });

  it('that drops a tick, the last one even, delays the run and changes nothing: the tick is sent again', async () => {
    const ours = await rehearse({ scenarioFile: hamlet });
    const dropped: number[] = [];
    const theirs = await bridgedBy((topic, forward, payload) => {
      const sequence = topic === topics.bridgedTick ? (parse(payload)['sequence'] as number) : 0;
      if ([7, 19].includes(sequence) && !dropped.includes(sequence)) dropped.push(sequence);
      else forward();
    });
    expect(dropped).toEqual([7, 19]);
    expect(theirs.accuracy).toBe(ours.accuracy);
  });

  it('that drops a setpoint makes the run end, for it never reaches its device', async () => {
    let setpoints = 0;
    const run = exposedRun(
      (urls) =>
        foreignBridge(urls, (topic, forward) => {
          if (topic.startsWith('platone/setpoint/')) setpoints += 1;
          if (setpoints !== 3 || !topic.startsWith('platone/setpoint/')) forward();
        }),
      { service: { bridge: 'attach' }, patience: impatient },
    );
    await expect(run).rejects.toThrow(/setpoints of instant \d+ did not reach their devices/);
  });

  it('whose tick overtakes a measurement makes the run invalid, and nothing counts as lost', async () => {
    let frames = 0;
    let held = () => {};
    const run = await bridgedBy((topic, forward) => {
      if (topic.includes('/pmu/') && (frames += 1) === 5) {
        held = forward;
        return;
      }
      forward();
      if (topic !== topics.bridgedTick) return;
      held();
      held = () => {};
    });
    expect(run.report.verdict).toBe('invalid');
    expect(run.audit.violations).toContain('power-calculation completed an instant without 1 of kind pmu');
    expect(hopOf(run, 'dsotp>power-calculation', 'pmu')).toMatchObject({ delivered: 19, late: 1, lostObserved: 0 });
    expect(run.report.messages).toMatchObject({ lost: { observed: 0 }, unexplained: 0 });
  });
});

describe('a stranger on the databus', () => {
  it('who sends a tick too early makes the run invalid', async () => {
    const run = await disturbedBy((publish, tick) => {
      void publish(topics.bridgedTick, json({ ...tick, sequence: 9, timeUs: Number(tick['timeUs']) + 1e7 }));
    });
    expect(run.report.verdict).toBe('invalid');
    expect(run.audit.violations).toContain('a tick too early: somebody sent that of instant 9 of the stream bal');
  });

  it('who sends a tick of the right instant with other counts makes the run invalid', async () => {
    const run = await exposedRun(
      async (urls) => {
        let forge: (tick: object) => void = () => {};
        await stranger(urls.databus, [topics.bridgedTick], (_topic, _payload, publish) => {
          forge = (tick) => void publish(topics.bridgedTick, json(tick));
        });
        await foreignBridge(urls, (topic, forward, payload) => {
          const tick = topic === topics.bridgedTick ? parse(payload) : {};
          // Ahead of the real one: who hears it believes that there is nothing to wait for.
          if (tick['sequence'] === 8) forge({ ...tick, published: {} });
          if (tick['sequence'] === 8) setTimeout(forward, 100);
          else forward();
        });
      },
      { service: { bridge: 'attach' } },
    );
    expect(run.report.verdict).toBe('invalid');
    expect(run.audit.violations).toEqual(['another tick of instant 8 of the stream bal than ours: somebody sent it']);
  });

  it('who claims that a service has finished before its tick makes the run invalid', async () => {
    const run = await disturbedBy((publish, { runId, timeUs }) => {
      const head = { schema: 'platone.progress/1', runId, service: 'historian', instance: '9' };
      void publish(topics.progress('historian'), json({ ...head, timeUs, sequence: 12, inputs: {}, outputs: {} }));
    });
    expect(run.report.verdict).toBe('invalid');
    expect(run.audit.violations).toContain('historian completed instant 12 before its tick was sent');
  });

  it('who answers in the name of a service makes the run invalid', async () => {
    const run = await disturbedBy((publish, { runId, timeUs }) => {
      const head = { schema: 'platone.progress/1', runId, service: 'historian', instance: '9' };
      void publish(
        topics.progress('historian'),
        json({ ...head, timeUs, sequence: 7, inputs: { pmu: 5 }, outputs: {} }),
      );
    });
    expect(run.report.verdict).toBe('invalid');
    expect(run.audit.violations).toEqual([
      expect.stringMatching(/^more than one historian says what became of instant/),
    ]);
  });

  it('who answers for a service, but for another time, makes the run invalid', async () => {
    const run = await disturbedBy((publish, { runId }) => {
      const head = { schema: 'platone.progress/1', runId, service: 'historian', instance: '0' };
      void publish(topics.progress('historian'), json({ ...head, timeUs: 0, sequence: 8, inputs: {}, outputs: {} }));
    });
    expect(run.report.verdict).toBe('invalid');
    expect(run.audit.violations).toContain('historian takes instant 8 for 1970-01-01T00:00:00Z');
  });

  it.each([
    ['measurement', topics.bridgedMeasurement('germany', 'pmu', 'pmu-breaker'), 'bal>dsotp (pmu)'],
    ['meter', topics.bridgedMeasurement('germany', 'smart-meter', 'stranger'), 'bal>dsotp (smart-meter)'],
    ['direct PMU', topics.directPmu('germany', 'pmu-9'), 'device>dsotp (pmu)'],
  ])('whose %s nobody of the run sent makes the run invalid', async (_what, topic, where) => {
    const run = await disturbedBy((publish) => void publish(topic, json({ device: 'stranger' })));
    expect(run.report.verdict).toBe('invalid');
    expect(run.audit.violations).toContain(`1 message on ${where} came from nobody of this run`);
  });

  it.each([
    ['setpoint', topics.setpoint('germany', 'cbes')],
    ['power', topics.power('germany', 'pmu-breaker')],
  ])('whose %s no service answers for makes the run invalid', async (kind, topic) => {
    const run = await disturbedBy((publish) => void publish(topic, json({ device: 'cbes' })));
    expect(run.report.verdict).toBe('invalid');
    expect(run.audit.violations).toContain(`1 of kind ${kind} on the databus came from no service of this run`);
  });

  it('who publishes rubbish on the topics of time changes nothing', async () => {
    const quiet = await rehearse({ scenarioFile: hamlet });
    const run = await disturbedBy((publish) => {
      for (const rubbish of ['{', 'null', '[]', '{"schema":"platone.tick/1"}', '\u0000']) {
        void publish(topics.progress('balancer'), Buffer.from(rubbish));
        void publish(topics.bridgedTick, Buffer.from(rubbish));
        void publish(topics.directTick, Buffer.from(rubbish));
      }
    });
    expect(run.accuracy).toBe(quiet.accuracy);
  });

  it('who speaks of the progress of another run changes nothing', async () => {
    const quiet = await rehearse({ scenarioFile: hamlet });
    const run = await disturbedBy((publish, { timeUs }) => {
      const head = { schema: 'platone.progress/1', runId: 'another', instance: '0', timeUs, sequence: 500 };
      for (const service of ['power-calculation', 'certificate-check', 'state-estimation', 'balancer']) {
        void publish(topics.progress(service), json({ ...head, service, inputs: {}, outputs: {} }));
      }
    });
    expect(run.accuracy).toBe(quiet.accuracy);
  });

  it('who announces another run ends this one with a sentence', async () => {
    const run = disturbedBy((publish, tick) => {
      void publish(topics.bridgedTick, json({ ...tick, runId: 'another', sequence: 0 }));
    });
    await expect(run).rejects.toThrow('another run (another) announced itself on this databus');
  });
});

describe('a stranger on the access layer', () => {
  it('who publishes in the name of a device makes the run invalid', async () => {
    const broker = await createEmbeddedBroker({ name: 'access layer without a door' });
    atEnd(() => broker.close());
    let done = false;
    await stranger(broker.url, [topics.balTick], (_topic, payload, publish) => {
      if (done || parse(payload)['sequence'] !== 8) return;
      done = true;
      void publish(topics.balMeasurement('germany', 'pmu', 'pmu-breaker'), json({ device: 'pmu-breaker' }));
    });
    const run = await rehearse({ scenarioFile: hamlet, databus: 'embedded', bal: broker.url });
    expect(run.report.verdict).toBe('invalid');
    expect(run.audit.violations).toEqual(['1 message on device>bal (pmu) came from nobody of this run']);
    expect(run.audit.refused['power-calculation']).toEqual({ 'wrong-schema': 1 });
  });
});

describe('an access layer without a door', () => {
  it('that lets a device in with a wrong password makes the run invalid', async () => {
    const broker = await createEmbeddedBroker({ name: 'access layer without a door' });
    atEnd(() => broker.close());
    const events = 'events=[{ at: 1min, for: 10s, fault: wrong-password, target: pmu-breaker }]';
    const run = await rehearse({ scenarioFile: hamlet, databus: 'embedded', bal: broker.url, set: [events] });
    expect(run.report.verdict).toBe('invalid');
    expect(run.audit.violations).toEqual(['the broker let pmu-pmu-breaker in with a wrong password']);
  });
});

describe('a world that cannot be', () => {
  it('a power flow without a solution makes the run invalid, and names the first instant', async () => {
    const run = await rehearse({ scenarioFile: hamlet, set: ['profiles.load.annualEnergy=3000 MWh'] });
    expect(run.manifest.state).toBe('complete');
    expect(run.report.verdict).toBe('invalid');
    expect(run.audit.violations[0]).toBe('the power flow did not converge at 2021-04-01T10:00:00Z');
  });
});

describe('a device on the access layer', () => {
  it('that publishes in the name of another one is turned away and counted, and changes nothing', async () => {
    const quiet = await rehearse({ scenarioFile: hamlet });
    const run = await exposedRun(
      async (urls) => {
        const meter = loginOf({ kind: 'smart-meter', id: 'meter-house-01' });
        const thief = await connectSoon(urls.bal, 'thief', () => {}, meter);
        let done = false;
        await stranger(urls.databus, [topics.bridgedTick], (_topic, payload) => {
          if (done || parse(payload)['sequence'] !== 8) return;
          done = true;
          const pmu = topics.balMeasurement('germany', 'pmu', 'pmu-breaker');
          for (const topic of [pmu, topics.balTick]) void thief.publish(topic, json({ device: 'pmu-breaker' }));
        });
        // Without its bridge the run does not begin.
        await foreignBridge(urls);
      },
      { service: { bridge: 'attach' } },
    );
    expect(run.audit.violations).toEqual([]);
    expect(run.audit.refused['bal']).toEqual({ 'publish-not-allowed': 2 });
    expect(run.report.verdict).toBe('pass');
    expect(run.report.metrics).toEqual(quiet.report.metrics);
    expect(run.report.kpis).toEqual(quiet.report.kpis);
  });
});

describe('by the wall clock', () => {
  it('an instant that begins much too late makes the run invalid', async () => {
    const run = await rehearse({ scenarioFile: village, pace: '1000000x', set: ['clock.duration=1h'] });
    expect(run.report.verdict).toBe('invalid');
    expect(run.audit.violations).toEqual([expect.stringMatching(/instants began too late by the wall clock/)]);
  });
});
