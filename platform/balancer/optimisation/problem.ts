/**
 * What the planner is asked: which forecast, batteries, limits, packages and costs to plan a horizon for. W, Wh and state
 * of charge 0..1; batteries discharge positive, the grid exchange import positive; costs in any one currency per kWh or kW.
 *
 * A problem has T steps of any lengths. Step k runs from boundary k to boundary k + 1, so there are T + 1 boundaries.
 */
import type { BatteryModel } from '../rules.ts';

export interface PlanProblem {
  /** Start of the first step, us since the epoch. */
  readonly startUs: number;
  /** What the zone in which texts name times is ahead of UTC, us; UTC when absent. */
  readonly zoneOffsetUs?: number;
  /** Length of each step, s: T entries, all above zero. */
  readonly stepS: readonly number[];
  /** Forecast of the interval means, W, T entries each. A load below zero is production that nobody can hold back. */
  readonly loadW: readonly number[];
  readonly generationW: readonly number[];
  /** Whether production may be held below its forecast. */
  readonly curtailment: boolean;
  readonly batteries: readonly PlanBattery[];
  /**
   * `surplus`: batteries charge only from production that exceeds the load of the step, and never more is imported than
   * load exceeds production by; the Platone WP5 balancer plans so. `any`: from the grid as well.
   */
  readonly chargeFrom: 'any' | 'surplus';
  readonly exchange: ExchangeLimits;
  readonly packages: readonly EnergyPackage[];
  readonly costs: PlanCosts;
}

export interface PlanBattery extends BatteryModel {
  /** Names it in the plan and in explanations; unique within the problem. */
  readonly id: string;
  /** State of charge at boundary 0, inside [socMin, socMax]. */
  readonly initialSoc: number;
  /** False: it only ever charges from the community (a household's battery discharges into its own house). */
  readonly mayDischarge: boolean;
  /** What the state of charge has to be at given boundaries, a final state of charge for example. */
  readonly socTargets: readonly SocTarget[];
  /** Cost of each kWh that passes its terminals, in either direction, >= 0. */
  readonly wearPerKWh: number;
}

export interface SocTarget {
  /** 0 is the start of the horizon, T its end. */
  readonly boundary: number;
  readonly minSoc: number;
  readonly maxSoc: number;
}

/** Hard limits of the grid exchange and the value that it should have; T entries each. */
export interface ExchangeLimits {
  /** W, import positive; -Infinity and Infinity where there is none. */
  readonly minW: readonly number[];
  readonly maxW: readonly number[];
  /** P' of the use cases: 0 is the virtual island. What a deviation costs stands in the costs. */
  readonly targetW: readonly number[];
}

/** Energy that has to pass within a slot: UC-DE-3 brings it in, UC-DE-4 sends it out. */
export interface EnergyPackage {
  readonly id: string;
  /** First step of the slot, and the one after its last. */
  readonly fromStep: number;
  readonly untilStep: number;
  /**
   * `grid`: the net energy across the breaker. `batteries`: the net change of the energy stored in all batteries,
   * whether it comes from the grid or the sun.
   */
  readonly at: 'grid' | 'batteries';
  /** `in`: import, or into the batteries. `out`: export, or out of the batteries. */
  readonly direction: 'in' | 'out';
  /** Energy in that direction; equal for an exact package. Infinity where nothing bounds it. */
  readonly minEnergyWh: number;
  readonly maxEnergyWh: number;
  /** The exchange is one constant power over the slot (`grid` only). */
  readonly constantPower: boolean;
}

/** Every part is summed; a part that plays no role is zero. Arrays have T entries. */
export interface PlanCosts {
  /** Cost of each kWh by which the exchange is above (below) its target, >= 0. With target 0: of import and of export. */
  readonly aboveTargetPerKWh: readonly number[];
  readonly belowTargetPerKWh: readonly number[];
  /** Tariff: what an imported kWh costs and what an exported one earns; both may be negative. */
  readonly importPricePerKWh: readonly number[];
  readonly exportPricePerKWh: readonly number[];
  /** Cost of the highest import and export of the horizon, >= 0. */
  readonly importPeakPerKW: number;
  readonly exportPeakPerKW: number;
  /** Peaks that were reached before the horizon and are paid already, W, >= 0. */
  readonly importPeakSoFarW: number;
  readonly exportPeakSoFarW: number;
  /** Cost of each kWh of production that is held back, >= 0. */
  readonly curtailmentPerKWh: number;
  /** What each kWh in the batteries at the end of the horizon is worth. */
  readonly storedValuePerKWh: number;
}

/** `count` steps of `stepS` seconds. */
export function evenSteps(count: number, stepS: number): number[] {
  return Array<number>(count).fill(stepS);
}

/** An exchange without limits, to be held at `targetW`. */
export function openExchange(steps: number, targetW = 0): ExchangeLimits {
  return {
    minW: Array<number>(steps).fill(-Infinity),
    maxW: Array<number>(steps).fill(Infinity),
    targetW: Array<number>(steps).fill(targetW),
  };
}

/** Each kWh off the target costs 1, nothing else costs anything: the virtual island where the target is zero. */
export function islandCosts(steps: number): PlanCosts {
  const ones = Array<number>(steps).fill(1);
  const zeros = Array<number>(steps).fill(0);
  return {
    aboveTargetPerKWh: ones,
    belowTargetPerKWh: ones,
    importPricePerKWh: zeros,
    exportPricePerKWh: zeros,
    importPeakPerKW: 0,
    exportPeakPerKW: 0,
    importPeakSoFarW: 0,
    exportPeakSoFarW: 0,
    curtailmentPerKWh: 0,
    storedValuePerKWh: 0,
  };
}
