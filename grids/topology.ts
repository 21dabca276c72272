/** What hangs together: closed switches fuse buses, branches in service join them into islands, a tree spans each. */
import type { GridDocument } from './schema.ts';

/** Union-find over bus numbers; the smallest number of a set is its root, so results do not depend on order. */
export function createUnion(count: number): { find(i: number): number; join(i: number, j: number): void } {
  const parent = Int32Array.from({ length: count }, (_, i) => i);
  const find = (start: number): number => {
    let i = start;
    while (parent[i] !== i) {
      parent[i] = parent[parent[i]!]!;
      i = parent[i]!;
    }
    return i;
  };
  const join = (i: number, j: number): void => {
    const a = find(i);
    const b = find(j);
    if (a < b) parent[b] = a;
    else parent[a] = b;
  };
  return { find, join };
}

export interface FusedBuses {
  readonly busCount: number;
  /** Document bus id -> computational bus. */
  readonly busIndex: ReadonlyMap<string, number>;
  readonly busIds: readonly (readonly string[])[];
}

/**
 * Computational buses in the order in which the document first names them. Closed switches fuse their two buses,
 * unless one of them is out of service: that bus stays alone and dead.
 */
export function fuseBuses(document: GridDocument): FusedBuses {
  const number = new Map(document.buses.map((bus, i) => [bus.id, i]));
  const union = createUnion(document.buses.length);
  for (const item of document.switches) {
    const from = number.get(item.from);
    const to = number.get(item.to);
    if (!item.closed || from === undefined || to === undefined) continue;
    if (document.buses[from]!.inService && document.buses[to]!.inService) union.join(from, to);
  }
  const busIndex = new Map<string, number>();
  const busIds: string[][] = [];
  const indexOfRoot = new Map<number, number>();
  document.buses.forEach((bus, i) => {
    const root = union.find(i);
    let index = indexOfRoot.get(root);
    if (index === undefined) {
      index = busIds.length;
      indexOfRoot.set(root, index);
      busIds.push([]);
    }
    busIndex.set(bus.id, index);
    busIds[index]!.push(bus.id);
  });
  return { busCount: busIds.length, busIndex, busIds };
}

/** A connection between two computational buses that carries current from one to the other. */
export interface Edge {
  readonly from: number;
  readonly to: number;
}

/** Island number of every bus (numbered by their smallest bus), and how many islands there are. */
export function findIslands(busCount: number, edges: Iterable<Edge>): { island: Int32Array; count: number } {
  const union = createUnion(busCount);
  for (const edge of edges) union.join(edge.from, edge.to);
  const island = new Int32Array(busCount).fill(-1);
  let count = 0;
  for (let bus = 0; bus < busCount; bus++) {
    const root = union.find(bus);
    if (root === bus) island[bus] = count++;
    else island[bus] = island[root]!;
  }
  return { island, count };
}

export interface SpanningForest {
  /** Buses in breadth-first order, parents before children; buses that no root reaches are left out. */
  readonly order: Int32Array;
  /** Bus above and the edge to it; -1 at roots and unreached buses. */
  readonly parent: Int32Array;
  readonly parentEdge: Int32Array;
  /** Edges inside the reached part that close a loop (parallel branches included); 0 means radial. */
  readonly loops: number;
}

/** Breadth-first spanning forest from the given roots, neighbours in edge order. */
export function spanForest(busCount: number, edges: readonly Edge[], roots: Iterable<number>): SpanningForest {
  const incident = incidence(busCount, edges);
  const parent = new Int32Array(busCount).fill(-1);
  const parentEdge = new Int32Array(busCount).fill(-1);
  const seen = new Uint8Array(busCount);
  const order: number[] = [];
  for (const root of roots) {
    if (seen[root] === 1) continue;
    seen[root] = 1;
    order.push(root);
  }
  const rootCount = order.length;
  let reachedEdges = 0;
  for (let head = 0; head < order.length; head++) {
    const bus = order[head]!;
    for (let k = incident.start[bus]!; k < incident.start[bus + 1]!; k++) {
      const e = incident.edge[k]!;
      const edge = edges[e]!;
      if (edge.from === bus) reachedEdges++;
      const other = edge.from === bus ? edge.to : edge.from;
      if (seen[other] === 1) continue;
      seen[other] = 1;
      parent[other] = bus;
      parentEdge[other] = e;
      order.push(other);
    }
  }
  return { order: Int32Array.from(order), parent, parentEdge, loops: reachedEdges - (order.length - rootCount) };
}

/** Edges at each bus in compressed form. */
function incidence(busCount: number, edges: readonly Edge[]): { start: Int32Array; edge: Int32Array } {
  const start = new Int32Array(busCount + 1);
  for (const { from, to } of edges) {
    start[from + 1]!++;
    if (to !== from) start[to + 1]!++;
  }
  for (let bus = 0; bus < busCount; bus++) start[bus + 1]! += start[bus]!;
  const edge = new Int32Array(start[busCount]!);
  const next = start.slice();
  edges.forEach(({ from, to }, e) => {
    edge[next[from]!++] = e;
    if (to !== from) edge[next[to]!++] = e;
  });
  return { start, edge };
}
