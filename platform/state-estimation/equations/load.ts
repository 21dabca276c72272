/** Values of one problem into equations that were laid out for its structure: targets, variances, what is in use. */
import type { EstimatorMeasurement, PhasorMeasurement } from '../estimator.ts';
import type { Equations } from './layout.ts';
import { ROW } from './row-kinds.ts';

/** What the measurements of a problem say as a whole. */
export interface Loaded {
  /** Rows of measurements in use; rows of shared causes do not count. */
  readonly active: number;
  /** Angle of the first voltage measured against the common time base, and its state; undefined without one. */
  readonly angle: { readonly state: number; readonly rad: number } | undefined;
}

/** Fills targets and variances; decides whether the reference angle is fixed. */
export function loadMeasurements(equations: Equations, measurements: readonly EstimatorMeasurement[]): Loaded {
  const { kind, source, target, variance, active, causeEntry, jacobian, measuredRows, rows } = equations;
  let count = 0;
  let synchronised = false;
  let angle: Loaded['angle'];
  for (let row = 0; row < measuredRows; row += 1) {
    const rowKind = kind[row]!;
    target[row] = 0;
    variance[row] = 1;
    if (rowKind === ROW.cause) {
      active[row] = 1;
      jacobian[causeEntry[row]!] = 1;
      continue;
    }
    const measurement = measurements[source[row]!]!;
    const usable = rowKind !== ROW.inert && measurement.sigma < Infinity;
    active[row] = usable ? 1 : 0;
    if (causeEntry[row]! >= 0) jacobian[causeEntry[row]!] = usable ? sensitivityOf(measurement) : 0;
    if (!usable) continue;
    count += 1;
    variance[row] = measurement.sigma ** 2;
    if (measurement.kind === 'sourceBalance') continue;
    if (measurement.kind === 'voltagePhasor' || measurement.kind === 'currentPhasor') {
      loadPhasorRow(equations, row, measurement);
      synchronised = true;
      if (rowKind === ROW.voltageRadial) angle ??= { state: ownState(equations, row), rad: measurement.angleRad };
      continue;
    }
    target[row] = measurement.value;
    if (rowKind === ROW.voltageAngle) angle ??= { state: ownState(equations, row), rad: measurement.value };
    if (rowKind === ROW.voltageAngle || rowKind === ROW.currentAngle) synchronised = true;
  }
  for (let row = measuredRows; row < rows; row += 1) {
    const fixed = kind[row] !== ROW.inert && (kind[row] !== ROW.reference || !synchronised);
    active[row] = fixed ? 1 : 0;
    variance[row] = fixed ? 0 : 1;
  }
  return { active: count, angle };
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
function tangentialSigma(phasor: PhasorMeasurement): number {
  const along = Math.abs(phasor.value) * phasor.angleSigmaRad;
  return Math.abs(phasor.value) < 3 * phasor.sigma ? Math.max(along, phasor.sigma) : along;
}

function sensitivityOf(measurement: EstimatorMeasurement): number {
  return 'shared' in measurement ? (measurement.shared?.sensitivity ?? 0) : 0;
}

function ownState(equations: Equations, row: number): number {
  return equations.partOwn[equations.partStart[row]!]!;
}
