/**
 * Figures of the numerical cores alone: time per solve and bus, how it grows with the grid, the first solve with its
 * symbolic work, and what a solve leaves on the heap. Times are the processor's, so that other programs hardly count;
 * ratios within one run say more than microseconds.
 */
import { compileGrid } from '../grids/compile.ts';
import { generateFeederGrid, type FeederGridOptions } from '../grids/generate/feeders.ts';
import { loadGrid } from '../grids/load.ts';
import type { CompiledGrid } from '../grids/model.ts';
import { gridDocumentSchema, type GridDocument } from '../grids/schema.ts';
import { createBatchResults } from '../sim/physics/power-flow-batch-results.ts';
import { createPowerFlowBatch, type BatchPowers } from '../sim/physics/power-flow-batch.ts';
import { createElementModel } from '../sim/physics/power-flow-elements.ts';
import { createPowerFlow } from '../sim/physics/power-flow.ts';
import { readNumbers, readOptions } from './arguments.ts';
import { createEstimationFrames } from './peers/estimation-frames.ts';
import { median } from '../numerics/statistics.ts';
import { createFrameEstimator, type FrameEstimator } from '../platform/state-estimation/current-form/current-form.ts';

const USAGE = `Figures of the numerical cores alone.

  npm run bench:numerics                    up to 100,000 buses, some minutes
  npm run bench:numerics -- --buses 1000    one size (several with commas)
  npm run bench:numerics -- --rounds 9      medians of so many rounds`;

const values = readOptions(USAGE, {
  buses: { type: 'string', default: '100,1000,10000,100000' },
  rounds: { type: 'string', default: '5' },
});
const sizes = readNumbers('buses', values.buses, USAGE);
const rounds = readNumbers('rounds', values.rounds, USAGE)[0]!;

/** Microseconds of the processor. */
function timed(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return user + system;
}

/** Bytes that `work` leaves on the heap, garbage included; NaN unless node runs with --expose-gc. */
function heapLeft(work: () => void): number {
  const collect = (globalThis as { gc?: () => void }).gc;
  if (collect === undefined) return Number.NaN;
  collect();
  const before = process.memoryUsage().heapUsed;
  work();
  return process.memoryUsage().heapUsed - before;
}

/** So many solves, or so long, until the compiler has seen to what it will: before, numbers in passing go to the heap. */
function warmUp(run: () => void, solves: number): void {
  for (let done = 0, us = 0; done < 3000 && us < 2e6; done += solves) us += timed(run);
}

/** The least of several that is not negative: a collection in between would count as a gift. */
function least(look: () => number): number {
  const looks = Array.from({ length: 7 }, look).filter((bytes) => bytes >= 0);
  return looks.length === 0 ? Number.NaN : Math.min(...looks);
}

function situations(grid: CompiledGrid, count: number): BatchPowers {
  const nominal = createElementModel(grid).documentPowers().load;
  const load = Float64Array.from({ length: count * nominal.length }, (_, k) => {
    const element = Math.floor((k % nominal.length) / (2 * grid.phases));
    const situation = Math.floor(k / nominal.length);
    return nominal[k % nominal.length]! * (1 + 0.5 * Math.sin(element + 3.7 * situation));
  });
  return { count, load };
}

interface Row {
  readonly name: string;
  readonly firstMs: number;
  readonly solveUs: number;
  readonly nsPerBus: number;
  readonly iterations: number;
  readonly heapBytes: number;
}

const cell = (value: number, digits: number): string =>
  (Number.isNaN(value) ? '-' : value.toFixed(digits)).padStart(12);

/** Of the cost of a bus, and of the first solve of 10,000 with its symbolic work. */
const GROWTH_MAX = 4;
const FIRST_MAX_MS = 1000;
const firstOf10000: Row[] = [];
/** Rows whose solves leave something on the heap. */
const leaving: Row[] = [];
let rows = 0;

