/** Hypotheses that change the grid: each is estimated for itself and followed while there is evidence for it. */
import type { EstimateResult, EstimationProblem, Estimator } from './estimator.ts';
import { createLeastSquares } from './least-squares.ts';
import type { Candidate } from './model-candidate.ts';
import { switchHypotheses, tapHypotheses } from './model-hypotheses.ts';

/** Changed grids that are estimated at one estimate at most, and how many of them are those with the most evidence. */
export const GRIDS_MOST = 64;
const FOLLOWED_MOST = 16;

/** A change of the grid is estimated for itself; its structure is kept as long as it is followed. */
export interface GridCandidate extends Candidate {
  estimator: Estimator | undefined;
  /** Sum of what the objective is smaller with it, and of what it is then above its limit: what is left unexplained. */
  gain: number;
  excess: number;
  /** How often its turn has come. */
  tried: number;
}

export function gridCandidates({ grid }: EstimationProblem): GridCandidate[] {
  return [...switchHypotheses(grid), ...tapHypotheses(grid)].map((hypothesis) => ({
    hypothesis,
    estimator: undefined,
    tried: 0,
    gain: 0,
    excess: 0,
    evidence: 0,
    estimates: 0,
  }));
}

/**
 * Those with evidence, which are followed even when the model happens to fit; and when it does not, all others. Of more
 * than can be estimated at once those come first that were tried least, then those at whose buses the largest normalised
 * residuals are: what stands otherwise in the field is felt there most. The others have their turn at later estimates.
 */
export function gridsToWeigh(
  grids: readonly GridCandidate[],
  { measurements, grid }: EstimationProblem,
  now: EstimateResult,
): readonly GridCandidate[] {
  const suspicious = now.objective > now.chiSquareLimit;
  if (grids.length <= GRIDS_MOST) return grids.filter(({ evidence }) => suspicious || evidence > 0);
  const followed = grids
    .filter(({ evidence }) => evidence > 0)
    .toSorted((a, b) => b.evidence - a.evidence)
    .slice(0, FOLLOWED_MOST);
  if (!suspicious) return followed;
  const largest = new Float64Array(grid.busCount);
  const meet = (bus: number, residual: number) => (largest[bus] = Math.max(largest[bus]!, residual));
  measurements.forEach((m, i) => {
    const residual = now.normalisedResiduals?.[i] ?? Number.NaN;
    if (m.kind === 'sourceBalance' || Number.isNaN(residual)) return;
    if (m.place.at === 'bus') meet(m.place.bus, residual);
    else {
      const { from, to } = grid.branches[m.place.branch]!;
      meet(from, residual);
      meet(to, residual);
    }
  });
  const score = ({ hypothesis }: GridCandidate): number => Math.max(...hypothesis.buses.map((bus) => largest[bus]!));
  const others = grids
    .filter((candidate) => !followed.includes(candidate))
    .toSorted((a, b) => a.tried - b.tried || score(b) - score(a));
  return [...followed, ...others.slice(0, GRIDS_MOST - followed.length)];
}

/** Objective of the model minus that of the changed grid; each degree of freedom adds one to that of a right model. */
export function weighGrid(candidate: GridCandidate, problem: EstimationProblem, now: EstimateResult): void {
  candidate.tried += 1;
  const other = candidate.hypothesis.apply(problem);
  if (other === undefined) return;
  candidate.estimator ??= createLeastSquares();
  const result = candidate.estimator.estimate({ ...other, statistics: 'never' });
  if (result.status !== 'converged') return;
  const freedom = now.degreesOfFreedom - result.degreesOfFreedom;
  candidate.gain = Math.max(0, candidate.gain + now.objective - result.objective - freedom);
  candidate.excess = candidate.gain === 0 ? 0 : candidate.excess + result.objective - result.chiSquareLimit;
  candidate.estimates = candidate.gain === 0 ? 0 : candidate.estimates + 1;
  candidate.evidence = candidate.gain === 0 ? 0 : candidate.gain / candidate.estimates;
}
