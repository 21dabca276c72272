/**
 * What the devices and the power calculation said, against truth at the same terminals and at the instant that they name:
 * a wrong clock is an error of the device like any other.
 */
import { SampleBuffer } from '../numerics/statistics.ts';
import type { GridDocument } from '../grids/schema.ts';
import type { Table } from './record-reader.ts';
import { collectPhasors, type Polar, type ReportedPhasors } from './reported-phasors.ts';
import { ratedPowerVA } from './site-facts.ts';
import { translate } from './time-index.ts';
import { trueEnergy } from './true-energy.ts';
import { trueFrequency, truePhasors, type TrueFrequency, type TruePhasors } from './true-phasors.ts';

type Samples = Readonly<Record<string, Float64Array>>;

/** Samples of the device metrics by catalogue name, and the vector errors over time for the report. */
export interface DeviceComparison {
  readonly samples: Samples;
  /** By metric: its readings that the record has no truth (or rating) to hold against. Absent where there are none. */
  readonly unscored: Readonly<Record<string, number>>;
  readonly vectorErrors: VectorErrors;
  /** Phases reported under a tag at which truth was not recorded but is computed: by a wrong clock, or a long window. */
  readonly betweenInstants: number;
}

/**
 * One row per PMU frame and phase. NaN where the frame held nothing of that phasor, infinite where it did and there is
 * no truth to hold it against.
 */
interface VectorErrors {
  /** The frame's tag. */
  readonly timeUs: Float64Array;
  /** Of those that the record has truth of. */
  readonly device: readonly string[];
  readonly voltagePercent: Float64Array;
  readonly currentPercent: Float64Array;
}

/** Basis below which a meter's error is stated in Wh: 1 % of three phases of 230 V at the reference current 5 A. */
const METER_BASIS_W = 0.01 * 3 * 230 * 5;

/**
 * Compares every reading of PMUs, power calculation and meters with truth at the instant or interval that the reading
 * names, faulted ones and those with a wrong tag included. A reading that the record has nothing to hold against is counted in `unscored`.
 */
export function compareDevices(
  grid: GridDocument,
  measurements: Table,
  terminals: Table,
  energies: Table,
  site: Table,
): DeviceComparison {
  const frequency = trueFrequency(site, grid.frequencyHz);
  const phasors = truePhasors(terminals, frequency);
  const unscored = new UnscoredCounts();
  const reported = collectPhasors(measurements, terminals);
  const vectorErrors = computeVectorErrors(terminals, phasors, reported, '');
  const chain = computeVectorErrors(terminals, phasors, reported, 'primary');
  const voltage = unscored.keepFinite(vectorErrors.voltagePercent, ['pmu.tve', 'pmu.tve.voltage']);
  const current = unscored.keepFinite(vectorErrors.currentPercent, ['pmu.tve', 'pmu.tve.current']);
  return {
    samples: {
      'pmu.tve': concatenate(voltage, current),
      'pmu.tve.chain': concatenate(
        unscored.keepFinite(chain.voltagePercent, ['pmu.tve.chain']),
        unscored.keepFinite(chain.currentPercent, ['pmu.tve.chain']),
      ),
      'pmu.tve.voltage': voltage,
      'pmu.tve.current': current,
      'pmu.frequency.error': frequencyErrors(measurements, frequency, unscored),
      ...compareCalculatedPower(grid, measurements, terminals, phasors, unscored),
      ...compareMeters(measurements, energies, unscored),
    },
    unscored: unscored.byMetric,
    vectorErrors,
    betweenInstants: countBetweenInstants(phasors, reported),
  };
}

function countBetweenInstants(phasors: TruePhasors, { timeUs, device, phase }: ReportedPhasors): number {
  return timeUs.reduce((count, tag, entry) => {
    const { row, isRecorded } = phasors.moment(device[entry] ?? -1, phase[entry] ?? -1, tag);
    return row >= 0 && !isRecorded ? count + 1 : count;
  }, 0);
}

/** Counts by metric of the readings that could not be compared. */
class UnscoredCounts {
  readonly byMetric: Record<string, number> = {};

  add(metrics: readonly string[], count: number): void {
    if (count === 0) return;
    for (const metric of metrics) this.byMetric[metric] = (this.byMetric[metric] ?? 0) + count;
  }

  /** The samples of `metrics` among `errors`; what is infinite had no truth beside it, or truth of zero. */
  keepFinite(errors: Float64Array, metrics: readonly string[]): Float64Array {
    const kept = errors.filter(Number.isFinite);
    this.add(metrics, errors.reduce((count, error) => count + (Number.isNaN(error) ? 0 : 1), 0) - kept.length);
    return kept;
  }
}

function concatenate(first: Float64Array, second: Float64Array): Float64Array {
  const both = new Float64Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}

