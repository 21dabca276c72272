/** The receding horizon as the service does it: a plan every quarter of an hour, the rule in between, errors absorbed. */
import { beforeAll, describe, expect, test } from 'vitest';
import { loadOptimiser, type Optimiser } from '../../platform/balancer/optimisation/optimiser.ts';
import { planByOptimisation } from '../../platform/balancer/optimised-plan.ts';
import { type BatteryModel, stateOfChargeAfter } from '../../platform/balancer/rules.ts';
import { balancer } from '../../platform/balancer/service.ts';
import { type Plan, planSchema } from '../../platform/contract/plan.ts';
import { setpointSchema } from '../../platform/contract/setpoint.ts';
import type { Input } from '../../platform/service/definition.ts';
import { bessMessage, forecast, PERIOD_US, powerMessage, QUARTER_US } from './site.ts';

const START_US = 1.6e15 - (1.6e15 % QUARTER_US);
const STEPS = 24;
const PERIODS = QUARTER_US / PERIOD_US;

const physics = { socMin: 0, socMax: 1, chargeEfficiency: 0.95, dischargeEfficiency: 0.95 };
const community: BatteryModel = { ...physics, maxDischargeW: 10e3, maxChargeW: 10e3, capacityWh: 40e3 };
/** Charges from the site; it discharges into its own house. */
const household: BatteryModel = { ...physics, maxDischargeW: 0, maxChargeW: 3e3, capacityWh: 8e3 };
const fleet = [
  { device: 'cbes', model: community, soc: 0.3 },
  { device: 'hbes', model: household, soc: 0.2 },
] as const;

/** Six hours: a sunny morning, an evening without sun; W by quarter of an hour. */
const load = Array.from({ length: STEPS }, (_, k) => 3e3 + 2e3 * Math.sin(k / 3) + (k > 15 ? 4e3 : 0));
const sun = Array.from({ length: STEPS }, (_, k) => Math.max(0, 14e3 * Math.sin(((k + 1) / 16) * Math.PI)));

const nameplate = ({ device, model }: (typeof fleet)[number]) => ({
  device,
  ...physics,
  ratedPowerW: model.maxChargeW,
  capacityWh: model.capacityWh,
  mayDischarge: model.maxDischargeW > 0,
});

let optimiser: Optimiser;
beforeAll(async () => void (optimiser = await loadOptimiser()));

async function createCore(options: object = {}) {
  const config = balancer.configSchema.parse({
    mode: 'near-real-time',
    site: 's',
    breaker: { device: 'pmu', component: 'branch:t:to', importSign: -1 },
    battery: nameplate(fleet[0]),
    households: [nameplate(fleet[1])],
    planning: 'optimisation',
    ...options,
  });
  await balancer.ready?.(config);
  return balancer.create(config);
}

/** Energy off the island over the six hours that a planner reaches who knows the sun, kWh. */
function foresight(actual: readonly number[]): number {
  const horizon = { startUs: START_US, stepUs: QUARTER_US, nowUs: START_US, loadW: load, generationW: actual };
  const plan = planByOptimisation(optimiser, { useCase: 1, horizon, targetW: 0, windows: [], batteries: fleet });
  return plan.exchangeW.reduce((sum, power) => sum + Math.abs(power) / 4000, 0);
}

/** Lives through the six hours with the sun as it is; the service gets forecasts where `told` has one for the quarter. */
async function live(
  actual: readonly number[],
  told: (step: number) => readonly number[] | undefined,
  options: object = {},
) {
  const core = await createCore(options);
  let soc: number[] = fleet.map((each) => each.soc);
  let powerW = [0, 0];
  let offKWh = 0;
  const plans: Plan[] = [];
  const commands: string[] = [];
  for (let tick = 0; tick < STEPS * PERIODS; tick += 1) {
    const step = Math.floor(tick / PERIODS);
    const timeUs = START_US + tick * PERIOD_US;
    const netW = (load[step] ?? 0) - (actual[step] ?? 0);
    const exchangeW = netW - powerW.reduce((sum, power) => sum + power, 0);
    offKWh += (Math.abs(exchangeW) * PERIOD_US) / 3600e9;
    const forecastW = tick % PERIODS === 0 ? told(step) : undefined;
    const inputs: Input[] = [
      powerMessage(timeUs, exchangeW),
      ...fleet.map(({ device }, n) => bessMessage(device, timeUs, powerW[n] ?? 0, soc[n] ?? 0)),
      ...(forecastW === undefined ? [] : [forecast(timeUs, load.slice(step), forecastW.slice(step))]),
    ];
    const outputs = core.step({ timeUs, sequence: tick + 1, inputs, final: false });
    for (const { topic, message } of outputs) {
      if (topic.startsWith('dsotp/plan/')) plans.push(planSchema.parse(message));
      if (!topic.startsWith('setpoint/')) continue;
      const setpoint = setpointSchema.parse(message);
      commands.push(setpoint.device);
      powerW = fleet.map(({ device }, n) => (device === setpoint.device ? setpoint.activePowerW : (powerW[n] ?? 0)));
    }
    const before = soc;
    soc = fleet.map(({ model }, n) => stateOfChargeAfter(model, before[n] ?? 0, powerW[n] ?? 0, PERIOD_US / 1e6));
    for (const share of soc) expect(share).toBeGreaterThan(-1e-6);
    for (const share of soc) expect(share).toBeLessThan(1 + 1e-6);
  }
  return { offKWh, plans, commands, metrics: core.metrics?.() ?? {} };
}

