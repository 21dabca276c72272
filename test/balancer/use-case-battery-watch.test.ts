/** What the balancer makes of a battery's telemetry when that does not fit its setpoints or its own power. */
import { describe, expect, test } from 'vitest';
import { createBatteryWatch } from '../../platform/balancer/battery-watch.ts';
import type { CommandState, Measurement } from '../../platform/contract/measurement.ts';
import { formatInstant } from '../../platform/contract/time.ts';

const START_US = 1.6e15;
const at = (k: number) => START_US + k * 10e6;
const plate = {
  maxDischargeW: 300e3,
  maxChargeW: 300e3,
  capacityWh: 800e3,
  socMin: 0.0875,
  socMax: 0.875,
  chargeEfficiency: 1,
  dischargeEfficiency: 1,
};

function createBattery() {
  const watch = createBatteryWatch(plate);
  const tell = (
    k: number,
    powerW: number,
    soc: number,
    wantedW?: number,
    status: CommandState['status'] = 'accepted',
  ) => {
    const component = 'battery:b';
    const message: Measurement = {
      schema: 'platone.measurement/1',
      device: 'b',
      timestamp: formatInstant(at(k)),
      sequence: k,
      readings: [
        { component, measurand: 'activepower', phase: 'total', data: powerW },
        { component, measurand: 'stateofcharge', phase: 'total', data: soc },
      ],
      ...(wantedW !== undefined && {
        command: { activePowerW: wantedW, sequence: k - 1, status, timestamp: formatInstant(at(k - 1)) },
      }),
    };
    watch.telemetry(message, at(k));
  };
  return { watch, tell };
}

describe('power', () => {
  test('a setpoint that was acknowledged and is not reached six times running is beyond it, for a quarter of an hour', () => {
    const { watch, tell } = createBattery();
    for (let k = 1; k <= 5; k += 1) tell(k, 60e3, 0.5, 200e3);
    expect(watch.model().maxDischargeW).toBe(300e3);
    tell(6, 60e3, 0.5, 200e3);
    expect(watch.model()).toMatchObject({ maxDischargeW: 60e3, maxChargeW: 300e3 });
    expect(watch.metrics().shortfalls).toBe(1);
    tell(100, 60e3, 0.5, 60e3);
    expect(watch.model().maxDischargeW).toBe(300e3);
  });

  test('charging is watched like discharging', () => {
    const { watch, tell } = createBattery();
    for (let k = 1; k <= 6; k += 1) tell(k, -10e3, 0.5, -200e3);
    expect(watch.model()).toMatchObject({ maxDischargeW: 300e3, maxChargeW: 10e3 });
  });

  test('a battery that is late behind a moving setpoint, at the end of its window, or uncommanded has lost nothing', () => {
    const late = createBattery();
    for (let k = 1; k <= 12; k += 1) late.tell(k, 40e3 * (k - 3), 0.5, Math.min(300e3, 40e3 * k));
    expect(late.watch.model().maxDischargeW).toBe(300e3);
    const full = createBattery();
    for (let k = 1; k <= 12; k += 1) full.tell(k, 0, 0.87, -100e3);
    expect(full.watch.model().maxChargeW).toBe(300e3);
    const refused = createBattery();
    for (let k = 1; k <= 12; k += 1) refused.tell(k, 0, 0.5, 100e3, 'refused');
    expect(refused.watch.model().maxDischargeW).toBe(300e3);
  });
});

describe('state of charge', () => {
  test('what its power contradicts is not believed; it is counted until it fits again', () => {
    const { watch, tell } = createBattery();
    tell(0, -144e3, 0.5);
    // 144 kW for 10 s are 0.4 kWh, half a thousandth of the capacity.
    tell(1, -144e3, 0.65);
    expect(watch.state()?.soc).toBeCloseTo(0.5005, 9);
    expect(watch.state()?.toldSoc).toBe(0.65);
    tell(2, -144e3, 0.65);
    expect(watch.state()?.soc).toBeCloseTo(0.501, 9);
    expect(watch.metrics().socDisproved).toBe(2);
    tell(3, -144e3, 0.503);
    expect(watch.state()?.soc).toBe(0.503);
  });

  test('after a silence there is nothing to count from: what it tells is taken', () => {
    const { watch, tell } = createBattery();
    tell(0, 0, 0.5);
    tell(13, 0, 0.65);
    expect(watch.state()?.soc).toBe(0.65);
    expect(watch.metrics().socDisproved).toBe(0);
  });

  test('old news changes nothing', () => {
    const { watch, tell } = createBattery();
    tell(5, 0, 0.5);
    tell(4, 100e3, 0.4);
    expect(watch.state()).toMatchObject({ soc: 0.5, powerW: 0 });
  });
});
