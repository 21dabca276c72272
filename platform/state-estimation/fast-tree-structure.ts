/**
 * A radial positive-sequence grid with its measurements as the tree estimator needs them: buses in an order in which each
 * stands behind the one that feeds it, and what is measured by place.
 */
import { joins } from '../../grids/compile.ts';
import type { CompiledBranch, CompiledGrid } from '../../grids/model.ts';
import { spanForest } from '../../grids/topology.ts';
import { add, complex, divide, multiply, polar, scale, type Complex } from '../../numerics/complex.ts';
import type { EstimationProblem, EstimatorMeasurement, ScalarMeasurement } from './estimator.ts';

/** Part of what is measured at a place: value = sum of weight times measured value, over those of one quantity. */
export interface Share {
  /** Number of the measurement in the problem, and of the quantity that it is a part of. */
  readonly measurement: number;
  readonly quantity: number;
  readonly weight: number;
  readonly sigma: number;
}

/** One power measured at one end of a branch. */
export interface FlowRow {
  readonly quantity: number;
  readonly reactive: boolean;
  /** At the end of the slot itself; else at that of its feeder. */
  readonly far: boolean;
}

/**
 * Slots count from the root on. Voltages are divided by `turn`, the product of the transformer ratios between root and
 * bus, and currents multiplied by its conjugate, so that powers stay and every branch is an impedance between shunts.
 */
export interface TreeStructure {
  readonly count: number;
  readonly busOfSlot: Int32Array;
  readonly parent: Int32Array;
  /** By slot, interleaved: impedance to the feeder, shunts at the bus, shunts of the branch at its near and far end. */
  readonly z: Float64Array;
  readonly y: Float64Array;
  readonly near: Float64Array;
  readonly far: Float64Array;
  readonly turn: Float64Array;
  readonly branchOfSlot: Int32Array;
  /** 1 where the branch's `from` side is the feeding one. */
  readonly fromNear: Uint8Array;
  /** Quantities: variance of each, and which measurements make up which. */
  readonly variance: Float64Array;
  readonly shares: readonly Share[];
  /** By slot: quantities of P, Q of the injection and of |v|; -1 for none. */
  readonly activeOf: Int32Array;
  readonly reactiveOf: Int32Array;
  readonly magnitudeOf: Int32Array;
  /** Rows of slot k are `flowStart[k] .. flowStart[k + 1]`, those of the far end first. */
  readonly flowStart: Int32Array;
  readonly flows: readonly FlowRow[];
}

/** Answers with half a sentence on what the tree estimator cannot do. */
export function createTreeStructure(problem: EstimationProblem): TreeStructure | string {
  const { grid } = problem;
  if (grid.phases !== 1) return 'it has three phases';
  const live = grid.branches.filter((branch) => joins(branch) && grid.energised[branch.from] === 1);
  const forest = spanForest(grid.busCount, live, [chooseRoot(problem)]);
  const alive = grid.energised.reduce((sum, one) => sum + one, 0);
  if (forest.order.length !== alive) return 'it has several islands';
  if (forest.loops > 0) return 'it has loops';
  const slotOfBus = new Int32Array(grid.busCount).fill(-1);
  forest.order.forEach((bus, slot) => (slotOfBus[bus] = slot));
  const parent = forest.order.map((bus) => (forest.parent[bus]! < 0 ? -1 : slotOfBus[forest.parent[bus]!]!));
  const edges = Array.from(forest.order, (bus) => live[forest.parentEdge[bus]!]);
  const network = layOutNetwork(grid, forest.order, parent, edges, slotOfBus);
  if (typeof network === 'string') return network;
  const measured = layOutMeasurements(problem, slotOfBus, network, edges);
  if (typeof measured === 'string') return measured;
  return { count: alive, busOfSlot: forest.order, parent, ...network, ...measured };
}

/** A bus whose injection nobody knows can only be the root; else the reference is as good as any. */
function chooseRoot({ grid, measurements, zeroInjections, referenceBus }: EstimationProblem): number {
  const known = new Set(zeroInjections);
  for (const one of measurements) {
    if (one.kind !== 'activePower' || one.place.at !== 'bus' || one.sigma === Number.POSITIVE_INFINITY) continue;
    known.add(one.place.bus);
  }
  for (let bus = 0; bus < grid.busCount; bus++) if (grid.energised[bus] === 1 && !known.has(bus)) return bus;
  return referenceBus;
}

type Network = Pick<TreeStructure, 'z' | 'y' | 'near' | 'far' | 'turn' | 'branchOfSlot' | 'fromNear'>;

const entry = (block: Float64Array): Complex => complex(block[0]!, block[1]);

