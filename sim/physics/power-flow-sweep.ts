/**
 * Power flow by backward-forward sweeps over the trees of a grid: of a radial grid as a whole, and of a meshed one about
 * its core, which is solved with one factorisation. The fastest method where nothing but powers is given.
 *
 * D. Shirmohammadi et al., "A compensation-based power flow method for weakly meshed distribution and transmission
 * networks", IEEE Trans. Power Systems 3 (1988) 753, with loops solved exactly in place of compensated.
 */
import type { CompiledGrid } from '../../grids/model.ts';
import { injectPart, type ElementModel, type ElementPowers, type GeneralPart } from './power-flow-elements.ts';
import type { MethodContext, MethodSolver, PowerFlowMethod } from './power-flow-method.ts';
import { createSweepBranches, sweepBranchCurrents, type SweepBranches } from './power-flow-sweep-branches.ts';
import { noteWorst, type SweepState } from './power-flow-sweep-state.ts';
import { createSweeper, type Sweeper } from './power-flow-sweeper.ts';

export const sweep: PowerFlowMethod = {
  name: 'sweep',
  refuses: (grid) => {
    if (grid.document.generators.some((one) => one.voltageControl !== undefined && one.inService)) {
      return 'it cannot hold the voltage of a generator';
    }
    const sweeper = sweeperOf(grid);
    return typeof sweeper === 'string' ? sweeper : undefined;
  },
  prepare: (context) => {
    const sweeper = sweeperOf(context.grid);
    if (typeof sweeper === 'string') throw new Error(sweeper);
    const own = sweeper.clone();
    return createSolver(
      context,
      own,
      createSweepBranches(context.grid, own.structure),
      createGeneral(context.elements, own),
      true,
    );
  },
};

/** Largest change of a voltage, per unit, at which the unloaded grid counts as solved. */
const UNLOADED = 1e-13;

/** Grids are asked twice, whether they fit and for the solver, and often solved more than once. */
const sweepers = new WeakMap<CompiledGrid, Sweeper | string>();

function sweeperOf(grid: CompiledGrid): Sweeper | string {
  let sweeper = sweepers.get(grid);
  if (sweeper === undefined) sweepers.set(grid, (sweeper = createSweeper(grid)));
  return sweeper;
}

function createSolver(
  context: MethodContext,
  sweeper: Sweeper,
  branches: SweepBranches,
  general: General,
  fresh: boolean,
): MethodSolver {
  const { grid, elements, tolerancePu: tolerance, maxIterations } = context;
  const { structure, state } = sweeper;
  const { phases } = grid;
  const voltage = new Float64Array(2 * phases * grid.busCount).fill(Number.NaN);
  const busPower = new Float64Array(voltage.length);
  const history = new Float64Array(maxIterations + 1);
  let diverged = false;
  let collected = false;

  const readVoltages = (): void => {
    scatter(structure.busOfSlot, 2 * phases, state.voltage, voltage);
  };
  const flatStart = (): void => {
    sweeper.flatStart();
    state.power.fill(0);
    // The unloaded grid has its shunts: what follows measures what the elements change.
    sweeper.iterate({ measure: 'change', tolerance: UNLOADED, maxIterations });
    general.forget();
    diverged = false;
    collected = false;
    readVoltages();
  };
  if (fresh) flatStart();
  else readVoltages();

  return {
    voltage,
    history,
    flatStart,
    solve: (powers) => {
      if (diverged) flatStart();
      elements.sumConstantPower(powers, busPower);
      takePowers(structure.busOfSlot, structure.held, 2 * phases, busPower, state);
      const draw = general.draw(powers, context.grid.basePowerVA);
      const count = sweeper.iterate({ measure: 'mismatch', tolerance, maxIterations }, history, draw);
      diverged = !(state.worst[0]! <= tolerance * tolerance);
      collected = false;
      if (count !== 0) readVoltages();
      return { converged: !diverged, iterations: Math.abs(count), ...worstPlace(sweeper) };
    },
    branchCurrents: (from, to) => {
      if (!collected) sweeper.collect();
      collected = true;
      sweepBranchCurrents(structure, branches, state, from, to);
    },
    clone: () => {
      const twin = createSolver(context, sweeper.clone(), branches, general.clone(), false);
      twin.history.set(history);
      return twin;
    },
  };
}

