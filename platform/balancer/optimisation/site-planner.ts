/**
 * The use cases' plans by optimisation: the exchange is kept at its target, holds come before that, packages carry what
 * keeps the rest of the day at the target. Nothing of it is a hard demand, so there is always a plan; what it misses of a
 * hold is explained by the demands that clash.
 */
import type { Window } from '../agenda.ts';
import { type PlanTask, shareInside, type SitePlan, spanOf } from '../site-plan.ts';
import type { Optimiser } from './optimiser.ts';
import type { Plan } from './plan.ts';
import { islandCosts, openExchange, type PlanCosts, type PlanProblem } from './problem.ts';

/** A kWh off a hold is as bad as so many off the target. */
const HOLD_WEIGHT = 10;
/** Carrying a kWh in a package costs next to nothing beside a kWh off the target; the earlier step of a slot goes first. */
const PACKAGE_PRICE = 0.01;
const PACKAGE_DELAY_PRICE = 1e-5;
/** Of two plans that are as good, the one that moves less energy through the batteries. */
const WEAR_PRICE = 1e-4;
/** Less than this off a hold is rounding, Wh. */
const NOTICEABLE_WH = 100;

/** Makes plans with a loaded optimiser. Throws only when the solver itself gives up, which is a bug. */
export function createSitePlanner(optimiser: Optimiser): (task: PlanTask) => SitePlan {
  return (task) => {
    const problem = softProblem(task);
    const plan = optimiser.plan(problem);
    if (plan.status !== 'optimal') throw new Error(`no plan where everything is allowed: ${JSON.stringify(plan)}`);
    return {
      method: 'optimisation',
      clashes: missesHolds(task, problem, plan) ? clashesOf(optimiser, task, problem) : [],
      exchangeW: plan.exchangeW,
      batteries: plan.batteries.map(({ powerW, soc }) => ({ powerW, soc: soc.slice(1) })),
    };
  };
}

function softProblem(task: PlanTask): PlanProblem {
  const { horizon } = task;
  const steps = horizon.loadW.length;
  const spans = horizon.loadW.map((_, k) => spanOf(horizon, k));
  const wishes = horizon.loadW.map((_, k) => wishOf(task, k));
  const costs: PlanCosts = {
    ...islandCosts(steps),
    aboveTargetPerKWh: wishes.map(({ above }) => above),
    belowTargetPerKWh: wishes.map(({ below }) => below),
    importPricePerKWh: wishes.map(({ importPrice }) => importPrice),
    exportPricePerKWh: wishes.map(({ exportPrice }) => exportPrice),
  };
  return {
    startUs: horizon.nowUs,
    stepS: spans.map(({ fromUs, toUs }) => (toUs - fromUs) / 1e6),
    loadW: horizon.loadW,
    generationW: horizon.generationW,
    curtailment: false,
    batteries: task.batteries.map(({ device, model, soc }) => ({
      ...model,
      id: device,
      initialSoc: soc,
      mayDischarge: model.maxDischargeW > 0,
      socTargets: [],
      wearPerKWh: WEAR_PRICE,
    })),
    chargeFrom: 'any',
    exchange: { ...openExchange(steps), targetW: wishes.map(({ targetW }) => targetW) },
    packages: [],
    costs,
  };
}

/** What the exchange of one step should be, and what it costs when it is not. */
interface Wish {
  readonly targetW: number;
  readonly above: number;
  readonly below: number;
  readonly importPrice: number;
  readonly exportPrice: number;
}

function wishOf(task: PlanTask, k: number): Wish {
  const shareOf = (each: Window) => shareInside(task.horizon, k, each);
  const held = task.windows.filter((each) => each.kind === 'hold' && shareOf(each) > 0);
  const atTarget = { above: 1, below: 1, importPrice: 0, exportPrice: 0 };
  if (held.length > 0) {
    const holdW = held.reduce((sum, each) => sum + shareOf(each) * (each.exchangeW - task.targetW), task.targetW);
    const weight = HOLD_WEIGHT * held.reduce((sum, each) => sum + shareOf(each), 0);
    return { ...atTarget, targetW: holdW, above: Math.max(1, weight), below: Math.max(1, weight) };
  }
  const slot = task.windows.find((each) => each.kind !== 'hold' && shareOf(each) > 0);
  if (slot === undefined) return { ...atTarget, targetW: task.targetW };
  // Between nothing and the package's power energy is nearly free; beyond that, and the other way, it costs as ever.
  const mostW = shareOf(slot) * slot.exchangeW;
  const price = PACKAGE_PRICE + k * PACKAGE_DELAY_PRICE;
  return slot.kind === 'import-package'
    ? { targetW: mostW, above: 1, below: 0, importPrice: price, exportPrice: -1 }
    : // What the batteries do not need themselves is for the package: it earns a little to export it.
      { targetW: mostW, above: 0, below: 1, importPrice: 1, exportPrice: 2 * PACKAGE_PRICE - price };
}

function missesHolds({ horizon, windows }: PlanTask, problem: PlanProblem, plan: Plan): boolean {
  const missedWh = plan.exchangeW.reduce((sum, powerW, k) => {
    if (!windows.some((each) => each.kind === 'hold' && shareInside(horizon, k, each) > 0)) return sum;
    const offW = Math.abs(powerW - (problem.exchange.targetW[k] as number));
    return sum + (offW * (problem.stepS[k] as number)) / 3600;
  }, 0);
  return missedWh > NOTICEABLE_WH;
}

/** The same with the holds as demands: which of them clash, and with what. */
function clashesOf(optimiser: Optimiser, { horizon, windows }: PlanTask, problem: PlanProblem): string[] {
  const isHeld = (k: number) => windows.some((each) => each.kind === 'hold' && shareInside(horizon, k, each) > 0);
  const bound = (limit: number) => problem.exchange.targetW.map((targetW, k) => (isHeld(k) ? targetW : limit));
  const hard = optimiser.plan({
    ...problem,
    exchange: { ...problem.exchange, minW: bound(-Infinity), maxW: bound(Infinity) },
  });
  return hard.status === 'infeasible' ? hard.clash.map(({ text }) => text) : [];
}
