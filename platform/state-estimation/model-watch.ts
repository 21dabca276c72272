/**
 * Watches estimate after estimate whether the grid on paper can be right. Each hypothesis of a wrong model is weighed
 * against the model; its evidence is twice a log-likelihood ratio, and when that is large enough, and clearly larger than
 * that of any rival, the hypothesis is named (a sequential probability ratio test, Wald 1945; for topology errors
 * Monticelli, "State Estimation in Electric Power Systems", 1999, ch. 9).
 *
 * The errors of a device at different instants are hardly independent: its gain and ratio errors are drawn once. Added up
 * as if they were new at each estimate they would become evidence without bound. So the phases of a meter are weighed by
 * a likelihood with a constant part per measurement (`ResidualSeries`), where such an error counts once and what varies
 * with the loads counts again and again. A tap or a switch shifts residuals much as a constant error does, so for these
 * the estimates since the evidence began count once all together, by the mean of what their objective is smaller: right
 * if the errors do not change at all, too cautious otherwise.
 *
 * A grid may also be wrong in a way that no hypothesis describes. Nothing is named, therefore, that does not take away most
 * of the misfit when the problem is estimated with it.
 */
import type { CompiledGrid } from '../../grids/model.ts';
import type { EstimateResult, EstimationProblem, Estimator } from './estimator.ts';
import {
  AS_NAMED,
  type Hypothesis,
  type InField,
  PHASE_ORDERS,
  phaseHypothesis,
  switchHypotheses,
  tapHypotheses,
} from './model-hypotheses.ts';
import { createLeastSquares } from './least-squares.ts';
import { ResidualSeries, WHITE_SHARES } from './residual-series.ts';

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

/**
 * Evidence below which a hypothesis begins anew, since it may become true later (as in Page's cumulative sum, 1954). Not
 * at zero: constant errors inside a class, at most sqrt(3) sigmas each, can speak against true phases with up to 8.
 */
const RESTART = -10;

/** Orders of phases that stay in question after all of them have been estimated for themselves once. */
const SHORTLIST = 10;

/**
 * The gain of a changed grid is so many times what it leaves above the limit, over so many estimates. It is named by fewer
 * when its evidence is so many times the limit, and nothing is left.
 */
const REST_SHARE = 10;
const LOADS_LEAST = 4;

/** Changed grids that are estimated at one estimate at most, and how many of them are those with the most evidence. */
const GRIDS_MOST = 64;
const FOLLOWED_MOST = 16;

interface Candidate {
  readonly hypothesis: Hypothesis;
  evidence: number;
  estimates: number;
  /** Sum of what the objective is smaller with it, as far as it was estimated for itself. */
  gain: number;
  /** Sum, by the same estimates, of what the objective with it is above its limit: what it leaves unexplained. */
  excess: number;
}

/** A change of the grid is estimated for itself; its structure is kept as long as it is followed. */
interface GridCandidate extends Candidate {
  estimator: Estimator | undefined;
  /** How often its turn has come. */
  tried: number;
}

/** Another order of a meter's phases is weighed with its voltages alone. */
interface PhaseCandidate extends Candidate {
  /** Measurements of the voltages by phase, -1 where none is, and the order in question. */
  readonly voltages: readonly number[];
  readonly bus: number;
  readonly order: readonly number[];
  /** Residuals of the voltages as they are named, and as they would be in that order. */
  named: ResidualSeries;
  ordered: ResidualSeries;
}

interface Candidates {
  readonly grids: readonly GridCandidate[];
  /** Of every bus where voltages are measured. */
  readonly meters: Map<number, Meter>;
}

interface Meter {
  readonly voltages: readonly number[];
  readonly orders: readonly PhaseCandidate[];
}

