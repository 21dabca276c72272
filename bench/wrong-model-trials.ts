/** Grids that differ in the field from what stands on paper, with the measurements that the field gives. */
import { compileGrid } from '../grids/compile.ts';
import { loadGrid } from '../grids/load.ts';
import type { CompiledGrid } from '../grids/model.ts';
import { type GridDocument, gridDocumentSchema } from '../grids/schema.ts';
import { setTaps } from '../grids/tap-changers.ts';
import { randomStream } from '../numerics/random.ts';
import { branchEndFlow, busInjections } from '../platform/state-estimation/branch-flows.ts';
import type {
  EstimationProblem,
  EstimatorMeasurement,
  ScalarMeasurement,
} from '../platform/state-estimation/estimator.ts';
import { AS_NAMED, PHASE_ORDERS } from '../platform/state-estimation/model-hypotheses.ts';
import { type ModelFinding, ModelWatch } from '../platform/state-estimation/model-watch.ts';
import { sourceBalances } from '../platform/state-estimation/source-balance.ts';
import { zeroInjectionBuses } from '../platform/state-estimation/zero-injections.ts';
import { createPowerFlow } from '../sim/physics/power-flow.ts';

/**
 * What is wrong on paper: an open point (`switch`), a line of a closed ring that is open (`opened`), one near a feeding
 * corner of a mesh of 86 lines (`large-mesh`), a transformer that is open or closed, a tap, the phases of a meter, the phase
 * of a house that has only one (`one-phase`), the tap of the village and the phases of two meters there at once (`mixture`).
 * Nothing that could be named: in the village (`nothing`), in a ring whose taps
 * are so fine that the errors of a voltage transformer look like a step (`fine-taps`), and with a line that is longer or
 * shorter than on paper in the village (`village-length`) or in a closed ring (`ring-length`).
 */
export type TrialKind =
  | 'switch'
  | 'opened'
  | 'large-mesh'
  | 'transformer'
  | 'tap'
  | 'phase'
  | 'one-phase'
  | 'mixture'
  | 'nothing'
  | 'fine-taps'
  | 'village-length'
  | 'ring-length';

/** Errors of a device: new at every reading, or as devices have them, nearly all of it the same all day. */
export type TrialErrors = 'white' | 'constant';

export interface TrialOutcome {
  /** What is wrong on paper; empty where nothing is. */
  readonly planted: readonly string[];
  /** All that was named in a day. */
  readonly findings: readonly ModelFinding[];
  /** After how many estimates each planted fault was named, for those that were. */
  readonly estimates: readonly number[];
}

/** A day of quarters of an hour. */
const ESTIMATES = 96;
/** Of the standard deviation of a constant error, what is new at every reading: rounding, short noise. */
const NOISE_SHARE = 0.1;

/** One trial: a planted fault and a day of estimates at a quarter of an hour's distance from `startHour` on. */
export function runTrial(
  kind: TrialKind,
  seed: string,
  errors: TrialErrors,
  startHour: number = 24 * randomStream(seed, ['start-hour']).uniform(),
): TrialOutcome {
  const { uniform, normal } = randomStream(seed, ['wrong-model', kind]);
  const pick = (count: number) => Math.min(count - 1, Math.floor(uniform() * count));
  const { paper, field, planted, meters = [] } = plant(kind, pick);
  const watch = new ModelWatch();
  const errorOf = errors === 'white' ? normal : constantErrors(seed, normal);
  const world = createWorld(field, normal, errorOf, meters, startHour);
  const paperGrid = compileGrid(paper);
  const found = new Map<string, number>();
  for (let estimate = 1; estimate <= ESTIMATES; estimate += 1) {
    const news = watch.observe(world(paperGrid));
    for (const { says } of news) if (planted.includes(says) && !found.has(says)) found.set(says, estimate);
  }
  return { planted, findings: watch.findings, estimates: [...found.values()] };
}

