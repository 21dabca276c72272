/** The search for directions: against trying every pattern, its bound, its bytes, and clashes of many batteries. */
import * as fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { createLinearProgram, loadLinearSolver, type LinearSolver } from '../../numerics/linear-program.ts';
import { loadOptimiser, type Optimiser } from '../../platform/balancer/optimisation/optimiser.ts';
import type { Plan } from '../../platform/balancer/optimisation/plan.ts';
import { openExchange, type PlanBattery, type PlanProblem } from '../../platform/balancer/optimisation/problem.ts';
import { faultsOfPlan } from './plan-checker.ts';
import { plainBattery, plainProblem, tariffCosts } from './plan-problems.ts';

let optimiser: Optimiser;
let solver: LinearSolver;
beforeAll(async () => {
  optimiser = await loadOptimiser();
  solver = await loadLinearSolver();
});

const lossy = (change: Partial<PlanBattery> = {}) =>
  plainBattery({ chargeEfficiency: 0.9, dischargeEfficiency: 0.85, ...change });

/** One lossy battery at any prices, three hours. */
const trade = fc
  .record({
    importPrices: fc.array(fc.integer({ min: -30, max: 30 }), { minLength: 3, maxLength: 3 }),
    exportPrices: fc.array(fc.integer({ min: -30, max: 30 }), { minLength: 3, maxLength: 3 }),
    netKW: fc.array(fc.integer({ min: -12, max: 8 }), { minLength: 3, maxLength: 3 }),
    importPeak: fc.constantFrom(0, 0.05),
    exportPeak: fc.constantFrom(0, 0.03),
    initialSoc: fc.constantFrom(0, 0.5, 1),
  })
  .map(({ importPrices, exportPrices, netKW, importPeak, exportPeak, initialSoc }) =>
    plainProblem(3, {
      loadW: netKW.map((net) => Math.max(0, net) * 1000),
      generationW: netKW.map((net) => Math.max(0, -net) * 1000),
      batteries: [lossy({ initialSoc, wearPerKWh: 0.01 })],
      costs: {
        ...tariffCosts(
          importPrices.map((price) => price / 100),
          exportPrices.map((price) => price / 100),
        ),
        importPeakPerKW: importPeak,
        exportPeakPerKW: exportPeak,
      },
    }),
  );

/** The least cost of any pattern of import or export and of charging or discharging: signed powers, one program each. */
function leastOfAllPatterns({ loadW, generationW, batteries, costs }: PlanProblem): number {
  const [battery] = batteries;
  if (battery === undefined) throw new Error('no battery');
  let least = Infinity;
  for (let pattern = 0; pattern < 64; pattern += 1) {
    const program = createLinearProgram();
    const importPeak = program.addColumn(costs.importPeakPerKW, 0, Infinity);
    const exportPeak = program.addColumn(costs.exportPeakPerKW, 0, Infinity);
    let before = program.addColumn(0, battery.initialSoc * 10, battery.initialSoc * 10);
    for (const [step, load] of loadW.entries()) {
      const [imports, discharges] = [(pattern >> (2 * step)) & 1, (pattern >> (2 * step + 1)) & 1];
      const price = (imports === 1 ? costs.importPricePerKWh : costs.exportPricePerKWh)[step] ?? Number.NaN;
      const exchange = program.addColumn(price, imports === 1 ? 0 : -100, imports === 1 ? 100 : 0);
      const wear = discharges === 1 ? battery.wearPerKWh : -battery.wearPerKWh;
      const power = program.addColumn(wear, discharges === 1 ? 0 : -10, discharges === 1 ? 10 : 0);
      const energy = program.addColumn(0, 0, 10);
      const net = (load - (generationW[step] ?? Number.NaN)) / 1000;
      program.addRow(net, net, [exchange, power], [1, 1]);
      const drawn = discharges === 1 ? 1 / battery.dischargeEfficiency : battery.chargeEfficiency;
      program.addRow(0, 0, [energy, before, power], [1, -1, drawn]);
      program.addRow(-Infinity, 0, [exchange, importPeak], [1, -1]);
      program.addRow(0, Infinity, [exchange, exportPeak], [1, 1]);
      before = energy;
    }
    const session = solver.open(program);
    const answer = session.solve();
    session.dispose();
    if (answer.status === 'optimal') least = Math.min(least, answer.objective);
  }
  return least;
}

function planOf(problem: PlanProblem): Plan {
  const outcome = optimiser.plan(problem);
  if (outcome.status !== 'optimal') throw new Error(JSON.stringify(outcome));
  expect(faultsOfPlan(problem, outcome)).toEqual([]);
  return outcome;
}

