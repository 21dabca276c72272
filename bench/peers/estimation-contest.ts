/**
 * One grid, a time series of measurements, and the state estimators of this project and of the peers on them in turn.
 *
 * Measured are the voltage magnitude at the busbar and at every fifth bus, the powers of every load (as a smart meter or
 * a forecast gives them) and the flow into every feeder. From frame to frame every load moves by some percent.
 */
import { join } from 'node:path';
import { compileGrid } from '../../grids/compile.ts';
import { generateFeederGrid } from '../../grids/generate/feeders.ts';
import type { CompiledGrid } from '../../grids/model.ts';
import { projectRoot } from '../../grids/project-root.ts';
import { multiplyAdd } from '../../numerics/complex-block.ts';
import { randomStream } from '../../numerics/random.ts';
import type { EstimationProblem, ScalarMeasurement } from '../../platform/state-estimation/estimator.ts';
import { createTreeEstimator } from '../../platform/state-estimation/fast-tree.ts';
import { createWeightedLeastSquares } from '../../platform/state-estimation/wls.ts';
import {
  createBatchResults,
  createBatchWriter,
  type BatchResults,
} from '../../sim/physics/power-flow-batch-results.ts';
import { createPowerFlowBatch } from '../../sim/physics/power-flow-batch.ts';
import { createElementModel } from '../../sim/physics/power-flow-elements.ts';
import { column, gridColumns, sourceOf, writeCase } from './case-folder.ts';
import { measureHere, type Contest, type Entrant } from './contest.ts';
import { differences } from './differences.ts';
import type { PeerWorker } from './peer-worker.ts';

export interface EstimationCase {
  readonly buses: number;
  readonly phases: 1 | 3;
  readonly meshed: boolean;
}

const TOLERANCE_PU = 1e-8;
const NOMINAL_V = 20_000;
/** Standard deviations: 0.2 % of the voltage, of a load as a forecast knows it, and of a feeder's flow, 1 % of it. */
const SIGMA = { voltageV: 0.002 * NOMINAL_V, loadW: 10_000, flowW: 30_000 } as const;

/** Measured values of all frames: per frame voltages, then P and Q of loads, then P and Q of flows, in W, var, V. */
interface Frames {
  readonly count: number;
  readonly problem: EstimationProblem;
  /** By measurement of the problem and frame, in its unit; `perUnit` are the factors to per unit. */
  readonly values: Float64Array;
  readonly perUnit: Float64Array;
  readonly columns: Readonly<Record<string, ReturnType<typeof column>>>;
}

export function estimationContest(
  one: EstimationCase,
  workers: readonly PeerWorker[],
  withPandapower: boolean,
): Omit<Contest, 'title'> {
  const { buses, phases, meshed } = one;
  const representation = phases === 3 ? 'three' : 'positive-sequence';
  const document = generateFeederGrid({ buses, meshed, representation });
  const grid = compileGrid(document);
  const frames = createFrames(grid, Math.max(10, Math.round(50_000 / (buses * phases))));
  const { count } = frames;
  const folder = join(
    projectRoot(),
    '.bench',
    'cases',
    `estimation-${phases}-${meshed ? 'meshed' : 'radial'}-${buses}`,
  );
  const about = {
    buses,
    phases,
    count,
    tolerancePu: TOLERANCE_PU,
    nominalVoltageV: NOMINAL_V,
    source: sourceOf(document),
    sigma: SIGMA,
  };
  writeCase(folder, about, { ...gridColumns(document), ...frames.columns });

  const [pgm, pandapower] = workers;
  const tree = treeEntrants(grid, frames);
  const general = phases === 3 || meshed ? generalEntrant(grid, frames) : undefined;
  const reference = tree ?? general;
  if (reference === undefined) throw new Error('nobody of ours can estimate this');
  const peer = (worker: PeerWorker, label: string, method: string, number: number, exact: boolean): Entrant => ({
    name: label,
    exact,
    run: () => worker.request({ do: 'run', work: 'estimation', method, count: number }),
    compare: async () => {
      const name = label.replaceAll(' ', '-');
      const written = await worker.request({ do: 'write', method, name });
      const compared = Math.min(number, reference.compared);
      return written.failure ?? differences(folder, name, reference.results, number, compared, phases);
    },
  });
  return {
    open: async () => {
      const opened = await Promise.all([
        pgm!.request({ do: 'open', peer: 'power-grid-model', case: folder }),
        ...(withPandapower && phases === 1
          ? [pandapower!.request({ do: 'open', peer: 'pandapower', case: folder })]
          : []),
      ]);
      return opened.flatMap(({ failure }) => failure ?? []);
    },
    ours: reference.entrants,
    peers: [
      peer(pgm!, 'PGM Newton', 'newton_raphson', count, true),
      peer(pgm!, 'PGM iterative linear', 'iterative_linear', count, false),
      ...(withPandapower && phases === 1 && buses <= 1000 ? [peer(pandapower!, 'pandapower', 'wls', 1, true)] : []),
    ],
  };
}

