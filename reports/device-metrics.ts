/** What the devices and the power calculation said, against truth at the same terminals and the same instant. */
import { SampleBuffer } from '../numerics/statistics.ts';
import type { GridDocument } from '../grids/schema.ts';
import type { Table } from './record-reader.ts';
import { ratedPowerVA } from './site-facts.ts';
import { pairGroups, TimeIndex, translate } from './time-index.ts';

/** Samples of the device metrics by catalogue name, and the vector errors over time for the report. */
export interface DeviceComparison {
  readonly samples: Readonly<Record<string, Float64Array>>;
  readonly vectorErrors: VectorErrors;
}

/** One row per PMU frame and phase with truth beside it; NaN where the frame lacked that phasor. */
interface VectorErrors {
  readonly timeUs: Float64Array;
  readonly device: readonly string[];
  readonly deviceIndex: Int32Array;
  readonly voltagePercent: Float64Array;
  readonly currentPercent: Float64Array;
}

/** Basis below which a meter's error is stated in Wh: 1 % of three phases of 230 V at the reference current 5 A. */
const METER_BASIS_W = 0.01 * 3 * 230 * 5;

/** Compares every reading of PMUs, power calculation and meters with truth. Faulted readings are not spared. */
export function compareDevices(
  grid: GridDocument,
  measurements: Table,
  terminals: Table,
  energies: Table,
  site: Table,
): DeviceComparison {
  const frames = collectFrames(grid, measurements, terminals, site);
  const vectorErrors = computeVectorErrors(terminals, frames, '');
  const chain = computeVectorErrors(terminals, frames, 'primary');
  const voltage = vectorErrors.voltagePercent.filter(Number.isFinite);
  const current = vectorErrors.currentPercent.filter(Number.isFinite);
  const meters = compareMeters(measurements, energies);
  return {
    samples: {
      'pmu.tve': concatenate(voltage, current),
      'pmu.tve.chain': concatenate(
        chain.voltagePercent.filter(Number.isFinite),
        chain.currentPercent.filter(Number.isFinite),
      ),
      'pmu.tve.voltage': voltage,
      'pmu.tve.current': current,
      'pmu.frequency.error': frames.frequency.values(),
      'power.active.error': frames.power.values(),
      'power.active.error.rated': frames.powerRated.values(),
      'meter.energy.error': meters.relative.values(),
      'meter.energy.error.small': meters.small.values(),
    },
    vectorErrors,
  };
}

function concatenate(first: Float64Array, second: Float64Array): Float64Array {
  const both = new Float64Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}

/** Reported polar phasors by row of `truth-terminal`, and the samples that need no pairing. */
interface Frames {
  readonly voltageMagnitude: Float64Array;
  readonly voltageAngle: Float64Array;
  readonly currentMagnitude: Float64Array;
  readonly currentAngle: Float64Array;
  readonly frequency: SampleBuffer;
  readonly power: SampleBuffer;
  readonly powerRated: SampleBuffer;
}

