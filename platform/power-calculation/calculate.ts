/** A PMU's message in, the message with its powers out: pure, stateless, nothing but what the frame itself says. */
import type { Measurand, Measurement, Reading, ReadingPhase } from '../contract/measurement.ts';
import {
  apparentPower,
  arithmeticApparentPower,
  phasePower,
  powerFactor,
  sumPower,
  threeTimes,
  type ComplexPower,
  type MeasuredPhasor,
  type Quantity,
} from './complex-power.ts';
import { intoBranch } from './direction.ts';
import { sequenceComponent, type SequenceName } from './sequence-components.ts';

export interface CalculationOptions {
  /** Part of every angle's sigma that comes from the device's one clock and cancels in power angles, rad. */
  readonly commonAngleSigmaRad: number;
  /** Whether to add positive, negative and zero sequence of voltage and current. */
  readonly sequenceComponents: boolean;
  /** The one phase of a frame stands for three equal ones, as in a positive-sequence grid: totals are three times it. */
  readonly balanced: boolean;
}

const phaseNames = ['A', 'B', 'C'] as const;
const sequenceNames: readonly SequenceName[] = ['positive', 'negative', 'zero'];

/**
 * Powers at every place whose current the frame carries. Directions: positive P flows from the named bus side into the
 * branch or load, whatever way the channel is wired (`positiveDirection` of the answer is always 1).
 *
 * Per phase P, Q, S, power factor where the frame has voltage and current phasor; with all three phases the totals
 * (vector S as `apparentpower`, arithmetic S under its own name, power factor over vector S) and the symmetrical
 * components. Sigmas where the frame states those of its phasors. Timestamp, interval, sequence and quality are those of
 * the frame. Undefined when the frame holds no place with a voltage and a current phasor of one phase.
 */
export function calculatePower(frame: Measurement, options: CalculationOptions): Measurement | undefined {
  const places = phasorsByPlace(frame);
  const readings: Reading[] = [];
  for (const [component, currents] of places.currents) {
    // Where the voltage of the frame is named after the bus, it is the one voltage of the frame.
    const [onlyVoltage] = places.voltages.size === 1 ? places.voltages.values() : [];
    const voltages = places.voltages.get(component) ?? onlyVoltage;
    if (voltages !== undefined) readings.push(...placeReadings(component, voltages, currents, options));
  }
  if (readings.length === 0) return undefined;
  return {
    schema: 'platone.measurement/1',
    device: frame.device,
    timestamp: frame.timestamp,
    sequence: frame.sequence,
    ...(frame.interval === undefined ? {} : { interval: frame.interval }),
    positiveDirection: 1,
    readings,
    ...(frame.quality === undefined ? {} : { quality: frame.quality }),
  };
}

type PhasorSet = Map<ReadingPhase, MeasuredPhasor>;

function placeReadings(
  component: string,
  voltages: PhasorSet,
  currents: PhasorSet,
  options: CalculationOptions,
): Reading[] {
  const readings: Reading[] = [];
  const add = (measurand: Measurand, phase: ReadingPhase, value: number, sigma: number) => {
    // The schema wants a positive sigma or none: unknown (NaN) and exactly zero are left out.
    readings.push({ component, measurand, phase, data: value, ...(sigma > 0 ? { sigma } : {}) });
  };
  const addPower = (phase: ReadingPhase, power: ComplexPower) => {
    add('activepower', phase, power.activeW, Math.sqrt(power.activeVariance));
    add('reactivepower', phase, power.reactiveVar, Math.sqrt(power.reactiveVariance));
    const apparent = apparentPower(power);
    add('apparentpower', phase, apparent.value, apparent.sigma);
    const factor = powerFactor(power);
    if (factor !== undefined) add('powerfactor', phase, factor.value, factor.sigma);
  };

  const powers: ComplexPower[] = [];
  for (const phase of phaseNames) {
    const voltage = voltages.get(phase);
    const current = currents.get(phase);
    if (voltage === undefined || current === undefined) continue;
    const power = phasePower(voltage, current, options.commonAngleSigmaRad);
    powers.push(power);
    addPower(phase, power);
  }
  const total = totalOf(powers, options.balanced);
  if (total !== undefined) {
    addPower('total', total.power);
    add('apparentpowerarithmetic', 'total', total.arithmetic.value, total.arithmetic.sigma);
  }
  if (!options.sequenceComponents) return readings;
  for (const [set, magnitude, angle] of [
    [voltages, 'voltmagnitude', 'voltangle'],
    [currents, 'currmagnitude', 'currangle'],
  ] as const) {
    const [a, b, c] = phaseNames.map((phase) => set.get(phase));
    if (a === undefined || b === undefined || c === undefined) continue;
    for (const name of sequenceNames) {
      const component = sequenceComponent(name, [a, b, c], options.commonAngleSigmaRad);
      add(magnitude, name, component.magnitude, component.magnitudeSigma);
      add(angle, name, component.angle, component.angleSigma);
    }
  }
  return readings;
}

/** Three-phase sums; undefined when a phase is missing. */
function totalOf(
  powers: readonly ComplexPower[],
  balanced: boolean,
): { readonly power: ComplexPower; readonly arithmetic: Quantity } | undefined {
  const [only] = powers;
  if (balanced && only !== undefined && powers.length === 1) {
    const power = threeTimes(only);
    return { power, arithmetic: apparentPower(power) };
  }
  if (powers.length !== phaseNames.length) return undefined;
  return { power: sumPower(powers), arithmetic: arithmeticApparentPower(powers) };
}

/** Pairs magnitudes with angles, by component and phase; currents already in the platform's direction. */
function phasorsByPlace(frame: Measurement): {
  readonly voltages: Map<string, PhasorSet>;
  readonly currents: Map<string, PhasorSet>;
} {
  // A negative direction turns the current phasor by half a turn; RMS magnitudes stay positive.
  const turn = intoBranch(1, frame.positiveDirection) < 0 ? Math.PI : 0;
  return {
    voltages: pairPhasors(frame.readings, 'voltmagnitude', 'voltangle', 0),
    currents: pairPhasors(frame.readings, 'currmagnitude', 'currangle', turn),
  };
}

function pairPhasors(
  readings: readonly Reading[],
  magnitudeName: Measurand,
  angleName: Measurand,
  turn: number,
): Map<string, PhasorSet> {
  const places = new Map<string, PhasorSet>();
  for (const reading of readings) {
    if (reading.measurand !== magnitudeName) continue;
    const angle = readings.find(
      (other) =>
        other.measurand === angleName && other.phase === reading.phase && other.component === reading.component,
    );
    if (angle === undefined) continue;
    const set = places.get(reading.component) ?? new Map<ReadingPhase, MeasuredPhasor>();
    set.set(reading.phase, {
      magnitude: reading.data,
      magnitudeSigma: reading.sigma ?? Number.NaN,
      angle: wrapAngle(angle.data + turn),
      angleSigma: angle.sigma ?? Number.NaN,
    });
    places.set(reading.component, set);
  }
  return places;
}

/** Into (-pi, pi]; leaves angles inside untouched. */
function wrapAngle(angle: number): number {
  return angle > -Math.PI && angle <= Math.PI ? angle : Math.atan2(Math.sin(angle), Math.cos(angle));
}
