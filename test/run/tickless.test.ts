/** Somebody else's service that knows nothing of ticks takes part in an exact run, where the scenario declares its outputs. */
import { describe, expect, it } from 'vitest';
import type { Measurement } from '../../platform/contract/measurement.ts';
import { parseInstant } from '../../platform/contract/time.ts';
import { createEmbeddedBroker } from '../../platform/databus/embedded.ts';
import { powerCalculation } from '../../platform/power-calculation/service.ts';
import type { RunOptions } from '../../sim/run/options.ts';
import { hamlet, rehearse, type Rehearsal } from './rehearsal.ts';
import { atEnd, pause, type Publish, stranger } from './strangers.ts';

const declared = 'tickless={ power-calculation: { input: pmu, outputs: { power: 1 } } }';
const twoPmus = 'devices.0.count=2';

type Answer = (message: Measurement, publish: () => Promise<void>, others: Publish) => Promise<void> | void;

/** A run of the hamlet whose powers are calculated by a program that hears PMUs, answers them, and nothing else. */
async function attached(answer: Answer, options: Partial<RunOptions> = {}): Promise<Rehearsal> {
  const core = powerCalculation.create(powerCalculation.configSchema.parse({ site: 'germany', routes: ['bal'] }));
  // There before the run: nobody can ask it whether it is.
  const broker = await createEmbeddedBroker({ name: 'databus' });
  atEnd(() => broker.close());
  await stranger(broker.url, ['/bal/+/pmu/+'], (topic, payload, publish) => {
    const message = JSON.parse(Buffer.from(payload).toString()) as Measurement;
    const timeUs = parseInstant(message.timestamp);
    const input = { topic, kind: 'pmu', message, payload, taggedUs: timeUs, late: false };
    const [output] = core.step({ timeUs, sequence: 1, inputs: [input], final: false });
    if (output === undefined) throw new Error('a frame has a power');
    const bytes = Buffer.from(JSON.stringify(output.message));
    void answer(message, () => publish(output.topic, bytes), publish);
  });
  return await rehearse({
    scenarioFile: hamlet,
    databus: broker.url,
    bal: 'embedded',
    service: { 'power-calculation': 'attach' },
    ...options,
    set: [declared, ...(options.set ?? [])],
  });
}

describe('a service that knows nothing of ticks', () => {
  it('gives the same bytes as ours', async () => {
    const ours = await rehearse({ scenarioFile: hamlet });
    const theirs = await attached((_message, publish) => publish());
    expect(theirs.audit.violations).toEqual([]);
    expect(theirs.accuracy).toBe(ours.accuracy);
  });

  it('gets its messages one by one, however long it takes', async () => {
    let [working, most, answers] = [0, 0, 0];
    const run = await attached(
      async (_message, publish) => {
        working += 1;
        most = Math.max(most, working);
        await pause(20);
        working -= 1;
        answers += 1;
        await publish();
      },
      { set: [twoPmus, 'expect=[]'] },
    );
    expect(run.audit.violations).toEqual([]);
    expect({ most, answers }).toEqual({ most: 1, answers: 38 });
  });

  it('takes part in a run by the wall clock too, where nobody waits for it', async () => {
    const run = await attached((_message, publish) => publish(), { pace: 'quiet' });
    expect(run.audit.violations).toEqual([]);
    expect(run.report).toMatchObject({ class: 'paced', verdict: 'pass', messages: { unexplained: 0 } });
  });

  it('that does not answer in time makes the run invalid', async () => {
    let frames = 0;
    const run = await attached(
      async (_message, publish) => {
        frames += 1;
        if (frames !== 5) await publish();
      },
      { patience: { giveUpUs: 2e6 } },
    );
    expect(run.report.verdict).toBe('invalid');
    expect(run.audit.violations).toContain(
      'power-calculation did not answer every pmu with 1 of kind power, as the scenario declares',
    );
  });

  it('that answers more than was declared makes the run invalid', async () => {
    const run = await attached(async ({ sequence, timestamp }, publish, others) => {
      const more = { schema: 'platone.measurement/1', device: 'x', timestamp, sequence, readings: [] };
      if (sequence === 7) await others('dsotp/power/germany/x', Buffer.from(JSON.stringify(more)));
      await publish();
    });
    expect(run.report.verdict).toBe('invalid');
    expect(run.audit.violations).toContain('1 of kind power on the databus came from no service of this run');
  });

  it('that names another instant in its answer has not answered', async () => {
    const run = await attached(
      async ({ sequence }, publish, others) => {
        const late = { device: 'pmu-breaker', timestamp: '2021-04-01T09:00:00Z', sequence, readings: [] };
        const bytes = Buffer.from(JSON.stringify({ schema: 'platone.measurement/1', ...late }));
        if (sequence === 7) await others('dsotp/power/germany/pmu-breaker', bytes);
        else await publish();
      },
      { patience: { giveUpUs: 2e6 } },
    );
    expect(run.report.verdict).toBe('invalid');
    expect(run.audit.violations.join()).toContain('did not answer every pmu');
  });

  it('has to be one of the scenario', async () => {
    const set = ['tickless={ power-calculatoin: { input: pmu, outputs: { power: 1 } } }'];
    await expect(rehearse({ scenarioFile: hamlet, set })).rejects.toThrow(/is no service of the scenario/);
  });
});
