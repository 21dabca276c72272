/** What the measurement faults do to the readings of one message: pure functions from readings to readings. */
import type { RandomStream } from '../../numerics/random.ts';
import type { Measurand, Reading } from '../../platform/contract/measurement.ts';
import type { FaultEvent } from '../scenario/schema.ts';
import type { FaultParameter } from './parameters.ts';

/** A reading that an event names: by measurand and phase where it says so, any other way. */
export type Selection = (reading: Reading) => boolean;

export function selectionOf({ measurand, phase }: Pick<FaultEvent, 'measurand' | 'phase'>): Selection {
  return (reading) =>
    (measurand === undefined || reading.measurand === measurand) && (phase === undefined || reading.phase === phase);
}

const angles: ReadonlySet<Measurand> = new Set<Measurand>(['voltangle', 'currangle']);
/** Registers count on whatever happens to the channel that shows values. */
const registers: ReadonlySet<Measurand> = new Set<Measurand>(['energyimport', 'energyexport']);
const throughCurrent: ReadonlySet<Measurand> = new Set<Measurand>([
  'currmagnitude',
  'activepower',
  'reactivepower',
  'apparentpower',
  'apparentpowerarithmetic',
]);
/** What has a sign that a current transformer decides. */
const signed: ReadonlySet<Measurand> = new Set<Measurand>(['activepower', 'reactivepower']);
const scalable: ReadonlySet<Measurand> = new Set<Measurand>([...throughCurrent, 'voltmagnitude', 'energystored']);

/** One of the selected readings, drawn by chance, off by `amount` of its value; angles by `amount` rad. */
export function withGrossError(
  readings: readonly Reading[],
  selected: Selection,
  { amount }: FaultParameter,
  stream: RandomStream,
): Reading[] {
  const candidates = readings.filter((reading) => selected(reading) && !registers.has(reading.measurand));
  const victim = candidates[Math.floor(stream.uniform() * candidates.length)];
  return readings.map((reading) => {
    if (reading !== victim) return reading;
    if (angles.has(reading.measurand)) return turned(reading, amount);
    return { ...reading, data: reading.data * (1 + amount) };
  });
}

/** All selected readings off by a constant, absolute or relative; registers only where the event names them. */
export function withBias(
  readings: readonly Reading[],
  selected: Selection,
  parameter: FaultParameter,
  named: boolean,
): Reading[] {
  const { amount, relative } = parameter;
  return readings.map((reading) => {
    if (!selected(reading) || (registers.has(reading.measurand) && !named)) return reading;
    if (angles.has(reading.measurand) && !relative) return turned(reading, amount);
    return { ...reading, data: relative ? reading.data * (1 + amount) : reading.data + amount };
  });
}

/** Current transformer mounted the other way round: powers change their sign, current phasors turn by half a turn. */
export function withSignFlip(readings: readonly Reading[], selected: Selection): Reading[] {
  return readings.map((reading) => {
    if (!selected(reading)) return reading;
    if (signed.has(reading.measurand)) return { ...reading, data: -reading.data };
    return reading.measurand === 'currangle' ? turned(reading, Math.PI) : reading;
  });
}

/** Readings of two phases under each other's name. */
export function withPhaseSwap(readings: readonly Reading[], selected: Selection, { word }: FaultParameter): Reading[] {
  const [first, second] = word.split('') as [Reading['phase'], Reading['phase']];
  return readings.map((reading) => {
    if (!selected(reading) || (reading.phase !== first && reading.phase !== second)) return reading;
    return { ...reading, phase: reading.phase === first ? second : first };
  });
}

/** Magnitudes, powers and stored energy times a factor. */
export function withWrongUnit(
  readings: readonly Reading[],
  selected: Selection,
  { amount }: FaultParameter,
): Reading[] {
  return scaled(readings, (reading) => selected(reading) && scalable.has(reading.measurand), amount);
}

/** Currents and powers times a factor. */
export function withCtRatio(readings: readonly Reading[], selected: Selection, { amount }: FaultParameter): Reading[] {
  return scaled(readings, (reading) => selected(reading) && throughCurrent.has(reading.measurand), amount);
}

function scaled(readings: readonly Reading[], selected: Selection, factor: number): Reading[] {
  return readings.map((reading) => (selected(reading) ? { ...reading, data: reading.data * factor } : reading));
}

/** All angles turned by `angleRad`. */
export function withAnglesTurned(readings: readonly Reading[], angleRad: number): Reading[] {
  return readings.map((reading) => (angles.has(reading.measurand) ? turned(reading, angleRad) : reading));
}

/** Selected readings left out by chance; a message keeps one reading at least. */
export function withDropOut(
  readings: readonly Reading[],
  selected: Selection,
  probability: number,
  stream: RandomStream,
): Reading[] {
  const kept = readings.filter((reading) => !selected(reading) || stream.uniform() >= probability);
  return kept.length > 0 ? kept : readings.slice(0, 1);
}

export function withNotANumber(readings: readonly Reading[], selected: Selection): Reading[] {
  return readings.map((reading) => (selected(reading) ? { ...reading, data: Number.NaN } : reading));
}

/** As a device's encoder writes them: JSON knows no NaN and puts null, which is what the receivers must refuse. */
export function withNullForNaN(readings: readonly Reading[]): Reading[] {
  return readings.map((reading) =>
    Number.isNaN(reading.data) ? { ...reading, data: null as unknown as number } : reading,
  );
}

/** Selected readings at the value that `held` has for them; what it lacks is added to it first. */
export function withHeldValues(
  readings: readonly Reading[],
  selected: Selection,
  held: Map<string, number>,
): Reading[] {
  return readings.map((reading) => {
    if (!selected(reading)) return reading;
    const key = `${reading.component} ${reading.measurand} ${reading.phase}`;
    const value = held.get(key) ?? reading.data;
    held.set(key, value);
    return { ...reading, data: value };
  });
}

/** In (-pi, pi]. */
function turned(reading: Reading, angleRad: number): Reading {
  const angle = reading.data + angleRad;
  return { ...reading, data: Math.atan2(Math.sin(angle), Math.cos(angle)) };
}
