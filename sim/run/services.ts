/** Starts the platform's services for a run: in this process, as a child process, or as somebody's who is already there. */
import type { Logger } from 'pino';
import { createIntakeVerifier } from '../../platform/contract/intake-verifier.ts';
import { type Databus, DatabusError } from '../../platform/databus/databus.ts';
import { loadService, type ServiceName } from '../../platform/service/registry.ts';
import { startService } from '../../platform/service/runner.ts';
import type { TicklessService } from '../scenario/schema.ts';
import { startChild } from './child-service.ts';
import { type ServiceMode, ServiceFailure } from './options.ts';
import { StandIn } from './stand-in.ts';

export interface ServicePlan {
  readonly name: ServiceName;
  readonly mode: ServiceMode;
  /** Validated against the service's own schema. */
  readonly config: unknown;
  /** What it answers, where it is attached and knows nothing of ticks. */
  readonly tickless?: TicklessService;
}

export interface StartedServices {
  /** Last metrics of the services in this process. */
  metrics(): Readonly<Record<string, Readonly<Record<string, number>>>>;
  waitingFor(service: string): string;
  /** For the attached services without ticks, which get their messages one by one. */
  readonly standIns: readonly StandIn[];
  stop(): Promise<void>;
}

export interface StartOptions {
  readonly plans: readonly ServicePlan[];
  readonly databus: Databus;
  readonly credentials: (clientId: string) => { username: string; password: string } | undefined;
  /** The run's folder: configurations and logs of child processes go there. */
  readonly directory: string;
  readonly log: Logger;
  /** True once every service has answered: from then on it dies, before that it did not start. */
  readonly underWay: () => boolean;
  /** ServiceFailure, or DatabusError where the broker is to blame. */
  readonly onFailure: (failure: Error) => void;
  /** Wall time that an answer of a service without ticks may take, us. */
  readonly patienceUs: number;
  readonly onViolation: (sentence: string) => void;
}

interface Started {
  readonly name: string;
  readonly metrics?: () => Readonly<Record<string, number>>;
  readonly waitingFor: () => string;
  readonly stop: () => Promise<void>;
}

/** Starts all of them; when one does not start, those that did are stopped and `ServiceFailure` says which. */
export async function startServices(options: StartOptions): Promise<StartedServices> {
  const started: Started[] = [];
  const standIns: StandIn[] = [];
  const stop = async () => {
    await Promise.all(started.map((service) => service.stop()));
  };
  try {
    for (const plan of options.plans) {
      if (plan.mode === 'in-process') started.push(await startHere(plan, options));
      else if (plan.mode === 'process') started.push(startElsewhere(plan, options));
      else if (plan.tickless !== undefined) {
        const standIn = await standInFor(plan, plan.tickless, options);
        standIns.push(standIn);
        started.push({ name: plan.name, waitingFor: () => standIn.waitingFor(), stop: () => standIn.stop() });
      }
    }
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    metrics: () => Object.fromEntries(started.map(({ name, metrics }) => [name, metrics?.() ?? {}])),
    waitingFor: (name) => started.find((service) => service.name === name)?.waitingFor() ?? 'something unknown to us',
    standIns,
    stop,
  };
}

async function startHere({ name, config }: ServicePlan, options: StartOptions): Promise<Started> {
  const { databus, credentials, log, onFailure } = options;
  try {
    const service = await startService({
      definition: await loadService(name),
      config,
      databus,
      verifier: createIntakeVerifier(),
      log,
      ...withCredentials(credentials(`${name}-0`)),
      onFailure: (error) =>
        onFailure(error instanceof DatabusError ? error : deathOf(name, error.message, options.underWay(), error)),
    });
    return {
      name,
      metrics: () => service.metrics(),
      waitingFor: () => service.waitingFor(),
      stop: () => service.stop(),
    };
  } catch (error) {
    throw deathOf(name, (error as Error).message, false, error as Error);
  }
}

async function standInFor(plan: ServicePlan, declared: TicklessService, options: StartOptions): Promise<StandIn> {
  const { name, config } = plan;
  const { databus, credentials, patienceUs, onViolation, onFailure } = options;
  const definition = await loadService(name);
  const standIn = new StandIn({
    name,
    declared,
    streams: definition.streams(config),
    upstreams: definition.upstreams(config),
    databus,
    credentials: credentials(`stand-in-${name}`),
    patienceUs,
    onViolation,
    onFailure,
  });
  await standIn.start();
  return standIn;
}

/** As `twin serve NAME` in a process of its own. */
function startElsewhere({ name, config }: ServicePlan, options: StartOptions): Started {
  const { databus, credentials, directory, log } = options;
  const login = credentials(`${name}-0`);
  const child = startChild({
    name,
    settings: {
      // A lost broker ends the run, so nothing is gained by waiting for it.
      databus: { url: databus.url, reconnectMs: 0, ...(login !== undefined && { username: login.username }) },
      service: config,
    },
    environment: login === undefined ? {} : { TWIN_DATABUS_PASSWORD: login.password },
    directory,
    log,
    onDeath: (how) => options.onFailure(deathOf(name, how, options.underWay())),
  });
  return { name, waitingFor: () => `its own process (${child.pid ?? 'not started'})`, stop: () => child.stop() };
}

/** The failure of a service that ended before it was told to. */
export function deathOf(name: string, how: string, underWay: boolean, cause?: Error): ServiceFailure {
  const [phase, what] = underWay ? (['run', 'died in mid-run'] as const) : (['start', 'did not start'] as const);
  return new ServiceFailure(phase, name, `${name} ${what}: ${how}`, cause === undefined ? {} : { cause });
}

function withCredentials(credentials: { username: string; password: string } | undefined) {
  return credentials === undefined ? {} : { credentials };
}
