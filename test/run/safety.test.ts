/** The checker of a run knows what the scenario says of its batteries, its balancer and its faults. */
import { describe, expect, it } from 'vitest';
import type { Setpoint } from '../../platform/contract/setpoint.ts';
import { formatInstant } from '../../platform/contract/time.ts';
import { prepareRun } from '../../sim/run/prepare.ts';
import { createSafety } from '../../sim/run/safety.ts';
import { hamlet } from './rehearsal.ts';

const STEP_US = 10e6;

async function safetyOf(...set: readonly string[]) {
  const preparation = await prepareRun({ scenarioFile: hamlet, databus: 'memory', set, service: {} });
  const safety = createSafety(preparation.loaded, preparation.park, await preparation.services('nowhere'));
  const at = (k: number) => preparation.schedule.startUs + k * STEP_US;
  return {
    at,
    safety,
    fresh: (k: number) => {
      safety.sent({ kind: 'pmu', device: 'pmu-breaker', taggedUs: at(k) });
      safety.sent({ kind: 'bess', device: 'cbes', taggedUs: at(k) });
    },
    setpoint: (k: number, change: Partial<Setpoint> = {}): Setpoint => ({
      schema: 'platone.setpoint/1',
      device: 'cbes',
      timestamp: formatInstant(at(k)),
      sequence: k,
      activePowerW: 10e3,
      validForUs: 30e6,
      issuer: 'balancer',
      ...change,
    }),
    violated: () => safety.counts().flatMap(({ name, violations }) => (violations > 0 ? [name] : [])),
  };
}

describe('the safety of a run', () => {
  it('takes what is older than three periods of the balancer for too old', async () => {
    const { safety, at, fresh, setpoint, violated } = await safetyOf();
    fresh(0);
    safety.delivered(at(3), setpoint(3));
    expect(violated()).toEqual([]);
    safety.delivered(at(4), setpoint(4, { activePowerW: 20e3 }));
    expect(violated()).toEqual(['staleness']);
  });

  it.each([
    ['a setpoint that runs out', [], 4],
    ['no setpoint for longer than three periods', [], 4, 1000e6],
    ['the lateness of a fault besides', ['events=[{ at: 10s, fault: late-response, target: cbes, value: 45s }]'], 8],
  ])('lets a battery act as long as its nameplate allows, and %s', async (_what, set, lastStep, validForUs = 30e6) => {
    const { safety, at, fresh, setpoint, violated } = await safetyOf(...set);
    fresh(0);
    safety.delivered(at(0), setpoint(0, { validForUs }));
    const state = { activePowerW: 10e3, energyStoredWh: 400e3, lossesWh: 0, saturated: false };
    // One second of command delay, 30 s of validity, one second of ramp: the step that begins after them must be idle.
    for (let k = 0; k <= lastStep; k += 1) safety.state(at(k), 'cbes', state);
    expect(violated()).not.toContain('silence');
    safety.state(at(lastStep + 1), 'cbes', state);
    expect(violated()).toContain('silence');
  });

  it('takes no other number of periods from the balancer', async () => {
    await expect(safetyOf('platform.balancer.staleAfterPeriods=4')).rejects.toThrow(/staleAfterPeriods/);
    await expect(safetyOf('platform.balancer.validForPeriods=4')).rejects.toThrow(/validForPeriods/);
  });

  it.each([
    ['the balancer', [], 'balancer', 'aggregator'],
    ['whom the scenario names', ['devices.2.commandedBy=[aggregator]'], 'aggregator', 'balancer'],
  ])('lets %s command, and nobody else', async (_who, set, lawful, lawless) => {
    const { safety, at, setpoint, violated } = await safetyOf(...set);
    safety.delivered(at(0), setpoint(0, { issuer: lawful, activePowerW: 0 }));
    safety.acknowledged(at(1), 'cbes', setpoint(0));
    expect(violated()).toEqual([]);
    safety.delivered(at(1), setpoint(1, { issuer: lawless, activePowerW: 0 }));
    safety.acknowledged(at(2), 'cbes', setpoint(1));
    expect(violated()).toEqual(['sender']);
  });
});
