/**
 * Power flow of many situations of one grid: a time series, a set of scenarios. Everything that the topology fixes is
 * worked out once. Each situation starts from the voltages that belong to the document's own powers, so its answer does
 * not depend on its neighbours. Nothing is allocated per solve.
 */
import type { CompiledGrid } from '../../grids/model.ts';
import { createBatchWriter, type BatchResults } from './power-flow-batch-results.ts';
import { createElementModel, type ElementModel, type ElementPowers } from './power-flow-elements.ts';
import { createSweepBranches, sweepBranchCurrents } from './power-flow-sweep-branches.ts';
import { createSweeper, type Sweeper } from './power-flow-sweeper.ts';
import { createPowerFlow } from './power-flow.ts';

/**
 * Nominal powers of `count` situations one behind the other, each laid out as in `PowerFlow.powers` (W and var per phase,
 * in a positive-sequence grid a third of the three-phase sum). Kinds that are left out keep the document's powers.
 */
export interface BatchPowers {
  readonly count: number;
  readonly load?: Float64Array;
  readonly generator?: Float64Array;
  readonly battery?: Float64Array;
}

export interface BatchOptions {
  /** Largest change of a voltage in the last iteration, per unit. */
  readonly tolerancePu?: number;
  readonly maxIterations?: number;
}

export interface BatchSummary {
  /** Situations without a solution, by number; their results are NaN. */
  readonly diverged: readonly number[];
  readonly iterations: number;
}

export interface PowerFlowBatch {
  /** Whether the sweeps solve it, or one by one the method that the grid needs. */
  readonly method: 'sweep' | 'one-by-one';
  /** Solves all situations and writes `results`, which `createBatchResults` made for at least as many. */
  run(powers: BatchPowers, results: BatchResults): BatchSummary;
}

const DEFAULT_TOLERANCE_PU = 1e-8;
const DEFAULT_MAX_ITERATIONS = 100;

export function createPowerFlowBatch(grid: CompiledGrid, options: BatchOptions = {}): PowerFlowBatch {
  const elements = createElementModel(grid);
  const constant = elements.free.general.length === 0;
  const controlled = grid.document.generators.some((one) => one.voltageControl !== undefined && one.inService);
  const sweeper = constant && !controlled ? createSweeper(grid) : 'it has other elements than constant powers';
  return typeof sweeper === 'string' ? oneByOne(grid, options) : bySweeps(grid, elements, sweeper, options);
}

function bySweeps(grid: CompiledGrid, elements: ElementModel, sweeper: Sweeper, options: BatchOptions): PowerFlowBatch {
  const { structure, state } = sweeper;
  const stride = 2 * grid.phases;
  const branches = createSweepBranches(grid, structure);
  const unloaded = state.voltage.slice();
  const writer = createBatchWriter(grid, structure.slotOfBus, unloaded);
  const nominal = elements.documentPowers();
  const intakes = createIntakes(elements, structure.slotOfBus, stride);
  const from = new Float64Array(stride * grid.branches.length);
  const to = new Float64Array(stride * grid.branches.length);
  const criterion = {
    measure: 'change',
    tolerance: options.tolerancePu ?? DEFAULT_TOLERANCE_PU,
    maxIterations: options.maxIterations ?? DEFAULT_MAX_ITERATIONS,
  } as const;
  takeIn(intakes, { count: 1 }, 0, nominal, stride, state.power);
  const start = sweeper.iterate(criterion) > 0 ? state.voltage.slice() : unloaded;
  return {
    method: 'sweep',
    run: (batch, results) => {
      checkLengths(batch, nominal);
      const diverged: number[] = [];
      let iterations = 0;
      for (let s = 0; s < batch.count; s++) {
        takeIn(intakes, batch, s, nominal, stride, state.power);
        state.voltage.set(start);
        const count = sweeper.iterate(criterion);
        iterations += Math.abs(count);
        if (count < 0) {
          diverged.push(s);
          state.voltage.fill(Number.NaN);
        }
        sweeper.collect();
        sweepBranchCurrents(structure, branches, state, from, to);
        writer(results, s, state.voltage, from, to);
      }
      return { diverged, iterations };
    },
  };
}

