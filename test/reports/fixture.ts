/**
 * Builds a plausible record of a small site with known errors, for tests of scoring and rendering: every figure is
 * computed here from the curves below, nothing comes from a simulator.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { randomStream } from '../../numerics/random.ts';
import type { TableColumns } from '../../platform/contract/history.ts';
import { messagesTable, recordTables } from '../../reports/record.ts';
import {
  audit,
  busIds,
  feeders,
  fixtureBattery,
  houseCount,
  manifest,
  phases,
  type FixtureOptions,
} from './fixture-site.ts';

type Cell = number | string | boolean;
type Row = readonly Cell[];

export const fixtureStartUs = 1_617_228_000_000_000; // 2021-04-01T00:00:00+02:00
const QUARTER_HOUR_US = 900e6;

/** Writes the record to `directory`. */
export async function writeFixture(directory: string, options: FixtureOptions = {}): Promise<void> {
  await mkdir(join(directory, 'series'), { recursive: true });
  const world = simulate(options);
  const tables: Readonly<Record<string, { readonly columns: TableColumns; readonly rows: readonly Row[] }>> = {
    'series/truth-site': { columns: recordTables['truth-site'], rows: world.site },
    'series/truth-bus': { columns: recordTables['truth-bus'], rows: world.buses },
    'series/truth-branch': { columns: recordTables['truth-branch'], rows: world.branches },
    'series/truth-terminal': { columns: recordTables['truth-terminal'], rows: world.terminals },
    'series/truth-energy': { columns: recordTables['truth-energy'], rows: world.energies },
    'series/device-states': { columns: recordTables['device-states'], rows: world.states },
    'series/measurements': { columns: recordTables.measurements, rows: world.measurements },
    'series/estimate-runs': { columns: recordTables['estimate-runs'], rows: world.runs },
    'series/estimates': { columns: recordTables.estimates, rows: world.estimates },
    'series/setpoints': { columns: recordTables.setpoints, rows: world.setpoints },
    'series/forecasts': { columns: recordTables.forecasts, rows: world.forecasts },
    messages: { columns: messagesTable, rows: world.messages },
  };
  for (const [name, { columns, rows }] of Object.entries(tables)) {
    if (options.without?.includes(name)) continue;
    await writeFile(join(directory, `${name}.parquet`), encodeTable(columns, rows));
  }
  await writeFile(join(directory, 'manifest.json'), JSON.stringify(manifest(options)));
  await writeFile(join(directory, 'audit.json'), JSON.stringify(audit(options)));
}

function encodeTable(columns: TableColumns, rows: readonly Row[]): Uint8Array {
  const columnData = Object.entries(columns).map(([name, type], c) => {
    const data = type === 'DOUBLE' ? Float64Array.from(rows, (row) => Number(row[c])) : rows.map((row) => row[c]);
    return { name, type, data, nullable: false };
  });
  return new Uint8Array(parquetWriteBuffer({ columnData }));
}

/** Load and PV of the whole site at a time of day, W. */
function siteLoad(day: number): number {
  return 18_000 + 14_000 * Math.exp(-(((day - 0.79) / 0.08) ** 2)) + 9000 * Math.exp(-(((day - 0.5) / 0.12) ** 2));
}

function siteGeneration(day: number): number {
  const bell = Math.max(0, Math.sin((Math.PI * (day - 0.27)) / 0.54)) ** 1.4;
  const clouds = 1 - 0.35 * Math.max(0, Math.sin(day * 97)) * Math.max(0, Math.sin(day * 31));
  return day < 0.27 || day > 0.81 ? 0 : 185_000 * bell * clouds;
}

