/** Everything of a run that can be made ready before a socket is opened or a file written: the world, the devices, the plan. */
import { compileGrid } from '../../grids/compile.ts';
import { inFileOrder, InvalidInputError, type Problem } from '../../grids/problem.ts';
import { type BridgeTraffic, bridgeTrafficSchema } from '../../platform/bridge/config.ts';
import { parseInstant } from '../../platform/contract/time.ts';
import { didYouMean } from '../../numerics/edit-distance.ts';
import { type ServiceName, serviceNames } from '../../platform/service/registry.ts';
import { type AccessLayerAccounts, accessLayerAccounts } from '../access-layer/accounts.ts';
import { createLedger, type Ledger as BlockLedger } from '../access-layer/ledger.ts';
import { createLightNode, type LightNode } from '../access-layer/light-node.ts';
import { createDevices, type DevicePark } from '../devices/create-device.ts';
import { deviceConditions } from '../faults/device-faults.ts';
import { createFaultInjector, type FaultInjector } from '../faults/injector.ts';
import { createFrequency } from '../physics/frequency.ts';
import { createWorld, type World } from '../physics/world.ts';
import { createProfiles, type Profiles } from '../profiles/profiles.ts';
import { inspectScenario, type LoadedScenario, type ScenarioOutline } from '../scenario/load.ts';
import type { Pace, Schedule } from './conductor.ts';
import type { Road } from './device-side.ts';
import type { RunOptions, ServiceMode } from './options.ts';
import type { RecorderOptions } from './recorder.ts';
import { type ServiceFacts, serviceConfig, servicesOf } from './service-config.ts';
import { faultsOfWaiting } from './service-order.ts';
import type { ServicePlan } from './services.ts';
import { bridgeTopics } from './stage.ts';

export interface Preparation {
  readonly loaded: LoadedScenario;
  readonly schedule: Schedule;
  readonly pace: Pace;
  readonly class: 'exact' | 'paced' | 'realtime';
  readonly roads: readonly Road[];
  readonly world: World;
  readonly park: DevicePark;
  readonly profiles: Profiles;
  readonly injector: FaultInjector;
  readonly recording: RecorderOptions;
  readonly accounts: AccessLayerAccounts;
  /** By device id, for those that publish through the access layer. */
  readonly lightNodes: ReadonlyMap<string, LightNode>;
  /** Every signed block of the run. */
  readonly blockLedger: BlockLedger;
  readonly databus: string;
  readonly bal: string;
  readonly bridge: ({ readonly mode: ServiceMode } & BridgeTraffic) | undefined;
  services(seriesDirectory: string): Promise<readonly ServicePlan[]>;
}

/** Throws InvalidInputError with the faults of scenario, grid, profiles, devices, services and options; writes nothing. */
export async function prepareRun(options: RunOptions): Promise<Preparation> {
  const { scenarioFile, set, seed, pace } = options;
  const { places, problems: ofPlaces } = placesOf(options);
  const { loaded, outline, problems: ofScenario } = await inspectScenario(scenarioFile, { set, seed, pace });
  const ofServices = outline === undefined ? [] : await faultsOfServices(outline, places);
  const ofOptions = [...ofPlaces, ...faultsOfNames(options, outline), ...faultsOfReach(options, places)];
  const problems = inFileOrder([...ofOptions, ...ofScenario, ...ofServices]);
  const { databus, bal } = places;
  if (loaded === undefined || databus === undefined || bal === undefined || problems.length > 0) {
    throw new InvalidInputError(problems);
  }
  return await inItsPlace(loaded, async () => await prepare(loaded, options, { databus, bal }));
}

/** What speaks against the services of a scenario, which may be faulty itself. */
async function faultsOfServices(outline: ScenarioOutline, places: Partial<Places>): Promise<readonly Problem[]> {
  const facts = { loaded: outline, roads: roadsOf(outline), keys: {}, seriesDirectory: 'series' };
  const { problems } = await configureServices(facts);
  // Files of profiles are told of with the scenario.
  const own = problems.filter(({ file }) => file === undefined);
  return outline.locate([...faultsOfTickless(outline), ...faultsOfBridge(outline, places), ...own]);
}

function roadsOf({ devices }: ScenarioOutline): readonly Road[] {
  return devices.some(({ route }) => route === 'direct') ? ['bal', 'direct'] : ['bal'];
}

/** Gives the faults that devices, profiles and services find in the scenario the place where they were written. */
async function inItsPlace<Result>(loaded: LoadedScenario, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof InvalidInputError ? new InvalidInputError(loaded.locate(error.problems)) : error;
  }
}

