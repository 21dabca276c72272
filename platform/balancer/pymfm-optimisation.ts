/**
 * pymfm's optimisation as one preset of the planner, and its answer's form. The preset: the sum of import and export over
 * the steps in kW plus the highest of each; batteries charge from surplus only; household batteries never discharge.
 *
 * Three of its habits are kept because requests are written for them. A final state of charge holds at the start of the
 * last step, not at its end. Where any battery has one, every household battery has to be full at `day_end`, whatever its
 * own says. `SoC_<id>_%` is the state at the start of its step here, though rule-based answers give the end.
 */
import { getTimes } from 'suncalc';
import { parseInstant, zoneOffsetUs } from '../contract/time.ts';
import type { Plan, PlanOutcome } from './optimisation/plan.ts';
import {
  evenSteps,
  islandCosts,
  openExchange,
  type EnergyPackage,
  type ExchangeLimits,
  type PlanBattery,
  type PlanProblem,
  type SocTarget,
} from './optimisation/problem.ts';
import type { PymfmBattery, PymfmRequest } from './pymfm-request.ts';
import { batteryModelOf, chargePositiveKW, windowOf, type PymfmWindow } from './pymfm-units.ts';

/** Sunset counts here when `day_end` is absent, degrees. */
const BERLIN = { latitudeDeg: 52.52, longitudeDeg: 13.4 };

/** The problem behind an `optimization_based` request that passed the checks. */
export function problemOfPymfm(request: PymfmRequest): PlanProblem {
  const window = windowOf(request);
  const steps = window.samples.length;
  const hours = window.stepUs / 3.6e9;
  const island = islandCosts(steps);
  // The objective adds kW, not kWh.
  const perStep = island.aboveTargetPerKWh.map((cost) => cost / hours);
  return {
    startUs: window.timesUs[0] as number,
    zoneOffsetUs: zoneOffsetUs(window.samples[0]?.timestamp ?? ''),
    stepS: evenSteps(steps, window.stepUs / 1e6),
    // Production below zero (what inverters draw at night) is a load.
    loadW: window.samples.map(({ P_load_kW: load, P_gen_kW: generation }) => (load - Math.min(0, generation)) * 1000),
    generationW: window.samples.map(({ P_gen_kW: generation }) => Math.max(0, generation) * 1000),
    curtailment: request.generation_and_load?.pv_curtailment === true,
    batteries: batteriesOf(request, window),
    chargeFrom: 'surplus',
    exchange: exchangeOf(request, window),
    packages: packagesOf(request, window),
    costs: {
      ...island,
      aboveTargetPerKWh: perStep,
      belowTargetPerKWh: perStep,
      importPeakPerKW: 1,
      exportPeakPerKW: 1,
    },
  };
}

/** Their ids, or 0, 1, 2 ... when one of them has none. */
function namesOf(batteries: readonly PymfmBattery[]): string[] {
  const complete = batteries.every(({ id }) => id !== undefined);
  return batteries.map(({ id }, index) => (complete ? (id as string) : String(index)));
}

function batteriesOf(request: PymfmRequest, window: PymfmWindow): PlanBattery[] {
  const names = namesOf(request.battery_specs);
  const anyFinal = request.battery_specs.some(({ final_SoC: final }) => final != null);
  return request.battery_specs.map((battery, index) => ({
    ...batteryModelOf(battery),
    id: names[index] as string,
    initialSoc: battery.initial_SoC / 100,
    mayDischarge: battery.bat_type === 'cbes',
    socTargets: anyFinal ? targetsOf(battery, request, window) : [],
    wearPerKWh: 0,
  }));
}

function targetsOf(battery: PymfmBattery, request: PymfmRequest, window: PymfmWindow): SocTarget[] {
  if (battery.bat_type === 'hbes') {
    return [{ boundary: dayEndBoundary(request), minSoc: battery.max_SoC / 100, maxSoc: battery.max_SoC / 100 }];
  }
  if (battery.final_SoC == null) return [];
  const final = battery.final_SoC / 100;
  return [{ boundary: window.samples.length - 1, minSoc: final, maxSoc: final }];
}

/**
 * The boundary of the window that `day_end` names, or the sample nearest to the sunset of the day of `uc_start` in Berlin;
 * not a whole number from 0 to the number of steps where there is none.
 */
export function dayEndBoundary(request: PymfmRequest): number {
  const { timesUs, stepUs } = windowOf(request);
  const firstUs = timesUs[0] as number;
  if (request.day_end != null) return (parseInstant(request.day_end) - firstUs) / stepUs;
  const noon = new Date(`${request.uc_start.slice(0, 10)}T12:00:00Z`);
  const { sunset } = getTimes(noon, BERLIN.latitudeDeg, BERLIN.longitudeDeg);
  return Math.round(((sunset?.getTime() ?? Number.NaN) * 1000 - firstUs) / stepUs);
}

