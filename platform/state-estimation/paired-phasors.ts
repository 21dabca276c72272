/** Magnitudes and angles that were measured as one phasor, and are written apart in a measurement file. */
import type { EstimatorMeasurement, PhasorMeasurement, ScalarKind, ScalarMeasurement } from './estimator.ts';

/**
 * Magnitude and angle of one current become a phasor: its polar errors as a rectangular covariance stay well-behaved
 * where the current is small. Voltages keep their polar rows, in which nothing is approximated.
 */
export function pairCurrents(measurements: readonly ScalarMeasurement[]): EstimatorMeasurement[] {
  const placeOf = ({ place, phase }: ScalarMeasurement) => JSON.stringify([place, phase]);
  const allOf = (kind: ScalarKind) => {
    const byPlace = new Map<string, ScalarMeasurement[]>();
    for (const measurement of measurements) {
      if (measurement.kind !== kind) continue;
      byPlace.set(placeOf(measurement), [...(byPlace.get(placeOf(measurement)) ?? []), measurement]);
    }
    return byPlace;
  };
  const magnitudes = allOf('currentMagnitude');
  const angles = allOf('currentAngle');
  return measurements.flatMap((measurement): EstimatorMeasurement[] => {
    const { kind } = measurement;
    if (kind !== 'currentMagnitude' && kind !== 'currentAngle') return [measurement];
    const key = placeOf(measurement);
    const magnitude = magnitudes.get(key);
    const angle = angles.get(key);
    // Several of a kind at one place are redundant meters: who belongs to whom is not said, so they stay as they are.
    if (magnitude?.length !== 1 || angle?.length !== 1 || measurement.phase === 'sum') return [measurement];
    if (kind === 'currentAngle') return [];
    return [phasorOf('currentPhasor', measurement, measurement.phase, angle[0]!, angle[0]!.sigma)];
  });
}

const ANGLE_ID = /^(.*)-angle(-[ABC])?$/;

/** A magnitude and its angle become a phasor with an error as large across as along. */
export function pairVoltages(measurements: readonly EstimatorMeasurement[]): EstimatorMeasurement[] {
  const angles = new Map<string, ScalarMeasurement>();
  for (const one of measurements) {
    const [, name, phase = ''] = ANGLE_ID.exec(one.id) ?? [];
    if (one.kind === 'voltageAngle' && name !== undefined) angles.set(name + phase, one);
  }
  const paired = new Set<string>();
  const phasors = measurements.map((one): EstimatorMeasurement => {
    const angle = one.kind === 'voltageMagnitude' ? angles.get(one.id) : undefined;
    if (angle === undefined || one.kind !== 'voltageMagnitude' || one.phase === 'sum') return one;
    paired.add(angle.id);
    return phasorOf('voltagePhasor', one, one.phase, angle, one.sigma / one.value);
  });
  return phasors.filter(({ id, kind }) => kind !== 'voltageAngle' || !paired.has(id));
}

function phasorOf(
  kind: PhasorMeasurement['kind'],
  { id, place, value, sigma }: ScalarMeasurement,
  phase: number,
  angle: ScalarMeasurement,
  angleSigmaRad: number,
): PhasorMeasurement {
  return { id, angleId: angle.id, kind, place, phase, value, sigma, angleRad: angle.value, angleSigmaRad };
}
