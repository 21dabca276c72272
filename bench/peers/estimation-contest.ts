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
import { createFrameEstimator } from '../../platform/state-estimation/current-form/current-form.ts';
import { flatStart } from '../../platform/state-estimation/flat-start.ts';
import { createBranchCurrents } from '../../sim/physics/power-flow-admittance.ts';
import {
  createBatchResults,
  createBatchWriter,
  type BatchResults,
} from '../../sim/physics/power-flow-batch-results.ts';
import { gridColumns, sourceOf, writeCase } from './case-folder.ts';
import { asked, attempt, measureHere, type Contest, type Entrant } from './contest.ts';
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
  const ours = ourEntrants(grid, frames);
  const peer = (worker: PeerWorker, label: string, method: string, number: number, exact: boolean): Entrant => ({
    name: label,
    exact,
    run: () => worker.request({ do: 'run', work: 'estimation', method, count: number }),
    compare: async () => {
      const name = label.replaceAll(' ', '-');
      const written = await worker.request({ do: 'write', method, name });
      return written.failure ?? differences(folder, name, ours.results, number, phases);
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
    ours: ours.entrants,
    peers: [
      // Of per-phase sensors power-grid-model makes other weights than their standard deviations say: another optimum.
      asked(peer(pgm!, 'PGM Newton', 'newton_raphson', count, phases === 1), 1),
      asked(peer(pgm!, 'PGM iterative linear', 'iterative_linear', count, false), 1, meshed ? undefined : 2),
      ...(withPandapower && phases === 1
        ? [unlessTooLarge(asked(peer(pandapower!, 'pandapower', 'wls', 1, true), 50), frames)]
        : []),
    ],
  };
}

/** pandapower keeps weights, gain and Jacobian as dense matrices in the end; at 10,000 buses eight minutes were not enough. */
function unlessTooLarge(pandapower: Entrant, { problem }: EstimationFrames): Entrant {
  if (problem.grid.busCount <= 1000) return pandapower;
  const values = problem.measurements.length;
  const states = 2 * problem.grid.busCount;
  const gigabytes = (8 * (values ** 2 + states ** 2 + values * states)) / 1e9;
  const failure = `not run: it needs ${gigabytes.toFixed(0)} GB of dense matrices, and did not end within eight minutes`;
  return { ...pandapower, run: () => Promise.resolve({ failure }) };
}

interface Ours {
  readonly entrants: readonly Entrant[];
  readonly results: BatchResults;
}

/** Every frame from a flat start, and going on from the last one. */
function ourEntrants(grid: CompiledGrid, frames: EstimationFrames): Ours {
  const { phases, busCount, branches } = grid;
  const estimator = createFrameEstimator(frames.problem, { tolerancePu: TOLERANCE_PU });
  if (typeof estimator === 'string') throw new Error(estimator);
  const { count, problem } = frames;
  const results = createBatchResults(grid, count);
  const everyBus = Int32Array.from({ length: busCount }, (_, bus) => bus);
  const write = createBatchWriter(grid, everyBus, flatStart(grid));
  const branchCurrents = createBranchCurrents(grid);
  const measured = new Float64Array(problem.measurements.length);
  const [from, to] = [0, 1].map(() => new Float64Array(2 * phases * branches.length)) as [Float64Array, Float64Array];
  const run = (start: 'flat' | 'last') => () =>
    attempt(() =>
      measureHere(count, () => {
        for (let frame = 0; frame < count; frame++) {
          frames.read(frame, measured);
          const { status } = estimator.estimate(measured, start);
          if (status !== 'converged') throw new Error(`frame ${frame}: ${status}`);
          branchCurrents(estimator.voltage, from, to);
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
  };
}
