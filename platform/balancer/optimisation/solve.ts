/**
 * Finds the cheapest plan: the linear program first; where its answer charges and discharges a battery at once, or imports
 * and exports at once, and that cannot be netted without loss, it is rounded to one direction each; and unless that costs
 * nothing, binaries forbid exactly such pairs, and it is solved again.
 *
 * Each answer is a lower bound of the problem with all binaries, so the first one that is physical is the optimum.
 */
import type {
  Bounds,
  EitherOr,
  LinearAnswer,
  LinearProgram,
  LinearSession,
  LinearSolver,
  SearchEffort,
} from '../../../numerics/linear-program.ts';
import { buildPlanModel, planBounds, type PlanModel } from './model.ts';
import type { Plan, PlanEffort, UnsolvedPlan } from './plan.ts';
import type { PlanBattery, PlanProblem } from './problem.ts';
import { settle } from './settle.ts';

/** Relative distance from the bound at which a plan is as good as any. */
const GAP = 1e-6;

/**
 * Where losses or negative prices make it pay to burn energy, batteries alternate between charging and discharging, and
 * the search for the best pattern has no end in reason. It is bounded by the nodes of the search, fewer in large programs.
 */
function searchEffort({ columns }: LinearProgram): SearchEffort {
  return { nodesMax: Math.round(Math.max(20, Math.min(2000, 1e6 / columns))), gap: GAP };
}

/** With more binaries than this there is no search: the rounded plan has to do. */
const BINARIES_MAX = 150;

const TOO_MANY =
  'the demands could be met only by burning energy in the batteries; whether charging and discharging in turn can do it, ' +
  'there are too many steps and batteries to decide';

/** Rounds of rounding before it is given up. */
const ROUNDINGS_MAX = 20;

/** Powers below this are the solver's rounding, kW; energies kWh. */
const ROUNDING = 1e-6;

/** The optimum, or that there is none; why not is another question. The problem has been checked. */
export function solvePlan(
  solver: LinearSolver,
  problem: PlanProblem,
): Plan | UnsolvedPlan | { readonly status: 'infeasible' } {
  const model = buildPlanModel(problem, 'plan');
  const bounds = planBounds(model);
  const session = solver.open({ ...model.program, ...bounds }, searchEffort(model.program));
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

type Optimum = Extract<LinearAnswer, { readonly status: 'optimal' }>;

interface Found {
  readonly status: 'optimal';
  readonly x: Float64Array;
  readonly objective: number;
  /** By battery and step, kW, discharge positive. */
  readonly batteriesKW: readonly (readonly number[])[];
  readonly effort: PlanEffort;
}

type NotFound = UnsolvedPlan | { readonly status: 'infeasible' };

/**
 * Solves until nothing flows both ways at once that could not be netted. `firstWill` takes any such answer; otherwise the
 * prices of the model decide.
 */
export function solvePhysically(
  session: LinearSession,
  model: PlanModel,
  bounds: Bounds,
  firstWill = false,
): Found | NotFound {
  const relaxed = session.solve();
  if (relaxed.status !== 'optimal') return notFound(relaxed);
  const { batteriesKW, violated } = net(model, bounds, relaxed.x);
  if (violated.length === 0) return found(relaxed, batteriesKW, { solves: 1, binaries: 0 }, relaxed.bound);
  const rounded = roundDirections(session, model, bounds, relaxed, violated);
  if (rounded !== undefined && (firstWill || rounded.effort.gap <= GAP)) return rounded;
  session.setBounds(bounds);
  return searchWithBinaries(session, model, bounds, relaxed, rounded);
}

function notFound(answer: LinearAnswer): NotFound {
  return answer.status === 'infeasible' ? { status: 'infeasible' } : { status: 'unsolved', reason: reasonOf(answer) };
}

function found(
  { x, objective }: Pick<Optimum, 'x' | 'objective'>,
  batteriesKW: Found['batteriesKW'],
  effort: Omit<PlanEffort, 'gap'>,
  bound: number,
): Found {
  const gap = Math.max(0, (objective - bound) / Math.max(1, Math.abs(objective)));
  return { status: 'optimal', x, objective, batteriesKW, effort: { ...effort, gap } };
}

/**
 * Takes from each pair that flows both ways the smaller direction, and solves again, until none is left: a physical plan,
 * quickly, and often the best one. Undefined when the demands cannot be met so.
 */
function roundDirections(
  session: LinearSession,
  model: PlanModel,
  bounds: Bounds,
  relaxed: Optimum,
  loops: readonly Pair[],
): Found | undefined {
  const columnUpper = [...bounds.columnUpper];
  let answer = relaxed;
  let violated = loops;
  for (let solves = 2; solves <= ROUNDINGS_MAX; solves += 1) {
    for (const { first, second } of withSiblings(model, violated, answer.x)) {
      const smaller = (answer.x[first] as number) < (answer.x[second] as number) ? first : second;
      columnUpper[smaller] = 0;
    }
    session.setBounds({ ...bounds, columnUpper });
    const next = session.solve();
    if (next.status !== 'optimal') return undefined;
    const netted = net(model, bounds, next.x);
    if (netted.violated.length === 0) {
      return found(next, netted.batteriesKW, { solves, binaries: 0 }, relaxed.bound);
    }
    answer = next;
    violated = netted.violated;
  }
  return undefined;
}

/** The other steps of the batteries concerned keep their direction as well, or the loop would move there. */
function withSiblings(model: PlanModel, violated: readonly Pair[], x: Float64Array): readonly Pair[] {
  const concerned = new Set(violated.map(({ battery }) => battery));
  const siblings = model.problem.batteries.flatMap((_, n) => (concerned.has(n) ? pairsOf(model, n) : []));
  const flows = ({ first, second }: Pair) => Math.max(x[first] as number, x[second] as number) > ROUNDING;
  return [...violated, ...siblings.filter(flows)];
}

/** Binaries for what flows both ways, until nothing does; too many of them are not worth the search. */
function searchWithBinaries(
  session: LinearSession,
  model: PlanModel,
  bounds: Bounds,
  relaxed: Optimum,
  rounded: Found | undefined,
): Found | NotFound {
  const bound = new Set<number>();
  const solvesBefore = rounded?.effort.solves ?? 1;
  let answer = relaxed;
  for (let round = 1; ; round += 1) {
    const netted = net(model, bounds, answer.x);
    // What a binary forbids already and is there all the same is the solver's rounding.
    const violated = netted.violated.filter(({ first }) => !bound.has(first));
    const effort = { solves: solvesBefore + round - 1, binaries: bound.size };
    if (violated.length === 0) {
      // A search that was cut off may have missed what rounding found.
      const isWorse = rounded !== undefined && rounded.objective < answer.objective;
      return isWorse
        ? found(rounded, rounded.batteriesKW, effort, answer.bound)
        : found(answer, netted.batteriesKW, effort, answer.bound);
    }
    const pairs = widen(model, violated, answer.reducedCost, round).filter(({ first }) => !bound.has(first));
    if (bound.size + pairs.length > BINARIES_MAX) {
      if (rounded !== undefined) return found(rounded, rounded.batteriesKW, effort, answer.bound);
      return { status: 'unsolved', reason: TOO_MANY };
    }
    for (const { first } of pairs) bound.add(first);
    session.addEitherOr(
      pairs.map(({ first, second }) => ({
        first,
        firstUpper: bounds.columnUpper[first] as number,
        second,
        secondUpper: bounds.columnUpper[second] as number,
      })),
    );
    const next = session.solve();
    if (next.status !== 'optimal') return rounded ?? notFound(next);
    answer = next;
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
