/**
 * The estimator's answers against truth: matched by (instant, bus, phase), interval estimates with the interval mean of
 * truth, instantaneous ones with its end value.
 */
import { SampleBuffer } from '../numerics/statistics.ts';
import type { Table, TextColumn } from './record-reader.ts';
import { pairGroups, translate } from './time-index.ts';
import { wrapAngle } from './true-phasors.ts';

/** One row per estimated bus-phase that has truth beside it. */
export interface EstimateComparison {
  readonly samples: Readonly<Record<string, Float64Array>>;
  readonly rows: number;
  readonly timeUs: Float64Array;
  readonly bus: TextColumn;
  readonly phase: TextColumn;
  /** Phase to ground, V. */
  readonly trueV: Float64Array;
  readonly estimateV: Float64Array;
  readonly sigmaV: Float64Array;
  /** Signed, % of the true voltage. */
  readonly errorPercent: Float64Array;
  /**
   * Estimated bus-phases without truth beside them: of an interval that the record does not resolve, of an instant that it
   * has not, or of a bus that is dead or unknown in truth.
   */
  readonly unmatched: number;
  /** By metric: those of them whose instant or interval has no truth at all. Absent where there are none. */
  readonly unscored: Readonly<Record<string, number>>;
}

/** Compares all estimates with `truth-bus`. `referenceBus` is the bus whose phase A has the angle zero. */
export function compareEstimates(
  estimates: Table,
  runs: Table,
  truth: Table,
  referenceBus: string | undefined,
): EstimateComparison {
  const grid = truthGrid(truth);
  const spans = estimateSpans(runs, estimates.text('estimator'), grid.timesUs);
  const matched = matchRows(estimates, spans, grid, referenceBus);
  const statuses = runs.text('status');
  const converged = statuses.names.indexOf('converged');
  return {
    ...matched,
    unscored: matched.untimed === 0 ? {} : Object.fromEntries(againstTruth.map((name) => [name, matched.untimed])),
    samples: {
      'estimate.voltage.error': matched.errorPercent,
      'estimate.angle.error': matched.angleErrorMrad,
      'estimate.sigma2.coverage': sigmaCoverage(matched),
      'estimate.coverage': coverage(matched, spans, grid),
      'estimate.converged': Float64Array.from(statuses.index, (status) => (status === converged ? 100 : 0)),
    },
  };
}

/** Metrics that hold an estimate against truth at its own instant or over its own interval. */
const againstTruth = [
  'estimate.voltage.error',
  'estimate.angle.error',
  'estimate.coverage',
  'estimate.sigma2.coverage',
] as const;

/** `truth-bus` as a dense matrix: instants by bus-phases. */
interface TruthGrid {
  readonly timesUs: Float64Array;
  readonly bus: TextColumn;
  readonly phase: TextColumn;
  /** Bus-phases: `bus * phases + phase`. */
  readonly width: number;
  readonly voltageMean: Float64Array;
  readonly voltageEnd: Float64Array;
  readonly angleMean: Float64Array;
  readonly angleEnd: Float64Array;
}

function truthGrid(truth: Table): TruthGrid {
  const bus = truth.text('bus');
  const phase = truth.text('phase');
  const { group, groups } = pairGroups(bus, phase);
  const rowTimes = truth.number('timeUs');
  const timesUs = Float64Array.from(new Set(rowTimes)).sort();
  const slotOf = new Map(Array.from(timesUs, (time, slot) => [time, slot]));
  const place = rowTimes.map((time, row) => (slotOf.get(time) ?? 0) * groups + (group[row] ?? 0));
  const dense = (column: string) => {
    const values = truth.number(column);
    const matrix = new Float64Array(timesUs.length * groups).fill(Number.NaN);
    for (let row = 0; row < values.length; row += 1) matrix[place[row] ?? 0] = values[row] ?? Number.NaN;
    return matrix;
  };
  return {
    timesUs,
    bus,
    phase,
    width: groups,
    voltageMean: dense('voltageMeanV'),
    voltageEnd: dense('voltageEndV'),
    angleMean: dense('angleMeanRad'),
    angleEnd: dense('angleEndRad'),
  };
}

/** Slots of the truth matrix that an estimate stands for: after `first - 1`'s instant, up to and with `last`. */
interface Span {
  readonly first: number;
  readonly last: number;
  readonly instantaneous: boolean;
}

interface Spans {
  /** The truth that an estimate of this estimator (number in `estimates`) and instant is held against. */
  find(estimator: number, timeUs: number): Span | undefined;
  /** All answers per estimator, by instant, whether or not truth resolves them. */
  readonly byEstimator: readonly ReadonlyMap<number, Span | undefined>[];
}

