/** One run from the scenario file to the report: prepare, set the stage, conduct, write down, judge. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { basename, extname, join, relative, resolve } from 'node:path';
import { refuseUsedFolder } from '../../grids/output-folder.ts';
import { collectFaults, InvalidInputError, type Problem } from '../../grids/problem.ts';
import { projectRoot } from '../../grids/project-root.ts';
import { formatInstant, zoneOffsetUs } from '../../platform/contract/time.ts';
import type { Manifest } from '../../reports/record.ts';
import { writeReport } from '../../reports/report.ts';
import type { LedgerEntry } from '../access-layer/ledger.ts';
import { atMostUs, calendarUs, wallUs } from '../clock/wall-clock.ts';
import type { DevicePark } from '../devices/create-device.ts';
import type { ErrorModel } from '../devices/error-model.ts';
import { conduct } from './conductor.ts';
import { type Credentials, readCredentials } from './credentials.ts';
import { DeviceSide } from './device-side.ts';
import { foresightBatteries, writeForesight } from './foresight.ts';
import { Ledger } from './ledger.ts';
import { commitOf, hashesOf, host, versions } from './manifest.ts';
import { createOperator } from './operator.ts';
import { type RunOptions, type RunProgress, type RunResult, ServiceFailure, usualPatience } from './options.ts';
import { type Preparation, prepareRun } from './prepare.ts';
import type { InvariantChecker } from './invariants.ts';
import { Recorder } from './recorder.ts';
import { modelFaultsOf } from './model-faults.ts';
import { createRunFolder, type RunFolder } from './run-folder.ts';
import { openRunLog } from './run-log.ts';
import { createSafety } from './safety.ts';
import { CLOSE_US, setStage, type Stage } from './stage.ts';

/**
 * Runs a scenario and leaves its record and report in a folder. An abort of the signal ends the run after the instant
 * under way; its report says so.
 *
 * Rejects with InvalidInputError, DatabusError, ServiceFailure or AbortError when the run does not begin: then nothing
 * is left behind. When a service or broker dies in mid-run it rejects with ServiceFailure, and the record up to then
 * stays, marked `failed`. So it does when the record cannot be written; then what there was of it is taken away.
 */
export async function runScenario(
  options: RunOptions,
  signal: AbortSignal,
  onProgress?: (progress: RunProgress) => void,
): Promise<RunResult> {
  const beganUs = wallUs();
  const startedAt = formatInstant(calendarUs());
  const { credentials, preparation } = await readInputs(options);
  // Before somebody changes what went in.
  const inputHashes = hashesOf(preparation.loaded.files);
  const { seed } = preparation.loaded.scenario;
  const runId = `${startedAt.slice(0, 19).replaceAll(':', '')}-${nameOf(options.scenarioFile)}-${inAFileName(seed)}`;
  const folder = createRunFolder(options.out, runId);
  try {
    return await runInFolder(
      { options, preparation, inputHashes, credentials, runId, startedAt, beganUs, folder },
      signal,
      onProgress,
    );
  } catch (error) {
    if (!existsSync(join(folder.directory, 'manifest.json'))) folder.discard();
    throw fromTheDisk(error, folder.directory);
  }
}

/** All that is read before anything is written. Throws InvalidInputError with the faults of all of it. */
async function readInputs(options: RunOptions): Promise<Pick<Run, 'credentials' | 'preparation'>> {
  const problems: Problem[] = [];
  const { out } = options;
  const credentials = collectFaults(problems, () => readCredentials(options.credentials));
  if (out !== undefined) collectFaults(problems, () => refuseUsedFolder(out));
  const preparation = await prepareRun(options).catch((error: unknown) => {
    throw error instanceof InvalidInputError ? new InvalidInputError([...problems, ...error.problems]) : error;
  });
  if (credentials === undefined || problems.length > 0) throw new InvalidInputError(problems);
  return { credentials, preparation };
}

/** What a disk says when it takes no more: it is full, over quota or limit, read-only, or broken. */
const DISK_ERRORS = ['ENOSPC', 'EDQUOT', 'EFBIG', 'EROFS', 'EIO'];