function simulate(options: FixtureOptions) {
  const steps = options.steps ?? 96;
  const stepUs = options.stepUs ?? QUARTER_HOUR_US;
  const houses = houseCount(options);
  const { magnitude, angleRad, noise } = options.pmuError ?? { magnitude: 0.003, angleRad: 0.002, noise: 0 };
  const estimate = options.estimateError ?? { voltage: 0.001, angleRad: 0.0005, sigma: 0.002, noise: 0 };
  const random = randomStream('fixture', ['noise']);
  const world: Record<
    | 'site'
    | 'buses'
    | 'branches'
    | 'terminals'
    | 'energies'
    | 'states'
    | 'measurements'
    | 'runs'
    | 'estimates'
    | 'setpoints'
    | 'forecasts'
    | 'messages',
    Row[]
  > = {
    site: [],
    buses: [],
    branches: [],
    terminals: [],
    energies: [],
    states: [],
    measurements: [],
    runs: [],
    estimates: [],
    setpoints: [],
    forecasts: [],
    messages: [],
  };
  let storedWh = 0.2 * fixtureBattery.capacityWh;
  let lossesWh = 0;
  const registers = new Float64Array(houses);
  const intervalWh = new Float64Array(houses);
  const message = (kind: string, device: string, k: number, timeUs: number, walls: readonly number[]) => {
    world.messages.push([
      `topic/${kind}/${device}`,
      kind,
      device,
      k,
      timeUs,
      timeUs,
      timeUs,
      '0123456789abcdef',
      700,
      ...walls,
      '',
    ]);
  };

  for (let k = 0; k <= steps; k += 1) {
    const timeUs = fixtureStartUs + k * stepUs;
    const hours = stepUs / 3600e6;
    const day = ((k * stepUs) / 86_400e6) % 1;
    const loadW = siteLoad(day);
    const generationW = siteGeneration(day);
    const lossesIdleW = 2e-7 * (loadW - generationW) ** 2 + 1650;
    const deficit = loadW - generationW;
    // The plain rule: charge surplus, discharge deficit, within the window.
    const wanted = Math.max(-fixtureBattery.powerW, Math.min(fixtureBattery.powerW, deficit));
    const room = (fixtureBattery.max * fixtureBattery.capacityWh - storedWh) / (hours * fixtureBattery.efficiency);
    const rest = ((storedWh - fixtureBattery.min * fixtureBattery.capacityWh) * fixtureBattery.efficiency) / hours;
    const batteryW = k === 0 ? 0 : Math.max(-room, Math.min(rest, wanted));
    const stored = batteryW > 0 ? -batteryW / fixtureBattery.efficiency : -batteryW * fixtureBattery.efficiency;
    if (k > 0) {
      storedWh += stored * hours;
      lossesWh += (-batteryW - stored) * hours;
    }
    const lossesW = 2e-7 * (deficit - batteryW) ** 2 + 1650;
    const exchangeW = loadW - generationW - batteryW + lossesW;
    world.site.push([
      timeUs,
      50 + 0.01 * Math.sin(k / 7),
      loadW,
      generationW,
      batteryW,
      lossesW,
      0,
      exchangeW,
      3000,
      loadW - generationW + lossesIdleW,
      lossesIdleW,
      0,
      3,
    ]);
    world.states.push([
      timeUs,
      'cbes',
      batteryW,
      storedWh / fixtureBattery.capacityWh,
      storedWh,
      k === 0 ? Number.NaN : batteryW + 100,
      Math.abs(batteryW - wanted) > 1e-6,
      lossesWh,
      '',
    ]);
    if (k > 0) world.setpoints.push([timeUs, 'cbes', wanted, 'balancer']);

    for (let p = 0; p < (options.pmus ?? 1); p += 1) {
      const device = p === 0 ? 'pmu-breaker' : `pmu-${p}`;
      const push = (measurand: string, phase: string, value: number) =>
        world.measurements.push([timeUs, 'pmu', device, 'branch:transformer:to', measurand, phase, value]);
      for (const [i, phase] of phases.entries()) {
        const angle = (-i * 2 * Math.PI) / 3 + 0.3 * Math.sin(k / 11);
        const [v, c] = [231, 40 + Math.abs(exchangeW) / 690];
        world.terminals.push([
          timeUs,
          device,
          phase,
          v * Math.cos(angle),
          v * Math.sin(angle),
          c * Math.cos(angle - 0.2),
          c * Math.sin(angle - 0.2),
          // Instrument transformers that show 0.2 % too much, 1 mrad early.
          (v / 1.002) * Math.cos(angle - 0.001),
          (v / 1.002) * Math.sin(angle - 0.001),
          (c / 1.002) * Math.cos(angle - 0.201),
          (c / 1.002) * Math.sin(angle - 0.201),
        ]);
        const scale = 1 + magnitude + noise * random.normal();
        const turn = angleRad + noise * random.normal();
        push('voltmagnitude', phase, v * scale);
        push('voltangle', phase, angle + turn);
        push('currmagnitude', phase, c * scale);
        push('currangle', phase, angle - 0.2 + turn);
        world.measurements.push([
          timeUs,
          'power',
          device,
          'branch:transformer:to',
          'activepower',
          phase,
          v * c * scale * scale * Math.cos(0.2),
        ]);
      }
      push('frequency', 'total', 50 + 0.01 * Math.sin(k / 7) + 0.001);
      const wall = k * 20_000 + p * 50;
      // Only the first goes through the access layer, the others straight to the platform.
      const bal = p === 0 ? wall + 400 : Number.NaN;
      message('pmu', device, k, timeUs, [wall, bal, wall + 1100 + (k % 50), Number.NaN]);
      message('power', device, k, timeUs, [wall + 1500, Number.NaN, wall + 2100 + (k % 30), Number.NaN]);
      message('setpoint', 'cbes', k, timeUs, [wall + 3000, Number.NaN, wall + 3500, wall + 5000 + 10 * (k % 90)]);
    }

    for (let h = 0; h < houses; h += 1) intervalWh[h] = (intervalWh[h] ?? 0) + (k > 0 ? (loadW / houses) * hours : 0);
    const elapsed = k * stepUs;
    if (elapsed % QUARTER_HOUR_US !== 0 && stepUs < QUARTER_HOUR_US) continue;
    recordQuarter(world, options, timeUs, k, { loadW, generationW, exchangeW }, estimate, random.normal());
    if (k === 0) continue;
    const wall = k * 20_000;
    message('estimate', 'wls', k, timeUs, [wall + 5000, Number.NaN, wall + 7100, Number.NaN]);
    for (let h = 0; h < houses; h += 1) {
      const device = `smart-meter/house-${h + 1}`;
      registers[h] = (registers[h] ?? 0) + (intervalWh[h] ?? 0) * 1.01;
      world.energies.push([timeUs, device, intervalWh[h] ?? 0, 0]);
      world.measurements.push([
        timeUs,
        'smart-meter',
        device,
        `bus:house-${h + 1}`,
        'energyimport',
        'total',
        registers[h] ?? 0,
      ]);
      intervalWh[h] = 0;
    }
  }
  return world;
}