function collectFrames(grid: GridDocument, measurements: Table, terminals: Table, site: Table): Frames {
  const blank = () => new Float64Array(terminals.rows).fill(Number.NaN);
  const frames = {
    voltageMagnitude: blank(),
    voltageAngle: blank(),
    currentMagnitude: blank(),
    currentAngle: blank(),
    frequency: new SampleBuffer(),
    power: new SampleBuffer(),
    powerRated: new SampleBuffer(),
  };
  if (measurements.rows === 0) return frames;

  const timeUs = measurements.number('timeUs');
  const value = measurements.number('value');
  const kind = measurements.text('kind');
  const measurand = measurements.text('measurand');
  const phase = measurements.text('phase');
  const device = measurements.text('device');
  const truthDevice = terminals.text('device');
  const truthPhase = terminals.text('phase');
  const { group, groups } = pairGroups(truthDevice, truthPhase);
  const terminalIndex = new TimeIndex(terminals.number('timeUs'), group, groups);
  const toDevice = translate(device, truthDevice);
  const toPhase = translate(phase, truthPhase);
  const phases = truthPhase.names.length;
  const rowOf = (i: number, phaseNumber: number) => {
    const deviceNumber = toDevice[device.index[i] ?? 0] ?? -1;
    if (deviceNumber < 0 || phaseNumber < 0) return -1;
    return terminalIndex.find(deviceNumber * phases + phaseNumber, timeUs[i] ?? 0);
  };

  const byMeasurand = new Map<string, Float64Array>([
    ['voltmagnitude', frames.voltageMagnitude],
    ['voltangle', frames.voltageAngle],
    ['currmagnitude', frames.currentMagnitude],
    ['currangle', frames.currentAngle],
  ]);
  const target = measurand.names.map((name) => byMeasurand.get(name));
  const pmu = kind.names.indexOf('pmu');
  const power = kind.names.indexOf('power');
  const activePower = measurand.names.indexOf('activepower');
  const frequency = measurand.names.indexOf('frequency');
  const total = phase.names.indexOf('total');
  const truePower = terminalPower(terminals);
  const rated = ratedByComponent(grid, measurements);
  const siteIndex = new TimeIndex(site.number('timeUs'), new Int32Array(site.rows), 1);
  const trueFrequency = site.number('frequencyHz');

  for (let i = 0; i < measurements.rows; i += 1) {
    const reading = value[i] ?? Number.NaN;
    const what = measurand.index[i] ?? 0;
    if (kind.index[i] === pmu) {
      const store = target[what];
      if (store !== undefined) {
        const row = rowOf(i, toPhase[phase.index[i] ?? 0] ?? -1);
        if (row >= 0) store[row] = reading;
      } else if (what === frequency) {
        const row = siteIndex.find(0, timeUs[i] ?? 0);
        if (row >= 0) pushFinite(frames.frequency, (reading - (trueFrequency[row] ?? Number.NaN)) * 1000);
      }
    } else if (kind.index[i] === power && what === activePower) {
      const isTotal = phase.index[i] === total;
      const truth = isTotal
        ? sumOver(phases, (p) => truePower[rowOf(i, p)])
        : truePower[rowOf(i, toPhase[phase.index[i] ?? 0] ?? -1)];
      const error = reading - (truth ?? Number.NaN);
      pushFinite(frames.power, error);
      pushFinite(frames.powerRated, (100 * error) / (rated(i) / (isTotal ? 1 : phases)));
    }
  }
  return frames;
}

function sumOver(count: number, term: (i: number) => number | undefined): number {
  let sum = 0;
  for (let i = 0; i < count; i += 1) sum += term(i) ?? Number.NaN;
  return sum;
}

/** A reading without truth beside it (a skewed tag, say) gives no sample; the audit accounts for its message. */
function pushFinite(samples: SampleBuffer, value: number): void {
  if (Number.isFinite(value)) samples.push(value);
}

/** Re(V I*) per row, W. */
function terminalPower(terminals: Table): Float64Array {
  const voltageRe = terminals.number('voltageReV');
  const voltageIm = terminals.number('voltageImV');
  const currentRe = terminals.number('currentReA');
  const currentIm = terminals.number('currentImA');
  return voltageRe.map((re, row) => re * (currentRe[row] ?? 0) + (voltageIm[row] ?? 0) * (currentIm[row] ?? 0));
}

/** Rated power of the place that a row measures, VA; NaN where none is stated. */
function ratedByComponent(grid: GridDocument, measurements: Table): (row: number) => number {
  const component = measurements.text('component');
  const byName = component.names.map((name) => ratedPowerVA(grid, name) ?? Number.NaN);
  return (row) => byName[component.index[row] ?? 0] ?? Number.NaN;
}

