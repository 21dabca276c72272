import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatInstant } from '../../platform/contract/time.ts';
import type { Setpoint } from '../../platform/contract/setpoint.ts';
import { bessFaults, createBess } from '../../sim/devices/bess.ts';
import type { ControllableDevice } from '../../sim/devices/device.ts';
import { commandDelays, type DeviceCondition, deviceConditions } from '../../sim/faults/device-faults.ts';
import { clock, deviceOf, START_US, STEP_US, truthOf } from './bench-house.ts';

const base = { id: 'b', at: 'battery:cellar', power: '300 kW', energy: '800 kWh', soc: '50 %' };

function bess(entry: Readonly<Record<string, unknown>> = {}, seed = '1'): ControllableDevice {
  return createBess({ device: deviceOf('bess', { ...base, ...entry }), battery: 'cellar', seed, clock });
}

const at = (step: number) => START_US + step * STEP_US;
let sequence = 0;
function setpoint(activePowerW: number, timeUs: number, options: Partial<Setpoint> = {}): Setpoint {
  sequence += 1;
  const timestamp = formatInstant(timeUs);
  return {
    schema: 'platone.setpoint/1',
    device: 'b',
    timestamp,
    sequence,
    activePowerW,
    validForUs: 3600e6,
    issuer: 'balancer',
    ...options,
  };
}

/** Sends a setpoint at `step` and moves one step on. */
function follow(device: ControllableDevice, step: number, powerW: number, options: Partial<Setpoint> = {}) {
  device.command(setpoint(powerW, at(step), options), at(step));
  return device.advance(at(step), at(step + 1)).activePowerW;
}

