/** The planner: right optima, plans that keep every demand, clashes that are the smallest, negative prices, bad input. */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import * as fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { InvalidInputError } from '../../grids/problem.ts';
import { loadOptimiser, type Optimiser } from '../../platform/balancer/optimisation/optimiser.ts';
import type { Clash, DemandKind, Plan } from '../../platform/balancer/optimisation/plan.ts';
import { openExchange, type PlanBattery, type PlanProblem } from '../../platform/balancer/optimisation/problem.ts';
import { settle } from '../../platform/balancer/optimisation/settle.ts';
import { problemOfPymfm } from '../../platform/balancer/pymfm-optimisation.ts';
import { parsePymfmRequest } from '../../platform/balancer/pymfm-request.ts';
import { balanceStep } from '../../platform/balancer/rules.ts';
import { hasReference, referenceJson } from '../reference.ts';
import { faultsOfPlan } from './plan-checker.ts';
import { anyProblem, plainBattery, plainProblem, tariffCosts } from './plan-problems.ts';

let optimiser: Optimiser;
beforeAll(async () => void (optimiser = await loadOptimiser()));

function planOf(problem: PlanProblem): Plan {
  const outcome = optimiser.plan(problem);
  if (outcome.status !== 'optimal') throw new Error(JSON.stringify(outcome));
  expect(faultsOfPlan(problem, outcome)).toEqual([]);
  return outcome;
}

const NAMES = [...Array.from({ length: 16 }, (_, index) => `UC3_${index + 1}`), 'example_shipped'];

describe.skipIf(!hasReference)('against balancer/optimisation (skipped when the reference folder is absent)', () => {
  interface Case {
    readonly input: unknown;
    readonly expected: { readonly status: string; readonly objective: number | null };
  }

  test.each(NAMES)('%s: status, objective to 1e-4, and a plan that keeps every demand', (name) => {
    const { input, expected } = referenceJson(`balancer/optimisation/${name}.json`) as Case;
    const problem = problemOfPymfm(parsePymfmRequest(input));
    const outcome = optimiser.plan(problem);
    expect(outcome.status).toBe(expected.status);
    const objective = expected.objective ?? 0;
    const total = outcome.status === 'optimal' ? outcome.objective.total : 0;
    expect(Math.abs(total - objective)).toBeLessThan(1e-4 * Math.max(1, objective));
    expect(outcome.status === 'optimal' ? faultsOfPlan(problem, outcome) : []).toEqual([]);
    // The sun of the slot has to go somewhere: neither out, nor held back, nor beyond the package into the batteries.
    const clash = outcome.status === 'infeasible' ? outcome.clash.map(({ demand }) => demand) : undefined;
    expect(clash).toEqual(
      outcome.status === 'infeasible' ? ['exchange-min', 'no-curtailment', 'package-energy'] : undefined,
    );
  });
});

