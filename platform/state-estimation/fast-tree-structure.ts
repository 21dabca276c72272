/**
 * A radial positive-sequence grid with its measurements as the tree estimator needs them: buses in an order in which each
 * stands behind the one that feeds it, and what is measured by place.
 */
import { joins } from '../../grids/compile.ts';
import type { CompiledBranch, CompiledGrid, ComplexBlock } from '../../grids/model.ts';
import { spanForest } from '../../grids/topology.ts';
import { add, complex, divide, multiply, polar, scale, type Complex } from '../../numerics/complex.ts';
import { SIGMA_ABSENT } from './equations/load.ts';
import type { EstimationProblem, EstimatorMeasurement, PhasorMeasurement, ScalarMeasurement } from './estimator.ts';

/** What is measured of a voltage, or of the current and power at one end of a branch. */
export const SEEN_AS = {
  active: 0,
  reactive: 1,
  magnitude: 2,
  angle: 3,
  /** A phasor's parts along and across its own measured direction. */
  radial: 4,
  tangential: 5,
} as const;

/** Which measured value goes into which quantity: several of one place and kind are one quantity, their weighted mean. */
export interface Share {
  /** Number of the measurement in the problem, and of the quantity that it is a part of. */
  readonly measurement: number;
  readonly quantity: number;
}

/** What is measured of the voltage at a slot. */
export interface VoltageRow {
  readonly quantity: number;
  readonly seenAs: number;
}

/** What is measured at one end of the branch that feeds a slot. */
export interface FlowRow extends VoltageRow {
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
  /** How many quantities there are, and which measurements make up which, in the order of the measurements. */
  readonly quantities: number;
  readonly shares: readonly Share[];
  /** 1 where a quantity is the part of a phasor across its direction: zero, with the sigma of the angle. */
  readonly isAcross: Uint8Array;
  /** By slot: quantities of P and Q of the injection; -1 for none. */
  readonly activeOf: Int32Array;
  readonly reactiveOf: Int32Array;
  /** 1 where there is no injection. */
  readonly isZero: Uint8Array;
  /** Rows of slot k are `voltageStart[k] .. voltageStart[k + 1]`. */
  readonly voltageStart: Int32Array;
  readonly voltages: readonly VoltageRow[];
  /** Rows of slot k are `flowStart[k] .. flowStart[k + 1]`, those of the far end first. */
  readonly flowStart: Int32Array;
  readonly flows: readonly FlowRow[];
  /** Slot of the first voltage whose angle is measured; -1 without one: the root's angle is then zero. */
  readonly anchor: number;
}

/** Answers with half a sentence on what the tree estimator cannot do. */
export function createTreeStructure(problem: EstimationProblem): TreeStructure | string {
  const { grid } = problem;
  if (grid.phases !== 1) return 'it has three phases';
  const root = chooseRoot(problem);
  if (root !== problem.referenceBus) return 'what its reference bus injects is known, that of another bus is not';
  const live = grid.branches.filter((branch) => joins(branch) && grid.energised[branch.from] === 1);
  const forest = spanForest(grid.busCount, live, [root]);
  const alive = grid.energised.reduce((sum, one) => sum + one, 0);
  if (forest.order.length !== alive) return 'it has several islands';
  if (forest.loops > 0) return 'it has loops';
  const slotOfBus = new Int32Array(grid.busCount).fill(-1);
  forest.order.forEach((bus, slot) => (slotOfBus[bus] = slot));
  const parent = forest.order.map((bus) => (forest.parent[bus]! < 0 ? -1 : slotOfBus[forest.parent[bus]!]!));
  const edges = Array.from(forest.order, (bus) => live[forest.parentEdge[bus]!]);
  const network = layOutNetwork(grid, forest.order, parent, edges, slotOfBus);
  if (typeof network === 'string') return network;
  const measured = layOutMeasurements(problem, slotOfBus, network, forest.order);
  if (typeof measured === 'string') return measured;
  return { count: alive, busOfSlot: forest.order, parent, ...network, ...measured };
}

