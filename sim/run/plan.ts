/**
 * What a run would consist of, found out without running it: devices and their rates, services in the order in which an
 * instant passes through them, traffic, and the bridge's rules.
 */
import { bridgeConfigSchema, mosquittoConf } from '../../platform/bridge/config.ts';
import { loadService } from '../../platform/service/registry.ts';
import { bridgeAccount } from '../access-layer/accounts.ts';
import type { ExpandedDevice } from '../scenario/expand-devices.ts';
import type { Road } from './device-side.ts';
import type { RunOptions } from './options.ts';
import { type Preparation, prepareRun } from './prepare.ts';
import { orderServices } from './service-order.ts';

const DAY_US = 86_400e6;
/** A household meter's interval where the scenario names none. */
const METER_INTERVAL_US = 900e6;

interface PlannedDevices {
  readonly kind: string;
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

/** Messages of one kind: the most in one instant, and all of a day. */
interface PlannedTraffic {
  readonly kind: string;
  readonly perInstant: number;
  readonly perDay: number;
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
  /** The bridge's account on the emulated access layer, which follows from the seed. */
  readonly bridgeLogin: { readonly username: string; readonly password: string } | undefined;
}

/** Plans a run. Throws `InvalidInputError`, also when services wait for one another within an instant. */
export async function planScenario(options: RunOptions): Promise<RunPlan> {
  const preparation = await prepareRun(options);
  const { loaded, schedule, roads, bridge } = preparation;
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
    traffic: estimateTraffic(devices, services, roads.length, schedule.stepUs),
    bridgeTopics: bridge?.topics ?? [],
    bridgeLogin: preparation.accounts.credentials(bridgeAccount),
  };
}

/** The bridge of a plan as a configuration for a real Mosquitto between two brokers, the access layer's the emulated one. */
export function planMosquittoConf({ bridgeTopics, bridgeLogin }: RunPlan, databusUrl: string, balUrl: string): string {
  return mosquittoConf(
    bridgeConfigSchema.parse({
      local: { url: databusUrl },
      remote: { url: balUrl, ...bridgeLogin },
      topics: bridgeTopics,
    }),
  );
}

function groupDevices(devices: readonly ExpandedDevice[], stepUs: number): PlannedDevices[] {
  const groups = new Map<string, PlannedDevices>();
  for (const { kind, every, route, preset } of devices) {
    const everyUs = every ?? (kind === 'smart-meter' && preset === 'field' ? METER_INTERVAL_US : stepUs);
    const key = `${kind} ${everyUs} ${route}`;
    groups.set(key, { kind, everyUs, route, count: (groups.get(key)?.count ?? 0) + 1 });
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

/** What a service publishes at its own period, by its name. */
const outputKinds: Readonly<Record<string, string>> = {
  forecasting: 'forecast',
  'state-estimation': 'estimate',
  balancer: 'setpoint',
};

function estimateTraffic(
  devices: readonly PlannedDevices[],
  services: readonly ServiceWithRate[],
  roadCount: number,
  stepUs: number,
): PlannedTraffic[] {
  const traffic = new Map<string, PlannedTraffic>();
  const add = (kind: string, count: number, everyUs: number) => {
    const { perInstant, perDay } = traffic.get(kind) ?? { perInstant: 0, perDay: 0 };
    const day = (count * DAY_US) / Math.max(everyUs, stepUs);
    traffic.set(kind, { kind, perInstant: perInstant + count, perDay: Math.round(perDay + day) });
  };
  for (const { kind, count, everyUs } of devices) {
    add(kind, count, everyUs);
    if (kind === 'pmu' && services.some(({ name }) => name === 'power-calculation')) add('power', count, everyUs);
  }
  for (const { name, everyUs = stepUs } of services) {
    const kind = outputKinds[name];
    if (kind !== undefined) add(kind, 1, everyUs);
  }
  add('tick', roadCount, stepUs);
  add('progress', services.length, stepUs);
  return [...traffic.values()];
}