describe('any problem', () => {
  test('has a plan that keeps every demand, or a clash: impossible by itself, possible without any one of its demands', () => {
    let plans = 0;
    let clashes = 0;
    fc.assert(
      fc.property(anyProblem, (problem) => {
        const outcome = optimiser.plan(problem);
        expect(outcome.status).not.toBe('unsolved');
        expect(outcome.status === 'optimal' ? faultsOfPlan(problem, outcome) : []).toEqual([]);
        if (outcome.status === 'optimal') plans += 1;
        if (outcome.status !== 'infeasible') return;
        // A package of constant power and any energy cannot be said.
        if (outcome.clash.some(({ demand }) => demand === 'package-constant-power')) return;
        clashes += 1;
        expect(outcome.clash.length).toBeGreaterThan(0);
        expect(outcome.explanation).toContain(outcome.clash[0]?.text);
        const others = demandsOf(problem).filter(
          ({ demand, of }) => !outcome.clash.some((each) => each.demand === demand && each.of === of),
        );
        const alone = withSteps(without(problem, others), outcome.clash);
        expect(optimiser.plan(alone).status, 'the clash alone').toBe('infeasible');
        for (const dropped of outcome.clash) {
          const rest = without(problem, [...others, dropped]);
          expect(optimiser.plan(rest).status, `without ${dropped.text}`).toBe('optimal');
        }
      }),
      { numRuns: 150, seed: 7 },
    );
    expect(plans).toBeGreaterThan(30);
    expect(clashes).toBeGreaterThan(30);
  });

  test('is planned no worse than with idle batteries or by the rule, where those keep its demands', () => {
    let compared = 0;
    fc.assert(
      fc.property(anyProblem, (problem) => {
        const outcome = optimiser.plan(problem);
        const idle = problem.batteries.map(() => problem.stepS.map(() => 0));
        for (const setpoints of [idle, byRule(problem)]) {
          const other: Plan = {
            ...emptyPlan(problem),
            ...settle(
              problem,
              setpoints,
              problem.stepS.map(() => 0),
            ),
          };
          if (faultsOfPlan(problem, other).length > 0) continue;
          compared += 1;
          expect(outcome.status).toBe('optimal');
          const most = other.objective.total + 1e-6 * Math.max(1, Math.abs(other.objective.total));
          expect((outcome as Plan).objective.total).toBeLessThanOrEqual(most);
        }
      }),
      { numRuns: 150, seed: 8 },
    );
    expect(compared).toBeGreaterThan(30);
  });

  test('gets the same answer again, whatever was asked before', () => {
    const [first, ...others] = fc.sample(anyProblem, { numRuns: 12, seed: 9 });
    if (first === undefined) throw new Error('no problem');
    const before = JSON.stringify(optimiser.plan(first));
    for (const other of others) optimiser.plan(other);
    expect(JSON.stringify(optimiser.plan(first))).toBe(before);
  });
});

/** The rule battery by battery, each covering what the ones before it left. */
function byRule(problem: PlanProblem): number[][] {
  const netW = problem.loadW.map((loadW, step) => loadW - (problem.generationW[step] ?? 0));
  return problem.batteries.map((battery) => {
    let soc = battery.initialSoc;
    const able = battery.mayDischarge ? battery : { ...battery, maxDischargeW: 0 };
    return problem.stepS.map((seconds, step) => {
      const done = balanceStep(able, soc, netW[step] ?? 0, problem.exchange.targetW[step] ?? 0, seconds);
      soc = done.stateOfCharge;
      netW[step] = done.exchangeW;
      return done.batteryW;
    });
  });
}

function emptyPlan({ startUs, stepS }: PlanProblem): Pick<Plan, 'status' | 'startUs' | 'stepS' | 'effort'> {
  return { status: 'optimal', startUs, stepS, effort: { solves: 0, gap: 0 } };
}

type Demand = Pick<Clash, 'demand' | 'of'>;

/** Every demand that a problem makes. */
function demandsOf(problem: PlanProblem): Demand[] {
  const kinds = ['exchange-max', 'exchange-min', 'surplus-only', 'no-curtailment'] as const;
  const ofPackage = ['package-energy', 'package-constant-power'] as const;
  const ofBattery = ['soc-target', 'soc-min', 'soc-max', 'charge-power', 'discharge-power', 'charge-only'] as const;
  return [
    ...kinds.map((demand) => ({ demand })),
    ...problem.packages.flatMap(({ id }) => ofPackage.map((demand) => ({ demand, of: id }))),
    ...problem.batteries.flatMap(({ id }) => ofBattery.map((demand) => ({ demand, of: id }))),
  ];
}

/** The problem without some of its demands, said in the problem's own words. */
function without(problem: PlanProblem, dropped: readonly Demand[]): PlanProblem {
  return dropped.reduce((rest, { demand, of }): PlanProblem => {
    const { exchange, packages } = rest;
    const battery = (change: (each: PlanBattery) => Partial<PlanBattery>): PlanProblem => ({
      ...rest,
      batteries: rest.batteries.map((each) => (each.id === of ? { ...each, ...change(each) } : each)),
    });
    const changes: Readonly<Record<DemandKind, () => PlanProblem>> = {
      'exchange-max': () => ({ ...rest, exchange: { ...exchange, maxW: exchange.maxW.map(() => Infinity) } }),
      'exchange-min': () => ({ ...rest, exchange: { ...exchange, minW: exchange.minW.map(() => -Infinity) } }),
      'package-energy': () => ({ ...rest, packages: packages.filter(({ id }) => id !== of) }),
      'package-constant-power': () => ({
        ...rest,
        packages: packages.map((each) => ({ ...each, constantPower: false })),
      }),
      'soc-target': () => battery(() => ({ socTargets: [] })),
      'soc-min': () => battery((each) => shifted(each, { below: true })),
      'soc-max': () => battery((each) => shifted(each, { below: false })),
      'charge-power': () => battery(() => ({ maxChargeW: 1e6 })),
      'discharge-power': () => battery(() => ({ maxDischargeW: 1e6 })),
      'charge-only': () => battery(() => ({ mayDischarge: true })),
      'surplus-only': () => ({ ...rest, chargeFrom: 'any' }),
      'no-curtailment': () => ({ ...rest, curtailment: true }),
    };
    return changes[demand]();
  }, problem);
}

