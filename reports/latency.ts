/** How long messages took from hop to hop, from the wall-clock columns of the ledger. Only real-time runs have any. */
import { quantile, SampleBuffer } from '../numerics/statistics.ts';
import { latencyHops, type LatencyHop } from './quantities.ts';
import type { Table } from './record-reader.ts';

interface LatencySummary {
  readonly unit: 'us';
  readonly count: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
}

export interface Latencies {
  /** Hops that some message passed, in the catalogue's order. */
  readonly summaries: Readonly<Partial<Record<LatencyHop, LatencySummary>>>;
  /** Ascending samples of those hops, us, for the report's distribution. */
  readonly samples: Readonly<Partial<Record<LatencyHop, Float64Array>>>;
}

/** Kinds of message that no device sends: those of the platform's own topics. */
const platformKinds = new Set([
  'power',
  'estimate',
  'forecast',
  'setpoint',
  'trigger',
  'use-case',
  'plan',
  'repudiation',
]);

/**
 * Latencies of every hop, us. A result (power, estimate, setpoint) is paired with the messages of the instant that it
 * names: its latency runs from the last of them, for only then could it be computed.
 */
export function computeLatencies(messages: Table): Latencies {
  const samples = new Map<LatencyHop, SampleBuffer>(latencyHops.map((hop) => [hop, new SampleBuffer()]));
  const add = (hop: LatencyHop, fromUs: number, toUs: number) => {
    if (Number.isFinite(toUs - fromUs)) samples.get(hop)?.push(toUs - fromUs);
  };
  const kind = messages.text('kind');
  const device = messages.text('device');
  const sent = messages.number('sentWallUs');
  const bal = messages.number('balWallUs');
  const databus = messages.number('databusWallUs');
  const atDevice = messages.number('deviceWallUs');
  const tagged = messages.number('taggedUs');
  const last = lastArrivals(messages);
  for (let row = 0; row < messages.rows; row += 1) {
    const name = kind.names[kind.index[row] ?? 0] ?? '';
    const instant = tagged[row] ?? Number.NaN;
    const arrived = databus[row] ?? Number.NaN;
    if (!platformKinds.has(name)) {
      add('device>bal', sent[row] ?? Number.NaN, bal[row] ?? Number.NaN);
      add('bal>dsotp', bal[row] ?? Number.NaN, arrived);
      // What went straight to the databus never saw the access layer.
      if (Number.isNaN(bal[row])) add('device>dsotp', sent[row] ?? Number.NaN, arrived);
    } else if (name === 'power') {
      const measured = last.databusByDevice.get(`${device.names[device.index[row] ?? 0]}@${instant}`);
      add('dsotp>powerCalculation', measured ?? Number.NaN, arrived);
    } else if (name === 'estimate') {
      add('powerCalculation>stateEstimation', last.power.get(instant) ?? Number.NaN, arrived);
      add('device>estimate', last.sent.get(instant) ?? Number.NaN, arrived);
    } else if (name === 'setpoint') {
      add('device>setpoint', last.sent.get(instant) ?? Number.NaN, arrived);
      add('setpoint>device', arrived, atDevice[row] ?? Number.NaN);
    }
  }
  const ascending = [...samples].map(([hop, buffer]) => [hop, buffer.values().slice().sort()] as const);
  const present = ascending.filter(([, values]) => values.length > 0);
  return {
    samples: Object.fromEntries(present),
    summaries: Object.fromEntries(present.map(([hop, values]) => [hop, summary(values)])),
  };
}

function summary(ascending: Float64Array): LatencySummary {
  return {
    unit: 'us',
    count: ascending.length,
    p50: quantile(ascending, 0.5),
    p95: quantile(ascending, 0.95),
    p99: quantile(ascending, 0.99),
    max: quantile(ascending, 1),
  };
}

/** Per tagged instant: when the last device message was sent, when the last power message and each device's arrived. */
function lastArrivals(messages: Table): {
  readonly sent: ReadonlyMap<number, number>;
  readonly power: ReadonlyMap<number, number>;
  readonly databusByDevice: ReadonlyMap<string, number>;
} {
  const sent = new Map<number, number>();
  const power = new Map<number, number>();
  const databusByDevice = new Map<string, number>();
  const kind = messages.text('kind');
  const device = messages.text('device');
  const tagged = messages.number('taggedUs');
  const sentWall = messages.number('sentWallUs');
  const databus = messages.number('databusWallUs');
  for (let row = 0; row < messages.rows; row += 1) {
    const name = kind.names[kind.index[row] ?? 0] ?? '';
    const instant = tagged[row] ?? Number.NaN;
    if (name === 'power') keepLater(power, instant, databus[row] ?? Number.NaN);
    if (platformKinds.has(name)) continue;
    keepLater(sent, instant, sentWall[row] ?? Number.NaN);
    keepLater(databusByDevice, `${device.names[device.index[row] ?? 0]}@${instant}`, databus[row] ?? Number.NaN);
  }
  return { sent, power, databusByDevice };
}

function keepLater<Key>(map: Map<Key, number>, key: Key, timeUs: number): void {
  if (Number.isFinite(timeUs) && !(timeUs <= (map.get(key) ?? -Infinity))) map.set(key, timeUs);
}
