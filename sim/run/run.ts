/** One run from the scenario file to the report: prepare, set the stage, conduct, write down, judge. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { basename, extname, join, resolve } from 'node:path';
import { pino } from 'pino';
import { formatInstant } from '../../platform/contract/time.ts';
import type { Audit, Manifest } from '../../reports/record.ts';
import { writeReport } from '../../reports/report.ts';
import { calendarUs, wallUs } from '../clock/wall-clock.ts';
import type { DevicePark } from '../devices/create-device.ts';
import { conduct } from './conductor.ts';
import { readCredentials } from './credentials.ts';
import { DeviceSide } from './device-side.ts';
import { Ledger } from './ledger.ts';
import { commitOf, hashesOf, host, versions } from './manifest.ts';
import type { RunOptions, RunProgress, RunResult } from './options.ts';
import { type Preparation, prepareRun } from './prepare.ts';
import { Recorder } from './recorder.ts';
import { setStage, type Stage } from './stage.ts';

/**
 * Runs a scenario and leaves its record and report in a folder. An abort of the signal ends the run after the instant
 * under way; its report says so.
 *
 * Throws InvalidInputError before anything is written, DatabusError or ServiceFailure when a broker or service does not
 * start or dies; the record up to then stays, marked `failed`.
 */
export async function runScenario(
  options: RunOptions,
  signal: AbortSignal,
  onProgress?: (progress: RunProgress) => void,
): Promise<RunResult> {
  const credentials = readCredentials(options.credentials);
  const beganUs = wallUs();
  const startedAt = formatInstant(calendarUs());
  const preparation = await prepareRun(options);
  const runId = `${startedAt.slice(0, 19).replaceAll(':', '')}-${nameOf(options.scenarioFile)}-${preparation.loaded.scenario.seed}`;
  const directory = resolve(options.out ?? join('runs', runId));
  const plans = await preparation.services(join(directory, 'series'));
  mkdirSync(join(directory, 'series'), { recursive: true });
  const log = pino({ base: null }, pino.destination({ dest: join(directory, 'log.ndjson'), sync: true }));

  const latenciesCount = preparation.class !== 'exact';
  const ledger = new Ledger(latenciesCount ? () => wallUs() - beganUs : () => Number.NaN);
  const recorder = new Recorder(preparation.recording);
  const finish = async (state: Manifest['state'], instants: number, loopUs: number, services: Audit['services']) => {
    const { startUs, stepUs } = preparation.schedule;
    const lastUs = startUs + (instants - 1) * stepUs;
    recorder.write(join(directory, 'series'));
    ledger.table().write(join(directory, 'messages.parquet'));
    writeJson(join(directory, 'audit.json'), ledger.audit(services, lastUs));
    const manifest = describeRun(options, preparation, { runId, state, startedAt, beganUs, instants, loopUs });
    writeJson(join(directory, 'manifest.json'), manifest);
    return writeReport(directory);
  };

  let stage: Stage | undefined;
  let instants = 0;
  const loopBeganUs = wallUs();
  try {
    stage = await setStage({
      databus: preparation.databus,
      bal: preparation.bal,
      accounts: preparation.accounts,
      credentials,
      services: plans,
      bridge: preparation.bridge,
      directory,
      ledger,
      log,
    });
    const played = await play(runId, preparation, stage, ledger, recorder, signal, (progress) => {
      instants = progress.instant;
      onProgress?.(progress);
    });
    const services = stage.services.metrics();
    const loopUs = wallUs() - loopBeganUs;
    noteRefusals(ledger, stage);
    await stage.close();
    stage = undefined;
    const state = played < preparation.schedule.instants ? 'interrupted' : 'complete';
    const report = await finish(state, played, loopUs, services);
    return { directory, state, verdict: report.verdict, accuracyHash: report.accuracyHash };
  } catch (error) {
    if (instants > 0) {
      ledger.violation((error as Error).message);
      await finish('failed', instants, wallUs() - loopBeganUs, stage?.services.metrics() ?? {});
    }
    throw error;
  } finally {
    await stage?.close();
    log.flush();
  }
}

/** All instants; resolves with how many were completed. */
async function play(
  runId: string,
  preparation: Preparation,
  stage: Stage,
  ledger: Ledger,
  recorder: Recorder,
  signal: AbortSignal,
  onProgress: (progress: RunProgress) => void,
): Promise<number> {
  const { world, park, injector, lightNodes, loaded } = preparation;
  const { devices } = park;
  const deviceSide = new DeviceSide({
    site: loaded.scenario.site,
    devices,
    controllables: park.controllables,
    bal: stage.bal.databus,
    databus: stage.databus.databus,
    credentials: (road, clientId) => stage.clientCredentials(road, clientId),
    lightNodes,
    ledger,
    onError: (error) => stage.fail(error),
  });
  await deviceSide.connect();
  try {
    return await conduct(
      {
        runId,
        schedule: preparation.schedule,
        pace: preparation.pace,
        roads: preparation.roads,
        sendTick: (road, tick) => stage.sendTick(road, tick),
        board: stage.board,
        setpointsPublished: () => stage.setpointsPublished(),
        deviceSide,
        devices,
        ledger,
        advance: (fromUs, toUs) => world.advance(fromUs, toUs),
        disturb: (messages, timeUs) => injector.apply(messages, timeUs),
        record(truth, messages) {
          recorder.instant(truth, world.idle());
          for (const message of messages) recorder.message(truth, message);
        },
        lastTrafficWallUs: () => stage.lastTrafficWallUs(),
        failure: stage.failure,
        waitingFor: (service) => stage.services.waitingFor(service),
        onProgress,
      },
      signal,
    );
  } finally {
    await deviceSide.close();
  }
}

/** What the brokers turned away stands in the audit under their names. */
function noteRefusals(ledger: Ledger, stage: Stage): void {
  for (const [reason, count] of Object.entries(stage.bal.refusals())) ledger.refusedAtLeast('bal', reason, count);
}

function describeRun(
  options: RunOptions,
  preparation: Preparation,
  run: {
    runId: string;
    state: Manifest['state'];
    startedAt: string;
    beganUs: number;
    instants: number;
    loopUs: number;
  },
): Manifest {
  const { loaded, park } = preparation;
  const { scenario, grid, platformGrid, files } = loaded;
  return {
    schema: 'platone.manifest/1',
    runId: run.runId,
    state: run.state,
    ...commitOf(),
    versions: versions(),
    host: host(),
    startedAt: run.startedAt,
    wallSeconds: (wallUs() - run.beganUs) / 1e6,
    class: preparation.class,
    seed: scenario.seed,
    scenarioFile: options.scenarioFile,
    inputHashes: hashesOf(files),
    scenario,
    grid,
    platformGrid,
    options: { ...options },
    devices: loaded.devices.map(({ entry: _entry, ...device }) => ({ ...device, errors: errorsOf(park, device.id) })),
    assumptions: preparation.profiles.assumptions,
    instants: run.instants,
    loopSeconds: run.loopUs / 1e6,
  };
}

/** `germany/recorded-day.yaml` -> `recorded-day`. */
function nameOf(scenarioFile: string): string {
  return basename(scenarioFile, extname(scenarioFile));
}

function errorsOf(park: DevicePark, id: string): unknown {
  return park.devices.find((device) => device.id === id)?.describe();
}

function writeJson(file: string, value: unknown): void {
  writeFileSync(file, `${JSON.stringify(value, undefined, 2)}\n`);
}