/** Of the limits of the exchange only the steps that the clash names. */
function withSteps(problem: PlanProblem, clash: readonly Clash[]): PlanProblem {
  const only = (demand: DemandKind, limits: readonly number[], none: number) => {
    const steps = clash.find((each) => each.demand === demand)?.steps;
    return limits.map((limit, step) => (steps?.includes(step) === false ? none : limit));
  };
  const { exchange } = problem;
  const minW = only('exchange-min', exchange.minW, -Infinity);
  return { ...problem, exchange: { ...exchange, minW, maxW: only('exchange-max', exchange.maxW, Infinity) } };
}

/** The same battery with a thousand times its capacity, and its window open towards the bottom or the top. */
function shifted(battery: PlanBattery, { below }: { readonly below: boolean }): Partial<PlanBattery> {
  const factor = 1000;
  const offset = below ? 0.9 : 0;
  const at = (soc: number) => soc / factor + offset;
  return {
    capacityWh: battery.capacityWh * factor,
    initialSoc: at(battery.initialSoc),
    socMin: below ? 0 : at(battery.socMin),
    socMax: below ? at(battery.socMax) : 1,
    socTargets: battery.socTargets.map((each) => ({ ...each, minSoc: at(each.minSoc), maxSoc: at(each.maxSoc) })),
  };
}

