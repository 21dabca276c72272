/** Positions of tap changers: as somebody reported them, or found by the estimate itself. */
import { documentBranches } from '../../grids/document-branches.ts';
import type { GridDocument } from '../../grids/schema.ts';
import { setTaps, tapChangers, type TapChanger } from '../../grids/tap-changers.ts';
import { createUnion, fuseBuses } from '../../grids/topology.ts';

/** A reported position, and its standard deviation in steps: a report may be old or come from a worn sensor. */
export interface TapReading {
  /** Of the tap changer, as in `tapChangers`. */
  readonly transformer: string;
  readonly position: number;
  readonly sigma: number;
}

export interface TapEstimate {
  /** Of the tap changer, as in `tapChangers`. */
  readonly transformer: string;
  readonly position: number;
  /**
   * Of this position against the others of its range, each with the positions of the other taps that agree best among
   * those tried. Null where the measurements disagree even so: then the model is not trusted, and no probability either.
   */
  readonly probability: number | null;
}

/** What an estimate with a document costs; undefined where there is no estimate of the whole grid. */
export type TapSolver = (document: GridDocument) => TapCost | undefined;

interface TapCost {
  readonly objective: number;
  /** The chi-square test passes, or nothing is redundant. */
  readonly agrees: boolean;
}

/** Rounds through all moves until no position changes any more. */
const ROUNDS_MAX = 10;
/** Range of a tap changer whose document gives none. */
const STEPS_UNKNOWN = 10;
/** A smaller difference of objectives tells nothing (a likelihood ratio of 0.95): the position on paper stays. */
const TELLS_NOTHING = 0.1;
/** In larger groups only transformers between the same buses move in pairs, the rest alone and all together. */
const PAIRS_IN_GROUPS_UP_TO = 4;

type Positions = ReadonlyMap<string, number>;

/**
 * Finds the positions with the smallest objective, readings weighing as measurements. Tap changers move one at a time,
 * and those of transformers in parallel also together: a step of one alone drives a current around the loop, so each
 * alone seems to stand right where all of them are wrong. A position is a whole number, so its uncertainty is a
 * probability, by the profile of the likelihood: exp(-J / 2) over the sum of all positions. Objectives are compared, so
 * the same measurements must be in use for each.
 */
export function estimateTaps(
  document: GridDocument,
  readings: readonly TapReading[],
  solve: TapSolver,
): { readonly document: GridDocument; readonly taps: readonly TapEstimate[] } {
  const units = tapChangers(document).filter(({ inService }) => inService);
  const reported = new Map(readings.map(({ transformer, position }) => [transformer, Math.round(position)]));
  const home = new Map(units.map(({ id, tap }) => [id, reported.get(id) ?? tap.position]));
  const tried = createTrials(document, readings, solve);
  const moves: ((from: Positions) => Positions[])[] = [
    ...units.map((unit) => (from: Positions) => rangeOf(unit).map((position) => new Map(from).set(unit.id, position))),
    ...parallelGroups(document, units).map((group) => (from: Positions) => groupMoves(group, from)),
  ];
  let best: Positions = home;
  for (let round = 0; round < ROUNDS_MAX; round += 1) {
    const before = best;
    for (const move of moves) {
      const next = cheapest(move(best), tried.cost);
      if (tried.cost(next) < tried.cost(best) - TELLS_NOTHING) best = next;
    }
    if (best === before) break;
  }
  best = homeAgain(units, home, best, tried.cost);
  if (tried.cost(best) === Infinity) return { document: setTaps(document, reported), taps: [] };
  const taps = units.map(({ id }) => ({
    transformer: id,
    position: best.get(id)!,
    probability: tried.share(id, best),
  }));
  return { document: setTaps(document, new Map([...reported, ...best])), taps };
}

/** Objectives of what was tried, with what readings add; infinite where there is no estimate. */
function createTrials(document: GridDocument, readings: readonly TapReading[], solve: TapSolver) {
  const trials = new Map<string, { readonly positions: Positions; readonly cost: number; readonly agrees: boolean }>();
  const trial = (positions: Positions) => {
    const key = [...positions.values()].join(' ');
    const known = trials.get(key);
    if (known !== undefined) return known;
    const solved = solve(setTaps(document, positions));
    const reported = readings.reduce((sum, { transformer, position, sigma }) => {
      return sum + (((positions.get(transformer) ?? position) - position) / sigma) ** 2;
    }, 0);
    const fresh = { positions, cost: (solved?.objective ?? Infinity) + reported, agrees: solved?.agrees ?? false };
    trials.set(key, fresh);
    return fresh;
  };
  return {
    cost: (positions: Positions): number => trial(positions).cost,
    /** Probability that tap changer `id` stands as in `best`: the profile over its positions. */
    share(id: string, best: Positions): number | null {
      const chosen = trial(best);
      if (!chosen.agrees) return null;
      const profile = new Map<number, number>();
      for (const { positions, cost } of trials.values()) {
        const position = positions.get(id)!;
        profile.set(position, Math.min(cost, profile.get(position) ?? Infinity));
      }
      const weight = (cost: number): number => Math.exp((chosen.cost - cost) / 2);
      const total = [...profile.values()].reduce((sum, cost) => sum + weight(cost), 0);
      return weight(profile.get(best.get(id)!)!) / total;
    },
  };
}

