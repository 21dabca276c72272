/** The planner's front door: loads the solver when it is first wanted, and plans from then on without waiting. */
import { loadLinearSolver } from '../../../numerics/linear-program.ts';
import { checkPlanProblem } from './check-problem.ts';
import { explainClash } from './explain.ts';
import type { PlanOutcome } from './plan.ts';
import type { PlanProblem } from './problem.ts';
import { solvePlan } from './solve.ts';

export interface Optimiser {
  /** Throws `InvalidInputError` with every fault of the problem. Equal problems get equal answers, whatever came before. */
  plan(problem: PlanProblem): PlanOutcome;
}

/** Loads the solver on the first call; await it once, at the start of whatever will plan. */
export async function loadOptimiser(): Promise<Optimiser> {
  const solver = await loadLinearSolver();
  return {
    plan(problem) {
      checkPlanProblem(problem);
      const found = solvePlan(solver, problem);
      return found.status === 'infeasible' ? explainClash(solver, problem) : found;
    },
  };
}
