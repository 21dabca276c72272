/**
 * Power flow of a compiled grid by current injection: Y v = i(v) with Y factorised once, radial or meshed, one or three
 * phases. On a radial grid each iteration is a backward-forward sweep (see `numerics/block-lu.ts`).
 */
import type { CompiledGrid } from '../../grids/model.ts';
import { createElementModel, type ElementModel, type ElementPowers } from './power-flow-elements.ts';
import { createNetworkEquations, type NetworkEquations, type PowerFlowTotals } from './power-flow-network.ts';

export type { PowerFlowTotals } from './power-flow-network.ts';

export interface PowerFlowOptions {
  /** Largest power mismatch of a bus and phase at which the solution counts, per unit of `grid.basePowerVA`. */
  readonly tolerancePu?: number;
  readonly maxIterations?: number;
}

export interface PowerFlowResult {
  readonly converged: boolean;
  /** Linear solves that were needed; 0 when nothing had changed. */
  readonly iterations: number;
  /** Largest power mismatch, per unit of `grid.basePowerVA`, and where it stands; -1 where there is no injection. */
  readonly worstMismatchPu: number;
  readonly worstBus: number;
  readonly worstPhase: number;
}

export interface PowerFlow {
  readonly grid: CompiledGrid;
  /**
   * Nominal powers of all elements in document order, W and var per phase at `2 * (element * phases + phase)`; loads
   * consume positive, generators and batteries produce positive. Write here, then `solve`. Initially the document's
   * powers, batteries idle. Delta elements: phases mean AB, BC, CA. Positive sequence: a third of the three-phase sum.
   */
  readonly powers: ElementPowers;
  /** Phase-to-ground voltages, per unit, laid out as in `Truth.voltage`; NaN in dead islands. Overwritten by `solve`. */
  readonly voltage: Float64Array;
  /** Solves from the last voltages. No convergence is an answer; the next solve then starts from the unloaded grid. */
  solve(): PowerFlowResult;
  /** Currents into the branches at both ends, per unit, laid out as in `Truth`. The arrays are reused. */
  branchCurrents(): { readonly from: Float64Array; readonly to: Float64Array };
  totals(): PowerFlowTotals;
  /** Powers of the elements at the solved voltages (ZIP loads differ from their nominal powers). Reused. */
  actualPowers(): ElementPowers;
  /** Sets the voltages of the unloaded grid. */
  flatStart(): void;
  /** A second power flow on the same factorisation with powers and voltages of its own, equal to begin with. */
  clone(): PowerFlow;
}

const DEFAULT_TOLERANCE_PU = 1e-10;
const DEFAULT_MAX_ITERATIONS = 200;

/** What all clones share: nothing here changes after it is made. */
interface Shared {
  readonly grid: CompiledGrid;
  readonly network: NetworkEquations;
  readonly elements: ElementModel;
  readonly tolerancePu: number;
  readonly maxIterations: number;
}

/** A solution of the network equations and the phase voltages and element currents that belong to it. */
interface State {
  readonly solution: Float64Array;
  readonly voltage: Float64Array;
  readonly current: Float64Array;
}

/** Factorises the grid once; throws an Error on a grid that `validateGrid` would have refused. */
export function createPowerFlow(grid: CompiledGrid, options: PowerFlowOptions = {}): PowerFlow {
  const shared: Shared = {
    grid,
    network: createNetworkEquations(grid),
    elements: createElementModel(grid),
    tolerancePu: options.tolerancePu ?? DEFAULT_TOLERANCE_PU,
    maxIterations: options.maxIterations ?? DEFAULT_MAX_ITERATIONS,
  };
  const length = 2 * grid.phases * grid.busCount;
  const flow = createInstance(shared, shared.elements.documentPowers(), {
    solution: shared.network.createSolution(),
    voltage: new Float64Array(length),
    current: new Float64Array(length),
  });
  flow.flatStart();
  return flow;
}

function createInstance(shared: Shared, powers: ElementPowers, { solution, voltage, current }: State): PowerFlow {
  const { grid, network, elements, tolerancePu, maxIterations } = shared;
  const { buses } = elements.free;
  const next = new Float64Array(voltage.length);
  const busPower = new Float64Array(voltage.length);
  const from = new Float64Array(2 * grid.phases * grid.branches.length);
  const to = new Float64Array(2 * grid.phases * grid.branches.length);
  const actual = elements.documentPowers();
  let diverged = false;
  let currentsKnown = false;

  const flatStart = (): void => {
    current.fill(0);
    network.solve(solution, buses, current, voltage);
    network.readVoltages(solution, voltage);
    diverged = false;
    currentsKnown = false;
  };

  const solve = (): PowerFlowResult => {
    if (diverged) flatStart();
    elements.sumConstantPower(powers, busPower);
    for (let iterations = 0; ; iterations++) {
      elements.inject(elements.free, powers, busPower, voltage, next);
      // Y v = sources + current holds exactly, so the mismatch of s = v conj(i) is |v| |next - current|: it costs no
      // product with Y.
      const worst = worstMismatch(buses, grid.phases, voltage, next, current);
      const converged = worst.worstMismatchPu <= tolerancePu;
      if (converged || iterations >= maxIterations || !Number.isFinite(worst.worstMismatchPu)) {
        diverged = !converged;
        network.readVoltages(solution, voltage);
        return { converged, iterations, ...worst };
      }
      current.set(next);
      network.solve(solution, buses, current, voltage);
      currentsKnown = false;
    }
  };

  const totals = (): PowerFlowTotals => {
    elements.sumConstantPower(powers, busPower);
    elements.inject(elements.all, powers, busPower, voltage, next);
    return network.totals(voltage, next, elements.all.buses);
  };

  return {
    grid,
    powers,
    voltage,
    solve,
    flatStart,
    totals,
    branchCurrents: () => {
      if (!currentsKnown) network.branchCurrents(solution, from, to);
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
      const state = { solution: solution.slice(), voltage: voltage.slice(), current: current.slice() };
      return createInstance(shared, copy, state);
    },
  };
}

/** Largest |v| |change of injected current| over the buses with elements; NaN as soon as one is NaN. */
function worstMismatch(
  buses: Int32Array,
  phases: number,
  voltage: Float64Array,
  next: Float64Array,
  current: Float64Array,
): Pick<PowerFlowResult, 'worstMismatchPu' | 'worstBus' | 'worstPhase'> {
  let worst = 0;
  let place = -1;
  for (let b = 0; b < buses.length; b++) {
    const start = 2 * phases * buses[b]!;
    for (let at = start; at < start + 2 * phases; at += 2) {
      const dr = next[at]! - current[at]!;
      const di = next[at + 1]! - current[at + 1]!;
      const vr = voltage[at]!;
      const vi = voltage[at + 1]!;
      const square = (dr * dr + di * di) * (vr * vr + vi * vi);
      if (square <= worst) continue;
      worst = square;
      place = at >> 1;
      if (Number.isNaN(square)) b = buses.length;
    }
  }
  return {
    worstMismatchPu: Math.sqrt(worst),
    worstBus: place < 0 ? -1 : Math.floor(place / phases),
    worstPhase: place < 0 ? -1 : place % phases,
  };
}