function cheapest(among: readonly Positions[], cost: (positions: Positions) => number): Positions {
  return among.reduce((a, b) => (cost(b) < cost(a) ? b : a));
}

/** Back to the reported or paper position wherever nothing tells against it: all of them, else one by one. */
function homeAgain(
  units: readonly TapChanger[],
  home: Positions,
  best: Positions,
  cost: (positions: Positions) => number,
): Positions {
  const most = cost(best) + TELLS_NOTHING;
  if (cost(home) <= most) return home;
  return units.reduce<Positions>((now, { id }) => {
    const back = new Map(now).set(id, home.get(id)!);
    return cost(back) <= most ? back : now;
  }, best);
}

function rangeOf({ tap }: TapChanger): number[] {
  const low = tap.min ?? Math.min(tap.neutral, tap.position) - STEPS_UNKNOWN;
  const high = tap.max ?? Math.max(tap.neutral, tap.position) + STEPS_UNKNOWN;
  return Array.from({ length: high - low + 1 }, (_, i) => low + i);
}

/**
 * Tap changers of transformers between the same parts of the grid (what lines and closed switches join), and those of
 * one transformer: a change of one can hide behind that of another. Phases of banks lie in parallel with their own like.
 */
function parallelGroups(document: GridDocument, units: readonly TapChanger[]): TapChanger[][] {
  const { busCount, busIndex } = fuseBuses(document);
  const union = createUnion(busCount);
  for (const { kind, closed, from, to } of documentBranches(document)) {
    if (kind === 'line' && closed) union.join(busIndex.get(from)!, busIndex.get(to)!);
  }
  const groups = new Map<string, TapChanger[]>();
  for (const unit of units) {
    const parts = unit.buses.map((bus) => union.find(busIndex.get(bus)!)).toSorted((a, b) => a - b);
    const key = [...parts, unit.phase ?? ''].join(' ');
    groups.set(key, [...(groups.get(key) ?? []), unit]);
  }
  return [...groups.values()].filter((group) => group.length > 1);
}

/** All of a group together, and its pairs both alike and against each other. */
function groupMoves(group: readonly TapChanger[], from: Positions): Positions[] {
  const pairs = group.flatMap((a, i) =>
    group.slice(i + 1).flatMap((b) => {
      const same = a.buses.toString() === b.buses.toString();
      return group.length <= PAIRS_IN_GROUPS_UP_TO || same ? [[a, b]] : [];
    }),
  );
  return [
    ...joint(group, from, 1, Math.round),
    ...pairs.flatMap((pair) =>
      [1, -1].flatMap((sense) => [...joint(pair, from, sense, Math.floor), ...joint(pair, from, sense, Math.ceil)]),
    ),
  ];
}

/** The first in every position, the others with it by as much of the ratio as whole steps within their ranges allow. */
function joint(
  [first, ...others]: readonly TapChanger[],
  from: Positions,
  sense: number,
  whole: (steps: number) => number,
): Positions[] {
  if (first === undefined) return [];
  return rangeOf(first).map((position) => {
    const moved = new Map(from).set(first.id, position);
    const change = (position - from.get(first.id)!) * stepOf(first) * sense;
    for (const other of others) {
      const range = rangeOf(other);
      // Rounded first: 3 x 1.5 / 1.5 must not become 4 steps.
      const steps = whole(Number((change / stepOf(other)).toFixed(9)));
      moved.set(other.id, Math.min(Math.max(from.get(other.id)! + steps, range[0]!), range.at(-1)!));
    }
    return moved;
  });
}

/** Size of a step, with the direction in which it moves the ratio of the transformer. */
function stepOf({ tap, direction }: TapChanger): number {
  return direction * ((tap.kind === 'ideal' ? tap.stepDeg : tap.stepPercent) || 1);
}
