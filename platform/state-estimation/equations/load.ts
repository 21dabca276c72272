/** Values of one problem into equations that were laid out for its structure: targets, variances, what is in use. */
import type { EstimatorMeasurement, PhasorMeasurement } from '../estimator.ts';
import type { Equations } from './layout.ts';
import { ROW } from './row-kinds.ts';

/** A standard deviation from which on a value counts as absent: its square would drown all others. */
export const SIGMA_ABSENT = 1e50;

/** What the measurements of a problem say as a whole. */
export interface Loaded {
  /** Rows of measurements in use; rows of shared causes do not count. */
  readonly active: number;
  /** Per island: state and angle of the first voltage measured against the common time base; -1 without one. */
  readonly anchorState: Int32Array;
  readonly anchorRad: Float64Array;
  /** Islands of which only currents are measured against it: while none flows nothing tells how they are turned. */
  readonly turnedByCurrents: readonly number[];
}

/** Fills targets and variances; decides in which islands the reference angle is fixed. */
export function loadMeasurements(equations: Equations, measurements: readonly EstimatorMeasurement[]): Loaded {
  const { kind, source, target, variance, active, causeEntry, jacobian, measuredRows, referenceRow } = equations;
  let count = 0;
  const synchronised = new Uint8Array(referenceRow.length);
  const anchorState = new Int32Array(referenceRow.length).fill(-1);
  const anchorRad = new Float64Array(referenceRow.length);
  const synchronise = (row: number, isVoltage: boolean, rad: number) => {
    const state = equations.entryColumn[equations.partEntry[equations.partStart[row]!]!]! >> 1;
    const island = equations.islandOfState[state]!;
    synchronised[island] = 1;
    if (!isVoltage || anchorState[island]! >= 0) return;
    anchorState[island] = state;
    anchorRad[island] = rad;
  };
  const { acrossRows, magnitudeRows } = equations;
  for (let row = 0; row < measuredRows - acrossRows.length; row += 1) {
    const rowKind = kind[row]!;
    target[row] = 0;
    variance[row] = 1;
    if (rowKind === ROW.cause) {
      active[row] = 1;
      jacobian[causeEntry[row]!] = 1;
      continue;
    }
    const measurement = measurements[source[row]!]!;
    const usable = rowKind !== ROW.inert && measurement.sigma < SIGMA_ABSENT;
    active[row] = usable ? 1 : 0;
    if (causeEntry[row]! >= 0) jacobian[causeEntry[row]!] = usable ? sensitivityOf(measurement) : 0;
    if (!usable) continue;
    count += 1;
    variance[row] = measurement.sigma ** 2;
    if (measurement.kind === 'sourceBalance') continue;
    if (measurement.kind === 'voltagePhasor' || measurement.kind === 'currentPhasor') {
      loadPhasorRow(equations, row, measurement);
      synchronise(row, rowKind === ROW.voltageRadial, measurement.angleRad);
      continue;
    }
    // No magnitude is less than nothing: the noise of an ammeter without current.
    target[row] = rowKind === ROW.currentMagnitude ? Math.max(0, measurement.value) : measurement.value;
    if (rowKind === ROW.voltageAngle || rowKind === ROW.currentAngle) {
      synchronise(row, rowKind === ROW.voltageAngle, measurement.value);
    }
  }
  for (let k = 0; k < acrossRows.length; k += 1) active[acrossRows[k]!] = active[magnitudeRows[k]!]!;
  loadConstraints(equations, synchronised);
  const turnedByCurrents = Array.from(synchronised.keys()).filter((i) => synchronised[i] === 1 && anchorState[i]! < 0);
  return { active: count, anchorState, anchorRad, turnedByCurrents };
}

/** Zero injections always hold; the angle of an island is fixed where no measurement carries it. */
function loadConstraints(equations: Equations, synchronised: Uint8Array): void {
  const { measuredRows, rows, referenceRow, active, variance } = equations;
  active.fill(1, measuredRows, rows);
  variance.fill(0, measuredRows, rows);
  referenceRow.forEach((row, island) => {
    if (synchronised[island] !== 1) return;
    active[row] = 0;
    variance[row] = 1;
  });
}

/**
 * Polar errors in the phasor's own direction: the rectangular covariance J diag(s_m^2, s_a^2) J' with
 * J = rotation(angle) diag(1, m) is diagonal there: (s_m^2, (m s_a)^2). Nothing is left out, no correlation lost.
 */
function loadPhasorRow(equations: Equations, row: number, phasor: PhasorMeasurement): void {
  const { kind, target, variance, cosine, sine } = equations;
  cosine[row] = Math.cos(phasor.angleRad);
  sine[row] = Math.sin(phasor.angleRad);
  if (kind[row] === ROW.voltageRadial || kind[row] === ROW.currentRadial) target[row] = phasor.value;
  else variance[row] = tangentialSigma(phasor) ** 2;
}

/** m s_a; a magnitude lost in its own noise has no angle, there the error is taken as circular. */
export function tangentialSigma(phasor: PhasorMeasurement): number {
  const along = Math.abs(phasor.value) * phasor.angleSigmaRad;
  return Math.abs(phasor.value) < 3 * phasor.sigma ? Math.max(along, phasor.sigma) : along;
}

function sensitivityOf(measurement: EstimatorMeasurement): number {
  return 'shared' in measurement ? (measurement.shared?.sensitivity ?? 0) : 0;
}
