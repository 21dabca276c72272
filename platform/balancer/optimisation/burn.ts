/**
 * Directions by rule for batteries that have to burn surplus: in every step some discharge into the others, so that much is
 * lost in conversion and room is left to go on with. The powers are for a linear program to find.
 *
 * With D what is discharged in the step, u the full charging power of a battery, and x the number of such steps that its
 * room will last for, kW all, the directions are best whose
 *
 *   D + sum u K (1 - exp(-x / K))
 *
 * is greatest: room for the next step counts as much as discharge in this one, and the less the later it can be used. So
 * room comes to lie where power is, and staggered: batteries all of which fill at once can only discharge at once.
 */
import type { Bounds } from '../../../numerics/linear-program.ts';
import type { PlanModel } from './model.ts';
import { netLimits, type NetLimits } from './physical-point.ts';
import type { PlanBattery } from './problem.ts';
import type { Direction } from './search.ts';
import { isLossy, pairsOf } from './tighten.ts';

/** K: steps after which room has lost most of its worth. From 2 to 5 they find the same points. */
const WORTH_STEPS = 3;

/** A battery before a step. */
interface Store {
  /** The most that it can charge and discharge within the step, kW. */
  readonly charge: number;
  readonly discharge: number;
  /** Steps of full charging that its room lasts for, and what that power is, kW. */
  readonly level: number;
  readonly full: number;
  /** Share of the energy that comes back. */
  readonly roundTrip: number;
}

interface Step {
  readonly isCharging: readonly boolean[];
  /** By battery, kW, in its direction. */
  readonly powers: readonly number[];
  readonly worth: number;
}

/** For every pair of a battery that loses energy; undefined where the rule comes to a step that it cannot balance. */
export function burn(model: PlanModel, bounds: Bounds): readonly Direction[] | undefined {
  const { problem, columns, hours } = model;
  const net = netLimits(model, bounds);
  const ranges = problem.batteries.map((_, n) => energyRanges(model, bounds, n));
  const energy = columns.energy.map(([start]) => bounds.columnLower[start as number] as number);
  const full = columns.charge.map((each) =>
    Math.max(LEAST_KW, ...each.map((column) => bounds.columnUpper[column] as number)),
  );
  const isCharging: (readonly boolean[])[] = [];
  for (const [t, h] of hours.entries()) {
    const stores = problem.batteries.map(({ chargeEfficiency, dischargeEfficiency }, n): Store => {
      const [low, high] = (ranges[n] as EnergyRange[])[t + 1] as EnergyRange;
      const room = Math.max(0, high - (energy[n] as number)) / (h * chargeEfficiency);
      const left = (Math.max(0, (energy[n] as number) - low) * dischargeEfficiency) / h;
      return {
        charge: Math.min(room, bounds.columnUpper[columns.charge[n]?.[t] as number] as number),
        discharge: Math.min(left, bounds.columnUpper[columns.discharge[n]?.[t] as number] as number),
        level: Math.min(hours.length, room / (full[n] as number)),
        full: full[n] as number,
        roundTrip: chargeEfficiency * dischargeEfficiency,
      };
    });
    const step = bestStep(stores, net[t] as NetLimits);
    if (step === undefined) return undefined;
    for (const [n, { chargeEfficiency, dischargeEfficiency }] of problem.batteries.entries()) {
      const power = step.powers[n] as number;
      energy[n] =
        (energy[n] as number) + h * (step.isCharging[n] ? power * chargeEfficiency : -power / dischargeEfficiency);
    }
    isCharging.push(step.isCharging);
  }
  return problem.batteries.flatMap((battery, n) =>
    isLossy(battery) ? pairsOf(model, n).map((pair, t) => ({ pair, isFirst: isCharging[t]?.[n] === true })) : [],
  );
}

/** Full power of a battery that cannot charge, kW: it has no level then, and its room is worth next to nothing. */
const LEAST_KW = 1e-6;

type EnergyRange = readonly [low: number, high: number];

/** By boundary: the energies from which the battery can keep to all later bounds, if its full power is let in and out. */
function energyRanges(
  { problem, columns, hours }: PlanModel,
  { columnLower, columnUpper }: Bounds,
  n: number,
): EnergyRange[] {
  const { chargeEfficiency, dischargeEfficiency } = problem.batteries[n] as PlanBattery;
  const most = (powers: readonly (readonly number[])[], t: number) => columnUpper[powers[n]?.[t] as number] as number;
  const ranges: EnergyRange[] = [];
  let [low, high]: EnergyRange = [-Infinity, Infinity];
  for (let t = hours.length; t >= 0; t -= 1) {
    const column = columns.energy[n]?.[t] as number;
    // After the last boundary there is no step, and nothing to come.
    const h = hours[t];
    if (h !== undefined) {
      low -= h * chargeEfficiency * most(columns.charge, t);
      high += (h / dischargeEfficiency) * most(columns.discharge, t);
    }
    [low, high] = [Math.max(low, columnLower[column] as number), Math.min(high, columnUpper[column] as number)];
    ranges[t] = [low, high];
  }
  return ranges;
}