/** A bus whose injection nobody knows can only be the root; else the reference is as good as any. */
function chooseRoot({ grid, measurements, zeroInjections, referenceBus }: EstimationProblem): number {
  const known = new Set(zeroInjections);
  for (const one of measurements) {
    if (one.kind !== 'activePower' || one.place.at !== 'bus' || !isPresent(one)) continue;
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
    for (const end of ['from', 'to'] as const) {
      const slot = slotOfBus[branch[end]]!;
      if (slot >= 0) for (const y of blocksAtEnd(branch, end)) put(network.y, slot, scale(entry(y), square(slot)));
    }
  }
  return { ...network, branchOfSlot, fromNear };
}

/** What a branch that joins nothing draws at one of its ends, of the voltage there alone. */
export function blocksAtEnd(branch: CompiledBranch, end: 'from' | 'to'): readonly ComplexBlock[] {
  const [own, transfer] = end === 'from' ? [branch.yff, branch.yft] : [branch.ytt, branch.ytf];
  return branch.from === branch.to ? [own, transfer] : [own];
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

/** Measurements by quantity while they are laid out. */
interface Draft {
  readonly numbers: Map<string, number>;
  readonly shares: Share[];
  readonly isAcross: number[];
}

type Laid = Pick<
  TreeStructure,
  | 'quantities'
  | 'shares'
  | 'isAcross'
  | 'activeOf'
  | 'reactiveOf'
  | 'isZero'
  | 'voltageStart'
  | 'voltages'
  | 'flowStart'
  | 'flows'
  | 'anchor'
>;

function layOutMeasurements(
  problem: EstimationProblem,
  slotOfBus: Int32Array,
  network: Network,
  order: Int32Array,
): Laid | string {
  const count = order.length;
  const draft: Draft = { numbers: new Map(), shares: [], isAcross: [] };
  const activeOf = new Int32Array(count).fill(-1);
  const reactiveOf = new Int32Array(count).fill(-1);
  const voltageRows: VoltageRow[][] = Array.from({ length: count }, () => []);
  const flowRows: FlowRow[][] = Array.from({ length: count }, () => []);
  const slotOfBranch = new Map(Array.from(network.branchOfSlot, (branch, slot) => [branch, slot]));
  let anchor = -1;
  let synchronised = false;
  for (const [index, measurement] of problem.measurements.entries()) {
    if (!isSupported(measurement)) return `it has measurements of other kinds (${measurement.id})`;
    const { kind, place } = measurement;
    const branchSlot = place.at === 'bus' ? -1 : (slotOfBranch.get(place.branch) ?? -1);
    const slot = place.at === 'bus' ? slotOfBus[place.bus] : branchSlot;
    if (slot === undefined || (place.at !== 'bus' && slot < 0))
      return `${measurement.id} stands at no branch of the tree`;
    if (!isPresent(measurement) || slot < 0) continue;
    synchronised ||= measuresAngle(measurement);
    if (place.at === 'bus' && (kind === 'activePower' || kind === 'reactivePower')) {
      (kind === 'activePower' ? activeOf : reactiveOf)[slot] = quantityOf(draft, `${kind} ${slot}`, index);
      continue;
    }
    if (place.at === 'bus') {
      for (const seenAs of viewsOf(measurement)) {
        const { quantity, isNew } = rowOf(draft, `bus ${slot}`, seenAs, index);
        if (isNew) voltageRows[slot]!.push({ quantity, seenAs });
      }
      if (anchor < 0 && measuresAngle(measurement)) anchor = slot;
      continue;
    }
    const far = (place.at === 'from') === (network.fromNear[slot] === 0);
    for (const seenAs of viewsOf(measurement)) {
      const { quantity, isNew } = rowOf(draft, `${far ? 'far' : 'near'} ${slot}`, seenAs, index);
      if (isNew) flowRows[slot]!.push({ quantity, seenAs, far });
    }
  }
  if (synchronised && anchor < 0) return 'angles are measured of currents only';
  if (voltageRows.every((rows) => rows.every(({ seenAs }) => seenAs === SEEN_AS.angle)))
    return 'no voltage is measured';
  const isZero = new Uint8Array(count);
  for (const bus of problem.zeroInjections) if (slotOfBus[bus]! >= 0) isZero[slotOfBus[bus]!] = 1;
  for (let slot = 0; slot < count; slot++) {
    const known = Number(activeOf[slot]! >= 0) + Number(reactiveOf[slot]! >= 0);
    const bus = problem.grid.busIds[order[slot]!]?.[0] ?? '';
    if (isZero[slot] === 1 && known > 0) return `an injection is measured where there is none (${bus})`;
    if (isZero[slot] === 1 && slot === 0) return 'its root has no injection';
    const fits = known === 2 || isZero[slot] === 1 || (slot === 0 && known === 0);
    if (!fits) return `the injection of a bus is not known (${bus})`;
  }
  return {
    quantities: draft.isAcross.length,
    shares: draft.shares,
    isAcross: Uint8Array.from(draft.isAcross),
    activeOf,
    reactiveOf,
    isZero,
    voltageStart: startsOf(voltageRows),
    voltages: voltageRows.flat(),
    flowStart: startsOf(flowRows),
    flows: flowRows.flatMap((own) => own.toSorted((a, b) => Number(b.far) - Number(a.far))),
    anchor,
  };
}

/** The quantity under this key, with one more measurement in it. */
function quantityOf(draft: Draft, key: string, measurement: number): number {
  const { numbers, shares, isAcross } = draft;
  let quantity = numbers.get(key);
  if (quantity === undefined) {
    quantity = isAcross.length;
    numbers.set(key, quantity);
    isAcross.push(0);
  }
  shares.push({ measurement, quantity });
  return quantity;
}

/** Angles have no mean, and every phasor a direction of its own: each is a quantity for itself. */
function rowOf(
  draft: Draft,
  place: string,
  seenAs: number,
  measurement: number,
): { readonly quantity: number; readonly isNew: boolean } {
  const alone = seenAs >= SEEN_AS.angle ? ` ${measurement}` : '';
  const before = draft.isAcross.length;
  const quantity = quantityOf(draft, `${place} ${seenAs}${alone}`, measurement);
  if (seenAs === SEEN_AS.tangential) draft.isAcross[quantity] = 1;
  return { quantity, isNew: draft.isAcross.length > before };
}

function startsOf(lists: readonly (readonly unknown[])[]): Int32Array {
  const start = new Int32Array(lists.length + 1);
  lists.forEach((own, slot) => (start[slot + 1] = start[slot]! + own.length));
  return start;
}

const VIEWS: Readonly<Record<Supported['kind'], readonly number[]>> = {
  activePower: [SEEN_AS.active],
  reactivePower: [SEEN_AS.reactive],
  voltageMagnitude: [SEEN_AS.magnitude],
  voltageAngle: [SEEN_AS.angle],
  voltagePhasor: [SEEN_AS.radial, SEEN_AS.tangential],
  currentPhasor: [SEEN_AS.radial, SEEN_AS.tangential],
};

function viewsOf({ kind }: Supported): readonly number[] {
  return VIEWS[kind];
}

function measuresAngle({ kind }: Supported): boolean {
  return VIEWS[kind][0]! >= SEEN_AS.angle;
}

function isPresent({ sigma }: EstimatorMeasurement): boolean {
  return sigma < SIGMA_ABSENT;
}

type Supported = (ScalarMeasurement | PhasorMeasurement) & {
  readonly kind: Exclude<EstimatorMeasurement['kind'], 'sourceBalance' | 'currentMagnitude' | 'currentAngle'>;
};

/**
 * Voltages at buses, powers anywhere, current phasors at branch ends; nothing with a cause that others share, and neither
 * magnitudes nor angles of currents alone: they may have several answers, and which one it is depends on the way there.
 */
function isSupported(measurement: EstimatorMeasurement): measurement is Supported {
  if (measurement.kind === 'sourceBalance' || !(measurement.kind in VIEWS)) return false;
  if ('shared' in measurement && measurement.shared !== undefined) return false;
  if (measurement.phase !== 0 && measurement.phase !== 'sum') return false;
  const isPower = measurement.kind === 'activePower' || measurement.kind === 'reactivePower';
  if (measurement.phase === 'sum' && !isPower) return false;
  return isPower || measurement.kind.startsWith('voltage') === (measurement.place.at === 'bus');
}