describe('battery storage', () => {
  test('physics: charging stores eta times the energy, discharging draws 1 / eta', () => {
    const device = bess({ preset: 'ideal', chargeEfficiency: '90 %', dischargeEfficiency: '80 %' });
    const start = device.state().energyStoredWh;
    expect(follow(device, 0, -100e3)).toBe(-100e3);
    const charged = device.state().energyStoredWh;
    expect(charged - start).toBeCloseTo((0.9 * 100e3 * 10) / 3600, 9);
    expect(follow(device, 1, 100e3)).toBe(100e3);
    expect(device.state().energyStoredWh - charged).toBeCloseTo((-100e3 / 0.8 / 3600) * 10, 9);
    expect(device.state().lossesWh).toBeCloseTo(((0.1 + 0.25) * 100e3 * 10) / 3600, 9);
  });

  test('it stops at the ends of its window and says that it is saturated', () => {
    const device = bess({ preset: 'ideal', energy: '10 kWh', soc: '50 %' });
    // 300 kW empties 4.125 kWh in 49.5 s: four full steps, then what is left, then nothing.
    const powers = Array.from({ length: 6 }, (_, step) => follow(device, step, 300e3));
    expect(powers.slice(0, 4)).toEqual([300e3, 300e3, 300e3, 300e3]);
    expect(powers[4]).toBeCloseTo(300e3 * 0.95, 3);
    expect(powers[5]).toBeCloseTo(0, 6);
    expect(device.state()).toMatchObject({ saturated: true });
    expect(device.state().stateOfCharge).toBeCloseTo(0.0875, 12);
    expect(device.state().setpointW).toBeCloseTo(0, 6);
    expect(follow(device, 6, -100e3)).toBe(-100e3);
    expect(device.state().saturated).toBe(false);
  });

  test('for 2,000 sequences of setpoints: SoC in its window, power within rating, energy balance closed', () => {
    const command = fc.record({
      powerW: fc.oneof(fc.integer({ min: -900_000, max: 900_000 }), fc.constantFrom(-300e3, 0, 300e3)),
      reactiveVar: fc.integer({ min: -400_000, max: 400_000 }),
      validSteps: fc.integer({ min: 1, max: 8 }),
      silent: fc.boolean(),
    });
    const plate = fc.record({
      chargeEfficiency: fc.integer({ min: 50, max: 100 }).map((percent) => `${percent} %`),
      dischargeEfficiency: fc.integer({ min: 50, max: 100 }).map((percent) => `${percent} %`),
      rampTime: fc.integer({ min: 0, max: 60 }).map((seconds) => `${seconds}s`),
      commandDelay: fc.integer({ min: 0, max: 25 }).map((seconds) => `${seconds}s`),
      standbyLoss: fc.integer({ min: 0, max: 2000 }).map((watts) => `${watts} W`),
      energy: fc.integer({ min: 1, max: 20 }).map((kWh) => `${kWh} kWh`),
      soc: fc.integer({ min: 9, max: 87 }).map((percent) => `${percent} %`),
    });
    fc.assert(
      fc.property(plate, fc.array(command, { minLength: 5, maxLength: 40 }), (entry, commands) => {
        const device = bess(entry);
        let energyWh = 0;
        const startWh = device.state().energyStoredWh;
        commands.forEach(({ powerW, reactiveVar, validSteps, silent }, step) => {
          if (!silent) {
            device.command(
              setpoint(powerW, at(step), { reactivePowerVar: reactiveVar, validForUs: validSteps * STEP_US }),
              at(step),
            );
          }
          const { activePowerW, reactivePowerVar } = device.advance(at(step), at(step + 1));
          energyWh += (activePowerW * 10) / 3600;
          const { stateOfCharge, energyStoredWh, lossesWh } = device.state();
          expect(stateOfCharge).toBeGreaterThanOrEqual(0.0875 - 1e-12);
          expect(stateOfCharge).toBeLessThanOrEqual(0.875 + 1e-12);
          expect(Math.hypot(activePowerW, reactivePowerVar)).toBeLessThanOrEqual(300e3 * (1 + 1e-12));
          // What was in it = what is in it + what it gave + what it lost.
          expect(Math.abs(startWh - energyStoredWh - energyWh - lossesWh)).toBeLessThan(1e-6);
          expect(lossesWh).toBeGreaterThan(-1e-6);
        });
      }),
      { numRuns: 2000 },
    );
  });

  test('command delay and ramp: the mean of the step in which they fall', () => {
    const device = bess({ preset: 'ideal', commandDelay: '2s', rampTime: '4s', power: '300 kW' });
    // 2 s nothing, 2 s ramp to 150 kW, 6 s there: (0 + 0.5 * 150 * 2 + 150 * 6) / 10.
    expect(follow(device, 0, 150e3)).toBeCloseTo(105e3, 6);
    expect(device.advance(at(1), at(2)).activePowerW).toBeCloseTo(150e3, 6);
    const late = bess({ preset: 'ideal', commandDelay: '25s' });
    expect(
      [0, 1, 2, 3].map((step) =>
        step === 0 ? follow(late, 0, 100e3) : late.advance(at(step), at(step + 1)).activePowerW,
      ),
    ).toEqual([0, 0, 50e3, 100e3]);
  });

  test('a ramp slower than a step goes on over steps', () => {
    const device = bess({ preset: 'ideal', rampTime: '30s' });
    const powers = [follow(device, 0, 300e3)];
    for (let step = 1; step < 4; step += 1) powers.push(device.advance(at(step), at(step + 1)).activePowerW);
    [50e3, 150e3, 250e3, 300e3].forEach((expected, i) => expect(powers[i]).toBeCloseTo(expected, 6));
  });

  test('revert timer: without a newer setpoint the power returns to 0 W, and no setpoint is in force', () => {
    const device = bess({ preset: 'ideal' });
    expect(follow(device, 0, 100e3, { validForUs: 20e6 })).toBe(100e3);
    expect(device.state().setpointW).toBe(100e3);
    expect(device.advance(at(1), at(2)).activePowerW).toBe(100e3);
    expect(device.state().setpointW).toBe(100e3);
    expect(device.advance(at(2), at(3)).activePowerW).toBe(0);
    expect(device.state().setpointW).toBeNaN();
    expect(follow(device, 3, -50e3, { validForUs: 25e6 })).toBe(-50e3);
    expect(device.advance(at(4), at(5)).activePowerW).toBe(-50e3);
    expect(device.advance(at(5), at(6)).activePowerW).toBe(-25e3);
  });

  test('a setpoint that answers an older instant than the newest one is ignored', () => {
    const device = bess({ preset: 'ideal' });
    device.command(setpoint(100e3, at(1)), at(1));
    device.command(setpoint(-200e3, at(0)), at(1));
    expect(device.advance(at(1), at(2)).activePowerW).toBe(100e3);
  });

  test('telemetry: power at the terminals, state of charge and energy at the instant of the sample', () => {
    const device = bess({ preset: 'ideal' });
    follow(device, 0, 120e3);
    const [message] = device.sample(truthOf({ timeUs: at(1) }));
    const { readings, timestamp } = message?.measurement ?? { readings: [], timestamp: '' };
    expect(timestamp).toBe(formatInstant(at(1)));
    expect(readings.map(({ measurand, phase, component }) => [measurand, phase, component])).toEqual(
      ['activepower', 'reactivepower', 'stateofcharge', 'energystored'].map((name) => [
        name,
        'total',
        'battery:cellar',
      ]),
    );
    expect(readings[0]?.data).toBe(120e3);
    expect(readings[2]?.data).toBe(device.state().stateOfCharge);
    expect(readings[3]?.data).toBe(device.state().energyStoredWh);
    const delayed = bess({ telemetryDelay: '12s' }).sample(truthOf({ timeUs: at(3) }));
    expect((delayed[0]?.publishUs ?? 0) - at(3)).toBe(STEP_US);
    expect(delayed[0]?.measurement.timestamp).toBe(formatInstant(at(3)));
  });

  test('field telemetry is off by its class at most, and rounded', () => {
    const device = bess({ commandDelay: '0s', rampTime: '0s' });
    follow(device, 0, 123_456);
    const [message] = device.sample(truthOf({ timeUs: at(1) }));
    const power = message?.measurement.readings[0];
    expect(Math.abs((power?.data ?? Number.NaN) / 123_456 - 1)).toBeLessThan(0.0051);
    expect((power?.data ?? Number.NaN) % 10).toBe(0);
    expect(power?.sigma).toBeGreaterThan(0);
  });

  test('a plate that contradicts itself is told in sentences', () => {
    const faultsOf = (change: Readonly<Record<string, unknown>>) =>
      bessFaults(deviceOf('bess', { ...base, ...change })).map(({ key, message }) => `${key} ${message}`);
    expect(faultsOf({})).toEqual([]);
    expect(faultsOf({ soc: '5 %' })).toEqual(['soc 5 % is outside the window of 8.75 % to 87.5 %']);
    expect(faultsOf({ chargeEfficiency: '0 %' })).toEqual(['chargeEfficiency must be above 0']);
    expect(faultsOf({ dischargeEfficiency: '0 %' })).toEqual(['dischargeEfficiency must be above 0']);
    expect(faultsOf({ energy: '0 Wh' })).toEqual(['energy must be above 0 Wh']);
    expect(faultsOf({ power: '0 W' })).toEqual(['power must be above 0 W']);
    expect(faultsOf({ socMin: '60 %', socMax: '60 %' })).toEqual(['socMin 60 % is not below socMax of 60 %']);
    expect(faultsOf({ power: '2 kW', standbyLoss: '1.1 kW' })).toEqual(['standbyLoss is more than half the power']);
  });
});

