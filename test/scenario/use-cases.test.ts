/** Use cases in scenarios: events and the balancer's beginning in the same words, every slip with its place. */
import { describe, expect, it } from 'vitest';
import { loadScenario } from '../../sim/scenario/load.ts';
import { createWorkshop, soundScenario } from './workshop.ts';

const { write, faultsOf } = createWorkshop();

const sound = soundScenario.replace('platform:\n', 'platform:\n  balancer: {}\n');
const withEvents = (...events: string[]) => `${sound}events:\n${events.map((event) => `  - ${event}\n`).join('')}`;
const faults = async (...events: string[]) => await faultsOf(write('s.yaml', withEvents(...events)));

describe('events', () => {
  it('ask for every use case with its parameters', async () => {
    const file = write(
      's.yaml',
      withEvents(
        '{ at: "00:10", useCase: 2, exchange: -60 kW, for: 20min, issuer: aggregator }',
        '{ at: 30min, useCase: 3, packages: [{ at: "00:40", for: 5min, power: 50 kW }] }',
        '{ at: 50min, useCase: 0 }',
        '{ at: 5min, fault: stuck, target: pmu-1 }',
      ),
    );
    const { scenario } = await loadScenario(file);
    expect(scenario.events).toMatchObject([
      { useCase: 2, exchange: -60e3, for: 1200e6, issuer: 'aggregator' },
      { useCase: 3, packages: [{ at: '00:40', for: 300e6, power: 50e3 }] },
      { useCase: 0 },
      { fault: 'stuck' },
    ]);
  });

  it('may agree on a hold that lasts beyond the run, but not begin after it', async () => {
    expect(await faults('{ at: "00:50", useCase: 2, exchange: 1 kW, for: 3h }')).toEqual([]);
    expect((await faults('{ at: "02:00", useCase: 1 }'))[0]).toMatch(
      /^s\.yaml:16:11: events\.0\.at: .* outside the run/,
    );
  });

  it('say what a use case needs, and what means nothing to it', async () => {
    expect(await faults('{ at: "00:10", useCase: 2 }')).toEqual([
      's.yaml:16:5: events.0.exchange: missing: use case 2 needs it',
      's.yaml:16:5: events.0.for: missing: use case 2 needs it',
    ]);
    expect(await faults('{ at: "00:10", useCase: 1, exchange: 5 kW }')).toEqual([
      's.yaml:16:32: events.0.exchange: means nothing to use case 1',
    ]);
    expect((await faults('{ at: "00:10", useCase: 4, packages: [{ at: noon, for: 1h, power: 1 kW }] }'))[0]).toMatch(
      /^s\.yaml:16:49: events\.0\.packages\.0\.at: "noon" is no time/,
    );
  });

  it('name slips by the kind of event that was meant', async () => {
    expect(await faults('{ at: "00:10", useCase: 2, exchnge: 5 kW, for: 1h }')).toContain(
      's.yaml:16:32: events.0.exchnge: unknown key "exchnge" (did you mean "exchange"?)',
    );
    expect(await faults('{ at: "00:10", fault: stuck, target: pmu-1, measurnd: activepower }')).toContain(
      's.yaml:16:49: events.0.measurnd: unknown key "measurnd" (did you mean "measurand"?)',
    );
    expect((await faults('{ at: "00:10", useCase: 7 }'))[0]).toMatch(/^s\.yaml:16:29: events\.0\.useCase: 7 is not /);
    expect((await faults('{ at: "00:10", fault: derating, target: pmu-1 }'))[0]).toBe(
      's.yaml:16:45: events.0.target: derating acts inside batteries, and "pmu-1" is none',
    );
  });
});

describe('the balancer begins', () => {
  const begins = async (options: string) =>
    (await loadScenario(write('s.yaml', soundScenario.replace('platform:\n', `platform:\n  balancer: ${options}\n`))))
      .serviceOptions['balancer'];

  it('with a use case in the words of the events', async () => {
    expect(await begins('{ useCase: 1, targetW: 500 }')).toEqual({ begin: { useCase: 1 }, targetW: 500 });
    expect(await begins('{ useCase: 2, exchange: -5 kW, for: 1h }')).toEqual({
      begin: { useCase: 2, targetW: -5e3, durationUs: 3600e6 },
    });
    expect(
      await begins('{ useCase: 4, packages: [{ at: "00:30", for: 10min, power: 7 kW }], fallback: plan }'),
    ).toEqual({
      begin: { useCase: 4, slots: [{ start: '2021-03-31T22:30:00Z', durationUs: 600e6, powerW: 7e3 }] },
      fallback: 'plan',
    });
    expect(await begins('{}')).toEqual({});
  });

  it('or every slip is named where it stands', async () => {
    const text = soundScenario.replace('platform:\n', 'platform:\n  balancer: { useCase: 3, exchange: 5 kW }\n');
    expect(await faultsOf(write('s.yaml', text))).toEqual([
      's.yaml:11:27: platform.balancer.exchange: means nothing to use case 3',
      's.yaml:11:13: platform.balancer.packages: missing: use case 3 needs it',
    ]);
    const unknown = soundScenario.replace('platform:\n', 'platform:\n  balancer: { useCase: 9 }\n');
    expect((await faultsOf(write('s.yaml', unknown)))[0]).toMatch(
      /^s\.yaml:11:24: platform\.balancer\.useCase: 9 is not/,
    );
  });
});
