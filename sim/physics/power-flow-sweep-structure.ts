/**
 * A grid as the sweeps see it, worked out once per topology: trees of buses that hang from a core, in an order in which
 * every bus stands behind the one that feeds it. In a radial grid the core is nothing but the voltages that are given.
 */
import { joins } from '../../grids/compile.ts';
import type { CompiledBranch, CompiledGrid, ComplexBlock } from '../../grids/model.ts';
import { invertBlock, multiplyBlocks } from '../../numerics/complex-block.ts';
import {
  addBlock,
  assignSlots,
  createGraph,
  findParents,
  type Edge,
  type Graph,
  type Slots,
} from './power-flow-sweep-graph.ts';

/**
 * What the edge from a bus to its feeding bus is. With v and j its voltage and the current that it and everything behind
 * it draw, and vp the voltage of the feeding bus, which draws m more:
 *
 * - `series`: v = vp - z j, m = j. Three phases are coupled alike: z j = z1 j + zb (ja + jb + jc), zb = (z0 - z1) / 3.
 * - `matrix`: v = vp - Z j, m = j, any 3x3 matrix Z.
 * - `transfer`: v = A vp - Z j, m = M j: transformers, and lines that lack symmetry between their ends.
 */
export type EdgeKind = 'series' | 'matrix' | 'transfer';

/** Neighbouring slots with edges of one kind. */
export interface Run {
  readonly kind: EdgeKind;
  readonly start: number;
  readonly end: number;
}

/** What a current and a voltage are multiplied by on their way over an edge; `a` and `m` of `transfer` edges. */
interface EdgeMatrices {
  readonly minusZ: ComplexBlock;
  readonly a?: ComplexBlock;
  readonly m?: ComplexBlock;
}

/** One branch of the grid seen from the edge that it belongs to. */
export interface EdgeBranch {
  readonly branch: CompiledBranch;
  /** Its `from` side is the feeding one. */
  readonly fromNear: boolean;
}

/**
 * Slots are the places of voltages: first the given ones, then those of the core, then the trees. Blocks and vectors are
 * interleaved re, im; three-phase vectors have 6 numbers a slot, balanced ones 2.
 */
export interface SweepStructure {
  readonly phases: 1 | 3;
  readonly held: number;
  readonly treeStart: number;
  readonly count: number;
  /** Bus of each slot; -1 for the internal voltage of a source. */
  readonly busOfSlot: Int32Array;
  /** Slot of each bus; -1 in dead islands. */
  readonly slotOfBus: Int32Array;
  /** Where the vector of the slot begins that feeds each slot of a tree. */
  readonly feeder: Int32Array;
  readonly runs: readonly Run[];
  /**
   * By slot, what a `series` edge and the bus need: z, y (4 numbers); in three phases z1, zb, y1, yb (8), where y v is
   * the current of the shunts at the bus, the line ends there included. Zero where another array says it.
   */
  readonly constants: Float64Array;
  /** Of `matrix` and `transfer` edges, by slot. */
  readonly matrices: readonly (EdgeMatrices | undefined)[];
  /** Shunts whose phases are not coupled alike. */
  readonly unlikeShunts: readonly { readonly slot: number; readonly y: ComplexBlock }[];
  /** Given voltages. */
  readonly heldVoltage: Float64Array;
  /** The branches of the edge of each slot, parallel ones together; empty outside the trees and behind a source. */
  readonly edgeBranches: readonly (readonly EdgeBranch[])[];
  /** What the core is made of; its shunts are in `coreShunts`, not in `constants`. */
  readonly coreBranches: readonly CompiledBranch[];
  readonly coreSources: readonly { readonly slot: number; readonly bus: number; readonly y: ComplexBlock }[];
  readonly coreShunts: readonly { readonly bus: number; readonly y: ComplexBlock }[];
}

/** Relative difference up to which entries of a block count as equal: rounding of the set-up. */
const ALIKE = 1e-12;

/** Largest shunt current of a line end, relative to its voltage over its series impedance, that a sweep may iterate on. */
const LARGEST_LINE_SHUNT = 0.02;

/**
 * Takes the grid apart. Answers with half a sentence instead when some edge of a tree cannot be written in the forms
 * above: a bus that lacks a phase, or one whose zero sequence floats.
 */
export function createSweepStructure(grid: CompiledGrid): SweepStructure | string {
  const graph = createGraph(grid);
  const slots = assignSlots(graph, findParents(graph));
  return fillStructure(grid, graph, slots);
}