/** For grids that the sweeps cannot take: the entry point's choice, from the unloaded grid for every situation. */
function oneByOne(
  grid: CompiledGrid,
  { tolerancePu, maxIterations = DEFAULT_MAX_ITERATIONS }: BatchOptions,
): PowerFlowBatch {
  // The entry point ends on a power mismatch: one that no voltage of a grid in service turns into more than is asked.
  const flow = createPowerFlow(grid, { tolerancePu: (tolerancePu ?? DEFAULT_TOLERANCE_PU) / 100, maxIterations });
  const nominal = createElementModel(grid).documentPowers();
  const everyBus = Int32Array.from({ length: grid.busCount }, (_, bus) => bus);
  const writer = createBatchWriter(grid, everyBus, flow.voltage.slice());
  return {
    method: 'one-by-one',
    run: (batch, results) => {
      checkLengths(batch, flow.powers);
      takeDocument(batch, nominal, flow.powers);
      const diverged: number[] = [];
      let iterations = 0;
      for (let s = 0; s < batch.count; s++) {
        takeSituation(batch, s, flow.powers);
        flow.flatStart();
        const result = flow.solve();
        iterations += result.iterations;
        const { from, to } = flow.branchCurrents();
        if (!result.converged) {
          diverged.push(s);
          for (const values of [flow.voltage, from, to]) values.fill(Number.NaN);
        }
        writer(results, s, flow.voltage, from, to);
      }
      return { diverged, iterations };
    },
  };
}

function checkLengths(batch: BatchPowers, powers: ElementPowers): void {
  for (const kind of KINDS) {
    const wanted = batch.count * powers[kind].length;
    const given = batch[kind]?.length ?? wanted;
    if (given !== wanted)
      throw new RangeError(`${kind} has ${given} numbers for ${batch.count} situations, not ${wanted}`);
  }
}

const KINDS = ['load', 'generator', 'battery'] as const;

/** Kinds that a batch leaves out have the document's powers, whatever an earlier batch said. */
function takeDocument(batch: BatchPowers, nominal: ElementPowers, powers: ElementPowers): void {
  for (const kind of KINDS) if (batch[kind] === undefined) powers[kind].set(nominal[kind]);
}

function takeSituation(batch: BatchPowers, situation: number, powers: ElementPowers): void {
  for (let k = 0; k < KINDS.length; k++) {
    const source = batch[KINDS[k]!];
    if (source === undefined) continue;
    const own = powers[KINDS[k]!];
    const first = situation * own.length;
    for (let e = 0; e < own.length; e++) own[e] = source[first + e]!;
  }
}

/** Elements of one kind: where each begins in the powers of its kind and in the consumption by slot, and the factor. */
interface Intake {
  readonly kind: keyof ElementPowers;
  readonly element: Int32Array;
  readonly slotAt: Int32Array;
  readonly factor: number;
}

function createIntakes({ constantPower }: ElementModel, slotOfBus: Int32Array, stride: number): readonly Intake[] {
  return constantPower.map(({ kind, element, bus, factor }) => ({
    kind,
    element,
    slotAt: bus.map((at) => stride * slotOfBus[at / stride]!),
    factor: -factor,
  }));
}

/** Sums a situation's powers into consumption by slot, straight from where they stand. */
function takeIn(
  intakes: readonly Intake[],
  batch: BatchPowers,
  situation: number,
  nominal: ElementPowers,
  stride: number,
  consumed: Float64Array,
): void {
  consumed.fill(0);
  for (let n = 0; n < intakes.length; n++) {
    const { kind, element, slotAt, factor } = intakes[n]!;
    const given = batch[kind];
    const source = given ?? nominal[kind];
    const first = given === undefined ? 0 : situation * nominal[kind].length;
    for (let e = 0; e < element.length; e++) {
      const at = first + element[e]!;
      const to = slotAt[e]!;
      for (let k = 0; k < stride; k++) consumed[to + k]! += factor * source[at + k]!;
    }
  }
}
