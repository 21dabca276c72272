/**
 * Watches estimate after estimate whether the grid on paper can be right. Each hypothesis of a wrong model is weighed
 * against the model; its evidence is twice a log-likelihood ratio, and when that is large enough, and clearly larger than
 * that of any rival, the hypothesis is named (a sequential probability ratio test, Wald 1945; for topology errors
 * Monticelli, "State Estimation in Electric Power Systems", 1999, ch. 9).
 *
 * The errors of a device at different instants are hardly independent: its gain and ratio errors are drawn once. Added up
 * as if they were new at each estimate they would become evidence without bound. So the phases of meters are weighed by
 * a likelihood with a constant part per measurement (`ResidualSeries`), where such an error counts once and what varies
 * with the loads counts again and again, for all meters together (`phase-suspicion.ts`). A tap or a switch shifts
 * residuals much as a constant error does, so for these the estimates since the evidence began count once all together, by
 * the mean of what their objective is smaller: right if the errors do not change at all, too cautious otherwise.
 *
 * A grid may also be wrong in a way that no hypothesis describes. Nothing is named, therefore, that does not take away most
 * of the misfit when the problem is estimated with it.
 */
import type { EstimateResult, EstimationProblem } from './estimator.ts';
import { type GridCandidate, gridCandidates, GRIDS_MOST, gridsToWeigh, weighGrid } from './grid-candidates.ts';
import { createLeastSquares } from './least-squares.ts';
import { type Candidate, explains, inOrder } from './model-candidate.ts';
import { AS_NAMED, type Hypothesis, type InField } from './model-hypotheses.ts';
import { addMeters, type Meter, mostEvidence, type PhaseCandidate, weighPhases } from './phase-candidates.ts';
import { PhaseSuspicion } from './phase-suspicion.ts';
import { WHITE_SHARES } from './residual-series.ts';

export interface ModelWatchOptions {
  /**
   * Probability, by the likelihoods, that anything at all is named while the model is right (default 0.001). Each hypothesis
   * that begins anew is another try.
   */
  readonly falseAlarm?: number;
  /** What the best hypothesis must be ahead of its next rival (default 10: odds of 150 to one). */
  readonly lead?: number;
}

export interface ModelFinding {
  readonly kind: Hypothesis['kind'];
  readonly element: string;
  readonly says: string;
  readonly inField: InField;
  /** Twice the log-likelihood ratio that raised the alarm, and number of estimates that gave it. */
  readonly evidence: number;
  readonly estimates: number;
}

/** Orders of phases that are tried beside a change of the grid. */
const METERS_BESIDE = 10;

/**
 * The gain of a changed grid is so many times what it leaves above the limit, over so many estimates. It is named by fewer
 * when its evidence is so many times the limit, and nothing is left.
 */
const REST_SHARE = 10;
const LOADS_LEAST = 8;

interface Candidates {
  readonly grids: readonly GridCandidate[];
  /** Of every bus where voltages are measured. */
  readonly meters: Map<number, Meter>;
}

export class ModelWatch {
  /** What has been named, in the order of naming. */
  readonly findings: ModelFinding[] = [];
  private readonly options: Required<ModelWatchOptions>;
  private readonly accepted: Pick<Hypothesis, 'apply'>[] = [];
  /** Of the phases of meters, by bus, as far as they are known to differ from their names. */
  private readonly orders = new Map<number, readonly number[]>();
  private candidates: Candidates | undefined;
  private suspicion: PhaseSuspicion | undefined;
  private readonly model = createLeastSquares();

  constructor(options: ModelWatchOptions = {}) {
    this.options = { falseAlarm: 1e-3, lead: 10, ...options };
  }

  /**
   * Looks at one more problem of a stream: one grid document, measurements in the same places. Answers with what this
   * one made certain; what was named before is taken as so.
   */
  observe(given: EstimationProblem): readonly ModelFinding[] {
    const problem = this.correct(given);
    const candidates = (this.candidates ??= { grids: gridCandidates(problem), meters: new Map() });
    const crowded = candidates.grids.length > GRIDS_MOST;
    const now = this.model.estimate({ ...problem, statistics: crowded ? 'on-suspicion' : 'never' });
    if (now.status !== 'converged') return [];
    if (addMeters(candidates.meters, problem, this.orders)) this.suspicion = undefined;
    this.suspicion ??= new PhaseSuspicion([...candidates.meters.values()]);
    this.suspicion.observe(problem, now);
    const phases = [...candidates.meters.values()].flatMap(({ orders }) => orders);
    for (const candidate of phases) weighPhases(candidate, problem, now);
    for (const candidate of gridsToWeigh(candidates.grids, problem, now)) {
      weighGrid(candidate, problem, now);
      // Of a large mesh only what is followed stays in memory.
      if (!crowded || candidate.evidence > 0) continue;
      candidate.estimator = undefined;
      candidate.hypothesis.forget?.();
    }
    return this.name(candidates.grids, phases, problem, now, this.suspicion);
  }

  /** The problem as the findings so far say it is. */
  correct(problem: EstimationProblem): EstimationProblem {
    return this.accepted.reduce((now, hypothesis) => hypothesis.apply(now) ?? now, problem);
  }