/** Those with least room discharge; how many, and what is better the other way round, is tried. */
function bestStep(stores: readonly Store[], net: NetLimits): Step | undefined {
  const byLevel = [...stores.keys()].toSorted(
    (a, b) => (stores[a] as Store).level - (stores[b] as Store).level || a - b,
  );
  let isCharging = stores.map(() => true);
  let best = stepOf(stores, isCharging, net);
  const offer = (directions: boolean[]): boolean => {
    const step = stepOf(stores, directions, net);
    const isBetter = step !== undefined && step.worth > (best?.worth ?? -Infinity) + ROUNDING;
    if (isBetter) best = step;
    return isBetter;
  };
  for (const n of byLevel) {
    isCharging = isCharging.with(n, false);
    offer(isCharging);
  }
  for (let isBetter = best !== undefined; isBetter;) {
    isBetter = false;
    for (const n of stores.keys()) {
      const directions = [...(best as Step).isCharging];
      isBetter = offer(directions.with(n, !directions[n])) || isBetter;
    }
  }
  return best;
}

const ROUNDING = 1e-9;

/** What the batteries do in given directions; undefined where that is outside of the limits. */
function stepOf(stores: readonly Store[], isCharging: readonly boolean[], [least, most]: NetLimits): Step | undefined {
  let [charge, discharge] = [0, 0];
  for (const [n, store] of stores.entries()) {
    if (isCharging[n]) charge += store.charge;
    else discharge += store.discharge;
  }
  const discharged = Math.min(discharge, charge + most);
  if (discharged < Math.max(0, least) - ROUNDING) return undefined;
  const charged = Math.max(0, discharged - most);
  // The fullest are emptied and the emptiest filled, each to one level.
  const emptied = pour(
    discharged,
    stores.map(({ level, full, roundTrip, discharge: limit }, n) => ({
      from: level,
      width: full * roundTrip,
      limit: isCharging[n] ? 0 : limit,
    })),
  );
  const filled = pour(
    charged,
    stores.map(({ level, full, charge: limit }, n) => ({
      from: -level,
      width: full,
      limit: isCharging[n] ? limit : 0,
    })),
  );
  const powers = stores.map((_, n) => (isCharging[n] ? filled : emptied)[n] as number);
  let worth = discharged;
  for (const [n, { level, full, roundTrip }] of stores.entries()) {
    const power = powers[n] as number;
    const after = level + (isCharging[n] ? -power / full : power / (full * roundTrip));
    worth += full * WORTH_STEPS * (1 - Math.exp(-after / WORTH_STEPS));
  }
  return { isCharging, powers, worth };
}

interface Vessel {
  /** Its level when empty, and what raises it by one. */
  readonly from: number;
  readonly width: number;
  readonly limit: number;
}

/**
 * Into vessels that are connected, up to their limits: at level m each holds (m - from) width. Newton's method, kept within
 * bounds by bisection.
 */
function pour(total: number, vessels: readonly Vessel[]): number[] {
  let low = Infinity;
  let high = -Infinity;
  let all = 0;
  for (const { from, width, limit } of vessels) {
    if (limit <= 0) continue;
    low = Math.min(low, from);
    high = Math.max(high, from + limit / width);
    all += limit;
  }
  if (total >= all) return vessels.map(({ limit }) => limit);
  let level = low;
  for (let round = 0; round < ROUNDS_MAX; round += 1) {
    let [held, slope] = [0, 0];
    for (const { from, width, limit } of vessels) {
      const amount = (level - from) * width;
      if (limit <= 0 || amount < 0) continue;
      held += Math.min(amount, limit);
      if (amount < limit) slope += width;
    }
    if (Math.abs(held - total) <= ROUNDING) break;
    if (held < total) low = level;
    else high = level;
    const next = level + (total - held) / slope;
    level = next > low && next < high ? next : (low + high) / 2;
  }
  return vessels.map(({ from, width, limit }) => Math.min(limit, Math.max(0, (level - from) * width)));
}

/** Of Newton's method: it ends after a few. */
const ROUNDS_MAX = 60;
