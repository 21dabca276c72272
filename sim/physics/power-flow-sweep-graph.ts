/**
 * The graph of a grid with its sources as nodes, and how it falls apart: leaf after leaf is taken off until the core is
 * left, and what was taken off stands in an order in which every bus comes behind the one that feeds it.
 */
import { joins } from '../../grids/compile.ts';
import type { CompiledBranch, CompiledGrid, ComplexBlock } from '../../grids/model.ts';

/** An edge of the graph: all branches between two nodes, or a source; nodes are buses and behind them the sources. */
export interface Edge {
  readonly from: number;
  readonly to: number;
  readonly yff: ComplexBlock;
  readonly yft: ComplexBlock;
  readonly ytf: ComplexBlock;
  readonly ytt: ComplexBlock;
  readonly line: boolean;
  readonly branches: readonly CompiledBranch[];
}

export interface Graph {
  readonly nodeCount: number;
  readonly edges: readonly Edge[];
  /** Edges at each node, compressed. */
  readonly start: Int32Array;
  readonly incident: Int32Array;
  /** 1 where the voltage is given. */
  readonly held: Uint8Array;
  readonly alive: Uint8Array;
  readonly heldVoltage: ReadonlyMap<number, Float64Array>;
}

export function createGraph(grid: CompiledGrid): Graph {
  const nodeCount = grid.busCount + grid.sources.length;
  const held = new Uint8Array(nodeCount);
  const alive = new Uint8Array(nodeCount);
  alive.set(grid.energised);
  const heldVoltage = new Map<number, Float64Array>();
  const edges = mergeParallel(grid.branches.filter((branch) => joins(branch) && grid.energised[branch.from] === 1));
  for (const { bus, voltage, y } of grid.sources) {
    if (y !== undefined) continue;
    held[bus] = 1;
    heldVoltage.set(bus, voltage);
  }
  grid.sources.forEach(({ bus, voltage, y }, s) => {
    if (y === undefined || held[bus] === 1) return;
    const node = grid.busCount + s;
    held[node] = 1;
    alive[node] = 1;
    heldVoltage.set(node, voltage);
    const minus = y.map((value) => -value);
    edges.push({ from: node, to: bus, yff: y, yft: minus, ytf: minus, ytt: y, line: true, branches: [] });
  });
  const { start, incident } = incidence(nodeCount, edges);
  return { nodeCount, edges, start, incident, held, alive, heldVoltage };
}

/** One edge for all branches between the same two buses, whichever way round they stand. */
function mergeParallel(branches: readonly CompiledBranch[]): Edge[] {
  const between = new Map<string, CompiledBranch[]>();
  for (const branch of branches) {
    const key = branch.from < branch.to ? `${branch.from} ${branch.to}` : `${branch.to} ${branch.from}`;
    const others = between.get(key);
    if (others === undefined) between.set(key, [branch]);
    else others.push(branch);
  }
  return Array.from(between.values(), (group) => {
    const first = group[0]!;
    const line = group.every((branch) => branch.kind === 'line');
    if (group.length === 1) return { ...pick(first), line, branches: group };
    const sum = pick(first);
    const total = { ...sum, yff: sum.yff.slice(), yft: sum.yft.slice(), ytf: sum.ytf.slice(), ytt: sum.ytt.slice() };
    for (const branch of group.slice(1)) {
      const same = branch.from === first.from;
      addBlock(total.yff, same ? branch.yff : branch.ytt);
      addBlock(total.yft, same ? branch.yft : branch.ytf);
      addBlock(total.ytf, same ? branch.ytf : branch.yft);
      addBlock(total.ytt, same ? branch.ytt : branch.yff);
    }
    return { ...total, line, branches: group };
  });
}

function pick({ from, to, yff, yft, ytf, ytt }: CompiledBranch): Omit<Edge, 'line' | 'branches'> {
  return { from, to, yff, yft, ytf, ytt };
}

export function addBlock(sum: Float64Array, block: Float64Array): void {
  for (let k = 0; k < sum.length; k++) sum[k]! += block[k]!;
}

