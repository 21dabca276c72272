/**
 * The cheapest course of one battery through a horizon, exactly, whatever the prices: what a step costs depends on the
 * energy at its two boundaries alone, so dynamic programming over the energy needs no directions to be searched for.
 *
 *   V(0, E) = 0 at the initial energy,   V(k + 1, E') = min over E of V(k, E) + g(k, E' - E)
 *
 * g is piecewise linear, bent where charging turns into discharging and import into export, in either sense; V is piecewise
 * linear too and is kept as such, not on a grid. R. Bellman, "Dynamic Programming", 1957.
 *
 * Only the peaks are common to all steps. What is above a peak's least value a counts by weights w(k) >= 0, which cost no
 * more than the peak does where they sum up to its price c at most: sum of w(k) max(0, power(k) - a) <= c (peak - a).
 */
import type { Bounds } from '../../../numerics/linear-program.ts';
import {
  bestSplit,
  infimalConvolution,
  piecewiseLinear,
  valueAt,
  within,
  type PiecewiseLinear,
} from '../../../numerics/piecewise-linear.ts';
import type { PlanModel } from './model.ts';
import type { PlanBattery } from './problem.ts';

/** A peak of the exchange: between which values it lies, kW, and what each kW of a step above the lower one costs. */
export interface PeakTerms {
  readonly from: number;
  readonly to: number;
  readonly weights: readonly number[];
}

export type PathTerms = Readonly<Record<'importPeak' | 'exportPeak', PeakTerms>>;

export interface BatteryPath {
  /** Sum of the steps with the weights of the peaks, as the objective of the program counts it. */
  readonly cost: number;
  /** Power of the battery and exchange of each step, kW; discharge and import positive. */
  readonly batteryKW: readonly number[];
  readonly exchangeKW: readonly number[];
}

/** Functions with more points take too long. */
const POINTS_MAX = 2000;

/** Energies and powers that miss their bounds by less than this do so by rounding, kWh and kW. */
const ROUNDING = 1e-9;

/** Whether a problem is one battery's, and nothing but its peaks is common to several steps. */
export function hasPath({ problem }: PlanModel): boolean {
  return problem.batteries.length === 1 && problem.packages.length === 0;
}

/** For a problem that `hasPath`; that there is none, or that it would take too long. */
export function cheapestPath(model: PlanModel, bounds: Bounds, terms: PathTerms): BatteryPath | 'none' | 'unknown' {
  const energy = model.columns.energy[0] as readonly number[];
  const initial = bounds.columnLower[energy[0] as number] as number;
  const values: PiecewiseLinear[] = [{ x: [initial], y: [0] }];
  const steps: Step[] = [];
  for (const t of model.hours.keys()) {
    const step = stepOf(model, bounds, terms, t);
    if (step === undefined) return 'none';
    const column = energy[t + 1] as number;
    const [lower, upper] = [bounds.columnLower[column] as number, bounds.columnUpper[column] as number];
    const reached = infimalConvolution(values[t] as PiecewiseLinear, step.storage);
    const value = within(reached, lower - ROUNDING, upper + ROUNDING);
    if (value === undefined) return 'none';
    if (value.x.length > POINTS_MAX) return 'unknown';
    values.push(value);
    steps.push(step);
  }
  return followBack(model, values, steps);
}

interface Step {
  /** Cost by exchange; by production that is not held back; by consumption and charging together: their convolution. kW. */
  readonly exchange: PiecewiseLinear;
  readonly production: PiecewiseLinear;
  readonly consumption: PiecewiseLinear;
  /** The same and the wear, by the change of the stored energy, kWh. */
  readonly storage: PiecewiseLinear;
}

function stepOf(model: PlanModel, bounds: Bounds, terms: PathTerms, t: number): Step | undefined {
  const exchange = costOfExchange(model, bounds, terms, t);
  if (exchange === undefined) return undefined;
  const column = model.columns.generation[t] as number;
  const price = model.program.cost[column] as number;
  const produced = [bounds.columnLower[column] as number, bounds.columnUpper[column] as number];
  const production = piecewiseLinear(
    produced,
    produced.map((power) => price * power),
  );
  const consumption = infimalConvolution(exchange, production);
  const storage = costOfStorage(model, bounds, consumption, t);
  return storage && { exchange, production, consumption, storage };
}

