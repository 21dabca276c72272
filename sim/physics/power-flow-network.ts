/** The linear part of the power flow: the factorised admittance matrix, source currents, branch currents, totals. */
import { joins } from '../../grids/compile.ts';
import type { CompiledBranch, CompiledGrid } from '../../grids/model.ts';
import { createBlockLu, type BlockLu } from '../../numerics/block-lu.ts';
import { patternFromPairs } from '../../numerics/ordering.ts';
import { type BranchTable, chooseFrame, type Frame } from './power-flow-frame.ts';

export interface PowerFlowTotals {
  /** Active power lost in branches and shunts, W. */
  readonly lossesW: number;
  /** Power taken from all external grids at their terminals, W and var, importing positive. */
  readonly exchangeW: number;
  readonly exchangeVar: number;
}

/**
 * A solution `w` has the voltages of all buses in the frame of the equations (phases or symmetrical components) in
 * elimination order, and behind them one row of zeros that stands for dead buses. Each user of the equations owns one.
 */
export interface NetworkEquations {
  createSolution(): Float64Array;
  /** Solves Y w = sources + `current` of the listed buses (phases, per unit), and writes their phase voltages. */
  solve(w: Float64Array, buses: Int32Array, current: Float64Array, voltage: Float64Array): void;
  /** Phase voltages of all buses; NaN at dead ones. */
  readVoltages(w: Float64Array, voltage: Float64Array): void;
  /** Phase currents into all branches at both ends; zero where there is no voltage. */
  branchCurrents(w: Float64Array, from: Float64Array, to: Float64Array): void;
  /** `injection`: phase currents of all elements, at the listed buses. */
  totals(voltage: Float64Array, injection: Float64Array, buses: Int32Array): PowerFlowTotals;
}

/** Earthing of an island whose zero sequence floats, relative to the largest admittance at the bus. */
const FLOATING_EARTH = 1e-9;

export function createNetworkEquations(grid: CompiledGrid): NetworkEquations {
  const frame = chooseFrame(grid);
  const held = heldBuses(grid);
  const live = grid.branches.filter((branch) => grid.energised[branch.from] === 1 || grid.energised[branch.to] === 1);
  const lu = factoriseAdmittance(grid, frame, live, held);
  const stride = 2 * grid.phases;
  const sources = orderSources(grid, frame, lu, sourceInjection(grid, live, held));
  const place = Int32Array.from({ length: grid.busCount }, (_, bus) => stride * lu.position[bus]!);
  const everyBus = Int32Array.from({ length: grid.busCount }, (_, bus) => bus);
  const currents = branchCurrentTable(grid, frame, lu);
  return {
    createSolution: () => sources.slice(),
    solve: (w, buses, current, voltage) => {
      w.set(sources);
      frame.addCurrents(buses, place, current, w);
      lu.solveOrdered(w);
      frame.readVoltages(buses, place, w, voltage);
    },
    readVoltages: (w, voltage) => frame.readVoltages(everyBus, place, w, voltage),
    branchCurrents: (w, from, to) => frame.branchCurrents(currents, w, from, to),
    totals: (voltage, injection, buses) => totals(grid, held, voltage, injection, buses),
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

/**
 * Builds and factorises Y with every bus as a row; rows of stiff and dead buses are identities. An island without any
 * zero-sequence path to earth would be singular: it is earthed by a negligible admittance.
 */
function factoriseAdmittance(
  grid: CompiledGrid,
  frame: Frame,
  live: readonly CompiledBranch[],
  held: ReadonlyMap<number, HeldBus>,
): BlockLu {
  const { phases, busCount } = grid;
  const free = (bus: number): boolean => grid.energised[bus] === 1 && !held.has(bus);
  const pairs = live
    .filter((branch) => joins(branch) && free(branch.from) && free(branch.to))
    .map((branch) => [branch.from, branch.to] as const);
  const lu = createBlockLu(patternFromPairs(busCount, pairs), frame.shape);
  const unit = new Float64Array(2 * phases * phases);
  for (let phase = 0; phase < phases; phase++) unit[2 * phase * (phases + 1)] = 1;
  const identity = frame.block(unit);

  const earthed = new Map<number, number>();
  for (let attempt = 0; attempt <= busCount; attempt++) {
    lu.clear();
    const addSelf = (bus: number, block: Float64Array): void => {
      if (free(bus)) lu.add(bus, bus, frame.block(block));
    };
    for (let bus = 0; bus < busCount; bus++) if (!free(bus)) lu.add(bus, bus, identity);
    for (const branch of live) {
      addSelf(branch.from, branch.yff);
      addSelf(branch.to, branch.ytt);
      if (!joins(branch) || !free(branch.from) || !free(branch.to)) continue;
      lu.add(branch.from, branch.to, frame.block(branch.yft));
      lu.add(branch.to, branch.from, frame.block(branch.ytf));
    }
    for (const { bus, y } of grid.shunts) addSelf(bus, y);
    for (const { bus, y } of grid.sources) if (y !== undefined) addSelf(bus, y);
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

/**
 * Right-hand side of the unloaded grid by bus, in phases: currents of the sources behind their impedances, the voltage
 * itself at stiff buses and what it drives into their neighbours, NaN at dead buses.
 */
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

/** The source injection in the frame and order of the equations, with the row of zeros behind it. */
function orderSources(grid: CompiledGrid, frame: Frame, lu: BlockLu, injection: Float64Array): Float64Array {
  const stride = 2 * grid.phases;
  const ordered = new Float64Array(lu.length + stride);
  for (let bus = 0; bus < grid.busCount; bus++) {
    const row = frame.vector(injection.subarray(bus * stride, (bus + 1) * stride));
    ordered.set(row, lu.position[bus]! * stride);
  }
  return ordered;
}

/** An end at a dead bus reads the row of zeros, for its NaN must not spread through an open branch. */
function branchCurrentTable(grid: CompiledGrid, frame: Frame, lu: BlockLu): BranchTable {
  const stride = 2 * grid.phases;
  const place = (bus: number): number => (grid.energised[bus] === 1 ? stride * lu.position[bus]! : lu.length);
  const blocks = grid.branches.flatMap((branch) =>
    [branch.yff, branch.yft, branch.ytf, branch.ytt].map((block) => frame.block(block)),
  );
  const entries = blocks[0]?.length ?? 0;
  const flat = new Float64Array(blocks.length * entries);
  blocks.forEach((block, k) => flat.set(block, k * entries));
  return {
    count: grid.branches.length,
    fromPlace: Int32Array.from(grid.branches, (branch) => place(branch.from)),
    toPlace: Int32Array.from(grid.branches, (branch) => place(branch.to)),
    blocks: flat,
  };
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
  buses: Int32Array,
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
  for (const bus of buses) addPower(voltage, bus * stride, injection, bus * stride, phases, produced);
  // One phase stands for three in a positive-sequence grid.
  const base = (grid.basePowerVA * 3) / phases;
  return {
    lossesW: (exchange[0] + produced[0]) * base,
    exchangeW: exchange[0] * base,
    exchangeVar: exchange[1] * base,
  };
}
