/**
 * Power flow of many situations of one grid: a time series, a set of scenarios. Everything that the topology fixes is
 * worked out once. Each sweep starts from the voltages that belong to the document's own powers, anything else from the
 * unloaded grid, so no answer depends on its neighbours. What the sweeps do not solve is solved as by the entry point.
 * The sweeps allocate nothing per solve; one by one, a solve leaves small objects, and some more for each generator that
 * holds a voltage, but, once compiled, nothing that grows with the buses.
 */
import type { CompiledGrid } from '../../grids/model.ts';
import { createBatchWriter, type BatchResults } from './power-flow-batch-results.ts';
import { createElementModel, type ElementModel, type ElementPowers } from './power-flow-elements.ts';
import { createSweepBranches, sweepBranchCurrents } from './power-flow-sweep-branches.ts';
import { createSweeper, type Sweeper } from './power-flow-sweeper.ts';
import { createPowerFlow, type PowerFlowResult } from './power-flow.ts';

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
  /** Of the sweeps, and again of Newton's method where it is asked. */
  readonly maxIterations?: number;
}

export interface BatchSummary {
  /** Situations for which the entry point has no solution either, by number; their results are NaN. */
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
/** As many as the entry point has. */
const DEFAULT_MAX_ITERATIONS = 200;

export function createPowerFlowBatch(grid: CompiledGrid, options: BatchOptions = {}): PowerFlowBatch {
  const elements = createElementModel(grid);
  const constant = elements.free.general.length === 0;
  const controlled = grid.document.generators.some((one) => one.voltageControl !== undefined && one.inService);
  const sweeper = constant && !controlled ? createSweeper(grid) : 'it has other elements than constant powers';
  return typeof sweeper === 'string'
    ? oneByOne(grid, elements.documentPowers(), options)
    : bySweeps(grid, elements, sweeper, options);
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
  let rescue: SituationSolver | undefined;
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
          rescue ??= createSituationSolver(grid, nominal, options, 'newton');
          const { converged, iterations: further } = rescue(batch, s, results);
          iterations += further;
          if (!converged) diverged.push(s);
          continue;
        }
        sweeper.collect();
        sweepBranchCurrents(structure, branches, state, from, to);
        writer(results, s, state.voltage, from, to);
      }
      return { diverged, iterations };
    },
  };
}

/** For grids that the sweeps cannot take. */
function oneByOne(grid: CompiledGrid, nominal: ElementPowers, options: BatchOptions): PowerFlowBatch {
  const solve = createSituationSolver(grid, nominal, options);
  return {
    method: 'one-by-one',
    run: (batch, results) => {
      checkLengths(batch, nominal);
      const diverged: number[] = [];
      let iterations = 0;
      for (let s = 0; s < batch.count; s++) {
        const result = solve(batch, s, results);
        iterations += result.iterations;
        if (!result.converged) diverged.push(s);
      }
      return { diverged, iterations };
    },
  };
}

/** Solves one situation of a batch and writes its results, NaN where there is no solution. */
type SituationSolver = (batch: BatchPowers, situation: number, results: BatchResults) => PowerFlowResult;

/** The entry point from the unloaded grid, by the method that it chooses or, after the sweeps, by the one it turns to. */
function createSituationSolver(
  grid: CompiledGrid,
  nominal: ElementPowers,
  { tolerancePu = DEFAULT_TOLERANCE_PU, maxIterations = DEFAULT_MAX_ITERATIONS }: BatchOptions,
  method?: 'newton',
): SituationSolver {
  // The entry point ends on a power mismatch: one that no voltage of a grid in service turns into more than is asked.
  const precision = { tolerancePu: tolerancePu / 100, maxIterations };
  const flow = createPowerFlow(grid, method === undefined ? precision : { ...precision, method });
  const everyBus = Int32Array.from({ length: grid.busCount }, (_, bus) => bus);
  const writer = createBatchWriter(grid, everyBus, flow.voltage.slice());
  return (batch, situation, results) => {
    takeSituation(batch, situation, nominal, flow.powers);
    flow.flatStart();
    const result = flow.solve();
    const { from, to } = flow.branchCurrents();
    if (!result.converged) for (const values of [flow.voltage, from, to]) values.fill(Number.NaN);
    writer(results, situation, flow.voltage, from, to);
    return result;
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

/** Kinds that a batch leaves out have the document's powers, whatever an earlier situation left. */
function takeSituation(batch: BatchPowers, situation: number, nominal: ElementPowers, powers: ElementPowers): void {
  for (let k = 0; k < KINDS.length; k++) {
    const own = powers[KINDS[k]!];
    const given = batch[KINDS[k]!];
    const source = given ?? nominal[KINDS[k]!];
    const first = given === undefined ? 0 : situation * own.length;
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
