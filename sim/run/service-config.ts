/**
 * From a scenario to the configuration of each service: what the harness knows (site, grid copy, roads, upstreams, what
 * stands where), overlaid with what the scenario says, then checked by the service's own schema.
 */
import { bySchema } from '../../grids/by-schema.ts';
import { collectFaults, InvalidInputError, type Problem } from '../../grids/problem.ts';
import type { GridDocument } from '../../grids/schema.ts';
import type { KeyRegister } from '../../platform/contract/certification.ts';
import { formatInstant, parseInstant } from '../../platform/contract/time.ts';
import type { UseCaseWish } from '../../platform/contract/trigger.ts';
import { loadService, type ServiceName, serviceNames } from '../../platform/service/registry.ts';
import { readCsvSeries, type Series } from '../profiles/csv.ts';
import type { ExpandedDevice } from '../scenario/expand-devices.ts';
import type { ScenarioOutline } from '../scenario/load.ts';
import type { Road } from './device-side.ts';
import { nameInScenario } from './service-order.ts';

export interface ServiceFacts {
  readonly loaded: ScenarioOutline;
  readonly roads: readonly Road[];
  /** The access layer's register of public keys. */
  readonly keys: KeyRegister;
  /** Folder for the historian's tables. */
  readonly seriesDirectory: string;
}

/** The services that take part, in an order in which upstreams come first. */
export function servicesOf({ serviceOptions }: ScenarioOutline): readonly ServiceName[] {
  return serviceNames.filter((name) => Object.hasOwn(serviceOptions, name));
}

export interface ServiceConfig {
  /** Checked; undefined where it is not known. With problems only what stands in for what is missing makes it whole. */
  readonly config: unknown;
  readonly problems: readonly Problem[];
}

/** The configuration of a service with its faults, but for those that only follow from others of the scenario. */
export async function serviceConfig(name: ServiceName, facts: ServiceFacts): Promise<ServiceConfig> {
  const { loaded } = facts;
  const said = loaded.serviceOptions[name];
  if (said === undefined) return { config: undefined, problems: [] };
  const under = ['platform', nameInScenario(name)];
  const { configSchema } = await loadService(name);
  const problems: Problem[] = [];
  const written = collectFaults(problems, () => overlay(harnessKnows[name](facts), said));
  const config = written && collectFaults(problems, () => bySchema(configSchema, written, { under }));
  const standIns = problems.flatMap(({ path }): [string, unknown][] => {
    const standIn = origins[path]?.standIn;
    return standIn === undefined ? [] : [[path.split('.').at(-1) ?? '', standIn]];
  });
  return {
    config: config ?? configSchema.safeParse({ ...written, ...Object.fromEntries(standIns) }).data,
    problems: problems.flatMap((problem) => {
      const origin = originOf(problem);
      if (origin?.isDoubtful(loaded) === true) return [];
      return [origin?.hint === undefined ? problem : { hint: origin.hint, ...problem }];
    }),
  };
}

/** Where the harness takes from what a service has to be told. */
interface Origin {
  /** Whether faults there are known, of which those of the service only follow. */
  readonly isDoubtful: (outline: ScenarioOutline) => boolean;
  /** For those who left it out. */
  readonly hint?: string;
  /** Stands for what is left out when all else of the service is looked at. */
  readonly standIn?: object;
}

const batteries: Origin = {
  isDoubtful: (outline) => !outline.hasAllDevices || hasDoubtful(outline, 'bess', []),
};

const series: Origin = {
  isDoubtful: ({ isDoubtful }) => ['csv', 'load', 'pv'].some((key) => isDoubtful(['profiles', key])),
};

const origins: Readonly<Record<string, Origin>> = {
  'platform.balancer': batteries,
  'platform.balancer.battery': {
    ...batteries,
    hint: 'add a device of kind bess',
    standIn: { device: 'unknown', ratedPowerW: 1, capacityWh: 1 },
  },
  'platform.balancer.breaker': {
    isDoubtful: (outline) => !outline.hasAllDevices || hasDoubtful(outline, 'pmu', ['at']),
    hint: 'add a pmu at branch:<transformer>:from or :to, which measures the exchange',
    standIn: { device: 'unknown', component: 'unknown', importSign: 1 },
  },
  'platform.forecasting': series,
  'platform.forecasting.location': {
    ...series,
    hint: 'add a location to the grid document',
    standIn: { latitudeDeg: 0, longitudeDeg: 0 },
  },
};

