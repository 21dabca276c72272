/** Plans by optimisation: what the use cases want, said as costs and limits of the planner's problem. */
import type { Optimiser } from './optimisation/optimiser.ts';
import type { PlanOutcome } from './optimisation/plan.ts';
import { islandCosts, type PlanProblem } from './optimisation/problem.ts';
import { planByRule } from './rule-plan.ts';
import { type PlanTask, shareInside, type SitePlan, spanOf } from './site-plan.ts';

/**
 * A kWh off the target costs 1. One inside a package costs (or earns) little: bought as far as it saves a kWh elsewhere,
 * sold as far as it does not have to be bought back.
 */
const PACKAGE_PRICE = 0.1;
/** Of equal plans the one that acts early, as the rule does: what is done a step later counts so much less. */
const EARLY = 1e-4;
/**
 * Wear of each kWh in or out, above half of what is lost on the way in and out again: without it a full battery would
 * send out and take in again for its losses' sake, since what is lost is not exported.
 */
const WEAR_OF_LOSSES = 0.6;
const WEAR = 1e-3;

/** The optimal plan; where demands clash, that of the rule, with the clash named. */
export function planByOptimisation(optimiser: Optimiser, task: PlanTask): SitePlan {
  const outcome = optimiser.plan(problemOf(task));
  if (outcome.status === 'optimal') {
    return {
      method: 'optimisation',
      clashes: [],
      exchangeW: outcome.exchangeW,
      batteries: outcome.batteries.map(({ powerW, soc }) => ({ powerW, soc: soc.slice(1) })),
    };
  }
  const byRule = planByRule(task);
  return { ...byRule, clashes: [reasonOf(outcome), ...byRule.clashes] };
}

function reasonOf(outcome: Exclude<PlanOutcome, { status: 'optimal' }>): string {
  return outcome.status === 'infeasible' ? outcome.explanation : `the solver gave up: ${outcome.reason}`;
}

function problemOf(task: PlanTask): PlanProblem {
  const { horizon, windows, targetW } = task;
  const count = horizon.loadW.length;
  const holds = windows.filter(({ kind }) => kind === 'hold');
  const [buying, selling] = (['import-package', 'export-package'] as const).map((wanted) =>
    windows.filter(({ kind }) => kind === wanted),
  );
  const costs = islandCosts(count);
  const steps = horizon.loadW.map((_, k) => {
    const share = (window: (typeof windows)[number]) => shareInside(horizon, k, window);
    const held = holds.reduce((sum, hold) => sum + share(hold), 0);
    const most = (packages: typeof windows = []) =>
      (1 - held) * packages.reduce((sum, slot) => sum + share(slot) * slot.exchangeW, 0);
    const early = 1 + EARLY * (count - k);
    return {
      heldW: holds.reduce((sum, hold) => sum + share(hold) * (hold.exchangeW - targetW), targetW),
      boughtW: most(buying),
      soldW: most(selling),
      early,
    };
  });
  return {
    startUs: Math.max(horizon.startUs, horizon.nowUs),
    stepS: horizon.loadW.map((_, k) => {
      const { fromUs, toUs } = spanOf(horizon, k);
      return (toUs - fromUs) / 1e6;
    }),
    loadW: horizon.loadW,
    generationW: horizon.generationW,
    curtailment: false,
    chargeFrom: 'any',
    packages: [],
    batteries: task.batteries.map(({ device, model, soc }) => ({
      ...model,
      id: device,
      initialSoc: soc,
      mayDischarge: model.maxDischargeW > 0,
      socTargets: [],
      wearPerKWh: WEAR + WEAR_OF_LOSSES * (1 - model.chargeEfficiency * model.dischargeEfficiency),
    })),
    exchange: {
      targetW: steps.map(({ heldW }) => heldW),
      maxW: steps.map(({ heldW, boughtW }) => (boughtW > 0 ? heldW + boughtW : Infinity)),
      minW: steps.map(({ heldW, soldW }) => (soldW < 0 ? heldW + soldW : -Infinity)),
    },
    costs: {
      ...costs,
      aboveTargetPerKWh: steps.map(({ boughtW, early }) => (boughtW > 0 ? PACKAGE_PRICE : 1) * early),
      belowTargetPerKWh: steps.map(({ soldW, early }) => (soldW < 0 ? 0 : early)),
      exportPricePerKWh: steps.map(({ soldW, early }) => (soldW < 0 ? PACKAGE_PRICE * early : 0)),
    },
  };
}
