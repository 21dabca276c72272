/** The receding horizon: a plan every quarter of an hour, the rule in between, what the forecast got wrong absorbed. */
import { beforeAll, describe, expect, test } from 'vitest';
import { loadOptimiser, type Optimiser } from '../../platform/balancer/optimisation/optimiser.ts';
import type { Plan, PlanOutcome } from '../../platform/balancer/optimisation/plan.ts';
import { islandCosts, openExchange, type PlanProblem } from '../../platform/balancer/optimisation/problem.ts';
import { createRecedingHorizon, exchangeBand } from '../../platform/balancer/optimisation/receding-horizon.ts';
import { stateOfChargeAfter } from '../../platform/balancer/rules.ts';
import { plainBattery, plainProblem, tariffCosts } from './plan-problems.ts';

let optimiser: Optimiser;
beforeAll(async () => void (optimiser = await loadOptimiser()));

const START = Date.UTC(2021, 3, 1) * 1000;
const QUARTER_US = 900e6;
const STEPS = 24;
const battery = plainBattery({
  capacityWh: 40e3,
  initialSoc: 0.3,
  chargeEfficiency: 0.95,
  dischargeEfficiency: 0.95,
  wearPerKWh: 0.05,
});
const household = plainBattery({
  id: 'house',
  capacityWh: 8e3,
  maxChargeW: 3e3,
  mayDischarge: false,
  initialSoc: 0.2,
  wearPerKWh: 0.05,
});

/** Six hours: a sunny morning, an evening without sun; W by quarter of an hour. */
const load = Array.from({ length: STEPS }, (_, k) => 3e3 + 2e3 * Math.sin(k / 3) + (k > 15 ? 4e3 : 0));
const sun = Array.from({ length: STEPS }, (_, k) => Math.max(0, 14e3 * Math.sin(((k + 1) / 16) * Math.PI)));

function problemFrom(first: number, soc: readonly number[], forecast: readonly number[]): PlanProblem {
  const steps = STEPS - first;
  return plainProblem(steps, {
    startUs: START + first * QUARTER_US,
    stepS: Array<number>(steps).fill(900),
    loadW: load.slice(first),
    generationW: forecast.slice(first),
    batteries: [battery, household].map((each, n) => ({ ...each, initialSoc: soc[n] ?? each.initialSoc })),
    exchange: openExchange(steps),
    costs: islandCosts(steps),
  });
}

/** Lives through the six hours with the sun as it is, planning with the forecast; ten seconds a step. */
function live(actual: readonly number[], forecast: readonly number[]) {
  let soc = [battery.initialSoc, household.initialSoc];
  const outcomes: PlanOutcome[] = [];
  const horizon = createRecedingHorizon({
    planEveryUs: QUARTER_US,
    problemAt: (timeUs, now) => problemFrom(Math.floor((timeUs - START) / QUARTER_US), now, forecast),
    plan: (problem) => optimiser.plan(problem),
  });
  let cost = 0;
  let windows = true;
  for (let tick = 0; tick < STEPS * 90; tick += 1) {
    const step = Math.floor(tick / 90);
    const netW = (load[step] ?? 0) - (actual[step] ?? 0);
    const { powerW, outcome } = horizon.decide({ timeUs: START + tick * 10e6, netW, soc, durationS: 10 });
    if (outcome !== undefined) outcomes.push(outcome);
    soc = [battery, household].map((each, n) => stateOfChargeAfter(each, soc[n] ?? 0, powerW[n] ?? 0, 10));
    windows &&= soc.every((share) => share >= -1e-9 && share <= 1 + 1e-9);
    const exchangeKW = (netW - powerW.reduce((sum, power) => sum + power, 0)) / 1000;
    const throughputKW = powerW.reduce((sum, power) => sum + Math.abs(power), 0) / 1000;
    cost += ((Math.abs(exchangeKW) + 0.05 * throughputKW) * 10) / 3600;
  }
  return { cost, soc, outcomes, windows };
}

