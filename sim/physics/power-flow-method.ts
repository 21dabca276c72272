/**
 * The joint between the entry point of the power flow (`power-flow.ts`) and its methods: a method takes a compiled grid,
 * keeps everything that the topology fixes, and finds the voltages that belong to given powers of the elements.
 */
import type { CompiledGrid } from '../../grids/model.ts';
import type { ElementModel, ElementPowers } from './power-flow-elements.ts';
import type { NetworkEquations } from './power-flow-network.ts';

/**
 * `sweep`: backward-forward sweeps over the trees of a grid, about a factorised core where it is meshed; `newton`: Newton-Raphson with voltage control;
 * `current-injection`: fixed point on one factorisation of the admittance matrix; `linear`: loads as admittances, one solve.
 */
export type MethodName = 'sweep' | 'newton' | 'current-injection' | 'linear';

/** What every method of one power flow shares. Nothing here changes after it is made. */
export interface MethodContext {
  readonly grid: CompiledGrid;
  readonly elements: ElementModel;
  /** The factorised admittance matrix; made at the first call, the same afterwards. */
  readonly network: () => NetworkEquations;
  /** Largest power mismatch of a bus and phase at which the solution counts, per unit of `grid.basePowerVA`. */
  readonly tolerancePu: number;
  readonly maxIterations: number;
}

export interface MethodResult {
  readonly converged: boolean;
  /** Linear solves that were needed; 0 when nothing had changed. */
  readonly iterations: number;
  /** Largest power mismatch, per unit of `grid.basePowerVA`, and where it stands; -1 where there is no injection. */
  readonly worstMismatchPu: number;
  readonly worstBus: number;
  readonly worstPhase: number;
}

export interface PowerFlowMethod {
  readonly name: MethodName;
  /** It solves another problem, in which every element is the admittance of its nominal power. Only on request. */
  readonly linear?: true;
  /** Why it cannot solve this grid, as half a sentence without a full stop; undefined when it can. */
  refuses(grid: CompiledGrid): string | undefined;
  /** Everything that the topology fixes, once; the solver stands at the voltages of the unloaded grid. */
  prepare(context: MethodContext): MethodSolver;
}

/** One state on the shared structure of a method. */
export interface MethodSolver {
  /** Phase-to-ground voltages, per unit, laid out as in `Truth.voltage`; NaN where there is none. Overwritten by `solve`. */
  readonly voltage: Float64Array;
  /** Largest mismatch before each linear solve of the last `solve`: the first `iterations + 1` entries count. */
  readonly history: Float64Array;
  /**
   * Solves from the last voltages. Powers as in `PowerFlow.powers`; a method that controls voltages writes the reactive
   * powers that it found into those of the controlling generators. No convergence is an answer.
   */
  solve(powers: ElementPowers): MethodResult;
  /** Sets the voltages of the unloaded grid. */
  flatStart(): void;
  /** Currents into the branches at both ends at the last voltages, per unit, laid out as in `Truth`. */
  branchCurrents(from: Float64Array, to: Float64Array): void;
  /** Generators (by index in the document) that stand at a reactive limit and let their voltage go. Absent: none can. */
  limited?(): readonly number[];
  /** Another state on the same structure, equal to begin with. */
  clone(): MethodSolver;
}

/** Largest |v| |change of injected current| over the places with elements; NaN as soon as one is NaN. */
export function worstMismatch(
  places: Int32Array,
  phases: number,
  voltage: Float64Array,
  next: Float64Array,
  current: Float64Array,
): Pick<MethodResult, 'worstMismatchPu' | 'worstBus' | 'worstPhase'> {
  let worst = 0;
  let place = -1;
  for (let k = 0; k < places.length; k++) {
    const at = 2 * places[k]!;
    const dr = next[at]! - current[at]!;
    const di = next[at + 1]! - current[at + 1]!;
    const vr = voltage[at]!;
    const vi = voltage[at + 1]!;
    const square = (dr * dr + di * di) * (vr * vr + vi * vi);
    if (square <= worst) continue;
    worst = square;
    place = at >> 1;
    if (Number.isNaN(square)) break;
  }
  return {
    worstMismatchPu: Math.sqrt(worst),
    worstBus: place < 0 ? -1 : Math.floor(place / phases),
    worstPhase: place < 0 ? -1 : place % phases,
  };
}
