/**
 * The smallest set of constraints that cannot hold together, when all that one can do is ask whether a set can.
 *
 * A set clashes exactly if it meets every correction set (one whose removal heals the clash), so the smallest clash is a
 * smallest hitting set of all correction sets. They are found as they are needed: guess a hitting set of those known; if it
 * clashes it is the smallest clash; if not, what is missing from a largest set around it that holds is another one.
 * Ignatiev, Previti, Liffiton, Marques-Silva, "Smallest MUS extraction with minimal hitting set dualization", CP 2015.
 */

/** Of chosen constraints: which hold, by index, at one point where the chosen ones do; or that they clash; or neither. */
type Answer = ReadonlySet<number> | 'clash' | 'unknown';

/** A `quick` question may be left open; it is asked where no proof depends on it. */
export type Ask = (chosen: ReadonlySet<number>, effort: 'quick' | 'thorough') => Answer;

/** How much may be asked. */
export interface Patience {
  /** Whether most of the constraints are likely to be in every clash: then each is asked for by itself first. */
  readonly isLarge: boolean;
  /** After so many guesses a clash will do that is irreducible but perhaps not the smallest. */
  readonly guessesMax: number;
  /** When false, nothing more is asked: a clash will do that has members too many. */
  readonly mayAsk: () => boolean;
}

export interface FoundClash {
  /** Ascending. */
  readonly members: readonly number[];
  /** Proven that no clash has fewer members. */
  readonly isSmallest: boolean;
}

/**
 * Of constraints 0 ... `count` - 1, which clash together: a smallest clash, of all such one with the least `weight`
 * (weights only break ties: they have to sum up to less than 1). Without any one member, the rest holds, as far as is known.
 */
export function smallestClash(
  count: number,
  ask: Ask,
  weight: (index: number) => number,
  { isLarge, guessesMax, mayAsk }: Patience,
): FoundClash {
  const all = Array.from({ length: count }, (_, index) => index);
  const answerTo = remembering(ask);
  const corrections: (readonly number[])[] = isLarge ? neededAlone(all, answerTo, mayAsk).map((index) => [index]) : [];
  let fewest = 0;
  let isCertain = true;
  for (let guess = 0; guess < guessesMax && mayAsk(); guess += 1) {
    const hitting = smallestHittingSet(corrections, weight);
    if (hitting === undefined) break;
    const chosen = new Set(hitting);
    // Every clash hits all of them, so none has fewer members.
    if (isCertain) fewest = chosen.size;
    const answer = answerTo(chosen, 'thorough');
    if (answer === 'clash') {
      return { members: [...chosen].sort((a, b) => a - b), isSmallest: chosen.size === fewest };
    }
    const grown = grow(all, chosen, answer, answerTo, mayAsk);
    corrections.push(all.filter((index) => !grown.members.has(index)));
    isCertain &&= grown.isKnownToHold;
  }
  const members = irreducibleClash(all, answerTo, mayAsk);
  return { members, isSmallest: members.length === fewest };
}

/**
 * Those without which the rest holds: they are in every clash. First all that is quickly shown; a clash without one of the
 * others says that few may be needed, and ends it.
 */
function neededAlone(all: readonly number[], answerTo: Ask, mayAsk: Patience['mayAsk']): number[] {
  const without = (index: number, effort: 'quick' | 'thorough') =>
    answerTo(new Set(all.filter((other) => other !== index)), effort);
  const needed = all.filter((index) => mayAsk() && isPoint(without(index, 'quick')));
  const shown = new Set(needed);
  for (const index of all) {
    if (shown.has(index)) continue;
    if (!mayAsk()) break;
    const answer = without(index, 'thorough');
    if (answer === 'clash') break;
    if (isPoint(answer)) needed.push(index);
  }
  return needed;
}

/** Asks once: part of what holds does so too, and what contains a clash clashes. */
function remembering(ask: Ask): Ask {
  const holding: ReadonlySet<number>[] = [];
  const clashing: ReadonlySet<number>[] = [];
  const open = { quick: [] as ReadonlySet<number>[], thorough: [] as ReadonlySet<number>[] };
  return (chosen, effort) => {
    const held = holding.find((each) => isWithin(chosen, each));
    if (held !== undefined) return held;
    if (clashing.some((each) => isWithin(each, chosen))) return 'clash';
    // A point that meets more is no easier to find; a thorough answer may still be that there is none.
    const isOpen = (each: ReadonlySet<number>) =>
      isWithin(each, chosen) && (effort === 'quick' || each.size === chosen.size);
    if (open[effort].some(isOpen)) return 'unknown';
    const answer = ask(chosen, effort);
    if (answer === 'unknown') open[effort].push(new Set(chosen));
    else if (answer === 'clash') clashing.push(new Set(chosen));
    else holding.push(new Set([...chosen, ...answer]));
    return answer;
  };
}

