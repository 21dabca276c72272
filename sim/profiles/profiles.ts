/** What every load draws and every generator feeds in at each instant: the one entry to all profiles of a scenario. */
import { collectFaults, InvalidInputError, type Problem } from '../../grids/problem.ts';
import type { GridDocument, GridGenerator, GridLoad } from '../../grids/schema.ts';
import { createH0 } from '../../platform/forecasting/h0.ts';
import type { Scenario } from '../scenario/schema.ts';
import { type AirTemperature, createAirTemperature } from './air-temperature.ts';
import { meanClearSkyIndex } from './clouds.ts';
import { covering, meanOfSeries, readCsvSeries, type Series } from './csv.ts';
import { createHousehold, describeHouseholds } from './households.ts';
import { phaseCount, phaseShares, writeDocumentPower } from './phase-power.ts';
import { createPvPlant } from './pv.ts';

/** Arrays as in `Truth`: per element in document order and phase, interleaved P, Q, W and var, `2 * (i * phases + phase)`. */
export interface ProfilePowers {
  /** Consumption positive. */
  readonly loadPower: Float64Array;
  /** Production positive. */
  readonly generatorPower: Float64Array;
}

export interface Profiles {
  /**
   * Fills both arrays with the powers over (fromUs, timeUs]; `fromUs === timeUs` asks for the initial state. To be called
   * once per instant in time order. In a positive-sequence grid the only phase carries a third of the sum.
   */
  at(timeUs: number, fromUs: number, out: ProfilePowers): void;
  readonly air: AirTemperature;
  /** Files of the user's own that went in, absolute paths. */
  readonly files: readonly string[];
  /** What stands behind the figures, one sentence each, for the manifest. */
  readonly assumptions: readonly string[];
}

interface ProfileOptions {
  readonly grid: GridDocument;
  readonly profiles: Scenario['profiles'];
  readonly seed: string;
  readonly clock: Scenario['clock'];
  /** Relative file names start here. */
  readonly directory: string;
}

interface SourceOptions extends ProfileOptions {
  readonly air: AirTemperature;
}

/** A source fills one of the arrays. */
interface Source {
  fill(timeUs: number, fromUs: number, out: Float64Array): void;
  readonly files: readonly string[];
  readonly assumption: string;
}

/** Throws InvalidInputError with every fault of the profiles and their files. */
export function createProfiles(options: ProfileOptions): Profiles {
  const problems: Problem[] = [];
  const { grid, seed, clock, directory } = options;
  const profile = options.profiles.temperature;
  const air = collectFaults(problems, () => createAirTemperature({ profile, grid, seed, clock, directory }));
  if (air === undefined) throw new InvalidInputError(problems);
  const load = collectFaults(problems, () => createLoadSource({ ...options, air }));
  const generation = collectFaults(problems, () => createGenerationSource({ ...options, air }));
  if (load === undefined || generation === undefined) throw new InvalidInputError(problems);
  return {
    at(timeUs, fromUs, out) {
      load.fill(timeUs, fromUs, out.loadPower);
      generation.fill(timeUs, fromUs, out.generatorPower);
    },
    air,
    files: [...new Set([...load.files, ...generation.files, ...air.files])],
    assumptions: [load.assumption, generation.assumption, ...(air.assumption === undefined ? [] : [air.assumption])],
  };
}

type Setting = Pick<ProfileOptions, 'grid' | 'profiles'>;

/** What the grid lacks for the profiles, whatever their files say. */
export function profileFaults(setting: Setting): readonly Problem[] {
  const problems: Problem[] = [];
  if (loadKindOf(setting) !== 'grid') collectFaults(problems, () => createCustomers(setting));
  if (['sun', 'csv'].includes(generationKindOf(setting))) collectFaults(problems, () => createSystems(setting));
  return problems;
}

/** Without a word about loads, those of a grid that knows no customers keep their constant powers. */
function loadKindOf({ grid, profiles }: Setting): 'h0' | 'csv' | 'grid' {
  return profiles.load?.kind ?? (grid.loads.some((load) => load.annualEnergyWh !== undefined) ? 'h0' : 'grid');
}

