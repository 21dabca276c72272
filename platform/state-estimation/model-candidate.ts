/** What speaks for a hypothesis so far. */
import type { Hypothesis } from './model-hypotheses.ts';

export interface Candidate {
  readonly hypothesis: Hypothesis;
  evidence: number;
  estimates: number;
}

/** Sums over estimates: what the objective is smaller with a hypothesis, and what it is above its limit with it. */
export interface Fit {
  readonly gain: number;
  readonly excess: number;
}

/**
 * With it everything fits, or more of the misfit is gone than is left. What is wrong in a way that nothing here describes,
 * a line twice as long, is met a little by many a hypothesis; none of them is then the cause.
 */
export function explains({ gain, excess }: Fit): boolean {
  return excess <= 0 || gain >= excess;
}

/** The same order on every run where evidence is equal. */
export function inOrder(a: Candidate, b: Candidate): number {
  return a.hypothesis.says < b.hypothesis.says ? -1 : 1;
}