/** Vectors by slot to vectors by bus; sources have no bus. */
function scatter(busOfSlot: Int32Array, stride: number, bySlot: Float64Array, byBus: Float64Array): void {
  let at = 0;
  for (let slot = 0; slot < busOfSlot.length; slot++) {
    const to = stride * busOfSlot[slot]!;
    if (to >= 0) for (let e = 0; e < stride; e++) byBus[to + e] = bySlot[at + e]!;
    at += stride;
  }
}

/**
 * Takes over injected powers as consumption. At unchanged voltages the equations hold for the last powers, so the
 * mismatch to begin with is by how much they have changed.
 */
function takePowers(
  busOfSlot: Int32Array,
  held: number,
  stride: number,
  busPower: Float64Array,
  state: SweepState,
): void {
  const { power, worst } = state;
  worst[0] = 0;
  worst[1] = -1;
  for (let slot = held; slot < busOfSlot.length; slot++) {
    const from = stride * busOfSlot[slot]!;
    const at = stride * slot;
    for (let e = 0; e < stride; e += 2) {
      const dp = busPower[from + e]! + power[at + e]!;
      const dq = busPower[from + e + 1]! + power[at + e + 1]!;
      const error = dp * dp + dq * dq;
      const largest = worst[0] ?? 0;
      if (!(error <= largest)) noteWorst(state, error, (at + e) >> 1);
      power[at + e] = -busPower[from + e]!;
      power[at + e + 1] = -busPower[from + e + 1]!;
    }
  }
}

function worstPlace({ structure, state }: Sweeper): { worstMismatchPu: number; worstBus: number; worstPhase: number } {
  const [square = 0, place = -1] = state.worst;
  const { phases, busOfSlot } = structure;
  return {
    worstMismatchPu: Math.sqrt(square),
    worstBus: place < 0 ? -1 : busOfSlot[Math.floor(place / phases)]!,
    worstPhase: place < 0 ? -1 : place % phases,
  };
}

/** Elements whose power depends on the voltage or that stand between phases. */
interface General {
  /** What adds their currents in an iteration; undefined when there are none. */
  draw(powers: ElementPowers, basePowerVA: number): ((state: SweepState) => void) | undefined;
  forget(): void;
  clone(): General;
}

function createGeneral(elements: ElementModel, { structure, state }: Sweeper): General {
  const offset = (at: number): number => {
    const stride = 2 * structure.phases;
    const bus = Math.floor(at / stride);
    return at < 0 ? -1 : structure.slotOfBus[bus]! * stride + (at - bus * stride);
  };
  // The same parts by slot, drawing in place of injecting.
  const parts = elements.free.general.map((part) => ({
    ...part,
    near: offset(part.near),
    far: offset(part.far),
    sign: -part.sign,
  }));
  const places = new Set(parts.flatMap(({ near, far }) => (far < 0 ? [near] : [near, far])));
  return withCurrents(parts, Int32Array.from(places).sort(), new Float64Array(state.current.length));
}

function withCurrents(parts: readonly GeneralPart[], places: Int32Array, last: Float64Array): General {
  const next = new Float64Array(last.length);
  let present: ElementPowers | undefined;
  let base = 1;
  const add = (state: SweepState): void => {
    if (present === undefined) return;
    for (let k = 0; k < places.length; k++) next[places[k]!] = next[places[k]! + 1] = 0;
    for (let k = 0; k < parts.length; k++) {
      const part = parts[k]!;
      injectPart(part, base, present[part.kind], state.voltage, next);
    }
    takeCurrents(places, next, last, state);
  };
  return {
    draw: (powers, basePowerVA) => {
      present = powers;
      base = basePowerVA;
      return parts.length === 0 ? undefined : add;
    },
    forget: () => {
      last.fill(0);
    },
    clone: () => withCurrents(parts, places, last.slice()),
  };
}

/** Adds the currents of the elements; how far they are from the last, times the voltage, is their power mismatch. */
function takeCurrents(places: Int32Array, next: Float64Array, last: Float64Array, state: SweepState): void {
  const { voltage, current, worst } = state;
  for (let k = 0; k < places.length; k++) {
    const at = places[k]!;
    const dr = next[at]! - last[at]!;
    const di = next[at + 1]! - last[at + 1]!;
    const error = (dr * dr + di * di) * (voltage[at]! ** 2 + voltage[at + 1]! ** 2);
    if (!(error <= worst[0]!)) noteWorst(state, error, at >> 1);
    current[at]! += next[at]!;
    current[at + 1]! += next[at + 1]!;
    last[at] = next[at]!;
    last[at + 1] = next[at + 1]!;
  }
}
