/**
 * The program of a plan with what either-or means for it: a column 0..1 for each pair of columns of which one only may
 * flow, and rows that are true of every physical plan but not of mixtures of them. Branching then has little left to do.
 *
 * With z = 1 while the battery charges (m: the other batteries), y = 1 while the site imports, h the length of the step:
 *
 *   ch <= C z,  dis <= D (1 - z)                     C, D also at most what fills (empties) the window within the step
 *   imp <= U y,  exp <= V (1 - y)
 *   imp <= (load - least production) y + sum ch      what is imported is consumed or stored
 *   exp <= (most production - load) (1 - y) + sum dis
 *   exp >= dis + (least production - load) (1 - z) - sum ch_m       what is discharged beside a surplus is exported
 *   imp >= ch + (load - most production) z - sum dis_m
 *
 * The last two hold for every battery and bite for the strongest; they are written for that one alone.
 */
import { createLinearProgram, type Bounds, type LinearProgram } from '../../../numerics/linear-program.ts';
import type { PlanModel } from './model.ts';
import type { PlanBattery } from './problem.ts';

/** Charge and discharge of a battery, or import and export, of one step: at most one of them may differ from zero. */
export interface Pair {
  readonly first: number;
  readonly second: number;
  /** Index of the battery; undefined for the exchange. */
  readonly battery?: number;
}

/** A pair that the tightened program knows: `mode` is the column that is 1 while `first` may flow and 0 while `second`. */
export interface TightPair extends Pair {
  readonly step: number;
  readonly mode: number;
  /** Rows first <= upper * mode and second <= upper * (1 - mode). */
  readonly firstRow: number;
  readonly secondRow: number;
}

export interface TightModel {
  /** The columns of the model's program, in its bounds, and further ones behind them. */
  readonly program: LinearProgram;
  readonly batteryPairs: readonly TightPair[];
  readonly exchangePairs: readonly TightPair[];
  /** Column of the number of steps, among those of `exchangePairs`, that import. */
  readonly importSteps: number | undefined;
}

export function tighten(model: PlanModel, bounds: Bounds): TightModel {
  const program = createLinearProgram({ ...model.program, ...bounds });
  const strongest = strongestLossy(model);
  const batteryPairs: TightPair[] = [];
  for (const n of model.problem.batteries.keys()) {
    for (const [step, pair] of lossyPairs(model, n)) {
      if (Math.min(upper(program, pair.first), upper(program, pair.second)) <= 0) continue;
      const tight = addMode(program, step, pair, mostPowers(model, n, step, program));
      batteryPairs.push(tight);
      if (n === strongest) addSwing(model, program, step, tight);
    }
  }
  const exchangePairs = earningPairs(model).map(([step, pair]) => {
    const tight = addMode(program, step, pair, [upper(program, pair.first), upper(program, pair.second)]);
    addWhereTo(model, program, step, tight);
    return tight;
  });
  return { program, batteryPairs, exchangePairs, importSteps: addCount(program, exchangePairs) };
}

/** Charge and discharge of each step of a battery. */
export function pairsOf({ columns }: PlanModel, n: number): Pair[] {
  const discharge = columns.discharge[n] ?? [];
  return (columns.charge[n] ?? []).map((first, t) => ({ first, second: discharge[t] as number, battery: n }));
}

/** Import and export of the steps in which both at once would earn money. */
export function earningPairs({ columns, program }: PlanModel): [step: number, pair: Pair][] {
  return columns.import.flatMap((first, step): [number, Pair][] => {
    const second = columns.export[step] as number;
    const costs = (program.cost[first] as number) + (program.cost[second] as number);
    return costs < 0 ? [[step, { first, second }]] : [];
  });
}

export function isLossy(battery: PlanBattery): boolean {
  return battery.chargeEfficiency * battery.dischargeEfficiency < 1;
}