interface Ours {
  readonly entrants: readonly Entrant[];
  readonly results: BatchResults;
  /** Situations that `results` holds. */
  readonly compared: number;
}

/** The tree estimator from a flat start for every frame, and going on from the last one. */
function treeEntrants(grid: CompiledGrid, frames: Frames): Ours | undefined {
  const estimator = createTreeEstimator(frames.problem, { tolerancePu: TOLERANCE_PU });
  if (typeof estimator === 'string') return undefined;
  const { count, values, perUnit } = frames;
  const results = createBatchResults(grid, count);
  const everyBus = Int32Array.from({ length: grid.busCount }, (_, bus) => bus);
  const unit = Float64Array.from({ length: 2 * grid.busCount }, (_, k) => (k % 2 === 0 ? 1 : 0));
  const write = createBatchWriter(grid, everyBus, unit);
  const measured = new Float64Array(perUnit.length);
  const [from, to] = [new Float64Array(2 * grid.branches.length), new Float64Array(2 * grid.branches.length)];
  const run = (start: 'flat' | 'last') => () =>
    Promise.resolve(
      measureHere(count, () => {
        for (let frame = 0; frame < count; frame++) {
          for (let k = 0; k < measured.length; k++) measured[k] = perUnit[k]! * values[frame * measured.length + k]!;
          const { status } = estimator.estimate(measured, start);
          if (status !== 'converged') throw new Error(`frame ${frame}: ${status}`);
          estimator.branchCurrents(from, to);
          write(results, frame, estimator.voltage, from, to);
        }
      }),
    );
  const compare = () => Promise.resolve(0);
  return {
    entrants: [
      { name: 'twin', exact: true, run: run('flat'), compare },
      { name: 'twin streaming', exact: true, run: run('last'), compare },
    ],
    results,
    compared: count,
  };
}

/** The general estimator, for what is no tree or has three phases; it goes on from the last frame. */
function generalEntrant(grid: CompiledGrid, frames: Frames): Ours {
  const estimator = createWeightedLeastSquares({ tolerance: TOLERANCE_PU });
  const { problem, values, perUnit } = frames;
  const count = Math.min(frames.count, 5);
  const results = createBatchResults(grid, count);
  const everyBus = Int32Array.from({ length: grid.busCount }, (_, bus) => bus);
  const unit = new Float64Array(2 * grid.phases * grid.busCount);
  for (let k = 0; k < unit.length; k += 2) {
    const angle = (-2 * Math.PI * ((k >> 1) % grid.phases)) / 3;
    unit[k] = Math.cos(angle);
    unit[k + 1] = Math.sin(angle);
  }
  const write = createBatchWriter(grid, everyBus, unit);
  const run = () =>
    Promise.resolve(
      measureHere(count, () => {
        for (let frame = 0; frame < count; frame++) {
          const measurements = problem.measurements.map((one, k) => ({
            ...(one as ScalarMeasurement),
            value: perUnit[k]! * values[frame * perUnit.length + k]!,
          }));
          const { status, voltage } = estimator.estimate({ ...problem, measurements });
          if (status !== 'converged') throw new Error(`frame ${frame}: ${status}`);
          const { from, to } = currentsOf(grid, voltage);
          write(results, frame, voltage, from, to);
        }
      }),
    );
  return {
    entrants: [{ name: 'twin', exact: true, run, compare: () => Promise.resolve(0) }],
    results,
    compared: count,
  };
}

function currentsOf(grid: CompiledGrid, voltage: Float64Array): { from: Float64Array; to: Float64Array } {
  const { phases, branches } = grid;
  const [from, to] = [new Float64Array(2 * phases * branches.length), new Float64Array(2 * phases * branches.length)];
  for (const branch of branches) {
    const at = 2 * phases * branch.index;
    multiplyAdd(branch.yff, voltage, 2 * phases * branch.from, from, at, phases);
    multiplyAdd(branch.yft, voltage, 2 * phases * branch.to, from, at, phases);
    multiplyAdd(branch.ytf, voltage, 2 * phases * branch.from, to, at, phases);
    multiplyAdd(branch.ytt, voltage, 2 * phases * branch.to, to, at, phases);
  }
  return { from, to };
}