function originOf({ path }: Problem): Origin | undefined {
  return origins[path] ?? origins[path.split('.').slice(0, 2).join('.')];
}

function hasDoubtful({ devices, isDoubtful }: ScenarioOutline, kind: string, below: readonly string[]): boolean {
  return devices.some((device) => device.kind === kind && isDoubtful(['devices', device.entry, ...below]));
}

type Config = Readonly<Record<string, unknown>>;

const harnessKnows: Readonly<Record<ServiceName, (facts: ServiceFacts) => Config>> = {
  'certificate-check': ({ loaded, keys, roads }) => ({
    site: loaded.scenario.site,
    keys,
    direct: roads.includes('direct'),
  }),
  'power-calculation': ({ loaded }) => ({
    site: loaded.scenario.site,
    routes: routesOf(loaded.devices.filter(({ kind }) => kind === 'pmu')),
    balanced: loaded.platformGrid.representation === 'positive-sequence',
  }),
  forecasting: forecastingConfig,
  'state-estimation': ({ loaded, roads }) => ({
    site: loaded.scenario.site,
    grid: loaded.platformGrid,
    startUs: startUs(loaded),
    routes: roads,
    useForecast: servicesOf(loaded).includes('forecasting'),
    meters: loaded.devices.flatMap(meterOf),
  }),
  balancer: balancerConfig,
  historian: ({ loaded, roads, seriesDirectory }) => ({
    site: loaded.scenario.site,
    directory: seriesDirectory,
    streams: roads,
    upstreams: servicesOf(loaded).filter((name) => name !== 'historian'),
  }),
};

/** The model of profile and sun from the platform's copy of the grid; a day from a file is its own perfect forecast. */
function forecastingConfig({ loaded }: ServiceFacts): Config {
  const { scenario, platformGrid } = loaded;
  const { load, pv } = scenario.profiles;
  const common = {
    site: scenario.site,
    customers: platformGrid.loads.flatMap(({ id, annualEnergyWh }) =>
      annualEnergyWh === undefined ? [] : [{ id, annualEnergyWh, powerFactor: load?.powerFactor ?? 0.95 }],
    ),
    pvSystems: platformGrid.generators.flatMap(({ id, ratedPowerW, tiltDeg = 30, azimuthDeg = 180 }) =>
      ratedPowerW === undefined ? [] : [{ id, peakPowerW: ratedPowerW, tiltDeg, azimuthDeg }],
    ),
  };
  const asksForModel = loaded.serviceOptions['forecasting']?.['source'] === 'model';
  if (asksForModel || load?.csv === undefined || pv?.csv === undefined) {
    const meters = loaded.devices.flatMap((device) => connectionOf(device, platformGrid));
    return { source: 'model', ...common, meters, location: platformGrid.location, ...temperatureOf(loaded) };
  }
  const loadSeries = readCsvSeries({ csv: load.csv, kind: 'load', directory: '.' });
  const pvSeries = readCsvSeries({ csv: pv.csv, kind: 'pv', directory: '.' });
  return { source: 'series', ...common, ...seriesConfig(loadSeries, pvSeries) };
}

/** The weather station to listen to, and what the grid operator knows of its customers' heating. */
function temperatureOf({ devices, scenario }: ScenarioOutline): Config {
  const station = devices.find(({ kind }) => kind === 'weather-station')?.id;
  if (station === undefined) return {};
  const { loadPerKelvin = 0, heatingLimit: heatingLimitC } = scenario.profiles.temperature ?? {};
  return { temperature: { station, loadPerKelvin, ...(heatingLimitC !== undefined && { heatingLimitC }) } };
}

/** What is behind a meter by the platform's papers. Behind one with a battery nobody can tell house from battery. */
function connectionOf(device: ExpandedDevice, grid: GridDocument): Config[] {
  if (device.kind !== 'smart-meter' || device.route !== 'bal') return [];
  const [what, id] = device.at.split(':');
  const idsAt = (elements: readonly { readonly id: string; readonly bus: string }[]) =>
    elements.filter(({ bus }) => bus === id).map((element) => element.id);
  if (what === 'load') return [{ device: device.id, customers: [id], pvSystems: [] }];
  if (what !== 'bus' || idsAt(grid.batteries).length > 0) return [];
  return [{ device: device.id, customers: idsAt(grid.loads), pvSystems: idsAt(grid.generators) }];
}

