/** Why a problem has no plan: the smallest set of demands that clash, each with the steps that matter, in people's words. */
import type { LinearSolver } from '../../../numerics/linear-program.ts';
import { demandText } from './demand-text.ts';
import { buildPlanModel, type DemandGroup, type PlanModel } from './model.ts';
import type { Clash, DemandKind, InfeasiblePlan } from './plan.ts';
import { createProbe, type Probe } from './probe.ts';
import type { PlanProblem } from './problem.ts';
import { type FoundClash, smallestClash } from './smallest-clash.ts';

/** Of two clashes equally small, people can act on the one with fewer limits of devices in it. */
const DEVICE_LIMITS: ReadonlySet<DemandKind> = new Set([
  'soc-min',
  'soc-max',
  'charge-power',
  'discharge-power',
  'charge-only',
]);

/** Guesses at the smallest set. */
const GUESSES_MAX = 80;
/** What questions beyond the linear program may take, times columns, until demands of a kind are told all together. */
const SEARCHES_TIMES_COLUMNS = 200e3;

/** Questions that may be asked to find which steps matter: of the linear program; of the tightened one, times columns. */
const STEP_PROBES_MAX = 300;
const TIGHT_PROBES_TIMES_COLUMNS = 60e3;

/** For a problem without a plan. */
export function explainClash(solver: LinearSolver, problem: PlanProblem): InfeasiblePlan {
  const model = buildPlanModel(problem, 'feasibility');
  const probe = createProbe(solver, model);
  try {
    const { groups, isSmallest } = clashingGroups(model, probe);
    const steps = decisiveSteps(model, probe, groups);
    const clash = groups.map((group): Clash => describe(model, group, steps.get(group) ?? []));
    return {
      status: 'infeasible',
      clash,
      isSmallest,
      explanation: `cannot be met together: ${sentence(problem, clash)}`,
    };
  } finally {
    probe.dispose();
  }
}

/**
 * The fewest kinds of demands that clash, each of all batteries; then as few demands of those kinds as it takes.
 * Twenty batteries that are full are one reason, not twenty, and so few questions find it.
 */
function clashingGroups(model: PlanModel, probe: Probe): { readonly groups: number[]; readonly isSmallest: boolean } {
  const kinds = kindsOf(model.groups);
  const ofKinds = smallestAmong(model, probe, kinds, [], () => true);
  const reasons = ofKinds.members.map((kind) => kinds[kind] as readonly number[]);
  // A kind of one demand is needed: the kinds are irreducible.
  const needed = reasons.filter(({ length }) => length === 1).flat();
  const others = reasons.filter(({ length }) => length > 1).flatMap((groups) => groups.map((group) => [group]));
  const searchesMax = probe.searches() + SEARCHES_TIMES_COLUMNS / model.program.columns;
  const ofMembers = smallestAmong(model, probe, others, needed, () => probe.searches() < searchesMax);
  const chosen = ofMembers.members.flatMap((index) => others[index] ?? []);
  return {
    groups: [...needed, ...chosen].sort((a, b) => a - b),
    isSmallest: ofKinds.isSmallest && ofMembers.isSmallest,
  };
}

/** The demands of all batteries by kind; each package by itself. */
function kindsOf(groups: readonly DemandGroup[]): number[][] {
  const kinds = new Map<string, number[]>();
  for (const [group, { demand, of = '' }] of groups.entries()) {
    const key = demand.startsWith('package-') ? `${demand} ${of}` : demand;
    kinds.set(key, [...(kinds.get(key) ?? []), group]);
  }
  return [...kinds.values()];
}

/** Which sets of groups are in a smallest clash with each other and the `needed` groups; all of them together clash. */
function smallestAmong(
  { groups, demands }: PlanModel,
  probe: Probe,
  sets: readonly (readonly number[])[],
  needed: readonly number[],
  mayAsk: () => boolean,
): FoundClash {
  const members = sets.map((set) => demands.filter(({ group }) => set.includes(group)));
  const isDevice = (set: readonly number[]) =>
    set.some((group) => DEVICE_LIMITS.has((groups[group] as DemandGroup).demand));
  const tie = 0.5 / (sets.length + 1);
  return smallestClash(
    sets.length,
    (chosen, effort) => {
      if (chosen.size === sets.length) return 'clash';
      const active = new Set([...needed, ...[...chosen].flatMap((index) => sets[index] ?? [])]);
      const point = probe.meet(({ group }) => active.has(group), effort);
      if (typeof point === 'string') return point;
      return new Set(members.flatMap((each, index) => (each.every((demand) => point.isMet(demand)) ? [index] : [])));
    },
    (index) => (isDevice(sets[index] ?? []) ? tie : 0),
    { isLarge: needed.length > 0, guessesMax: GUESSES_MAX, mayAsk },
  );
}