/** Everything by slot. Shunts and line ends gather at their buses; edges are sorted by kind as they come. */
function fillStructure(grid: CompiledGrid, graph: Graph, slots: Slots): SweepStructure | string {
  const { phases, busCount } = grid;
  const { nodeOfSlot, slotOfNode, held, treeStart, parent, parentEdge } = slots;
  const count = nodeOfSlot.length;
  const busShunt = gatherBranchlessShunts(grid);

  const kinds: EdgeKind[] = [];
  const forms: EdgeForm[] = [];
  const edgeBranches: EdgeBranch[][] = Array.from({ length: count }, () => []);
  const feeder = new Int32Array(count).fill(-1);
  for (let slot = treeStart; slot < count; slot++) {
    const node = nodeOfSlot[slot]!;
    const edge = graph.edges[parentEdge[node]!]!;
    const form = edgeForm(turnTo(edge, node), phases);
    if (form === undefined) return `bus ${grid.busIds[node]?.[0]} has a phase or sequence without a path to its source`;
    forms.push(form);
    kinds.push(form.kind);
    feeder[slot] = 2 * phases * slotOfNode[parent[node]!]!;
    addAt(busShunt, parent[node]!, form.nearShunt);
    if (form.farShunt !== undefined) addAt(busShunt, node, form.farShunt);
    edgeBranches[slot] = edge.branches.map((branch) => ({ branch, fromNear: branch.to === node }));
  }

  const stride = phases === 1 ? 4 : 8;
  const constants = new Float64Array(stride * count);
  const unlikeShunts: { slot: number; y: ComplexBlock }[] = [];
  const coreShunts: { bus: number; y: ComplexBlock }[] = [];
  for (const [node, y] of busShunt) {
    const slot = slotOfNode[node]!;
    if (slot < held) continue;
    if (slot < treeStart) coreShunts.push({ bus: node, y });
    else if (isAlike(y, phases)) constants.set(alikeParts(y, phases), slot * stride + stride / 2);
    else unlikeShunts.push({ slot, y });
  }
  const matrices: (EdgeMatrices | undefined)[] = Array.from({ length: treeStart });
  forms.forEach(({ kind, z, a, m }, k) => {
    if (kind === 'series') constants.set(alikeParts(z, phases), (treeStart + k) * stride);
    const minusZ = z.map((value) => -value);
    matrices.push(kind === 'series' ? undefined : { minusZ, ...(a && m && { a, m }) });
  });
  const core = coreParts(grid, graph, slots);
  const heldVoltage = new Float64Array(2 * phases * held);
  for (let slot = 0; slot < held; slot++) heldVoltage.set(graph.heldVoltage.get(nodeOfSlot[slot]!)!, 2 * phases * slot);
  return {
    phases,
    held,
    treeStart,
    count,
    busOfSlot: nodeOfSlot.map((node) => (node < busCount ? node : -1)),
    slotOfBus: slotOfNode.slice(0, busCount),
    feeder,
    runs: findRuns(kinds, treeStart),
    constants,
    matrices,
    unlikeShunts,
    heldVoltage,
    edgeBranches,
    ...core,
    coreShunts,
  };
}

/** Shunts of the document and what branches that end in the open, or at a dead bus, draw at their live end. */
function gatherBranchlessShunts(grid: CompiledGrid): Map<number, Float64Array> {
  const shunts = new Map<number, Float64Array>();
  const add = (bus: number, y: ComplexBlock): void => {
    if (grid.energised[bus] === 1 && y.some((value) => value !== 0)) addAt(shunts, bus, y);
  };
  for (const { bus, y } of grid.shunts) add(bus, y);
  for (const branch of grid.branches) {
    if (joins(branch)) continue;
    add(branch.from, branch.yff);
    add(branch.to, branch.ytt);
    // Beside a closed switch both ends are one bus, and what flows from one to the other stays there.
    if (branch.from !== branch.to) continue;
    add(branch.from, branch.yft);
    add(branch.from, branch.ytf);
  }
  return shunts;
}

function addAt(sums: Map<number, Float64Array>, key: number, y: ComplexBlock): void {
  const sum = sums.get(key);
  if (sum === undefined) sums.set(key, y.slice());
  else addBlock(sum, y);
}

/** A two-port seen from its feeding (near) end. */
interface TwoEnds {
  readonly nn: ComplexBlock;
  readonly nf: ComplexBlock;
  readonly fn: ComplexBlock;
  readonly ff: ComplexBlock;
  readonly line: boolean;
}

function turnTo({ from, yff, yft, ytf, ytt, line }: Edge, far: number): TwoEnds {
  return from === far ? { nn: ytt, nf: ytf, fn: yft, ff: yff, line } : { nn: yff, nf: yft, fn: ytf, ff: ytt, line };
}

interface EdgeForm {
  readonly kind: EdgeKind;
  readonly z: ComplexBlock;
  readonly a?: ComplexBlock;
  readonly m?: ComplexBlock;
  readonly nearShunt: ComplexBlock;
  readonly farShunt?: ComplexBlock;
}

