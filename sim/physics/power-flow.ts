/** Power flow of a compiled grid, radial or meshed, one or three phases: the one entry point, which chooses the method. */
import type { CompiledGrid } from '../../grids/model.ts';
import { currentInjection } from './power-flow-current-injection.ts';
import { createElementModel, type ElementPowers } from './power-flow-elements.ts';
import { linear } from './power-flow-linear.ts';
import type { MethodContext, MethodName, MethodResult, MethodSolver, PowerFlowMethod } from './power-flow-method.ts';
import { createNetworkEquations, type NetworkEquations } from './power-flow-network.ts';
import { newton } from './power-flow-newton.ts';
import { sweep } from './power-flow-sweep.ts';
import { createTotals, type PowerFlowTotals } from './power-flow-totals.ts';

export interface PowerFlowOptions {
  /** Absent: by the structure of the grid. */
  readonly method?: MethodName;
  /** Largest power mismatch of a bus and phase at which the solution counts, per unit of `grid.basePowerVA`. */
  readonly tolerancePu?: number;
  readonly maxIterations?: number;
}

export type PowerFlowResult = MethodResult;

export interface PowerFlow {
  readonly grid: CompiledGrid;
  /** Every element is the admittance of its nominal power: the linear method was asked for. */
  readonly linear: boolean;
  /** The method of the last solve: the one that was chosen, or Newton where that one did not converge. */
  method(): MethodName;
  /**
   * Nominal powers of all elements in document order, W and var per phase at `2 * (element * phases + phase)`; loads
   * consume positive, generators and batteries produce positive. Write here, then `solve`. Initially the document's
   * powers, batteries idle. Delta elements: phases mean AB, BC, CA. Positive sequence: a third of the three-phase sum.
   * The reactive power of a voltage-controlled generator is an answer: `solve` writes it here.
   */
  readonly powers: ElementPowers;
  /** Phase-to-ground voltages, per unit, laid out as in `Truth.voltage`; NaN where there is none. Overwritten by `solve`. */
  readonly voltage: Float64Array;
  /** Largest mismatch before each linear solve of the last `solve`: the first `iterations + 1` entries count. */
  history(): Float64Array;
  /** Solves from the last voltages. No convergence is an answer; the next solve then starts from the unloaded grid. */
  solve(): PowerFlowResult;
  /** Currents into the branches at both ends, per unit, laid out as in `Truth`. The arrays are reused. */
  branchCurrents(): { readonly from: Float64Array; readonly to: Float64Array };
  totals(): PowerFlowTotals;
  /** Powers of the elements at the solved voltages (ZIP loads differ from their nominal powers). Reused. */
  actualPowers(): ElementPowers;
  /** Generators (by index in the document) that stand at a reactive limit and let their voltage go. */
  limited(): readonly number[];
  /** Sets the voltages of the unloaded grid. */
  flatStart(): void;
  /** A second power flow on the same structure with powers and voltages of its own, equal to begin with. */
  clone(): PowerFlow;
}

const DEFAULT_TOLERANCE_PU = 1e-10;
const DEFAULT_MAX_ITERATIONS = 200;

/** In the order in which they are asked when nobody chose: the first that does not refuse the grid. */
const METHODS: readonly PowerFlowMethod[] = [sweep, currentInjection, newton, linear];

/** What all clones share: nothing here changes after it is made. */
interface Shared extends MethodContext {
  readonly method: MethodName;
  /** For what the method does not solve, when nobody chose it. */
  readonly rescue: PowerFlowMethod | undefined;
  readonly totals: ReturnType<typeof createTotals>;
}

/**
 * Prepares the grid once. Throws an Error on a grid that `validateGrid` would have refused and on a method that cannot
 * solve it.
 */
export function createPowerFlow(grid: CompiledGrid, options: PowerFlowOptions = {}): PowerFlow {
  const method = chooseMethod(grid, options.method);
  let network: NetworkEquations | undefined;
  const shared: Shared = {
    grid,
    method: method.name,
    rescue: options.method === undefined && method !== newton ? newton : undefined,
    elements: createElementModel(grid, method.linear),
    network: () => (network ??= createNetworkEquations(grid)),
    totals: createTotals(grid),
    tolerancePu: options.tolerancePu ?? DEFAULT_TOLERANCE_PU,
    maxIterations: options.maxIterations ?? DEFAULT_MAX_ITERATIONS,
  };
  return createInstance(shared, shared.elements.documentPowers(), method.prepare(shared));
}

/** Why a method cannot solve a grid, as half a sentence without a full stop; undefined when it can. */
export function methodRefusal(grid: CompiledGrid, name: MethodName): string | undefined {
  return METHODS.find((method) => method.name === name)?.refuses(grid);
}

function chooseMethod(grid: CompiledGrid, wanted: MethodName | undefined): PowerFlowMethod {
  const fitting = METHODS.filter((method) => wanted === undefined || method.name === wanted);
  for (const method of fitting) if (method.refuses(grid) === undefined) return method;
  const reasons = fitting.map((method) => `${method.name}: ${method.refuses(grid)}`);
  throw new Error(`no method can solve this grid (${reasons.join('; ')})`);
}

function createInstance(shared: Shared, powers: ElementPowers, solver: MethodSolver): PowerFlow {
  const { grid, elements } = shared;
  const { voltage } = solver;
  const injection = new Float64Array(voltage.length);
  const busPower = new Float64Array(voltage.length);
  const from = new Float64Array(2 * grid.phases * grid.branches.length);
  const to = new Float64Array(2 * grid.phases * grid.branches.length);
  const actual = elements.documentPowers();
  let currentsKnown = false;
  let settled = true;
  let second: MethodSolver | undefined;
  let rescued = false;

  /** Newton from the unloaded grid: its answer, be it none, takes the place of the one that did not converge. */
  const rescue = (failed: PowerFlowResult): PowerFlowResult => {
    if (shared.rescue === undefined) return failed;
    second ??= shared.rescue.prepare(shared);
    second.flatStart();
    const result = second.solve(powers);
    rescued = true;
    voltage.set(second.voltage);
    return result;
  };
  const last = (): MethodSolver => (rescued && second !== undefined ? second : solver);

  return {
    grid,
    linear: shared.method === 'linear',
    method: () => (rescued ? (shared.rescue?.name ?? shared.method) : shared.method),
    powers,
    voltage,
    history: () => last().history,
    limited: () => last().limited?.() ?? [],
    solve: () => {
      rescued = false;
      const first = solver.solve(powers);
      const result = first.converged ? first : rescue(first);
      // After a failure the method starts afresh, so even no iteration at all moves the voltages.
      if (result.iterations > 0 || !settled) currentsKnown = false;
      settled = first.converged && !rescued;
      return result;
    },
    flatStart: () => {
      solver.flatStart();
      rescued = false;
      currentsKnown = false;
    },
    totals: () => {
      elements.sumConstantPower(powers, busPower);
      elements.inject(elements.all, powers, busPower, voltage, injection);
      return shared.totals(voltage, injection, elements.all.buses);
    },
    branchCurrents: () => {
      if (!currentsKnown) last().branchCurrents(from, to);
      currentsKnown = true;
      return { from, to };
    },
    actualPowers: () => {
      elements.actualPowers(powers, voltage, actual);
      return actual;
    },
    clone: () => {
      const { load, generator, battery } = powers;
      const copy = { load: load.slice(), generator: generator.slice(), battery: battery.slice() };
      const twin = createInstance(shared, copy, solver.clone());
      twin.voltage.set(voltage);
      return twin;
    },
  };
}
