/**
 * Ways in which the grid on paper may differ from the grid in the field, each as a change of the problem: a switch, an end
 * of a line or transformer or an open point that stands elsewhere, a tap in another position, a meter whose phases are
 * swapped, a customer on another phase.
 */
import { compileGrid, joins } from '../../grids/compile.ts';
import type { CompiledGrid } from '../../grids/model.ts';
import type { GridDocument } from '../../grids/schema.ts';
import { setTaps, tapChangers } from '../../grids/tap-changers.ts';
import { spanForest } from '../../grids/topology.ts';
import type { Estimate } from '../contract/estimate.ts';
import type { EstimationProblem, EstimatorMeasurement, MeasuredPlace } from './estimator.ts';

export type InField = NonNullable<Estimate['modelFindings']>[number]['inField'];

export interface Hypothesis {
  readonly kind: 'switch' | 'tap' | 'phase';
  /** The element of the grid document that is different: a line, switch, transformer, or the bus of a meter. */
  readonly element: string;
  /** What would be the case, a sentence without its full stop. */
  readonly says: string;
  readonly inField: InField;
  /** Computational buses of the grid on paper where it would show first. */
  readonly buses: readonly number[];
  /** Of the phases of a meter: where, and that really on phase `order[p]` is what is called p. */
  readonly moved?: { readonly bus: number; readonly order: readonly number[] };
  /** The same in the words above, otherwise done: the other end of a line is open, or both. */
  readonly likewise?: readonly Pick<Hypothesis, 'apply'>[];
  /** The problem as it is if this holds; undefined where the problem has nothing to do with it. */
  apply(problem: EstimationProblem): EstimationProblem | undefined;
  /** Lets go of what `apply` keeps from problem to problem. */
  forget?(): void;
}

/** A document with something changed, compiled once; measurements keep their places by the ids of buses and branches. */
function changedGrid(document: GridDocument): Required<Pick<Hypothesis, 'apply' | 'forget'>> {
  let compiled: CompiledGrid | undefined;
  const apply: Hypothesis['apply'] = (problem) => {
    compiled ??= compileGrid(document);
    const grid = compiled;
    const of = problem.grid;
    const busAt = (bus: number) => grid.busIndex.get(of.busIds[bus]![0]!)!;
    const placeAt = (place: MeasuredPlace): MeasuredPlace =>
      place.at === 'bus' ? { at: 'bus', bus: busAt(place.bus) } : place;
    // Who was energised on paper reports; a change that would leave somebody in the dark is none.
    for (let bus = 0; bus < of.busCount; bus += 1) {
      if (of.energised[bus] === 1 && grid.energised[busAt(bus)] !== 1) return undefined;
    }
    return {
      ...problem,
      grid,
      measurements: problem.measurements.map((m) =>
        m.kind === 'sourceBalance' ? m : { ...m, place: placeAt(m.place) },
      ),
      zeroInjections: problem.zeroInjections.map(busAt),
      referenceBus: busAt(problem.referenceBus),
    };
  };
  return { apply, forget: () => (compiled = undefined) };
}

/** Every tap changer within `steps` of its position, inside its range. */
export function tapHypotheses({ document, busIndex }: CompiledGrid, steps: number = 4): Hypothesis[] {
  return tapChangers(document).flatMap(({ id, buses: terminals, tap }) => {
    const { position, min = -Infinity, max = Infinity } = tap;
    const buses = terminals.map((bus) => busIndex.get(bus)!);
    return Array.from({ length: 2 * steps + 1 }, (_, i) => position + i - steps)
      .filter((other) => other !== position && other >= min && other <= max)
      .map((other): Hypothesis => {
        const says = `the tap of ${id} stands at ${other}, not at ${position}`;
        const inField: InField = [{ feature: 'tapPosition', id, value: other }];
        return {
          kind: 'tap',
          element: id,
          says,
          inField,
          buses,
          ...changedGrid(setTaps(document, new Map([[id, other]]))),
        };
      });
  });
}

