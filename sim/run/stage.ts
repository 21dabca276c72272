/**
 * Sets the stage of a run and clears it away again: two brokers, the bridge between them, the services, the devices'
 * connections, and the harness's own, which sends ticks and hears progress.
 */
import type { Logger } from 'pino';
import { startBridge } from '../../platform/bridge/bridge.ts';
import { bridgeRules } from '../../platform/bridge/config.ts';
import type { Progress, Tick } from '../../platform/contract/timing.ts';
import { bridgedPrefix, messageKind, topics } from '../../platform/contract/topics.ts';
import type { DatabusConnection } from '../../platform/databus/databus.ts';
import { readMessage } from '../../platform/service/intake.ts';
import { type AccessLayerAccounts, bridgeAccount, harnessAccount } from '../access-layer/accounts.ts';
import { wallUs } from '../clock/wall-clock.ts';
import { type Broker, openBroker } from './brokers.ts';
import type { Credentials } from './credentials.ts';
import type { Road } from './device-side.ts';
import type { Ledger, MessageHead } from './ledger.ts';
import type { ServiceMode, ServiceFailure } from './options.ts';
import { ProgressBoard } from './progress-board.ts';
import { type ServicePlan, type StartedServices, startServices } from './services.ts';

export interface StageOptions {
  /** `memory`, `embedded`, or a URL. */
  readonly databus: string;
  /** `memory`, `embedded`, `embedded:PORT`, or a URL. */
  readonly bal: string;
  readonly accounts: AccessLayerAccounts;
  /** For brokers at a URL. */
  readonly credentials: Credentials;
  readonly services: readonly ServicePlan[];
  /** `attach`: a bridge of somebody else's stands between the brokers already; undefined: there is none. */
  readonly bridge: { readonly mode: ServiceMode; readonly topics: readonly string[] } | undefined;
  readonly directory: string;
  readonly ledger: Ledger;
  readonly log: Logger;
}

export interface Stage {
  readonly bal: Broker;
  readonly databus: Broker;
  readonly board: ProgressBoard;
  readonly services: StartedServices;
  /** Rejects when a service, the bridge or a broker dies. */
  readonly failure: Promise<never>;
  sendTick(road: Road, tick: Tick): Promise<void>;
  /** Setpoints published so far, by the services' own count. */
  setpointsPublished(): number;
  lastTrafficWallUs(): number;
  /** What a client logs in with; undefined where nothing is asked for. */
  clientCredentials(road: Road, clientId: string): { readonly username: string; readonly password: string } | undefined;
  /** Somebody's connection broke. */
  fail(error: Error): void;
  close(): Promise<void>;
}

/** Rejects with DatabusError or ServiceFailure when something does not start; what was started is then cleared away. */
export async function setStage(options: StageOptions): Promise<Stage> {
  const closing: (() => Promise<void>)[] = [];
  const close = async () => {
    for (const end of closing.splice(0).reverse()) await end();
  };
  try {
    return await build(options, closing, close);
  } catch (error) {
    await close();
    throw error;
  }
}