/** That the disk takes no more is no bug, but nothing can be said about a run without its record. */
function fromTheDisk(error: unknown, directory: string): unknown {
  const { code = '' } = error as NodeJS.ErrnoException;
  if (!DISK_ERRORS.includes(code)) return error;
  const message = `the record cannot be written to ${directory}: ${(error as Error).message}`;
  return new ServiceFailure('run', 'disk', message, { cause: error });
}

interface Run {
  readonly options: RunOptions;
  readonly preparation: Preparation;
  readonly inputHashes: Manifest['inputHashes'];
  readonly credentials: Credentials;
  readonly runId: string;
  readonly startedAt: string;
  readonly beganUs: number;
  readonly folder: RunFolder;
}

async function runInFolder(
  run: Run,
  signal: AbortSignal,
  onProgress?: (progress: RunProgress) => void,
): Promise<RunResult> {
  const { preparation, credentials, runId, beganUs, folder } = run;
  const { directory } = folder;
  const offsetUs = zoneOffsetUs(preparation.loaded.scenario.clock.start);
  const plans = await preparation.services(join(directory, 'series'));
  mkdirSync(join(directory, 'series'));
  const log = openRunLog(join(directory, 'log.ndjson'));

  const latenciesCount = preparation.class !== 'exact';
  const ledger = new Ledger(latenciesCount ? () => wallUs() - beganUs : () => Number.NaN, {
    openToOperators: latenciesCount,
  });
  const recorder = new Recorder(preparation.recording);
  const safety = createSafety(preparation.loaded, preparation.park, plans);
  const loopBeganUs = wallUs();
  const finish = async (state: Manifest['state'], instants: number, stage: Stage) => {
    const services = stage.services.metrics();
    const loopUs = wallUs() - loopBeganUs;
    noteRefusals(ledger, stage);
    await stage.close();
    const { startUs, stepUs } = preparation.schedule;
    recorder.write(join(directory, 'series'));
    ledger.table().write(join(directory, 'messages.parquet'));
    writeBlocks(join(directory, 'blocks.ndjson'), preparation.blockLedger.entries);
    const audit = ledger.audit(services, startUs + (instants - 1) * stepUs);
    writeJson(join(directory, 'audit.json'), { ...audit, invariants: safety.counts() });
    writeJson(join(directory, 'manifest.json'), describeRun(run, { state, instants, loopUs }));
    await writeForesight(directory, foresightBatteries(preparation.park));
    return writeReport(directory);
  };

  let stage: Stage | undefined;
  let instants = 0;
  try {
    stage = await setStage({
      runId,
      databus: preparation.databus,
      bal: preparation.bal,
      accounts: preparation.accounts,
      credentials,
      services: plans,
      bridge: preparation.bridge,
      directory,
      // Its answers are waited for one by one, inside the time that an instant has.
      patienceUs: (run.options.patience?.giveUpUs ?? usualPatience.giveUpUs) / 2,
      ledger,
      onPlan: (plan) => safety.planned(plan),
      log,
    });
    instants = await play(run, stage, { ledger, recorder, safety }, signal, (progress) => {
      instants = progress.instant;
      onProgress?.({ ...progress, offsetUs });
    });
    await stage.settled();
  } catch (error) {
    const explained = stage?.explain(error as Error) ?? (error as Error);
    log.error(explained.message);
    if (stage !== undefined && instants > 0) {
      ledger.violation(explained.message);
      // What was measured until then is worth keeping, but why the run died is worth more.
      const written = await finish('failed', instants, stage).catch((second: Error) => log.error(second.message));
      if (written !== undefined && explained instanceof ServiceFailure) explained.record = directory;
    }
    await stage?.close();
    throw explained;
  } finally {
    log.flush();
  }
  const state = instants < preparation.schedule.instants ? 'interrupted' : 'complete';
  const report = await finish(state, instants, stage);
  return { directory, state, verdict: report.verdict, accuracyHash: report.accuracyHash };
}

/** What is written down of a run, beside its data path. */
interface Books {
  readonly ledger: Ledger;
  readonly recorder: Recorder;
  readonly safety: InvariantChecker;
}

