/**
 * Branch and bound over the directions of batteries and exchange: the cheapest plan in which nothing flows both ways, and
 * the bound that no plan can go below. Each node is a linear program, solved from the basis of the one before.
 *
 * What is common to many steps is decided first: between which values the peaks lie (a mixture of import and export pays
 * for part of a peak only), then how many steps import (they are often as good as one another), and single pairs last. The
 * first way down is followed until rounding what is left gives a plan; from then on the open node of least bound is next.
 */
import type { Bounds, LinearAnswer, LinearSession, LinearSolver } from '../../../numerics/linear-program.ts';
import type { PlanModel } from './model.ts';
import { flows, net, type Netted } from './net.ts';
import type { Pair, TightModel, TightPair } from './tighten.ts';

export interface SearchResult {
  readonly best: Candidate | undefined;
  /** What no physical plan can go below; Infinity when it is proven that there is none. */
  readonly bound: number;
  /** Linear programs solved. */
  readonly solves: number;
}

export interface Candidate {
  readonly x: Float64Array;
  readonly objective: number;
  readonly batteriesKW: Netted['batteriesKW'];
}

export interface SearchGoal {
  /** Relative distance from the bound at which a plan is as good as any. */
  readonly gap: number;
  readonly solvesMax: number;
}

interface Node {
  /** Of its parent. */
  readonly bound: number;
  readonly fixed: readonly Direction[];
  readonly ranges: readonly Range[];
  /** What set it apart from its parent. */
  readonly decided: 'nothing' | 'range' | 'pair';
}

/** Which of a pair may flow. */
export interface Direction {
  readonly pair: Pair;
  readonly isFirst: boolean;
}

/** The bounds with what flows the other way held at zero. */
export function inDirections(bounds: Bounds, directions: readonly Direction[]): Bounds {
  const columnUpper = [...bounds.columnUpper];
  for (const { pair, isFirst } of directions) columnUpper[isFirst ? pair.second : pair.first] = 0;
  return { ...bounds, columnUpper };
}

/** Values that a column may have: the number of importing steps, or a peak. */
interface Range {
  readonly column: number;
  readonly from: number;
  readonly to: number;
  /** How often it was parted. */
  readonly parted: number;
  /** Undefined for the number of steps. */
  readonly peak?: Peak;
}

interface Peak {
  /** Import or export of all steps. */
  readonly powers: readonly number[];
  readonly isImport: boolean;
}

/** Batteries: each step to its greater direction, or in turn. The one is better where loops are few, the other where many. */
type Rounding = 'greater' | 'sum-up';

/** Peaks closer together than this need no further branching: relative, and kW. */
const PEAK_SHARE = 0.01;
const PEAK_KW = 1e-3;
const PARTED_MAX = 8;

/** Where a range of peaks is parted, between the peak of a mixture (0) and the highest of its parts (1). */
const PARTED_AT = 0.25;

/** So few steps that import and export at once are decided one by one. */
const FEW_PAIRS = 3;

/** Numbers of steps this close to a whole one are whole. */
const WHOLE = 1e-3;

/** Rounds of rounding before it is given up. */
const ROUNDINGS_MAX = 8;