describe('the backend', () => {
  const acknowledged = (device: ControllableDevice, step: number) =>
    device.sample(truthOf({ timeUs: at(step) }))[0]?.measurement.command;

  test('says nothing before the first setpoint, then what it makes of the newest', () => {
    const device = bess({ every: '10 s' });
    device.advance(at(0), at(1));
    expect(acknowledged(device, 1)).toBeUndefined();
    device.command(setpoint(50e3, at(1), { sequence: 7 }), at(1));
    device.advance(at(1), at(2));
    expect(acknowledged(device, 2)).toEqual({
      activePowerW: 50e3,
      sequence: 7,
      status: 'accepted',
      timestamp: formatInstant(at(1)),
    });
    device.command(setpoint(500e3, at(2), { sequence: 8 }), at(2));
    device.advance(at(2), at(3));
    expect(acknowledged(device, 3)).toMatchObject({ activePowerW: 300e3, sequence: 8, status: 'limited' });
  });

  test('says so when a setpoint has run out, and goes back to its default', () => {
    const device = bess({ every: '10 s', rampTime: '1 s' });
    device.command(setpoint(50e3, at(0), { validForUs: 2 * STEP_US }), at(0));
    for (let step = 0; step < 5; step += 1) device.advance(at(step), at(step + 1));
    expect(acknowledged(device, 5)).toMatchObject({ activePowerW: 0, status: 'expired' });
    expect(device.state().activePowerW).toBe(0);
  });

  test('refuses strangers and goes on with the setpoint that it has', () => {
    const device = bess({ every: '10 s' });
    follow(device, 0, 50e3);
    device.command(setpoint(-200e3, at(1), { issuer: 'mallory' }), at(1));
    device.advance(at(1), at(2));
    expect(device.state().activePowerW).toBe(50e3);
    expect(acknowledged(device, 2)).toMatchObject({ status: 'refused' });
    const theirs = bess({ commandedBy: ['mallory'], commandDelay: '0 s', rampTime: '0 s' });
    expect(follow(theirs, 0, -200e3, { issuer: 'mallory' })).toBe(-200e3);
  });
});