/**
 * A line is an impedance between its two shunts; anything else, from i_near = ynn vp + ynf v, -j = yfn vp + yff v:
 * v = -yff^-1 yfn vp - yff^-1 j and m = i_near = (ynn - ynf yff^-1 yfn) vp - ynf yff^-1 j.
 */
function edgeForm(ends: TwoEnds, phases: 1 | 3): EdgeForm | undefined {
  const { nn, nf, fn, ff, line } = ends;
  const shunts = line ? shuntsOf(ends) : undefined;
  if (shunts !== undefined) {
    const z = nf.map((value) => -value);
    if (!invertBlock(z, phases)) return undefined;
    return { kind: isAlike(z, phases) ? 'series' : 'matrix', z, nearShunt: shunts.near, farShunt: shunts.far };
  }
  const z = ff.slice();
  if (!invertBlock(z, phases)) return undefined;
  const a = product(z, fn, phases).map((value) => -value);
  const m = product(nf, z, phases).map((value) => -value);
  return { kind: 'transfer', z, a, m, nearShunt: plus(nn, product(nf, a, phases)) };
}

/** Shunts at both ends of what is an impedance between them; undefined when they are too large to iterate on. */
function shuntsOf({ nn, nf, fn, ff }: Omit<TwoEnds, 'line'>): { near: ComplexBlock; far: ComplexBlock } | undefined {
  const near = plus(nn, nf);
  const far = plus(ff, fn);
  const small = largest(far) + largest(near) < LARGEST_LINE_SHUNT * largest(nf);
  return small && areClose(nf, fn) ? { near, far } : undefined;
}

/** Shunts at the feeding and the far end of a line that is a `series` or `matrix` edge; undefined for anything else. */
export function lineShunts(
  branch: CompiledBranch,
  fromNear: boolean,
): { near: ComplexBlock; far: ComplexBlock } | undefined {
  const { yff, yft, ytf, ytt } = branch;
  if (branch.kind !== 'line') return undefined;
  return shuntsOf(fromNear ? { nn: yff, nf: yft, fn: ytf, ff: ytt } : { nn: ytt, nf: ytf, fn: yft, ff: yff });
}

function plus(a: ComplexBlock, b: ComplexBlock): Float64Array {
  return a.map((value, k) => value + b[k]!);
}

function product(a: ComplexBlock, b: ComplexBlock, phases: 1 | 3): Float64Array {
  const result = new Float64Array(a.length);
  multiplyBlocks(a, b, result, phases);
  return result;
}

function largest(block: ComplexBlock): number {
  let size = 0;
  for (const value of block) size = Math.max(size, Math.abs(value));
  return size;
}

function areClose(a: ComplexBlock, b: ComplexBlock): boolean {
  const tolerance = ALIKE * largest(a);
  return a.every((value, k) => Math.abs(value - b[k]!) <= tolerance);
}

/** Whether all phases have one own and one mutual value: positive and negative sequence alike. */
export function isAlike(block: ComplexBlock, phases: 1 | 3): boolean {
  if (phases === 1) return true;
  const tolerance = ALIKE * largest(block);
  for (let entry = 0; entry < 9; entry++) {
    const model = entry % 4 === 0 ? 0 : 2;
    if (Math.abs(block[2 * entry]! - block[model]!) > tolerance) return false;
    if (Math.abs(block[2 * entry + 1]! - block[model + 1]!) > tolerance) return false;
  }
  return true;
}

/** Own less mutual value (positive sequence) and mutual value (a third of zero less positive sequence). */
export function alikeParts(block: ComplexBlock, phases: 1 | 3): Float64Array {
  if (phases === 1) return block;
  return Float64Array.of(block[0]! - block[2]!, block[1]! - block[3]!, block[2]!, block[3]!);
}

function findRuns(kinds: readonly EdgeKind[], treeStart: number): Run[] {
  const runs: Run[] = [];
  for (let k = 0; k < kinds.length;) {
    let end = k + 1;
    while (end < kinds.length && kinds[end] === kinds[k]) end++;
    runs.push({ kind: kinds[k]!, start: treeStart + k, end: treeStart + end });
    k = end;
  }
  return runs;
}

/** Branches and sources between nodes of which none hangs in a tree. */
function coreParts(
  grid: CompiledGrid,
  graph: Graph,
  { parent, slotOfNode }: Slots,
): Pick<SweepStructure, 'coreBranches' | 'coreSources'> {
  const inCore = (node: number): boolean => parent[node] === -1;
  const coreBranches = graph.edges
    .filter(({ from, to }) => inCore(from) && inCore(to))
    .flatMap(({ branches }) => branches);
  const coreSources = grid.sources.flatMap(({ bus, y }, s) =>
    y !== undefined && graph.held[bus] === 0 && inCore(bus) ? [{ slot: slotOfNode[grid.busCount + s]!, bus, y }] : [],
  );
  return { coreBranches, coreSources };
}