async function prepare(loaded: LoadedScenario, options: RunOptions, places: Places): Promise<Preparation> {
  const { scenario } = loaded;
  const schedule = scheduleOf(loaded);
  const grid = compileGrid(loaded.grid);
  const profiles = createProfiles({
    grid: loaded.grid,
    profiles: scenario.profiles,
    seed: scenario.seed,
    clock: scenario.clock,
    directory: '.',
  });
  const park = createDevices({
    devices: loaded.devices,
    grid,
    seed: scenario.seed,
    clock: schedule,
    air: profiles.air,
    conditions: deviceConditions(scenario.events, scenario.clock.start),
  });
  const roads = roadsOf(loaded);
  const { startUs } = schedule;
  const frequency = createFrequency({
    seed: scenario.seed,
    startUs,
    sigmaHz: scenario.profiles.frequency?.sigma ?? 0.02,
    nominalHz: loaded.grid.frequencyHz,
  });
  const certifying = park.devices.filter(({ route }) => route === 'bal');
  const blockLedger = createLedger();
  const { seed: runSeed, site } = scenario;
  const lightNodes = new Map(
    certifying.map(({ id, kind }) => [
      id,
      createLightNode({ seed: runSeed, site, kind, device: id, ledger: blockLedger }),
    ]),
  );
  const chosen = paceOf(scenario.pace);
  const facts: Omit<ServiceFacts, 'seriesDirectory'> = {
    loaded,
    roads,
    keys: Object.fromEntries([...lightNodes.values()].map(({ keyId, registration }) => [keyId, registration])),
  };
  return {
    loaded,
    schedule,
    ...chosen,
    roads,
    world: createWorld({ grid, profiles, frequency, batteries: park.batteries }),
    park,
    profiles,
    injector: createFaultInjector({
      events: scenario.events,
      seed: runSeed,
      start: scenario.clock.start,
      nominalHz: loaded.grid.frequencyHz,
    }),
    recording: { grid, startUs, intervalUs: recordIntervalUs(loaded), park, air: profiles.air },
    accounts: accessLayerAccounts({ seed: runSeed, site, devices: certifying }),
    lightNodes,
    blockLedger,
    ...places,
    bridge: bridgeOf(loaded, options),
    services: (seriesDirectory) =>
      inItsPlace(loaded, () => planServices(options, places, { ...facts, seriesDirectory })),
  };
}

function scheduleOf({ scenario: { clock } }: LoadedScenario): Schedule {
  return {
    startUs: parseInstant(clock.start),
    stepUs: clock.step,
    // The start is an instant of its own.
    instants: clock.duration / clock.step + 1,
  };
}

function paceOf(pace: string): Pick<Preparation, 'pace' | 'class'> {
  if (pace === 'lockstep') return { pace, class: 'exact' };
  if (pace === 'quiet') return { pace, class: 'paced' };
  const factor = pace === 'realtime' ? 1 : Number(pace.slice(0, -1));
  return { pace: factor, class: factor === 1 ? 'realtime' : 'paced' };
}

type Places = Pick<Preparation, 'databus' | 'bal'>;

/** In memory both brokers are, unless one is named. What is no place, and what would follow from it, is left out. */
function placesOf({ databus: named = 'embedded', bal: namedBal }: RunOptions): {
  readonly places: Partial<Places>;
  readonly problems: readonly Problem[];
} {
  const problems: Problem[] = [];
  const place = (option: string, value: string): string | undefined => {
    const message = faultOfPlace(value);
    if (message !== undefined) problems.push({ file: option, path: '', message });
    return message === undefined ? value : undefined;
  };
  const databus = place('--databus', named);
  const usual = databus === 'memory' ? 'memory' : databus && 'embedded';
  const bal = namedBal === undefined ? usual : place('--bal', namedBal);
  if (databus !== undefined && databus === bal && databus.includes('://')) {
    const message = `${databus} is the databus already: access layer and databus are two brokers with a bridge between them`;
    problems.push({ file: '--bal', path: '', message });
  }
  return { places: { ...(databus !== undefined && { databus }), ...(bal !== undefined && { bal }) }, problems };
}

function faultOfPlace(value: string): string | undefined {
  if (/^mqtts?:\/\/[^/]*@/.test(value)) {
    return 'user name and password do not belong in a URL, which is recorded: use --credentials FILE';
  }
  const port = /^embedded:(\d+)$/.exec(value)?.[1];
  if (port !== undefined && Number(port) > 65_535) {
    return `${port} is no port: write a number from 0 to 65535, or leave it out to get a free one`;
  }
  if (port !== undefined || /^(memory|embedded|mqtts?:\/\/.+)$/.test(value)) return undefined;
  return `${value} is no broker: write embedded, embedded:PORT, memory, or mqtt://host:port`;
}

/** Interval over which the record pools bus voltages: that of the estimates, so that each finds its truth. */
function recordIntervalUs({ scenario, serviceOptions }: LoadedScenario): number {
  const estimated = serviceOptions['state-estimation']?.['everyUs'];
  return Math.max(scenario.clock.step, typeof estimated === 'number' ? estimated : 900_000_000);
}

function bridgeOf(loaded: LoadedScenario, options: RunOptions): Preparation['bridge'] {
  const { bridge } = loaded.serviceOptions;
  if (bridge === undefined) return undefined;
  const mode = options.service['bridge'] ?? 'in-process';
  return { mode, ...bridgeTrafficSchema.parse({ topics: bridgeTopics(['balancer']), ...bridge }) };
}