describe('a receding horizon', () => {
  test('with a perfect forecast does what the first plan said', () => {
    const first = optimiser.plan(problemFrom(0, [], sun)) as Plan;
    const { cost, outcomes, windows } = live(sun, sun);
    expect(outcomes).toHaveLength(STEPS);
    expect(outcomes.every(({ status }) => status === 'optimal')).toBe(true);
    expect(windows).toBe(true);
    expect(cost).toBeCloseTo(first.objective.total, 3);
  });

  test('with a wrong forecast absorbs the error, and is never better than perfect foresight', () => {
    for (const factor of [0.6, 0.9, 1.1, 1.5]) {
      const actual = sun.map((power, k) => power * (factor + 0.1 * Math.cos(k)));
      const foresight = optimiser.plan(problemFrom(0, [], actual)) as Plan;
      const { cost, windows } = live(actual, sun);
      // Without anything done.
      const idle = load.reduce((sum, power, k) => sum + Math.abs(power - (actual[k] ?? 0)) / 4000, 0);
      expect(windows).toBe(true);
      expect(cost).toBeGreaterThanOrEqual(foresight.objective.total - 1e-6);
      expect(cost - foresight.objective.total).toBeLessThan(0.25 * (idle - foresight.objective.total));
    }
  });

  test('decides nothing before there is a forecast, and follows an old plan to its end when a new one fails', () => {
    let forecasts = 0;
    const horizon = createRecedingHorizon({
      planEveryUs: QUARTER_US,
      problemAt: (timeUs, soc) => {
        forecasts += 1;
        if (timeUs < START + 2 * QUARTER_US) return undefined;
        return problemFrom(Math.floor((timeUs - START) / QUARTER_US), soc, sun);
      },
      plan: (problem) =>
        problem.startUs > START + 2 * QUARTER_US ? { status: 'unsolved', reason: 'tired' } : optimiser.plan(problem),
    });
    const decide = (step: number) =>
      horizon.decide({ timeUs: START + step * QUARTER_US, netW: 1e3, soc: [0.5, 0.5], durationS: 10 });
    expect(decide(0)).toEqual({ powerW: [], outcome: undefined });
    expect(decide(0.5).powerW).toEqual([]);
    expect(forecasts).toBe(2);
    expect(decide(2).powerW).toHaveLength(2);
    expect(decide(3)).toMatchObject({
      powerW: [expect.any(Number), expect.any(Number)],
      outcome: { status: 'unsolved' },
    });
    // A plan that failed is not tried again within the same quarter of an hour.
    expect(decide(3.5).outcome).toBeUndefined();
    expect(decide(STEPS).powerW).toEqual([]);
  });

  test('plans at the edge of the window with a state of charge that lies outside it', () => {
    const horizon = createRecedingHorizon({
      planEveryUs: QUARTER_US,
      problemAt: (_, soc) => problemFrom(0, soc, sun),
      plan: (problem) => optimiser.plan(problem),
    });
    const { powerW, outcome } = horizon.decide({ timeUs: START, netW: 2e3, soc: [-0.1, 1.2], durationS: 10 });
    expect(outcome).toMatchObject({ status: 'optimal', batteries: [{ soc: { 0: 0 } }, { soc: { 0: 1 } }] });
    // Empty and full: neither gives what it does not have, nor takes what it has no room for.
    expect(powerW[0]).toBeLessThanOrEqual(0);
    expect(powerW[1]).toBe(0);
  });
});

describe('the band that does the plan no harm', () => {
  const bandOf = (problem: PlanProblem, step = 0) => exchangeBand(problem, optimiser.plan(problem) as Plan, step);

  test('lies between the target and what is left over', () => {
    const full = plainBattery({ initialSoc: 1 });
    const band = bandOf(plainProblem(1, { generationW: [6e3], batteries: [full] }));
    expect(band).toEqual({ lowW: -6e3, highW: 0 });
  });

  test('is open where energy goes by price, but for peaks and limits', () => {
    expect(bandOf(plainProblem(1, { loadW: [5e3], costs: tariffCosts([0.3], [0.1]) }))).toEqual({
      lowW: -Infinity,
      highW: Infinity,
    });
    const costs = { ...tariffCosts([0.3], [0.1]), importPeakPerKW: 1, importPeakSoFarW: 7e3 };
    const exchange = { ...openExchange(1), minW: [-2e3] };
    expect(bandOf(plainProblem(1, { loadW: [5e3], costs, exchange }))).toEqual({ lowW: -2e3, highW: 7e3 });
  });

  test('is the plan itself in a package', () => {
    const packages = [
      {
        id: 'p',
        fromStep: 0,
        untilStep: 1,
        at: 'grid',
        direction: 'in',
        minEnergyWh: 2e3,
        maxEnergyWh: 2e3,
        constantPower: false,
      },
    ] as const;
    const band = bandOf(plainProblem(1, { batteries: [plainBattery()], packages }));
    expect(band).toEqual({ lowW: expect.closeTo(2e3, 5), highW: expect.closeTo(2e3, 5) });
  });
});
