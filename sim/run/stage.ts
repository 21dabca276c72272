/**
 * Sets the stage of a run and clears it away again: two brokers, the bridge between them, the services, the devices'
 * connections, and the harness's own, which sends ticks and hears progress.
 */
import type { Logger } from 'pino';
import { InvalidInputError } from '../../grids/problem.ts';
import { startBridge } from '../../platform/bridge/bridge.ts';
import { type BridgeTraffic, bridgeRules } from '../../platform/bridge/config.ts';
import { askOnce } from '../../platform/contract/payload-memo.ts';
import type { Plan } from '../../platform/contract/plan.ts';
import type { Progress, Tick } from '../../platform/contract/timing.ts';
import { bridgedPrefix, topics } from '../../platform/contract/topics.ts';
import { type DatabusConnection, DatabusError } from '../../platform/databus/databus.ts';
import { readMessage } from '../../platform/service/intake.ts';
import { type AccessLayerAccounts, bridgeAccount, harnessAccount } from '../access-layer/accounts.ts';
import { atMostUs, wallUs } from '../clock/wall-clock.ts';
import { areOneBroker, type Broker, openBroker } from './brokers.ts';
import type { Credentials } from './credentials.ts';
import type { Road } from './device-side.ts';
import type { Ledger } from './ledger.ts';
import { Lifeline } from './lifeline.ts';
import { type ServiceMode, ServiceFailure } from './options.ts';
import { ProgressBoard } from './progress-board.ts';
import { deathOf, type ServicePlan, type StartedServices, startServices } from './services.ts';
import { startChild } from './child-service.ts';
import { TickWatch } from './tick-watch.ts';

export interface StageOptions {
  readonly runId: string;
  /** `memory`, `embedded`, `embedded:PORT`, or a URL. */
  readonly databus: string;
  /** `memory`, `embedded`, `embedded:PORT`, or a URL. */
  readonly bal: string;
  readonly accounts: AccessLayerAccounts;
  /** For brokers at a URL. */
  readonly credentials: Credentials;
  readonly services: readonly ServicePlan[];
  /** `attach`: a bridge of somebody else's stands between the brokers already; undefined: there is none. */
  readonly bridge: ({ readonly mode: ServiceMode } & BridgeTraffic) | undefined;
  readonly directory: string;
  /** Wall time that an answer of a service without ticks may take, us. */
  readonly patienceUs: number;
  readonly ledger: Ledger;
  /** Hears every plan that is published. */
  readonly onPlan: (plan: Plan) => void;
  readonly log: Logger;
}

export interface Stage {
  readonly bal: Broker;
  readonly databus: Broker;
  readonly board: ProgressBoard;
  readonly services: StartedServices;
  /** Fails when a service, the bridge or a broker dies. */
  readonly lifeline: Lifeline;
  sendTick(road: Road, tick: Tick): Promise<void>;
  /** Publishes on the databus; resolves when its broker has taken it. */
  sendOnDatabus(topic: string, payload: Uint8Array): Promise<void>;
  /** Setpoints published so far, by the services' own count. */
  setpointsPublished(): number;
  lastTrafficWallUs(): number;
  /** What a client logs in with; undefined where nothing is asked for. */
  clientCredentials(road: Road, clientId: string): { readonly username: string; readonly password: string } | undefined;
  /** An error of the run in the words of the run: a lost connection in mid-run is the death of its broker. */
  explain(error: Error): Error;
  /** Resolves when the observers have seen everything that was published so far. */
  settled(): Promise<void>;
  /** Never rejects, and never waits long for what does not answer any more. */
  close(): Promise<void>;
}

/** What an end gets to be tidy in: whoever is to acknowledge it may be dead. */
export const CLOSE_US = 1_000_000;