export class ModelWatch {
  /** What has been named, in the order of naming. */
  readonly findings: ModelFinding[] = [];
  private readonly options: Required<ModelWatchOptions>;
  private readonly accepted: Pick<Hypothesis, 'apply'>[] = [];
  /** Of the phases of meters, by bus, as far as they are known to differ from their names. */
  private readonly orders = new Map<number, readonly number[]>();
  private candidates: Candidates | undefined;
  /** While phases are certainly swapped, but not certainly at which meter: the best, by what their objective is smaller. */
  private shortlist: readonly PhaseCandidate[] | undefined;
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
    if (addMeters(candidates.meters, problem, this.orders)) this.shortlist = undefined;
    const phases = [...candidates.meters.values()].flatMap(({ orders }) => orders);
    for (const candidate of phases) weighPhases(candidate, problem, now);
    for (const candidate of gridsToWeigh(candidates.grids, problem, now)) {
      weighGrid(candidate, problem, now);
      // Of a large mesh only what is followed stays in memory.
      if (!crowded || candidate.evidence > 0) continue;
      candidate.estimator = undefined;
      candidate.hypothesis.forget?.();
    }
    return this.name(candidates.grids, phases, problem, now);
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
  ): ModelFinding[] {
    const asked = this.evidenceAsked(grids.length + phases.length);
    const [grid] = grids
      .filter((candidate) => candidate.evidence >= asked)
      .toSorted((a, b) => leaves(a) - leaves(b) || inOrder(a, b));
    const [phase] = phases.toSorted((a, b) => b.evidence - a.evidence || inOrder(a, b));
    const alarm = phase !== undefined && phase.evidence >= (grid?.evidence ?? asked) ? phase : grid;
    if (alarm === undefined) return [];
    const { evidence, estimates } = alarm;
    let best: Candidate = alarm;
    if (isPhaseCandidate(alarm)) {
      const meter = this.whoseMeter(alarm, phases, problem, now);
      // Its voltages are evidence enough already; the estimate with it must only not speak against it.
      if (meter === undefined || meter.gain <= 0 || !explains(meter)) return [];
      best = meter;
    } else {
      const { lead } = this.options;
      const rivals = grids.filter((rival) => rival !== alarm && rival.evidence > 0);
      if (rivals.some((rival) => leaves(rival) - leaves(alarm) < lead)) return [];
      if (!explains(alarm) || (phase !== undefined && evidence - phase.evidence < lead)) return [];
      // A small misfit, of a wrong length say, may look like that of a switch at one load and not at the next.
      const large = evidence >= REST_SHARE * now.chiSquareLimit;
      if (alarm.hypothesis.kind === 'switch' && estimates < LOADS_LEAST && !large) return [];
      if (!explainsAll(alarm, grids) && !this.fitsWithAnother(alarm, phases, problem)) return [];
    }
    const { kind, element, says, inField, moved } = best.hypothesis;
    if (moved !== undefined) {
      const known = this.orders.get(moved.bus) ?? AS_NAMED;
      this.orders.set(
        moved.bus,
        known.map((p) => moved.order[p]!),
      );
    }
    const finding = { kind, element, says, inField, evidence, estimates };
    this.findings.push(finding);
    this.accepted.push(this.bestWay(best.hypothesis, problem));
    this.candidates = undefined;
    this.shortlist = undefined;
    return [finding];
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
    const meters = phases
      .filter((candidate) => candidate.evidence > 0)
      .toSorted((a, b) => b.evidence - a.evidence)
      .slice(0, SHORTLIST)
      .map((other) => hypothesis.apply(other.hypothesis.apply(problem) ?? problem));
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

  /**
   * Voltages alone tell that phases are swapped, not always at which meter: powers told of the wrong phases, those of a
   * PV plant on one phase above all, make the estimate fit the meter's own voltages and misfit its neighbours'. So each
   * order at each meter is now estimated for itself, with powers and voltages moved, all of them once and then the best.
   * The one that raised the alarm is meant unless another one fits better, and that one when it certainly does. It is
   * named when its own estimate does not speak against it and explains most of the misfit.
   */
  private whoseMeter(
    alarm: PhaseCandidate,
    phases: readonly PhaseCandidate[],
    problem: EstimationProblem,
    now: EstimateResult,
  ): PhaseCandidate | undefined {
    this.shortlist ??= phases;
    for (const candidate of new Set([alarm, ...this.shortlist])) {
      const moved = candidate.hypothesis.apply(problem);
      const result = moved && this.model.estimate({ ...moved, statistics: 'never' });
      if (result?.status !== 'converged') continue;
      candidate.gain += now.objective - result.objective;
      candidate.excess += result.objective - result.chiSquareLimit;
    }
    this.shortlist = this.shortlist.toSorted((a, b) => b.gain - a.gain).slice(0, SHORTLIST);
    const [best, rival] = this.shortlist;
    const { lead } = this.options;
    if (best!.gain - alarm.gain < lead) return alarm;
    const certain = best!.gain >= this.evidenceAsked(phases.length) && best!.gain - rival!.gain >= lead;
    return certain ? best : undefined;
  }
}

/**
 * With it everything fits, or more of the misfit is gone than is left. What is wrong in a way that nothing here describes,
 * a line twice as long, is met a little by many a hypothesis; none of them is then the cause.
 */
function explains({ gain, excess }: Candidate): boolean {
  return excess <= 0 || gain >= excess;
}

/**
 * In a mesh a line that is longer than on paper looks much like one that is open, at one load more than at the next. So
 * what a change of the grid leaves open has to be little, over some loads, and nothing else may be untried.
 */
