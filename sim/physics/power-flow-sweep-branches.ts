/** Currents of the branches after the sweeps: those of the trees are known already, the others follow from voltages. */
import type { CompiledBranch, CompiledGrid } from '../../grids/model.ts';
import { multiplyAdd } from '../../numerics/complex-block.ts';
import type { SweepState } from './power-flow-sweep-state.ts';
import { alikeParts, isAlike, lineShunts, type SweepStructure } from './power-flow-sweep-structure.ts';

export interface SweepBranches {
  /** Branches that are an edge of a tree for themselves, and what they need; `far` is the offset of their slot. */
  readonly far: Int32Array;
  readonly branch: Int32Array;
  /** 1 where the `from` side is the feeding one. */
  readonly fromNear: Uint8Array;
  /** Shunts of the feeding and of the far end: 2 numbers each, in three phases y1 and yb, 4 each. */
  readonly shunts: Float64Array;
  /** Lines of the core: offsets of both ends and of the branch, then series admittance and the shunts of both ends. */
  readonly links: Int32Array;
  readonly linkBlocks: Float64Array;
  /** All others: offsets of the slots at both ends, -1 where no current can flow. */
  readonly others: readonly { readonly branch: CompiledBranch; readonly from: number; readonly to: number }[];
}

export function createSweepBranches(grid: CompiledGrid, structure: SweepStructure): SweepBranches {
  const { phases, slotOfBus, edgeBranches } = structure;
  const stride = 2 * phases;
  const far: number[] = [];
  const branch: number[] = [];
  const fromNear: number[] = [];
  const shunts: number[] = [];
  const done = new Set<CompiledBranch>();
  edgeBranches.forEach(([only, ...more], slot) => {
    if (only === undefined || more.length > 0) return;
    const ends = lineShunts(only.branch, only.fromNear);
    if (ends === undefined || !isAlike(ends.near, phases) || !isAlike(ends.far, phases)) return;
    far.push(stride * slot);
    branch.push(stride * only.branch.index);
    fromNear.push(only.fromNear ? 1 : 0);
    shunts.push(...alikeParts(ends.near, phases), ...alikeParts(ends.far, phases));
    done.add(only.branch);
  });
  const links: number[] = [];
  const linkBlocks: number[] = [];
  for (const one of grid.branches) {
    const ends = done.has(one) ? undefined : lineShunts(one, true);
    const [f, t] = [slotOfBus[one.from]!, slotOfBus[one.to]!];
    if (ends === undefined || f < 0 || t < 0 || f === t) continue;
    if (![one.yft, ends.near, ends.far].every((block) => isAlike(block, phases))) continue;
    links.push(stride * f, stride * t, stride * one.index);
    const series = alikeParts(one.yft, phases).map((value) => -value);
    linkBlocks.push(...series, ...alikeParts(ends.near, phases), ...alikeParts(ends.far, phases));
    done.add(one);
  }
  const place = (bus: number): number => (slotOfBus[bus]! < 0 ? -1 : stride * slotOfBus[bus]!);
  const others = grid.branches
    .filter((one) => !done.has(one))
    .map((one) => ({ branch: one, from: place(one.from), to: place(one.to) }));
  return {
    far: Int32Array.from(far),
    branch: Int32Array.from(branch),
    fromNear: Uint8Array.from(fromNear),
    shunts: Float64Array.from(shunts),
    links: Int32Array.from(links),
    linkBlocks: Float64Array.from(linkBlocks),
    others,
  };
}

/**
 * Currents into all branches at both ends, per unit, interleaved re, im by branch and phase. The sweeper must have
 * collected: then j is what flows through the impedance of a tree's line, i_near = j + y_near vp, i_far = -j + y_far v.
 * That keeps its digits on lines so short that the difference of their voltages has none.
 */
export function sweepBranchCurrents(
  structure: SweepStructure,
  branches: SweepBranches,
  state: SweepState,
  from: Float64Array,
  to: Float64Array,
): void {
  if (structure.phases === 1) balancedCurrents(structure, branches, state, from, to);
  else threePhaseCurrents(structure, branches, state, from, to);
  if (structure.phases === 1) balancedLinks(branches, state.voltage, from, to);
  else threePhaseLinks(branches, state.voltage, from, to);
  const { phases } = structure;
  const { voltage } = state;
  for (let k = 0; k < branches.others.length; k++) {
    const { branch, from: f, to: t } = branches.others[k]!;
    const at = 2 * phases * branch.index;
    from.fill(0, at, at + 2 * phases);
    to.fill(0, at, at + 2 * phases);
    if (f >= 0) {
      multiplyAdd(branch.yff, voltage, f, from, at, phases);
      multiplyAdd(branch.ytf, voltage, f, to, at, phases);
    }
    if (t >= 0) {
      multiplyAdd(branch.yft, voltage, t, from, at, phases);
      multiplyAdd(branch.ytt, voltage, t, to, at, phases);
    }
  }
}

