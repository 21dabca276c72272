/** One run from the scenario file to the report: prepare, set the stage, conduct, write down, judge. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pino } from 'pino';
import { formatInstant } from '../../platform/contract/time.ts';
import type { Audit, Manifest } from '../../reports/record.ts';
import { writeReport } from '../../reports/report.ts';
import { calendarUs, wallUs } from '../clock/wall-clock.ts';
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
  const directory = resolve(options.out ?? join('runs', preparation.folderName(startedAt)));
  mkdirSync(join(directory, 'series'), { recursive: true });
  const log = pino({ base: null }, pino.destination({ dest: join(directory, 'log.ndjson'), sync: true }));

  const latenciesCount = preparation.class !== 'exact';
  const ledger = new Ledger(latenciesCount ? () => wallUs() - beganUs : () => Number.NaN);
  const recorder = new Recorder(preparation.recording);
  const finish = async (state: Manifest['state'], instants: number, loopUs: number, services: Audit['services']) => {
    recorder.write(join(directory, 'series'));
    ledger.table().write(join(directory, 'messages.parquet'));
    writeJson(join(directory, 'audit.json'), ledger.audit(services));
    const manifest = describeRun(options, preparation, { state, startedAt, beganUs, instants, loopUs });
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
      services: preparation.services(directory),
      bridge: preparation.bridge,
      directory,
      ledger,
      log,
    });
    const played = await play(preparation, stage, ledger, recorder, signal, (progress) => {
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
  preparation: Preparation,
  stage: Stage,
  ledger: Ledger,
  recorder: Recorder,
  signal: AbortSignal,
  onProgress: (progress: RunProgress) => void,
): Promise<number> {
  const { world, devices, controllables, injector, site } = preparation;
  const deviceSide = new DeviceSide({
    site,
    devices,
    controllables,
    bal: stage.bal.databus,
    databus: stage.databus.databus,
    credentials: (road, clientId) => stage.clientCredentials(road, clientId),
    lightNode: preparation.lightNode,
    ledger,
    onError: (error) => stage.fail(error),
  });
  await deviceSide.connect();
  try {
    return await conduct(
      {
        runId: preparation.runId,
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
          preparation.meterEnergies(truth.timeUs, (device, importWh, exportWh) =>
            recorder.energy(truth.timeUs, device, importWh, exportWh),
          );
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
  for (const [reason, count] of Object.entries(stage.bal.refusals())) ledger.refuse('bal', reason, count);
}

function describeRun(
  options: RunOptions,
  preparation: Preparation,
  run: { state: Manifest['state']; startedAt: string; beganUs: number; instants: number; loopUs: number },
): Manifest {
  const { scenario, grid, platformGrid, files } = preparation.loaded;
  return {
    schema: 'platone.manifest/1',
    runId: preparation.runId,
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
    devices: preparation.deviceDescriptions,
    assumptions: preparation.assumptions,
    instants: run.instants,
    loopSeconds: run.loopUs / 1e6,
  };
}

function writeJson(file: string, value: unknown): void {
  writeFileSync(file, `${JSON.stringify(value, undefined, 2)}\n`);
}
