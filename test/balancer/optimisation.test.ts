/** The planner: right optima, plans that keep every demand and beat idleness and the rule, clashes that are real. */
import * as fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { loadOptimiser, type Optimiser } from '../../platform/balancer/optimisation/optimiser.ts';
import type { Clash, DemandKind, Plan } from '../../platform/balancer/optimisation/plan.ts';
import type { PlanBattery, PlanProblem } from '../../platform/balancer/optimisation/problem.ts';
import { settle } from '../../platform/balancer/optimisation/settle.ts';
import { problemOfPymfm } from '../../platform/balancer/pymfm-optimisation.ts';
import { parsePymfmRequest } from '../../platform/balancer/pymfm-request.ts';
import { balanceStep } from '../../platform/balancer/rules.ts';
import { hasReference, referenceJson } from '../reference.ts';
import { faultsOfPlan } from './plan-checker.ts';
import { anyProblem } from './plan-problems.ts';

let optimiser: Optimiser;
beforeAll(async () => void (optimiser = await loadOptimiser()));

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