/** Bus switches the other way round; open lines and transformers closed, closed ones that stand in a mesh opened. */
export function switchHypotheses(grid: CompiledGrid): Hypothesis[] {
  const { document, busIndex } = grid;
  const switches = document.switches.map(({ id, from, to, closed }): Hypothesis => {
    const turned = document.switches.map((one) => (one.id === id ? { ...one, closed: !closed } : one));
    const says = `switch ${id} is ${closed ? 'open' : 'closed'}`;
    const inField: InField = [{ feature: 'switchClosed', id, value: !closed }];
    const buses = [busIndex.get(from)!, busIndex.get(to)!];
    return { kind: 'switch', element: id, says, inField, buses, ...changedGrid({ ...document, switches: turned }) };
  });
  return [...switches, ...endHypotheses(grid, 'lines'), ...endHypotheses(grid, 'transformers')];
}

/** Elements with a switch at either end. */
type WithEnds = 'lines' | 'transformers';
const NAMED = {
  lines: { word: 'line', feature: 'lineClosed' },
  transformers: { word: 'transformer', feature: 'transformerClosed' },
} as const;

/** Ends that stand elsewhere: closed, opened, and an open line's open point moved along the loop that closing it makes. */
function endHypotheses(grid: CompiledGrid, list: WithEnds): Hypothesis[] {
  const { document, busIndex } = grid;
  const { word, feature } = NAMED[list];
  const meshed = meshedBranches(grid);
  return document[list].flatMap(({ id, from, to, inService, fromClosed, toClosed }): Hypothesis[] => {
    if (!inService) return [];
    const buses = [busIndex.get(from)!, busIndex.get(to)!];
    const closed = fromClosed && toClosed;
    const common = { kind: 'switch', buses } as const;
    const says = `${word} ${id} is ${closed ? 'open' : 'closed'}`;
    const inField: InField = [{ feature, id, value: !closed }];
    if (closed) return meshed.has(id) ? [{ ...common, element: id, says, inField, ...opened(document, list, id) }] : [];
    const joined = withEnds(document, list, id, { fromClosed: true, toClosed: true });
    const hypothesis: Hypothesis = { ...common, element: id, says, inField, ...changedGrid(joined) };
    if (list !== 'lines') return [hypothesis];
    const moved = linesBetween(grid, from, to).map((other): Hypothesis => {
      const inField: InField = [
        { feature, id, value: true },
        { feature, id: other, value: false },
      ];
      const says = `line ${id} is closed and line ${other} open instead`;
      return { ...common, element: other, says, inField, ...opened(joined, list, other) };
    });
    return [hypothesis, ...moved];
  });
}

/** A line charges, and a transformer magnetises, from the end that is still closed: which one that is can matter. */
function opened(
  document: GridDocument,
  list: WithEnds,
  id: string,
): Pick<Hypothesis, 'likewise'> & ReturnType<typeof changedGrid> {
  const change = (fromClosed: boolean, toClosed: boolean) =>
    changedGrid(withEnds(document, list, id, { fromClosed, toClosed }));
  return { ...change(true, false), likewise: [change(false, true), change(false, false)] };
}

function withEnds(
  document: GridDocument,
  list: WithEnds,
  id: string,
  ends: { readonly fromClosed: boolean; readonly toClosed: boolean },
): GridDocument {
  return { ...document, [list]: document[list].map((one) => (one.id === id ? { ...one, ...ends } : one)) };
}

/** Ids of branches without which every bus still has its source: those on a loop, or on the way between two sources. */
function meshedBranches(grid: CompiledGrid): ReadonlySet<string> {
  const branches = grid.branches.filter(joins);
  const sources = grid.sources.map(({ bus }) => bus);
  const forest = spanForest(grid.busCount, branches, sources);
  const towards = (start: number): number[] => {
    const edges: number[] = [];
    for (let bus = start; forest.parentEdge[bus]! >= 0; bus = forest.parent[bus]!) edges.push(forest.parentEdge[bus]!);
    return edges;
  };
  const inTree = new Set(forest.parentEdge);
  const meshed = new Set<string>();
  branches.forEach((branch, edge) => {
    if (inTree.has(edge)) return;
    meshed.add(branch.id);
    const [a, b] = [new Set(towards(branch.from)), new Set(towards(branch.to))];
    // What both ways to a source have in common is no part of the loop.
    for (const one of a) if (!b.has(one)) meshed.add(branches[one]!.id);
    for (const one of b) if (!a.has(one)) meshed.add(branches[one]!.id);
  });
  return meshed;
}

