/**
 * What a run would consist of, found out without running it: devices and their rates, services in the order in which an
 * instant passes through them, traffic, and the bridge's rules.
 */
import { bySchema } from '../../grids/by-schema.ts';
import { InvalidInputError } from '../../grids/problem.ts';
import { bridgeConfigSchema, mosquittoConf } from '../../platform/bridge/config.ts';
import { topics } from '../../platform/contract/topics.ts';
import { topicMatches } from '../../platform/databus/topic-filter.ts';
import { loadService } from '../../platform/service/registry.ts';
import { bridgeAccount } from '../access-layer/accounts.ts';
import type { ExpandedDevice } from '../scenario/expand-devices.ts';
import type { Road } from './device-side.ts';
import type { RunOptions } from './options.ts';
import { type Preparation, prepareRun } from './prepare.ts';
import { orderServices } from './service-order.ts';

/** A household meter's interval where the scenario names none. */
const METER_INTERVAL_US = 900e6;

interface PlannedDevices {
  readonly kind: string;
  /** One of them. */
  readonly example: string;
  readonly count: number;
  readonly everyUs: number;
  readonly route: Road;
}

interface PlannedService {
  readonly name: string;
  readonly mode: string;
  /** Topic filters that it subscribes to. */
  readonly inputs: readonly string[];
  readonly streams: readonly string[];
  readonly upstreams: readonly string[];
}

/** Messages of one kind: the most in one instant, all of the run, and the ways that each of them goes. */
interface PlannedTraffic {
  readonly kind: string;
  readonly perInstant: number;
  readonly inRun: number;
  /** As in the audit, where a message counts once on each; none for ticks and progress, which the audit leaves out. */
  readonly hops: readonly string[];
}

export interface RunPlan {
  readonly name: string;
  readonly class: string;
  readonly seed: string;
  readonly stepUs: number;
  readonly instants: number;
  readonly devices: readonly PlannedDevices[];
  readonly roads: readonly Road[];
  /** Upstreams first. */
  readonly services: readonly PlannedService[];
  readonly traffic: readonly PlannedTraffic[];
  /** Lines as in mosquitto.conf; empty without a bridge. */
  readonly bridgeTopics: readonly string[];
  readonly databus: string;
  readonly bal: string;
  /** The bridge's account on an embedded access layer, which follows from the seed; somebody else's broker has its own. */
  readonly bridgeLogin: { readonly username: string; readonly password: string } | undefined;
}

/** Plans a run. Throws `InvalidInputError`, also when services wait for one another within an instant. */
export async function planScenario(options: RunOptions): Promise<RunPlan> {
  const preparation = await prepareRun(options);
  const { loaded, schedule, roads, bridge, databus, bal } = preparation;
  const devices = groupDevices(loaded.devices, schedule.stepUs);
  const services = await describeServices(preparation);
  const order = orderServices(services);
  if ('cycle' in order) throw new Error(`cycle not found before: ${order.cycle.join(' > ')}`);
  return {
    name: loaded.scenario.name,
    class: preparation.class,
    seed: loaded.scenario.seed,
    stepUs: schedule.stepUs,
    instants: schedule.instants,
    devices,
    roads,
    services: order.sorted,
    traffic: estimateTraffic({ devices, services, roads, schedule, site: loaded.scenario.site }),
    bridgeTopics: bridge?.topics ?? [],
    databus,
    bal,
    bridgeLogin: bal.startsWith('embedded') ? preparation.accounts.credentials(bridgeAccount) : undefined,
  };
}

/**
 * The bridge of a plan as a configuration for a real Mosquitto. Throws InvalidInputError where there is no bridge, or nobody
 * knows where its brokers are.
 */
export function planMosquittoConf({ name, bridgeTopics, bridgeLogin, databus, bal }: RunPlan): string {
  if (bridgeTopics.length === 0) {
    throw new InvalidInputError([{ path: 'platform.bridge', message: `"${name}" has no bridge to print` }]);
  }
  const local = { url: urlOf('--databus', databus) };
  const remote = { url: urlOf('--bal', bal), ...bridgeLogin };
  return mosquittoConf(bySchema(bridgeConfigSchema, { local, remote, topics: bridgeTopics }, {}));
}