test('finds the best of all patterns', () => {
  let searched = 0;
  fc.assert(
    fc.property(trade, (problem) => {
      const plan = planOf(problem);
      if (plan.effort.solves > 1) searched += 1;
      expect(plan.effort.gap).toBeLessThan(1e-6);
      expect(plan.objective.total).toBeCloseTo(leastOfAllPatterns(problem), 6);
    }),
    { numRuns: 40, seed: 5 },
  );
  expect(searched).toBeGreaterThan(10);
});

describe('one battery in a day of quarters of an hour', () => {
  const quarters = Array.from({ length: 96 }, (_, quarter) => quarter);
  const wave = (quarter: number, periods: number) => Math.sin((quarter / 96) * 2 * Math.PI * periods);
  const isPaidFor = (quarter: number) => quarter >= 44 && quarter < 60;
  const day = (change: Partial<PlanProblem['costs']>) =>
    plainProblem(96, {
      stepS: quarters.map(() => 900),
      loadW: quarters.map((quarter) => 25e3 + 10e3 * wave(quarter, 2) + 900 * (quarter % 7)),
      generationW: quarters.map((quarter) => Math.max(0, -150e3 * wave(quarter + 24, 1))),
      batteries: [
        lossy({ maxChargeW: 300e3, maxDischargeW: 300e3, capacityWh: 800e3, initialSoc: 0.3, wearPerKWh: 0.02 }),
      ],
      costs: {
        ...tariffCosts(
          quarters.map((quarter) =>
            isPaidFor(quarter) ? -0.05 - 0.003 * (quarter % 5) : 0.31 + 0.09 * wave(quarter, 2),
          ),
          quarters.map(() => 0.08),
        ),
        storedValuePerKWh: 0.1,
        ...change,
      },
    });

  test('is planned exactly by one path where peaks cost nothing, though import is paid for', () => {
    const { effort } = planOf(day({}));
    expect(effort).toEqual({ solves: 2, gap: expect.closeTo(0, 9) });
  });

  test('is planned to a hundred-thousandth in few paths where the peak of the import costs something', () => {
    const { effort } = planOf(day({ importPeakPerKW: 0.2 }));
    expect(effort.solves).toBeLessThanOrEqual(43);
    expect(effort.gap).toBeLessThan(1e-5);
  });

  test('is planned to a few hundredths in few paths where both peaks do', () => {
    const { effort } = planOf(day({ importPeakPerKW: 0.2, exportPeakPerKW: 0.05 }));
    expect(effort.solves).toBeLessThanOrEqual(43);
    expect(effort.gap).toBeLessThan(0.03);
  });
});

describe('a search that is cut off', () => {
  const hours = Array.from({ length: 24 }, (_, hour) => hour);
  const fleet = plainProblem(24, {
    batteries: hours.slice(0, 20).map((n) => lossy({ id: `equal-${n}` })),
    costs: tariffCosts(
      hours.map(() => -0.1),
      hours.map(() => 0.1),
    ),
  });

  test('comes near its bound, and never goes below what the bound says', () => {
    const plan = planOf(fleet);
    // A cycle of two hours takes in 10 / 0.9 kWh a battery at most, or 10 kWh by its power, and sends out what is left.
    const most = 20 * 24 * 0.1 * 10;
    expect(plan.objective.total).toBeLessThan(-410);
    expect(plan.objective.total * (1 + plan.effort.gap)).toBeGreaterThan(-most);
    expect(plan.effort.gap).toBeGreaterThan(1e-6);
    expect(plan.effort.gap).toBeLessThan(0.06);
  });

  test('comes to the same bytes, whatever was planned before', () => {
    const first = JSON.stringify(optimiser.plan(fleet));
    planOf(plainProblem(2, { batteries: [lossy()], costs: tariffCosts([-1, 1], [1, -1]) }));
    expect(JSON.stringify(optimiser.plan(fleet))).toBe(first);
  });
});

test('a clash of many batteries is one reason in words, and each of them in the list', () => {
  const batteries = Array.from({ length: 5 }, (_, n) =>
    lossy({ id: `house-${n}`, initialSoc: 1, maxChargeW: 1e3 + n }),
  );
  const exchange = { ...openExchange(2), minW: [-1e3, -1e3] };
  const outcome = optimiser.plan(plainProblem(2, { generationW: [9e3, 9e3], batteries, exchange }));
  if (outcome.status !== 'infeasible') throw new Error(outcome.status);
  expect(outcome.clash.filter(({ demand }) => demand === 'charge-power')).toHaveLength(5);
  expect(outcome.explanation).toBe(
    'cannot be met together: export at most 1 kW from 2021-04-01T00:00:00Z to 2021-04-01T01:00:00Z; ' +
      'no curtailment of production from 2021-04-01T00:00:00Z to 2021-04-01T01:00:00Z; 5 batteries ("house-0", "house-1", ' +
      '"house-2" and 2 more): charging with at most 1 to 1.004 kW from 2021-04-01T00:00:00Z to 2021-04-01T01:00:00Z',
  );
});
