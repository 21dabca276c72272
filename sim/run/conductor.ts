/**
 * Moves time on. In lock-step: physics, devices, tick, then it waits until every service has completed the instant and
 * every setpoint has reached its device. In real time the wall clock moves time on and nobody is waited for.
 */
import { formatInstant } from '../../platform/contract/time.ts';
import type { Tick } from '../../platform/contract/timing.ts';
import { everyUs, sleepUs, wallUs, yieldToSockets } from '../clock/wall-clock.ts';
import type { Device, DeviceMessage } from '../devices/device.ts';
import type { Disturbed } from '../faults/injector.ts';
import type { Truth } from '../physics/truth.ts';
import type { Counts, DeviceSide, Road } from './device-side.ts';
import type { Ledger } from './ledger.ts';
import { type RunProgress, ServiceFailure } from './options.ts';
import type { ProgressBoard } from './progress-board.ts';

export interface Schedule {
  readonly startUs: number;
  readonly stepUs: number;
  /** Number of instants, the start included. */
  readonly instants: number;
}

/** How time passes: `lockstep` as fast as the machine allows, `quiet` when the databus is silent, a number = that many times real time. */
export type Pace = 'lockstep' | 'quiet' | number;

export interface ConductorOptions {
  readonly runId: string;
  readonly schedule: Schedule;
  readonly pace: Pace;
  readonly roads: readonly Road[];
  readonly sendTick: (road: Road, tick: Tick) => Promise<void>;
  readonly board: ProgressBoard;
  /** Setpoints that the services have published so far, from their progress. */
  readonly setpointsPublished: () => number;
  readonly deviceSide: DeviceSide;
  readonly devices: readonly Device[];
  readonly ledger: Ledger;
  /** Moves the world over (fromUs, toUs]. */
  readonly advance: (fromUs: number, toUs: number) => Truth;
  /** What faults make of the messages of an instant. */
  readonly disturb: (messages: readonly DeviceMessage[], timeUs: number) => Disturbed;
  readonly record: (truth: Truth, messages: readonly DeviceMessage[]) => void;
  /** Wall time of the newest traffic on the databus, for the pace `quiet`. */
  readonly lastTrafficWallUs: () => number;
  /** Rejects when a service or broker dies. */
  readonly failure: Promise<never>;
  /** What a service waits for, in words. */
  readonly waitingFor: (service: string) => string;
  readonly onProgress?: ((progress: RunProgress) => void) | undefined;
}

/** Wall time without progress after which services are told to go on without what is missing, and after which we give up. */
const STALL_US = 3_000_000;
const GIVE_UP_STALLS = 4;
/** How often the services are asked whether they are there, and for how long. */
const CALL_US = 200_000;
const CALLS = 100;
/** Silence on the databus that ends an instant of pace `quiet`. */
const QUIET_US = 30_000;

/** Runs all instants; resolves with the number completed, fewer than scheduled when the signal stopped it. */
export async function conduct(options: ConductorOptions, signal: AbortSignal): Promise<number> {
  const { schedule } = options;
  await rollCall(options);
  const beganUs = wallUs();
  let truthUs = schedule.startUs;
  for (let instant = 0; instant < schedule.instants; instant += 1) {
    const timeUs = schedule.startUs + instant * schedule.stepUs;
    if (typeof options.pace === 'number') await keepTime(options, options.pace, beganUs, timeUs, signal);
    const final = instant === schedule.instants - 1 || signal.aborted;
    const truth = options.advance(truthUs, timeUs);
    truthUs = timeUs;
    const sequence = instant + 1;
    await Promise.race([playInstant(options, truth, sequence, final), options.failure]);
    options.onProgress?.({ instant: sequence, instants: schedule.instants, timeUs });
    if (final) return sequence;
  }
  return schedule.instants;
}

/** Announces the run until every service has answered: whoever starts late misses nothing. */
async function rollCall(options: ConductorOptions): Promise<void> {
  const { board, runId, schedule, roads } = options;
  const tick = { schema: 'platone.tick/1', runId, timeUs: schedule.startUs, sequence: 0, published: {} } as const;
  for (let call = 0; call < CALLS; call += 1) {
    for (const stream of roads) await options.sendTick(stream, { ...tick, stream });
    await Promise.race([board.reached(0), sleepUs(CALL_US), options.failure]);
    if (board.behind(0).length === 0) return;
  }
  const silent = board.behind(0).join(', ');
  throw new ServiceFailure('start', silent, `no answer from ${silent}: is it running, and on the same databus?`);
}

