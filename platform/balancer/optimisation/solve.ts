/**
 * Finds the cheapest plan: the linear program first; where its answer charges and discharges a battery at once, or imports
 * and exports at once, and that cannot be netted without loss, binaries forbid exactly that, and it is solved again.
 *
 * Each answer is a lower bound of the problem with all binaries, so the first one that is physical is the optimum.
 */
import type {
  Bounds,
  EitherOr,
  LinearAnswer,
  LinearSession,
  LinearSolver,
  SearchEffort,
} from '../../../numerics/linear-program.ts';
import { buildPlanModel, planBounds, type PlanModel } from './model.ts';
import type { Plan, PlanEffort, UnsolvedPlan } from './plan.ts';
import type { PlanBattery, PlanProblem } from './problem.ts';
import { settle } from './settle.ts';

/**
 * Where losses or negative prices make it pay to burn energy, batteries alternate between charging and discharging, and
 * the search for the best pattern has no end in reason; the first hundreds of nodes find it as a rule and prove it never.
 */
const EFFORT: SearchEffort = { nodesMax: 200, gap: 1e-6 };

/** Powers below this are the solver's rounding, kW; energies kWh. */
const ROUNDING = 1e-6;

/** The optimum, or that there is none; why not is another question. The problem has been checked. */
export function solvePlan(
  solver: LinearSolver,
  problem: PlanProblem,
): Plan | UnsolvedPlan | { readonly status: 'infeasible' } {
  const model = buildPlanModel(problem, 'plan');
  const bounds = planBounds(model);
  const session = solver.open({ ...model.program, ...bounds }, EFFORT);
  try {
    const found = solvePhysically(session, model, bounds);
    if (found.status !== 'optimal') return found;
    const curtailedW = problem.generationW.map((powerW, t) => curtailed(powerW, found.x, model.columns.generation[t]));
    const settled = settle(
      problem,
      found.batteriesKW.map((each) => each.map((power) => power * 1000)),
      curtailedW,
    );
    const { startUs, stepS } = problem;
    return {
      status: 'optimal',
      startUs,
      stepS,
      ...settled,
      effort: found.effort,
    };
  } finally {
    session.dispose();
  }
}

interface Found {
  readonly status: 'optimal';
  readonly x: Float64Array;
  /** By battery and step, kW, discharge positive. */
  readonly batteriesKW: readonly (readonly number[])[];
  readonly effort: PlanEffort;
}

/** Solves until nothing flows both ways at once that could not be netted. Prices of the model decide, whatever they are. */
export function solvePhysically(
  session: LinearSession,
  model: PlanModel,
  bounds: Bounds,
): Found | UnsolvedPlan | { readonly status: 'infeasible' } {
  const bound = new Set<number>();
  for (let solves = 1; ; solves += 1) {
    const answer = session.solve();
    if (answer.status === 'infeasible') return { status: 'infeasible' };
    if (answer.status !== 'optimal') return { status: 'unsolved', reason: reasonOf(answer) };
    const netted = net(model, bounds, answer.x);
    // What a binary forbids already and is there all the same is the solver's rounding.
    const violated = netted.violated.filter(({ first }) => !bound.has(first));
    if (violated.length === 0) {
      const effort = { solves, binaries: bound.size, gap: answer.gap };
      return { status: 'optimal', x: answer.x, batteriesKW: netted.batteriesKW, effort };
    }
    const pairs = widen(model, violated, answer.reducedCost, solves).filter(({ first }) => !bound.has(first));
    for (const { first } of pairs) bound.add(first);
    session.addEitherOr(
      pairs.map(({ first, second }) => ({
        first,
        firstUpper: bounds.columnUpper[first] as number,
        second,
        secondUpper: bounds.columnUpper[second] as number,
      })),
    );
  }
}

function reasonOf(answer: LinearAnswer): string {
  return answer.status === 'unsolved' ? `the solver ended in state ${answer.code}` : `the program is ${answer.status}`;
}