/**
 * In this process, but for one: an estimate takes longer than a frame at 50 frames/s, and by the wall clock the devices
 * do not wait for it.
 */
function usualMode(name: ServiceName, { scenario }: ScenarioOutline, { databus }: Places): ServiceMode {
  const byTheClock = typeof paceOf(scenario.pace).pace === 'number';
  const reachable = databus !== 'memory';
  return name === 'state-estimation' && byTheClock && reachable ? 'process' : 'in-process';
}

async function planServices(options: RunOptions, places: Places, facts: ServiceFacts): Promise<readonly ServicePlan[]> {
  const { configured, problems } = await configureServices(facts);
  if (problems.length > 0) throw new InvalidInputError(problems);
  const { tickless } = facts.loaded.scenario;
  return configured.map(({ name, config }) => ({
    name,
    mode: options.service[name] ?? usualMode(name, facts.loaded, places),
    config,
    ...(tickless[name] !== undefined && { tickless: tickless[name] }),
  }));
}

interface ConfiguredServices {
  /** Those whose configuration is known. */
  readonly configured: readonly Pick<ServicePlan, 'name' | 'config'>[];
  readonly problems: readonly Problem[];
}

async function configureServices(facts: ServiceFacts): Promise<ConfiguredServices> {
  const { loaded } = facts;
  const configured: { name: ServiceName; config: unknown }[] = [];
  const problems: Problem[] = [];
  for (const name of servicesOf(loaded)) {
    const { config, problems: found } = await serviceConfig(name, facts);
    if (config !== undefined) configured.push({ name, config });
    problems.push(...found);
  }
  const waiting = await faultsOfWaiting(configured, (name) => mayTakePart(name, loaded));
  return { configured, problems: [...problems, ...waiting] };
}

/** Services of the command line that do not take part. */
function faultsOfNames({ service }: RunOptions, outline: ScenarioOutline | undefined): Problem[] {
  const names = ['bridge', ...(outline === undefined ? serviceNames : servicesOf(outline))];
  return Object.keys(service).flatMap((name) =>
    name === 'bridge' || mayTakePart(name, outline)
      ? []
      : [{ file: '--service', path: '', message: `the scenario has no ${name}`, hint: nameHint(name, names) }],
  );
}

function faultsOfTickless(outline: ScenarioOutline): Problem[] {
  const names = servicesOf(outline);
  return Object.keys(outline.scenario.tickless).flatMap((name) =>
    mayTakePart(name, outline)
      ? []
      : [{ path: `tickless.${name}`, message: 'is no service of the scenario', hint: nameHint(name, names) }],
  );
}

/** Of a scenario that is not known, or not all of it, every service there is may be one. */
function mayTakePart(name: string, outline: ScenarioOutline | undefined): boolean {
  const names: readonly string[] = outline?.hasAllServices === true ? servicesOf(outline) : serviceNames;
  return names.includes(name);
}

function nameHint(name: string, known: readonly string[]): string {
  return didYouMean(name, known) ?? `its services are ${known.join(', ')}`;
}

/** Without a bridge nothing comes from the access layer. Between two brokers by URL there may be one of somebody else's. */
function faultsOfBridge(outline: ScenarioOutline, { databus, bal }: Partial<Places>): readonly Problem[] {
  const mayBeElsewhere = [databus, bal].every((place) => place === undefined || place.includes('://'));
  const behind = outline.devices.find(
    ({ route, entry }) => route === 'bal' && !outline.isDoubtful(['devices', entry, 'route']),
  );
  const hasBridge = Object.hasOwn(outline.serviceOptions, 'bridge') || !outline.hasAllServices;
  if (hasBridge || mayBeElsewhere || behind === undefined || servicesOf(outline).length === 0) return [];
  const message = `has no bridge, so what ${behind.id} publishes at the access layer reaches no service`;
  return [
    { path: 'platform', message, hint: 'add bridge: {}, or let devices pass the access layer by (route: direct)' },
  ];
}

/** A service elsewhere has to reach the databus, the bridge the access layer as well. */
function faultsOfReach(options: RunOptions, { databus, bal }: Partial<Places>): readonly Problem[] {
  return Object.entries(options.service).flatMap(([name, mode]) => {
    const brokers = name === 'bridge' ? { '--databus': databus, '--bal': bal } : { '--databus': databus };
    return Object.entries(brokers).flatMap(([option, where]): Problem[] => {
      const problem = (message: string, hint: string) => [
        { file: `--service ${name}=${mode}`, path: '', message, hint },
      ];
      if (mode !== 'in-process' && where === 'memory') {
        return problem(`${option} memory reaches only services in this process`, `use ${option} embedded, or a broker`);
      }
      if (mode === 'attach' && where === 'embedded') {
        const message = `nobody knows beforehand where ${option} embedded is`;
        return problem(message, `use ${option} embedded:PORT or the URL of a broker, and tell ${name}`);
      }
      return [];
    });
  });
}
