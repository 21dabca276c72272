/** Asks whether a choice of a problem's demands can be met together, again and again, each time from the basis before. */
import type { Bounds, LinearSession, LinearSolver } from '../../../numerics/linear-program.ts';
import { boundsWith, type Demand, type PlanModel } from './model.ts';
import { flows, flowsBothWays } from './net.ts';
import { searchPhysical } from './search.ts';
import { pairsOf, tighten } from './tighten.ts';

type Choice = (demand: Demand, index: number) => boolean;

export interface Probe {
  /** The demands that are met by a point which meets the chosen ones; undefined when no point does. */
  meet(isChosen: Choice): { isMet(demand: Demand): boolean } | undefined;
  /** Whether the linear program alone proves that the chosen demands clash; the tightened one is slower and proves more. */
  clashes(isChosen: Choice, proof: 'linear' | 'tightened'): boolean;
  /** Questions so far that a linear program alone did not answer. */
  searches(): number;
  dispose(): void;
}

/** kW and kWh by which a demand may be missed and still count as met. */
const TOLERANCE = 1e-6;

/**
 * What so many linear programs (fewer where they are large) do not decide counts as possible: no clash is told that was not
 * proven.
 */
const SOLVES_TIMES_ROOT_OF_COLUMNS = 1200;

/** Attempts to take the loops out of a point before there is a search. */
const ROUNDINGS_MAX = 3;

export function createProbe(solver: LinearSolver, model: PlanModel): Probe {
  const linear = solver.open(model.program);
  const goal = {
    isAnyGood: true,
    gap: 1,
    solvesMax: Math.round(SOLVES_TIMES_ROOT_OF_COLUMNS / Math.sqrt(model.program.columns)),
  };
  const solve = (bounds: Bounds) => {
    linear.setBounds(bounds);
    return linear.solve();
  };
  const meetingAt = (x: Float64Array) => ({ isMet: (demand: Demand) => isMet(model, x, demand) });
  let searches = 0;
  return {
    meet(isChosen) {
      const bounds = boundsWith(model, isChosen);
      // Most choices clash by the linear program already, or are met by a point without loops.
      const answer = solve(bounds);
      if (answer.status === 'infeasible') return undefined;
      const point = answer.status === 'optimal' ? withoutLoops(linear, model, bounds, answer.x) : undefined;
      if (point !== undefined) return meetingAt(point);
      searches += 1;
      const { best, bound } = searchPhysical(solver, model, bounds, goal);
      if (best === undefined && bound === Infinity) return undefined;
      // Where loops were netted, the solver's point is not the plan's: it proves the chosen demands and no others.
      return best === undefined || hasLoops(model, best.x) ? { isMet: () => false } : meetingAt(best.x);
    },
    clashes(isChosen, proof) {
      const bounds = boundsWith(model, isChosen);
      if (solve(bounds).status === 'infeasible') return true;
      if (proof === 'linear') return false;
      const session = solver.open(tighten(model, bounds).program);
      try {
        return session.solve().status === 'infeasible';
      } finally {
        session.dispose();
      }
    },
    searches: () => searches,
    dispose: () => linear.dispose(),
  };
}

/** A point in which no battery charges and discharges at once, found by leaving each its greater direction. */
function withoutLoops(
  session: LinearSession,
  model: PlanModel,
  bounds: Bounds,
  start: Float64Array,
): Float64Array | undefined {
  const columnUpper = [...bounds.columnUpper];
  const batteries = model.problem.batteries.map((_, n) => pairsOf(model, n));
  let x = start;
  for (let rounds = 0; hasLoops(model, x); rounds += 1) {
    if (rounds >= ROUNDINGS_MAX) return undefined;
    for (const pairs of batteries) {
      if (!pairs.some((pair) => flowsBothWays(x, pair))) continue;
      for (const pair of pairs) {
        const isFirst = (x[pair.first] as number) > (x[pair.second] as number);
        if (flows(x, pair)) columnUpper[isFirst ? pair.second : pair.first] = 0;
      }
    }
    session.setBounds({ ...bounds, columnUpper });
    const answer = session.solve();
    if (answer.status !== 'optimal') return undefined;
    x = answer.x;
  }
  return x;
}

function hasLoops({ columns }: PlanModel, x: Float64Array): boolean {
  const isLooped = (firsts: readonly number[], seconds: readonly number[]) =>
    firsts.some((first, step) => flowsBothWays(x, { first, second: seconds[step] as number }));
  return (
    isLooped(columns.import, columns.export) ||
    columns.charge.some((charge, n) => isLooped(charge, columns.discharge[n] ?? []))
  );
}

function isMet({ program }: PlanModel, x: Float64Array, demand: Demand): boolean {
  let value = 0;
  if (demand.on === 'column') value = x[demand.index] as number;
  else {
    for (
      let entry = program.starts[demand.index] as number;
      entry < (program.starts[demand.index + 1] as number);
      entry += 1
    ) {
      value += (program.values[entry] as number) * (x[program.indices[entry] as number] as number);
    }
  }
  return demand.side === 'lower' ? value >= demand.value - TOLERANCE : value <= demand.value + TOLERANCE;
}
