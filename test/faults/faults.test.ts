import { describe, expect, test } from 'vitest';
import { InvalidInputError } from '../../grids/problem.ts';
import type { Measurement, Reading } from '../../platform/contract/measurement.ts';
import { measurementSchema } from '../../platform/contract/measurement.ts';
import { formatInstant, parseInstant } from '../../platform/contract/time.ts';
import { createLightNode, forgeryOf } from '../../sim/access-layer/light-node.ts';
import type { DeviceMessage } from '../../sim/devices/device.ts';
import { faultCatalogue } from '../../sim/faults/catalogue.ts';
import { createFaultInjector, type FaultInjector } from '../../sim/faults/injector.ts';
import { faultParameter } from '../../sim/faults/parameters.ts';
import { faultNames, scenarioSchema, type ScenarioInput } from '../../sim/scenario/schema.ts';

const start = '2021-04-01T00:00:00+02:00';
const START_US = parseInstant(start);
const STEP_US = 10e6;

function injector(events: ScenarioInput['events'], seed = '1', nominalHz = 50): FaultInjector {
  const scenario = scenarioSchema.parse({
    schema: 1,
    name: 'faults',
    site: 'test',
    seed,
    clock: { start, duration: '24h', step: '10s' },
    grid: 'bench',
    devices: [{ kind: 'pmu', at: 'bus:b' }],
    platform: {},
    events,
  });
  return createFaultInjector({ events: scenario.events, seed: scenario.seed, start, nominalHz });
}

/** A PMU-like message of step `step` whose values tell where they come from. */
function message(step: number, device = 'pmu-1', kind = 'pmu'): DeviceMessage {
  const timeUs = START_US + step * STEP_US;
  const reading = (measurand: Reading['measurand'], phase: Reading['phase'], data: number): Reading => ({
    component: 'branch:line:from',
    measurand,
    phase,
    data,
  });
  return {
    kind,
    device,
    measuredUs: timeUs,
    publishUs: timeUs,
    measurement: {
      schema: 'platone.measurement/1',
      device,
      timestamp: formatInstant(timeUs),
      sequence: step,
      readings: [
        reading('voltmagnitude', 'A', 230 + step),
        reading('voltmagnitude', 'B', 231 + step),
        reading('voltangle', 'A', 0.5),
        reading('currmagnitude', 'A', 10 + step),
        reading('currangle', 'A', 0.4),
        reading('activepower', 'A', 1000 + step),
        reading('energyimport', 'total', 5000 + step),
        reading('frequency', 'total', 50),
      ],
    },
  };
}

/** What goes out at each of `count` steps. */
function run(faults: FaultInjector, count: number, device?: string): DeviceMessage[][] {
  return Array.from({ length: count }, (_, step) => [
    ...faults.apply([message(step, device)], START_US + step * STEP_US).sent,
  ]);
}

function value(measurement: Measurement | undefined, measurand: string, phase: string): number | undefined {
  return measurement?.readings.find((reading) => reading.measurand === measurand && reading.phase === phase)?.data;
}

/** The message of step 2 under one event that begins at step 1. */
function under(event: Readonly<Record<string, unknown>>): DeviceMessage {
  const faults = injector([{ at: '10s', target: 'pmu-1', ...event } as NonNullable<ScenarioInput['events']>[number]]);
  const [before, , after] = run(faults, 3);
  expect(before).toEqual([message(0)]);
  const [out] = after ?? [];
  if (out === undefined) throw new Error('nothing was sent');
  return out;
}

