/** Asks whether a choice of a problem's demands can be met together, again and again, each time from the basis before. */
import type { Bounds, LinearSession, LinearSolver } from '../../../numerics/linear-program.ts';
import { burn } from './burn.ts';
import { boundsWith, type Demand, type PlanModel } from './model.ts';
import { flows, flowsBothWays } from './net.ts';
import { decideDirections, findPhysicalPoint, tightenForDemands } from './physical-point.ts';
import { inDirections, type Direction } from './search.ts';
import { isLossy, pairsOf, type Pair } from './tighten.ts';

type Choice = (demand: Demand, index: number) => boolean;

interface MeetingPoint {
  isMet(demand: Demand): boolean;
}

export interface Probe {
  /**
   * The demands that are met by a point which meets the chosen ones; or that no point does; or that neither was shown.
   * `quick` asks the linear program and the rule for burning alone.
   */
  meet(isChosen: Choice, effort: 'quick' | 'thorough'): MeetingPoint | 'clash' | 'unknown';
  /** Whether the linear program alone proves that the chosen demands clash; the tightened one is slower and proves more. */
  clashes(isChosen: Choice, proof: 'linear' | 'tightened'): boolean;
  /** What the questions that the linear program alone did not answer took so far: 1 each, more where all was in vain. */
  searches(): number;
  dispose(): void;
}

/** kW and kWh by which a demand may be missed and still count as met. */
const TOLERANCE = 1e-6;

/** Attempts to take the loops out of a point before there is a search. */
const ROUNDINGS_MAX = 3;

/** A dive that finds nothing, and the branch and cut that comes after it, take as long as so many dives that find a point. */
const IN_VAIN = 15;

export function createProbe(solver: LinearSolver, model: PlanModel): Probe {
  const linear = solver.open(model.program);
  const solve = (bounds: Bounds) => {
    linear.setBounds(bounds);
    return linear.solve();
  };
  const meetingAt = (x: Float64Array): MeetingPoint => {
    const point = withoutHarmlessLoops(model, x);
    return { isMet: (demand) => isMet(model, point, demand) };
  };
  const pointIn = (bounds: Bounds, directions: readonly Direction[]): MeetingPoint | undefined => {
    const answer = solve(inDirections(bounds, directions));
    return answer.status === 'optimal' ? meetingAt(answer.x) : undefined;
  };
  const byRule = (bounds: Bounds): MeetingPoint | undefined => {
    const directions = burn(model, bounds);
    return directions && pointIn(bounds, directions);
  };
  const whereDecided = (isChosen: Choice): MeetingPoint | 'clash' | 'unknown' => {
    const directions = decideDirections(solver, model, isChosen);
    if (directions === 'none') return 'clash';
    if (directions === 'unknown') return 'unknown';
    return pointIn(boundsWith(model, isChosen), directions) ?? 'unknown';
  };
  /** Whether the last point was found by the rule: the next one is, as a rule, and the linear program need not be asked. */
  let isBurning = false;
  let searches = 0;
  return {
    meet(isChosen, effort) {
      const bounds = boundsWith(model, isChosen);
      const sameAgain = isBurning ? byRule(bounds) : undefined;
      if (sameAgain !== undefined) return sameAgain;
      // Most choices clash by the linear program already, or are met by a point without loops.
      const answer = solve(bounds);
      if (answer.status === 'infeasible') return 'clash';
      const point = answer.status === 'optimal' ? withoutLoops(linear, model, bounds, answer.x) : undefined;
      if (point !== undefined) {
        isBurning = false;
        return meetingAt(point);
      }
      const burnt = isBurning ? undefined : byRule(bounds);
      if (burnt !== undefined) {
        isBurning = true;
        return burnt;
      }
      if (effort === 'quick') return 'unknown';
      searches += 1;
      const found = findPhysicalPoint(solver, tightenForDemands(model, bounds));
      if (found === 'none') return 'clash';
      if (found !== 'unknown') return meetingAt(found);
      searches += IN_VAIN;
      return whereDecided(isChosen);
    },
    clashes(isChosen, proof) {
      const bounds = boundsWith(model, isChosen);
      if (solve(bounds).status === 'infeasible') return true;
      if (proof === 'linear') return false;
      const session = solver.open(tightenForDemands(model, bounds).program);
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

/** A point in which no battery burns energy in a loop, found by leaving each its greater direction. */
function withoutLoops(
  session: LinearSession,
  model: PlanModel,
  bounds: Bounds,
  start: Float64Array,
): Float64Array | undefined {
  const columnUpper = [...bounds.columnUpper];
  const batteries = lossyPairs(model);
  let x = start;
  for (let rounds = 0; ; rounds += 1) {
    const looped = batteries.filter((pairs) => pairs.some((pair) => flowsBothWays(x, pair)));
    if (looped.length === 0) return x;
    if (rounds >= ROUNDINGS_MAX) return undefined;
    for (const pair of looped.flat()) {
      const isFirst = (x[pair.first] as number) > (x[pair.second] as number);
      if (flows(x, pair)) columnUpper[isFirst ? pair.second : pair.first] = 0;
    }
    session.setBounds({ ...bounds, columnUpper });
    const answer = session.solve();
    if (answer.status !== 'optimal') return undefined;
    x = answer.x;
  }
}

/** Of each battery that loses energy. */
function lossyPairs(model: PlanModel): Pair[][] {
  return model.problem.batteries.flatMap((each, n) => (isLossy(each) ? [pairsOf(model, n)] : []));
}

/** Import and export at once, and both directions of a battery that loses nothing: the difference alone meets as much. */
function withoutHarmlessLoops(model: PlanModel, x: Float64Array): Float64Array {
  const { columns, problem } = model;
  const exchange = columns.import.map((first, step): Pair => ({ first, second: columns.export[step] as number }));
  const lossless = problem.batteries.flatMap((each, n) => (isLossy(each) ? [] : pairsOf(model, n)));
  const point = x.slice();
  for (const { first, second } of [...exchange, ...lossless]) {
    const both = Math.min(x[first] as number, x[second] as number);
    point[first] = (x[first] as number) - both;
    point[second] = (x[second] as number) - both;
  }
  return point;
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