/** All instants; resolves with how many were completed. */
async function play(
  { runId, options, preparation }: Run,
  stage: Stage,
  { ledger, recorder, safety }: Books,
  signal: AbortSignal,
  onProgress: (progress: Omit<RunProgress, 'offsetUs'>) => void,
): Promise<number> {
  const { world, park, injector, lightNodes, loaded } = preparation;
  const operator = createOperator(loaded.scenario);
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
    safety,
    readers: preparation.pace === 'lockstep' ? stage.services.standIns : [],
    onError: (error) => stage.lifeline.fail(error),
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
        async operate(timeUs) {
          for (const message of operator.due(timeUs)) {
            ledger.sent('operator', message);
            await stage.sendOnDatabus(message.topic, message.payload);
          }
        },
        advance: (fromUs, toUs) => world.advance(fromUs, toUs),
        disturb: (messages, timeUs) => injector.apply(messages, timeUs),
        record(truth, messages) {
          recorder.instant(truth, world.idle());
          for (const device of park.controllables) safety.state(truth.timeUs, device.id, device.state());
          for (const message of messages) {
            recorder.message(truth, message);
            const { command } = message.measurement;
            const obeys = command?.status === 'accepted' || command?.status === 'limited';
            if (command !== undefined && obeys) safety.acknowledged(truth.timeUs, message.device, command);
          }
        },
        lastTrafficWallUs: () => stage.lastTrafficWallUs(),
        lifeline: stage.lifeline,
        patience: { ...usualPatience, ...options.patience },
        waitingFor: (service) => stage.services.waitingFor(service),
        onProgress,
      },
      signal,
    );
  } finally {
    await atMostUs(CLOSE_US, deviceSide.close());
  }
}

/** What the brokers turned away stands in the audit under their names. */
function noteRefusals(ledger: Ledger, stage: Stage): void {
  for (const [reason, count] of Object.entries(stage.bal.refusals())) ledger.refusedAtLeast('bal', reason, count);
}

function describeRun(
  { options, preparation, inputHashes, runId, startedAt, beganUs }: Run,
  outcome: { readonly state: Manifest['state']; readonly instants: number; readonly loopUs: number },
): Manifest {
  const { loaded, park } = preparation;
  const { scenario, grid, platformGrid } = loaded;
  return {
    schema: 'platone.manifest/1',
    runId,
    state: outcome.state,
    ...commitOf(),
    versions: versions(),
    host: host(),
    startedAt,
    wallSeconds: (wallUs() - beganUs) / 1e6,
    class: preparation.class,
    seed: scenario.seed,
    // As from the project's folder, where the report's commands and `verify` find it.
    scenarioFile: relative(projectRoot(), resolve(options.scenarioFile)),
    inputHashes,
    scenario,
    grid,
    platformGrid,
    modelFaults: modelFaultsOf(loaded),
    options: { ...options },
    devices: loaded.devices.map(({ entry: _entry, ...device }) => ({ ...device, errors: errorsOf(park, device.id) })),
    assumptions: [...grid.assumptions, ...preparation.profiles.assumptions, ...modelAssumptions],
    instants: outcome.instants,
    loopSeconds: outcome.loopUs / 1e6,
  };
}

/** `germany/recorded-day.yaml` -> `recorded-day`. */
function nameOf(scenarioFile: string): string {
  return basename(scenarioFile, extname(scenarioFile));
}

/** A seed may be any text, and must not lead out of its folder. */
function inAFileName(seed: string): string {
  return seed.replaceAll(/[^\w.-]+/g, '-').slice(0, 60);
}

function errorsOf(park: DevicePark, id: string): ErrorModel | undefined {
  return park.devices.find((device) => device.id === id)?.describe();
}

/** The access layer's ledger, a signed block a line. */
function writeBlocks(file: string, entries: readonly LedgerEntry[]): void {
  writeFileSync(file, entries.map((entry) => `${JSON.stringify(entry)}\n`).join(''));
}

/** Models of ours that stand in every run. */
const modelAssumptions = [
  'Certification (hash chain over canonical JSON, one Ed25519 signature a block) is our model of the Blockchain Access Layer; its real payload is not public.',
  'The project named its indicators without formulas: the formulas in this report are proposals.',
];

function writeJson(file: string, value: unknown): void {
  writeFileSync(file, `${JSON.stringify(value, undefined, 2)}\n`);
}