async function build(
  options: StageOptions,
  closing: (() => Promise<void>)[],
  close: () => Promise<void>,
): Promise<Stage> {
  const { ledger, log, credentials, accounts, directory } = options;
  const { failure, fail } = failurePromise();
  let trafficWallUs = wallUs();
  let setpoints = 0;
  const onProgress = (progress: Progress) => {
    setpoints += progress.outputs['setpoint'] ?? 0;
    ledger.serviceProgress(progress);
  };
  const board = new ProgressBoard(
    options.services.map(({ name }) => name),
    onProgress,
  );

  const bal = await openBroker({
    name: 'access layer',
    where: options.bal,
    users: accounts.users,
    ...(credentials.bal !== undefined && { credentials: credentials.bal }),
    observe: (topic, payload) => ledger.seenAtBal(topic, payload),
    onRefused: (topic) => log.warn({ topic }, 'the access layer refused a publication'),
    onError: fail,
  });
  closing.push(() => bal.close());
  const databus = await openBroker({
    name: 'databus',
    where: options.databus,
    ...(credentials.databus !== undefined && { credentials: credentials.databus }),
    observe: (topic, payload) => {
      trafficWallUs = wallUs();
      if (topic.startsWith('dsotp/time/progress/')) board.receive(payload);
      else ledger.seenAtDatabus(topic, payload, () => headOf(topic, payload));
    },
    onError: fail,
  });
  closing.push(() => databus.close());

  const clientCredentials = (road: Road, clientId: string) =>
    road === 'direct' ? credentials.databus : (credentials.bal ?? accounts.credentials(clientId));
  if (options.bridge !== undefined && options.bridge.mode === 'in-process') {
    const bridge = await startBridge({
      rules: bridgeRules(options.bridge.topics),
      local: { databus: databus.databus, ...credentials.databus },
      remote: { databus: bal.databus, ...clientCredentials('bal', bridgeAccount) },
      onFailure: fail,
    });
    closing.push(() => bridge.stop());
  }
  const services = await startServices({
    plans: options.services,
    databus: databus.databus,
    credentials: () => credentials.databus,
    directory,
    log,
    onFailure: fail,
  });
  closing.push(() => services.stop());

  const senders = await connectSenders({ bal, databus }, clientCredentials, fail);
  for (const sender of Object.values(senders)) closing.push(() => sender.close());
  const tickTopics = { bal: topics.balTick, direct: topics.directTick } as const;
  return {
    bal,
    databus,
    board,
    services,
    failure,
    sendTick: (road, tick) => senders[road].publish(tickTopics[road], Buffer.from(JSON.stringify(tick))),
    setpointsPublished: () => setpoints,
    lastTrafficWallUs: () => trafficWallUs,
    clientCredentials,
    fail,
    close,
  };
}

type Rejection = ServiceFailure | Error;

/** A promise that only ever rejects; unhandled when nobody waits is no fault of the run. */
function failurePromise(): { readonly failure: Promise<never>; readonly fail: (error: Rejection) => void } {
  let fail: (error: Rejection) => void = () => {};
  const failure = new Promise<never>((_resolve, reject) => {
    fail = reject;
  });
  failure.catch(() => {});
  return { failure, fail };
}

/** The harness's own connections, one to each broker. */
async function connectSenders(
  brokers: { readonly bal: Broker; readonly databus: Broker },
  credentials: Stage['clientCredentials'],
  onError: (error: Error) => void,
): Promise<Record<Road, DatabusConnection>> {
  const connect = (broker: Broker, road: Road) =>
    broker.databus.connect({
      clientId: harnessAccount,
      ...credentials(road, harnessAccount),
      onMessage: () => {},
      onError,
    });
  return { bal: await connect(brokers.bal, 'bal'), direct: await connect(brokers.databus, 'direct') };
}

/** By what a service's message is entered in the ledger; a message that cannot be read has no device. */
function headOf(topic: string, payload: Uint8Array): MessageHead {
  const read = readMessage(topic, messageKind(topic) ?? '', payload);
  if (!read.accepted) return { device: '', sequence: -1, taggedUs: Number.NaN };
  const message = read.message as { device?: string; sequence?: number };
  const { device = topic.slice(topic.lastIndexOf('/') + 1), sequence = -1 } = message;
  return { device, sequence, taggedUs: read.taggedUs };
}

/** The bridge's rules when a scenario names none: measurements in, setpoints and the progress of those who send them out. */
export function bridgeTopics(controllers: readonly string[]): readonly string[] {
  return [
    `topic # in 1 ${bridgedPrefix} platone/dsotp/`,
    'topic # out 1 setpoint/ platone/setpoint/',
    ...controllers.map((name) => `topic ${name} out 1 dsotp/time/progress/ platone/time/progress/`),
  ];
}