function urlOf(option: string, place: string): string {
  if (place.includes('://')) return place;
  const port = place.split(':')[1];
  if (port !== undefined) return `mqtt://127.0.0.1:${port}`;
  const message = `a bridge between brokers has to know where ${place} is: write embedded:PORT or mqtt://host:port`;
  throw new InvalidInputError([{ file: option, path: '', message }]);
}

function groupDevices(devices: readonly ExpandedDevice[], stepUs: number): PlannedDevices[] {
  const groups = new Map<string, PlannedDevices>();
  for (const { kind, id, every, route, preset } of devices) {
    const everyUs = every ?? (kind === 'smart-meter' && preset === 'field' ? METER_INTERVAL_US : stepUs);
    const key = `${kind} ${everyUs} ${route}`;
    const { example, count } = groups.get(key) ?? { example: id, count: 0 };
    groups.set(key, { kind, example, everyUs, route, count: count + 1 });
  }
  return [...groups.values()];
}

interface ServiceWithRate extends PlannedService {
  readonly everyUs: number | undefined;
}

async function describeServices(preparation: Preparation): Promise<ServiceWithRate[]> {
  const plans = await preparation.services('series');
  return await Promise.all(
    plans.map(async ({ name, mode, config }) => {
      const definition = await loadService(name);
      const everyUs = (config as { readonly everyUs?: unknown }).everyUs;
      return {
        name,
        mode,
        inputs: definition.inputs(config),
        streams: definition.streams(config),
        upstreams: definition.upstreams(config),
        everyUs: typeof everyUs === 'number' ? everyUs : undefined,
      };
    }),
  );
}

/** What a service publishes at its own period, by its name, and to which topic. */
const outputs: Readonly<Record<string, { readonly kind: string; readonly topic: (site: string) => string }>> = {
  forecasting: { kind: 'forecast', topic: (site) => topics.forecast(site, 'forecasting') },
  'state-estimation': { kind: 'estimate', topic: (site) => topics.estimate(site, 'state-estimation') },
};

/** Stand for an interval, so that there is none yet at the first instant. */
const ofIntervals: readonly string[] = ['smart-meter', 'estimate'];

interface TrafficOptions {
  readonly devices: readonly PlannedDevices[];
  readonly services: readonly ServiceWithRate[];
  readonly roads: readonly Road[];
  readonly schedule: Preparation['schedule'];
  readonly site: string;
}

function estimateTraffic({ devices, services, roads, schedule, site }: TrafficOptions): PlannedTraffic[] {
  const { stepUs, instants } = schedule;
  const traffic = new Map<string, PlannedTraffic>();
  const add = (kind: string, count: number, everyUs: number, hops: readonly string[]) => {
    const known = traffic.get(kind) ?? { perInstant: 0, inRun: 0, hops };
    const times =
      Math.floor(((instants - 1) * stepUs) / Math.max(everyUs, stepUs)) + (ofIntervals.includes(kind) ? 0 : 1);
    traffic.set(kind, { ...known, kind, perInstant: known.perInstant + count, inRun: known.inRun + count * times });
  };
  const readersOf = (topic: string) =>
    services
      .filter(({ inputs }) => inputs.some((filter) => topicMatches(filter, topic)))
      .map(({ name }) => `dsotp>${name}`);
  const calculates = services.some(({ name }) => name === 'power-calculation');
  for (const { kind, example, count, everyUs, route } of devices) {
    const bridged = route === 'bal';
    const topic = bridged ? topics.bridgedMeasurement(site, kind, example) : topics.directPmu(site, example);
    const way = bridged ? ['device>bal', 'bal>dsotp'] : ['device>dsotp'];
    add(kind, count, everyUs, [...way, ...readersOf(topic)]);
    if (kind !== 'pmu' || !calculates) continue;
    add('power', count, everyUs, ['service>dsotp', ...readersOf(topics.power(site, example))]);
  }
  for (const { name, everyUs = stepUs } of services) {
    const output = outputs[name];
    if (output !== undefined) add(output.kind, 1, everyUs, ['service>dsotp', ...readersOf(output.topic(site))]);
  }
  if (services.some(({ name }) => name === 'balancer')) {
    for (const { example, count, everyUs } of devices.filter(({ kind }) => kind === 'bess')) {
      const readers = readersOf(topics.setpoint(site, example));
      add('setpoint', count, everyUs, ['service>dsotp', 'dsotp>bal', 'bal>device', ...readers]);
    }
  }
  add('tick', roads.length, stepUs, []);
  add('progress', services.length, stepUs, []);
  return [...traffic.values()];
}