function recordQuarter(
  world: Record<'buses' | 'branches' | 'runs' | 'estimates' | 'forecasts', Row[]>,
  options: FixtureOptions,
  timeUs: number,
  k: number,
  site: { readonly loadW: number; readonly generationW: number; readonly exchangeW: number },
  estimate: { readonly voltage: number; readonly angleRad: number; readonly sigma: number; readonly noise: number },
  jitter: number,
): void {
  const random = randomStream('fixture', ['estimate', String(k)]);
  const swing = (site.generationW - site.loadW) / 185_000;
  for (const [b, bus] of busIds(options).entries()) {
    const depth = bus === 'mv' ? 0 : bus === 'busbar' ? 0.15 : 0.3 + ((b - 2) % 6) / 6;
    for (const [i, phase] of phases.entries()) {
      const nominal = bus === 'mv' ? 20_000 / Math.sqrt(3) : 400 / Math.sqrt(3);
      const voltage = nominal * (1 + 0.03 * swing * depth * (1 + 0.15 * (i - 1)) + 0.0005 * jitter * depth);
      const angle = (-i * 2 * Math.PI) / 3 + 0.01 * swing * depth;
      world.buses.push([timeUs, bus, phase, voltage, voltage * 0.998, voltage * 1.002, voltage * 1.0002, angle, angle]);
      if (k === 0) continue;
      const error = estimate.voltage + estimate.noise * random.normal();
      const angleError = bus === 'mv' && phase === 'A' ? 0 : estimate.angleRad;
      world.estimates.push([
        timeUs,
        'wls',
        bus,
        phase,
        voltage * (1 + error),
        angle + angleError,
        voltage * estimate.sigma,
        0.001,
      ]);
    }
  }
  world.branches.push([
    timeUs,
    'transformer',
    Math.abs(site.exchangeW) / 6300,
    Math.abs(site.exchangeW) / 5700,
    site.exchangeW,
    0,
  ]);
  for (let f = 0; f < feeders(options); f += 1) {
    world.branches.push([
      timeUs,
      `line-${f + 1}`,
      (20 + 5 * f) * Math.abs(swing),
      (26 + 5 * f) * Math.abs(swing),
      0,
      0,
    ]);
  }
  if (k === 0) return;
  const inventory = [
    { source: 'pmu', kind: 'voltagePhasor', count: 3, ageUsMax: 0, sigmaRelativeMedian: 0.0017 },
    { source: 'pmu', kind: 'currentPhasor', count: 3, ageUsMax: 0, sigmaRelativeMedian: 0.0012 },
    {
      source: 'smart-meter',
      kind: 'activePower',
      count: 3 * houseCount(options),
      ageUsMax: 0,
      sigmaRelativeMedian: 3e-5,
    },
    { source: 'forecast', kind: 'reactivePower', count: 4, ageUsMax: 900e6, sigmaRelativeMedian: 0.0003 },
  ];
  world.runs.push([
    timeUs,
    'wls',
    timeUs - QUARTER_HOUR_US,
    'converged',
    4,
    9.5,
    10,
    18.3,
    JSON.stringify(inventory),
    JSON.stringify([]),
    options.modelFindings === undefined ? '' : JSON.stringify(options.modelFindings),
  ]);
  world.forecasts.push(quantiles([timeUs - QUARTER_HOUR_US, timeUs, 'site:load', site.loadW * 1.1, 500]));
  world.forecasts.push(
    quantiles([timeUs - QUARTER_HOUR_US, timeUs + QUARTER_HOUR_US, 'site:load', site.loadW * 1.1, 900]),
  );
  // Issued when its step had begun: a nowcast, which must not be scored as a forecast.
  world.forecasts.push(quantiles([timeUs, timeUs, 'site:load', 0, 500]));
  world.forecasts.push(quantiles([timeUs - QUARTER_HOUR_US, timeUs, 'site:generation', site.generationW * 0.9, 500]));
  world.forecasts.push(
    quantiles([timeUs - QUARTER_HOUR_US, timeUs + QUARTER_HOUR_US, 'site:generation', site.generationW, 900]),
  );
}

/** A forecast row with the 10 % and 90 % quantiles of its normal distribution. */
function quantiles(row: readonly [number, number, string, number, number]): Row {
  const [, , , power, sigma] = row;
  return [...row, power - 1.2816 * sigma, power + 1.2816 * sigma];
}
