/** The planner's front door: loads the solver when it is first wanted, and plans from then on without waiting. */
import type { PlanOutcome } from './plan.ts';
import type { PlanProblem } from './problem.ts';

export interface Optimiser {
  /** Throws `InvalidInputError` with every fault of the problem. Equal problems get equal answers, whatever came before. */
  plan(problem: PlanProblem): PlanOutcome;
}
