/** The use cases of the balancer service: triggers switch them cleanly, plans steer packages and households, silence reverts. */
import { describe, expect, test } from 'vitest';
import type { Setpoint } from '../../platform/contract/setpoint.ts';
import { formatInstant } from '../../platform/contract/time.ts';
import { at, bessMessage, createSite, forecast, PERIOD_US, QUARTER_US, trigger } from './site.ts';

describe('a hold', () => {
  test('is answered, held for its time, and gives way to the island again', () => {
    const site = createSite();
    expect(site.play(0, 40e3)).toMatchObject({ setpoint: 40e3, said: [{ useCase: 1, cause: 'start', targetW: 0 }] });
    const wish = { useCase: 2, targetW: 100e3, durationUs: 5 * PERIOD_US } as const;
    const answered = site.play(1, 40e3, [trigger(0, 'r-1', wish)]);
    expect(answered.setpoint).toBe(-60e3);
    expect(answered.said).toMatchObject([
      { useCase: 2, cause: 'trigger', targetW: 100e3, answer: { request: 'r-1', accepted: true, reasons: [] } },
    ]);
    for (let k = 2; k < 6; k += 1) expect(site.play(k, 40e3).setpoint, String(k)).toBe(-60e3);
    const ended = site.play(6, 40e3);
    expect(ended.setpoint).toBe(40e3);
    expect(ended.said).toMatchObject([{ useCase: 1, cause: 'hold-ends', targetW: 0 }]);
  });

  test('that the battery cannot carry through is accepted with a doubt in words', () => {
    const site = createSite({}, 0.0875);
    site.play(0, 40e3);
    const wish = { useCase: 2, targetW: -50e3, durationUs: 3600e6 } as const;
    const [answer] = site.play(1, 40e3, [trigger(0, 'r-1', wish)]).said;
    expect(answer?.answer?.accepted).toBe(true);
    expect(answer?.answer?.reasons[0]).toContain('give 90 kW');
  });

  test('asked for twice under one name is taken once', () => {
    const site = createSite();
    const wish = { useCase: 2, targetW: 10e3, durationUs: 2 * PERIOD_US } as const;
    site.play(0, 0, [trigger(0, 'r-1', wish)]);
    const repeated = site.play(1, 0, [trigger(0, 'r-1', { ...wish, targetW: 99e3 })]);
    expect(repeated.said[0]?.answer).toMatchObject({
      accepted: true,
      reasons: ['was taken before, it changes nothing'],
    });
    expect(repeated.setpoint).toBe(-10e3);
    expect(site.play(2, 0).setpoint).toBe(0);
  });

  test('that is refused leaves everything as it was and says why', () => {
    const site = createSite();
    site.play(0, 40e3);
    const late = { useCase: 2, targetW: 10e3, durationUs: PERIOD_US, start: formatInstant(at(-100)) } as const;
    const refused = site.play(1, 40e3, [trigger(0, 'r-1', late)]);
    expect(refused.setpoint).toBe(40e3);
    expect(refused.said[0]?.answer).toMatchObject({ accepted: false });
    expect(site.core.metrics?.()['refusedTriggers']).toBe(1);
  });
});

