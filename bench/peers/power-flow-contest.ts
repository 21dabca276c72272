/** One grid, many situations, and the power flows of this project and of the peers measured on them in turn. */
import { join } from 'node:path';
import { compileGrid } from '../../grids/compile.ts';
import { generateFeederGrid } from '../../grids/generate/feeders.ts';
import { projectRoot } from '../../grids/project-root.ts';
import { randomStream } from '../../numerics/random.ts';
import { createBatchResults, type BatchResults } from '../../sim/physics/power-flow-batch-results.ts';
import { createPowerFlowBatch } from '../../sim/physics/power-flow-batch.ts';
import { createElementModel } from '../../sim/physics/power-flow-elements.ts';
import { column, gridColumns, readColumn, sourceOf, writeCase } from './case-folder.ts';
import { type Entrant, type Contest, measureHere } from './contest.ts';
import type { PeerWorker } from './peer-worker.ts';

export interface PowerFlowCase {
  readonly buses: number;
  readonly phases: 1 | 3;
  readonly meshed: boolean;
}

const TOLERANCE_PU = 1e-8;

/** As many situations as take the fastest some tens of milliseconds. */
function situations(buses: number): number {
  return Math.max(10, Math.round(100_000 / buses));
}

/** pandapower needs milliseconds to seconds for one. */
function fewSituations({ buses, phases }: PowerFlowCase): number {
  return phases === 3 || buses >= 10_000 ? 1 : 5;
}

export function powerFlowContest(one: PowerFlowCase, workers: readonly PeerWorker[], withPandapower: boolean): Contest {
  const { buses, phases, meshed } = one;
  const document = generateFeederGrid({ buses, meshed, representation: phases === 3 ? 'three' : 'positive-sequence' });
  const grid = compileGrid(document);
  const count = situations(buses);
  const load = drawLoads(createElementModel(grid).documentPowers().load, count, phases);
  const folder = join(
    projectRoot(),
    '.bench',
    'cases',
    `power-flow-${phases}-${meshed ? 'meshed' : 'radial'}-${buses}`,
  );
  const shape = [count, buses - 1, ...(phases === 3 ? [3] : [])];
  // Our positive-sequence powers are those of one phase, the peers' those of three.
  const peerPower = (offset: number): Float64Array =>
    Float64Array.from({ length: load.length / 2 }, (_, k) => (phases === 1 ? 3 : 1) * load[2 * k + offset]!);
  const about = {
    buses,
    phases,
    count,
    tolerancePu: TOLERANCE_PU,
    nominalVoltageV: 20_000,
    source: sourceOf(document),
  };
  writeCase(folder, about, {
    ...gridColumns(document),
    activePowerW: column(peerPower(0), ...shape),
    reactivePowerVar: column(peerPower(1), ...shape),
  });

  const batch = createPowerFlowBatch(grid, { tolerancePu: TOLERANCE_PU });
  const results = createBatchResults(grid, count);
  const [pgm, pandapower] = workers;
  const peer = (worker: PeerWorker, label: string, method: string, number: number): Entrant => ({
    name: label,
    run: () => worker.request({ do: 'run', work: 'power_flow', method, count: number }),
    compare: async () => {
      const written = await worker.request({ do: 'write', name: label.replaceAll(' ', '-') });
      return written.failure ?? differences(folder, label.replaceAll(' ', '-'), results, number, phases);
    },
  });
  return {
    title: `${phases === 3 ? 'three-phase' : 'balanced'} ${meshed ? 'meshed' : 'radial'} ${buses}`,
    open: async () => {
      const opened = await Promise.all([
        pgm!.request({ do: 'open', peer: 'power-grid-model', case: folder }),
        ...(withPandapower ? [pandapower!.request({ do: 'open', peer: 'pandapower', case: folder })] : []),
      ]);
      return opened.flatMap(({ failure }) => failure ?? []);
    },
    ours: {
      name: 'twin',
      run: () => {
        const measured = measureHere(count, () => {
          const { diverged } = batch.run({ count, load }, results);
          if (diverged.length > 0) throw new Error(`${diverged.length} situations do not converge`);
        });
        return Promise.resolve(measured);
      },
      compare: () => Promise.resolve(0),
    },
    peers: [
      peer(pgm!, 'PGM iterative current', 'iterative_current', count),
      peer(pgm!, 'PGM Newton', 'newton_raphson', count),
      ...(withPandapower ? [peer(pandapower!, 'pandapower', 'nr', fewSituations(one))] : []),
    ],
  };
}

/** Each load between 50 and 150 % of its nominal power, each on its own. */
function drawLoads(nominal: Float64Array, count: number, phases: number): Float64Array {
  const random = randomStream('peers', ['situations', String(nominal.length)]);
  const load = new Float64Array(count * nominal.length);
  for (let s = 0; s < count; s++) {
    for (let e = 0; e < nominal.length; e += 2 * phases) {
      const factor = 0.5 + random.uniform();
      for (let k = e; k < e + 2 * phases; k++) load[s * nominal.length + k] = factor * nominal[k]!;
    }
  }
  return load;
}

/** Largest difference of voltages, per unit as complex numbers, and of flows, per MVA. */
function differences(folder: string, name: string, ours: BatchResults, count: number, phases: number): number {
  const theirs = (what: string): Float64Array => readColumn(folder, `${name}-${what}`);
  const vm = theirs('voltagePu');
  const va = theirs('angleRad');
  const active = theirs('activeFromW');
  const reactive = theirs('reactiveToVar');
  let worst = 0;
  const voltages = (ours.voltagePu.length / ours.count) * count;
  for (let k = 0; k < voltages; k++) {
    const dv = Math.hypot(
      ours.voltagePu[k]! - vm[k]!,
      ours.voltagePu[k]! * 2 * Math.sin((ours.angleRad[k]! - va[k]!) / 2),
    );
    worst = Math.max(worst, dv);
  }
  const flows = (ours.activeFromW.length / ours.count) * count;
  const factor = phases === 1 ? 3 : 1;
  for (let k = 0; k < flows; k++) {
    worst = Math.max(worst, Math.abs(factor * ours.activeFromW[k]! - active[k]!) / 1e6);
    worst = Math.max(worst, Math.abs(factor * ours.reactiveToVar[k]! - reactive[k]!) / 1e6);
  }
  return worst;
}