function explainsAll({ gain, excess, estimates }: Candidate, grids: readonly GridCandidate[]): boolean {
  if (excess <= 0) return true;
  return estimates >= LOADS_LEAST && gain >= REST_SHARE * excess && grids.every(({ tried }) => tried > 0);
}

/**
 * What a candidate with evidence leaves above the limit, by the mean of its estimates. Candidates whose evidence began at
 * different estimates are compared by this: it does not depend on how large the misfit was that there was to explain.
 */
function leaves({ excess, estimates }: Candidate): number {
  return excess / estimates;
}

/** The same order on every run where evidence is equal. */
function inOrder(a: Candidate, b: Candidate): number {
  return a.hypothesis.says < b.hypothesis.says ? -1 : 1;
}

function isPhaseCandidate(candidate: Candidate): candidate is PhaseCandidate {
  return 'order' in candidate;
}

function gridCandidates({ grid }: EstimationProblem): GridCandidate[] {
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
function gridsToWeigh(
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

/**
 * Meters whose voltages have not been seen on these phases before, with every other order of their phases; on one or two
 * phases only orders that differ there. Answers whether there were any.
 */
function addMeters(
  meters: Candidates['meters'],
  { grid, measurements }: EstimationProblem,
  known: ReadonlyMap<number, readonly number[]>,
): boolean {
  if (grid.phases === 1) return false;
  const byBus = new Map<number, number[]>();
  measurements.forEach((m, i) => {
    if (m.kind !== 'voltageMagnitude' || m.place.at !== 'bus' || m.phase === 'sum' || !(m.sigma < Infinity)) return;
    const voltages = byBus.get(m.place.bus) ?? [...(meters.get(m.place.bus)?.voltages ?? [-1, -1, -1])];
    // Two meters at a bus may err each for itself: the first one is looked at.
    if (voltages[m.phase] === -1) voltages[m.phase] = i;
    byBus.set(m.place.bus, voltages);
  });
  let added = false;
  for (const [bus, voltages] of byBus) {
    if (meters.get(bus)?.voltages.every((m, phase) => m === voltages[phase])) continue;
    meters.set(bus, { voltages, orders: orderCandidates(grid, bus, voltages, known.get(bus) ?? AS_NAMED) });
    added = true;
  }
  return added;
}

function orderCandidates(
  grid: CompiledGrid,
  bus: number,
  voltages: readonly number[],
  known: readonly number[],
): PhaseCandidate[] {
  const measured = AS_NAMED.filter((phase) => voltages[phase] !== -1);
  const seen = new Set([measured.join()]);
  return PHASE_ORDERS.flatMap((order): PhaseCandidate[] => {
    const really = measured.map((phase) => order[phase]!);
    // Nobody measures a voltage where there is none.
    if (seen.has(really.join()) || really.some((phase) => grid.energisedPhases[3 * bus + phase] !== 1)) return [];
    seen.add(really.join());
    return [
      {
        hypothesis: phaseHypothesis(grid, bus, order, known, measured),
        bus,
        order,
        voltages,
        gain: 0,
        excess: 0,
        named: new ResidualSeries(measured.length),
        ordered: new ResidualSeries(measured.length),
        evidence: 0,
        estimates: 0,
      },
    ];
  });
}

/** Objective of the model minus that of the changed grid; each degree of freedom adds one to that of a right model. */
function weighGrid(candidate: GridCandidate, problem: EstimationProblem, now: EstimateResult): void {
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

/**
 * The voltages' residuals as they are named, and in the other order, against the same estimate. That estimate leans a
 * little towards the names on paper, so the evidence is rather too small than too large.
 */
function weighPhases(
  candidate: PhaseCandidate,
  { measurements }: EstimationProblem,
  { voltage }: EstimateResult,
): void {
  const named: number[] = [];
  const ordered: number[] = [];
  for (const phase of AS_NAMED) {
    const index = candidate.voltages[phase]!;
    if (index === -1) continue;
    const m = measurements[index]!;
    if (m.kind !== 'voltageMagnitude' || !(m.sigma < Infinity)) return;
    const residualAt = (other: number): number => {
      const k = 2 * (candidate.bus * 3 + other);
      return (m.value - Math.sqrt(voltage[k]! ** 2 + voltage[k + 1]! ** 2)) / m.sigma;
    };
    named.push(residualAt(phase));
    ordered.push(residualAt(candidate.order[phase]!));
  }
  candidate.named.add(named);
  candidate.ordered.add(ordered);
  candidate.estimates += 1;
  candidate.evidence = candidate.ordered.twiceLogLikelihood() - candidate.named.twiceLogLikelihood();
  if (candidate.evidence >= RESTART) return;
  candidate.named = new ResidualSeries(named.length);
  candidate.ordered = new ResidualSeries(named.length);
  candidate.estimates = 0;
  candidate.evidence = 0;
}
