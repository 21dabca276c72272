/**
 * Finds the cheapest plan: the linear program first; only where its answer charges and discharges a battery at once, or
 * imports and exports at once, and that cannot be netted without loss, the directions are searched for.
 */
import type {
  Bounds,
  LinearAnswer,
  LinearProgram,
  LinearSession,
  LinearSolver,
} from '../../../numerics/linear-program.ts';
import { hasPath } from './battery-path.ts';
import { burn } from './burn.ts';
import { buildPlanModel, planBounds, type PlanModel } from './model.ts';
import { net } from './net.ts';
import { searchPeaks } from './peak-search.ts';
import { decideDirections } from './physical-point.ts';
import type { Plan, UnsolvedPlan } from './plan.ts';
import type { PlanProblem } from './problem.ts';
import { inDirections, searchPhysical, type Candidate, type Direction } from './search.ts';
import { settle } from './settle.ts';
import { tighten } from './tighten.ts';

/** Relative distance from the bound at which a plan is as good as any. */
const GAP = 1e-6;

/**
 * Where losses or negative prices make it pay to burn energy, batteries alternate between charging and discharging, and
 * the search for the best pattern has no end in reason. It is bounded by the linear programs solved, never by time: every
 * machine comes to the same answer.
 */
function solvesMax({ columns }: LinearProgram): number {
  return Math.round(Math.max(20, 4000 / Math.sqrt(columns)));
}

const TOO_MANY =
  'the demands could be met only by burning energy in the batteries; whether charging and discharging in turn can do it, ' +
  'there are too many steps and batteries to decide';

/** Production held back that is the solver's rounding, W. */
const ROUNDING_W = 1e-3;

/** The optimum, or that there is none; why not is another question. The problem has been checked. */
export function solvePlan(
  solver: LinearSolver,
  problem: PlanProblem,
): Plan | UnsolvedPlan | { readonly status: 'infeasible' } {
  const model = buildPlanModel(problem, 'plan');
  const found = solvePhysically(solver, model, planBounds(model));
  if (found.status !== 'optimal') return found;
  const { x, batteriesKW, objective, bound, solves } = found;
  const settled = settle(
    problem,
    batteriesKW.map((each) => each.map((power) => power * 1000)),
    problem.generationW.map((powerW, t) => curtailed(powerW, x, model.columns.generation[t])),
  );
  const gap = Math.max(0, objective - bound) / Math.max(1, Math.abs(settled.objective.total));
  const { startUs, stepS } = problem;
  return { status: 'optimal', startUs, stepS, ...settled, effort: { solves, gap } };
}

interface Found extends Candidate {
  readonly status: 'optimal';
  /** What no physical plan can go below. */
  readonly bound: number;
  readonly solves: number;
}

/** Solves until nothing flows both ways at once that could not be netted. */
function solvePhysically(
  solver: LinearSolver,
  model: PlanModel,
  bounds: Bounds,
): Found | UnsolvedPlan | { readonly status: 'infeasible' } {
  const session = solver.open({ ...model.program, ...bounds });
  try {
    const relaxed = session.solve();
    if (relaxed.status === 'infeasible') return { status: 'infeasible' };
    if (relaxed.status !== 'optimal') return { status: 'unsolved', reason: reasonOf(relaxed) };
    const { x, objective, rowDual } = relaxed;
    const { batteriesKW, violated } = net(model, bounds, x);
    if (violated.length === 0) return { status: 'optimal', x, objective, batteriesKW, bound: objective, solves: 1 };
    const exact = hasPath(model) ? searchPeaks(session, model, bounds, rowDual, GAP) : undefined;
    const goal = { gap: GAP, solvesMax: solvesMax(model.program) };
    const { bound, solves, ...found } = exact ?? searchPhysical(solver, model, bounds, tighten(model, bounds), goal);
    if (bound === Infinity) return { status: 'infeasible' };
    const best = found.best ?? anyPlan(solver, session, model, bounds);
    if (best === 'none') return { status: 'infeasible' };
    if (best === 'unknown') return { status: 'unsolved', reason: TOO_MANY };
    return { status: 'optimal', ...best, bound: Math.max(bound, objective), solves: 1 + solves };
  } finally {
    session.dispose();
  }
}

/** Any plan, where the search found none; that there is none; or neither. It can be far from the cheapest, as its gap says. */
function anyPlan(
  solver: LinearSolver,
  session: LinearSession,
  model: PlanModel,
  bounds: Bounds,
): Candidate | 'none' | 'unknown' {
  const rule = burn(model, bounds);
  const byRule = rule && planIn(session, model, bounds, rule);
  if (byRule !== undefined) return byRule;
  const directions = decideDirections(solver, model, () => true);
  return typeof directions === 'string' ? directions : (planIn(session, model, bounds, directions) ?? 'unknown');
}

function planIn(
  session: LinearSession,
  model: PlanModel,
  bounds: Bounds,
  directions: readonly Direction[],
): Candidate | undefined {
  session.setBounds(inDirections(bounds, directions));
  const answer = session.solve();
  if (answer.status !== 'optimal') return undefined;
  const { batteriesKW, violated } = net(model, bounds, answer.x);
  return violated.length === 0 ? { x: answer.x, objective: answer.objective, batteriesKW } : undefined;
}

function reasonOf(answer: LinearAnswer): string {
  return answer.status === 'unsolved' ? `the solver ended in state ${answer.code}` : `the program is ${answer.status}`;
}

function curtailed(forecastW: number, x: Float64Array, column: number | undefined): number {
  const back = forecastW - (x[column as number] as number) * 1000;
  return back < ROUNDING_W ? 0 : Math.min(back, forecastW);
}