function balancedCurrents(
  { feeder }: SweepStructure,
  { far, branch, fromNear, shunts }: SweepBranches,
  { voltage, current }: SweepState,
  from: Float64Array,
  to: Float64Array,
): void {
  let y = 0;
  for (let k = 0; k < far.length; k++) {
    const v = far[k]!;
    const u = feeder[v >> 1]!;
    const at = branch[k]!;
    const [near, end] = fromNear[k] === 1 ? [from, to] : [to, from];
    const ur = voltage[u]!;
    const ui = voltage[u + 1]!;
    const vr = voltage[v]!;
    const vi = voltage[v + 1]!;
    near[at] = current[v]! + shunts[y]! * ur - shunts[y + 1]! * ui;
    near[at + 1] = current[v + 1]! + shunts[y]! * ui + shunts[y + 1]! * ur;
    end[at] = shunts[y + 2]! * vr - shunts[y + 3]! * vi - current[v]!;
    end[at + 1] = shunts[y + 2]! * vi + shunts[y + 3]! * vr - current[v + 1]!;
    y += 4;
  }
}

function threePhaseCurrents(
  structure: SweepStructure,
  { far, branch, fromNear, shunts }: SweepBranches,
  { voltage, current }: SweepState,
  from: Float64Array,
  to: Float64Array,
): void {
  const { feeder } = structure;
  for (let k = 0; k < far.length; k++) {
    const v = far[k]!;
    const u = feeder[v / 6]!;
    const at = branch[k]!;
    const near = fromNear[k] === 1 ? from : to;
    const end = fromNear[k] === 1 ? to : from;
    shuntCurrent(shunts, 8 * k, voltage, u, near, at);
    shuntCurrent(shunts, 8 * k + 4, voltage, v, end, at);
    for (let e = 0; e < 6; e++) {
      near[at + e]! += current[v + e]!;
      end[at + e]! -= current[v + e]!;
    }
  }
}

/** i = y1 v + yb (va + vb + vc). */
function shuntCurrent(y: Float64Array, d: number, v: Float64Array, from: number, i: Float64Array, to: number): void {
  const yr = y[d]!;
  const yi = y[d + 1]!;
  const sr = v[from]! + v[from + 2]! + v[from + 4]!;
  const si = v[from + 1]! + v[from + 3]! + v[from + 5]!;
  const mr = y[d + 2]! * sr - y[d + 3]! * si;
  const mi = y[d + 2]! * si + y[d + 3]! * sr;
  for (let e = 0; e < 6; e += 2) {
    i[to + e] = yr * v[from + e]! - yi * v[from + e + 1]! + mr;
    i[to + e + 1] = yr * v[from + e + 1]! + yi * v[from + e]! + mi;
  }
}

/** i_from = y (vf - vt) + y_from vf, i_to = -y (vf - vt) + y_to vt. */
function balancedLinks(
  { links, linkBlocks: y }: SweepBranches,
  voltage: Float64Array,
  from: Float64Array,
  to: Float64Array,
): void {
  let d = 0;
  for (let k = 0; k < links.length; k += 3) {
    const f = links[k]!;
    const t = links[k + 1]!;
    const at = links[k + 2]!;
    const fr = voltage[f]!;
    const fi = voltage[f + 1]!;
    const tr = voltage[t]!;
    const ti = voltage[t + 1]!;
    const ir = y[d]! * (fr - tr) - y[d + 1]! * (fi - ti);
    const ii = y[d]! * (fi - ti) + y[d + 1]! * (fr - tr);
    from[at] = ir + y[d + 2]! * fr - y[d + 3]! * fi;
    from[at + 1] = ii + y[d + 2]! * fi + y[d + 3]! * fr;
    to[at] = y[d + 4]! * tr - y[d + 5]! * ti - ir;
    to[at + 1] = y[d + 4]! * ti + y[d + 5]! * tr - ii;
    d += 6;
  }
}

/** Scratch of the function below, which must not allocate. */
const difference = new Float64Array(6);
const series = new Float64Array(6);

function threePhaseLinks(
  { links, linkBlocks: y }: SweepBranches,
  voltage: Float64Array,
  from: Float64Array,
  to: Float64Array,
): void {
  let d = 0;
  for (let k = 0; k < links.length; k += 3) {
    const f = links[k]!;
    const t = links[k + 1]!;
    const at = links[k + 2]!;
    for (let e = 0; e < 6; e++) difference[e] = voltage[f + e]! - voltage[t + e]!;
    shuntCurrent(y, d, difference, 0, series, 0);
    shuntCurrent(y, d + 4, voltage, f, from, at);
    shuntCurrent(y, d + 8, voltage, t, to, at);
    for (let e = 0; e < 6; e++) {
      from[at + e]! += series[e]!;
      to[at + e]! -= series[e]!;
    }
    d += 12;
  }
}
