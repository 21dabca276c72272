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
import type { ScalarMeasurement } from '../../platform/state-estimation/estimator.ts';
import { createTreeEstimator } from '../../platform/state-estimation/fast-tree.ts';
import { createWeightedLeastSquares } from '../../platform/state-estimation/wls.ts';
import {
  createBatchResults,
  createBatchWriter,
  type BatchResults,
} from '../../sim/physics/power-flow-batch-results.ts';
import { gridColumns, sourceOf, writeCase } from './case-folder.ts';
import { attempt, measureHere, type Contest, type Entrant } from './contest.ts';
import { createEstimationFrames, NOMINAL_V, SIGMA, type EstimationFrames } from './estimation-frames.ts';
import { differences } from './differences.ts';
import type { PeerWorker } from './peer-worker.ts';

export interface EstimationCase {
  readonly buses: number;
  readonly phases: 1 | 3;
  readonly meshed: boolean;
}

const TOLERANCE_PU = 1e-8;
export function estimationContest(
  one: EstimationCase,
  workers: readonly PeerWorker[],
  withPandapower: boolean,
): Omit<Contest, 'title'> {
  const { buses, phases, meshed } = one;
  const representation = phases === 3 ? 'three' : 'positive-sequence';
  const document = generateFeederGrid({ buses, meshed, representation });
  const grid = compileGrid(document);
  const frames = createEstimationFrames(grid, Math.max(10, Math.round(50_000 / (buses * phases))));
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
  const general = tree === undefined ? generalEntrant(grid, frames) : undefined;
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
      // Of per-phase sensors power-grid-model makes other weights than their standard deviations say: another optimum.
      peer(pgm!, 'PGM Newton', 'newton_raphson', count, phases === 1),
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
function treeEntrants(grid: CompiledGrid, frames: EstimationFrames): Ours | undefined {
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
function generalEntrant(grid: CompiledGrid, frames: EstimationFrames): Ours {
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
    attempt(() =>
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
    entrants: [{ name: 'twin general, streaming', exact: true, run, compare: () => Promise.resolve(0) }],
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
