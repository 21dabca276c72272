/**
 * The core of a meshed grid: the loops and what lies between given voltages, all trees taken off. Its admittance matrix
 * is factorised once; each iteration of the sweeps solves it for the currents that the core's buses and trees draw.
 */
import type { CompiledGrid, ComplexBlock } from '../../grids/model.ts';
import { createBlockLu, type BlockLu, type BlockShape } from '../../numerics/block-lu.ts';
import { multiplyAdd } from '../../numerics/complex-block.ts';
import { patternFromPairs } from '../../numerics/ordering.ts';
import { alikeParts, isAlike, type SweepStructure } from './power-flow-sweep-structure.ts';

export interface SweepCore {
  /** Voltages of the core's slots when they draw `current`; both laid out by slot. Nothing else in `next` changes. */
  solve(current: Float64Array, next: Float64Array): void;
  /** A solver on the same factor with a right-hand side of its own. */
  clone(): SweepCore;
}

/**
 * Three phases whose blocks have one own and one mutual value decouple into three systems: with s = (a + b + c) / 3,
 * the vectors (s, s, s) see the zero-sequence admittance, the differences a - s and b - s the positive one. Otherwise
 * the blocks stay as they are.
 */
interface Coordinates {
  readonly shape: BlockShape;
  readonly block: (phases: ComplexBlock) => Float64Array;
  readonly toSystem: (x: Float64Array, from: number, w: Float64Array, to: number, factor: number) => void;
  readonly toPhases: (w: Float64Array, from: number, x: Float64Array, to: number) => void;
}

const PHASES: Coordinates = {
  shape: 'full',
  block: (y) => y,
  toSystem: (x, f, w, t, k) => add(x, f, w, t, k, 6),
  toPhases: (w, f, x, t) => copy(w, f, x, t, 6),
};
const SCALAR: Coordinates = {
  shape: 'scalar',
  block: (y) => y,
  toSystem: (x, f, w, t, k) => add(x, f, w, t, k, 2),
  toPhases: (w, f, x, t) => copy(w, f, x, t, 2),
};
const DIFFERENCES: Coordinates = {
  shape: 'diagonal',
  block: differenceBlock,
  toSystem: addDifferences,
  toPhases: fromDifferences,
};

/** Answers with half a sentence when the core cannot be solved: some phase or sequence of it floats. */
export function createSweepCore(grid: CompiledGrid, structure: SweepStructure): SweepCore | string {
  const { phases, held, treeStart } = structure;
  const coordinates = chooseCoordinates(structure);
  const lu = factorise(structure, coordinates);
  if (typeof lu === 'number')
    return `bus ${grid.busIds[lu]?.[0]} has a phase or sequence without a path to earth or source`;
  const stride = 2 * phases;
  const sources = new Float64Array(lu.length);
  for (const { slot, y, from } of boundaryEdges(structure)) {
    const driven = new Float64Array(stride);
    multiplyAdd(y, structure.heldVoltage, from * stride, driven, 0, phases);
    coordinates.toSystem(driven, 0, sources, stride * lu.position[slot - held]!, -1);
  }
  const place = Int32Array.from({ length: treeStart - held }, (_, k) => stride * lu.position[k]!);
  return withWork(lu, coordinates, sources, place, held * stride, stride);
}

function withWork(
  lu: BlockLu,
  coordinates: Coordinates,
  sources: Float64Array,
  place: Int32Array,
  first: number,
  stride: number,
): SweepCore {
  const w = new Float64Array(lu.length);
  const { toSystem, toPhases } = coordinates;
  return {
    solve: (current, next) => {
      w.set(sources);
      for (let k = 0; k < place.length; k++) toSystem(current, first + k * stride, w, place[k]!, -1);
      lu.solveOrdered(w);
      for (let k = 0; k < place.length; k++) toPhases(w, place[k]!, next, first + k * stride);
    },
    clone: () => withWork(lu, coordinates, sources, place, first, stride),
  };
}

function chooseCoordinates({ phases, coreBranches, coreShunts, coreSources }: SweepStructure): Coordinates {
  if (phases === 1) return SCALAR;
  const blocks = [
    ...coreBranches.flatMap((branch) => [branch.yff, branch.yft, branch.ytf, branch.ytt]),
    ...coreShunts.map(({ y }) => y),
    ...coreSources.map(({ y }) => y),
  ];
  return blocks.every((block) => isAlike(block, 3)) ? DIFFERENCES : PHASES;
}