function generationKindOf({ grid, profiles }: Setting): 'sun' | 'csv' | 'grid' | 'none' {
  return grid.generators.some(isPv) ? (profiles.pv?.kind ?? 'sun') : 'grid';
}

function isPv({ kind }: GridGenerator): boolean {
  return kind === 'pv';
}

function createLoadSource(options: SourceOptions): Source {
  const { grid } = options;
  const kind = loadKindOf(options);
  if (kind === 'grid') return createDocumentSource(grid.loads, grid, 'loads: the constant powers of the grid document');
  const customers = createCustomers(options);
  return kind === 'h0' ? createH0Source(options, customers) : createLoadCsvSource(options, customers);
}

/** Every element as the grid document has it. */
function createDocumentSource(
  elements: readonly (GridLoad | GridGenerator)[],
  grid: GridDocument,
  assumption: string,
): Source {
  const phases = phaseCount(grid);
  const constant = new Float64Array(2 * phases * elements.length);
  elements.forEach((element, i) => writeDocumentPower(element, phases, constant, 2 * phases * i));
  return {
    fill: (_timeUs, _fromUs, out) => out.set(constant),
    files: [],
    assumption,
  };
}

/** A load with an annual energy, which follows a profile; the others keep their constant power. */
interface Customer {
  readonly load: GridLoad;
  /** Offset of its first entry in the load array. */
  readonly offset: number;
  readonly annualEnergyWh: number;
}

/** Scales annual energies so that their mean is the scenario's, where it names one. */
function createCustomers({ grid, profiles }: Setting): Customer[] {
  const phases = phaseCount(grid);
  const found = grid.loads.flatMap((load, i) =>
    load.annualEnergyWh === undefined || !load.inService
      ? []
      : [{ load, offset: 2 * phases * i, annualEnergyWh: load.annualEnergyWh }],
  );
  const { households, annualEnergy } = profiles.load ?? {};
  const problems: Problem[] = [];
  if (found.length === 0) {
    problems.push({
      path: 'profiles.load.kind',
      message: `grid "${grid.name}" has no load in service with annualEnergyWh that a profile could drive`,
      hint: 'write kind: grid to use the constant powers of the grid document',
    });
  } else if (households !== undefined && households !== found.length) {
    problems.push({
      path: 'profiles.load.households',
      message: `is ${households} but grid "${grid.name}" has ${found.length} loads in service with annualEnergyWh`,
    });
  }
  if (problems.length > 0) throw new InvalidInputError(problems);
  const meanWh = found.reduce((sum, customer) => sum + customer.annualEnergyWh, 0) / found.length;
  const scale = annualEnergy === undefined ? 1 : annualEnergy / meanWh;
  return found.map((customer) => ({ ...customer, annualEnergyWh: customer.annualEnergyWh * scale }));
}

/** var per W of an inductive load of this power factor. */
function reactivePerActive(powerFactor: number): number {
  return Math.sqrt(1 - powerFactor * powerFactor) / powerFactor;
}

function createH0Source({ grid, profiles, seed, air }: SourceOptions, customers: readonly Customer[]): Source {
  const phases = phaseCount(grid);
  const variation = profiles.load?.variation ?? 1;
  const tangent = reactivePerActive(profiles.load?.powerFactor ?? DEFAULT_POWER_FACTOR);
  const h0 = createH0();
  const driven = customers.map((customer) => ({
    ...customer,
    household: createHouseholdOf(customer, variation, seed),
  }));
  const constant = createDocumentSource(grid.loads, grid, '');
  return {
    fill(timeUs, fromUs, out) {
      constant.fill(timeUs, fromUs, out);
      const profileW = h0.mean(fromUs, timeUs) * air.loadFactor(fromUs, timeUs);
      for (const { household, offset } of driven) {
        writePhases(household.at(timeUs, profileW), phases, tangent, out, offset);
      }
    },
    files: [],
    assumption: `loads: ${describeHouseholds(variation)}; on the clocks of Europe/Berlin, nationwide holidays`,
  };
}

