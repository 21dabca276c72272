/**
 * Branch and bound for a site with one battery: between which values its peaks lie is all that is left to search for, as the
 * rest is an exact cheapest path. Each path gives a bound, its directions a plan by linear program, and the duals of that
 * plan say which steps make the peaks.
 */
import type { Bounds, LinearSession } from '../../../numerics/linear-program.ts';
import { cheapestPath, type BatteryPath, type PathTerms, type PeakTerms } from './battery-path.ts';
import type { PlanModel } from './model.ts';
import { net } from './net.ts';
import type { Candidate, SearchResult } from './search.ts';

/** Paths until the best plan has to do; for a day of quarters of an hour, one takes a millisecond, its linear program too. */
function pathsMax(steps: number): number {
  return Math.round(Math.max(40, 4000 / steps));
}

const SIDES = ['importPeak', 'exportPeak'] as const;
type Side = (typeof SIDES)[number];

interface Node {
  /** Of its parent. */
  readonly bound: number;
  readonly terms: PathTerms;
}

/**
 * For a problem that `hasPath`. `session` holds its program, and `rowDual` is that of the answer without directions. A plan
 * is as good as any within the relative `gap` of the bound. Undefined where no plan was found, which proves nothing.
 */
export function searchPeaks(
  session: LinearSession,
  model: PlanModel,
  bounds: Bounds,
  rowDual: Float64Array,
  gap: number,
): SearchResult | undefined {
  let open: Node[] = [{ bound: -Infinity, terms: weighted(model, wholeRange(model, bounds), rowDual) }];
  let best: Candidate | undefined;
  /** Least bound of what was not looked into. */
  let passed = Infinity;
  let paths = 0;
  const most = pathsMax(model.hours.length);
  const planAlong = rememberingPlans(session, model, bounds);
  const cutOff = () =>
    best === undefined ? Infinity : best.objective - gap * Math.max(1, Math.abs(best.objective + model.costOffset));
  while (open.length > 0 && paths < most) {
    const node = open.reduce((least, each) => (each.bound < least.bound ? each : least));
    open = open.filter((each) => each !== node);
    const path = node.bound < cutOff() ? cheapestPath(model, bounds, node.terms) : 'unknown';
    if (path === 'none') continue;
    if (path === 'unknown') {
      passed = Math.min(passed, node.bound);
      continue;
    }
    paths += 1;
    const bound = Math.max(node.bound, path.cost + leastPeaks(model, node.terms));
    const plan = planAlong(path);
    if (plan !== undefined && plan.objective < (best?.objective ?? Infinity)) best = plan;
    if (bound >= cutOff()) passed = Math.min(passed, bound);
    else {
      const terms = plan === undefined ? node.terms : weighted(model, node.terms, plan.rowDual);
      open.push(...parted(model, { bound, terms }, path));
    }
  }
  return (
    best && {
      best,
      bound: Math.min(passed, best.objective, ...open.map((node) => node.bound)),
      solves: planAlong.solves(),
    }
  );
}

function wholeRange({ columns, program }: PlanModel, bounds: Bounds): Record<Side, PeakTerms> {
  const range = (column: number | undefined, powers: readonly number[]): PeakTerms => {
    const to = Math.max(...powers.map((power) => bounds.columnUpper[power] as number));
    const from = column === undefined ? 0 : (program.columnLower[column] as number);
    return { from, to: Math.max(from, to), weights: powers.map(() => 0) };
  };
  return {
    importPeak: range(columns.importPeak, columns.import),
    exportPeak: range(columns.exportPeak, columns.export),
  };
}

/** Share of the weights so far that is kept: those of two patterns of directions would else take turns. */
const KEPT = 0.25;

/** With the duals of the rows that keep the powers below their peaks as weights. */
function weighted({ peakRows, columns, program }: PlanModel, terms: PathTerms, rowDual: Float64Array): PathTerms {
  const of = (side: Side, rows: readonly number[]): PeakTerms => {
    const column = columns[side];
    if (column === undefined) return terms[side];
    const { weights } = terms[side];
    const kept = weights.some((weight) => weight > 0) ? KEPT : 0;
    const mixed = rows.map(
      (row, t) => kept * (weights[t] as number) - (1 - kept) * Math.min(0, rowDual[row] as number),
    );
    const sum = mixed.reduce((total, weight) => total + weight, 0);
    // More than the peak's price would be no bound.
    const most = program.cost[column] as number;
    return { ...terms[side], weights: sum > most ? mixed.map((weight) => (weight * most) / sum) : mixed };
  };
  return { importPeak: of('importPeak', peakRows.import), exportPeak: of('exportPeak', peakRows.export) };
}

/** What the peaks cost at least. */
function leastPeaks(model: PlanModel, terms: PathTerms): number {
  return SIDES.reduce((sum, side) => sum + priceOf(model, side) * terms[side].from, 0);
}

function priceOf({ columns, program }: PlanModel, side: Side): number {
  const column = columns[side];
  return column === undefined ? 0 : (program.cost[column] as number);
}

type PlanAlong = (Candidate & { readonly rowDual: Float64Array }) | undefined;

/** The cheapest plan with the directions of a path; more than half of the paths have those of one before. */
function rememberingPlans(session: LinearSession, model: PlanModel, bounds: Bounds) {
  const { charge, discharge, import: imports, export: exports } = model.columns;
  const known = new Map<string, PlanAlong>();
  const solve = (closed: readonly number[]): PlanAlong => {
    const columnUpper = [...bounds.columnUpper];
    for (const column of closed) columnUpper[column] = 0;
    session.setBounds({ ...bounds, columnUpper });
    const answer = session.solve();
    if (answer.status !== 'optimal') return undefined;
    const { x, objective, rowDual } = answer;
    return { x, objective, rowDual, batteriesKW: net(model, bounds, x).batteriesKW };
  };
  const planAlong = ({ batteryKW, exchangeKW }: BatteryPath): PlanAlong => {
    const closed = [
      ...batteryKW.map((power, t) => (power < 0 ? discharge : charge)[0]?.[t] as number),
      ...exchangeKW.map((power, t) => (power > 0 ? exports : imports)[t] as number),
    ];
    const key = closed.join(' ');
    const plan = known.has(key) ? known.get(key) : solve(closed);
    known.set(key, plan);
    return plan;
  };
  return Object.assign(planAlong, { solves: () => known.size });
}

/** Parts the range of the peak that the weights say less about, in the middle of what the path makes of it. */
function parted(model: PlanModel, node: Node, { exchangeKW }: BatteryPath): Node[] {
  const unsaid = SIDES.map((side) => {
    const { from, weights } = node.terms[side];
    const powers = exchangeKW.map((power) => Math.max(0, (side === 'importPeak' ? power : -power) - from));
    const most = Math.max(...powers);
    const said = powers.reduce((sum, power, t) => sum + power * (weights[t] as number), 0);
    return { side, at: from + most / 2, cost: priceOf(model, side) * most - said };
  });
  const { side, at } = unsaid.reduce((greatest, each) => (each.cost > greatest.cost ? each : greatest));
  const part = (change: Partial<PeakTerms>): Node => ({
    ...node,
    terms: { ...node.terms, [side]: { ...node.terms[side], ...change } },
  });
  return [part({ to: at }), part({ from: at })];
}