describe('switching', () => {
  test('no setpoint goes further than the ramp allows, and the target is reached all the same', () => {
    const rampWPerS = 2e3;
    const site = createSite({ battery: { device: 'cbes', ratedPowerW: 300e3, capacityWh: 800e3, rampWPerS } });
    let before = 0;
    const seen: number[] = [];
    const wishes = new Map([
      [3, trigger(2, 'a', { useCase: 2, targetW: -150e3, durationUs: 20 * PERIOD_US })],
      [12, trigger(11, 'b', { useCase: 2, targetW: 150e3, durationUs: 30 * PERIOD_US })],
      [30, trigger(29, 'c', { useCase: 0 })],
    ]);
    for (let k = 0; k < 45; k += 1) {
      const wish = wishes.get(k);
      const { setpoint } = site.play(k, 40e3, wish === undefined ? [] : [wish]);
      if (setpoint === undefined) continue;
      expect(Math.abs(setpoint - before)).toBeLessThanOrEqual(20e3 + 1e-6);
      before = setpoint;
      seen.push(setpoint);
    }
    expect(Math.max(...seen)).toBe(190e3);
    expect(Math.min(...seen)).toBe(-110e3);
    expect(seen.at(-1)).toBe(0);
  });

  test('use case 0 brings the battery to zero and then says nothing any more', () => {
    const site = createSite();
    site.play(0, 40e3);
    expect(site.play(1, 40e3, [trigger(0, 'stop', { useCase: 0 })]).setpoint).toBe(0);
    expect(site.play(2, 40e3).setpoint).toBeUndefined();
    expect(site.play(3, 40e3).said).toEqual([]);
    expect(site.play(4, 40e3, [trigger(3, 'go', { useCase: 1 })]).setpoint).toBe(40e3);
  });

  test('begins with the use case of its configuration; one that cannot be is answered, and the site is an island', () => {
    const begin = { useCase: 4, slots: [{ start: formatInstant(at(-10)), durationUs: PERIOD_US, powerW: 1e3 }] };
    const { setpoint, said } = createSite({ begin }).play(0, 25e3);
    expect(setpoint).toBe(25e3);
    expect(said).toMatchObject([{ useCase: 1, cause: 'start', answer: { request: 'begin', accepted: false } }]);
  });
});

describe('packages', () => {
  const slots = [{ start: formatInstant(at(2)), durationUs: 3 * PERIOD_US, powerW: 60e3 }];

  test('without a plan are taken whole, and the exchange is zero outside', () => {
    const site = createSite({ begin: { useCase: 3, slots } });
    const targets = [0, 1, 2, 3, 4, 5].map((k) => 40e3 - (site.play(k, 40e3).setpoint ?? Number.NaN));
    expect(targets).toEqual([0, 0, 60e3, 60e3, 60e3, 0]);
  });

  test('with a plan are as large as what will be missing', () => {
    const full = createSite({ begin: { useCase: 3, slots }, planning: 'rule' }, 0.8);
    full.play(0, 10e3, [forecast(at(0), 10e3, 0)]);
    full.play(1, 10e3);
    // 440 kWh in the battery last for the 240 kWh of the day ahead.
    expect(full.play(2, 10e3).setpoint).toBeCloseTo(10e3, 6);
    const empty = createSite({ begin: { useCase: 3, slots }, planning: 'rule' }, 0.0875);
    empty.play(0, 10e3, [forecast(at(0), 10e3, 0)]);
    empty.play(1, 10e3);
    expect(empty.play(2, 10e3).setpoint).toBeCloseTo(-50e3, 6);
  });

  test('a plan is made with the first forecast, every quarter of an hour, and when a trigger changes what lies ahead', () => {
    const site = createSite({ planning: 'rule' });
    expect(site.play(0, 10e3).plans).toEqual([]);
    const [first] = site.play(1, 10e3, [forecast(at(1), 10e3, 0)]).plans;
    expect(first).toMatchObject({ useCase: 1, method: 'rule', status: 'feasible', sequence: 0 });
    expect(site.play(2, 10e3).plans).toEqual([]);
    const wish = { useCase: 2, targetW: 5e3, durationUs: QUARTER_US } as const;
    const [second] = site.play(3, 10e3, [trigger(2, 'r', wish)]).plans;
    expect(second).toMatchObject({ useCase: 2, sequence: 1, windows: [{ kind: 'hold', exchangeW: 5e3 }] });
    const plans = Array.from({ length: 180 }, (_, k) => site.play(4 + k, 10e3).plans.length);
    expect(plans.reduce((sum, count) => sum + count, 0)).toBe(2);
  });
});