/** `bounds` are those of the demands that have to be met, and `tight` the program that they tighten. */
export function searchPhysical(
  solver: LinearSolver,
  model: PlanModel,
  bounds: Bounds,
  tight: TightModel,
  { gap, solvesMax }: SearchGoal,
): SearchResult {
  const session = solver.open(tight.program);
  const relax = createRelaxation(session, tight);
  const root: Node = { bound: -Infinity, fixed: [], ranges: rangesOf(model, tight), decided: 'nothing' };
  let open: Node[] = [];
  let best: Candidate | undefined;
  /** Least bound of what was not looked into because nothing in it is better than the best by more than the gap. */
  let passed = Infinity;
  let solves = 0;
  let isWayKnown = false;

  const isDone = () => solves >= solvesMax;
  const cutOff = () => {
    if (best === undefined) return Infinity;
    return best.objective - gap * Math.max(1, Math.abs(best.objective + model.costOffset));
  };
  const solve = (node: Node) => {
    solves += 1;
    const answer = relax(node);
    return { answer, netted: answer.status === 'optimal' ? net(model, bounds, answer.x) : undefined };
  };
  const offer = (x: Float64Array, objective: number, { batteriesKW }: Netted) => {
    if (best === undefined || objective < best.objective) best = { x, objective, batteriesKW };
  };
  const round = (node: Node, start: Float64Array, loops: readonly Pair[], rounding: Rounding) => {
    let [x, violated] = [start, loops];
    let { fixed } = node;
    for (let rounds = 0; rounds < ROUNDINGS_MAX && !isDone(); rounds += 1) {
      fixed = [...fixed, ...roundedDirections(tight, fixed, violated, x, rounding)];
      const { answer, netted } = solve({ ...root, fixed });
      if (answer.status !== 'optimal' || netted === undefined || answer.objective >= cutOff()) return;
      if (netted.violated.length === 0) return offer(answer.x, answer.objective, netted);
      [x, violated] = [answer.x, netted.violated];
    }
  };
  /** Children of a node, the one to look at first in front. */
  const expand = (node: Node): Node[] => {
    const { answer, netted } = solve(node);
    if (answer.status === 'infeasible') return [];
    if (answer.status !== 'optimal' || netted === undefined) {
      // Numerical trouble decides nothing.
      passed = Math.min(passed, node.bound);
      return [];
    }
    const bound = Math.max(node.bound, answer.objective);
    if (bound >= cutOff()) {
      passed = Math.min(passed, bound);
      return [];
    }
    if (netted.violated.length === 0) {
      offer(answer.x, answer.objective, netted);
      return [];
    }
    const children = branch({ ...node, bound }, tight, answer.x, netted.violated);
    const isAtPairs = children[0]?.decided === 'pair';
    if (node.decided === 'nothing' || (node.decided === 'range' && isAtPairs)) {
      for (const rounding of ['greater', 'sum-up'] as const) round(node, answer.x, netted.violated, rounding);
    }
    isWayKnown ||= isAtPairs && best !== undefined;
    return children;
  };

  try {
    let dive: Node | undefined = root;
    while (!isDone()) {
      const next: Node | undefined = dive ?? leastBound(open);
      if (next === undefined) break;
      open = open.filter((node) => node !== next);
      const [first, ...others] = expand(next);
      open.push(...(first === undefined ? [] : [first]), ...others);
      dive = isWayKnown ? undefined : first;
    }
    const bound = Math.min(passed, best?.objective ?? Infinity, ...open.map((node) => node.bound));
    return { best, bound, solves };
  } finally {
    session.dispose();
  }
}

function leastBound(open: readonly Node[]): Node | undefined {
  return open.reduce<Node | undefined>((least, node) => (least && least.bound <= node.bound ? least : node), undefined);
}

function rangesOf({ columns }: PlanModel, { program, exchangePairs, importSteps }: TightModel): Range[] {
  const peakRange = (column: number | undefined, powers: readonly number[], isImport: boolean): Range[] => {
    if (column === undefined || exchangePairs.length === 0) return [];
    const from = program.columnLower[column] as number;
    const highest = Math.max(...powers.map((power) => program.columnUpper[power] as number));
    return [{ column, from, to: Math.max(from, highest), parted: 0, peak: { powers, isImport } }];
  };
  return [
    ...peakRange(columns.importPeak, columns.import, true),
    ...peakRange(columns.exportPeak, columns.export, false),
    ...(importSteps === undefined ? [] : [{ column: importSteps, from: 0, to: exchangePairs.length, parted: 0 }]),
  ];
}

/** Solves the linear program of a node. */
function createRelaxation(session: LinearSession, tight: TightModel): (node: Node) => LinearAnswer {
  const { program, exchangePairs, batteryPairs } = tight;
  const modes = new Map([...batteryPairs, ...exchangePairs].map(({ first, mode }) => [first, mode]));
  const inForce = new Map<number, number>();
  return ({ fixed, ranges }) => {
    const columnLower = [...program.columnLower];
    const columnUpper = [...program.columnUpper];
    const rowUpper = [...program.rowUpper];
    for (const { pair, isFirst } of fixed) {
      columnUpper[isFirst ? pair.second : pair.first] = 0;
      const mode = modes.get(pair.first);
      if (mode === undefined) continue;
      columnLower[mode] = isFirst ? 1 : 0;
      columnUpper[mode] = isFirst ? 1 : 0;
    }
    for (const { column, from, to, peak } of ranges) {
      columnLower[column] = from;
      columnUpper[column] = to;
      if (peak === undefined) continue;
      for (const power of peak.powers) columnUpper[power] = Math.min(columnUpper[power] as number, to);
      const isNew = inForce.get(column) !== to;
      inForce.set(column, to);
      for (const { first, second, mode, firstRow, secondRow } of exchangePairs) {
        const most = Math.min(program.columnUpper[peak.isImport ? first : second] as number, to);
        if (isNew && peak.isImport) session.setCoefficient(firstRow, mode, -most);
        if (isNew && !peak.isImport) session.setCoefficient(secondRow, mode, most);
        if (!peak.isImport) rowUpper[secondRow] = most;
      }
    }
    session.setBounds({ columnLower, columnUpper, rowLower: program.rowLower, rowUpper });
    return session.solve();
  };
}