function incidence(nodeCount: number, edges: readonly Edge[]): { start: Int32Array; incident: Int32Array } {
  const start = new Int32Array(nodeCount + 1);
  for (const { from, to } of edges) {
    start[from + 1]!++;
    start[to + 1]!++;
  }
  for (let node = 0; node < nodeCount; node++) start[node + 1]! += start[node]!;
  const incident = new Int32Array(start[nodeCount]!);
  const next = start.slice();
  edges.forEach(({ from, to }, e) => {
    incident[next[from]!++] = e;
    incident[next[to]!++] = e;
  });
  return { start, incident };
}

interface Trees {
  /** Feeding node and edge to it; -1 in the core. */
  readonly parent: Int32Array;
  readonly parentEdge: Int32Array;
}

/** Takes leaves off the graph until only the core is left: given voltages, loops, and what lies between them. */
export function findParents({ nodeCount, edges, start, incident, held, alive }: Graph): Trees {
  const parent = new Int32Array(nodeCount).fill(-1);
  const parentEdge = new Int32Array(nodeCount).fill(-1);
  const degree = Int32Array.from({ length: nodeCount }, (_, node) => start[node + 1]! - start[node]!);
  const leaves: number[] = [];
  const look = (node: number): void => {
    if (degree[node] === 1 && held[node] === 0 && alive[node] === 1) leaves.push(node);
  };
  for (let node = 0; node < nodeCount; node++) look(node);
  for (let k = 0; k < leaves.length; k++) {
    const leaf = leaves[k]!;
    for (let i = start[leaf]!; i < start[leaf + 1]!; i++) {
      const edge = edges[incident[i]!]!;
      const other = edge.from === leaf ? edge.to : edge.from;
      // The one neighbour that has not been taken off before.
      if (parent[other] !== -1) continue;
      parent[leaf] = other;
      parentEdge[leaf] = incident[i]!;
      degree[leaf] = 0;
      degree[other]!--;
      look(other);
      break;
    }
  }
  return { parent, parentEdge };
}

export interface Slots extends Trees {
  readonly nodeOfSlot: Int32Array;
  readonly slotOfNode: Int32Array;
  readonly held: number;
  readonly treeStart: number;
}

/**
 * Given voltages first, then the core, then the trees level by level. In that order the slots that feed ascend, so the
 * sweeps read memory from one end to the other, and neighbouring slots do not wait for one another's results.
 */
export function assignSlots(graph: Graph, trees: Trees): Slots {
  const { nodeCount, held, alive } = graph;
  const { parent } = trees;
  const children: { start: Int32Array; node: Int32Array } = childLists(parent);
  const order: number[] = [];
  for (let node = 0; node < nodeCount; node++) if (held[node] === 1 && alive[node] === 1) order.push(node);
  const heldCount = order.length;
  for (let node = 0; node < nodeCount; node++) {
    if (held[node] === 0 && alive[node] === 1 && parent[node] === -1) order.push(node);
  }
  const treeStart = order.length;
  for (let k = 0; k < order.length; k++) {
    const node = order[k]!;
    for (let c = children.start[node]!; c < children.start[node + 1]!; c++) order.push(children.node[c]!);
  }
  const slotOfNode = new Int32Array(nodeCount).fill(-1);
  order.forEach((node, slot) => (slotOfNode[node] = slot));
  return { ...trees, nodeOfSlot: Int32Array.from(order), slotOfNode, held: heldCount, treeStart };
}

function childLists(parent: Int32Array): { start: Int32Array; node: Int32Array } {
  const start = new Int32Array(parent.length + 1);
  for (const above of parent) if (above >= 0) start[above + 1]!++;
  for (let node = 0; node < parent.length; node++) start[node + 1]! += start[node]!;
  const node = new Int32Array(start[parent.length]!);
  const next = start.slice();
  parent.forEach((above, own) => {
    if (above >= 0) node[next[above]!++] = own;
  });
  return { start, node };
}
