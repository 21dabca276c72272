/**
 * What the augmented matrix K at the solution says about uncertainty. With K^-1 = Z partitioned like
 * (mu, lambda, x): the state's covariance is -Z_xx, and Z_mumu = R^-1 Omega R^-1 with Omega = R - H Sigma H' the
 * covariance of the residuals r = R mu. So the normalised residual r_i / sqrt(Omega_ii) is mu_i / sqrt(Z_ii).
 */
import { chiSquareQuantile } from '../../numerics/chi-square.ts';
import type { EstimationProblem, EstimatorMeasurement, Residual, Suspect } from './estimator.ts';
import type { WlsSolver } from './wls-solver.ts';

/**
 * Residual variance below this share of the measurement's own: nothing else checks it, it is critical. An error of 900
 * sigmas stays below the limit of suspects there. What losses alone couple has shares of about 1e-7.
 */
const CRITICAL_SHARE = 1e-5;
const SUSPECT_LIMIT = 3;
const CHI_SQUARE_PROBABILITY = 0.95;

/** The chi-square test, and which statistics a problem asks for when it comes out so. */
export function testObjective(
  objective: number,
  degreesOfFreedom: number,
  statistics: EstimationProblem['statistics'],
): { readonly chiSquareLimit: number; readonly withSigmas: boolean; readonly withResiduals: boolean } {
  const chiSquareLimit = chiSquareLimitOf(degreesOfFreedom);
  const withSigmas = statistics === 'always' || statistics === 'full';
  const suspicious = statistics === 'on-suspicion' && isSuspicious(objective, degreesOfFreedom);
  return { chiSquareLimit, withSigmas, withResiduals: withSigmas || suspicious };
}

/** What the objective of measurements without gross errors stays below; zero where nothing is redundant. */
function chiSquareLimitOf(degreesOfFreedom: number): number {
  return degreesOfFreedom > 0 ? chiSquareQuantile(CHI_SQUARE_PROBABILITY, degreesOfFreedom) : 0;
}

export function isSuspicious(objective: number, degreesOfFreedom: number): boolean {
  return degreesOfFreedom > 0 && objective > chiSquareLimitOf(degreesOfFreedom);
}

/** A solved problem with what its uncertainty is read from: the inverse of the augmented matrix, over the unknowns x. */
export interface SolvedState extends Pick<WlsSolver, 'equations' | 'x' | 'residual' | 'residualVariance'> {
  readonly ldl: Pick<WlsSolver['ldl'], 'inverseEntry' | 'quadraticForm' | 'solve'>;
}

/** What the residuals say: one entry a row in use, and the largest normalised one of each measurement. */
export interface ResidualStatistics {
  readonly residuals: readonly Residual[];
  /** In problem order; NaN where critical or absent. */
  readonly largest: Float64Array;
}

/** The factor must belong to the solver's state. */
export function residualStatistics(
  solver: SolvedState,
  measurements: readonly EstimatorMeasurement[],
): ResidualStatistics {
  const { measuredRows, variance, active, source } = solver.equations;
  const residuals: Residual[] = [];
  const largest = new Float64Array(measurements.length).fill(Number.NaN);
  for (let row = 0; row < measuredRows; row += 1) {
    const of = source[row]!;
    if (active[row] !== 1 || of < 0) continue;
    const measurement = measurements[of]!;
    const own = solver.residualVariance(row);
    const residual = solver.residual(row);
    const checked = own > CRITICAL_SHARE * variance[row]!;
    const normalised = checked ? Math.abs(residual) / Math.sqrt(own) : Number.NaN;
    // The part of a phasor across its direction, over its magnitude, is the residual of its angle.
    const isAngle = row > 0 && source[row - 1] === of && 'angleRad' in measurement;
    const length = isAngle ? Math.max(Math.abs(measurement.value), measurement.sigma) : 1;
    residuals.push({
      index: of,
      measurement: isAngle ? (measurement.angleId ?? measurement.id) : measurement.id,
      residual: residual / length,
      sigma: Math.sqrt(variance[row]!) / length,
      normalised,
    });
    if (!(largest[of]! >= normalised) && checked) largest[of] = normalised;
  }
  return { residuals, largest };
}

/** Whether two normalised residuals may be those of measurements that check each other and nothing else does. */
export function areEqual(a: number, b: number): boolean {
  return Math.abs(a - b) <= EQUAL * Math.max(a, b);
}

/**
 * Of two residuals with shares s that keep s' < CRITICAL_SHARE without each other the correlation is sqrt(1 - s' / s), and
 * with s = 1/2 their normalised sizes are sqrt(2 s') = 0.0045 apart: about 1e-3 of what is suspicious.
 */
const EQUAL = 1e-3;

