/** Reads from the manifest what the comparison with truth needs to know of the site: ratings, references, batteries. */
import { gridDocumentSchema, type GridDocument } from '../grids/schema.ts';
import { InvalidInputError } from '../grids/problem.ts';
import type { BatterySeries } from './kpis.ts';
import type { Manifest } from './record.ts';
import type { Table } from './record-reader.ts';
import { TimeIndex } from './time-index.ts';

/** The true grid document of a run. */
export function gridOf(manifest: Manifest): GridDocument {
  const parsed = gridDocumentSchema.safeParse(manifest.grid);
  if (parsed.success) return parsed.data;
  throw new InvalidInputError(
    parsed.error.issues.map(({ path, message }) => ({
      file: 'manifest.json',
      path: ['grid', ...path].join('.'),
      message,
    })),
  );
}

/** Bus of the first external grid: truth's angles are relative to its phase A. */
export function referenceBus(grid: GridDocument): string | undefined {
  return (grid.externalGrids.find(({ inService }) => inService) ?? grid.externalGrids[0])?.bus;
}

/** Sum of the ratings of the transformers at the external grid's bus, VA; undefined without one. */
export function connectionRatingVA(grid: GridDocument): number | undefined {
  const bus = referenceBus(grid);
  const units = grid.transformers.filter(({ from, to, inService }) => inService && (from === bus || to === bus));
  return units.length === 0
    ? undefined
    : units.reduce((sum, { ratedPowerVA, parallel }) => sum + ratedPowerVA * parallel, 0);
}

/** Three-phase rated power of a measured place such as `branch:transformer:to`, VA; undefined where none is stated. */
export function ratedPowerVA(grid: GridDocument, component: string): number | undefined {
  const [kind, id] = component.split(':');
  if (kind !== 'branch') return undefined;
  const transformer = grid.transformers.find((one) => one.id === id);
  if (transformer !== undefined) return transformer.ratedPowerVA * transformer.parallel;
  const line = grid.lines.find((one) => one.id === id);
  const bus = grid.buses.find((one) => one.id === line?.from);
  if (line?.ratedCurrentA === undefined || bus === undefined) return undefined;
  return Math.sqrt(3) * bus.nominalVoltageV * line.ratedCurrentA * line.parallel;
}

/** The batteries of a run over time, with what the manifest declares of them. */
export function batteriesOf(manifest: Manifest, grid: GridDocument, states: Table): readonly BatterySeries[] {
  const devices = states.text('device');
  const timeUs = states.number('timeUs');
  const index = new TimeIndex(timeUs, devices.index, devices.names.length);
  return devices.names.map((device, number) => {
    const rows = index.rows(number);
    const pick = (column: string) => {
      const values = states.number(column);
      return Float64Array.from(rows, (row) => values[row] ?? Number.NaN);
    };
    const series = {
      device,
      timeUs: pick('timeUs'),
      activePowerW: pick('activePowerW'),
      stateOfCharge: pick('stateOfCharge'),
      energyStoredWh: pick('energyStoredWh'),
      setpointW: pick('setpointW'),
      saturated: pick('saturated'),
      lossesWh: pick('lossesWh'),
    };
    return { ...series, ...ratings(manifest, grid, series) };
  });
}

type Measured = Pick<BatterySeries, 'device' | 'timeUs' | 'activePowerW' | 'energyStoredWh' | 'stateOfCharge'>;
type Ratings = Pick<
  BatterySeries,
  'ratedPowerW' | 'capacityWh' | 'windowWh' | 'chargeEfficiency' | 'dischargeEfficiency'
>;

/** From the device's declaration, else from the grid's battery at its place, else from the record itself. */
function ratings(manifest: Manifest, grid: GridDocument, measured: Measured): Ratings {
  const declared = declaration(manifest, measured.device);
  const inGrid = grid.batteries.find(({ id }) => id === measured.device) ?? grid.batteries[0];
  const number = (names: readonly string[]) => {
    const found = names.map((name) => declared[name]).find((value) => typeof value === 'number');
    return typeof found === 'number' ? found : undefined;
  };
  const capacityWh = number(['capacityWh', 'energy']) ?? inGrid?.capacityWh ?? capacity(measured);
  const { min, max } = chargeWindow(manifest, measured.device) ?? { min: 0, max: 1 };
  return {
    ratedPowerW: number(['ratedPowerW', 'power']) ?? inGrid?.ratedPowerW ?? largest(measured.activePowerW),
    capacityWh,
    windowWh: { least: min * capacityWh, most: max * capacityWh },
    chargeEfficiency: number(['chargeEfficiency']) ?? efficiency(measured, -1),
    dischargeEfficiency: number(['dischargeEfficiency']) ?? efficiency(measured, 1),
  };
}

/** Window of a battery's state of charge, 0..1, as its device declares it; undefined where it declares none. */
export function chargeWindow(
  manifest: Manifest,
  device: string,
): { readonly min: number; readonly max: number } | undefined {
  const { socMin: min, socMax: max } = declaration(manifest, device);
  return typeof min === 'number' && typeof max === 'number' ? { min, max } : undefined;
}

/** What the manifest says of a device: the expanded entry over the scenario's. */
function declaration(manifest: Manifest, device: string): Readonly<Record<string, unknown>> {
  const scenario = scenarioDevices(manifest.scenario);
  const own = scenario.find(({ id }) => id === device) ?? scenario.find(({ kind }) => kind === 'bess') ?? {};
  const expanded: Readonly<Record<string, unknown>> = manifest.devices.find(({ id }) => id === device) ?? {};
  return { ...own, ...expanded };
}

function scenarioDevices(scenario: unknown): readonly Readonly<Record<string, unknown>>[] {
  if (typeof scenario !== 'object' || scenario === null || !('devices' in scenario)) return [];
  const { devices } = scenario;
  return Array.isArray(devices) ? (devices as Readonly<Record<string, unknown>>[]) : [];
}

function largest(powerW: Float64Array): number {
  return powerW.reduce((most, power) => Math.max(most, Math.abs(power)), 0);
}

function capacity({ energyStoredWh, stateOfCharge }: Measured): number {
  const row = stateOfCharge.findIndex((share) => share > 0);
  return row < 0 ? 0 : (energyStoredWh[row] ?? 0) / (stateOfCharge[row] ?? 1);
}

/** Efficiency that the record shows while charging (`direction` -1) or discharging (+1); 1 where it did neither. */
function efficiency({ timeUs, activePowerW, energyStoredWh }: Measured, direction: 1 | -1): number {
  let atGrid = 0;
  let inStore = 0;
  for (let k = 1; k < timeUs.length; k += 1) {
    const power = (activePowerW[k] ?? 0) * direction;
    if (power <= 0) continue;
    atGrid += (power * ((timeUs[k] ?? 0) - (timeUs[k - 1] ?? 0))) / 3600e6;
    inStore += Math.abs((energyStoredWh[k] ?? 0) - (energyStoredWh[k - 1] ?? 0));
  }
  if (atGrid === 0 || inStore === 0) return 1;
  return direction === 1 ? atGrid / inStore : inStore / atGrid;
}