function print(row: Row): void {
  const { name, firstMs, solveUs, nsPerBus, iterations, heapBytes } = row;
  if (name.endsWith(', 10000')) firstOf10000.push(row);
  rows += 1;
  if (heapBytes >= 1) leaving.push(row);
  console.log(
    name.padEnd(44) +
      cell(firstMs, 1) +
      cell(solveUs, 1) +
      cell(nsPerBus, 1) +
      cell(iterations, 2) +
      cell(heapBytes, 1),
  );
}

function header(title: string): void {
  console.log(
    `\n${title.padEnd(44)}${['first ms', 'us', 'ns per bus', 'iterations', 'heap bytes'].map((text) => text.padStart(12)).join('')}`,
  );
}

/** The grid with loads by half of constant impedance, or with a generator that holds the voltage of a bus. */
function withKind(document: GridDocument, kind: 'zip' | 'voltage-controlled' | undefined): GridDocument {
  const zip = { constantImpedance: 0.5, constantCurrent: 0, constantPower: 0.5 };
  if (kind === 'zip') return { ...document, loads: document.loads.map((load) => ({ ...load, zip })) };
  if (kind === undefined) return document;
  const generator = { id: 'held', bus: document.buses[20]!.id, activePowerW: 2e4, voltageControl: { voltagePu: 1 } };
  return gridDocumentSchema.parse({ ...document, generators: [generator] });
}

function powerFlow(options: FeederGridOptions, name: string, kind?: 'zip' | 'voltage-controlled'): Row {
  const { buses } = options;
  const grid = compileGrid(withKind(generateFeederGrid(options), kind));
  const count = Math.max(5, Math.round(100_000 / buses));
  const batch = situations(grid, count);
  const results = createBatchResults(grid, count);
  // The first solve with everything that the topology fixes, before anything is warm or shared.
  let flow = undefined as ReturnType<typeof createPowerFlowBatch> | undefined;
  const firstMs =
    timed(() => {
      flow = createPowerFlowBatch(grid);
      flow.run({ count: 1 }, results);
    }) / 1000;
  let iterations = 0;
  const run = (): void => {
    const summary = flow!.run(batch, results);
    if (summary.diverged.length > 0) throw new Error(`${name}: ${summary.diverged.length} situations do not converge`);
    iterations = summary.iterations / count;
  };
  run();
  const solveUs = median(Array.from({ length: rounds }, () => timed(run) / count));
  if (kind !== undefined) warmUp(run, count);
  // A run allocates its summary; the difference between many situations and one is what the situations allocate. The
  // compiler works beside us and leaves things too, now and then: the least of several looks is ours.
  const one = least(() => heapLeft(() => flow!.run({ count: 1 }, results)));
  const heapBytes = Math.max(0, (least(() => heapLeft(run)) - one) / (count - 1));
  return { name, firstMs, solveUs, nsPerBus: (1000 * solveUs) / buses, iterations, heapBytes };
}

function estimation(buses: number, shape: 'radial' | 'meshed', phases: 1 | 3, start: 'flat' | 'last'): Row {
  const representation = phases === 3 ? 'three' : 'positive-sequence';
  const grid = compileGrid(generateFeederGrid({ buses, meshed: shape === 'meshed', representation }));
  const frames = createEstimationFrames(grid, Math.max(5, Math.round(30_000 / buses)));
  const measured = new Float64Array(frames.problem.measurements.length);
  let estimator: FrameEstimator | undefined;
  frames.read(0, measured);
  const firstMs =
    timed(() => {
      const created = createFrameEstimator(frames.problem);
      if (typeof created === 'string') throw new Error(created);
      estimator = created;
      created.estimate(measured, 'flat');
    }) / 1000;
  let iterations = 0;
  const run = (): void => {
    iterations = 0;
    for (let frame = 0; frame < frames.count; frame++) {
      frames.read(frame, measured);
      iterations += estimator!.estimate(measured, start).iterations / frames.count;
    }
  };
  run();
  const solveUs = median(Array.from({ length: rounds }, () => timed(run) / frames.count));
  warmUp(run, frames.count);
  const heapBytes = least(() => heapLeft(run)) / frames.count;
  return {
    name: `${phases === 3 ? 'three-phase' : 'balanced'} ${shape}, ${start === 'flat' ? 'flat start' : 'streaming'}, ${buses}`,
    firstMs,
    solveUs,
    nsPerBus: (1000 * solveUs) / buses,
    iterations,
    heapBytes,
  };
}