/** Normalised residuals above 3, largest first; those that cannot be told apart with the names of each other. */
export function suspectsOf(residuals: readonly Residual[]): Suspect[] {
  const rows = residuals
    .filter(({ normalised }) => normalised > SUSPECT_LIMIT)
    .sort((a, b) => b.normalised - a.normalised || (a.measurement < b.measurement ? -1 : 1));
  const suspects = new Map<string, Suspect>();
  for (const { measurement, normalised } of rows) {
    if (!suspects.has(measurement)) suspects.set(measurement, { measurement, normalisedResidual: normalised });
  }
  for (let first = 0, next = 0; first < rows.length; first = next) {
    while (next < rows.length && areEqual(rows[first]!.normalised, rows[next]!.normalised)) next += 1;
    const tuple = rows.slice(first, next);
    const names = new Set(tuple.map(({ measurement }) => measurement));
    if (names.size < 2 || Math.abs(shareOf(tuple) - 1) > EQUAL) continue;
    for (const name of names) {
      const others = [...names].filter((other) => other !== name);
      suspects.set(name, { ...suspects.get(name)!, indistinguishableFrom: others });
    }
  }
  return [...suspects.values()];
}

/**
 * Sum of Omega_ii / R_ii. With S = Omega R^-1 the residuals are r = S e, and S is a projection: its trace is the number
 * of redundant values. Measurements with one redundant value between them, a critical tuple, have a block of S of rank
 * and trace 1 (Abur and Exposito, sections 5.5 and 5.7): normalised residuals of one size and shares that add up to 1.
 */
function shareOf(tuple: readonly Residual[]): number {
  return tuple.reduce((sum, { residual, sigma, normalised }) => sum + (residual / sigma / normalised) ** 2, 0);
}

/**
 * Standard deviations at `bus * phases + phase`: of the magnitude (per unit), and of the angle against phase 0 of the
 * reference bus (rad; zero there). NaN at dead buses.
 */
export function voltageSigmas(
  solver: SolvedState,
  referenceBus: number,
): { magnitude: Float64Array; angle: Float64Array } {
  const { equations, ldl, x } = solver;
  const { stateOf, phases } = equations;
  const magnitude = new Float64Array(stateOf.length).fill(Number.NaN);
  const angle = new Float64Array(stateOf.length).fill(Number.NaN);
  const reference = stateOf[referenceBus * phases]!;
  const common = covarianceWithAngle(solver, reference);
  const referenceVariance = reference < 0 ? 0 : alongAngle(common, x, reference);
  // An island whose angle is fixed for itself has no angle against the reference bus.
  const comparable = (state: number) =>
    equations.active[equations.referenceRow[equations.islandOfState[state]!]!] === 0;

  stateOf.forEach((state, k) => {
    if (state < 0) return;
    const re = x[2 * state]!;
    const im = x[2 * state + 1]!;
    const size = Math.sqrt(re * re + im * im);
    const rr = -ldl.inverseEntry(2 * state, 2 * state);
    const ri = -ldl.inverseEntry(2 * state, 2 * state + 1);
    const ii = -ldl.inverseEntry(2 * state + 1, 2 * state + 1);
    const c = re / size;
    const s = im / size;
    // d|v| = c dre + s dim, |v| dangle = -s dre + c dim.
    let along = c * c * rr + 2 * c * s * ri + s * s * ii;
    let across = (s * s * rr - 2 * c * s * ri + c * c * ii) / (size * size);
    const other = comparable(state) ? reference : -1;
    if (other >= 0) across += referenceVariance - 2 * alongAngle(common, x, state);
    const least = CANCELLED * (rr + ii);
    if (along < least) along = -ldl.quadraticForm([2 * state, 2 * state + 1], [c, s]);
    if (across * size * size < least) across = varianceBetween(solver, state, other);
    magnitude[k] = Math.sqrt(Math.max(0, along));
    angle[k] = state === reference ? 0 : Math.sqrt(Math.max(0, across));
  });
  return { magnitude, angle };
}

/** Share of a covariance block below which a variance is no longer known well as a difference within it. */
const CANCELLED = 1e-3;

/** Of the angle between two states (or of one, where the other is -1), by a solve of its own. */
function varianceBetween({ ldl, x }: SolvedState, state: number, other: number): number {
  const ends = other < 0 ? [state] : [state, other];
  const unknowns = ends.flatMap((end) => [2 * end, 2 * end + 1]);
  const gradient = ends.flatMap((end, i) => angleGradient(x, end).map((value) => (i === 0 ? value : -value)));
  return -ldl.quadraticForm(unknowns, gradient);
}

function angleGradient(x: Float64Array, state: number): [re: number, im: number] {
  const re = x[2 * state]!;
  const im = x[2 * state + 1]!;
  const square = re * re + im * im;
  return [-im / square, re / square];
}

/** Covariance of every state component with the angle of `state`: one solve with the angle's gradient. */
function covarianceWithAngle(solver: SolvedState, state: number): Float64Array {
  const column = new Float64Array(solver.equations.unknowns + solver.equations.rows);
  if (state < 0) return column;
  column.set(angleGradient(solver.x, state), 2 * state);
  solver.ldl.solve(column);
  return column.map((value) => -value);
}

/** Gradient of the angle of `state` times a covariance column. */
function alongAngle(column: Float64Array, x: Float64Array, state: number): number {
  const [re, im] = angleGradient(x, state);
  return re * column[2 * state]! + im * column[2 * state + 1]!;
}