function estimateSpans(runs: Table, estimator: TextColumn, timesUs: Float64Array): Spans {
  const runEstimator = runs.text('estimator');
  const names = [...estimator.names, ...runEstimator.names.filter((name) => !estimator.names.includes(name))];
  const byEstimator = names.map(() => new Map<number, Span | undefined>());
  const timeUs = runs.number('timeUs');
  const startUs = runs.number('intervalStartUs');
  const number = Int32Array.from(runEstimator.names, (name) => names.indexOf(name));
  const slotOf = new Map(Array.from(timesUs, (time, slot) => [time, slot]));
  for (let run = 0; run < runs.rows; run += 1) {
    const end = timeUs[run] ?? 0;
    const span = findSpan(timesUs, slotOf, startUs[run] ?? end, end);
    byEstimator[number[runEstimator.index[run] ?? 0] ?? 0]?.set(end, span);
  }
  return { byEstimator, find: (index, time) => byEstimator[index]?.get(time) };
}

/** Undefined when the record's intervals do not add up to exactly that of the estimate. */
function findSpan(
  timesUs: Float64Array,
  slotOf: ReadonlyMap<number, number>,
  startUs: number,
  endUs: number,
): Span | undefined {
  const last = slotOf.get(endUs);
  if (last === undefined) return undefined;
  if (startUs >= endUs) return { first: last, last, instantaneous: true };
  // An interval that began before the run stands for the part inside it.
  const before = slotOf.get(Math.max(startUs, timesUs[0] ?? 0));
  return before === undefined || before >= last ? undefined : { first: before + 1, last, instantaneous: false };
}

/** Mean of a matrix column over a span, weighted by the length of each interval. */
function spanMean(grid: TruthGrid, matrix: Float64Array, { first, last }: Span, column: number): number {
  if (first === last) return matrix[last * grid.width + column] ?? Number.NaN;
  let sum = 0;
  for (let slot = first; slot <= last; slot += 1) {
    const length = (grid.timesUs[slot] ?? 0) - (grid.timesUs[slot - 1] ?? 0);
    sum += (matrix[slot * grid.width + column] ?? Number.NaN) * length;
  }
  return sum / ((grid.timesUs[last] ?? 0) - (grid.timesUs[first - 1] ?? 0));
}

interface Matched extends Omit<EstimateComparison, 'samples' | 'unscored'> {
  /** Of the unmatched: those whose instant or interval the record does not have. */
  readonly untimed: number;
  readonly angleErrorMrad: Float64Array;
  /** Per matched row: estimator and bus-phase of truth. */
  readonly estimator: Int32Array;
  readonly column: Int32Array;
}

function matchRows(estimates: Table, spans: Spans, grid: TruthGrid, referenceBus: string | undefined): Matched {
  const timeUs = estimates.number('timeUs');
  const voltage = estimates.number('voltageV');
  const angle = estimates.number('angleRad');
  const sigma = estimates.number('voltageSigmaV');
  const estimator = estimates.text('estimator');
  const bus = estimates.text('bus');
  const phase = estimates.text('phase');
  const toBus = translate(bus, grid.bus);
  const toPhase = translate(phase, grid.phase);
  const phases = grid.phase.names.length;
  const columnOf = (row: number) => {
    const b = toBus[bus.index[row] ?? 0] ?? -1;
    const p = toPhase[phase.index[row] ?? 0] ?? -1;
    return b < 0 || p < 0 ? -1 : b * phases + p;
  };
  const reference = referenceAngles(estimates, referenceBus);
  const referenceColumn =
    grid.bus.names.indexOf(referenceBus ?? '') * phases + Math.max(0, grid.phase.names.indexOf('A'));

  const kept: number[] = [];
  const columns: number[] = [];
  const truths = new SampleBuffer();
  const angles = new SampleBuffer();
  let unmatched = 0;
  let untimed = 0;
  let span: Span | undefined;
  let angleZero = 0;
  let lastTime = Number.NaN;
  let lastNumber = -1;
  for (let row = 0; row < estimates.rows; row += 1) {
    // Null in the message: the estimator did not observe this bus-phase.
    if (Number.isNaN(voltage[row])) continue;
    const number = estimator.index[row] ?? 0;
    const time = timeUs[row] ?? 0;
    // The rows of one estimate stand together.
    if (time !== lastTime || number !== lastNumber) {
      span = spans.find(number, time);
      angleZero = reference(number, time);
      lastTime = time;
      lastNumber = number;
    }
    const column = columnOf(row);
    const matrix = span?.instantaneous === true ? grid.voltageEnd : grid.voltageMean;
    const truth = span === undefined || column < 0 ? Number.NaN : spanMean(grid, matrix, span, column);
    // Dead bus-phases (0 V) are outside the metric's definition.
    if (span === undefined || !(truth > 0)) {
      if (!(truth === 0)) unmatched += 1;
      if (span === undefined) untimed += 1;
      continue;
    }
    kept.push(row);
    columns.push(column);
    truths.push(truth);
    if (column === referenceColumn) continue;
    const trueAngle = spanMean(grid, span.instantaneous ? grid.angleEnd : grid.angleMean, span, column);
    const error = (angle[row] ?? Number.NaN) - angleZero - trueAngle;
    if (Number.isFinite(error)) angles.push(1000 * wrapAngle(error));
  }
  const pick = (values: Float64Array) => gather(values, kept);
  const trueV = truths.values();
  const estimateV = pick(voltage);
  return {
    rows: kept.length,
    timeUs: pick(timeUs),
    bus: { names: bus.names, index: gatherIndex(bus.index, kept) },
    phase: { names: phase.names, index: gatherIndex(phase.index, kept) },
    estimator: gatherIndex(estimator.index, kept),
    column: Int32Array.from(columns),
    trueV,
    estimateV,
    sigmaV: pick(sigma),
    errorPercent: estimateV.map((value, i) => (100 * (value - (trueV[i] ?? Number.NaN))) / (trueV[i] ?? Number.NaN)),
    angleErrorMrad: angles.values(),
    unmatched,
    untimed,
  };
}