function isWithin(part: ReadonlySet<number>, whole: ReadonlySet<number>): boolean {
  return part.size <= whole.size && [...part].every((index) => whole.has(index));
}

function isPoint(answer: Answer): answer is ReadonlySet<number> {
  return typeof answer !== 'string';
}

/**
 * A large set around `start` that is known to hold, where there is one; `answer` is that to `start`. Adds halves of halves, as
 * most of them do no harm. One that is larger would say more, but what holds by a quick answer proves as much.
 */
function grow(
  all: readonly number[],
  start: ReadonlySet<number>,
  answer: Answer,
  answerTo: Ask,
  mayAsk: Patience['mayAsk'],
): { readonly members: ReadonlySet<number>; readonly isKnownToHold: boolean } {
  let isKnownToHold = isPoint(answer);
  let members = isPoint(answer) ? new Set([...start, ...answer]) : start;
  const add = (indices: readonly number[]): void => {
    const missing = indices.filter((index) => !members.has(index));
    if (missing.length === 0 || !mayAsk()) return;
    const held = answerTo(new Set([...members, ...missing]), 'quick');
    if (isPoint(held)) {
      members = new Set([...members, ...missing, ...held]);
      isKnownToHold = true;
    } else if (missing.length > 1) for (const half of halves(missing)) add(half);
  };
  add(all);
  return { members, isKnownToHold };
}

/**
 * A clash without a member too many. U. Junker, "QuickXplain: preferred explanations and relaxations for over-constrained
 * problems", AAAI 2004.
 */
function irreducibleClash(all: readonly number[], answerTo: Ask, mayAsk: Patience['mayAsk']): number[] {
  /** The members among `candidates` of a clash of those and all of `background`. */
  const membersOf = (background: readonly number[], isNew: boolean, candidates: readonly number[]): number[] => {
    if (!mayAsk()) return [...candidates];
    if (isNew && answerTo(new Set(background), 'thorough') === 'clash') return [];
    if (candidates.length < 2) return [...candidates];
    const [left, right] = halves(candidates);
    const ofRight = membersOf([...background, ...left], left.length > 0, right);
    const ofLeft = membersOf([...background, ...ofRight], ofRight.length > 0, left);
    return [...ofLeft, ...ofRight];
  };
  return membersOf([], false, all).toSorted((a, b) => a - b);
}

function halves(indices: readonly number[]): [readonly number[], readonly number[]] {
  const middle = indices.length >> 1;
  return [indices.slice(0, middle), indices.slice(middle)];
}

/** Places that the search for a hitting set may look at. */
const PLACES_MAX = 20_000;

/**
 * Branch and bound: some element of the smallest set that is not hit yet has to be in; disjoint sets need one each.
 * Undefined when it takes too long.
 */
function smallestHittingSet(
  sets: readonly (readonly number[])[],
  weight: (index: number) => number,
): readonly number[] | undefined {
  const cost = (chosen: readonly number[]) => chosen.reduce((sum, index) => sum + 1 + weight(index), 0);
  const cheapest = (set: readonly number[]) => Math.min(...set.map((index) => 1 + weight(index)));
  const bySize = sets.toSorted((a, b) => a.length - b.length);
  let best: readonly number[] | undefined;
  let places = 0;
  const search = (chosen: readonly number[]) => {
    places += 1;
    if (places > PLACES_MAX) return;
    const missed = bySize.filter((set) => !set.some((index) => chosen.includes(index)));
    const [next] = missed;
    if (best !== undefined && cost(chosen) + disjointCost(missed, cheapest) >= cost(best) - ROUNDING) return;
    if (next === undefined) {
      best = chosen;
      return;
    }
    for (const index of next.toSorted((a, b) => weight(a) - weight(b) || a - b)) search([...chosen, index]);
  };
  search([]);
  return places > PLACES_MAX ? undefined : best;
}

/** Sums of weights in another order differ by less. */
const ROUNDING = 1e-9;

/** What sets that have nothing in common cost at least. */
function disjointCost(sets: readonly (readonly number[])[], cheapest: (set: readonly number[]) => number): number {
  const taken = new Set<number>();
  let cost = 0;
  for (const set of sets) {
    if (set.some((index) => taken.has(index))) continue;
    for (const index of set) taken.add(index);
    cost += cheapest(set);
  }
  return cost;
}
