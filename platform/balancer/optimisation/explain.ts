/** Why a problem has no plan. */
import type { LinearSolver } from '../../../numerics/linear-program.ts';
import type { InfeasiblePlan } from './plan.ts';
import type { PlanProblem } from './problem.ts';

export function explainClash(_solver: LinearSolver, _problem: PlanProblem): InfeasiblePlan {
  return { status: 'infeasible', clash: [], explanation: '' };
}