/**
 * The steps of each group that the clash needs, where a linear program shows it (all of them where only the search does):
 * first the shortest span from the front and from the back, by bisection, then one step after the other; the same for all
 * groups of a kind. Where the questions run out, steps may be left in that are not needed.
 */
function decisiveSteps(model: PlanModel, probe: Probe, groups: readonly number[]): Map<number, readonly number[]> {
  const stepsOf = (group: number) => model.demands.filter((demand) => demand.group === group).map(({ step }) => step);
  const kinds = kindsOf(model.groups)
    .map((kind) => kind.filter((group) => groups.includes(group)))
    .filter(({ length }) => length > 0);
  const kept = kinds.map((kind) => [...new Set(kind.flatMap(stepsOf))].sort((a, b) => a - b));
  const answer = () =>
    new Map(
      kinds.flatMap((kind, k) => {
        const steps = kept[k] ?? [];
        return kind.map((group) => {
          const own = new Set(stepsOf(group));
          return [group, steps.filter((step) => own.has(step))] as const;
        });
      }),
    );
  const isLinear = probe.clashes(({ group }) => groups.includes(group), 'linear');
  const proof = isLinear ? 'linear' : 'tightened';
  const questionsMax = isLinear ? STEP_PROBES_MAX : TIGHT_PROBES_TIMES_COLUMNS / model.program.columns;
  const bisections = 2 * kinds.length * Math.ceil(Math.log2(model.hours.length + 2));
  const isTooMuch = !isLinear && bisections > questionsMax;
  if (isTooMuch || !probe.clashes(({ group }) => groups.includes(group), proof)) return answer();
  const kindOf = new Map(kinds.flatMap((kind, k) => kind.map((group) => [group, k] as const)));
  let questions = 0;
  const clashesWith = (k: number, steps: readonly number[]) => {
    questions += 1;
    const chosen = kept.map((each, index) => new Set(index === k ? steps : each));
    return probe.clashes(({ group, step }) => chosen[kindOf.get(group) ?? -1]?.has(step) === true, proof);
  };
  for (const k of kept.keys()) {
    const steps = kept[k] ?? [];
    const end = leastThat(steps.length, (length) => clashesWith(k, steps.slice(0, length)));
    const length = leastThat(end, (size) => clashesWith(k, steps.slice(end - size, end)));
    kept[k] = steps.slice(end - length, end);
  }
  for (const k of kept.keys()) {
    // The ends of the span are needed: bisection found them so.
    for (const step of (kept[k] ?? []).slice(1, -1)) {
      if (questions >= questionsMax) return answer();
      const without = (kept[k] ?? []).filter((other) => other !== step);
      if (clashesWith(k, without)) kept[k] = without;
    }
  }
  return answer();
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
  const text = demandText(problem, demand, of === undefined ? [] : [of], decisive);
  return { demand, ...(of === undefined ? {} : { of }), steps: decisive, text };
}

/** Demands of so many batteries are told one by one. */
const SAID_ONE_BY_ONE = 3;

/** The clash in words, with what many batteries have in common said once. */
function sentence(problem: PlanProblem, clash: readonly Clash[]): string {
  const kinds = [...new Set(clash.map(({ demand }) => demand))];
  return kinds
    .map((kind) => clash.filter(({ demand }) => demand === kind))
    .flatMap((each) => {
      const [first] = each;
      if (first === undefined || each.length <= SAID_ONE_BY_ONE || first.demand.startsWith('package-')) {
        return each.map(({ text }) => text);
      }
      const ids = [...new Set(each.map(({ of = '' }) => of))];
      const steps = [...new Set(each.flatMap((one) => one.steps))].sort((a, b) => a - b);
      return demandText(problem, first.demand, ids, steps);
    })
    .join('; ');
}

function range(from: number, until: number): number[] {
  return Array.from({ length: until - from }, (_, index) => from + index);
}