describe('what it plans', () => {
  test('the virtual island: surplus of the day for the deficit of the night, and the losses on the way', () => {
    const battery = plainBattery({ initialSoc: 0, chargeEfficiency: 0.9, dischargeEfficiency: 0.8, wearPerKWh: 0.2 });
    const problem = plainProblem(2, { generationW: [5e3, 0], loadW: [0, 5e3], batteries: [battery] });
    const plan = planOf(problem);
    expect(plan.exchangeW[0]).toBeCloseTo(0, 6);
    expect(plan.batteries[0]?.soc).toEqual([0, expect.closeTo(0.45, 9), expect.closeTo(0, 9)]);
    expect(plan.exchangeW[1]).toBeCloseTo(5e3 - 3.6e3, 4);
    expect(plan.objective).toMatchObject({ deviation: expect.closeTo(1.4, 6), wear: expect.closeTo(0.2 * 8.6, 6) });
  });

  test('a household battery charges only, unless it may do both', () => {
    const scene = { loadW: [4e3], batteries: [plainBattery({ mayDischarge: false })] };
    expect(planOf(plainProblem(1, scene)).exchangeW).toEqual([4e3]);
    expect(planOf(plainProblem(1, { ...scene, batteries: [plainBattery()] })).exchangeW[0]).toBeCloseTo(0, 6);
  });

  test('several batteries together, each as far as it can', () => {
    const batteries = [plainBattery({ maxDischargeW: 2e3 }), plainBattery({ id: 'second', initialSoc: 0.1 })];
    const plan = planOf(plainProblem(1, { loadW: [5e3], batteries }));
    expect(plan.batteries.map(({ powerW }) => powerW[0])).toEqual([expect.closeTo(2e3, 6), expect.closeTo(1e3, 6)]);
    expect(plan.exchangeW[0]).toBeCloseTo(2e3, 6);
  });

  test('curtails only as far as the export limit makes it', () => {
    const exchange = { ...openExchange(1), minW: [-2e3] };
    const plan = planOf(
      plainProblem(1, {
        generationW: [10e3],
        exchange,
        curtailment: true,
        costs: { ...tariffCosts([0.3], [0.1]), curtailmentPerKWh: 0.01 },
      }),
    );
    expect(plan.exchangeW).toEqual([expect.closeTo(-2e3, 6)]);
    expect(plan.curtailedW).toEqual([expect.closeTo(8e3, 6)]);
    expect(plan.objective.total).toBeCloseTo(-0.2 + 0.08, 9);
  });

  test('a target other than zero is held from both sides', () => {
    const exchange = openExchange(2, 3e3);
    const plan = planOf(plainProblem(2, { loadW: [6e3, 0], exchange, batteries: [plainBattery()] }));
    expect(plan.exchangeW).toEqual([expect.closeTo(3e3, 6), expect.closeTo(3e3, 6)]);
    expect(plan.objective.deviation).toBeCloseTo(0, 6);
  });

  test('peaks are shaved, but not below one that was reached and paid before', () => {
    const battery = plainBattery({ initialSoc: 0.2, wearPerKWh: 0.001 });
    const costs = { ...tariffCosts([0, 0], [0, 0]), importPeakPerKW: 1 };
    const scene = { loadW: [0, 8e3], batteries: [battery] };
    expect(Math.max(...planOf(plainProblem(2, { ...scene, costs })).exchangeW)).toBeCloseTo(3e3, 4);
    const paid = planOf(plainProblem(2, { ...scene, costs: { ...costs, importPeakSoFarW: 7e3 } }));
    expect(Math.max(...paid.exchangeW)).toBeCloseTo(7e3, 4);
    expect(paid.objective.peaks).toBeCloseTo(0, 9);
  });

  test('a final state of charge is met, from the grid where there is no sun', () => {
    const target = { boundary: 2, minSoc: 0.9, maxSoc: 0.9 };
    const plan = planOf(plainProblem(2, { batteries: [plainBattery({ socTargets: [target] })] }));
    expect(plan.batteries[0]?.soc.at(-1)).toBeCloseTo(0.9, 9);
    expect(plan.objective.total).toBeCloseTo(4, 6);
    const surplusOnly = optimiser.plan(
      plainProblem(2, { batteries: [plainBattery({ socTargets: [target] })], chargeFrom: 'surplus' }),
    );
    expect(surplusOnly).toMatchObject({
      status: 'infeasible',
      clash: [{ demand: 'surplus-only' }, { demand: 'soc-target' }],
    });
  });

  test('UC-DE-3: a package from the grid into the batteries, at one constant power, for the deficit after it', () => {
    const problem = plainProblem(4, {
      loadW: [0, 0, 4e3, 4e3],
      batteries: [plainBattery({ initialSoc: 0 })],
      packages: [
        {
          id: 'night',
          fromStep: 0,
          untilStep: 2,
          at: 'grid',
          direction: 'in',
          minEnergyWh: 8e3,
          maxEnergyWh: 8e3,
          constantPower: true,
        },
      ],
    });
    const plan = planOf(problem);
    expect(plan.exchangeW).toEqual([4e3, 4e3, 0, 0].map((power) => expect.closeTo(power, 5) as number));
    const wrong = { ...plan, exchangeW: [8e3, 0, 0, 0] };
    expect(faultsOfPlan(problem, wrong)).toContain('package night is not constant');
  });

  test('UC-DE-4: a package out of the batteries and from the sun', () => {
    const plan = planOf(
      plainProblem(2, {
        generationW: [3e3, 0],
        batteries: [plainBattery()],
        packages: [
          {
            id: 'noon',
            fromStep: 1,
            untilStep: 2,
            at: 'grid',
            direction: 'out',
            minEnergyWh: 7e3,
            maxEnergyWh: 7e3,
            constantPower: false,
          },
        ],
      }),
    );
    expect(plan.exchangeW).toEqual([expect.closeTo(0, 5), expect.closeTo(-7e3, 5)]);
    expect(plan.batteries[0]?.soc).toEqual([0.5, expect.closeTo(0.8, 9), expect.closeTo(0.1, 9)]);
  });
});