const DEFAULT_POWER_FACTOR = 0.95;

function createHouseholdOf({ load, annualEnergyWh }: Customer, variation: number, seed: string) {
  const single = phaseShares(load.connection, 3).indexOf(1);
  const onlyPhase = ([0, 1, 2] as const).find((phase) => phase === single);
  return createHousehold({ id: load.id, annualEnergyWh, variation, seed, onlyPhase });
}

/** Per-phase active power as it stands, or a third of the sum in a positive-sequence grid, with its reactive power. */
function writePhases(activeW: Float64Array, phases: 1 | 3, tangent: number, out: Float64Array, offset: number): void {
  const [a = 0, b = 0, c = 0] = activeW;
  if (phases === 1) {
    out[offset] = (a + b + c) / 3;
    out[offset + 1] = ((a + b + c) / 3) * tangent;
    return;
  }
  for (let phase = 0; phase < 3; phase += 1) {
    const active = activeW[phase] ?? 0;
    out[offset + 2 * phase] = active;
    out[offset + 2 * phase + 1] = active * tangent;
  }
}

/** A site total from a file, shared by annual energy, on the phases of each household's wiring; the sum is preserved. */
function createLoadCsvSource(options: ProfileOptions, customers: readonly Customer[]): Source {
  const { grid, profiles, seed } = options;
  const series = readCovering(options, 'load');
  const phases = phaseCount(grid);
  const tangent = reactivePerActive(profiles.load?.powerFactor ?? DEFAULT_POWER_FACTOR);
  const wiring = customers.map((customer) => createHouseholdOf(customer, 0, seed).phaseShares);
  const shares = sharesBy(customers.map(({ annualEnergyWh }) => annualEnergyWh));
  const constant = createDocumentSource(grid.loads, grid, '');
  const power = new Float64Array(3);
  return {
    fill(timeUs, fromUs, out) {
      constant.fill(timeUs, fromUs, out);
      const totalW = meanOfSeries(series, fromUs, timeUs);
      customers.forEach(({ offset }, i) => {
        const ownW = (shares[i] ?? 0) * totalW;
        const [a = 0, b = 0] = wiring[i] ?? [];
        power[0] = a * ownW;
        power[1] = b * ownW;
        power[2] = ownW - power[0] - power[1];
        writePhases(power, phases, tangent, out, offset);
      });
    },
    files: [series.file],
    assumption: `loads: site total from ${profiles.load?.csv?.file}, shared by annual energy${describeFilled(series)}`,
  };
}

/** Shares of a total by weight; they add up to 1. */
function sharesBy(weights: readonly number[]): readonly number[] {
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weights.map((weight) => weight / sum);
}

function createGenerationSource(options: SourceOptions): Source {
  const { grid } = options;
  const kind = generationKindOf(options);
  if (kind === 'grid') {
    return createDocumentSource(grid.generators, grid, 'generators: the constant powers of the grid document');
  }
  if (kind === 'none') {
    const idle = grid.generators.map((generator) => (isPv(generator) ? { ...generator, inService: false } : generator));
    return createDocumentSource(idle, grid, 'PV: none');
  }
  const systems = createSystems(options);
  return kind === 'sun' ? createSunSource(options, systems) : createPvCsvSource(options, systems);
}

/** A PV system in service, its peak scaled so that the site has the scenario's capacity. */
interface System {
  readonly generator: GridGenerator;
  readonly offset: number;
  readonly shares: readonly number[];
  readonly peakPowerW: number;
}

