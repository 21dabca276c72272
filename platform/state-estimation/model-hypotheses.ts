/**
 * Ways in which the grid on paper may differ from the grid in the field, each as a change of the problem: a switch, a
 * line end or an open point that stands elsewhere, a tap in another position, a meter whose phases are swapped.
 */
import { compileGrid, joins } from '../../grids/compile.ts';
import type { CompiledGrid } from '../../grids/model.ts';
import type { GridDocument } from '../../grids/schema.ts';
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
  /** The problem as it is if this holds; undefined where the problem has nothing to do with it. */
  apply(problem: EstimationProblem): EstimationProblem | undefined;
}

/** A document with something changed, compiled once; measurements keep their places by the ids of buses and branches. */
function changedGrid(document: GridDocument): (problem: EstimationProblem) => EstimationProblem | undefined {
  let grid: CompiledGrid | undefined;
  return (problem) => {
    grid ??= compileGrid(document);
    const of = problem.grid;
    const busAt = (bus: number) => grid!.busIndex.get(of.busIds[bus]![0]!)!;
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
}

/** Every tap changer within `steps` of its position, inside its range. */
export function tapHypotheses(document: GridDocument, steps: number = 4): Hypothesis[] {
  return document.transformers.flatMap(({ id, tap }) => {
    if (tap === undefined) return [];
    const { position, min = -Infinity, max = Infinity } = tap;
    return Array.from({ length: 2 * steps + 1 }, (_, i) => position + i - steps)
      .filter((other) => other !== position && other >= min && other <= max)
      .map((other): Hypothesis => {
        const transformers = document.transformers.map((unit) =>
          unit.id === id ? { ...unit, tap: { ...tap, position: other } } : unit,
        );
        const says = `the tap of ${id} stands at ${other}, not at ${position}`;
        const inField: InField = [{ feature: 'tapPosition', id, value: other }];
        return { kind: 'tap', element: id, says, inField, apply: changedGrid({ ...document, transformers }) };
      });
  });
}

/**
 * Bus switches the other way round, open line ends closed, and open points moved: the open end closed and a line of the
 * loop that this makes open instead.
 */
export function switchHypotheses(document: GridDocument): Hypothesis[] {
  const hypotheses: Hypothesis[] = document.switches.map(({ id, closed }) => {
    const switches = document.switches.map((one) => (one.id === id ? { ...one, closed: !closed } : one));
    const says = `switch ${id} is ${closed ? 'open' : 'closed'}`;
    const inField: InField = [{ feature: 'switchClosed', id, value: !closed }];
    return { kind: 'switch', element: id, says, inField, apply: changedGrid({ ...document, switches }) };
  });
  const grid = compileGrid(document);
  for (const line of document.lines) {
    if (!line.inService || (line.fromClosed && line.toClosed)) continue;
    const closed = withLine(document, line.id, { fromClosed: true, toClosed: true });
    const isClosed = { feature: 'lineClosed', id: line.id, value: true } as const;
    hypotheses.push({
      kind: 'switch',
      element: line.id,
      says: `line ${line.id} is closed`,
      inField: [isClosed],
      apply: changedGrid(closed),
    });
    for (const other of linesBetween(grid, line.from, line.to)) {
      const moved = withLine(closed, other, { toClosed: false });
      const says = `line ${line.id} is closed and line ${other} open instead`;
      const isOpen = { feature: 'lineClosed', id: other, value: false } as const;
      hypotheses.push({ kind: 'switch', element: other, says, inField: [isClosed, isOpen], apply: changedGrid(moved) });
    }
  }
  return hypotheses;
}

function withLine(document: GridDocument, id: string, change: Partial<GridDocument['lines'][number]>): GridDocument {
  return { ...document, lines: document.lines.map((line) => (line.id === id ? { ...line, ...change } : line)) };
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
 * The meter at a bus has its phases in another order: its powers and voltages belong to other phases. `known` is the
 * order that its values have been brought out of already.
 */
export function phaseHypothesis(
  grid: CompiledGrid,
  bus: number,
  order: readonly number[],
  known: readonly number[],
): Hypothesis {
  const name = grid.busIds[bus]![0]!;
  const phases = known.map((p) => PHASES[order[p]!]!);
  return {
    kind: 'phase',
    element: name,
    says: `the meter at ${name} calls phases ${phases.join(', ')} by the names A, B, C`,
    inField: [{ feature: 'meterPhases', id: name, value: phases.join('') }],
    apply: (problem) => reorder(problem, bus, order),
  };
}

/** Structure and places stay; the values of each kind change places among the phases of the bus. */
function reorder(problem: EstimationProblem, bus: number, order: readonly number[]): EstimationProblem | undefined {
  const measured = new Map<string, EstimatorMeasurement>();
  for (const m of problem.measurements) {
    if (m.kind !== 'sourceBalance' && m.place.at === 'bus' && m.place.bus === bus)
      measured.set(`${m.kind} ${m.phase}`, m);
  }
  if (measured.size === 0) return undefined;
  const measurements = problem.measurements.map((m): EstimatorMeasurement => {
    if (m.kind === 'sourceBalance' || m.place.at !== 'bus' || m.place.bus !== bus || m.phase === 'sum') return m;
    const from = measured.get(`${m.kind} ${order.indexOf(m.phase)}`);
    // A phasor's angle would turn along; who has phasors knows its phases.
    if (from === undefined || 'angleRad' in m || !('value' in from)) return m;
    return { ...m, value: from.value, sigma: from.sigma };
  });
  return { ...problem, measurements };
}
