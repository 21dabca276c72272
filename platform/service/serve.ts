/** One service alone, as in the field or in a container: `twin serve NAME --config FILE`. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { DestinationStream, Logger } from 'pino';
import { z } from 'zod';
import { bySchema, fileBySchema, type WrittenFile } from '../../grids/by-schema.ts';
import { placeAt, plainValue, readLocatedFile } from '../../grids/located.ts';
import { allFaults, collectFaults, InvalidInputError } from '../../grids/problem.ts';
import { createIntakeVerifier } from '../contract/intake-verifier.ts';
import { topics } from '../contract/topics.ts';
import type { ServiceDefinition } from './definition.ts';
import { fieldDatabus, fieldLog } from './field.ts';
import { type HttpSide, ListenFailure } from './http-side.ts';
import { logLevelSchema } from './log-level.ts';
import { isServiceName, loadService, serviceNames } from './registry.ts';
import { type RunningService, startService } from './runner.ts';
import { withSecrets } from './secrets.ts';
import { untilAborted } from './until-aborted.ts';
import { atEveryBoundary, calendarUs } from './wall-clock.ts';

/** What every service is told besides its own configuration; the environment overrides broker URL and credentials. */
const settingsSchema = z.strictObject({
  databus: z.strictObject({
    /** TWIN_DATABUS_URL */
    url: z.string().min(1),
    /** TWIN_DATABUS_USERNAME */
    username: z.string().optional(),
    /** TWIN_DATABUS_PASSWORD */
    password: z.string().optional(),
    /** Time between attempts to get a lost connection back, ms. */
    reconnectMs: z.int().nonnegative().default(1000),
  }),
  instance: z.string().default('0'),
  /** Answers `GET /health` with the newest completed instant, counters, and whether the broker is there; 0 = any free port. */
  health: z.strictObject({ port: z.int().min(0).max(65_535), host: z.string().default('127.0.0.1') }).optional(),
  /** Opens the service's HTTP side, where it has one; each service says what it takes. */
  http: z.record(z.string(), z.unknown()).optional(),
  log: logLevelSchema,
  service: z.unknown(),
});

/** The ticker of the field: instants from the wall clock, for services that no harness drives. */
const tickerSchema = z.strictObject({
  periodMs: z.int().positive(),
  streams: z.array(z.enum(['bal', 'direct'])).default(['bal']),
  runId: z.string().default('field'),
});
type Ticker = z.output<typeof tickerSchema>;

/** Names that `serve` knows besides those of the registry. */
export const servableNames = [...serviceNames, 'ticker', 'bridge'] as const;

/**
 * Runs until the signal aborts; the log goes to `out`, standard output when left out. Throws InvalidInputError for an
 * unknown name or a faulty configuration, DatabusError when the broker cannot be reached, and whatever the service itself
 * dies of.
 */
export async function serveService(
  name: string,
  configFile: string,
  signal: AbortSignal,
  out?: DestinationStream,
): Promise<void> {
  if (name === 'bridge') {
    const { serveBridge } = await import('../bridge/serve.ts');
    const { bridgeConfigSchema } = await import('../bridge/config.ts');
    await serveBridge(fileBySchema(bridgeConfigSchema, configFile), signal, out);
    return;
  }
  if (name === 'ticker') {
    const { settings, config } = readConfiguration(configFile, tickerSchema);
    await tick(settings, config, fieldLog(name, settings.log, out), signal);
    return;
  }
  if (!isServiceName(name)) {
    const hint = `known: ${servableNames.join(', ')}`;
    throw new InvalidInputError([{ file: configFile, path: '', message: `no service is named "${name}"`, hint }]);
  }
  const definition = await loadService(name);
  const side = await definition.http?.();
  const { settings, config, http } = readConfiguration(configFile, definition.configSchema, (section, origin) =>
    readHttp(name, side, section, origin),
  );
  await serve(definition, config, settings, http, fieldLog(name, settings.log, out), signal);
}

type Section = Readonly<Record<string, unknown>>;

/** What every service is told, what this one is, and its HTTP side. Throws InvalidInputError with the faults of all. */
function readConfiguration<Schema extends z.ZodType>(
  file: string,
  schema: Schema,
  httpOf?: (section: Section, origin: WrittenFile) => Http,
) {
  return allFaults((problems) => {
    const written = readLocatedFile(file, problems);
    const document = plainValue(written);
    const origin = { file, written };
    const collect = <Result>(work: () => Result) => collectFaults(problems, work);
    const { service, http: section } = isSection(document) ? document : {};
    const settings = collect(() => bySchema(settingsSchema, withEnvironment(document), origin));
    const ofService = { ...origin, under: ['service'] };
    const config = service === undefined ? undefined : collect(() => bySchema(schema, service, ofService));
    const http = isSection(section) ? collect(() => httpOf?.(section, origin)) : undefined;
    return settings === undefined || config === undefined ? undefined : { settings, config, http };
  });
}