/** Against the PMU's own terminals, or against the primary side of its instrument transformers. */
function computeVectorErrors(terminals: Table, frames: Frames, side: '' | 'primary'): VectorErrors {
  const device = terminals.text('device');
  const truth = (column: string) =>
    terminals.number(side === '' ? column : `primary${column[0]?.toUpperCase()}${column.slice(1)}`);
  return {
    timeUs: terminals.number('timeUs'),
    device: device.names,
    deviceIndex: device.index,
    voltagePercent: totalVectorErrors(
      truth('voltageReV'),
      truth('voltageImV'),
      frames.voltageMagnitude,
      frames.voltageAngle,
    ),
    currentPercent: totalVectorErrors(
      truth('currentReA'),
      truth('currentImA'),
      frames.currentMagnitude,
      frames.currentAngle,
    ),
  };
}

/** TVE = |X_reported - X_true| / |X_true|, %, with the reported phasor in polar form (IEC/IEEE 60255-118-1, 5.3.1). */
function totalVectorErrors(
  re: Float64Array,
  im: Float64Array,
  magnitude: Float64Array,
  angle: Float64Array,
): Float64Array {
  return re.map((trueRe, row) => {
    const trueIm = im[row] ?? Number.NaN;
    const m = magnitude[row] ?? Number.NaN;
    const a = angle[row] ?? Number.NaN;
    const difference = Math.hypot(m * Math.cos(a) - trueRe, m * Math.sin(a) - trueIm);
    // A dead terminal has no direction to err from: infinity is filtered out by the caller.
    return (100 * difference) / Math.hypot(trueRe, trueIm);
  });
}

/**
 * Register differences between a meter's successive messages against the true energy over the same time. Where a
 * message is missing, both sides span the gap. The first message has no predecessor and gives no sample.
 */
function compareMeters(
  measurements: Table,
  energies: Table,
): { readonly relative: SampleBuffer; readonly small: SampleBuffer } {
  const relative = new SampleBuffer();
  const small = new SampleBuffer();
  const registers = registerRows(measurements);
  const truthDevice = energies.text('device');
  const truthIndex = new TimeIndex(energies.number('timeUs'), truthDevice.index, truthDevice.names.length);
  const truthTime = energies.number('timeUs');
  const value = measurements.number('value');
  const timeUs = measurements.number('timeUs');
  for (const { device, truthColumn, rows } of registers) {
    const truth = energies.number(truthColumn);
    const truthRows = truthIndex.rows(truthDevice.names.indexOf(device));
    let next = 0;
    for (let i = 0; i < rows.length; i += 1) {
      const row = rows[i] ?? 0;
      const now = timeUs[row] ?? 0;
      let energy = 0;
      let reached = Number.NaN;
      for (; next < truthRows.length && (truthTime[truthRows[next] ?? 0] ?? 0) <= now; next += 1) {
        energy += truth[truthRows[next] ?? 0] ?? Number.NaN;
        reached = truthTime[truthRows[next] ?? 0] ?? Number.NaN;
      }
      const previous = rows[i - 1];
      if (previous === undefined || reached !== now) continue;
      const error = (value[row] ?? Number.NaN) - (value[previous] ?? Number.NaN) - energy;
      const basis = (METER_BASIS_W * (now - (timeUs[previous] ?? 0))) / 3600e6;
      if (energy >= basis) pushFinite(relative, (100 * error) / energy);
      else pushFinite(small, error);
    }
  }
  return { relative, small };
}

/** Rows of each meter's import and export register in order of time. */
function registerRows(
  measurements: Table,
): readonly { readonly device: string; readonly truthColumn: string; readonly rows: Int32Array }[] {
  const device = measurements.text('device');
  const measurand = measurements.text('measurand');
  const kind = measurements.text('kind');
  const phase = measurements.text('phase');
  const meter = kind.names.indexOf('smart-meter');
  const total = phase.names.indexOf('total');
  const truthColumns: Readonly<Record<string, string>> = { energyimport: 'importWh', energyexport: 'exportWh' };
  const wanted = measurand.names.map((name) => truthColumns[name]);
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
    truthColumn: wanted[key % measurand.names.length] ?? '',
    rows: Int32Array.from(rows.toSorted((a, b) => (timeUs[a] ?? 0) - (timeUs[b] ?? 0) || a - b)),
  }));
}
