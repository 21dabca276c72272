/** Scheduling from a forecast: each setpoint is for the interval that begins with its instant. */
import { expect, test } from 'vitest';
import type { Forecast } from '../../platform/contract/forecast.ts';
import type { Measurement } from '../../platform/contract/measurement.ts';
import { setpointSchema, type Setpoint } from '../../platform/contract/setpoint.ts';
import { formatInstant } from '../../platform/contract/time.ts';
import { scheduleByRule } from '../../platform/balancer/rules.ts';
import { balancer } from '../../platform/balancer/service.ts';
import type { Input } from '../../platform/service/definition.ts';

const QUARTER_US = 900e6;
const START_US = 1.6e15;
const load = [30e3, 20e3, 10e3, 40e3, 400e3, 50e3];
const generation = [0, 50e3, 500e3, 40e3, 0, 0];

function forecast(startUs: number, loadW: readonly number[], issuedUs = startUs): Input {
  const message: Forecast = {
    schema: 'platone.forecast/1',
    issuer: 'forecasting',
    timestamp: formatInstant(issuedUs),
    start: formatInstant(startUs),
    stepUs: QUARTER_US,
    series: [
      { component: 'load:house-1', activePowerW: [1e6], activePowerSigmaW: [0] },
      { component: 'site:load', activePowerW: [...loadW], activePowerSigmaW: loadW.map(() => 0) },
      { component: 'site:generation', activePowerW: generation, activePowerSigmaW: generation.map(() => 0) },
    ],
  };
  return { topic: 'dsotp/forecast/germany/forecasting', kind: 'forecast', message, taggedUs: issuedUs, late: false };
}

function telemetry(soc: number): Input {
  const message: Measurement = {
    schema: 'platone.measurement/1',
    device: 'cbes',
    timestamp: formatInstant(START_US),
    sequence: 0,
    readings: [{ component: 'battery:cbes', measurand: 'stateofcharge', phase: 'total', data: soc }],
  };
  return { topic: '/bal/germany/bess/cbes', kind: 'bess', message, taggedUs: START_US, late: false };
}

function createScheduler(options: object = { initialSoc: 0.0875 }) {
  const core = balancer.create(
    balancer.configSchema.parse({
      mode: 'schedule',
      site: 'germany',
      battery: { device: 'cbes', ratedPowerW: 300e3, capacityWh: 800e3, socMin: 0.0875, socMax: 0.875 },
      everyUs: QUARTER_US,
      ...options,
    }),
  );
  return {
    core,
    setpoint: (k: number, inputs: readonly Input[] = []) => {
      const timeUs = START_US + k * QUARTER_US;
      const [output] = core.step({ timeUs, sequence: k + 1, inputs, final: false });
      return output === undefined ? undefined : (output.message as Setpoint);
    },
  };
}

test('follows the rule over the whole horizon, one step per instant, the state of charge from the model', () => {
  const { setpoint } = createScheduler();
  const battery = {
    maxDischargeW: 300e3,
    maxChargeW: 300e3,
    capacityWh: 800e3,
    socMin: 0.0875,
    socMax: 0.875,
    chargeEfficiency: 1,
    dischargeEfficiency: 1,
  };
  const net = load.map((power, step) => power - (generation[step] ?? 0));
  const plan = scheduleByRule(battery, 0.0875, net, 0, 900);
  for (const [k, step] of plan.entries()) {
    const sent = setpoint(k, k === 0 ? [forecast(START_US, load)] : []);
    expect(setpointSchema.parse(sent)).toEqual(sent);
    expect(sent?.activePowerW).toBeCloseTo(step.batteryW, 6);
    expect(sent?.timestamp).toBe(formatInstant(START_US + k * QUARTER_US));
    expect(sent?.validForUs).toBe(3 * QUARTER_US);
  }
  // The quarter hours are worth the look: nothing stored, surplus within and beyond 300 kW, balance, deficit beyond it.
  expect(plan.map((step) => Math.round(step.batteryW / 1e3))).toEqual([0, -30, -300, 0, 300, 30]);
});

test('a newer forecast replaces the older one, an older one does not', () => {
  const { core, setpoint } = createScheduler({ initialSoc: 0.5 });
  const doubled = load.map((power) => 2 * power);
  expect(setpoint(0, [forecast(START_US, load)])?.activePowerW).toBe(30e3);
  expect(setpoint(1, [forecast(START_US, doubled, START_US + QUARTER_US)])?.activePowerW).toBe(-10e3);
  expect(setpoint(3, [forecast(START_US, load, START_US)])?.activePowerW).toBe(40e3);
  expect(core.metrics?.()).toMatchObject({ setpoints: 3, forecasts: 2, withoutSetpoint: 0 });
});

test('says nothing before the first forecast, after its end, and without a state of charge to start from', () => {
  const { core, setpoint } = createScheduler();
  expect(setpoint(0)).toBeUndefined();
  expect(setpoint(1, [forecast(START_US, load)])).toBeDefined();
  expect(setpoint(6)).toBeUndefined();
  expect(core.metrics?.()).toMatchObject({ setpoints: 1, withoutSetpoint: 2 });

  const unknown = createScheduler({});
  expect(unknown.setpoint(0, [forecast(START_US, load)])).toBeUndefined();
  expect(unknown.setpoint(1, [telemetry(0.5)])?.activePowerW).toBe(-30e3);
});

test('holds a target, and reads the components that it is told to', () => {
  const targeted = createScheduler({ initialSoc: 0.5, targetW: 10e3 });
  expect(targeted.setpoint(0, [forecast(START_US, load)])?.activePowerW).toBe(20e3);
  const named = createScheduler({ initialSoc: 0.5, forecast: { load: 'load:house-1', generation: 'site:generation' } });
  expect(named.setpoint(0, [forecast(START_US, load)])?.activePowerW).toBe(300e3);
});

test('reads forecasts and waits for the forecasting service, or powers and the power calculation', () => {
  const schema = balancer.configSchema;
  const battery = { device: 'cbes', ratedPowerW: 1, capacityWh: 1 };
  const schedule = schema.parse({ mode: 'schedule', site: 's', battery });
  expect(balancer.inputs(schedule)).toEqual(['/bal/s/bess/+', 'dsotp/forecast/s/+']);
  expect(balancer.upstreams(schedule)).toEqual(['forecasting']);
  const breaker = { device: 'pmu', component: 'branch:t:to', importSign: -1 };
  const near = schema.parse({ mode: 'near-real-time', site: 's', battery, breaker });
  expect(balancer.inputs(near)).toEqual(['/bal/s/bess/+', 'dsotp/power/s/+', 'dsotp/trigger/s/balancer']);
  const planning = schema.parse({ mode: 'near-real-time', site: 's', battery, breaker, planning: 'rule' });
  expect(balancer.inputs(planning)).toContain('dsotp/forecast/s/+');
  expect(balancer.upstreams(planning)).toEqual(['power-calculation', 'forecasting']);
  expect(balancer.upstreams(near)).toEqual(['power-calculation']);
});