/** Lines on the way from one bus to another; empty where there is none. */
function linesBetween(grid: CompiledGrid, from: string, to: string): string[] {
  const branches = grid.branches.filter(joins);
  const start = grid.busIndex.get(from)!;
  const forest = spanForest(grid.busCount, branches, [start]);
  const lines: string[] = [];
  for (let bus = grid.busIndex.get(to)!; bus !== start;) {
    const edge = forest.parentEdge[bus]!;
    if (edge < 0) return [];
    const branch = branches[edge]!;
    if (branch.kind === 'line') lines.push(branch.id);
    bus = branch.from === bus ? branch.to : branch.from;
  }
  return lines;
}

const PHASES = ['A', 'B', 'C'] as const;
/** Really on phase `order[p]` is what the meter calls phase p. */
export const PHASE_ORDERS = [
  [0, 2, 1],
  [2, 1, 0],
  [1, 0, 2],
  [1, 2, 0],
  [2, 0, 1],
] as const;

/** Phases as a meter names them. */
export const AS_NAMED: readonly number[] = [0, 1, 2];

/**
 * The meter at a bus has its phases in another order, or its customer is on another phase: its powers and voltages belong
 * to other phases. `known` is the order that its values have been brought out of already; `measured` are the phases on
 * which they stand now, fewer than three for a customer on one or two.
 */
export function phaseHypothesis(
  grid: CompiledGrid,
  bus: number,
  order: readonly number[],
  known: readonly number[],
  measured: readonly number[] = AS_NAMED,
): Hypothesis {
  const name = grid.busIds[bus]![0]!;
  const phases = known.map((p) => PHASES[order[p]!]!);
  const called = AS_NAMED.filter((p) => measured.includes(known[p]!));
  const list = (of: readonly string[]): string => `phase${of.length > 1 ? 's' : ''} ${of.join(' and ')}`;
  const says =
    called.length === 3
      ? `the meter at ${name} calls phases ${phases.join(', ')} by the names A, B, C`
      : `the meter at ${name} measures ${list(called.map((p) => phases[p]!))}, not ${list(called.map((p) => PHASES[p]!))}`;
  return {
    kind: 'phase',
    element: name,
    says,
    inField: [{ feature: 'meterPhases', id: name, value: phases.join('') }],
    buses: [bus],
    moved: { bus, order },
    apply: (problem) => reorder(problem, bus, order),
  };
}

/** Places stay, and structure where a kind has its three phases: the values change places among the phases of the bus. */
function reorder(problem: EstimationProblem, bus: number, order: readonly number[]): EstimationProblem | undefined {
  const measured = new Map<string, EstimatorMeasurement>();
  for (const m of problem.measurements) {
    if (m.kind !== 'sourceBalance' && m.place.at === 'bus' && m.place.bus === bus)
      measured.set(`${m.kind} ${m.phase}`, m);
  }
  if (measured.size === 0) return undefined;
  const measurements = problem.measurements.map((m): EstimatorMeasurement => {
    if (m.kind === 'sourceBalance' || m.place.at !== 'bus' || m.place.bus !== bus || m.phase === 'sum') return m;
    // A phasor's angle would turn along; who has phasors knows its phases.
    if ('angleRad' in m) return m;
    if (AS_NAMED.some((p) => !measured.has(`${m.kind} ${p}`))) return { ...m, phase: order[m.phase]! };
    const from = measured.get(`${m.kind} ${order.indexOf(m.phase)}`);
    return from === undefined || !('value' in from) ? m : { ...m, value: from.value, sigma: from.sigma };
  });
  return { ...problem, measurements };
}
