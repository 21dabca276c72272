/** What the balancer plans the hours ahead from, and what it gets: the joint between the use cases and the two planners. */
import type { Forecast } from '../contract/forecast.ts';
import { parseInstant } from '../contract/time.ts';
import type { UseCaseNumber } from '../contract/trigger.ts';
import type { Window } from './agenda.ts';
import type { BatteryModel } from './rules.ts';

export interface PlanTask {
  readonly useCase: UseCaseNumber;
  readonly horizon: Horizon;
  /** The community battery first, then those of the households. */
  readonly batteries: readonly TaskBattery[];
  /** Exchange to hold outside every window, W, import positive. */
  readonly targetW: number;
  readonly windows: readonly Window[];
}

/** The steps ahead; the first may have begun already, then its values stand for what is left of it. */
export interface Horizon {
  /** Start of the first step, us; `stepUs` long each. */
  readonly startUs: number;
  readonly stepUs: number;
  /** From here on is planned, us; inside the first step. */
  readonly nowUs: number;
  /** W, both positive. */
  readonly loadW: readonly number[];
  readonly generationW: readonly number[];
}

export interface TaskBattery {
  readonly device: string;
  /** `maxDischargeW` is 0 for one that only charges. */
  readonly model: BatteryModel;
  readonly soc: number;
}

export interface SitePlan {
  readonly method: 'rule' | 'optimisation';
  readonly clashes: readonly string[];
  /** W, import positive, per step. */
  readonly exchangeW: readonly number[];
  /** In the order of the task. */
  readonly batteries: readonly {
    readonly powerW: readonly number[];
    /** At the end of each step. */
    readonly soc: readonly number[];
  }[];
}

/** The part of a forecast that lies ahead of `nowUs`, at most `horizonUs` of it; undefined when nothing does. */
export function horizonOf(
  forecast: Forecast,
  nowUs: number,
  horizonUs: number,
  components: { readonly load: string; readonly generation: string },
): Horizon | undefined {
  const { stepUs } = forecast;
  const series = (name: string) => forecast.series.find(({ component }) => component === name)?.activePowerW ?? [];
  const [load, generation] = [series(components.load), series(components.generation)];
  const firstUs = parseInstant(forecast.start);
  const skipped = Math.floor((nowUs - firstUs) / stepUs);
  const until = Math.min(load.length, generation.length, skipped + Math.ceil(horizonUs / stepUs));
  if (skipped < 0 || until <= skipped) return undefined;
  return {
    startUs: firstUs + skipped * stepUs,
    stepUs,
    nowUs,
    // A forecast may say less than nothing where its errors do; no house and no roof does.
    loadW: load.slice(skipped, until).map((power) => Math.max(0, power)),
    generationW: generation.slice(skipped, until).map((power) => Math.max(0, power)),
  };
}

/** Start and end of step `k`, us; the first one begins now. */
export function spanOf(
  { startUs, stepUs, nowUs }: Horizon,
  k: number,
): { readonly fromUs: number; readonly toUs: number } {
  return { fromUs: Math.max(nowUs, startUs + k * stepUs), toUs: startUs + (k + 1) * stepUs };
}

/** Share of step `k` that lies inside the window, 0..1. */
export function shareInside(horizon: Horizon, k: number, { startUs, endUs }: Window): number {
  const { fromUs, toUs } = spanOf(horizon, k);
  return Math.max(0, Math.min(toUs, endUs) - Math.max(fromUs, startUs)) / (toUs - fromUs);
}

/** Index of the step that `timeUs` lies in; it may be outside the plan. */
export function stepAt({ startUs, stepUs }: Horizon, timeUs: number): number {
  return Math.floor((timeUs - startUs) / stepUs);
}

/** A told state of charge outside its window (a lying sensor) is planned with at the window's edge. */
export function inWindow(battery: TaskBattery): TaskBattery {
  const { socMin, socMax } = battery.model;
  return { ...battery, soc: Math.min(socMax, Math.max(socMin, battery.soc)) };
}

/**
 * Exchange that a plan wants at `timeUs` inside a package, W: a step that the package fills in part only has its energy
 * in that part. Never beyond the package's own power, never the other way; the package's power outside the plan.
 */
export function packageTarget(task: PlanTask, plan: SitePlan, window: Window, timeUs: number): number {
  const k = stepAt(task.horizon, timeUs);
  const plannedW = plan.exchangeW[k];
  if (plannedW === undefined) return window.exchangeW;
  const share = shareInside(task.horizon, k, window);
  const insideW = share === 0 ? 0 : (plannedW - (1 - share) * task.targetW) / share;
  return Math.max(Math.min(0, window.exchangeW), Math.min(Math.max(0, window.exchangeW), insideW));
}
