/**
 * Does to the devices' messages what a scenario's events say, and labels each message with the faults that shaped it.
 * Events act in the order of the scenario; what strikes at random draws from a stream of its own device and fault.
 */
import { InvalidInputError, type Problem } from '../../grids/problem.ts';
import { randomStream, type RandomStream } from '../../numerics/random.ts';
import type { Measurement, Reading } from '../../platform/contract/measurement.ts';
import { formatInstant, parseInstant } from '../../platform/contract/time.ts';
import type { DeviceMessage } from '../devices/device.ts';
import { targetMatcher } from '../scenario/checks.ts';
import { eventInstant } from '../scenario/events.ts';
import type { FaultEvent, ScenarioEvent } from '../scenario/schema.ts';
import { faultCatalogue } from './catalogue.ts';
import { faultParameter, type FaultParameter } from './parameters.ts';
import {
  selectionOf,
  withAnglesTurned,
  withBias,
  withCtRatio,
  withDropOut,
  withGrossError,
  withHeldValues,
  withNotANumber,
  withNullForNaN,
  withPhaseSwap,
  withSignFlip,
  withWrongUnit,
  type Selection,
} from './readings.ts';

export interface Disturbed {
  /** Go out, some of them changed, some twice. */
  readonly sent: readonly DeviceMessage[];
  /** Lost on their way from the device: injected loss. */
  readonly swallowed: readonly DeviceMessage[];
  /** Of devices that the access layer does not let in. */
  readonly turnedAway: readonly DeviceMessage[];
}

export interface FaultInjector {
  /** What becomes of the messages that the devices sampled at `timeUs`; to be called at every instant, in time order. */
  apply(messages: readonly DeviceMessage[], timeUs: number): Disturbed;
}

export interface FaultInjectorOptions {
  readonly events: readonly ScenarioEvent[];
  readonly seed: string;
  /** Of the run, ISO 8601 with zone. */
  readonly start: string;
  /** That the angles of phasors refer to. */
  readonly nominalHz: number;
}

/** Throws InvalidInputError with every event whose `value`, `at` or `measurand` does not fit. */
export function createFaultInjector(options: FaultInjectorOptions): FaultInjector {
  const problems: Problem[] = [];
  const active = options.events.flatMap((event, index) => {
    if (!('fault' in event) || faultCatalogue[event.fault].where === 'device') return [];
    const result = readEvent(event, options);
    if (typeof result !== 'string') return [result];
    problems.push({ path: `events.${index}`, message: result });
    return [];
  });
  if (problems.length > 0) throw new InvalidInputError(problems);
  return {
    apply(messages, timeUs) {
      const sent: DeviceMessage[] = [];
      const swallowed: DeviceMessage[] = [];
      const turnedAway: DeviceMessage[] = [];
      for (const message of messages) {
        const fate = active.reduce<Fate>((so, event) => event(so, timeUs), {
          copies: [message],
          lost: false,
          turnedAway: false,
        });
        const out = fate.turnedAway ? turnedAway : fate.lost ? swallowed : sent;
        out.push(...fate.copies.map(encodable));
      }
      return { sent, swallowed, turnedAway };
    },
  };
}

/** NaN travels as null; certificates are made over what travels. */
function encodable(message: DeviceMessage): DeviceMessage {
  if (message.faults?.includes('not-a-number') !== true) return message;
  const readings = withNullForNaN(message.measurement.readings);
  return { ...message, measurement: { ...message.measurement, readings } };
}

/** What has become of one message so far. */
interface Fate {
  readonly copies: readonly DeviceMessage[];
  readonly lost: boolean;
  readonly turnedAway: boolean;
}

/** An event, ready to act on a message at an instant. */
type ActiveEvent = (fate: Fate, timeUs: number) => Fate;

function readEvent(event: FaultEvent, { start, seed, nominalHz }: FaultInjectorOptions): ActiveEvent | string {
  const beginUs = eventInstant(event.at, start);
  if (typeof beginUs === 'string') return beginUs;
  const parameter = faultParameter(event);
  if (typeof parameter === 'string') return parameter;
  const endUs = event.for === undefined ? Number.POSITIVE_INFINITY : beginUs + event.for;
  const concerns = targetMatcher(event.target);
  const memories = new Map<string, Memory>();
  return (fate, timeUs) => {
    const [message] = fate.copies;
    if (message === undefined || !concerns({ kind: message.kind, id: message.device })) return fate;
    let memory = memories.get(message.device);
    if (memory === undefined) {
      const path = ['fault', message.device, event.fault, event.at];
      memory = { stream: randomStream(seed, path), held: new Map(), past: [] };
      memories.set(message.device, memory);
    }
    const isActive = timeUs >= beginUs && timeUs < endUs;
    const struck = isActive
      ? strike(fate, { event, parameter, memory, selected: selectionOf(event), nominalHz })
      : fate;
    if (event.fault === 'stale') remember(memory, message.measurement.readings, parameter.amount);
    return struck;
  };
}