function exchangeOf(request: PymfmRequest, window: PymfmWindow): ExchangeLimits {
  const limits = new Map((request.P_net_after_kW_limitation ?? []).map((each) => [parseInstant(each.timestamp), each]));
  const at = (timeUs: number) => limits.get(timeUs);
  return {
    ...openExchange(window.samples.length),
    minW: window.timesUs.map((timeUs) => (at(timeUs)?.lower_bound ?? -Infinity) * 1000),
    maxW: window.timesUs.map((timeUs) => (at(timeUs)?.upper_bound ?? Infinity) * 1000),
  };
}

/** `bulk` counts what gets into the batteries, from its first sample to its last, both included. */
function packagesOf({ bulk }: PymfmRequest, { timesUs }: PymfmWindow): EnergyPackage[] {
  if (bulk == null) return [];
  const energyWh = Math.abs(bulk.bulk_energy_kWh) * 1000;
  return [
    {
      id: 'bulk',
      fromStep: timesUs.findIndex((timeUs) => timeUs >= parseInstant(bulk.bulk_start)),
      untilStep: timesUs.findLastIndex((timeUs) => timeUs <= parseInstant(bulk.bulk_end)) + 1,
      at: 'batteries',
      direction: bulk.bulk_energy_kWh < 0 ? 'out' : 'in',
      minEnergyWh: energyWh,
      maxEnergyWh: energyWh,
      constantPower: false,
    },
  ];
}

interface PymfmOptimisedHead {
  readonly id: string;
  readonly application: 'pymfm';
  readonly control_logic: 'optimization_based';
  readonly operation_mode: 'scheduling';
  readonly uc_start: string;
  readonly uc_end: string;
}

export interface PymfmOptimisedAnswer extends PymfmOptimisedHead {
  /**
   * `P_net_before_kW`, `P_net_before_controlled_PV_kW`, `P_PV_forecast_kW`, `P_PV_controlled_kW`, `P_net_after_kW`,
   * `upperb`, `lowerb` (null where there is no limit), `P_<id>_kW` and `SoC_<id>_%` (at the start of the step) of each
   * battery, `P_bat_total_kW`, `timestamp` (start of the step).
   */
  readonly results: readonly Readonly<Record<string, number | string | null>>[];
}

/** Ours: pymfm leaves such requests to its solver's log. */
export interface PymfmUnmetAnswer extends PymfmOptimisedHead {
  readonly status: 'infeasible' | 'unsolved';
  readonly explanation: string;
  /** The demands that clash, one line each. */
  readonly clash: readonly string[];
  readonly results: readonly [];
}

/** The planner's outcome in pymfm's form. */
export function answerOfPlan(request: PymfmRequest, outcome: PlanOutcome): PymfmOptimisedAnswer | PymfmUnmetAnswer {
  const window = windowOf(request);
  const head: PymfmOptimisedHead = {
    id: request.id,
    application: 'pymfm',
    control_logic: 'optimization_based',
    operation_mode: 'scheduling',
    uc_start: window.times[0] as string,
    uc_end: window.times.at(-1) as string,
  };
  if (outcome.status === 'optimal') return { ...head, results: rowsOf(request, window, outcome) };
  const unmet =
    outcome.status === 'infeasible'
      ? { explanation: outcome.explanation, clash: outcome.clash.map(({ text }) => text) }
      : { explanation: outcome.reason, clash: [] };
  return { ...head, status: outcome.status, ...unmet, results: [] };
}

function rowsOf(request: PymfmRequest, window: PymfmWindow, plan: Plan): PymfmOptimisedAnswer['results'] {
  const limits = exchangeOf(request, window);
  const finiteKW = (powerW: number | undefined) => (Number.isFinite(powerW) ? (powerW as number) / 1000 : null);
  return window.samples.map((sample, step) => {
    const controlled = sample.P_gen_kW - (plan.curtailedW[step] as number) / 1000;
    const batteries = plan.batteries.flatMap(({ id, powerW, soc }) => [
      [`P_${id}_kW`, chargePositiveKW(powerW[step] as number)],
      [`SoC_${id}_%`, (soc[step] as number) * 100],
    ]);
    const total = plan.batteries.reduce((sum, { powerW }) => sum + (powerW[step] as number), 0);
    return {
      P_net_before_kW: sample.P_load_kW - sample.P_gen_kW,
      P_net_before_controlled_PV_kW: sample.P_load_kW - controlled,
      P_PV_forecast_kW: sample.P_gen_kW,
      P_PV_controlled_kW: controlled,
      P_net_after_kW: (plan.exchangeW[step] as number) / 1000,
      upperb: finiteKW(limits.maxW[step]),
      lowerb: finiteKW(limits.minW[step]),
      ...(Object.fromEntries(batteries) as Record<string, number>),
      P_bat_total_kW: chargePositiveKW(total),
      timestamp: window.times[step] as string,
    };
  });
}