describe('where binaries are needed', () => {
  test('negative prices: no import and export at once, though the pair would earn without end', () => {
    const costs = tariffCosts([-0.1], [0.05]);
    const problem = plainProblem(1, { batteries: [plainBattery({ initialSoc: 0.4 })], costs });
    const plan = planOf(problem);
    // 6 kWh of room at 0.10 a kWh beats 4 kWh at 0.05.
    expect(plan.exchangeW).toEqual([expect.closeTo(6e3, 4)]);
    expect(plan.objective.total).toBeCloseTo(-0.6, 6);
    expect(plan.effort.solves).toBeGreaterThan(1);
    expect(plan.effort.gap).toBeLessThan(1e-6);
  });

  test('negative prices: a full battery does not burn energy by charging and discharging at once', () => {
    const battery = plainBattery({ initialSoc: 1, chargeEfficiency: 0.9, dischargeEfficiency: 0.9 });
    const plan = planOf(plainProblem(1, { batteries: [battery], costs: tariffCosts([-1], [-1]) }));
    expect(plan.batteries[0]?.powerW).toEqual([0]);
    expect(plan.objective.total).toBe(0);
    expect(plan.effort.solves).toBeGreaterThan(1);
    expect(plan.effort.gap).toBeLessThan(1e-6);
  });

  test('negative prices: over two steps it makes room in the one that costs less', () => {
    const battery = plainBattery({
      initialSoc: 1,
      maxDischargeW: 2e3,
      chargeEfficiency: 0.9,
      dischargeEfficiency: 0.9,
    });
    const plan = planOf(plainProblem(2, { batteries: [battery], costs: tariffCosts([-0.1, -0.4], [-0.1, -0.4]) }));
    // Out 2 kWh at a cost of 0.2, which draws 2 / 0.9 kWh; in 2 / 0.81 kWh, which earns 0.4 each.
    expect(plan.batteries[0]?.powerW[0]).toBeCloseTo(2e3, 4);
    expect(plan.batteries[0]?.powerW[1]).toBeCloseTo(-2e3 / 0.81, 4);
    expect(plan.objective.total).toBeCloseTo(0.2 - (0.4 * 2) / 0.81, 6);
  });

  test('an export limit that only a loop could keep is a clash', () => {
    const battery = plainBattery({ initialSoc: 1, chargeEfficiency: 0.9, dischargeEfficiency: 0.9 });
    const exchange = { ...openExchange(1), minW: [-1e3] };
    const outcome = optimiser.plan(plainProblem(1, { generationW: [1.5e3], exchange, batteries: [battery] }));
    expect(outcome).toMatchObject({
      status: 'infeasible',
      clash: [{ demand: 'exchange-min' }, { demand: 'no-curtailment' }, { demand: 'soc-max', of: 'cbes' }],
    });
  });

  test('too many of them: a plan all the same, and how much better another one could be', () => {
    const steps = 40;
    const batteries = Array.from({ length: 5 }, (_, n) =>
      plainBattery({ id: `lossy-${n}`, initialSoc: 0.9, chargeEfficiency: 0.9, dischargeEfficiency: 0.9 - 0.01 * n }),
    );
    const generationW = Array.from({ length: steps }, (_, k) => 5e3 + 100 * k);
    const plan = planOf(plainProblem(steps, { generationW, batteries }));
    expect(plan.effort.gap).toBeGreaterThan(0);
    expect(plan.effort.gap).toBeLessThanOrEqual(1);
    const idle = generationW.reduce((sum, power) => sum + power / 1000, 0);
    expect(plan.objective.total).toBeLessThan(idle - 4);
  });

  test('a linear program alone is enough where nothing pays for loops', () => {
    const plan = planOf(
      plainProblem(3, { generationW: [9e3, 9e3, 0], loadW: [0, 0, 4e3], batteries: [plainBattery()] }),
    );
    expect(plan.effort).toEqual({ solves: 1, gap: 0 });
  });
});