/** Against the PMU's own terminals, or against the primary side of its instrument transformers. */
function computeVectorErrors(
  terminals: Table,
  phasors: TruePhasors,
  reported: ReportedPhasors,
  side: '' | 'primary',
): VectorErrors {
  const truth = (column: string) =>
    terminals.number(side === '' ? column : `primary${column[0]?.toUpperCase()}${column.slice(1)}`);
  const errors = (re: string, im: string, polar: Polar) =>
    totalVectorErrors(phasors, reported, { re: truth(re), im: truth(im) }, polar);
  return {
    timeUs: reported.timeUs,
    device: terminals.text('device').names,
    voltagePercent: errors('voltageReV', 'voltageImV', reported.voltage),
    currentPercent: errors('currentReA', 'currentImA', reported.current),
  };
}

/**
 * TVE = |X_reported - X_true| / |X_true|, %, X_true at the reported tag, the reported phasor in polar form
 * (IEC/IEEE 60255-118-1, 5.3.1). Where a frame lacks one half of a phasor, truth stands in and the other half is judged.
 */
function totalVectorErrors(
  phasors: TruePhasors,
  { timeUs, device, phase }: ReportedPhasors,
  { re, im }: { readonly re: Float64Array; readonly im: Float64Array },
  { magnitude, angle }: Polar,
): Float64Array {
  const truth = new Float64Array(2);
  return magnitude.map((m, entry) => {
    const a = angle[entry] ?? Number.NaN;
    if (Number.isNaN(m) && Number.isNaN(a)) return Number.NaN;
    const moment = phasors.moment(device[entry] ?? -1, phase[entry] ?? -1, timeUs[entry] ?? Number.NaN);
    phasors.phasor(re, im, moment, truth);
    const [trueRe, trueIm] = [truth[0] ?? Number.NaN, truth[1] ?? Number.NaN];
    const size = Math.hypot(trueRe, trueIm);
    const length = Number.isNaN(m) ? size : m;
    const direction = Number.isNaN(a) ? Math.atan2(trueIm, trueRe) : a;
    const difference = Math.hypot(length * Math.cos(direction) - trueRe, length * Math.sin(direction) - trueIm);
    // Nothing reported of a dead terminal is no error; anything else of it has nothing to be relative to.
    if (difference === 0) return 0;
    return Number.isNaN(difference) ? Infinity : (100 * difference) / size;
  });
}

/** f_reported - f at the reported tag, mHz. */
function frequencyErrors(measurements: Table, frequency: TrueFrequency, unscored: UnscoredCounts): Float64Array {
  const errors = new SampleBuffer();
  const [timeUs, value] = [measurements.number('timeUs'), measurements.number('value')];
  const [kind, measurand] = [measurements.text('kind'), measurements.text('measurand')];
  const [pmu, wanted] = [kind.names.indexOf('pmu'), measurand.names.indexOf('frequency')];
  for (let row = 0; row < measurements.rows; row += 1) {
    if (kind.index[row] !== pmu || measurand.index[row] !== wanted) continue;
    const error = ((value[row] ?? Number.NaN) - frequency.at(timeUs[row] ?? Number.NaN)) * 1000;
    errors.push(Number.isNaN(error) ? Infinity : error);
  }
  return unscored.keepFinite(errors.values(), ['pmu.frequency.error']);
}

/** P_calculated - Re(V I*) at the tag that the result carries on from its frame: W, and % of the place's rating. */
function compareCalculatedPower(
  grid: GridDocument,
  measurements: Table,
  terminals: Table,
  phasors: TruePhasors,
  unscored: UnscoredCounts,
): Samples {
  const watts = new SampleBuffer();
  const shares = new SampleBuffer();
  const [timeUs, value] = [measurements.number('timeUs'), measurements.number('value')];
  const [kind, measurand] = [measurements.text('kind'), measurements.text('measurand')];
  const [device, phase] = [measurements.text('device'), measurements.text('phase')];
  const toDevice = translate(device, terminals.text('device'));
  const toPhase = translate(phase, terminals.text('phase'));
  const phases = terminals.text('phase').names.length;
  const [power, wanted] = [kind.names.indexOf('power'), measurand.names.indexOf('activepower')];
  const total = phase.names.indexOf('total');
  const truePower = terminalPower(terminals, phasors);
  const rated = ratedByComponent(grid, measurements);
  for (let row = 0; row < measurements.rows; row += 1) {
    if (kind.index[row] !== power || measurand.index[row] !== wanted) continue;
    const isTotal = phase.index[row] === total;
    const truth = (p: number) => truePower(toDevice[device.index[row] ?? 0] ?? -1, p, timeUs[row] ?? Number.NaN);
    // The one phase of a positive-sequence grid stands for three.
    const expected = isTotal ? sumOver(phases, truth) * (PHASES / phases) : truth(toPhase[phase.index[row] ?? 0] ?? -1);
    const error = (value[row] ?? Number.NaN) - expected;
    const share = (100 * error) / (rated(row) / (isTotal ? 1 : PHASES));
    watts.push(Number.isNaN(error) ? Infinity : error);
    shares.push(Number.isNaN(share) ? Infinity : share);
  }
  return {
    'power.active.error': unscored.keepFinite(watts.values(), ['power.active.error']),
    'power.active.error.rated': unscored.keepFinite(shares.values(), ['power.active.error.rated']),
  };
}