/** In sigmas, along the sign of what is measured: one specimen per measurement, uniform in its class, and a little noise. */
function constantErrors(seed: string, normal: () => number): ErrorOf {
  const specimens = new Map<string, number>();
  return (id, exact) => {
    const specimen = specimens.get(id) ?? Math.sqrt(3) * (2 * randomStream(seed, ['specimen', id]).uniform() - 1);
    specimens.set(id, specimen);
    return Math.sign(exact) * Math.sqrt(1 - NOISE_SHARE ** 2) * specimen + NOISE_SHARE * normal();
  };
}

/** Error of a reading in multiples of its sigma. */
type ErrorOf = (id: string, exact: number) => number;

/** Steps of tap changers on high-voltage transformers, and of line regulators (32 steps over 20 %), percent. */
const STEP_PERCENT = 1.5;
const FINE_STEP_PERCENT = 0.625;

function plant(kind: TrialKind, pick: (count: number) => number): Planted {
  switch (kind) {
    case 'phase':
      return wrongPhase(pick);
    case 'one-phase':
      return wrongHouse(pick);
    case 'mixture':
      return wrongVillage(pick);
    case 'switch':
    case 'tap':
    case 'opened':
    case 'transformer':
      return wrongRing(kind, pick);
    case 'large-mesh':
      return wrongMesh(pick);
    case 'village-length':
      return wrongLength(loadGrid('abbenhausen'), pick);
    case 'ring-length':
      return wrongLength(ring({}), pick);
    case 'nothing':
      return right(loadGrid('abbenhausen'));
    default:
      return right(ring({ open: 7, stepPercent: FINE_STEP_PERCENT }));
  }
}

function right(document: GridDocument): Planted {
  return { paper: document, field: document, planted: [] };
}

/** A line from half to twice as long as on paper, which is nothing that is looked for. */
function wrongLength(field: GridDocument, pick: (count: number) => number): Planted {
  const { id } = field.lines[pick(field.lines.length)]!;
  const factor = [0.5, 0.7, 1.5, 2][pick(4)]!;
  const lines = field.lines.map((line) => (line.id === id ? { ...line, lengthM: factor * line.lengthM } : line));
  return { paper: { ...field, lines }, field, planted: [] };
}

/** A meter whose phases stand in another order; `order[p]` is really what it calls p. */
interface WrongMeter {
  readonly bus: string;
  readonly order: readonly number[];
  /** The one phase, as the meter calls it, on which it measures. */
  readonly only?: number;
}

interface Planted {
  readonly paper: GridDocument;
  readonly field: GridDocument;
  readonly planted: readonly string[];
  readonly meters?: readonly WrongMeter[];
}

const PHASES = ['A', 'B', 'C'];

function wrongPhase(pick: (count: number) => number): Planted {
  const document = loadGrid('abbenhausen');
  const meter = pickMeter(document, pick);
  return { paper: document, field: document, planted: [calls(meter)], meters: [meter] };
}

function pickMeter({ loads }: GridDocument, pick: (count: number) => number): WrongMeter {
  return { bus: loads[pick(loads.length)]!.bus, order: PHASE_ORDERS[pick(PHASE_ORDERS.length)]! };
}

function calls({ bus, order }: WrongMeter): string {
  return `the meter at ${bus} calls phases ${order.map((p) => PHASES[p]).join(', ')} by the names A, B, C`;
}

/** The transformer of the village stands a step from where it is on paper, and two meters have their phases mixed up. */
function wrongVillage(pick: (count: number) => number): Planted {
  const paper = loadGrid('abbenhausen');
  const position = 2 * pick(2) - 1;
  const first = pickMeter(paper, pick);
  const rest = { ...paper, loads: paper.loads.filter(({ bus }) => bus !== first.bus) };
  const meters = [first, pickMeter(rest, pick)];
  const field = setTaps(paper, new Map([['transformer', position]]));
  return { paper, field, planted: [tapStands(position), ...meters.map(calls)], meters };
}

function tapStands(position: number): string {
  return `the tap of transformer stands at ${position}, not at 0`;
}

/** Mean power of a house on one phase, W. */
const HOUSE_W = 700;