/** A lively step of the German day by each method: every load moves by up to 10 %. */
function village(method: 'sweep' | 'current-injection'): Row {
  const grid = compileGrid(loadGrid('abbenhausen'));
  const steps = 2000;
  const flow = createPowerFlow(grid, { method });
  const nominal = flow.powers.load.slice();
  let iterations = 0;
  const run = (): void => {
    iterations = 0;
    for (let step = 0; step < steps; step++) {
      for (let k = 0; k < nominal.length; k++)
        flow.powers.load[k] = nominal[k]! * (1 + 0.1 * Math.sin(Math.floor(k / 6) + 2.3 * step));
      const result = flow.solve();
      if (!result.converged) throw new Error(`step ${step} does not converge`);
      iterations += result.iterations / steps;
    }
  };
  run();
  const solveUs = median(Array.from({ length: rounds }, () => timed(run) / steps));
  return {
    name: `abbenhausen, step of 10 s, ${method}`,
    firstMs: Number.NaN,
    solveUs,
    nsPerBus: (1000 * solveUs) / grid.busCount,
    iterations,
    heapBytes: least(() => heapLeft(run)) / steps,
  };
}

header('power flow, batch');
for (const phases of [1, 3] as const) {
  for (const meshed of [false, true]) {
    const perBus = new Map<number, number>();
    for (const buses of sizes) {
      const representation = phases === 3 ? 'three' : 'positive-sequence';
      const row = powerFlow(
        { buses, meshed, representation },
        `${phases === 3 ? 'three-phase' : 'balanced'} ${meshed ? 'meshed' : 'radial'}, ${buses}`,
      );
      perBus.set(buses, row.nsPerBus);
      print(row);
    }
    const growth = perBus.get(100_000)! / perBus.get(1000)!;
    if (growth > 0) {
      const verdict = growth <= GROWTH_MAX ? 'met' : 'MISSED';
      console.log(
        `  a bus of 100,000 costs ${growth.toFixed(2)} times one of 1,000 (target ${GROWTH_MAX}: ${verdict})`,
      );
    }
  }
}
print(
  powerFlow(
    { buses: 200, feederBuses: 200, representation: 'positive-sequence', loadScale: 0.05 },
    'balanced, one feeder of 200',
  ),
);
for (const kind of ['zip', 'voltage-controlled'] as const) {
  for (const representation of ['positive-sequence', 'three'] as const) {
    for (const buses of sizes.filter((size) => size <= 1000))
      print(powerFlow({ buses, representation }, `${representation}, ${kind}, ${buses}`, kind));
  }
}
header('power flow, step by step');
print(village('sweep'));
print(village('current-injection'));
header('state estimation');
for (const [shape, phases] of [
  ['radial', 1],
  ['meshed', 1],
  ['radial', 3],
  ['meshed', 3],
] as const) {
  for (const buses of sizes.filter((size) => size <= 10_000))
    for (const start of ['flat', 'last'] as const) print(estimation(buses, shape, phases, start));
}

const [longest] = firstOf10000.toSorted((a, b) => b.firstMs - a.firstMs);
if (longest !== undefined) {
  const verdict = longest.firstMs < FIRST_MAX_MS ? 'met' : 'MISSED';
  const most = `${longest.firstMs.toFixed(0)} ms (${longest.name})`;
  console.log(`\nfirst solves of 10,000 buses: at most ${most}; target ${FIRST_MAX_MS} ms: ${verdict}`);
}
const leavesMost = Math.max(0, ...leaving.map(({ heapBytes }) => heapBytes));
console.log(
  `heap: ${leaving.length} of ${rows} rows leave something, at most ${leavesMost.toFixed(0)} bytes a solve; ` +
    `target none: ${leaving.length === 0 ? 'met' : 'MISSED'}`,
);