interface Http {
  readonly side: HttpSide;
  readonly settings: unknown;
}

/** The HTTP side that the settings ask for. */
function readHttp(name: string, side: HttpSide | undefined, section: Section, origin: WrittenFile): Http {
  if (side === undefined) {
    const place = placeAt(origin.written, ['http'], 'key');
    throw new InvalidInputError([{ ...place, path: 'http', message: `${name} answers no HTTP` }]);
  }
  const given = withSecrets(section, side.secrets, origin, 'http');
  return { side, settings: bySchema(side.settingsSchema, given, { ...origin, under: ['http'] }) };
}

type Settings = z.infer<typeof settingsSchema>;

async function serve(
  definition: ServiceDefinition,
  config: unknown,
  settings: Settings,
  http: Http | undefined,
  log: Logger,
  signal: AbortSignal,
): Promise<void> {
  const failure = new AbortController();
  const databus = databusOf(settings, log);
  const service = await startService({
    definition,
    config,
    databus,
    instance: settings.instance,
    verifier: createIntakeVerifier(),
    log,
    onFailure: (error) => failure.abort(error),
  });
  const opened: { readonly url: string; close(): Promise<void> | void }[] = [];
  try {
    const health = settings.health && (await answerHealth(settings.health, service));
    if (health) opened.push(health);
    const { instance } = settings;
    const onFailure = (error: Error) => failure.abort(error);
    const context = http && { settings: http.settings, config, service, databus, instance, log, onFailure };
    const api = context && (await http.side.open(context));
    if (api) opened.push(api);
    const urls = { ...(health && { health: health.url }), ...(api && { http: api.url }) };
    log.info({ databus: settings.databus.url, ...urls }, `${definition.name} is up`);
    await untilAborted(AbortSignal.any([signal, failure.signal]));
    failure.signal.throwIfAborted();
  } finally {
    for (const each of opened) await each.close();
    await service.stop();
  }
}

async function answerHealth(address: { readonly port: number; readonly host: string }, service: RunningService) {
  const server = createServer((request, response) => {
    if (request.url !== '/health') {
      response.writeHead(404).end();
      return;
    }
    const watermark = service.watermarkUs();
    const body = {
      watermarkUs: Number.isFinite(watermark) ? watermark : null,
      lagUs: Number.isFinite(watermark) ? calendarUs() - watermark : null,
      waitingFor: service.waitingFor(),
      databus: service.isConnected() ? 'connected' : 'away',
      metrics: service.metrics(),
    };
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(new ListenFailure(service.name, address, error)));
    server.listen(address.port, address.host, resolve);
  });
  const { port } = server.address() as AddressInfo;
  const close = () => {
    server.close();
    // A prober's idle connection would keep the process.
    server.closeIdleConnections();
  };
  return { url: `http://${address.host}:${port}/health`, close };
}

/** Publishes a tick on each stream at every whole period of the wall clock. */
async function tick(settings: Settings, ticker: Ticker, log: Logger, signal: AbortSignal): Promise<void> {
  const failure = new AbortController();
  const connection = await databusOf(settings, log).connect({
    clientId: `ticker-${settings.instance}`,
    onMessage: () => {},
    onError: (error) => failure.abort(error),
  });
  const { periodMs, streams, runId } = ticker;
  log.info({ databus: settings.databus.url, periodMs, streams }, 'ticker is up');
  // Counted from the epoch, so that a ticker which comes back goes on where the services are.
  const stop = atEveryBoundary(periodMs * 1000, (timeUs) => {
    const sequence = timeUs / (periodMs * 1000);
    for (const stream of streams) {
      const message = { schema: 'platone.tick/1', runId, stream, timeUs, sequence, published: {} };
      const topic = stream === 'direct' ? topics.directTick : topics.bridgedTick;
      connection.publish(topic, Buffer.from(JSON.stringify(message))).catch((error: Error) => failure.abort(error));
    }
  });
  try {
    await untilAborted(AbortSignal.any([signal, failure.signal]));
    failure.signal.throwIfAborted();
  } finally {
    stop();
    await connection.close();
  }
}

function databusOf({ databus }: Settings, log: Logger) {
  return fieldDatabus('databus', databus, log);
}

/** The document with what the environment says of the databus. */
function withEnvironment(document: unknown): unknown {
  const environment = {
    url: process.env['TWIN_DATABUS_URL'],
    username: process.env['TWIN_DATABUS_USERNAME'],
    password: process.env['TWIN_DATABUS_PASSWORD'],
  };
  const given = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== undefined));
  if (!isSection(document)) return document;
  const { databus = {} } = document;
  return { ...document, databus: isSection(databus) ? { ...databus, ...given } : databus };
}

function isSection(value: unknown): value is Section {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