async function playInstant(options: ConductorOptions, truth: Truth, sequence: number, final: boolean): Promise<void> {
  const { deviceSide, devices, record } = options;
  const { timeUs } = truth;
  if (!truth.converged) options.ledger.violation(`the power flow did not converge at ${formatInstant(timeUs)}`);
  const sampled = devices.flatMap((device) => device.sample(truth));
  const { sent, swallowed, turnedAway } = options.disturb(sampled, timeUs);
  record(truth, sampled);
  deviceSide.swallow(swallowed, timeUs);
  await deviceSide.turnAway(turnedAway, timeUs);
  const published = await deviceSide.publish(sent, timeUs);
  await sendTicks(options, timeUs, sequence, published, final);
  if (options.pace === 'lockstep' || final) await completed(options, timeUs, sequence, published);
  else if (options.pace === 'quiet') await silence(options);
  else await yieldToSockets();
  deviceSide.deliverSetpoints(timeUs);
  if (final) deviceSide.endOfRun(timeUs);
}

async function sendTicks(
  options: ConductorOptions,
  timeUs: number,
  sequence: number,
  published: Record<Road, Counts>,
  flags: boolean | { readonly forced: true },
): Promise<void> {
  const { runId, roads } = options;
  const extra = typeof flags === 'object' ? flags : flags ? { final: true } : {};
  const ticks = roads.map((stream) =>
    options.sendTick(stream, {
      schema: 'platone.tick/1',
      runId,
      stream,
      timeUs,
      sequence,
      published: published[stream],
      ...extra,
    }),
  );
  await Promise.all(ticks);
}

/** Every service has completed the instant, and every setpoint of it has reached its device. */
async function completed(
  options: ConductorOptions,
  timeUs: number,
  sequence: number,
  published: Record<Road, Counts>,
): Promise<void> {
  const { board, failure } = options;
  let giveUp: (error: ServiceFailure) => void = () => {};
  const stuckForGood = new Promise<never>((_resolve, reject) => {
    giveUp = reject;
  });
  let stalls = 0;
  const stopWatching = everyUs(STALL_US, () => {
    stalls += 1;
    if (stalls > GIVE_UP_STALLS) giveUp(stuck(options, sequence));
    else sendTicks(options, timeUs, sequence, published, { forced: true }).catch(giveUp);
  });
  try {
    await Promise.race([board.reached(sequence), failure, stuckForGood]);
    await Promise.race([setpointsDelivered(options), failure, stuckForGood]);
  } finally {
    stopWatching();
  }
}

function setpointsDelivered(options: ConductorOptions): Promise<void> {
  const { deviceSide, setpointsPublished } = options;
  if (deviceSide.setpointsSeen >= setpointsPublished()) return Promise.resolve();
  return new Promise((resolve) => {
    deviceSide.onSetpoint = () => {
      if (deviceSide.setpointsSeen >= setpointsPublished()) resolve();
    };
  });
}

function stuck(options: ConductorOptions, sequence: number): ServiceFailure {
  const behind = options.board.behind(sequence);
  if (behind.length === 0) {
    return new ServiceFailure('run', 'bridge', `setpoints of instant ${sequence} did not reach their devices`);
  }
  const reasons = behind.map((service) => `${service} waits for ${options.waitingFor(service)}`);
  return new ServiceFailure('run', behind.join(', '), `instant ${sequence} was not completed: ${reasons.join('; ')}`);
}

async function silence(options: ConductorOptions): Promise<void> {
  for (let idleUs = 0; idleUs < QUIET_US; idleUs = wallUs() - options.lastTrafficWallUs()) {
    await Promise.race([sleepUs(QUIET_US - idleUs), options.failure]);
  }
}

/** Waits until the wall clock reaches the instant; being later than a step is an overrun, and overruns are not hidden. */
async function keepTime(
  options: ConductorOptions,
  factor: number,
  beganUs: number,
  timeUs: number,
  signal: AbortSignal,
): Promise<void> {
  const { schedule, ledger } = options;
  const dueUs = beganUs + (timeUs - schedule.startUs) / factor;
  await Promise.race([sleepUs(dueUs - wallUs(), signal), options.failure]);
  const lateUs = wallUs() - dueUs;
  if (lateUs * factor > schedule.stepUs) ledger.overrun(lateUs);
}