  /**
   * Under a right model the likelihood ratio of one hypothesis ever exceeds c with probability at most 1 / c (Ville 1939);
   * times the number of shares when the true one is one of these, and times the number of hypotheses that all try.
   */
  private evidenceAsked(hypotheses: number): number {
    return 2 * Math.log((WHITE_SHARES.length * hypotheses) / this.options.falseAlarm);
  }

  /** Names what is certain; all evidence is gathered anew from then on. */
  private name(
    grids: readonly GridCandidate[],
    phases: readonly PhaseCandidate[],
    problem: EstimationProblem,
    now: EstimateResult,
    suspicion: PhaseSuspicion,
  ): ModelFinding[] {
    const { lead } = this.options;
    const asked = this.evidenceAsked(grids.length + phases.length);
    const [grid] = grids
      .filter((candidate) => candidate.evidence >= asked)
      .toSorted((a, b) => leaves(a) - leaves(b) || inOrder(a, b));
    const orders = suspicion.certain(phases, { evidence: asked, lead });
    if (orders.length > 0) return this.accept(orders, problem);
    const [phase] = mostEvidence(phases, 1);
    if (grid === undefined) return [];
    const { evidence, estimates } = grid;
    const rivals = grids.filter((rival) => rival !== grid && rival.evidence > 0);
    if (rivals.some((rival) => leaves(rival) - leaves(grid) < lead)) return [];
    if (!explains(grid) || (phase !== undefined && evidence - phase.evidence < lead)) return [];
    // A small misfit, of a wrong length say, may look like that of a switch at one load and not at the next.
    const large = evidence >= REST_SHARE * now.chiSquareLimit;
    if (grid.hypothesis.kind === 'switch' && estimates < LOADS_LEAST && !large) return [];
    if (!explainsAll(grid, grids) && !this.fitsWithAnother(grid, phases, problem)) return [];
    return this.accept([grid], problem);
  }

  /** What is named is taken as so from now on; all evidence is gathered anew. */
  private accept(certain: readonly Candidate[], problem: EstimationProblem): ModelFinding[] {
    this.candidates = undefined;
    this.suspicion = undefined;
    return certain.map(({ hypothesis, evidence, estimates }) => {
      const { kind, element, says, inField, moved } = hypothesis;
      if (moved !== undefined) {
        const known = this.orders.get(moved.bus) ?? AS_NAMED;
        this.orders.set(
          moved.bus,
          known.map((p) => moved.order[p]!),
        );
      }
      const finding = { kind, element, says, inField, evidence, estimates };
      this.findings.push(finding);
      this.accepted.push(this.bestWay(hypothesis, problem));
      return finding;
    });
  }

  /** Two things may be wrong at once: with another hypothesis beside it everything fits. */
  private fitsWithAnother(
    { hypothesis }: Candidate,
    phases: readonly PhaseCandidate[],
    problem: EstimationProblem,
  ): boolean {
    const changed = hypothesis.apply(problem);
    if (changed === undefined) return false;
    const now = this.model.estimate({ ...changed, statistics: 'on-suspicion' });
    const others = gridsToWeigh(gridCandidates(changed), changed, now).map((other) => other.hypothesis.apply(changed));
    const meters = mostEvidence(phases, METERS_BESIDE).map((other) =>
      hypothesis.apply(other.hypothesis.apply(problem) ?? problem),
    );
    return [...meters, ...others].some((both) => {
      const result = both && this.model.estimate({ ...both, statistics: 'never' });
      return result?.status === 'converged' && result.objective <= result.chiSquareLimit;
    });
  }

  /** Of the ways in which what was named may have been done the one that fits best. */
  private bestWay(
    { apply, likewise = [] }: Pick<Hypothesis, 'apply' | 'likewise'>,
    problem: EstimationProblem,
  ): Pick<Hypothesis, 'apply'> {
    let best = { apply, objective: Infinity };
    for (const way of likewise.length === 0 ? [] : [{ apply }, ...likewise]) {
      const changed = way.apply(problem);
      const result = changed && this.model.estimate({ ...changed, statistics: 'never' });
      if (result?.status === 'converged' && result.objective < best.objective) {
        best = { apply: way.apply, objective: result.objective };
      }
    }
    return best;
  }
}

/**
 * In a mesh a line that is longer than on paper looks much like one that is open, at one load more than at the next. So
 * what a change of the grid leaves open has to be little, over some loads, and nothing else may be untried.
 */
function explainsAll({ gain, excess, estimates }: GridCandidate, grids: readonly GridCandidate[]): boolean {
  if (excess <= 0) return true;
  return estimates >= LOADS_LEAST && gain >= REST_SHARE * excess && grids.every(({ tried }) => tried > 0);
}

/**
 * What a candidate with evidence leaves above the limit, by the mean of its estimates. Candidates whose evidence began at
 * different estimates are compared by this: it does not depend on how large the misfit was that there was to explain.
 */
function leaves({ excess, estimates }: GridCandidate): number {
  return excess / estimates;
}
