/** One grid, many situations, and the power flows of this project and of the peers measured on them in turn. */
import { join } from 'node:path';
import { compileGrid } from '../../grids/compile.ts';
import { generateFeederGrid } from '../../grids/generate/feeders.ts';
import { projectRoot } from '../../grids/project-root.ts';
import { randomStream } from '../../numerics/random.ts';
import { createBatchResults } from '../../sim/physics/power-flow-batch-results.ts';
import { createPowerFlowBatch } from '../../sim/physics/power-flow-batch.ts';
import { createElementModel } from '../../sim/physics/power-flow-elements.ts';
import { column, gridColumns, sourceOf, writeCase } from './case-folder.ts';
import { asked, type Entrant, type Contest, measureHere } from './contest.ts';
import { differences } from './differences.ts';
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

/** pandapower needs milliseconds to seconds for one; it keeps its last state, so a single one would be solved already. */
function fewSituations({ buses, phases }: PowerFlowCase): number {
  return phases === 3 || buses >= 10_000 ? 2 : 5;
}

export function powerFlowContest(
  one: PowerFlowCase,
  workers: readonly PeerWorker[],
  withPandapower: boolean,
): Omit<Contest, 'title'> {
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
    exact: true,
    run: () => worker.request({ do: 'run', work: 'power_flow', method, count: number }),
    compare: async () => {
      const written = await worker.request({ do: 'write', method, name: label.replaceAll(' ', '-') });
      return written.failure ?? differences(folder, label.replaceAll(' ', '-'), results, number, phases);
    },
  });
  return {
    open: async () => {
      const opened = await Promise.all([
        pgm!.request({ do: 'open', peer: 'power-grid-model', case: folder }),
        ...(withPandapower ? [pandapower!.request({ do: 'open', peer: 'pandapower', case: folder })] : []),
      ]);
      return opened.flatMap(({ failure }) => failure ?? []);
    },
    ours: [
      {
        name: 'twin',
        exact: true,
        run: () => {
          const measured = measureHere(count, () => {
            const { diverged } = batch.run({ count, load }, results);
            if (diverged.length > 0) throw new Error(`${diverged.length} situations do not converge`);
          });
          return Promise.resolve(measured);
        },
        compare: () => Promise.resolve(0),
      },
    ],
    peers: [
      asked(peer(pgm!, 'PGM iterative current', 'iterative_current', count), meshed ? 1 : 4),
      asked(peer(pgm!, 'PGM Newton', 'newton_raphson', count), meshed ? 1 : 4),
      ...(withPandapower ? [asked(peer(pandapower!, 'pandapower', 'nr', fewSituations(one)), 50)] : []),
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
