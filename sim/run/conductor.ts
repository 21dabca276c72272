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
import type { Lifeline } from './lifeline.ts';
import { type Patience, type RunProgress, ServiceFailure } from './options.ts';
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
  /** Asks for the use cases whose time has come; resolves when the databus has taken it. */
  readonly operate: (timeUs: number) => Promise<void>;
  /** Moves the world over (fromUs, toUs]. */
  readonly advance: (fromUs: number, toUs: number) => Truth;
  /** What faults make of the messages of an instant. */
  readonly disturb: (messages: readonly DeviceMessage[], timeUs: number) => Disturbed;
  readonly record: (truth: Truth, messages: readonly DeviceMessage[]) => void;
  /** Wall time of the newest traffic on the databus, for the pace `quiet`. */
  readonly lastTrafficWallUs: () => number;
  /** Ends every wait when a service or broker dies. */
  readonly lifeline: Lifeline;
  readonly patience: Patience;
  /** What a service waits for, in words. */
  readonly waitingFor: (service: string) => string;
  readonly onProgress?: ((progress: Omit<RunProgress, 'offsetUs'>) => void) | undefined;
}

/** How often the services are asked whether they are there. */
const CALL_US = 200_000;
/** Silence on the databus that ends an instant of pace `quiet`. */
const QUIET_US = 30_000;
/** At most so long the event loop does not turn. */
const TURN_US = 20_000;
/** Any machine is busy elsewhere now and then; who is later than this, and than a step, does not keep up. */
const OVERRUN_US = 250_000;

/**
 * Runs all instants; resolves with the number completed, fewer than scheduled when the signal stopped it. Rejects with
 * ServiceFailure or DatabusError when somebody does not answer or dies, with AbortError when the signal came before all
 * had answered.
 */
export async function conduct(options: ConductorOptions, signal: AbortSignal): Promise<number> {
  const { schedule, lifeline } = options;
  await rollCall(options, signal);
  const beganUs = wallUs();
  const woken = AbortSignal.any([signal, lifeline.signal]);
  let truthUs = schedule.startUs;
  let turnedUs = beganUs;
  for (let instant = 0; instant < schedule.instants; instant += 1) {
    const timeUs = schedule.startUs + instant * schedule.stepUs;
    if (typeof options.pace === 'number') await keepTime(options, options.pace, beganUs, timeUs, woken);
    const final = instant === schedule.instants - 1 || signal.aborted;
    const truth = options.advance(truthUs, timeUs);
    truthUs = timeUs;
    const sequence = instant + 1;
    await playInstant(options, truth, sequence, final);
    options.onProgress?.({ instant: sequence, instants: schedule.instants, timeUs });
    if (final) return sequence;
    // In memory nothing ever waits for a socket: without this, Ctrl-C would not be heard before the end.
    if (wallUs() - turnedUs > TURN_US) {
      await yieldToSockets();
      turnedUs = wallUs();
    }
  }
  return schedule.instants;
}

/** Announces the run until every service has answered: whoever starts late misses nothing. */
async function rollCall(options: ConductorOptions, signal: AbortSignal): Promise<void> {
  const { board, runId, schedule, roads, lifeline, patience } = options;
  const tick = { schema: 'platone.tick/1', runId, timeUs: schedule.startUs, sequence: 0, published: {} } as const;
  const call = async () => {
    for (const stream of roads) await options.sendTick(stream, { ...tick, stream });
    await Promise.race([board.reached(0), sleepUs(CALL_US, signal)]);
  };
  const beganUs = wallUs();
  do {
    await lifeline.during(call());
    if (board.behind(0).length === 0) return;
    signal.throwIfAborted();
  } while (wallUs() - beganUs < patience.answerUs);
  const silent = board.behind(0).join(', ');
  const question = `no answer from ${silent}: is it running, and on the same databus?`;
  const declare =
    'A program without ticks has to be declared under "tickless" in the scenario, with the number of its answers';
  const refusal = 'one whose answers nobody can count beforehand cannot take part';
  throw new ServiceFailure('start', silent, `${question} ${declare}; ${refusal}`);
}

