/** The linear part of the power flow: the factorised admittance matrix, source currents, branch currents. */
import { joins } from '../../grids/compile.ts';
import type { CompiledBranch, CompiledGrid } from '../../grids/model.ts';
import { createBlockLu, type BlockLu } from '../../numerics/block-lu.ts';
import { patternFromPairs } from '../../numerics/ordering.ts';
import { createBusAdmittance } from './power-flow-admittance.ts';
import { type BranchTable, chooseFrame, type Frame } from './power-flow-frame.ts';
import { addProduct, heldBuses, type HeldBus } from './power-flow-totals.ts';

/**
 * A solution `w` has the voltages of all buses in the frame of the equations (phases or symmetrical components) in
 * elimination order, and behind them one row of zeros that stands for dead buses. Each user of the equations owns one.
 */
export interface NetworkEquations {
  /** Negligible admittances that earth islands whose zero sequence floats: by bus, per unit on each phase. */
  readonly earthed: ReadonlyMap<number, number>;
  createSolution(): Float64Array;
  /** Solves Y w = sources + `current` of the listed buses (phases, per unit), and writes their phase voltages. */
  solve(w: Float64Array, buses: Int32Array, current: Float64Array, voltage: Float64Array): void;
  /** Phase voltages of all buses; NaN at dead ones and in dead phases. */
  readVoltages(w: Float64Array, voltage: Float64Array): void;
  /** Phase currents into all branches at both ends; zero where there is no voltage. */
  branchCurrents(w: Float64Array, from: Float64Array, to: Float64Array): void;
}

/**
 * Earthing of an island whose zero sequence floats, relative to the largest admittance at the bus. Small, for elements
 * that stand between a phase and earth may be all that earths it; where nothing does, its neutral lies within rounding
 * over this, some 1e-7, of zero.
 */
const FLOATING_EARTH = 1e-9;

export function createNetworkEquations(grid: CompiledGrid): NetworkEquations {
  const frame = chooseFrame(grid);
  const held = heldBuses(grid);
  const live = grid.branches.filter((branch) => grid.energised[branch.from] === 1 || grid.energised[branch.to] === 1);
  const { lu, earthed } = factoriseAdmittance(grid, frame, live, held);
  const stride = 2 * grid.phases;
  const sources = orderSources(grid, frame, lu, sourceInjection(grid, live, held));
  const place = Int32Array.from({ length: grid.busCount }, (_, bus) => stride * lu.position[bus]!);
  const everyBus = Int32Array.from({ length: grid.busCount }, (_, bus) => bus);
  // Dead buses are not a number in w already; a dead phase of a live bus is a zero there.
  const dead = Array.from(grid.energisedPhases.keys()).filter((k) => grid.energisedPhases[k] === 0);
  const currents = branchCurrentTable(grid, frame, lu);
  const refine = earthed.size > 0 && frame.shape === 'full' ? createRefinement(grid, lu, earthed, held) : undefined;
  return {
    earthed,
    createSolution: () => sources.slice(),
    solve: (w, buses, current, voltage) => {
      w.set(sources);
      frame.addCurrents(buses, place, current, w);
      lu.solveOrdered(w);
      refine?.(w, current);
      frame.readVoltages(buses, place, w, voltage);
    },
    readVoltages: (w, voltage) => {
      frame.readVoltages(everyBus, place, w, voltage);
      for (const at of dead) voltage.fill(Number.NaN, 2 * at, 2 * at + 2);
    },
    branchCurrents: (w, from, to) => frame.branchCurrents(currents, w, from, to),
  };
}

/**
 * Builds and factorises Y with every bus as a row; rows of stiff and dead buses are identities, and so are those of dead
 * phases. An island without any zero-sequence path to earth would be singular: it is earthed by a negligible admittance.
 */