/** The factor, or a bus whose pivot is singular. */
function factorise(structure: SweepStructure, { shape, block }: Coordinates): BlockLu | number {
  const { held, treeStart, slotOfBus, coreBranches, coreShunts, coreSources } = structure;
  const row = (bus: number): number => slotOfBus[bus]! - held;
  const pairs = coreBranches.map(({ from, to }) => [row(from), row(to)] as const).filter(([f, t]) => f >= 0 && t >= 0);
  const lu = createBlockLu(patternFromPairs(treeStart - held, pairs), shape);
  const put = (at: number, to: number, y: ComplexBlock): void => {
    if (at >= 0 && to >= 0) lu.add(at, to, block(y));
  };
  for (const { from, to, yff, yft, ytf, ytt } of coreBranches) {
    const f = row(from);
    const t = row(to);
    put(f, f, yff);
    put(f, t, yft);
    put(t, f, ytf);
    put(t, t, ytt);
  }
  for (const { bus, y } of coreShunts) put(row(bus), row(bus), y);
  for (const { bus, y } of coreSources) put(row(bus), row(bus), y);
  const singular = lu.factorise()[0];
  return singular === undefined ? lu : structure.busOfSlot[singular + held]!;
}

/** Where given voltages drive currents into the core: Y of the core's slot times the voltage of slot `from`. */
function boundaryEdges({
  held,
  slotOfBus,
  coreBranches,
  coreSources,
}: SweepStructure): { slot: number; from: number; y: ComplexBlock }[] {
  const isCore = (slot: number): boolean => slot >= held;
  return [
    ...coreBranches.flatMap(({ from, to, yft, ytf }) => {
      const f = slotOfBus[from]!;
      const t = slotOfBus[to]!;
      if (isCore(f) && !isCore(t)) return [{ slot: f, from: t, y: yft }];
      return isCore(t) && !isCore(f) ? [{ slot: t, from: f, y: ytf }] : [];
    }),
    ...coreSources.map(({ slot, bus, y }) => ({ slot: slotOfBus[bus]!, from: slot, y: y.map((value) => -value) })),
  ];
}

function add(x: Float64Array, from: number, w: Float64Array, to: number, factor: number, length: number): void {
  for (let e = 0; e < length; e++) w[to + e]! += factor * x[from + e]!;
}

function copy(w: Float64Array, from: number, x: Float64Array, to: number, length: number): void {
  for (let e = 0; e < length; e++) x[to + e] = w[from + e]!;
}

/** Own plus twice the mutual value (zero sequence), then own less mutual value for both differences. */
function differenceBlock(block: ComplexBlock): Float64Array {
  const [yr = 0, yi = 0, mr = 0, mi = 0] = alikeParts(block, 3);
  return Float64Array.of(yr + 3 * mr, yi + 3 * mi, yr, yi, yr, yi);
}

function addDifferences(x: Float64Array, from: number, w: Float64Array, to: number, factor: number): void {
  const sr = (x[from]! + x[from + 2]! + x[from + 4]!) / 3;
  const si = (x[from + 1]! + x[from + 3]! + x[from + 5]!) / 3;
  w[to]! += factor * sr;
  w[to + 1]! += factor * si;
  w[to + 2]! += factor * (x[from]! - sr);
  w[to + 3]! += factor * (x[from + 1]! - si);
  w[to + 4]! += factor * (x[from + 2]! - sr);
  w[to + 5]! += factor * (x[from + 3]! - si);
}

/** The third difference is minus the sum of the other two. */
function fromDifferences(w: Float64Array, from: number, x: Float64Array, to: number): void {
  const sr = w[from]!;
  const si = w[from + 1]!;
  const ar = w[from + 2]!;
  const ai = w[from + 3]!;
  const br = w[from + 4]!;
  const bi = w[from + 5]!;
  x[to] = sr + ar;
  x[to + 1] = si + ai;
  x[to + 2] = sr + br;
  x[to + 3] = si + bi;
  x[to + 4] = sr - ar - br;
  x[to + 5] = si - ai - bi;
}