function createFrames(grid: CompiledGrid, count: number): Frames {
  const { phases, busCount, basePowerVA, baseVoltageV, branches, document } = grid;
  const load = loadSeries(createElementModel(grid).documentPowers().load, count, phases);
  const truth = createBatchResults(grid, count);
  createPowerFlowBatch(grid, { tolerancePu: 1e-12 }).run({ count, load }, truth);
  const random = randomStream('peers', ['measurements', String(busCount)]);

  const voltageBuses = Array.from({ length: busCount }, (_, bus) => bus).filter((bus) => bus % 5 === 0);
  const flowLines = branches.filter((branch) => branch.from === 0).map((branch) => branch.index);
  const loadBuses = document.loads.map((one) => grid.busIndex.get(one.bus)!);
  const measurements: ScalarMeasurement[] = [];
  const perUnit: number[] = [];
  // Where the true value of each measurement stands: array, first entry, entries a frame; and the peers' column.
  const sources: { array: Float64Array; at: number; stride: number; sigma: number; name: string; scale: number }[] = [];
  const put = (
    kind: ScalarMeasurement['kind'],
    place: ScalarMeasurement['place'],
    phase: number,
    base: number,
    source: (typeof sources)[number],
  ): void => {
    measurements.push({ id: `m-${measurements.length}`, kind, place, phase, value: 0, sigma: source.sigma / base });
    perUnit.push(1 / base);
    sources.push(source);
  };
  // In a positive-sequence grid our powers are those of one phase, the peers' those of three.
  const share = phases === 1 ? 3 : 1;
  const each = (count: number, work: (k: number, phase: number) => void): void => {
    for (let k = 0; k < count; k++) for (let phase = 0; phase < phases; phase++) work(k, phase);
  };
  each(voltageBuses.length, (k, phase) => {
    const bus = voltageBuses[k]!;
    const sigma = SIGMA.voltageV / Math.sqrt(3);
    const source = {
      array: truth.voltageV,
      at: bus * phases + phase,
      stride: busCount * phases,
      sigma,
      name: 'voltageV',
      scale: phases === 1 ? Math.sqrt(3) : 1,
    };
    put('voltageMagnitude', { at: 'bus', bus }, phase, baseVoltageV[bus]!, source);
  });
  for (const [offset, name, kind] of [
    [0, 'activePowerW', 'activePower'],
    [1, 'reactivePowerVar', 'reactivePower'],
  ] as const) {
    each(loadBuses.length, (k, phase) => {
      const at = 2 * (k * phases + phase) + offset;
      const source = { array: load, at, stride: load.length / count, sigma: SIGMA.loadW / share, name, scale: share };
      put(kind, { at: 'bus', bus: loadBuses[k]! }, phase, -basePowerVA, source);
    });
  }
  for (const [array, name, kind] of [
    [truth.activeFromW, 'flowW', 'activePower'],
    [truth.reactiveFromVar, 'flowVar', 'reactivePower'],
  ] as const) {
    each(flowLines.length, (k, phase) => {
      const source = {
        array,
        at: flowLines[k]! * phases + phase,
        stride: branches.length * phases,
        sigma: SIGMA.flowW / share,
        name,
        scale: share,
      };
      put(kind, { at: 'from', branch: flowLines[k]! }, phase, basePowerVA, source);
    });
  }

  const values = new Float64Array(count * sources.length);
  const columns = new Map<string, number[]>();
  for (let frame = 0; frame < count; frame++) {
    sources.forEach(({ array, at, stride, sigma, name, scale }, k) => {
      const value = array[frame * stride + at]! + sigma * random.normal();
      values[frame * sources.length + k] = value;
      if (!columns.has(name)) columns.set(name, []);
      columns.get(name)!.push(scale * value);
    });
  }
  const shape = (name: string): number[] => {
    const length = columns.get(name)!.length / count;
    return phases === 1 ? [count, length] : [count, length / 3, 3];
  };
  const problem: EstimationProblem = {
    grid,
    measurements: measurements.map((one) => ({ ...one, sigma: Math.abs(one.sigma) })),
    zeroInjections: [],
    referenceBus: 0,
    statistics: 'never',
  };
  return {
    count,
    problem,
    values,
    perUnit: Float64Array.from(perUnit),
    columns: {
      ...Object.fromEntries(Array.from(columns, ([name, all]) => [name, column(all, ...shape(name))])),
      voltageBus: column(voltageBuses),
      flowLine: column(flowLines),
    },
  };
}

/** Every load swings by 30 % in the course of the frames, and by about one percent from one to the next. */
function loadSeries(nominal: Float64Array, count: number, phases: number): Float64Array {
  const random = randomStream('peers', ['frames', String(nominal.length)]);
  const starts = Array.from({ length: nominal.length / (2 * phases) }, () => 2 * Math.PI * random.uniform());
  const load = new Float64Array(count * nominal.length);
  for (let frame = 0; frame < count; frame++) {
    starts.forEach((start, k) => {
      const factor = 1 + 0.3 * Math.sin(start + frame / 30) + 0.01 * random.normal();
      for (let e = 2 * phases * k; e < 2 * phases * (k + 1); e++)
        load[frame * nominal.length + e] = factor * nominal[e]!;
    });
  }
  return load;
}