describe('faults inside it', () => {
  const sick = (condition: (timeUs: number) => DeviceCondition) =>
    createBess({
      device: deviceOf('bess', { ...base, preset: 'ideal' }),
      battery: 'cellar',
      seed: '1',
      clock,
      condition,
    });

  test('answers late: what arrives now acts later, and a quicker one overtakes', () => {
    const device = sick((timeUs) => ({ lateUs: timeUs < at(2) ? 3 * STEP_US : 0, powerShare: 1, faults: [] }));
    const powers = [100e3, 110e3, 120e3, 130e3].map((power, step) => follow(device, step, power));
    expect(powers).toEqual([0, 0, 120e3, 130e3]);
    // The late ones never act.
    expect(device.advance(at(4), at(5)).activePowerW).toBe(130e3);
  });

  test('has lost power: gives its share of the rating, and is saturated', () => {
    const device = sick((timeUs) =>
      timeUs < at(2) ? { lateUs: 0, powerShare: 0.1, faults: ['derating'] } : { lateUs: 0, powerShare: 1, faults: [] },
    );
    expect(follow(device, 0, 100e3)).toBe(30e3);
    expect(device.state()).toMatchObject({ saturated: true, faults: 'derating' });
    expect(follow(device, 1, -100e3)).toBe(-30e3);
    expect(follow(device, 2, -100e3)).toBe(-100e3);
    expect(device.state()).toMatchObject({ saturated: false, faults: '' });
  });

  test('events name devices and times; what is said later goes before what was said earlier', () => {
    const events = [
      { at: '10s', for: 20e6, fault: 'derating', target: 'c*', value: '50 %' },
      { at: '20s', fault: 'late-response', target: 'bess/cbes', value: '7s' },
    ] as const;
    const conditionOf = deviceConditions(events, formatInstant(at(0)));
    expect(conditionOf({ kind: 'bess', id: 'hbes' })).toBeUndefined();
    const condition = conditionOf({ kind: 'bess', id: 'cbes' });
    expect([0, 1, 2, 3].map((step) => condition?.(at(step)))).toEqual([
      { lateUs: 0, powerShare: 1, faults: [] },
      { lateUs: 0, powerShare: 0.5, faults: ['derating'] },
      { lateUs: 7e6, powerShare: 0.5, faults: ['derating', 'late-response'] },
      { lateUs: 7e6, powerShare: 1, faults: ['late-response'] },
    ]);
    expect(commandDelays(events)({ kind: 'bess', id: 'cbes' })).toBe(7e6);
  });
});