function createSystems({ grid, profiles }: Setting): System[] {
  const phases = phaseCount(grid);
  const problems: Problem[] = [];
  const systems = grid.generators.flatMap((generator, i) => {
    if (generator.kind !== 'pv' || !generator.inService) return [];
    if (generator.ratedPowerW === undefined) {
      problems.push({
        path: 'grid',
        message: `PV system "${generator.id}" of grid "${grid.name}" has no rated power to scale with`,
      });
      return [];
    }
    const shares = phaseShares(generator.connection, phases);
    return [{ generator, offset: 2 * phases * i, shares, peakPowerW: generator.ratedPowerW }];
  });
  if (profiles.pv?.kind !== 'csv' && grid.location === undefined) {
    problems.push({
      path: 'profiles.pv.kind',
      message: `grid "${grid.name}" has no location, so nobody knows where its sun stands`,
      hint: 'add location: { latitudeDeg, longitudeDeg } to the grid document, or write kind: none',
    });
  }
  if (problems.length > 0) throw new InvalidInputError(problems);
  const sumW = systems.reduce((sum, { peakPowerW }) => sum + peakPowerW, 0);
  const scale = profiles.pv?.capacity === undefined ? 1 : profiles.pv.capacity / sumW;
  return systems.map((system) => ({ ...system, peakPowerW: system.peakPowerW * scale }));
}

/** Roofs of unknown make: 30 degrees, facing south. */
const DEFAULT_TILT_DEG = 30;
const DEFAULT_AZIMUTH_DEG = 180;

function createSunSource({ grid, profiles, seed, air }: SourceOptions, systems: readonly System[]): Source {
  const clouds = profiles.pv?.clouds ?? 'fair';
  const { latitudeDeg, longitudeDeg } = grid.location ?? { latitudeDeg: 0, longitudeDeg: 0 };
  const plant = createPvPlant({
    systems: systems.map(({ generator, peakPowerW }) => ({
      id: generator.id,
      peakPowerW,
      tiltDeg: generator.tiltDeg ?? DEFAULT_TILT_DEG,
      azimuthDeg: generator.azimuthDeg ?? DEFAULT_AZIMUTH_DEG,
    })),
    latitudeDeg,
    longitudeDeg,
    clouds,
    air,
    seed,
  });
  const constant = createDocumentSource(grid.generators, grid, '');
  return {
    fill(timeUs, fromUs, out) {
      constant.fill(timeUs, fromUs, out);
      const power = plant.at(timeUs, fromUs);
      systems.forEach((system, i) => writeSystem(system, power[i] ?? 0, out));
    },
    files: [],
    assumption:
      `PV: ESRA clear sky (Linke turbidity 3.5), PVWatts losses of 17.4 % and -0.4 %/K, ${clouds} clouds with a mean ` +
      `clear-sky index of ${meanClearSkyIndex(clouds).toFixed(2)}; unity power factor` +
      (air.assumption === undefined ? '; climatic mean air temperature' : ''),
  };
}

function createPvCsvSource(options: ProfileOptions, systems: readonly System[]): Source {
  const { grid, profiles } = options;
  const series = readCovering(options, 'pv');
  const shares = sharesBy(systems.map(({ peakPowerW }) => peakPowerW));
  const constant = createDocumentSource(grid.generators, grid, '');
  return {
    fill(timeUs, fromUs, out) {
      constant.fill(timeUs, fromUs, out);
      const totalW = meanOfSeries(series, fromUs, timeUs);
      systems.forEach((system, i) => writeSystem(system, (shares[i] ?? 0) * totalW, out));
    },
    files: [series.file],
    assumption: `PV: site total from ${profiles.pv?.csv?.file}, shared by capacity${describeFilled(series)}`,
  };
}

/** Unity power factor on the system's own phases. */
function writeSystem({ shares, offset }: System, activeW: number, out: Float64Array): void {
  for (let phase = 0; phase < shares.length; phase += 1) {
    out[offset + 2 * phase] = (shares[phase] ?? 0) * activeW;
    out[offset + 2 * phase + 1] = 0;
  }
}

function readCovering({ profiles, clock, directory }: ProfileOptions, kind: 'load' | 'pv'): Series {
  const csv = profiles[kind]?.csv;
  if (csv === undefined) {
    const hint = `add csv: { file: ..., ${kind}: <column> }`;
    throw new InvalidInputError([{ path: `profiles.${kind}.csv`, message: 'is missing but kind is csv', hint }]);
  }
  return covering(readCsvSeries({ csv, kind, directory }), csv.file, clock);
}

function describeFilled({ filled }: Series): string {
  return filled === 0 ? '' : `, ${filled} missing intervals filled`;
}