describe('without measurements', () => {
  test('goes on for three periods, then sends nothing, so that the battery reverts', () => {
    const site = createSite();
    site.play(0, 40e3);
    for (let k = 1; k <= 3; k += 1) expect(site.play(k, undefined).setpoint, String(k)).toBeDefined();
    expect(site.play(4, undefined).setpoint).toBeUndefined();
    expect(site.play(5, 40e3).setpoint).toBe(40e3);
    expect(site.core.metrics?.()['fallbacks']).toBe(1);
  });

  test('sends what the plan has for the battery where it is told to', () => {
    const site = createSite({ planning: 'rule', fallback: 'plan' });
    site.play(0, 40e3, [forecast(at(0), 25e3, 0)]);
    for (let k = 1; k <= 3; k += 1) site.play(k, undefined);
    expect(site.play(4, undefined).setpoint).toBeCloseTo(25e3, 6);
  });

  test('without a plan there is nothing to fall back to', () => {
    const site = createSite({ fallback: 'plan' });
    site.play(0, 40e3);
    for (let k = 1; k <= 3; k += 1) site.play(k, undefined);
    expect(site.play(4, undefined).setpoint).toBeUndefined();
  });
});

describe('household batteries', () => {
  const households = [1, 2].map((n) => ({ device: `hbes-${n}`, ratedPowerW: 5e3, capacityWh: 10e3 }));
  const telemetry = (k: number) => households.map(({ device }) => bessMessage(device, at(k), 0, 0.5));

  test('get a setpoint each quarter of an hour, from the plan; the community battery takes what is left', () => {
    const site = createSite({ planning: 'rule', households });
    const first = site.play(0, -60e3, [forecast(at(0), 0, 60e3), ...telemetry(0)]);
    expect(first.setpoints.map(({ device, activePowerW }) => [device, Math.round(activePowerW)])).toEqual([
      ['cbes', -60e3],
      ['hbes-1', -5e3],
      ['hbes-2', -5e3],
    ]);
    expect(first.setpoints.find(({ device }) => device === 'hbes-1')?.validForUs).toBe(3 * QUARTER_US);
    const later = Array.from({ length: 200 }, (_, k) => site.play(k + 1, -50e3).setpoints.length);
    expect(later.filter((count) => count === 3).length).toBeLessThanOrEqual(3);
    expect(later.filter((count) => count === 3).length).toBeGreaterThanOrEqual(2);
  });

  test('use case 0 brings them to zero at once, and starting again commands them at once', () => {
    const site = createSite({ planning: 'rule', households });
    site.play(0, -60e3, [forecast(at(0), 0, 60e3), ...telemetry(0)]);
    const stopped = site.play(1, -50e3, [trigger(0, 'stop', { useCase: 0 })]).setpoints;
    expect(stopped.map(({ device, activePowerW }) => [device, activePowerW])).toEqual([
      ['cbes', 0],
      ['hbes-1', 0],
      ['hbes-2', 0],
    ]);
    expect(site.play(2, -50e3).setpoints).toEqual([]);
    const again = site.play(3, -50e3, [trigger(2, 'go', { useCase: 1 })]).setpoints;
    expect(again.map(({ device }) => device)).toEqual(['cbes', 'hbes-1', 'hbes-2']);
  });

  test('one that has not been heard of is left alone', () => {
    const site = createSite({ planning: 'rule', households });
    const { setpoints } = site.play(0, -60e3, [forecast(at(0), 0, 60e3), ...telemetry(0).slice(0, 1)]);
    expect(setpoints.map(({ device }) => device)).toEqual(['cbes', 'hbes-1']);
  });
});

describe('a battery that is not what it says', () => {
  test('a state of charge that its own power contradicts is not believed, and the worse of the two counts', () => {
    const site = createSite();
    for (let k = 0; k < 3; k += 1) site.play(k, 300e3);
    const lie = (soc: number): Setpoint | undefined => {
      const liar = createSite();
      liar.play(0, 300e3);
      return liar.play(1, 300e3, [bessMessage('cbes', at(1), 300e3, soc)]).setpoints[0];
    };
    // Nearly empty, it says, from one period to the next: nothing more is taken out than that.
    expect(lie(0.0875)?.activePowerW).toBe(0);
    // Full, it says: what is really there still goes out.
    expect(lie(0.87)?.activePowerW).toBe(300e3);
  });
});
