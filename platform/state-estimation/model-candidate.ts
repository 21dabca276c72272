/** What speaks for a hypothesis so far. */
import type { Hypothesis } from './model-hypotheses.ts';

export interface Candidate {
  readonly hypothesis: Hypothesis;
  evidence: number;
  estimates: number;
  /** Sum of what the objective is smaller with it, as far as it was estimated for itself. */
  gain: number;
  /** Sum, by the same estimates, of what the objective with it is above its limit: what it leaves unexplained. */
  excess: number;
}
