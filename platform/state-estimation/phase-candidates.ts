/** Hypotheses of swapped phases, and what the meter's own voltages alone say of each: enough to raise a suspicion. */
import type { CompiledGrid } from '../../grids/model.ts';
import type { EstimateResult, EstimationProblem } from './estimator.ts';
import { type Candidate, inOrder } from './model-candidate.ts';
import { AS_NAMED, PHASE_ORDERS, phaseHypothesis } from './model-hypotheses.ts';
import { ResidualSeries } from './residual-series.ts';

/**
 * Evidence below which a hypothesis begins anew, since it may become true later (as in Page's cumulative sum, 1954). Not
 * at zero: constant errors inside a class, at most sqrt(3) sigmas each, can speak against true phases with up to 8.
 */
const RESTART = -10;

/** Another order of a meter's phases. Its evidence is that of the meter's own voltages. */
export interface PhaseCandidate extends Candidate {
  /** Measurements of the voltages by phase, -1 where none is, and the order in question. */
  readonly voltages: readonly number[];
  readonly bus: number;
  readonly order: readonly number[];
  /** Residuals of the voltages as they are named, and as they would be in that order. */
  named: ResidualSeries;
  ordered: ResidualSeries;
}

export interface Meter {
  readonly bus: number;
  readonly voltages: readonly number[];
  readonly orders: readonly PhaseCandidate[];
}

/** Those with evidence, the most first. */
export function mostEvidence(candidates: readonly PhaseCandidate[], most: number): PhaseCandidate[] {
  return candidates
    .filter(({ evidence }) => evidence > 0)
    .toSorted((a, b) => b.evidence - a.evidence || inOrder(a, b))
    .slice(0, most);
}

/**
 * Meters whose voltages have not been seen on these phases before, with every other order of their phases; on one or two
 * phases only orders that differ there. Answers whether there were any.
 */
export function addMeters(
  meters: Map<number, Meter>,
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
    meters.set(bus, { bus, voltages, orders: orderCandidates(grid, bus, voltages, known.get(bus) ?? AS_NAMED) });
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
        named: new ResidualSeries(measured.length),
        ordered: new ResidualSeries(measured.length),
        evidence: 0,
        estimates: 0,
      },
    ];
  });
}

/**
 * The voltages' residuals as they are named, and in the other order, against the same estimate. That estimate leans a
 * little towards the names on paper, so the evidence is rather too small than too large.
 */
export function weighPhases(
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
