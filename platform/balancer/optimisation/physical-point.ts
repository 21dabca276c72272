/**
 * Looks for a point that meets demands without any battery charging and discharging at once, where every answer of the
 * linear program does: proof that there is none by the tightened program, or a dive that decides directions in the order of
 * time, a few steps at once, each time from what the linear program makes of those before; and where neither comes to an
 * end, branch and cut over all directions.
 */
import type { Bounds, LinearProgram, LinearSession, LinearSolver } from '../../../numerics/linear-program.ts';
import { boundsWith, type Demand, type DemandGroup, type PlanModel } from './model.ts';
import { flows, flowsBothWays } from './net.ts';
import type { PlanBattery } from './problem.ts';
import type { Direction } from './search.ts';
import { isLossy, pairsOf, tighten, type Pair, type TightModel, type TightPair } from './tighten.ts';

/** Share of the horizon whose directions are decided at once. */
const PARTS = 8;

/** A dive that takes more programs finds nothing, as a rule. */
const SOLVES_MAX = 10;

/** The point, that there is none, or that neither was found. */
export function findPhysicalPoint(solver: LinearSolver, tight: TightModel): Float64Array | 'none' | 'unknown' {
  const session = solver.open(tight.program);
  try {
    const root = session.solve();
    if (root.status === 'infeasible') return 'none';
    return (root.status === 'optimal' ? dive(session, tight, root.x) : undefined) ?? 'unknown';
  } finally {
    session.dispose();
  }
}

/** Leaves every pair its greater direction, from the first step with a loop on. */
function dive(
  session: LinearSession,
  { program, batteryPairs }: TightModel,
  start: Float64Array,
): Float64Array | undefined {
  const columnLower = [...program.columnLower];
  const columnUpper = [...program.columnUpper];
  const length = Math.ceil((1 + Math.max(0, ...batteryPairs.map(({ step }) => step))) / PARTS);
  let x = start;
  for (let solves = 0; ; solves += 1) {
    const looped = batteryPairs.filter((pair) => flowsBothWays(x, pair));
    if (looped.length === 0) return x;
    if (solves >= SOLVES_MAX) return undefined;
    const from = Math.min(...looped.map(({ step }) => step));
    for (const pair of batteryPairs) {
      const { first, second, mode, step } = pair;
      const isDecided = columnLower[mode] === columnUpper[mode];
      if (isDecided || step < from || step >= from + length || !flows(x, pair)) continue;
      const isFirst = (x[first] as number) >= (x[second] as number);
      columnUpper[isFirst ? second : first] = 0;
      columnLower[mode] = isFirst ? 1 : 0;
      columnUpper[mode] = isFirst ? 1 : 0;
    }
    session.setBounds({ ...program, columnLower, columnUpper });
    const answer = session.solve();
    if (answer.status !== 'optimal') return undefined;
    x = answer.x;
  }
}

/** kW and kWh that demands give way by where a proof is looked for: it must not hang on the solver's rounding. */
const SPARE = 1e-6;

/**
 * Directions of all batteries that lose energy in which the chosen demands can be met, perhaps but for rounding; that there
 * are none; or neither.
 */
export function decideDirections(
  solver: LinearSolver,
  model: PlanModel,
  isChosen: (demand: Demand, index: number) => boolean,
): readonly Direction[] | 'none' | 'unknown' {
  const { program, batteryPairs } = tightenForDemands(model, boundsWith(model, isChosen, SPARE));
  const modes = new Map(batteryPairs.map(({ first, mode }) => [first, mode]));
  const point = solver.findWhole(program, [...modes.values()], STEPS_MAX);
  if (typeof point === 'string') return point;
  const isFirst = ({ first, second }: Pair) => {
    const mode = modes.get(first);
    // Without a mode, one power is zero in every plan: the pair is decided, though the linear program by itself would loop it.
    return mode === undefined ? (program.columnUpper[second] as number) <= 0 : (point[mode] as number) >= 0.5;
  };
  const lossy = model.problem.batteries.flatMap((battery, n) => (isLossy(battery) ? pairsOf(model, n) : []));
  return lossy.map((pair) => ({ pair, isFirst: isFirst(pair) }));
}

/** Of the simplex method: most questions are decided within 3,000, few of those that are not within many more. */
const STEPS_MAX = 10_000;

/**
 * The tightened program with what the demands on the exchange and on stored energy mean for either-or. With P the net power
 * of the batteries (discharge positive) that load, production and exchange allow, z = 1 while the battery charges, m the
 * other batteries, E the energy at the start of the step and E' at its end:
 *
 *   dis <= P_max (1 - z) + sum ch_m           what is discharged beyond what the site takes has to be charged by others
 *   ch <= -P_min z + sum dis_m
 *   E + h eta_c ch <= E'_max z + E_max (1 - z)         what is charged has to find its room at the start of the step
 *   E - h dis / eta_d >= E'_min (1 - z) + E_min z
 */