async function playInstant(options: ConductorOptions, truth: Truth, sequence: number, final: boolean): Promise<void> {
  const { deviceSide, devices, record, lifeline, board } = options;
  const { timeUs } = truth;
  if (!truth.converged) options.ledger.violation(`the power flow did not converge at ${formatInstant(timeUs)}`);
  const sampled = devices.flatMap((device) => device.sample(truth));
  const { sent, swallowed, turnedAway } = options.disturb(sampled, timeUs);
  record(truth, sampled);
  deviceSide.swallow(swallowed, timeUs);
  let ticks: readonly RoadTick[] = [];
  const stopWatching = watchOver(options, sequence, () => ticks);
  try {
    await lifeline.during(options.operate(timeUs));
    await lifeline.during(deviceSide.turnAway(turnedAway, timeUs));
    const published = await lifeline.during(deviceSide.publish(sent, timeUs));
    ticks = ticksOf(options, { timeUs, sequence, published, final });
    board.begin(sequence, timeUs);
    await lifeline.during(sendTicks(options, ticks));
    if (options.pace === 'lockstep' || final) {
      await lifeline.during(board.reached(sequence));
      await lifeline.during(setpointsDelivered(options));
    } else if (options.pace === 'quiet') await silence(options);
    else await yieldToSockets();
  } finally {
    stopWatching();
  }
  deviceSide.deliverSetpoints(timeUs);
  if (final) deviceSide.endOfRun(timeUs);
}

type RoadTick = Tick & { readonly stream: Road };

function ticksOf(
  { runId, roads }: ConductorOptions,
  instant: { timeUs: number; sequence: number; published: Record<Road, Counts>; final: boolean },
): readonly RoadTick[] {
  const { timeUs, sequence, published, final } = instant;
  return roads.map((stream) => ({
    schema: 'platone.tick/1',
    runId,
    stream,
    timeUs,
    sequence,
    published: published[stream],
    ...(final && { final }),
  }));
}

async function sendTicks(options: ConductorOptions, ticks: readonly RoadTick[]): Promise<void> {
  await Promise.all(ticks.map((tick) => options.sendTick(tick.stream, tick)));
}

/**
 * Watches over an instant by the wall clock until the returned function is called: services that wait for what will not
 * come are told to go on, and a run that this does not help is given up.
 */
function watchOver(options: ConductorOptions, sequence: number, ticks: () => readonly RoadTick[]): () => void {
  const { lifeline, patience, board } = options;
  let waitedUs = 0;
  return everyUs(patience.stallUs, () => {
    waitedUs += patience.stallUs;
    const forced = ticks().map((tick) => ({ ...tick, forced: true }));
    if (waitedUs >= patience.giveUpUs) {
      lifeline.fail(stuck(options, sequence, forced.length > 0));
      return;
    }
    if (forced.length > 0) board.urge(sequence);
    sendTicks(options, forced).catch((error: Error) => lifeline.fail(error));
  });
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

function stuck(options: ConductorOptions, sequence: number, ticksAreOut: boolean): ServiceFailure {
  if (!ticksAreOut) {
    return new ServiceFailure('run', 'broker', `the brokers did not take the measurements of instant ${sequence}`);
  }
  const behind = options.board.behind(sequence);
  if (behind.length === 0) {
    return new ServiceFailure('run', 'bridge', `setpoints of instant ${sequence} did not reach their devices`);
  }
  const reasons = behind.map((service) => `${service} waits for ${options.waitingFor(service)}`);
  return new ServiceFailure('run', behind.join(', '), `instant ${sequence} was not completed: ${reasons.join('; ')}`);
}

async function silence(options: ConductorOptions): Promise<void> {
  for (let idleUs = 0; idleUs < QUIET_US; idleUs = wallUs() - options.lastTrafficWallUs()) {
    await options.lifeline.during(sleepUs(QUIET_US - idleUs));
  }
}

/** Waits until the wall clock reaches the instant; whoever does not keep up is told so, and the run is worth nothing. */
async function keepTime(
  options: ConductorOptions,
  factor: number,
  beganUs: number,
  timeUs: number,
  woken: AbortSignal,
): Promise<void> {
  const { schedule, ledger, lifeline } = options;
  const dueUs = beganUs + (timeUs - schedule.startUs) / factor;
  await lifeline.during(sleepUs(dueUs - wallUs(), woken));
  const lateUs = wallUs() - dueUs;
  if (lateUs > Math.max(schedule.stepUs / factor, OVERRUN_US)) ledger.overrun(lateUs);
}