/** A house of the village without a plant, on phase A on paper and on another in the field; its meter knows no better. */
function wrongHouse(pick: (count: number) => number): Planted {
  const document = loadGrid('abbenhausen');
  const plants = new Set(document.generators.map(({ bus }) => bus));
  const houses = document.loads.filter(({ bus }) => !plants.has(bus));
  const { bus } = houses[pick(houses.length)]!;
  const phase = 1 + pick(2);
  const on = (connection: 'A' | 'B' | 'C'): GridDocument => ({
    ...document,
    loads: document.loads.map((load) =>
      load.bus === bus ? { ...load, connection, activePowerW: HOUSE_W, reactivePowerVar: 0.2 * HOUSE_W } : load,
    ),
  });
  const planted = [`the meter at ${bus} measures phase ${PHASES[phase]}, not phase A`];
  const order = phase === 1 ? [1, 0, 2] : [2, 1, 0];
  return { paper: on('A'), field: on(phase === 1 ? 'B' : 'C'), planted, meters: [{ bus, order, only: 0 }] };
}

interface RingOptions {
  /** Number of the line that is open; none without. */
  readonly open?: number;
  readonly openEnd?: 'fromClosed' | 'toClosed';
  readonly position?: number;
  readonly stepPercent?: number;
  /** Whether the second transformer, to station six, is closed; there is none without. */
  readonly second?: boolean;
}

/** A ring of twelve stations behind a transformer with a tap changer. */
function ring({
  open,
  openEnd = 'toClosed',
  position = 0,
  stepPercent = STEP_PERCENT,
  second,
}: RingOptions): GridDocument {
  const stations = Array.from({ length: 12 }, (_, i) => `s${i + 1}`);
  const chain = ['busbar', ...stations, 'busbar'];
  const unit = {
    from: 'hv',
    ratedPowerVA: 25e6,
    ratedVoltageFromV: 110_000,
    ratedVoltageToV: 20_000,
    vkPercent: 12,
    vkrPercent: 0.41,
    vectorGroup: 'YNyn0',
  };
  return gridDocumentSchema.parse({
    schema: 1,
    name: 'ring',
    representation: 'positive-sequence',
    buses: [
      { id: 'hv', nominalVoltageV: 110_000 },
      ...['busbar', ...stations].map((id) => ({ id, nominalVoltageV: 20_000 })),
    ],
    transformers: [
      { ...unit, id: 'transformer', to: 'busbar', tap: { side: 'from', position, stepPercent, min: -9, max: 9 } },
      ...(second === undefined ? [] : [{ ...unit, id: 'second', to: 's6', toClosed: second }]),
    ],
    lines: chain.slice(1).map((to, i) => ({
      id: `l${i + 1}`,
      from: chain[i]!,
      to,
      lengthM: 1500,
      r1OhmPerKm: 0.2,
      x1OhmPerKm: 0.12,
      c1FPerKm: 2.5e-7,
      [openEnd]: i + 1 !== open,
    })),
    loads: stations.map((bus, i) => ({ id: bus, bus, activePowerW: 5e5 + 4e4 * i, reactivePowerVar: 1.5e5 })),
    externalGrids: [{ id: 'grid', bus: 'hv', voltagePu: 1.02 }],
  });
}

function wrongRing(kind: 'switch' | 'opened' | 'transformer' | 'tap', pick: (count: number) => number): Planted {
  const paper = ring({ open: 7 });
  if (kind === 'tap') {
    const position = [-4, -3, -2, -1, 1, 2, 3, 4][pick(8)]!;
    return {
      paper,
      field: ring({ open: 7, position }),
      planted: [tapStands(position)],
    };
  }
  if (kind === 'transformer') {
    const second = pick(2) === 1;
    const open = [undefined, 2, 9][pick(3)];
    const state = (closed: boolean) => ring({ ...(open !== undefined && { open }), second: closed });
    return {
      paper: state(!second),
      field: state(second),
      planted: [`transformer second is ${second ? 'closed' : 'open'}`],
    };
  }
  if (kind === 'opened') {
    const open = 1 + pick(13);
    const openEnd = pick(2) === 0 ? 'fromClosed' : 'toClosed';
    return { paper: ring({}), field: ring({ open, openEnd }), planted: [`line l${open} is open`] };
  }
  const open = [2, 3, 4, 5, 6, 8, 9, 10, 11][pick(9)]!;
  return { paper, field: ring({ open }), planted: [`line l7 is closed and line l${open} open instead`] };
}