const PHASES = 3;

function sumOver(count: number, term: (i: number) => number): number {
  let sum = 0;
  for (let i = 0; i < count; i += 1) sum += term(i);
  return sum;
}

/** Re(V I*) of a terminal and phase at any instant, W; NaN where the record has no truth of it. */
function terminalPower(
  terminals: Table,
  phasors: TruePhasors,
): (device: number, phase: number, timeUs: number) => number {
  const [voltageRe, voltageIm] = [terminals.number('voltageReV'), terminals.number('voltageImV')];
  const [currentRe, currentIm] = [terminals.number('currentReA'), terminals.number('currentImA')];
  const voltage = new Float64Array(2);
  const current = new Float64Array(2);
  return (device, phase, timeUs) => {
    const moment = phasors.moment(device, phase, timeUs);
    phasors.phasor(voltageRe, voltageIm, moment, voltage);
    phasors.phasor(currentRe, currentIm, moment, current);
    return (voltage[0] ?? 0) * (current[0] ?? 0) + (voltage[1] ?? 0) * (current[1] ?? 0);
  };
}

/** Rated power of the place that a row measures, VA; NaN where none is stated. */
function ratedByComponent(grid: GridDocument, measurements: Table): (row: number) => number {
  const component = measurements.text('component');
  const byName = component.names.map((name) => ratedPowerVA(grid, name) ?? Number.NaN);
  return (row) => byName[component.index[row] ?? 0] ?? Number.NaN;
}

/**
 * Register differences between a meter's successive messages against the true energy between their tags. Where a message
 * is missing, both sides span the gap. The first message has no predecessor and gives no sample. Where the true energy is
 * too small to be a basis for %, also where two messages carry the same tag, the error is stated in Wh.
 */
function compareMeters(measurements: Table, energies: Table, unscored: UnscoredCounts): Samples {
  const relative = new SampleBuffer();
  const small = new SampleBuffer();
  const truth = { importWh: trueEnergy(energies, 'importWh'), exportWh: trueEnergy(energies, 'exportWh') };
  const truthDevices = energies.text('device').names;
  const value = measurements.number('value');
  const timeUs = measurements.number('timeUs');
  let withoutTruth = 0;
  for (const { device, truthColumn, rows } of registerRows(measurements)) {
    const number = truthDevices.indexOf(device);
    for (let i = 1; i < rows.length; i += 1) {
      const [previous, row] = [rows[i - 1] ?? -1, rows[i] ?? -1];
      const [fromUs, toUs] = [timeUs[previous] ?? Number.NaN, timeUs[row] ?? Number.NaN];
      const energy = truth[truthColumn].over(number, fromUs, toUs);
      const error = (value[row] ?? Number.NaN) - (value[previous] ?? Number.NaN) - energy;
      const basis = (METER_BASIS_W * (toUs - fromUs)) / 3600e6;
      if (!Number.isFinite(error)) withoutTruth += 1;
      else if (energy > 0 && energy >= basis) relative.push((100 * error) / energy);
      else small.push(error);
    }
  }
  // Without truth nobody knows which of the two it would have been.
  unscored.add(['meter.energy.error', 'meter.energy.error.small'], withoutTruth);
  return { 'meter.energy.error': relative.values(), 'meter.energy.error.small': small.values() };
}

type EnergyColumn = 'importWh' | 'exportWh';
const energyColumns: Readonly<Record<string, EnergyColumn>> = { energyimport: 'importWh', energyexport: 'exportWh' };

/** Rows of each meter's import and export register in order of time. */
function registerRows(
  measurements: Table,
): readonly { readonly device: string; readonly truthColumn: EnergyColumn; readonly rows: Int32Array }[] {
  const device = measurements.text('device');
  const measurand = measurements.text('measurand');
  const kind = measurements.text('kind');
  const phase = measurements.text('phase');
  const meter = kind.names.indexOf('smart-meter');
  const total = phase.names.indexOf('total');
  const wanted = measurand.names.map((name) => energyColumns[name]);
  const found = new Map<number, number[]>();
  for (let i = 0; i < measurements.rows; i += 1) {
    const what = measurand.index[i] ?? 0;
    if (kind.index[i] !== meter || phase.index[i] !== total || wanted[what] === undefined) continue;
    const key = (device.index[i] ?? 0) * measurand.names.length + what;
    const rows = found.get(key);
    if (rows === undefined) found.set(key, [i]);
    else rows.push(i);
  }
  const timeUs = measurements.number('timeUs');
  return [...found].map(([key, rows]) => ({
    device: device.names[Math.floor(key / measurand.names.length)] ?? '',
    truthColumn: wanted[key % measurand.names.length] ?? 'importWh',
    rows: Int32Array.from(rows.toSorted((a, b) => (timeUs[a] ?? 0) - (timeUs[b] ?? 0) || a - b)),
  }));
}