function lossyPairs(model: PlanModel, n: number): [step: number, pair: Pair][] {
  const battery = model.problem.batteries[n] as PlanBattery;
  return isLossy(battery) ? [...pairsOf(model, n).entries()] : [];
}

function strongestLossy({ problem }: PlanModel): number {
  const power = (each: PlanBattery) => (isLossy(each) ? Math.min(each.maxChargeW, each.maxDischargeW) : -1);
  const most = Math.max(...problem.batteries.map(power));
  return problem.batteries.findIndex((each) => power(each) === most);
}

/** The most that a battery can charge and discharge within a step, kW. */
function mostPowers(
  { problem, hours, columns }: PlanModel,
  n: number,
  step: number,
  program: LinearProgram,
): readonly [charge: number, discharge: number] {
  const { chargeEfficiency, dischargeEfficiency } = problem.batteries[n] as PlanBattery;
  const h = hours[step] as number;
  const [before, after] = [columns.energy[n]?.[step] as number, columns.energy[n]?.[step + 1] as number];
  const up = Math.max(0, upper(program, after) - lower(program, before));
  const down = Math.max(0, upper(program, before) - lower(program, after));
  return [
    Math.min(upper(program, columns.charge[n]?.[step] as number), up / (h * chargeEfficiency)),
    Math.min(upper(program, columns.discharge[n]?.[step] as number), (down * dischargeEfficiency) / h),
  ];
}

function addMode(
  program: LinearProgram,
  step: number,
  pair: Pair,
  [firstUpper, secondUpper]: readonly [number, number],
): TightPair {
  const mode = program.addColumn(0, 0, 1);
  return {
    ...pair,
    step,
    mode,
    firstRow: program.addRow(-Infinity, 0, [pair.first, mode], [1, -firstUpper]),
    secondRow: program.addRow(-Infinity, secondUpper, [pair.second, mode], [1, secondUpper]),
  };
}

/** Least and most of production minus load, kW. */
function surplusOf(
  { problem, columns }: PlanModel,
  program: LinearProgram,
  step: number,
): [least: number, most: number] {
  const load = (problem.loadW[step] as number) / 1000;
  const generation = columns.generation[step] as number;
  return [lower(program, generation) - load, upper(program, generation) - load];
}

function addSwing(model: PlanModel, program: LinearProgram, step: number, { first, second, mode }: TightPair): void {
  const { columns } = model;
  const [least, most] = surplusOf(model, program, step);
  const others = (powers: readonly (readonly number[])[], own: number) =>
    powers.map((each) => each[step] as number).filter((column) => column !== own);
  const charges = others(columns.charge, first);
  const discharges = others(columns.discharge, second);
  const ones = charges.map(() => 1);
  program.addRow(least, Infinity, [columns.export[step] as number, second, mode, ...charges], [1, -1, least, ...ones]);
  program.addRow(0, Infinity, [columns.import[step] as number, first, mode, ...discharges], [1, -1, most, ...ones]);
}

function addWhereTo(model: PlanModel, program: LinearProgram, step: number, { first, second, mode }: TightPair): void {
  const [least, most] = surplusOf(model, program, step);
  const charges = model.columns.charge.map((each) => each[step] as number);
  const discharges = model.columns.discharge.map((each) => each[step] as number);
  const minus = charges.map(() => -1);
  program.addRow(-Infinity, 0, [first, mode, ...charges], [1, least, ...minus]);
  program.addRow(-Infinity, most, [second, mode, ...discharges], [1, most, ...minus]);
}

function addCount(program: LinearProgram, pairs: readonly TightPair[]): number | undefined {
  if (pairs.length < 2) return undefined;
  const count = program.addColumn(0, 0, pairs.length);
  program.addRow(0, 0, [count, ...pairs.map(({ mode }) => mode)], [-1, ...pairs.map(() => 1)]);
  return count;
}

function lower(program: LinearProgram, column: number): number {
  return program.columnLower[column] as number;
}

function upper(program: LinearProgram, column: number): number {
  return program.columnUpper[column] as number;
}
