/** The linear part of the power flow: the factorised admittance matrix, source currents, branch currents, totals. */
import { joins } from '../../grids/compile.ts';
import type { CompiledBranch, CompiledGrid } from '../../grids/model.ts';
import { createBlockLu, type BlockLu } from '../../numerics/block-lu.ts';
import { patternFromPairs } from '../../numerics/ordering.ts';

export interface PowerFlowTotals {
  /** Active power lost in branches and shunts, W. */
  readonly lossesW: number;
  /** Power taken from all external grids at their terminals, W and var, importing positive. */
  readonly exchangeW: number;
  readonly exchangeVar: number;
}

export interface NetworkEquations {
  /** Factorised Y with every bus of the grid as a row; rows of stiff and dead buses are identities. */
  readonly lu: BlockLu;
  /**
   * Right-hand side of the unloaded grid: currents of the sources behind their impedances, the voltage itself at stiff
   * buses and what it drives into their neighbours, NaN at dead buses.
   */
  readonly sourceInjection: Float64Array;
  branchCurrents(voltage: Float64Array, from: Float64Array, to: Float64Array): void;
  /** `injection`: currents of all elements by bus, per unit. */
  totals(voltage: Float64Array, injection: Float64Array): PowerFlowTotals;
}

/** Earthing of an island whose zero sequence floats, relative to the largest entry of its pivot's diagonal block. */
const FLOATING_EARTH = 1e-9;

export function createNetworkEquations(grid: CompiledGrid): NetworkEquations {
  const held = heldBuses(grid);
  const live = grid.branches.filter((branch) => grid.energised[branch.from] === 1 || grid.energised[branch.to] === 1);
  const lu = factoriseAdmittance(grid, live, held);
  return {
    lu,
    sourceInjection: sourceInjection(grid, live, held),
    branchCurrents: (voltage, from, to) => branchCurrents(grid, voltage, from, to),
    totals: (voltage, injection) => totals(grid, held, voltage, injection),
  };
}

/** A bus whose voltage a stiff source gives, and the branches that leave it. */
interface HeldBus {
  readonly voltage: Float64Array;
  readonly branches: readonly CompiledBranch[];
}

function heldBuses(grid: CompiledGrid): ReadonlyMap<number, HeldBus> {
  const held = new Map<number, HeldBus>();
  for (const { bus, voltage, y } of grid.sources) {
    if (y !== undefined) continue;
    const branches = grid.branches.filter((branch) => branch.from === bus || branch.to === bus);
    held.set(bus, { voltage, branches });
  }
  return held;
}

/** Builds and factorises Y; an island without any zero-sequence path to earth is earthed by a negligible admittance. */
function factoriseAdmittance(
  grid: CompiledGrid,
  live: readonly CompiledBranch[],
  held: ReadonlyMap<number, HeldBus>,
): BlockLu {
  const { phases, busCount } = grid;
  const free = (bus: number): boolean => grid.energised[bus] === 1 && !held.has(bus);
  const pairs = live
    .filter((branch) => joins(branch) && free(branch.from) && free(branch.to))
    .map((branch) => [branch.from, branch.to] as const);
  const lu = createBlockLu(patternFromPairs(busCount, pairs), phases);
  const identity = new Float64Array(2 * phases * phases);
  for (let phase = 0; phase < phases; phase++) identity[2 * phase * (phases + 1)] = 1;

  const earthed = new Map<number, number>();
  for (let attempt = 0; attempt <= busCount; attempt++) {
    lu.clear();
    for (let bus = 0; bus < busCount; bus++) if (!free(bus)) lu.add(bus, bus, identity);
    for (const branch of live) {
      if (free(branch.from)) lu.add(branch.from, branch.from, branch.yff);
      if (free(branch.to)) lu.add(branch.to, branch.to, branch.ytt);
      if (!joins(branch) || !free(branch.from) || !free(branch.to)) continue;
      lu.add(branch.from, branch.to, branch.yft);
      lu.add(branch.to, branch.from, branch.ytf);
    }
    for (const { bus, y } of grid.shunts) if (free(bus)) lu.add(bus, bus, y);
    for (const { bus, y } of grid.sources) if (y !== undefined && free(bus)) lu.add(bus, bus, y);
    for (const [bus, size] of earthed) lu.add(bus, bus, identity, size);
    const singular = lu.factorise();
    if (singular.length === 0) return lu;
    for (const bus of singular) earthed.set(bus, FLOATING_EARTH * largestEntry(live, bus));
  }
  throw new Error('the admittance matrix stays singular after earthing every bus');
}

function largestEntry(branches: readonly CompiledBranch[], bus: number): number {
  let largest = 1;
  for (const branch of branches) {
    const block = branch.from === bus ? branch.yff : branch.to === bus ? branch.ytt : undefined;
    for (const value of block ?? []) largest = Math.max(largest, Math.abs(value));
  }
  return largest;
}

