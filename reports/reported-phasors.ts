/** The phasors that PMUs reported, put together from the readings of their messages. */
import { SampleBuffer } from '../numerics/statistics.ts';
import type { Table } from './record-reader.ts';
import { translate } from './time-index.ts';

/** One entry per PMU frame and phase, in the order in which the platform took them. */
export interface ReportedPhasors {
  /** The frame's tag. */
  readonly timeUs: Float64Array;
  /** Number in the columns of `truth-terminal`; -1 where it has no such device or phase. */
  readonly device: Int32Array;
  readonly phase: Int32Array;
  readonly voltage: Polar;
  readonly current: Polar;
}

/** V or A, and rad; NaN where the frame lacked that reading. */
export interface Polar {
  readonly magnitude: Float64Array;
  readonly angle: Float64Array;
}

const measurands = ['voltmagnitude', 'voltangle', 'currmagnitude', 'currangle'] as const;

/** Two frames of one device may carry the same tag (a clock that stepped), and both are reported. */
export function collectPhasors(measurements: Table, terminals: Table): ReportedPhasors {
  const [timeUs, value] = [measurements.number('timeUs'), measurements.number('value')];
  const [kind, measurand] = [measurements.text('kind'), measurements.text('measurand')];
  const [device, phase] = [measurements.text('device'), measurements.text('phase')];
  const pmu = kind.names.indexOf('pmu');
  const quantity = measurand.names.map((name) => measurands.findIndex((one) => one === name));
  const toDevice = translate(device, terminals.text('device'));
  const toPhase = translate(phase, terminals.text('phase'));

  const times = new SampleBuffer();
  const [devices, phases] = [new SampleBuffer(), new SampleBuffer()];
  const readings = measurands.map(() => new SampleBuffer());
  /** Per device and phase: the entry that its readings go to. */
  const open = new Int32Array(device.names.length * phase.names.length).fill(-1);
  for (let row = 0; row < measurements.rows; row += 1) {
    const what = quantity[measurand.index[row] ?? 0] ?? -1;
    if (kind.index[row] !== pmu || what < 0) continue;
    const [d, p, tag] = [device.index[row] ?? 0, phase.index[row] ?? 0, timeUs[row] ?? Number.NaN];
    const place = d * phase.names.length + p;
    let entry = open[place] ?? -1;
    if (entry < 0 || times.at(entry) !== tag || !Number.isNaN(readings[what]?.at(entry))) {
      entry = times.length;
      open[place] = entry;
      times.push(tag);
      devices.push(toDevice[d] ?? -1);
      phases.push(toPhase[p] ?? -1);
      for (const reading of readings) reading.push(Number.NaN);
    }
    readings[what]?.replace(entry, value[row] ?? Number.NaN);
  }
  const [voltMagnitude, voltAngle, currMagnitude, currAngle] = readings.map((one) => one.values()) as [
    Float64Array,
    Float64Array,
    Float64Array,
    Float64Array,
  ];
  return {
    timeUs: times.values(),
    device: Int32Array.from(devices.values()),
    phase: Int32Array.from(phases.values()),
    voltage: { magnitude: voltMagnitude, angle: voltAngle },
    current: { magnitude: currMagnitude, angle: currAngle },
  };
}