const idleKWh = (actual: readonly number[]) =>
  load.reduce((sum, power, k) => sum + Math.abs(power - (actual[k] ?? 0)) / 4000, 0);

describe('a receding horizon', () => {
  test('with a perfect forecast does what the first plan said, but for the ten seconds that a setpoint takes', async () => {
    const { offKWh, plans } = await live(sun, () => sun);
    expect(plans).toHaveLength(STEPS);
    expect(plans.every(({ status, method }) => status === 'feasible' && method === 'optimisation')).toBe(true);
    const best = foresight(sun);
    expect(offKWh).toBeGreaterThanOrEqual(best - 1e-6);
    expect(offKWh - best).toBeLessThan(0.02 * (idleKWh(sun) - best));
  });

  test('with a wrong forecast absorbs the error, and is never better than perfect foresight', async () => {
    for (const factor of [0.6, 0.9, 1.1, 1.5]) {
      const actual = sun.map((power, k) => power * (factor + 0.1 * Math.cos(k)));
      const { offKWh } = await live(actual, () => sun);
      const best = foresight(actual);
      expect(offKWh).toBeGreaterThanOrEqual(best - 1e-6);
      expect(offKWh - best).toBeLessThan(0.25 * (idleKWh(actual) - best));
    }
  });

  test('each plan begins at the states of charge that were told, and reaches to the end of the forecast', async () => {
    const { plans } = await live(sun, () => sun);
    for (const [step, plan] of plans.entries()) expect(plan.exchangeW).toHaveLength(STEPS - step);
    const [first, second] = plans;
    // The second goes on where the first one was after its first step.
    expect(second?.batteries[0]?.stateOfCharge[0]).toBeCloseTo(first?.batteries[0]?.stateOfCharge[1] ?? Number.NaN, 2);
  });

  test('without a forecast the rule alone steers the community battery, and households hear nothing', async () => {
    const { plans, commands } = await live(sun, () => undefined);
    expect(plans).toEqual([]);
    expect(new Set(commands)).toEqual(new Set(['cbes']));
  });

  test('when forecasts stop the last one is planned with as far as it reaches', async () => {
    const { offKWh, plans } = await live(sun, (step) => (step === 0 ? sun : undefined));
    expect(plans).toHaveLength(STEPS);
    expect(offKWh - foresight(sun)).toBeLessThan(0.02 * (idleKWh(sun) - foresight(sun)));
  });

  test('a battery that tells a state of charge outside its window is planned with at its edge', async () => {
    const core = await createCore();
    const inputs = [
      powerMessage(START_US, 2e3),
      bessMessage('cbes', START_US, 0, -0.1),
      bessMessage('hbes', START_US, 0, 1.2),
      forecast(START_US, load, sun),
    ];
    const outputs = core.step({ timeUs: START_US, sequence: 1, inputs, final: false });
    const plan = planSchema.parse(outputs.find(({ topic }) => topic.startsWith('dsotp/plan/'))?.message);
    expect(plan.status).toBe('feasible');
    // Empty and full: neither gives what it does not have, nor takes what it has no room for.
    expect(plan.batteries[0]?.activePowerW[0]).toBeLessThanOrEqual(0);
    expect(plan.batteries[1]?.activePowerW.every((power) => Math.abs(power) < 1e-6)).toBe(true);
  });
});