function costOfExchange(
  { problem, columns, program, hours }: PlanModel,
  bounds: Bounds,
  { importPeak, exportPeak }: PathTerms,
  t: number,
): PiecewiseLinear | undefined {
  const { exchange, costs } = problem;
  const [imports, exports] = [columns.import[t] as number, columns.export[t] as number];
  const most = Math.min(bounds.columnUpper[imports] as number, (exchange.maxW[t] as number) / 1000, importPeak.to);
  const least = -Math.min(bounds.columnUpper[exports] as number, -(exchange.minW[t] as number) / 1000, exportPeak.to);
  if (least > most + ROUNDING) return undefined;
  const target = (exchange.targetW[t] as number) / 1000;
  const h = hours[t] as number;
  const cost = (power: number) => {
    // Where the target is zero, the prices of import and export have the deviation in them.
    const above = target === 0 ? 0 : Math.max(0, power - target) * (costs.aboveTargetPerKWh[t] as number);
    const below = target === 0 ? 0 : Math.max(0, target - power) * (costs.belowTargetPerKWh[t] as number);
    return (
      Math.max(0, power) * (program.cost[imports] as number) +
      Math.max(0, -power) * (program.cost[exports] as number) +
      h * (above + below) +
      Math.max(0, power - importPeak.from) * (importPeak.weights[t] as number) +
      Math.max(0, -power - exportPeak.from) * (exportPeak.weights[t] as number)
    );
  };
  const bends = [0, target, importPeak.from, -exportPeak.from].filter((power) => power > least && power < most);
  const powers = [least, ...bends.sort((a, b) => a - b), Math.max(least, most)];
  return piecewiseLinear(powers, powers.map(cost));
}

function costOfStorage(
  { problem, columns, program, hours }: PlanModel,
  bounds: Bounds,
  consumption: PiecewiseLinear,
  t: number,
): PiecewiseLinear | undefined {
  const { chargeEfficiency, dischargeEfficiency } = problem.batteries[0] as PlanBattery;
  const [charge, discharge] = [columns.charge[0]?.[t] as number, columns.discharge[0]?.[t] as number];
  const load = (problem.loadW[t] as number) / 1000;
  const surplus =
    problem.chargeFrom === 'surplus' ? Math.max(0, (problem.generationW[t] as number) / 1000 - load) : Infinity;
  const mostCharge = Math.min(bounds.columnUpper[charge] as number, surplus);
  const mostDischarge = bounds.columnUpper[discharge] as number;
  const possible = within(consumption, load - mostDischarge - ROUNDING, load + mostCharge + ROUNDING);
  if (possible === undefined) return undefined;
  // Bent where charging begins, too.
  const isInside = possible.x.some((power) => power < load) && possible.x.some((power) => power > load);
  const powers = [...possible.x, ...(isInside ? [load] : [])].sort((a, b) => a - b);
  const h = hours[t] as number;
  const stored = (charged: number) => h * (charged > 0 ? charged * chargeEfficiency : charged / dischargeEfficiency);
  const wear = (charged: number) => Math.abs(charged) * (program.cost[charged > 0 ? charge : discharge] as number);
  return piecewiseLinear(
    powers.map((power) => stored(power - load)),
    powers.map((power) => valueAt(possible, power) + wear(power - load)),
  );
}

function followBack(model: PlanModel, values: readonly PiecewiseLinear[], steps: readonly Step[]): BatteryPath {
  const { problem, program, columns, hours } = model;
  const { chargeEfficiency, dischargeEfficiency } = problem.batteries[0] as PlanBattery;
  const last = values.at(-1) as PiecewiseLinear;
  const price = program.cost[columns.energy[0]?.at(-1) as number] as number;
  let [after, cost] = [0, Infinity];
  for (const [i, energy] of last.x.entries()) {
    const total = (last.y[i] as number) + price * energy;
    if (total < cost) [after, cost] = [energy, total];
  }
  const batteryKW: number[] = [];
  const exchangeKW: number[] = [];
  for (let t = steps.length - 1; t >= 0; t -= 1) {
    const { exchange, production, storage } = steps[t] as Step;
    const before = bestSplit(values[t] as PiecewiseLinear, storage, after);
    const rate = (after - before) / (hours[t] as number);
    const power = rate > 0 ? -rate / chargeEfficiency : -rate * dischargeEfficiency;
    batteryKW.unshift(power);
    exchangeKW.unshift(bestSplit(exchange, production, (problem.loadW[t] as number) / 1000 - power));
    after = before;
  }
  return { cost, batteryKW, exchangeKW };
}