/** Seven by seven stations, each joined to its neighbours, fed at two corners; one of the lines is open in the field. */
function wrongMesh(pick: (count: number) => number): Planted {
  const side = 7;
  const stations = Array.from({ length: side ** 2 }, (_, i) => `s${i}`);
  const ends = stations.flatMap((from, i) => [
    ...((i + 1) % side === 0 ? [] : [[from, `s${i + 1}`]]),
    ...(i + side >= side ** 2 ? [] : [[from, `s${i + side}`]]),
  ]);
  const lines = [['busbar', 's0'], ['busbar', `s${side ** 2 - 1}`], ...ends].map(([from, to], i) => {
    return { id: `l${i}`, from, to, lengthM: 6000, r1OhmPerKm: 0.2, x1OhmPerKm: 0.12, c1FPerKm: 2.5e-7 };
  });
  // One at a feeding corner: what a line in the middle carries is less than the meters' errors.
  const open = ['l0', 'l1', 'l2', 'l3'][pick(4)]!;
  const mesh = (toClosed: boolean): GridDocument =>
    gridDocumentSchema.parse({
      schema: 1,
      name: 'mesh',
      representation: 'positive-sequence',
      buses: ['busbar', ...stations].map((id) => ({ id, nominalVoltageV: 20_000 })),
      lines: lines.map((line) => (line.id === open ? { ...line, toClosed } : line)),
      loads: stations.map((bus, i) => ({ id: bus, bus, activePowerW: 3e5 + 2e4 * (i % 5), reactivePowerVar: 1e5 })),
      externalGrids: [{ id: 'grid', bus: 'busbar', voltagePu: 1.02 }],
    });
  return { paper: mesh(true), field: mesh(false), planted: [`line ${open} is open`] };
}

/** Frames of the field: every load its own way, measured with errors, told as if the grid were that on paper. */
function createWorld(
  document: GridDocument,
  normal: () => number,
  errorOf: ErrorOf,
  meters: readonly WrongMeter[],
  startHour: number,
): (paper: CompiledGrid) => EstimationProblem {
  const grid = compileGrid(document);
  const flow = createPowerFlow(grid, { tolerancePu: 1e-10 });
  const nominal = flow.powers.load.slice();
  const rated = ratedByPhase(grid);
  let hour = startHour;
  return (paper) => {
    // Households and plants differ among phases and from hour to hour.
    nominal.forEach((power, i) => (flow.powers.load[i] = power * Math.max(0.1, 1.2 + 0.6 * normal())));
    const sun = Math.max(0, Math.sin((Math.PI * (hour - 6)) / 12));
    rated.forEach((power, i) => (flow.powers.generator[i] = 0.8 * sun * power));
    hour = (hour + 0.25) % 24;
    if (!flow.solve().converged) throw new Error('the field does not converge');
    const measurements = measure(grid, flow.voltage, errorOf, meters);
    return {
      grid: paper,
      measurements: [...measurements, ...sourceBalances(paper, 0.003)],
      zeroInjections: zeroInjectionBuses(paper),
      referenceBus: paper.sources[0]!.bus,
      statistics: 'always',
    };
  };
}

/** Rated active power of every generator on its phases, interleaved with reactive power as the power flow has it. */
function ratedByPhase({ document, phases }: CompiledGrid): number[] {
  return document.generators.flatMap(({ connection, ratedPowerW = 0 }) =>
    PHASES.slice(0, phases).flatMap((phase) => {
      const single = PHASES.includes(connection);
      return [single ? (phase === connection ? ratedPowerW : 0) : ratedPowerW / 3, 0];
    }),
  );
}