function put(array: Float64Array, slot: number, value: Complex): void {
  array[2 * slot]! += value.re;
  array[2 * slot + 1]! += value.im;
}

function layOutNetwork(
  grid: CompiledGrid,
  order: Int32Array,
  parent: Int32Array,
  edges: readonly (CompiledBranch | undefined)[],
  slotOfBus: Int32Array,
): Network | string {
  const count = order.length;
  const numbers = (): Float64Array => new Float64Array(2 * count);
  const network = { z: numbers(), y: numbers(), near: numbers(), far: numbers(), turn: numbers() };
  const branchOfSlot = new Int32Array(count).fill(-1);
  const fromNear = new Uint8Array(count);
  const turns: Complex[] = [complex(1)];
  const square = (slot: number): number => turns[slot]!.re ** 2 + turns[slot]!.im ** 2;
  edges.forEach((branch, slot) => {
    if (branch === undefined) return;
    const above = parent[slot]!;
    fromNear[slot] = branch.to === order[slot] ? 1 : 0;
    branchOfSlot[slot] = branch.index;
    const edge = edgeOf(branch, fromNear[slot] === 1);
    turns.push(multiply(turns[above]!, edge.ratio));
    put(network.z, slot, scale(edge.z, 1 / square(slot)));
    put(network.near, slot, scale(edge.near, square(above)));
    put(network.far, slot, scale(edge.far, square(slot)));
    put(network.y, above, scale(edge.near, square(above)));
    put(network.y, slot, scale(edge.far, square(slot)));
  });
  turns.forEach((turn, slot) => put(network.turn, slot, turn));
  const bad = edges.find((branch) => branch !== undefined && !isReciprocal(branch));
  if (bad !== undefined) return `branch ${bad.id} carries power differently in its two directions`;
  for (const { bus, y } of grid.shunts) {
    if (slotOfBus[bus]! >= 0) put(network.y, slotOfBus[bus]!, scale(entry(y), square(slotOfBus[bus]!)));
  }
  for (const branch of grid.branches) {
    if (joins(branch)) continue;
    const ends = branch.from === branch.to ? [branch.yff, branch.yft, branch.ytf, branch.ytt] : [];
    for (const block of ends)
      if (slotOfBus[branch.from]! >= 0)
        put(network.y, slotOfBus[branch.from]!, scale(entry(block), square(slotOfBus[branch.from]!)));
    if (ends.length > 0) continue;
    if (slotOfBus[branch.from]! >= 0)
      put(network.y, slotOfBus[branch.from]!, scale(entry(branch.yff), square(slotOfBus[branch.from]!)));
    if (slotOfBus[branch.to]! >= 0)
      put(network.y, slotOfBus[branch.to]!, scale(entry(branch.ytt), square(slotOfBus[branch.to]!)));
  }
  return { ...network, branchOfSlot, fromNear };
}

/** |y_ft| = |y_tf|: an ideal ratio and an impedance. */
function isReciprocal({ yft, ytf }: CompiledBranch): boolean {
  const [a, b] = [Math.hypot(yft[0]!, yft[1]!), Math.hypot(ytf[0]!, ytf[1]!)];
  return Math.abs(a - b) <= 1e-9 * a;
}

/**
 * v_far = ratio v_near - z j with an impedance z between two shunts, from y_nf = -conj(ratio) / z, y_fn = -ratio / z,
 * y_ff = 1 / z + far, y_nn = |ratio|^2 / z + near. The two transfer admittances give the angle of the ratio; its size is
 * free (the shunts make up for it) and chosen so that the far shunt is small. A line has the ratio one.
 */
function edgeOf(
  branch: CompiledBranch,
  fromNear: boolean,
): { z: Complex; ratio: Complex; near: Complex; far: Complex } {
  const [nn, nf, fn, ff] = (
    fromNear ? [branch.yff, branch.yft, branch.ytf, branch.ytt] : [branch.ytt, branch.ytf, branch.yft, branch.yff]
  ).map(entry) as [Complex, Complex, Complex, Complex];
  const ratio = branch.kind === 'line' && nf.re === fn.re && nf.im === fn.im ? complex(1) : ratioOf(nf, fn, ff);
  const series = scale(divide(fn, ratio), -1);
  const square = ratio.re ** 2 + ratio.im ** 2;
  return {
    z: divide(complex(1), series),
    ratio,
    near: add(nn, scale(series, -square)),
    far: add(ff, scale(series, -1)),
  };
}

