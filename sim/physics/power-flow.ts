/**
 * Power flow of a compiled grid by current injection: Y v = i(v) with Y factorised once, radial or meshed, one or three
 * phases. On a radial grid each iteration is a backward-forward sweep (see `numerics/block-lu.ts`).
 */
import type { CompiledGrid } from '../../grids/model.ts';
import { createElementModel, type ElementModel, type ElementPowers } from './power-flow-elements.ts';
import { createNetworkEquations, type NetworkEquations, type PowerFlowTotals } from './power-flow-network.ts';

export type { ElementPowers } from './power-flow-elements.ts';
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

/** Voltages and the right-hand side that they solve: Y voltage = rhs. */
interface State {
  readonly voltage: Float64Array;
  readonly rhs: Float64Array;
}

/** Factorises the grid once; throws an Error on a grid that `validateGrid` would have refused. */
export function createPowerFlow(grid: CompiledGrid, options: PowerFlowOptions = {}): PowerFlow {
  const network = createNetworkEquations(grid);
  const elements = createElementModel(grid);
  const shared: Shared = {
    grid,
    network,
    elements,
    tolerancePu: options.tolerancePu ?? DEFAULT_TOLERANCE_PU,
    maxIterations: options.maxIterations ?? DEFAULT_MAX_ITERATIONS,
  };
  const rhs = network.sourceInjection.slice();
  const voltage = new Float64Array(rhs.length);
  network.lu.solve(rhs, voltage, new Float64Array(rhs.length));
  return createInstance(shared, elements.documentPowers(), { voltage, rhs });
}

function createInstance(shared: Shared, powers: ElementPowers, { voltage, rhs }: State): PowerFlow {
  const { grid, network, elements, tolerancePu, maxIterations } = shared;
  const { lu } = network;
  const next = new Float64Array(lu.length);
  const work = new Float64Array(lu.length);
  const busPower = new Float64Array(lu.length);
  const from = new Float64Array(2 * grid.phases * grid.branches.length);
  const to = new Float64Array(2 * grid.phases * grid.branches.length);
  const actual = elements.documentPowers();
  let diverged = false;

  const flatStart = (): void => {
    rhs.set(network.sourceInjection);
    lu.solve(rhs, voltage, work);
    diverged = false;
  };

  const solve = (): PowerFlowResult => {
    if (diverged) flatStart();
    elements.sumConstantPower(powers, busPower);
    for (let iterations = 0; ; iterations++) {
      next.set(network.sourceInjection);
      elements.inject(elements.free, powers, busPower, voltage, next);
      // Y v = rhs holds exactly, so the mismatch of s = v conj(i) is |v| |next - rhs|: no product with Y is needed.
      const worst = worstMismatch(elements.free.buses, grid.phases, voltage, next, rhs);
      const converged = worst.worstMismatchPu <= tolerancePu;
      if (converged || iterations >= maxIterations || !Number.isFinite(worst.worstMismatchPu)) {
        diverged = !converged;
        return { converged, iterations, ...worst };
      }
      rhs.set(next);
      lu.solve(rhs, voltage, work);
    }
  };

  const totals = (): PowerFlowTotals => {
    elements.sumConstantPower(powers, busPower);
    next.fill(0);
    elements.inject(elements.free, powers, busPower, voltage, next);
    elements.inject(elements.held, powers, busPower, voltage, next);
    return network.totals(voltage, next);
  };

  return {
    grid,
    powers,
    voltage,
    solve,
    flatStart,
    totals,
    branchCurrents: () => {
      network.branchCurrents(voltage, from, to);
      return { from, to };
    },
    actualPowers: () => {
      elements.actualPowers(powers, voltage, actual);
      return actual;
    },
    clone: () => {
      const { load, generator, battery } = powers;
      const copy = { load: load.slice(), generator: generator.slice(), battery: battery.slice() };
      return createInstance(shared, copy, { voltage: voltage.slice(), rhs: rhs.slice() });
    },
  };
}

/** Largest |v| |change of injected current| over the buses with elements; NaN as soon as one is NaN. */
function worstMismatch(
  buses: Int32Array,
  phases: number,
  voltage: Float64Array,
  next: Float64Array,
  rhs: Float64Array,
): Pick<PowerFlowResult, 'worstMismatchPu' | 'worstBus' | 'worstPhase'> {
  let worst = 0;
  let place = -1;
  for (let b = 0; b < buses.length; b++) {
    const start = 2 * phases * buses[b]!;
    for (let at = start; at < start + 2 * phases; at += 2) {
      const dr = next[at]! - rhs[at]!;
      const di = next[at + 1]! - rhs[at + 1]!;
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