type Pair = Pick<EitherOr, 'first' | 'second'> & {
  /** Index of the battery; undefined for the exchange. */ readonly battery?: number;
};

/**
 * Nets what flows both ways at once: the power at the terminals stays, a battery keeps what the loop would have burnt. That
 * is as good or better unless the battery overflows, a demand on the stored energy is missed, or the loop earns money.
 */
function net(
  model: PlanModel,
  bounds: Bounds,
  x: Float64Array,
): { readonly batteriesKW: readonly (readonly number[])[]; readonly violated: readonly Pair[] } {
  const { columns, problem, program } = model;
  const violated: Pair[] = [];
  const looped: Pair[] = [];
  const batteriesKW = problem.batteries.map((_, n) => {
    const loops = pairsOf(model, n).filter(({ first, second }) => flowsBothWays(x, first, second));
    looped.push(...loops);
    const powers = pairsOf(model, n).map(({ first, second }) => (x[second] as number) - (x[first] as number));
    if (loops.length > 0 && !keepsItsDemands(model, bounds, n, powers)) violated.push(...loops);
    return powers.map((power) => (Math.abs(power) < ROUNDING ? 0 : power));
  });
  const energyMatters = problem.costs.storedValuePerKWh < 0 || problem.packages.some(({ at }) => at === 'batteries');
  if (energyMatters && looped.some(({ battery }) => isLossy(problem, battery))) violated.push(...looped);
  for (const [t, first] of columns.import.entries()) {
    const second = columns.export[t] as number;
    const earns = (program.cost[first] as number) + (program.cost[second] as number) < 0;
    if (earns && flowsBothWays(x, first, second)) violated.push({ first, second });
  }
  return { batteriesKW, violated };
}

/** Beyond the solver's rounding. */
export function flowsBothWays(x: Float64Array, first: number, second: number): boolean {
  return Math.min(x[first] as number, x[second] as number) > ROUNDING;
}

function isLossy(problem: PlanProblem, index: number | undefined): boolean {
  const battery = problem.batteries[index ?? -1];
  return battery !== undefined && battery.chargeEfficiency * battery.dischargeEfficiency < 1;
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

/** Charge and discharge of each step of a battery. */
function pairsOf({ columns }: PlanModel, n: number): Pair[] {
  const discharge = columns.discharge[n] ?? [];
  return (columns.charge[n] ?? []).map((first, t) => ({ first, second: discharge[t] as number, battery: n }));
}

/**
 * First the pairs that are violated, and those of the same battery to which the loop could move at no cost; a second time,
 * every step of the batteries concerned; from the third time on, all pairs that there are.
 */
function widen(model: PlanModel, violated: readonly Pair[], reducedCost: Float64Array, round: number): Pair[] {
  const { columns, problem } = model;
  const concerned = new Set(violated.map(({ battery }) => battery));
  const isConcerned = (battery: number | undefined) => round > 2 || concerned.has(battery);
  const exchange = columns.import.map((first, t): Pair => ({ first, second: columns.export[t] as number }));
  const pairs = [
    ...problem.batteries.flatMap((_, n) => (isConcerned(n) ? pairsOf(model, n) : [])),
    ...(isConcerned(undefined) ? exchange : []),
  ];
  if (round > 1) return pairs;
  const isFree = (column: number) => Math.abs(reducedCost[column] as number) < FREE;
  return unique([...violated, ...pairs.filter(({ first, second }) => isFree(first) && isFree(second))]);
}

/** A reduced cost below this is none. */
const FREE = 1e-9;

function unique(pairs: readonly Pair[]): Pair[] {
  return [...new Map(pairs.map((pair) => [pair.first, pair])).values()];
}

function curtailed(forecastW: number, x: Float64Array, column: number | undefined): number {
  const back = forecastW - (x[column as number] as number) * 1000;
  return back < ROUNDING * 1000 ? 0 : Math.min(back, forecastW);
}