export function tightenForDemands(model: PlanModel, bounds: Bounds): TightModel {
  const net = netLimits(model, bounds);
  const tight = tighten(model, { ...bounds, columnUpper: withinNet(model, bounds, net) });
  const { program } = tight;
  const totals = new Map<string, number>();
  const totalOf = (powers: readonly (readonly number[])[], step: number, name: string): number => {
    const key = `${name} ${step}`;
    const known = totals.get(key);
    if (known !== undefined) return known;
    const columns = powers.map((each) => each[step] as number);
    const total = program.addColumn(0, 0, Infinity);
    program.addRow(0, 0, [total, ...columns], [-1, ...columns.map(() => 1)]);
    totals.set(key, total);
    return total;
  };
  for (const pair of tight.batteryPairs) {
    const { first, second, mode, step } = pair;
    const [least, most] = net[step] as NetLimits;
    if (most < (program.columnUpper[second] as number)) {
      const charged = totalOf(model.columns.charge, step, 'charge');
      program.addRow(-Infinity, most, [second, mode, first, charged], [1, most, 1, -1]);
    }
    if (-least < (program.columnUpper[first] as number)) {
      const discharged = totalOf(model.columns.discharge, step, 'discharge');
      program.addRow(-Infinity, 0, [first, mode, second, discharged], [1, least, 1, -1]);
    }
    addRoom(model, program, pair);
  }
  return tight;
}

export type NetLimits = readonly [least: number, most: number];

/** Least and most net power of the batteries by step, kW, discharge positive: what load, production and exchange allow. */
export function netLimits({ problem, columns, demands, groups }: PlanModel, bounds: Bounds): NetLimits[] {
  const importMost = columns.import.map((column) => bounds.columnUpper[column] as number);
  const exportMost = columns.export.map((column) => bounds.columnUpper[column] as number);
  for (const { group, step, index } of demands) {
    const { demand } = groups[group] as DemandGroup;
    if (demand === 'exchange-max') {
      importMost[step] = Math.min(importMost[step] as number, bounds.rowUpper[index] as number);
    } else if (demand === 'exchange-min') {
      exportMost[step] = Math.min(exportMost[step] as number, -(bounds.rowLower[index] as number));
    }
  }
  return problem.loadW.map((loadW, step): NetLimits => {
    const generation = columns.generation[step] as number;
    return [
      loadW / 1000 - (bounds.columnUpper[generation] as number) - (importMost[step] as number),
      loadW / 1000 - (bounds.columnLower[generation] as number) + (exportMost[step] as number),
    ];
  });
}

/** Upper bounds of columns with powers that the others could never balance cut off. */
function withinNet({ columns }: PlanModel, bounds: Bounds, net: readonly NetLimits[]): number[] {
  const upper = [...bounds.columnUpper];
  const sumOf = (powers: readonly (readonly number[])[], step: number) =>
    powers.reduce((sum, each) => sum + (upper[each[step] as number] as number), 0);
  for (const [step, [least, most]] of net.entries()) {
    for (const [n, charges] of columns.charge.entries()) {
      const charge = charges[step] as number;
      const discharge = columns.discharge[n]?.[step] as number;
      const byOthers = sumOf(columns.charge, step) - (upper[charge] as number);
      upper[discharge] = Math.min(upper[discharge] as number, Math.max(0, most + byOthers));
      const ofOthers = sumOf(columns.discharge, step) - upper[discharge];
      upper[charge] = Math.min(upper[charge] as number, Math.max(0, ofOthers - least));
    }
  }
  return upper;
}

function addRoom({ problem, hours, columns }: PlanModel, program: LinearProgram, pair: TightPair): void {
  const { battery = -1, step, first, second, mode } = pair;
  const { chargeEfficiency, dischargeEfficiency } = problem.batteries[battery] as PlanBattery;
  const h = hours[step] as number;
  const [before, after] = [columns.energy[battery]?.[step] as number, columns.energy[battery]?.[step + 1] as number];
  const [mostBefore, most] = [program.columnUpper[before] as number, program.columnUpper[after] as number];
  if (mostBefore < Infinity && most < Infinity) {
    program.addRow(-Infinity, mostBefore, [before, first, mode], [1, h * chargeEfficiency, mostBefore - most]);
  }
  const [leastBefore, least] = [program.columnLower[before] as number, program.columnLower[after] as number];
  if (leastBefore > -Infinity && least > -Infinity) {
    program.addRow(least, Infinity, [before, second, mode], [1, -h / dischargeEfficiency, least - leastBefore]);
  }
}
