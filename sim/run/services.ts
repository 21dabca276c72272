/** Starts the platform's services for a run: in this process, as a child process, or as somebody's who is already there. */
import { spawn, type ChildProcess } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import type { Logger } from 'pino';
import { projectRoot } from '../../grids/project-root.ts';
import { createIntakeVerifier } from '../../platform/contract/intake-verifier.ts';
import type { Databus } from '../../platform/databus/databus.ts';
import { loadService, type ServiceName } from '../../platform/service/registry.ts';
import { startService } from '../../platform/service/runner.ts';
import { type ServiceMode, ServiceFailure } from './options.ts';

export interface ServicePlan {
  readonly name: ServiceName;
  readonly mode: ServiceMode;
  /** Validated against the service's own schema. */
  readonly config: unknown;
}

export interface StartedServices {
  /** Last metrics of the services in this process. */
  metrics(): Readonly<Record<string, Readonly<Record<string, number>>>>;
  waitingFor(service: string): string;
  stop(): Promise<void>;
}

export interface StartOptions {
  readonly plans: readonly ServicePlan[];
  readonly databus: Databus;
  readonly credentials: (clientId: string) => { username: string; password: string } | undefined;
  /** The run's folder: configurations and logs of child processes go there. */
  readonly directory: string;
  readonly log: Logger;
  readonly onFailure: (failure: ServiceFailure) => void;
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
  const stop = async () => {
    await Promise.all(started.map((service) => service.stop()));
  };
  try {
    for (const plan of options.plans) {
      if (plan.mode === 'in-process') started.push(await startHere(plan, options));
      else if (plan.mode === 'process') started.push(startChild(plan, options));
    }
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    metrics: () => Object.fromEntries(started.map(({ name, metrics }) => [name, metrics?.() ?? {}])),
    waitingFor: (name) => started.find((service) => service.name === name)?.waitingFor() ?? 'something unknown to us',
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
      onFailure: (error) => onFailure(died(name, error)),
    });
    return {
      name,
      metrics: () => service.metrics(),
      waitingFor: () => service.waitingFor(),
      stop: () => service.stop(),
    };
  } catch (error) {
    const message = `${name} did not start: ${(error as Error).message}`;
    throw new ServiceFailure('start', name, message, { cause: error });
  }
}

function died(name: string, error: Error): ServiceFailure {
  return new ServiceFailure('run', name, `${name} died in mid-run: ${error.message}`, { cause: error });
}

const launcher = join(projectRoot(), 'bin', 'twin.mjs');

/** As `twin serve NAME` in a process of its own; its log goes to the run's folder. */
function startChild({ name, config }: ServicePlan, options: StartOptions): Started {
  const { databus, credentials, directory, log, onFailure } = options;
  const file = join(directory, `${name}.config.json`);
  const settings = { databus: { url: databus.url, reconnectMs: 0, ...credentials(`${name}-0`) }, service: config };
  writeFileSync(file, `${JSON.stringify(settings, undefined, 2)}\n`);
  const child = spawn(process.execPath, [launcher, 'serve', name, '--config', file], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let lastWords = '';
  const listen = (chunk: Buffer) => {
    lastWords = chunk.toString().trim() || lastWords;
    log.info({ service: name }, lastWords);
  };
  child.stdout.on('data', listen);
  child.stderr.on('data', listen);
  let stopping = false;
  child.on('exit', (code, signal) => {
    if (stopping) return;
    const how = signal === null ? `exit code ${code}` : `signal ${signal}`;
    onFailure(new ServiceFailure('run', name, `${name} died in mid-run (${how}): ${lastWords}`));
  });
  return {
    name,
    waitingFor: () => `its own process (${child.pid ?? 'not started'})`,
    stop: () => {
      stopping = true;
      return end(child);
    },
  };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
  });
  child.kill('SIGTERM');
  await exited;
}

function withCredentials(credentials: { username: string; password: string } | undefined) {
  return credentials === undefined ? {} : { credentials };
}