/** P, Q and |V| at every customer, |V| at the sources, P and Q at the branches there. Both grids number buses alike. */
function measure(
  grid: CompiledGrid,
  voltage: Float64Array,
  errorOf: ErrorOf,
  meters: readonly WrongMeter[],
): EstimatorMeasurement[] {
  const { phases } = grid;
  const injections = busInjections(grid, voltage);
  const customers = new Set(grid.document.loads.map(({ bus }) => grid.busIndex.get(bus)!));
  const sources = new Set(grid.sources.map(({ bus }) => bus));
  const wrong = new Map(meters.map((meter) => [grid.busIndex.get(meter.bus)!, meter]));
  const measurements: EstimatorMeasurement[] = [];
  const add = (
    kind: ScalarMeasurement['kind'],
    place: ScalarMeasurement['place'],
    phase: number,
    exact: number,
    sigma: number,
  ) => {
    const id = `${kind}-${JSON.stringify(place)}-${phase}`;
    measurements.push({ id, kind, place, phase, value: exact + sigma * errorOf(id, exact), sigma });
  };
  for (let bus = 0; bus < grid.busCount; bus += 1) {
    const place = { at: 'bus', bus } as const;
    for (let phase = 0; phase < phases; phase += 1) {
      const { order = AS_NAMED, only = phase } = wrong.get(bus) ?? {};
      const real = order[phase]!;
      const measured = only === phase;
      const k = 2 * (bus * phases + real);
      const size = Math.hypot(voltage[k]!, voltage[k + 1]!);
      if (measured && (customers.has(bus) || sources.has(bus))) add('voltageMagnitude', place, phase, size, 2.9e-3);
      if (!customers.has(bus)) continue;
      const least = 1 / grid.basePowerVA;
      // Where on paper nobody is connected nothing flows.
      const [active, reactive] = measured ? [injections[k]!, injections[k + 1]!] : [0, 0];
      add('activePower', place, phase, active, Math.hypot(0.006 * active, least));
      add('reactivePower', place, phase, reactive, Math.hypot(0.012 * reactive, least));
    }
  }
  for (const branch of grid.branches) {
    if (!sources.has(branch.from) && branch.kind === 'transformer') continue;
    if (
      branch.kind === 'line' &&
      !grid.document.buses.some(({ id }) => id === 'busbar' && grid.busIndex.get(id) === branch.from)
    )
      continue;
    const { activePower, reactivePower } = branchEndFlow(grid, branch, 'from', voltage);
    const place = { at: 'from', branch: branch.index } as const;
    for (let phase = 0; phase < phases; phase += 1) {
      const sigma = 0.01 * Math.hypot(activePower[phase]!, reactivePower[phase]!) + 1e-5;
      add('activePower', place, phase, activePower[phase]!, sigma);
      add('reactivePower', place, phase, reactivePower[phase]!, sigma);
    }
  }
  return measurements;
}

export interface Score {
  readonly trials: number;
  /** Findings that name what was not planted. */
  readonly wrong: number;
  /** Right findings over all findings, and over all planted faults; NaN where there are none. */
  readonly precision: number;
  readonly recall: number;
  /** Numbers of estimates until each planted fault was named, ascending. */
  readonly delays: readonly number[];
}

/** Trials of one kind, seeds numbered from `first`. */
export function scoreTrials(kind: TrialKind, trials: number, errors: TrialErrors, first: number = 1): Score {
  const outcomes = Array.from({ length: trials }, (_, i) => runTrial(kind, String(first + i), errors));
  const all = outcomes.reduce((sum, { findings }) => sum + findings.length, 0);
  const planted = outcomes.reduce((sum, one) => sum + one.planted.length, 0);
  const delays = outcomes.flatMap(({ estimates }) => estimates).toSorted((a, b) => a - b);
  return {
    trials,
    wrong: all - delays.length,
    precision: delays.length / all,
    recall: delays.length / planted,
    delays,
  };
}