describe('faults', () => {
  test('the catalogue has every fault of the schema, and its defaults are valid', () => {
    expect(Object.keys(faultCatalogue).sort()).toEqual([...faultNames].sort());
    for (const fault of faultNames) expect([fault, typeof faultParameter({ fault })]).toEqual([fault, 'object']);
  });

  test('an event acts from its beginning to its end on its targets alone', () => {
    const faults = injector([
      { at: '20s', for: '30s', fault: 'bias', target: 'pmu/pmu-*', value: 5, measurand: 'voltmagnitude' },
    ]);
    const struck = run(faults, 8).map(([out]) => (value(out?.measurement, 'voltmagnitude', 'A') ?? 0) - 230);
    expect(struck).toEqual([0, 1, 7, 8, 9, 5, 6, 7]);
    const others = [message(3, 'meter-1'), message(3, 'pmu-1', 'smart-meter')];
    expect(faults.apply(others, START_US + 3 * STEP_US).sent).toEqual(others);
  });

  test('clock times and absolute instants mean what they say', () => {
    const noon = injector([{ at: '12:00', fault: 'comm-outage', target: '*' }]);
    const at = (text: string) => noon.apply([message(0)], parseInstant(text)).swallowed.length;
    expect([at('2021-04-01T11:59:50+02:00'), at('2021-04-01T12:00:00+02:00')]).toEqual([0, 1]);
  });

  test('bias: absolute, relative, on a phase; registers only where they are named', () => {
    expect(value(under({ fault: 'bias', value: 3, phase: 'B' }).measurement, 'voltmagnitude', 'B')).toBe(236);
    const relative = under({ fault: 'bias', value: '10 %' }).measurement;
    expect(value(relative, 'activepower', 'A')).toBeCloseTo(1102.2, 9);
    expect(value(relative, 'energyimport', 'total')).toBe(5002);
    const named = under({ fault: 'bias', value: 7, measurand: 'energyimport' }).measurement;
    expect(value(named, 'energyimport', 'total')).toBe(5009);
    expect(value(under({ fault: 'bias', value: 3, measurand: 'voltangle' }).measurement, 'voltangle', 'A')).toBeCloseTo(
      3.5 - 2 * Math.PI,
      12,
    );
  });

  test('gross error: one reading of the message is off, by the amount', () => {
    const { measurement, faults } = under({ fault: 'gross-error', value: 0.5, probability: 1 });
    const original = message(2).measurement.readings;
    const changed = measurement.readings.filter((reading, i) => reading.data !== original[i]?.data);
    expect(changed).toHaveLength(1);
    expect(faults).toEqual(['gross-error']);
    const share = run(injector([{ at: '0s', fault: 'gross-error', target: '*', probability: 0.3 }]), 2000).filter(
      ([out]) => out?.faults?.includes('gross-error'),
    );
    expect(share.length).toBeGreaterThan(500);
    expect(share.length).toBeLessThan(700);
  });

  test('stuck holds the value at the onset while time goes on', () => {
    const faults = injector([{ at: '20s', for: '30s', fault: 'stuck', target: '*', measurand: 'voltmagnitude' }]);
    const outs = run(faults, 7).map(([out]) => out?.measurement);
    expect(outs.map((out) => value(out, 'voltmagnitude', 'A'))).toEqual([230, 231, 232, 232, 232, 235, 236]);
    expect(outs.map((out) => value(out, 'activepower', 'A'))).toEqual([1000, 1001, 1002, 1003, 1004, 1005, 1006]);
    expect(outs.map((out) => out?.timestamp)).toEqual(outs.map((_, step) => formatInstant(START_US + step * STEP_US)));
  });

  test('stale repeats the readings of some messages ago', () => {
    const faults = injector([{ at: '30s', fault: 'stale', target: '*', value: 2 }]);
    const outs = run(faults, 7).map(([out]) => value(out?.measurement, 'voltmagnitude', 'A'));
    expect(outs).toEqual([230, 231, 232, 231, 232, 233, 234]);
  });

  test('sign flip, phase swap, wrong unit, CT ratio', () => {
    const flipped = under({ fault: 'sign-flip' }).measurement;
    expect(value(flipped, 'activepower', 'A')).toBe(-1002);
    expect(value(flipped, 'currangle', 'A')).toBeCloseTo(0.4 - Math.PI, 12);
    expect(value(flipped, 'voltangle', 'A')).toBe(0.5);
    const swapped = under({ fault: 'phase-swap', value: 'AB' }).measurement;
    expect([value(swapped, 'voltmagnitude', 'A'), value(swapped, 'voltmagnitude', 'B')]).toEqual([233, 232]);
    expect(value(swapped, 'activepower', 'B')).toBe(1002);
    const kilo = under({ fault: 'wrong-unit' }).measurement;
    expect(value(kilo, 'activepower', 'A')).toBeCloseTo(1.002, 12);
    expect(value(kilo, 'frequency', 'total')).toBe(50);
    const ratio = under({ fault: 'ct-ratio', value: 1.5 }).measurement;
    expect([value(ratio, 'currmagnitude', 'A'), value(ratio, 'voltmagnitude', 'A')]).toEqual([18, 232]);
  });

  test('time skew moves the tag, the interval and the angles together', () => {
    const { measurement } = under({ fault: 'time-skew', value: '5ms' });
    expect(measurement.timestamp).toBe(formatInstant(START_US + 2 * STEP_US + 5000));
    // A quarter period at 50 Hz.
    expect(value(measurement, 'voltangle', 'A')).toBeCloseTo(0.5 - Math.PI / 2, 9);
    expect(value(measurement, 'voltmagnitude', 'A')).toBe(232);
    const [[elsewhere] = []] = run(injector([{ at: '0s', fault: 'time-skew', target: '*', value: '5ms' }], '1', 60), 1);
    expect(value(elsewhere?.measurement, 'voltangle', 'A')).toBeCloseTo(0.5 - 0.6 * Math.PI, 9);
  });

  test('drop-out leaves readings out, never all of them', () => {
    const outs = run(injector([{ at: '0s', fault: 'drop-out', target: '*', probability: 0.5 }]), 500).map(
      ([out]) => out?.measurement.readings.length ?? 0,
    );
    const mean = outs.reduce((sum, n) => sum + n, 0) / outs.length;
    expect(mean).toBeGreaterThan(3.5);
    expect(mean).toBeLessThan(4.5);
    expect(Math.min(...outs)).toBeGreaterThanOrEqual(1);
    const none = run(injector([{ at: '0s', fault: 'drop-out', target: '*', probability: 1 }]), 1);
    expect(none[0]?.[0]?.measurement.readings).toHaveLength(1);
  });

  test('outage swallows, a wrong password turns away, delay postpones, duplicate doubles: nothing gets lost in silence', () => {
    const outage = injector([{ at: '0s', fault: 'comm-outage', target: '*', probability: 0.4 }]);
    let [sent, swallowed] = [0, 0];
    for (let step = 0; step < 1000; step += 1) {
      const result = outage.apply([message(step)], START_US + step * STEP_US);
      sent += result.sent.length;
      swallowed += result.swallowed.length;
      for (const { faults } of result.swallowed) expect(faults).toEqual(['comm-outage']);
    }
    expect(sent + swallowed).toBe(1000);
    expect(swallowed).toBeGreaterThan(320);
    expect(swallowed).toBeLessThan(480);
    const refused = injector([{ at: '0s', fault: 'wrong-password', target: '*' }]).apply([message(0)], START_US);
    expect([refused.sent.length, refused.turnedAway.length]).toEqual([0, 1]);
    expect(under({ fault: 'delay', value: '25s' }).publishUs).toBe(START_US + 2 * STEP_US + 25e6);
    const [doubled] = run(injector([{ at: '0s', fault: 'duplicate', target: '*' }]), 1);
    expect(doubled).toHaveLength(2);
    expect(doubled?.[0]).toEqual(doubled?.[1]);
  });

  test('messages that must be refused: an unknown schema, and NaN as it travels; the light node can still certify them', () => {
    for (const fault of ['wrong-schema', 'not-a-number'] as const) {
      const out = under({ fault });
      const node = createLightNode({ seed: '1', site: 's', kind: 'pmu', device: 'pmu-1' });
      const wire: unknown = JSON.parse(JSON.stringify(node.seal(out.measurement).message));
      expect([fault, measurementSchema.safeParse(wire).success]).toEqual([fault, false]);
    }
    expect(measurementSchema.safeParse(message(2).measurement).success).toBe(true);
  });

  test('a forged certificate is a label that the light node understands', () => {
    expect(forgeryOf(under({ fault: 'forged-certificate' }).faults)).toBe('hash');
    const signature = under({ fault: 'forged-certificate', value: 'signature' });
    expect(forgeryOf(signature.faults)).toBe('signature');
    expect(signature.measurement).toEqual(message(2).measurement);
  });

  test('faults add up in the order of the scenario, each with its label', () => {
    const faults = injector([
      { at: '0s', fault: 'bias', target: '*', value: 10, measurand: 'activepower' },
      { at: '0s', fault: 'sign-flip', target: '*' },
    ]);
    const [[out] = []] = run(faults, 1);
    expect(value(out?.measurement, 'activepower', 'A')).toBe(-1010);
    expect(out?.faults).toEqual(['bias', 'sign-flip']);
  });

  test('chance belongs to the device and the fault: another device or fault changes nothing', () => {
    const event = { at: '0s', fault: 'gross-error', target: 'pmu-1', probability: 0.5 } as const;
    const alone = run(injector([event]), 100);
    const faults = injector([
      { ...event, fault: 'drop-out', target: 'meter-1' },
      event,
      { ...event, target: 'meter-*' },
    ]);
    const together = Array.from({ length: 100 }, (_, step) => {
      const { sent } = faults.apply([message(step, 'meter-1'), message(step)], START_US + step * STEP_US);
      return sent.filter(({ device }) => device === 'pmu-1');
    });
    expect(together).toEqual(alone);
    expect(run(injector([event], '2'), 100)).not.toEqual(alone);
    const struck = (device: string) =>
      run(injector([{ ...event, target: '*' }]), 100, device).map(([out]) => out?.faults !== undefined);
    expect(struck('pmu-2')).not.toEqual(struck('pmu-1'));
  });

  test('values that do not fit are told together', () => {
    const problems: string[] = [];
    try {
      injector([
        { at: '0s', fault: 'phase-swap', target: '*', value: 'AD' },
        { at: '0s', fault: 'delay', target: '*', value: 'soon' },
        { at: '0s', fault: 'stuck', target: '*', value: 1 },
        { at: '0s', fault: 'bias', target: '*', value: 'much' },
        { at: 'later', fault: 'bias', target: '*' },
        { at: '0s', fault: 'stale', target: '*', value: 1.5 },
      ]);
    } catch (error) {
      if (!(error instanceof InvalidInputError)) throw error;
      problems.push(...error.problems.map(({ path }) => path));
    }
    expect(problems).toEqual(['events.0', 'events.1', 'events.2', 'events.3', 'events.4', 'events.5']);
  });
});
