/** Why a problem has no plan: the smallest set of demands that clash, each with the steps that matter, in people's words. */
import type { LinearSolver } from '../../../numerics/linear-program.ts';
import { demandText } from './demand-text.ts';
import { buildPlanModel, type DemandGroup, type PlanModel } from './model.ts';
import type { Clash, DemandKind, InfeasiblePlan } from './plan.ts';
import { createProbe, type Probe } from './probe.ts';
import type { PlanProblem } from './problem.ts';
import { smallestClash } from './smallest-clash.ts';

/** Of two clashes equally small, people can act on the one with fewer limits of devices in it. */
const DEVICE_LIMITS: ReadonlySet<DemandKind> = new Set([
  'soc-min',
  'soc-max',
  'charge-power',
  'discharge-power',
  'charge-only',
]);

/** Questions that may be asked to find which steps matter. */
const STEP_PROBES_MAX = 600;

/** For a problem without a plan. */
export function explainClash(solver: LinearSolver, problem: PlanProblem): InfeasiblePlan {
  const model = buildPlanModel(problem, 'feasibility');
  const probe = createProbe(solver, model);
  try {
    const groups = clashingGroups(model, probe);
    const steps = decisiveSteps(model, probe, groups);
    const clash = groups.map((group): Clash => describe(model, group, steps.get(group) ?? []));
    return {
      status: 'infeasible',
      clash,
      explanation: `cannot be met together: ${clash.map(({ text }) => text).join('; ')}`,
    };
  } finally {
    probe.dispose();
  }
}

function clashingGroups(model: PlanModel, probe: Probe): number[] {
  const { groups, demands } = model;
  const members = groups.map((_, group) => demands.filter((demand) => demand.group === group));
  const tie = 0.5 / (groups.length + 1);
  return smallestClash(
    groups.length,
    (chosen) => {
      // All of them clash: that is why this is asked.
      const point = chosen.size === groups.length ? undefined : probe.meet(({ group }) => chosen.has(group));
      if (point === undefined) return undefined;
      const met = members.flatMap((each, group) => (each.every((demand) => point.isMet(demand)) ? [group] : []));
      return new Set(met);
    },
    (group) => (DEVICE_LIMITS.has((groups[group] as DemandGroup).demand) ? tie : 0),
  );
}

/**
 * The steps of each group that the clash needs, where the linear program shows it (all of them where only binaries do): first the shortest span from the front and from the back, by bisection,
 * then one step after the other. Where the questions run out, steps may be left in that are not needed.
 */
function decisiveSteps(model: PlanModel, probe: Probe, groups: readonly number[]): Map<number, readonly number[]> {
  const stepsOf = (group: number) => [
    ...new Set(model.demands.filter((demand) => demand.group === group).map(({ step }) => step)),
  ];
  const kept = new Map(groups.map((group) => [group, stepsOf(group).sort((a, b) => a - b)]));
  let questions = 0;
  if (!probe.clashesLinearly(({ group }) => kept.has(group))) return kept;
  const clashesWith = (group: number, steps: readonly number[]) => {
    questions += 1;
    const chosen = new Map([...kept].map(([each, its]) => [each, new Set(each === group ? steps : its)]));
    return probe.clashesLinearly((demand) => chosen.get(demand.group)?.has(demand.step) === true);
  };
  for (const group of groups) {
    const steps = kept.get(group) ?? [];
    const end = leastThat(steps.length, (length) => clashesWith(group, steps.slice(0, length)));
    kept.set(group, steps.slice(0, end));
    const length = leastThat(end, (length) => clashesWith(group, steps.slice(end - length, end)));
    kept.set(group, steps.slice(end - length, end));
  }
  for (const group of groups) {
    // The ends of the span are needed: bisection found them so.
    for (const step of (kept.get(group) ?? []).slice(1, -1)) {
      if (questions >= STEP_PROBES_MAX) return kept;
      const without = (kept.get(group) ?? []).filter((other) => other !== step);
      if (clashesWith(group, without)) kept.set(group, without);
    }
  }
  return kept;
}

/** The least n in 0 ... `most` for which a growing condition holds; it is known to hold for `most`. */
function leastThat(most: number, holds: (n: number) => boolean): number {
  let low = 0;
  let high = most;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (holds(middle)) high = middle;
    else low = middle + 1;
  }
  return high;
}

function describe({ groups, problem }: PlanModel, group: number, steps: readonly number[]): Clash {
  const { demand, of } = groups[group] as DemandGroup;
  // A package's energy is one demand for all of its slot.
  const slot = demand === 'package-energy' ? problem.packages.find(({ id }) => id === of) : undefined;
  const decisive = slot === undefined ? steps : range(slot.fromStep, slot.untilStep);
  const text = demandText(problem, demand, of, decisive);
  return { demand, ...(of === undefined ? {} : { of }), steps: decisive, text };
}

function range(from: number, until: number): number[] {
  return Array.from({ length: until - from }, (_, index) => from + index);
}