function seriesConfig(load: Series, generation: Series): Config {
  if (load.startUs !== generation.startUs || load.stepUs !== generation.stepUs) {
    const message = 'load and pv do not share their time steps, which a forecast from files needs';
    throw new InvalidInputError([{ path: 'platform.forecasting', message, hint: 'say source: model' }]);
  }
  return {
    start: formatInstant(load.startUs),
    seriesStepUs: load.stepUs,
    loadW: [...load.values],
    generationW: [...generation.values],
    everyUs: load.stepUs,
    stepUs: load.stepUs,
  };
}

/** Classes as the devices' nameplates state them; a device without errors of its own still has those of its class on paper. */
function meterOf(device: ExpandedDevice): Config[] {
  if (device.kind === 'smart-meter') {
    return [{ device: device.id, kind: device.kind, at: device.at, accuracyClass: device.accuracyClass }];
  }
  if (device.kind !== 'pmu') return [];
  const { id, kind, at, voltageTransformerClass, currentTransformerClass } = device;
  return [{ device: id, kind, at, voltageTransformerClass, currentTransformerClass }];
}

/**
 * The batteries' nameplates, and the breaker: the PMU at a transformer. The first battery is the community's, the others
 * are the households'. Plans are made where something needs them and there is a forecast to make them from.
 */
function balancerConfig({ loaded, roads }: ServiceFacts): Config {
  const { scenario, devices, platformGrid, serviceOptions } = loaded;
  const [battery, ...households] = devices.filter((device) => device.kind === 'bess');
  const breaker = devices.find(({ kind, at }) => kind === 'pmu' && at.startsWith('branch:')) ?? undefined;
  const side = breaker?.at.split(':')[2];
  const begin = serviceOptions['balancer']?.['begin'] as UseCaseWish | undefined;
  const others = scenario.events.some((event) => 'useCase' in event) || (begin !== undefined && begin.useCase !== 1);
  const plans = servicesOf(loaded).includes('forecasting') && (others || households.length > 0);
  return {
    site: scenario.site,
    mode: 'near-real-time',
    streams: roads,
    everyUs: battery?.every ?? scenario.clock.step,
    ...(battery !== undefined && { battery: nameplateOf(battery, platformGrid) }),
    ...(breaker !== undefined && {
      breaker: { device: breaker.id, component: breaker.at, importSign: side === 'to' ? -1 : 1 },
    }),
    planning: plans ? 'optimisation' : 'none',
    households: households.map((household) => nameplateOf(household, platformGrid)),
    ...(households[0]?.every !== undefined && { householdEveryUs: households[0].every }),
  };
}

function nameplateOf(battery: Extract<ExpandedDevice, { kind: 'bess' }>, grid: GridDocument): Config {
  const inGrid = grid.batteries.find(({ id }) => id === battery.id);
  const { socMin, socMax, chargeEfficiency, dischargeEfficiency, mayDischarge, rampTime } = battery;
  const ratedPowerW = battery.power ?? inGrid?.ratedPowerW;
  const rampWPerS = rampTime === undefined || rampTime === 0 ? undefined : (1e6 * ratedPowerW) / rampTime;
  const stated = { socMin, socMax, chargeEfficiency, dischargeEfficiency, mayDischarge, rampWPerS };
  return {
    device: battery.id,
    ratedPowerW,
    capacityWh: battery.energy ?? inGrid?.capacityWh,
    ...Object.fromEntries(Object.entries(stated).filter(([, value]) => value !== undefined)),
  };
}

function routesOf(devices: readonly ExpandedDevice[]): readonly Road[] {
  const routes = [...new Set(devices.map(({ route }) => route))].sort();
  return routes.length === 0 ? ['bal'] : routes;
}

function startUs({ scenario }: ScenarioOutline): number {
  return parseInstant(scenario.clock.start);
}

/** What the scenario says goes over what the harness knows; objects are merged, everything else is replaced. */
function overlay(known: Config, said: Config): Config {
  const merged: Record<string, unknown> = { ...known };
  for (const [key, value] of Object.entries(said)) {
    const before = merged[key];
    merged[key] = isObject(before) && isObject(value) ? overlay(before, value) : value;
  }
  // Another mode of the balancer has no breaker and no use cases, a forecast from the model no series: what does not
  // apply is dropped.
  if (merged['mode'] === 'schedule') {
    for (const key of ['breaker', 'planning', 'households', 'householdEveryUs']) delete merged[key];
  }
  return merged;
}

function isObject(value: unknown): value is Config {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