function ratioOf(nf: Complex, fn: Complex, ff: Complex): Complex {
  const twice = divide(fn, nf);
  const half = Math.atan2(twice.im, twice.re) / 2;
  const size = Math.hypot(fn.re, fn.im) / Math.hypot(ff.re, ff.im);
  const ratio = polar(size, half);
  // Of the two square roots the one with which the series admittance points where y_ff does.
  const series = scale(divide(fn, ratio), -1);
  return series.re * ff.re + series.im * ff.im > 0 ? ratio : scale(ratio, -1);
}

interface Draft {
  readonly slots: Map<string, number>;
  readonly members: { readonly measurement: number; readonly sigma: number }[][];
}

/** Measurements of one quantity count as one, weighted by their variances. */
function quantityOf(draft: Draft, key: string, measurement: number, sigma: number): number {
  let quantity = draft.slots.get(key);
  if (quantity === undefined) {
    quantity = draft.members.length;
    draft.slots.set(key, quantity);
    draft.members.push([]);
  }
  draft.members[quantity]!.push({ measurement, sigma });
  return quantity;
}

type Measured = Pick<
  TreeStructure,
  'variance' | 'shares' | 'activeOf' | 'reactiveOf' | 'magnitudeOf' | 'flowStart' | 'flows'
>;

function layOutMeasurements(
  problem: EstimationProblem,
  slotOfBus: Int32Array,
  network: Network,
  edges: readonly (CompiledBranch | undefined)[],
): Measured | string {
  const count = edges.length;
  const draft: Draft = { slots: new Map(), members: [] };
  const [activeOf, reactiveOf, magnitudeOf] = [0, 1, 2].map(() => new Int32Array(count).fill(-1)) as [
    Int32Array,
    Int32Array,
    Int32Array,
  ];
  const rows: FlowRow[][] = Array.from({ length: count }, () => []);
  const slotOfBranch = new Map(Array.from(network.branchOfSlot, (branch, slot) => [branch, slot]));
  for (const [index, measurement] of problem.measurements.entries()) {
    if (!isSupported(measurement)) return `it has measurements of other kinds (${measurement.id})`;
    const { kind, place, sigma } = measurement;
    if (sigma === Number.POSITIVE_INFINITY) continue;
    if (place.at === 'bus') {
      const slot = slotOfBus[place.bus]!;
      if (slot < 0) continue;
      const list = kind === 'voltageMagnitude' ? magnitudeOf : kind === 'activePower' ? activeOf : reactiveOf;
      list[slot] = quantityOf(draft, `${kind} ${slot}`, index, sigma);
      continue;
    }
    const slot = slotOfBranch.get(place.branch);
    if (slot === undefined || kind === 'voltageMagnitude') return `${measurement.id} stands at no branch of the tree`;
    const far = (place.at === 'from') === (network.fromNear[slot] === 0);
    const known = draft.slots.has(`${kind} ${slot} ${far}`);
    const quantity = quantityOf(draft, `${kind} ${slot} ${far}`, index, sigma);
    if (!known) rows[slot]!.push({ quantity, reactive: kind === 'reactivePower', far });
  }
  const zero = new Set(problem.zeroInjections.map((bus) => slotOfBus[bus]!));
  for (let slot = 0; slot < count; slot++) {
    if (zero.has(slot)) continue;
    const both = activeOf[slot]! >= 0 && reactiveOf[slot]! >= 0;
    const none = activeOf[slot]! < 0 && reactiveOf[slot]! < 0;
    if (!both && !(slot === 0 && none))
      return `the injection of a bus is not known (${problem.grid.busIds[slot]?.[0]})`;
  }
  for (const slot of zero) if (slot === 0) return 'its root has no injection';
  const variance = Float64Array.from(
    draft.members,
    (all) => 1 / all.reduce((sum, { sigma }) => sum + 1 / sigma ** 2, 0),
  );
  const shares = draft.members.flatMap((all, quantity) =>
    all.map(({ measurement, sigma }) => ({ measurement, quantity, sigma, weight: variance[quantity]! / sigma ** 2 })),
  );
  const flowStart = new Int32Array(count + 1);
  rows.forEach((own, slot) => (flowStart[slot + 1] = flowStart[slot]! + own.length));
  const flows = rows.flatMap((own) => own.toSorted((a, b) => Number(b.far) - Number(a.far)));
  return { variance, shares, activeOf, reactiveOf, magnitudeOf, flowStart, flows };
}

function isSupported(measurement: EstimatorMeasurement): measurement is ScalarMeasurement {
  return (
    (measurement.kind === 'voltageMagnitude' ||
      measurement.kind === 'activePower' ||
      measurement.kind === 'reactivePower') &&
    measurement.shared === undefined &&
    !(measurement.kind === 'voltageMagnitude' && measurement.place.at !== 'bus')
  );
}