function gather(values: Float64Array, rows: readonly number[]): Float64Array {
  const picked = new Float64Array(rows.length);
  for (let i = 0; i < rows.length; i += 1) picked[i] = values[rows[i] ?? -1] ?? Number.NaN;
  return picked;
}

function gatherIndex(values: Int32Array, rows: readonly number[]): Int32Array {
  const picked = new Int32Array(rows.length);
  for (let i = 0; i < rows.length; i += 1) picked[i] = values[rows[i] ?? -1] ?? 0;
  return picked;
}

/** Angle that an estimate gives to phase A of the reference bus; 0 where it does not report it (it is then the zero). */
function referenceAngles(
  estimates: Table,
  referenceBus: string | undefined,
): (estimator: number, timeUs: number) => number {
  const timeUs = estimates.number('timeUs');
  const angle = estimates.number('angleRad');
  const estimator = estimates.text('estimator');
  const bus = estimates.text('bus');
  const phase = estimates.text('phase');
  const wantedBus = bus.names.indexOf(referenceBus ?? '');
  const wantedPhase = phase.names.indexOf('A');
  const byEstimator = estimator.names.map(() => new Map<number, number>());
  for (let row = 0; row < estimates.rows; row += 1) {
    if (bus.index[row] !== wantedBus || phase.index[row] !== wantedPhase) continue;
    const value = angle[row] ?? Number.NaN;
    if (Number.isFinite(value)) byEstimator[estimator.index[row] ?? 0]?.set(timeUs[row] ?? 0, value);
  }
  return (number, time) => byEstimator[number]?.get(time) ?? 0;
}

/** 100 where the true voltage lies inside estimate +- 2 sigma, else 0; rows without a sigma give no sample. */
function sigmaCoverage({ trueV, estimateV, sigmaV }: Matched): Float64Array {
  const samples = new SampleBuffer();
  for (let i = 0; i < trueV.length; i += 1) {
    const sigma = sigmaV[i] ?? Number.NaN;
    if (!Number.isFinite(sigma)) continue;
    samples.push(Math.abs((estimateV[i] ?? 0) - (trueV[i] ?? 0)) <= 2 * sigma ? 100 : 0);
  }
  return samples.values();
}

/**
 * 100 for each energised bus-phase and recorded interval that an estimate stands for, else 0. Intervals before the
 * first estimate count as well. An instantaneous estimator is due at its own period, an interval one all the time.
 */
function coverage(matched: Matched, spans: Spans, grid: TruthGrid): Float64Array {
  const samples = new SampleBuffer();
  for (const [number, answers] of spans.byEstimator.entries()) {
    if (answers.size === 0) continue;
    const covered = new Uint8Array(grid.timesUs.length * grid.width);
    for (let i = 0; i < matched.rows; i += 1) {
      if (matched.estimator[i] !== number) continue;
      const span = answers.get(matched.timeUs[i] ?? 0);
      if (span === undefined) continue;
      for (let slot = span.first; slot <= span.last; slot += 1) {
        covered[slot * grid.width + (matched.column[i] ?? 0)] = 1;
      }
    }
    const due = dueSlots(answers, grid.timesUs);
    for (const slot of due) {
      for (let column = 0; column < grid.width; column += 1) {
        const place = slot * grid.width + column;
        if ((grid.voltageMean[place] ?? Number.NaN) > 0) samples.push(covered[place] === 1 ? 100 : 0);
      }
    }
  }
  return samples.values();
}

/** Truth slots at which an estimator ought to have answered; the initial state (slot 0) is not one of them. */
function dueSlots(answers: ReadonlyMap<number, Span | undefined>, timesUs: Float64Array): readonly number[] {
  const slots = Array.from(timesUs, (_, slot) => slot).slice(1);
  const instants = [...answers.keys()].toSorted((a, b) => a - b);
  const first = instants[0] ?? 0;
  const instantaneous = [...answers.values()].every((span) => span === undefined || span.instantaneous);
  const period = instants.reduce(
    (least, time, i) => (i === 0 ? least : Math.min(least, time - (instants[i - 1] ?? 0))),
    Infinity,
  );
  if (!instantaneous || !Number.isFinite(period)) return slots;
  return slots.filter((slot) => Math.abs((timesUs[slot] ?? 0) - first) % period === 0);
}
