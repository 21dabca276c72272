/**
 * Plans by optimisation, followed by rule: every `planEveryUs` a new plan from the newest forecast and states of charge;
 * in between, each measurement is met by the plan's power and the first battery absorbs what the forecast got wrong.
 *
 * It absorbs no more than the plan needs. The exchange that the plan leaves over is no promise: where production turns out
 * smaller than forecast, an export that shrinks is welcome, and no battery is emptied to keep it up.
 */
import { availablePower, balanceStep } from '../rules.ts';
import type { Plan, PlanOutcome } from './plan.ts';
import type { PlanBattery, PlanProblem } from './problem.ts';

export interface RecedingHorizonOptions {
  /** Period of the plans, us; the first one is made at the first instant. */
  readonly planEveryUs: number;
  /**
   * The problem of the horizon that begins now, with the states of charge in the order of its batteries; undefined while
   * there is no forecast. Its batteries are always the same ones.
   */
  problemAt(timeUs: number, soc: readonly number[]): PlanProblem | undefined;
  plan(problem: PlanProblem): PlanOutcome;
}

export interface Observed {
  readonly timeUs: number;
  /** Consumption minus production of the site without its batteries, W. */
  readonly netW: number;
  /** States of charge in the order of the batteries. */
  readonly soc: readonly number[];
  /** Until the next observation, s. */
  readonly durationS: number;
}

export interface Decision {
  /** Setpoints in the order of the batteries, W, discharge positive; empty without a plan to follow. */
  readonly powerW: readonly number[];
  /** What the newest attempt at a plan came to, when one was made now. */
  readonly outcome: PlanOutcome | undefined;
}

export interface RecedingHorizon {
  /** Called in the order of time. Where planning fails, the plan before is followed to its end. */
  decide(observed: Observed): Decision;
}

export function createRecedingHorizon(options: RecedingHorizonOptions): RecedingHorizon {
  let followed: { readonly problem: PlanProblem; readonly plan: Plan } | undefined;
  let slot = Number.NaN;
  return {
    decide(observed) {
      const now = Math.floor(observed.timeUs / options.planEveryUs);
      let outcome: PlanOutcome | undefined;
      if (now !== slot) {
        const problem = options.problemAt(observed.timeUs, observed.soc);
        if (problem !== undefined) {
          slot = now;
          outcome = options.plan(startInside(problem));
          if (outcome.status === 'optimal') followed = { problem, plan: outcome };
        }
      }
      const step = followed === undefined ? -1 : stepAt(followed.plan, observed.timeUs);
      const powerW =
        followed === undefined || step < 0 ? [] : followStep(followed.problem, followed.plan, step, observed);
      return { powerW, outcome };
    },
  };
}

/** A told state of charge outside its window (a lying sensor, a window that was narrowed) is planned with at its edge. */
function startInside(problem: PlanProblem): PlanProblem {
  const inside = ({ initialSoc, socMin, socMax }: PlanBattery) => Math.min(socMax, Math.max(socMin, initialSoc));
  return { ...problem, batteries: problem.batteries.map((each) => ({ ...each, initialSoc: inside(each) })) };
}

/** Index of the step that holds `timeUs`; -1 outside the plan. */
function stepAt({ startUs, stepS }: Plan, timeUs: number): number {
  let endUs = startUs;
  if (timeUs < startUs) return -1;
  return stepS.findIndex((seconds) => {
    endUs += seconds * 1e6;
    return timeUs < endUs;
  });
}

function followStep(problem: PlanProblem, plan: Plan, step: number, observed: Observed): number[] {
  const { netW, soc, durationS } = observed;
  const planned = plan.batteries.map(({ powerW }) => powerW[step] as number);
  const [first, ...others] = problem.batteries;
  if (first === undefined) return [];
  const othersW = others.map((battery, index) => {
    const { chargeW, dischargeW } = availablePower(battery, soc[index + 1] as number, durationS);
    return Math.min(dischargeW, Math.max(-chargeW, planned[index + 1] as number));
  });
  const restW = netW - othersW.reduce((sum, power) => sum + power, 0);
  const band = exchangeBand(problem, plan, step);
  const unchangedW = restW - (planned[0] as number);
  const targetW = Math.min(band.highW, Math.max(band.lowW, unchangedW));
  const dischargeOnly = first.mayDischarge ? first : { ...first, maxDischargeW: 0 };
  return [balanceStep(dischargeOnly, soc[0] as number, restW, targetW, durationS).batteryW, ...othersW];
}

/**
 * The exchange that does no harm to the plan, W: between its target and what was planned, where deviations cost something;
 * anything, where they do not and energy is traded by price. Never beyond the limits, nor beyond the plan's own peaks where
 * peaks cost, and exactly as planned in a package.
 */
export function exchangeBand(
  problem: PlanProblem,
  plan: Plan,
  step: number,
): { readonly lowW: number; readonly highW: number } {
  const { exchange, costs, packages } = problem;
  const plannedW = plan.exchangeW[step] as number;
  const inPackage = packages.some(
    ({ at, fromStep, untilStep }) => at === 'grid' && fromStep <= step && step < untilStep,
  );
  if (inPackage) return { lowW: plannedW, highW: plannedW };
  const targetW = exchange.targetW[step] as number;
  const importPeakW = () => Math.max(costs.importPeakSoFarW, ...plan.exchangeW);
  const exportPeakW = () => Math.max(costs.exportPeakSoFarW, ...plan.exchangeW.map((powerW) => -powerW));
  return {
    lowW: Math.max(
      costs.belowTargetPerKWh[step] === 0 ? -Infinity : Math.min(plannedW, targetW),
      costs.exportPeakPerKW === 0 ? -Infinity : -exportPeakW(),
      exchange.minW[step] as number,
    ),
    highW: Math.min(
      costs.aboveTargetPerKWh[step] === 0 ? Infinity : Math.max(plannedW, targetW),
      costs.importPeakPerKW === 0 ? Infinity : importPeakW(),
      exchange.maxW[step] as number,
    ),
  };
}