describe('a clash', () => {
  test('is told in the words of the people who demand it, with the time that matters', () => {
    const outcome = optimiser.plan(
      plainProblem(6, {
        generationW: [0, 0, 8e3, 8e3, 0, 0],
        exchange: { ...openExchange(6), minW: [-1e3, -1e3, -1e3, -1e3, -1e3, -1e3], maxW: Array<number>(6).fill(50e3) },
        batteries: [plainBattery({ maxChargeW: 3e3 })],
      }),
    );
    expect(outcome).toMatchObject({ status: 'infeasible' });
    expect(outcome.status === 'infeasible' && outcome.clash.map(({ text }) => text)).toEqual([
      'export at most 1 kW from 2021-04-01T02:00:00Z to 2021-04-01T03:00:00Z',
      'no curtailment of production from 2021-04-01T02:00:00Z to 2021-04-01T03:00:00Z',
      'battery "cbes": charging with at most 3 kW from 2021-04-01T02:00:00Z to 2021-04-01T03:00:00Z',
    ]);
  });

  test('of limits upside down in time: a target that the power cannot reach', () => {
    const targets = [{ boundary: 1, minSoc: 1, maxSoc: 1 }];
    const outcome = optimiser.plan(
      plainProblem(3, { batteries: [plainBattery({ maxChargeW: 1e3, socTargets: targets })] }),
    );
    expect(outcome.status === 'infeasible' && outcome.explanation).toBe(
      'cannot be met together: battery "cbes": charging with at most 1 kW from 2021-04-01T00:00:00Z to 2021-04-01T01:00:00Z; ' +
        'battery "cbes": state of charge 100 % at 2021-04-01T01:00:00Z',
    );
  });
});

describe('bad input', () => {
  test('every fault has its path', () => {
    const battery = plainBattery({ initialSoc: 1.5, capacityWh: 0, maxChargeW: Number.NaN, chargeEfficiency: 1.2 });
    const problem = plainProblem(2, {
      stepS: [3600, -1],
      loadW: [1],
      generationW: [1, Number.NaN],
      batteries: [battery, { ...plainBattery(), socTargets: [{ boundary: 3, minSoc: 0.6, maxSoc: 0.5 }] }],
      exchange: { minW: [5, -Infinity], maxW: [1, Infinity], targetW: [0, Infinity] },
      packages: [
        {
          id: 'p',
          fromStep: 2,
          untilStep: 2,
          at: 'batteries',
          direction: 'in',
          minEnergyWh: 2,
          maxEnergyWh: 1,
          constantPower: true,
        },
      ],
      costs: { ...tariffCosts([0, 0], [0, 0]), importPeakPerKW: -1, aboveTargetPerKWh: [0, -1] },
    });
    let paths: string[] = [];
    try {
      optimiser.plan(problem);
    } catch (error) {
      if (!(error instanceof InvalidInputError)) throw error;
      paths = error.problems.map(({ path }) => path);
    }
    expect(paths).toEqual([
      'stepS[1]',
      'loadW',
      'generationW[1]',
      'exchange.targetW[1]',
      'exchange.minW[0]',
      'batteries[0].maxChargeW',
      'batteries[0].capacityWh',
      'batteries[0].chargeEfficiency',
      'batteries[0].initialSoc',
      'batteries[1].id',
      'batteries[1].socTargets[0].boundary',
      'batteries[1].socTargets[0].minSoc',
      'packages[0].fromStep',
      'packages[0].untilStep',
      'packages[0].maxEnergyWh',
      'packages[0].constantPower',
      'costs.aboveTargetPerKWh[1]',
      'costs.importPeakPerKW',
    ]);
  });
});

test('the solver is loaded by whoever plans, and by nobody else', () => {
  const root = join(import.meta.dirname, '..', '..');
  const loadedBy = (file: string, seen = new Set<string>()): Set<string> => {
    if (seen.has(file)) return seen;
    seen.add(file);
    const text = readFileSync(file, 'utf8');
    for (const [, types, name = ''] of text.matchAll(/^(?:import|export) (type )?(?:[^;]*? from )?'([^']+)';/gms)) {
      if (types !== undefined || name.startsWith('node:')) continue;
      if (name.startsWith('.')) loadedBy(join(dirname(file), name), seen);
      else seen.add(name);
    }
    return seen;
  };
  for (const file of ['platform/balancer/service.ts', 'platform/balancer/pymfm.ts', 'numerics/linear-program.ts']) {
    expect([...loadedBy(join(root, file))]).not.toContain('highs');
  }
});