function factoriseAdmittance(
  grid: CompiledGrid,
  frame: Frame,
  live: readonly CompiledBranch[],
  held: ReadonlyMap<number, HeldBus>,
): { lu: BlockLu; earthed: ReadonlyMap<number, number> } {
  const { phases, busCount } = grid;
  const free = (bus: number): boolean => grid.energised[bus] === 1 && !held.has(bus);
  const pairs = live
    .filter((branch) => joins(branch) && free(branch.from) && free(branch.to))
    .map((branch) => [branch.from, branch.to] as const);
  const lu = createBlockLu(patternFromPairs(busCount, pairs), frame.shape);
  const unit = new Float64Array(2 * phases * phases);
  for (let phase = 0; phase < phases; phase++) unit[2 * phase * (phases + 1)] = 1;
  const identity = frame.block(unit);

  const deadPhases = deadPhaseIdentities(grid).filter(([bus]) => free(bus));
  const earthed = new Map<number, number>();
  for (let attempt = 0; attempt <= busCount; attempt++) {
    lu.clear();
    const addSelf = (bus: number, block: Float64Array): void => {
      if (free(bus)) lu.add(bus, bus, frame.block(block));
    };
    for (let bus = 0; bus < busCount; bus++) if (!free(bus)) lu.add(bus, bus, identity);
    for (const [bus, block] of deadPhases) lu.add(bus, bus, frame.block(block));
    for (const branch of live) {
      addSelf(branch.from, branch.yff);
      addSelf(branch.to, branch.ytt);
      if (branch.from === branch.to) {
        addSelf(branch.from, branch.yft);
        addSelf(branch.from, branch.ytf);
      }
      if (!joins(branch) || !free(branch.from) || !free(branch.to)) continue;
      lu.add(branch.from, branch.to, frame.block(branch.yft));
      lu.add(branch.to, branch.from, frame.block(branch.ytf));
    }
    for (const { bus, y } of grid.shunts) addSelf(bus, y);
    for (const { bus, y } of grid.sources) if (y !== undefined) addSelf(bus, y);
    for (const [bus, size] of earthed) lu.add(bus, bus, identity, size);
    const singular = lu.factorise();
    if (singular.length === 0) return { lu, earthed };
    for (const bus of singular) earthed.set(bus, FLOATING_EARTH * largestEntry(live, bus));
  }
  throw new Error('the admittance matrix stays singular after earthing every bus');
}

/** For each live bus with dead phases: ones on the diagonal of these. */
function deadPhaseIdentities(grid: CompiledGrid): [bus: number, block: Float64Array][] {
  const { phases, energised, energisedPhases } = grid;
  const blocks: [number, Float64Array][] = [];
  for (let bus = 0; bus < grid.busCount; bus++) {
    const flags = energisedPhases.subarray(bus * phases, (bus + 1) * phases);
    if (energised[bus] === 0 || flags.every((flag) => flag === 1)) continue;
    const block = new Float64Array(2 * phases * phases);
    flags.forEach((flag, phase) => (block[2 * phase * (phases + 1)] = 1 - flag));
    blocks.push([bus, block]);
  }
  return blocks;
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

/**
 * One step of iterative refinement, w += Y^-1 (i - Y w), in phases. Where a neutral floats, the inverted pivot is a
 * billion times larger in that direction than in the others and rounds these to 1e-7; a second look gives them back.
 */
function createRefinement(
  grid: CompiledGrid,
  lu: BlockLu,
  earthed: ReadonlyMap<number, number>,
  held: ReadonlyMap<number, HeldBus>,
): (w: Float64Array, current: Float64Array) => void {
  const { phases, busCount, energised, energisedPhases } = grid;
  const stride = 2 * phases;
  const admittance = createBusAdmittance(grid, earthed);
  const voltage = new Float64Array(stride * busCount);
  const net = new Float64Array(stride * busCount);
  const correction = new Float64Array(lu.length);
  const free = (place: number): boolean => energisedPhases[place] === 1 && !held.has(Math.floor(place / phases));
  return (w, current) => {
    for (let bus = 0; bus < busCount; bus++) {
      const at = stride * lu.position[bus]!;
      for (let e = 0; e < stride; e++) voltage[stride * bus + e] = energised[bus] === 1 ? w[at + e]! : 0;
    }
    admittance.netCurrent(voltage, net);
    for (let bus = 0; bus < busCount; bus++) {
      const at = stride * lu.position[bus]!;
      for (let e = 0; e < stride; e++) {
        const k = stride * bus + e;
        correction[at + e] = free(k >> 1) ? current[k]! - net[k]! : 0;
      }
    }
    lu.solveOrdered(correction);
    for (let k = 0; k < correction.length; k++) w[k]! += correction[k]!;
  };
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