/** Two nodes that leave out the answer x and no physical plan. */
function branch(node: Node, { exchangePairs }: TightModel, x: Float64Array, violated: readonly Pair[]): Node[] {
  const isExchange = ({ battery }: Pair) => battery === undefined;
  const isWorthRanges = violated.filter(isExchange).length > FEW_PAIRS;
  for (const [index, range] of isWorthRanges ? node.ranges.entries() : []) {
    const at = range.peak === undefined ? betweenWholes(range, x) : betweenPeaks(range, range.peak, exchangePairs, x);
    if (at === undefined) continue;
    const part = (change: Partial<Range>): Node => ({
      ...node,
      ranges: node.ranges.with(index, { ...range, ...change, parted: range.parted + 1 }),
      decided: 'range',
    });
    const parts = [part({ to: at.below }), part({ from: at.above })];
    return at.isAboveFirst ? parts.toReversed() : parts;
  }
  const most = (pair: Pair) => Math.min(x[pair.first] as number, x[pair.second] as number);
  const [pair] = violated.toSorted(
    (a, b) => Number(isExchange(b)) - Number(isExchange(a)) || most(b) - most(a) || a.first - b.first,
  );
  if (pair === undefined) return [];
  const isFirst = (x[pair.first] as number) >= (x[pair.second] as number);
  return [isFirst, !isFirst].map((direction) => ({
    ...node,
    fixed: [...node.fixed, { pair, isFirst: direction }],
    decided: 'pair',
  }));
}

interface Parting {
  readonly below: number;
  readonly above: number;
  readonly isAboveFirst: boolean;
}

function betweenWholes({ column }: Range, x: Float64Array): Parting | undefined {
  const value = x[column] as number;
  const below = Math.floor(value + WHOLE);
  if (value - below <= WHOLE) return undefined;
  return { below, above: below + 1, isAboveFirst: value - below > 0.5 };
}

/** Between the peak of the mixture and that of its parts. */
function betweenPeaks(
  { column, from, to, parted }: Range,
  { isImport }: Peak,
  pairs: readonly TightPair[],
  x: Float64Array,
): Parting | undefined {
  const value = x[column] as number;
  const parts = pairs.map(({ first, second, mode }) => {
    const share = isImport ? (x[mode] as number) : 1 - (x[mode] as number);
    return share < WHOLE ? 0 : (x[isImport ? first : second] as number) / share;
  });
  const wanted = Math.min(to, Math.max(...parts));
  const isClose = (low: number, high: number) => high - low <= Math.max(PEAK_KW, PEAK_SHARE * high);
  if (parted >= PARTED_MAX || isClose(value, wanted) || isClose(from, to)) return undefined;
  const at = value + PARTED_AT * (wanted - value);
  return { below: at, above: at, isAboveFirst: false };
}

/**
 * All of the exchange first; then all steps of the batteries in which loops are left, or the loops would move there.
 * Sum-up rounding: in the order of time, what rounding one step has left over counts in the next, so that what is stored
 * stays near the mixture's. S. Sager, H. G. Bock, M. Diehl, "The integer approximation error in mixed-integer optimal
 * control", Mathematical Programming 133, 2012.
 */
function roundedDirections(
  { exchangePairs, batteryPairs }: TightModel,
  fixed: readonly Direction[],
  violated: readonly Pair[],
  x: Float64Array,
  rounding: Rounding,
): Direction[] {
  const known = new Set(fixed.map(({ pair }) => pair.first));
  const exchange = exchangePairs.filter(({ first }) => !known.has(first));
  if (exchange.length > 0) return sumUp(exchange, ({ mode }) => x[mode] as number);
  const concerned = new Set(violated.map(({ battery }) => battery));
  const siblings = batteryPairs.filter((pair) => concerned.has(pair.battery) && flows(x, pair));
  const pairs = [...new Map([...siblings, ...violated].map((pair) => [pair.first, pair])).values()];
  const open = pairs.filter(({ first }) => !known.has(first)).toSorted((a, b) => a.first - b.first);
  const share = ({ first, second }: Pair) => (x[first] as number) / ((x[first] as number) + (x[second] as number));
  if (rounding === 'greater') return open.map((pair) => ({ pair, isFirst: share(pair) >= 0.5 }));
  return [...concerned].flatMap((of) =>
    sumUp(
      open.filter(({ battery }) => battery === of),
      share,
    ),
  );
}

function sumUp<Kind extends Pair>(pairs: readonly Kind[], share: (pair: Kind) => number): Direction[] {
  let owed = 0;
  return pairs.map((pair) => {
    owed += share(pair);
    const isFirst = owed >= 0.5;
    if (isFirst) owed -= 1;
    return { pair, isFirst };
  });
}