/** Rejects with DatabusError or ServiceFailure when something does not start; what was started is then cleared away. */
export async function setStage(options: StageOptions): Promise<Stage> {
  const closing: (() => Promise<void>)[] = [];
  const close = async () => {
    for (const end of closing.splice(0).reverse()) await atMostUs(CLOSE_US, end());
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
  const { ledger, log, accounts, directory } = options;
  const credentials = atUrls(options);
  await refuseOneForTwo(options, credentials);
  const lifeline = new Lifeline();
  const fail = (error: Error) => lifeline.fail(error);
  let trafficWallUs = wallUs();
  let setpoints = 0;
  const onProgress = (progress: Progress) => {
    setpoints += progress.outputs['setpoint'] ?? 0;
    ledger.serviceProgress(progress);
  };
  const { runId } = options;
  const onViolation = (sentence: string) => ledger.violation(sentence);
  const board = new ProgressBoard({
    runId,
    services: options.services.map(({ name }) => name),
    onProgress,
    onViolation,
  });
  const tickWatch = new TickWatch({ runId, onViolation, onStranger: fail });
  const underWay = () => board.behind(0).length === 0;

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
      if (tickWatch.isTick(topic)) tickWatch.seen(payload);
      else if (topic.startsWith('dsotp/time/progress/')) board.receive(payload);
      else {
        ledger.seenAtDatabus(topic, payload);
        if (topic.startsWith(PLANS)) readPlan(topic, payload, options.onPlan);
      }
    },
    onError: fail,
  });
  closing.push(() => databus.close());

  const clientCredentials = (road: Road, clientId: string) =>
    road === 'direct' ? credentials.databus : (credentials.bal ?? accounts.credentials(clientId));
  if (options.bridge?.mode === 'in-process') {
    const { topics: lines, windowMax, queueMax } = options.bridge;
    const bridge = await startBridge({
      rules: bridgeRules(lines),
      windowMax,
      queueMax,
      local: { databus: databus.databus, ...credentials.databus },
      remote: { databus: bal.databus, ...clientCredentials('bal', bridgeAccount) },
      onFailure: fail,
    });
    closing.push(() => bridge.stop());
  } else if (options.bridge?.mode === 'process') {
    const { mode: _mode, ...bridgeOptions } = options.bridge;
    const [local, remote] = [credentials.databus, clientCredentials('bal', bridgeAccount)];
    const bridge = startChild({
      name: 'bridge',
      settings: {
        local: { url: databus.databus.url, ...(local !== undefined && { username: local.username }) },
        remote: { url: bal.databus.url, ...(remote !== undefined && { username: remote.username }) },
        ...bridgeOptions,
      },
      environment: {
        ...(local !== undefined && { TWIN_BRIDGE_LOCAL_PASSWORD: local.password }),
        ...(remote !== undefined && { TWIN_BRIDGE_REMOTE_PASSWORD: remote.password }),
      },
      directory,
      log,
      onDeath: (how) => fail(deathOf('bridge', how, underWay())),
    });
    closing.push(() => bridge.stop());
  }
  const services = await startServices({
    plans: options.services,
    databus: databus.databus,
    credentials: () => credentials.databus,
    directory,
    log,
    underWay,
    onFailure: fail,
    patienceUs: options.patienceUs,
    onViolation,
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
    lifeline,
    sendTick(road, tick) {
      tickWatch.sent(tick);
      const payload = Buffer.from(JSON.stringify(tick));
      // Readers in this process need not parse what was written here: whole numbers and names survive JSON as they are.
      askOnce(payload, '#tick', () => tick);
      return senders[road].publish(tickTopics[road], payload);
    },
    sendOnDatabus: (topic, payload) => senders.direct.publish(topic, payload),
    setpointsPublished: () => setpoints,
    lastTrafficWallUs: () => trafficWallUs,
    clientCredentials,
    explain: (error) => (error instanceof DatabusError && underWay() ? lostBroker(error, bal) : error),
    async settled() {
      await lifeline.during(Promise.all([bal.settled(), databus.settled()]));
    },
    close,
  };
}

/** One broker for both would echo what the bridge carries; two URLs may lead to it under two names. */
async function refuseOneForTwo({ bal, databus }: StageOptions, credentials: Credentials): Promise<void> {
  if (!isUrl(bal) || !isUrl(databus)) return;
  const [one, other] = [
    { where: bal, ...(credentials.bal && { credentials: credentials.bal }) },
    { where: databus, ...(credentials.databus && { credentials: credentials.databus }) },
  ];
  if (!(await areOneBroker(one, other))) return;
  const message = `${bal} and ${databus} are one broker: access layer and databus are two, with a bridge between them`;
  throw new InvalidInputError([{ file: '--bal', path: '', message }]);
}

const isUrl = (where: string) => where.includes('://');

/** A broker that the run starts itself has accounts of its own, whatever a file says of the one at a URL. */
function atUrls({ bal, databus, credentials }: StageOptions): Credentials {
  return {
    ...(isUrl(bal) && { bal: credentials.bal }),
    ...(isUrl(databus) && { databus: credentials.databus }),
  };
}

function lostBroker(error: DatabusError, bal: Broker): ServiceFailure {
  const name = error.url === bal.databus.url ? 'access layer' : 'databus';
  const message = `the broker of the ${name} (${error.url}) failed in mid-run: ${error.message}`;
  return new ServiceFailure('run', name, message, { cause: error });
}

const PLANS = topics.plan('', '').slice(0, -1);

function readPlan(topic: string, payload: Uint8Array, onPlan: (plan: Plan) => void): void {
  const read = readMessage(topic, 'plan', payload);
  if (read.accepted) onPlan(read.message as Plan);
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

/** The bridge's rules when a scenario names none: measurements in, setpoints and the progress of those who send them out. */
export function bridgeTopics(controllers: readonly string[]): readonly string[] {
  return [
    `topic # in 1 ${bridgedPrefix} platone/dsotp/`,
    'topic # out 1 setpoint/ platone/setpoint/',
    ...controllers.map((name) => `topic ${name} out 1 dsotp/time/progress/ platone/time/progress/`),
  ];
}
