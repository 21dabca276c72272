/** Everything of a run that can be made ready before a socket is opened or a file written: the world, the devices, the plan. */
import { compileGrid } from '../../grids/compile.ts';
import { collectFaults, InvalidInputError, type Problem } from '../../grids/problem.ts';
import { type BridgeTraffic, bridgeTrafficSchema } from '../../platform/bridge/config.ts';
import { parseInstant } from '../../platform/contract/time.ts';
import type { ServiceName } from '../../platform/service/registry.ts';
import { type AccessLayerAccounts, accessLayerAccounts } from '../access-layer/accounts.ts';
import { createLedger, type Ledger as BlockLedger } from '../access-layer/ledger.ts';
import { createLightNode, type LightNode } from '../access-layer/light-node.ts';
import { createDevices, type DevicePark } from '../devices/create-device.ts';
import { deviceConditions } from '../faults/device-faults.ts';
import { createFaultInjector, type FaultInjector } from '../faults/injector.ts';
import { createFrequency } from '../physics/frequency.ts';
import { createWorld, type World } from '../physics/world.ts';
import { createProfiles, type Profiles } from '../profiles/profiles.ts';
import { inspectScenario, type LoadedScenario } from '../scenario/load.ts';
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

/** Throws InvalidInputError with the faults of scenario, grid, profiles, devices and options; writes nothing. */
export async function prepareRun(options: RunOptions): Promise<Preparation> {
  const { scenarioFile, set, seed, pace } = options;
  const problems: Problem[] = [];
  const places = collectFaults(problems, () => placesOf(options));
  const { loaded, problems: ofScenario } = await inspectScenario(scenarioFile, { set, seed, pace });
  problems.push(...ofScenario);
  if (loaded !== undefined && places !== undefined && problems.length === 0) {
    return await inItsPlace(loaded, async () => await prepare(loaded, options, places));
  }
  // Whoever has to mend something wants to hear of the services in the same go.
  const ofServices = loaded === undefined ? [] : await faultsOfServices(loaded, options, places);
  throw new InvalidInputError([...problems, ...ofServices]);
}

/** What speaks against the services of a scenario that is faulty itself. */
async function faultsOfServices(
  loaded: LoadedScenario,
  options: RunOptions,
  places: Places | undefined,
): Promise<readonly Problem[]> {
  const problems: Problem[] = [];
  const facts = { loaded, roads: roadsOf(loaded), keys: {}, seriesDirectory: 'series' };
  await planServices(options, places ?? { databus: 'embedded', bal: 'embedded' }, facts).catch((error: unknown) => {
    if (!(error instanceof InvalidInputError)) throw error;
    problems.push(...error.problems);
  });
  // Files of profiles are told of with the scenario.
  return loaded.locate(problems.filter(({ file }) => file === undefined || file.startsWith('--')));
}

function roadsOf({ devices }: LoadedScenario): readonly Road[] {
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

/** In memory both brokers are, unless one is named. */
function placesOf({ databus = 'embedded', bal }: RunOptions): Places {
  const place = (option: string, value: string) => {
    if (/^mqtts?:\/\/[^/]*@/.test(value)) {
      const message = 'user name and password do not belong in a URL, which is recorded: use --credentials FILE';
      throw new InvalidInputError([{ file: option, path: '', message }]);
    }
    const port = /^embedded:(\d+)$/.exec(value)?.[1];
    if (port !== undefined && Number(port) > 65_535) {
      const message = `${port} is no port: write a number from 0 to 65535, or leave it out to get a free one`;
      throw new InvalidInputError([{ file: option, path: '', message }]);
    }
    if (port !== undefined || /^(memory|embedded|mqtts?:\/\/.+)$/.test(value)) return value;
    const message = `${value} is no broker: write embedded, embedded:PORT, memory, or mqtt://host:port`;
    throw new InvalidInputError([{ file: option, path: '', message }]);
  };
  const where = place('--databus', databus);
  const accessLayer = place('--bal', bal ?? (where === 'memory' ? 'memory' : 'embedded'));
  if (where === accessLayer && where.includes('://')) {
    const message = `${where} is the databus already: access layer and databus are two brokers with a bridge between them`;
    throw new InvalidInputError([{ file: '--bal', path: '', message }]);
  }
  return { databus: where, bal: accessLayer };
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
function usualMode(name: ServiceName, { scenario }: LoadedScenario, { databus }: Places): ServiceMode {
  const byTheClock = typeof paceOf(scenario.pace).pace === 'number';
  const reachable = databus !== 'memory';
  return name === 'state-estimation' && byTheClock && reachable ? 'process' : 'in-process';
}

async function planServices(options: RunOptions, places: Places, facts: ServiceFacts): Promise<readonly ServicePlan[]> {
  const names = servicesOf(facts.loaded);
  const { tickless } = facts.loaded.scenario;
  const problems = [
    ...faultsOfNames(options, facts.loaded),
    ...faultsOfReach(options, places),
    ...faultsOfBridge(facts.loaded, places),
  ];
  const plans: ServicePlan[] = [];
  for (const name of names) {
    try {
      const config = await serviceConfig(name, facts);
      const mode = options.service[name] ?? usualMode(name, facts.loaded, places);
      plans.push({ name, mode, config, ...(tickless[name] !== undefined && { tickless: tickless[name] }) });
    } catch (error) {
      if (!(error instanceof InvalidInputError)) throw error;
      problems.push(...error.problems);
    }
  }
  // Who waits for whom can be told of all services only.
  if (plans.length === names.length) problems.push(...(await faultsOfWaiting(plans)));
  if (problems.length > 0) throw new InvalidInputError(problems);
  return plans;
}

/** Services that are named somewhere and do not take part. */
function faultsOfNames({ service }: RunOptions, loaded: LoadedScenario): Problem[] {
  const names: readonly string[] = servicesOf(loaded);
  const strange = Object.keys(service).filter((name) => name !== 'bridge' && !names.includes(name));
  const tickless = Object.keys(loaded.scenario.tickless).filter((name) => !names.includes(name));
  const hint = `its services are ${names.join(', ')}`;
  return [
    ...strange.map((name) => ({
      file: '--service',
      path: '',
      message: `the scenario has no ${name}`,
      hint: `its services are ${['bridge', ...names].join(', ')}`,
    })),
    ...tickless.map((name) => ({ path: `tickless.${name}`, message: 'is no service of the scenario', hint })),
  ];
}

/** Without a bridge nothing comes from the access layer. Between two brokers by URL there may be one of somebody else's. */
function faultsOfBridge(loaded: LoadedScenario, { databus, bal }: Places): readonly Problem[] {
  const elsewhere = databus.includes('://') && bal.includes('://');
  const behind = loaded.devices.find(({ route }) => route === 'bal');
  const hasServices = servicesOf(loaded).length > 0;
  if (loaded.serviceOptions['bridge'] !== undefined || elsewhere || behind === undefined || !hasServices) return [];
  const message = `has no bridge, so what ${behind.id} publishes at the access layer reaches no service`;
  return [
    { path: 'platform', message, hint: 'add bridge: {}, or let devices pass the access layer by (route: direct)' },
  ];
}

/** A service elsewhere has to reach the databus, the bridge the access layer as well. */
function faultsOfReach(options: RunOptions, { databus, bal }: Places): readonly Problem[] {
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