function sourceInjection(
  grid: CompiledGrid,
  live: readonly CompiledBranch[],
  held: ReadonlyMap<number, HeldBus>,
): Float64Array {
  const { phases } = grid;
  const stride = 2 * phases;
  const injection = new Float64Array(grid.busCount * stride);
  for (const { bus, voltage, y } of grid.sources) {
    if (y !== undefined && !held.has(bus)) addProduct(y, 1, voltage, 0, injection, bus * stride, phases);
  }
  for (const branch of live) {
    const { from, to } = branch;
    const vFrom = held.get(from)?.voltage;
    const vTo = held.get(to)?.voltage;
    if (vTo !== undefined && vFrom === undefined) addProduct(branch.yft, -1, vTo, 0, injection, from * stride, phases);
    if (vFrom !== undefined && vTo === undefined) addProduct(branch.ytf, -1, vFrom, 0, injection, to * stride, phases);
  }
  for (const [bus, { voltage }] of held) injection.set(voltage, bus * stride);
  for (let bus = 0; bus < grid.busCount; bus++) {
    if (grid.energised[bus] === 0) injection.fill(Number.NaN, bus * stride, (bus + 1) * stride);
  }
  return injection;
}

/** y[at..] += factor * block * x[from..]. */
function addProduct(
  block: Float64Array,
  factor: number,
  x: Float64Array,
  from: number,
  y: Float64Array,
  at: number,
  phases: number,
): void {
  for (let r = 0; r < phases; r++) {
    let re = 0;
    let im = 0;
    for (let c = 0; c < phases; c++) {
      const k = 2 * (r * phases + c);
      const xr = x[from + 2 * c]!;
      const xi = x[from + 2 * c + 1]!;
      re += block[k]! * xr - block[k + 1]! * xi;
      im += block[k]! * xi + block[k + 1]! * xr;
    }
    y[at + 2 * r]! += factor * re;
    y[at + 2 * r + 1]! += factor * im;
  }
}

/** i_from = yff v_from + yft v_to and i_to = ytf v_from + ytt v_to; zero for branches without voltage. */
function branchCurrents(grid: CompiledGrid, voltage: Float64Array, from: Float64Array, to: Float64Array): void {
  const { phases, branches, energised } = grid;
  const stride = 2 * phases;
  from.fill(0);
  to.fill(0);
  for (let b = 0; b < branches.length; b++) {
    const branch = branches[b]!;
    const at = b * stride;
    // An open end may lead to a dead bus, whose NaN must not spread.
    if (energised[branch.from] === 1) {
      addProduct(branch.yff, 1, voltage, branch.from * stride, from, at, phases);
      if (energised[branch.to] === 1) addProduct(branch.yft, 1, voltage, branch.to * stride, from, at, phases);
    }
    if (energised[branch.to] === 1) {
      addProduct(branch.ytt, 1, voltage, branch.to * stride, to, at, phases);
      if (energised[branch.from] === 1) addProduct(branch.ytf, 1, voltage, branch.from * stride, to, at, phases);
    }
  }
}

/** Complex power v conj(i) of all phases at one place, added to a sum of P and Q. */
function addPower(
  voltage: Float64Array,
  v: number,
  current: Float64Array,
  i: number,
  phases: number,
  sum: [number, number],
  factor = 1,
): void {
  for (let phase = 0; phase < 2 * phases; phase += 2) {
    const vr = voltage[v + phase]!;
    const vi = voltage[v + phase + 1]!;
    const ir = current[i + phase]!;
    const ii = current[i + phase + 1]!;
    sum[0] += factor * (vr * ir + vi * ii);
    sum[1] += factor * (vi * ir - vr * ii);
  }
}

/**
 * Exchange at the terminals of the sources, and losses as what comes in less what the elements take out: exact to the
 * mismatch of the solution, and without the currents of every branch.
 */
function totals(
  grid: CompiledGrid,
  held: ReadonlyMap<number, HeldBus>,
  voltage: Float64Array,
  injection: Float64Array,
): PowerFlowTotals {
  const { phases, energised } = grid;
  const stride = 2 * phases;
  const exchange: [number, number] = [0, 0];
  const current = new Float64Array(stride);
  for (const [bus, { branches }] of held) {
    // A stiff source carries all that leaves its bus: Y v of that row less the elements.
    current.fill(0);
    for (const branch of branches) {
      const atFrom = branch.from === bus;
      const far = atFrom ? branch.to : branch.from;
      addProduct(atFrom ? branch.yff : branch.ytt, 1, voltage, bus * stride, current, 0, phases);
      if (energised[far] === 0) continue;
      addProduct(atFrom ? branch.yft : branch.ytf, 1, voltage, far * stride, current, 0, phases);
    }
    for (const { bus: at, y } of grid.shunts) {
      if (at === bus) addProduct(y, 1, voltage, bus * stride, current, 0, phases);
    }
    addPower(voltage, bus * stride, current, 0, phases, exchange);
    addPower(voltage, bus * stride, injection, bus * stride, phases, exchange, -1);
  }
  for (const { bus, voltage: internal, y } of grid.sources) {
    if (y === undefined || held.has(bus)) continue;
    // A source behind an impedance carries y (e - v).
    current.fill(0);
    addProduct(y, 1, internal, 0, current, 0, phases);
    addProduct(y, -1, voltage, bus * stride, current, 0, phases);
    addPower(voltage, bus * stride, current, 0, phases, exchange);
  }
  const produced: [number, number] = [0, 0];
  for (let bus = 0; bus < grid.busCount; bus++) {
    if (energised[bus] === 1) addPower(voltage, bus * stride, injection, bus * stride, phases, produced);
  }
  // One phase stands for three in a positive-sequence grid.
  const base = (grid.basePowerVA * 3) / phases;
  return {
    lossesW: (exchange[0] + produced[0]) * base,
    exchangeW: exchange[0] * base,
    exchangeVar: exchange[1] * base,
  };
}