/** What an event keeps of each device. */
interface Memory {
  readonly stream: RandomStream;
  /** `stuck`: values at the onset. */
  readonly held: Map<string, number>;
  /** `stale`: readings of the last messages, oldest first. */
  readonly past: (readonly Reading[])[];
}

function remember(memory: Memory, readings: readonly Reading[], count: number): void {
  memory.past.push(readings);
  if (memory.past.length > count) memory.past.shift();
}

interface Stroke {
  readonly event: FaultEvent;
  readonly parameter: FaultParameter;
  readonly memory: Memory;
  readonly selected: Selection;
  readonly nominalHz: number;
}

/** Drop-out draws for each reading; every other fault once for the message. */
function strike(fate: Fate, stroke: Stroke): Fate {
  const { event, memory } = stroke;
  const { fault } = event;
  const probability = event.probability ?? faultCatalogue[fault].probability;
  if (fault !== 'drop-out' && probability < 1 && memory.stream.uniform() >= probability) return fate;
  const label = fault === 'forged-certificate' ? `${fault}:${stroke.parameter.word}` : fault;
  const copies = fate.copies.map((message) => {
    const changed = disturb(message, stroke, probability);
    return changed === undefined ? message : { ...changed, faults: [...(message.faults ?? []), label] };
  });
  if (fault === 'comm-outage') return { ...fate, copies, lost: true };
  if (fault === 'wrong-password') return { ...fate, copies, turnedAway: true };
  if (fault === 'duplicate') return { ...fate, copies: copies.flatMap((message) => [message, message]) };
  return { ...fate, copies };
}

/** The message as the fault leaves it; undefined when it had nothing in it for this fault to act on. */
function disturb(message: DeviceMessage, stroke: Stroke, probability: number): DeviceMessage | undefined {
  const { parameter } = stroke;
  switch (stroke.event.fault) {
    case 'comm-outage':
    case 'duplicate':
    case 'wrong-password':
    case 'forged-certificate':
      return message;
    case 'delay':
      return { ...message, publishUs: message.publishUs + parameter.amount };
    case 'time-skew':
      return { ...message, measurement: skewed(message.measurement, parameter.amount, stroke.nominalHz) };
    case 'wrong-schema': {
      // The one place where a message is meant not to be what its type says.
      const schema = parameter.word as Measurement['schema'];
      return { ...message, measurement: { ...message.measurement, schema } };
    }
    default: {
      const { readings } = message.measurement;
      const changed = disturbReadings(readings, stroke, probability);
      const same = changed.length === readings.length && changed.every((reading, i) => reading === readings[i]);
      return same ? undefined : { ...message, measurement: { ...message.measurement, readings: changed } };
    }
  }
}

function disturbReadings(readings: readonly Reading[], stroke: Stroke, probability: number): Reading[] {
  const { event, parameter, memory, selected } = stroke;
  switch (event.fault) {
    case 'gross-error':
      return withGrossError(readings, selected, parameter, memory.stream);
    case 'bias':
      return withBias(readings, selected, parameter, event.measurand !== undefined);
    case 'stuck':
      return withHeldValues(readings, selected, memory.held);
    case 'stale':
      return withPastValues(readings, selected, memory.past[0]);
    case 'sign-flip':
      return withSignFlip(readings, selected);
    case 'phase-swap':
      return withPhaseSwap(readings, selected, parameter);
    case 'wrong-unit':
      return withWrongUnit(readings, selected, parameter);
    case 'ct-ratio':
      return withCtRatio(readings, selected, parameter);
    case 'drop-out':
      return withDropOut(readings, selected, probability, memory.stream);
    case 'not-a-number':
      return withNotANumber(readings, selected);
    default:
      throw new Error(`${event.fault} is no fault of readings`);
  }
}

/** Selected readings as they were in an earlier message, where there was one. */
function withPastValues(
  readings: readonly Reading[],
  selected: Selection,
  past: readonly Reading[] | undefined,
): Reading[] {
  if (past === undefined) return [...readings];
  const before = new Map<string, number>();
  withHeldValues(past, () => true, before);
  return withHeldValues(readings, selected, before);
}

/**
 * A clock that is `skewUs` ahead: every time in the message is, and angles refer to the reference at nominal frequency of the
 * wrong time, which has run ahead by 2 pi f0 * skew.
 */
function skewed(measurement: Measurement, skewUs: number, nominalHz: number): Measurement {
  const shift = (text: string) => formatInstant(parseInstant(text) + skewUs);
  const { timestamp, interval, readings } = measurement;
  return {
    ...measurement,
    timestamp: shift(timestamp),
    ...(interval === undefined ? {} : { interval: { start: shift(interval.start), end: shift(interval.end) } }),
    readings: withAnglesTurned(readings, -2 * Math.PI * (nominalHz / 1e6) * skewUs),
  };
}
