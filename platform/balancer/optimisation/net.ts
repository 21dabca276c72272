/** Takes the loops out of a program's answer: what charges and discharges at once, or imports and exports at once. */
import type { Bounds } from '../../../numerics/linear-program.ts';
import type { PlanModel } from './model.ts';
import type { PlanBattery } from './problem.ts';
import { earningPairs, isLossy, pairsOf, type Pair } from './tighten.ts';

/** Powers below this are the solver's rounding, kW; energies kWh. */
const ROUNDING = 1e-6;

export interface Netted {
  /** By battery and step, kW, discharge positive. */
  readonly batteriesKW: readonly (readonly number[])[];
  /** The pairs that flow both ways and cannot be netted. */
  readonly violated: readonly Pair[];
}

/**
 * Nets what flows both ways at once: the power at the terminals stays, a battery keeps what the loop would have burnt. That
 * is as good or better unless the battery overflows, a demand on the stored energy is missed, or the loop earns money.
 */
export function net(model: PlanModel, bounds: Bounds, x: Float64Array): Netted {
  const { problem } = model;
  const violated: Pair[] = [];
  const looped: Pair[] = [];
  const batteriesKW = problem.batteries.map((_, n) => {
    const loops = pairsOf(model, n).filter((pair) => flowsBothWays(x, pair));
    looped.push(...loops);
    const powers = pairsOf(model, n).map(({ first, second }) => (x[second] as number) - (x[first] as number));
    if (loops.length > 0 && !keepsItsDemands(model, bounds, n, powers)) violated.push(...loops);
    return powers.map((power) => (Math.abs(power) < ROUNDING ? 0 : power));
  });
  const energyMatters = problem.costs.storedValuePerKWh < 0 || problem.packages.some(({ at }) => at === 'batteries');
  const burns = ({ battery }: Pair) => isLossy(problem.batteries[battery ?? -1] as PlanBattery);
  if (energyMatters && looped.some(burns)) violated.push(...looped);
  violated.push(...earningPairs(model).flatMap(([, pair]) => (flowsBothWays(x, pair) ? [pair] : [])));
  return { batteriesKW, violated };
}

/** Beyond the solver's rounding. */
export function flowsBothWays(x: Float64Array, { first, second }: Pair): boolean {
  return Math.min(x[first] as number, x[second] as number) > ROUNDING;
}

/** Whether anything flows, beyond the solver's rounding. */
export function flows(x: Float64Array, { first, second }: Pair): boolean {
  return Math.max(x[first] as number, x[second] as number) > ROUNDING;
}

/** Whether the bounds of its energy hold when the terminals' powers are followed without loops. */
function keepsItsDemands(model: PlanModel, bounds: Bounds, n: number, powersKW: readonly number[]): boolean {
  const battery = model.problem.batteries[n] as PlanBattery;
  const columns = model.columns.energy[n] as readonly number[];
  let energy = bounds.columnLower[columns[0] as number] as number;
  for (const [t, power] of powersKW.entries()) {
    const h = model.hours[t] as number;
    energy -= h * (power > 0 ? power / battery.dischargeEfficiency : power * battery.chargeEfficiency);
    const column = columns[t + 1] as number;
    if (energy < (bounds.columnLower[column] as number) - ROUNDING) return false;
    if (energy > (bounds.columnUpper[column] as number) + ROUNDING) return false;
  }
  return true;
}
