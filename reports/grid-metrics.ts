/** What the grid and the batteries went through, and whether the record's own balances close. */
import { SampleBuffer } from '../numerics/statistics.ts';
import type { GridDocument } from '../grids/schema.ts';
import type { BatterySeries } from './kpis.ts';
import type { Table, TextColumn } from './record-reader.ts';
import { pairGroups, TimeIndex } from './time-index.ts';

type Samples = Readonly<Record<string, Float64Array>>;

function at(values: Float64Array, row: number): number {
  return values[row] ?? Number.NaN;
}

/** load + shunts + losses - generation - battery - exchange per instant, W: zero but for the power flow's tolerance. */
export function siteBalance(site: Table): Samples {
  const taken = ['shuntsW', 'lossesW'].map((column) => site.number(column));
  const given = ['generationW', 'batteryW', 'exchangeW'].map((column) => site.number(column));
  return {
    'site.powerBalance.error': site.number('loadW').map((load, row) => {
      const needed = taken.reduce((sum, column) => sum + at(column, row), load);
      return given.reduce((rest, column) => rest - at(column, row), needed);
    }),
  };
}

/** State of charge, tracking and the energy balance of every battery. */
export function batterySamples(batteries: readonly BatterySeries[]): Samples {
  const soc = new SampleBuffer();
  const balance = new SampleBuffer();
  const tracking = new SampleBuffer();
  const saturation = new SampleBuffer();
  for (const battery of batteries) {
    for (let k = 0; k < battery.timeUs.length; k += 1) {
      soc.push(100 * at(battery.stateOfCharge, k));
      if (k > 0) balance.push(energyResidual(battery, k));
      const setpoint = at(battery.setpointW, k);
      if (Number.isNaN(setpoint)) continue;
      tracking.push(at(battery.activePowerW, k) - setpoint);
      saturation.push(at(battery.saturated, k) === 1 ? 100 : 0);
    }
  }
  return {
    'battery.soc': soc.values(),
    'battery.energyBalance.error': balance.values(),
    'setpoint.tracking.error': tracking.values(),
    'setpoint.saturation': saturation.values(),
  };
}

/** Delta E + P dt + Delta losses over the interval that ends at `k`, Wh (P discharge positive, at the grid side). */
function energyResidual({ timeUs, activePowerW, energyStoredWh, lossesWh }: BatterySeries, k: number): number {
  const hours = (at(timeUs, k) - at(timeUs, k - 1)) / 3600e6;
  const stored = at(energyStoredWh, k) - at(energyStoredWh, k - 1);
  const lost = at(lossesWh, k) - at(lossesWh, k - 1);
  return stored + at(activePowerW, k) * hours + lost;
}

/** Loading of every branch and interval; the initial state is left out, and branches without a rating have none. */
export function branchSamples(branches: Table): Samples {
  const timeUs = branches.number('timeUs');
  const start = earliest(timeUs);
  const pick = (column: string) =>
    branches.number(column).filter((loading, row) => at(timeUs, row) > start && Number.isFinite(loading));
  return { 'branch.loading': pick('loadingMeanPercent'), 'branch.loading.peak': pick('loadingMaxPercent') };
}

function earliest(timeUs: Float64Array): number {
  return timeUs.reduce((least, time) => Math.min(least, time), Infinity);
}

/** Voltage unbalance per three-phase bus and interval, for the report. */
interface Unbalance {
  readonly timeUs: Float64Array;
  readonly bus: TextColumn;
  /** |V_negative| / |V_positive|, %. */
  readonly percent: Float64Array;
}

export interface BusSamples {
  readonly samples: Samples;
  readonly unbalance: Unbalance;
}

/** Voltages relative to nominal, their band, and unbalance; the initial state and dead bus-phases are left out. */
export function busSamples(grid: GridDocument, buses: Table): BusSamples {
  const timeUs = buses.number('timeUs');
  const voltage = buses.number('voltageMeanV');
  const bus = buses.text('bus');
  const start = earliest(timeUs);
  const nominal = nominalByBus(grid, bus);
  const magnitudes = new SampleBuffer();
  const band = new SampleBuffer();
  for (let row = 0; row < buses.rows; row += 1) {
    const percent = (100 * at(voltage, row)) / at(nominal, bus.index[row] ?? 0);
    if (at(timeUs, row) <= start || !(percent > 0)) continue;
    magnitudes.push(percent);
    band.push(Math.abs(percent - 100) <= 10 ? 100 : 0);
  }
  const unbalance = computeUnbalance(buses, start);
  return {
    samples: {
      'bus.voltage': magnitudes.values(),
      'bus.voltage.inBand': band.values(),
      'bus.voltage.unbalance': unbalance.percent,
    },
    unbalance,
  };
}

/** Nominal phase-to-ground voltage by number of the text column, V; NaN for buses that the grid does not know. */
export function nominalByBus(grid: GridDocument, bus: TextColumn): Float64Array {
  const byId = new Map(grid.buses.map(({ id, nominalVoltageV }) => [id, nominalVoltageV / Math.sqrt(3)]));
  return Float64Array.from(bus.names, (name) => byId.get(name) ?? Number.NaN);
}

function computeUnbalance(buses: Table, start: number): Unbalance {
  const timeUs = buses.number('timeUs');
  const voltage = buses.number('voltageMeanV');
  const angle = buses.number('angleMeanRad');
  const bus = buses.text('bus');
  const phase = buses.text('phase');
  const [a, b, c] = ['A', 'B', 'C'].map((name) => phase.names.indexOf(name)) as [number, number, number];
  const rows: number[] = [];
  const percent = new SampleBuffer();
  if (a >= 0 && b >= 0 && c >= 0) {
    const { group, groups } = pairGroups(bus, phase);
    const index = new TimeIndex(timeUs, group, groups);
    const width = phase.names.length;
    for (let row = 0; row < buses.rows; row += 1) {
      if (phase.index[row] !== a || at(timeUs, row) <= start) continue;
      const first = (bus.index[row] ?? 0) * width;
      const rowB = index.find(first + b, at(timeUs, row));
      const rowC = index.find(first + c, at(timeUs, row));
      const phasors = [row, rowB, rowC].map((r) => [at(voltage, r), at(angle, r)] as const);
      const factor = unbalanceFactor(phasors);
      if (!Number.isFinite(factor)) continue;
      rows.push(row);
      percent.push(factor);
    }
  }
  return {
    timeUs: Float64Array.from(rows, (row) => at(timeUs, row)),
    bus: { names: bus.names, index: Int32Array.from(rows, (row) => bus.index[row] ?? 0) },
    percent: percent.values(),
  };
}

/**
 * |V_A + a^2 V_B + a V_C| / |V_A + a V_B + a^2 V_C| in %, a = exp(j 2 pi / 3): negative over positive sequence
 * (IEC 61000-4-30, 5.7).
 */
export function unbalanceFactor(phasors: readonly (readonly [magnitude: number, angleRad: number])[]): number {
  const component = (turn: number) => {
    let re = 0;
    let im = 0;
    for (const [k, [magnitude, angle]] of phasors.entries()) {
      const rotated = angle + (turn * k * 2 * Math.PI) / 3;
      re += magnitude * Math.cos(rotated);
      im += magnitude * Math.sin(rotated);
    }
    return Math.hypot(re, im);
  };
  return (100 * component(-1)) / component(1);
}
