/**
 * The plug-in interface of state estimation: a problem of plain numbers in, an answer of plain numbers out.
 *
 * Everything is per unit on the bases of the compiled grid: voltages on each bus's nominal phase-to-ground voltage,
 * powers on the per-phase base power, currents on base power over base voltage of the bus at that end. Phases count
 * 0, 1, 2 for A, B, C (0 alone in a positive-sequence grid). An estimator may keep state between calls (a factor, the
 * last voltages); the answer must not depend on it beyond its tolerance.
 */
import type { CompiledGrid } from '../../grids/model.ts';

/** Where a quantity is measured: at a bus, or at one end of a branch. Indices of the compiled grid. */
export type MeasuredPlace =
  | { readonly at: 'bus'; readonly bus: number }
  | { readonly at: 'from' | 'to'; readonly branch: number };

/** Kinds with one real value. Powers and currents flow into the grid at a bus, into the branch at a branch end. */
export type ScalarKind =
  | 'voltageMagnitude'
  | 'voltageAngle'
  | 'activePower'
  | 'reactivePower'
  | 'currentMagnitude'
  | 'currentAngle';

export interface ScalarMeasurement {
  readonly id: string;
  readonly kind: ScalarKind;
  readonly place: MeasuredPlace;
  /** `sum` adds the powers of all phases (activePower and reactivePower only). */
  readonly phase: number | 'sum';
  /** Per unit, angles in rad. A negative magnitude of a current (noise) counts as zero. */
  readonly value: number;
  /** Standard deviation in the same unit, positive; Infinity = absent at present (keeps the structure). */
  readonly sigma: number;
  /**
   * The part of the error that comes from a cause which others share (one cloud over many forecasts): `sensitivity`
   * times one standard normal variable per cause, on top of `sigma`. Signs matter between measurements.
   */
  readonly shared?: { readonly cause: string; readonly sensitivity: number };
}

/** A synchronised phasor: magnitude and angle with independent errors. One source; never also its derived powers. */
export interface PhasorMeasurement {
  readonly id: string;
  readonly kind: 'voltagePhasor' | 'currentPhasor';
  readonly place: MeasuredPlace;
  readonly phase: number;
  readonly value: number;
  readonly sigma: number;
  readonly angleRad: number;
  readonly angleSigmaRad: number;
  /** Name of the angle part in lists of suspects; `id` when absent. */
  readonly angleId?: string;
}

/**
 * What is known of an external grid without measuring: the voltage behind its impedance is balanced. `sequence` of
 * that voltage is zero with standard deviation `sigma` in its real and imaginary part. Three-phase grids only; without
 * it the zero sequence at the delta side of a transformer is nobody's business and cannot be observed.
 */
export interface SourceBalance {
  readonly id: string;
  readonly kind: 'sourceBalance';
  /** Index into the compiled grid's sources. */
  readonly source: number;
  readonly sequence: 'zero' | 'negative';
  readonly sigma: number;
}

export type EstimatorMeasurement = ScalarMeasurement | PhasorMeasurement | SourceBalance;

export interface EstimationProblem {
  readonly grid: CompiledGrid;
  readonly measurements: readonly EstimatorMeasurement[];
  /** Computational buses where nothing is connected but branches and shunts: Kirchhoff's law holds there exactly. */
  readonly zeroInjections: readonly number[];
  /**
   * Phase 0 of this bus has angle zero in the answer, and in the problem when no measurement carries an angle. In a grid
   * of several electrical islands each one without measured angles has the first phase of its first source at zero.
   */
  readonly referenceBus: number;
  /**
   * Standard deviations of voltages and normalised residuals: always; `full` with those of flows and injections too;
   * only when the chi-square test fails (residuals only); never.
   */
  readonly statistics: 'full' | 'always' | 'on-suspicion' | 'never';
}

export type EstimateStatus = 'converged' | 'not-observable' | 'diverged' | 'no-measurements';

export interface Suspect {
  readonly measurement: string;
  readonly normalisedResidual: number;
  /** Others that check it and that nothing else checks: which of them all is wrong the residuals cannot say. */
  readonly indistinguishableFrom?: readonly string[];
}

/** One residual: of a measurement's value, or of a phasor's angle. */
export interface Residual {
  /** Number of the measurement in the problem. */
  readonly index: number;
  /** Id of the measurement; of a phasor's angle its `angleId`. */
  readonly measurement: string;
  /** Measured minus estimated, per unit or rad. */
  readonly residual: number;
  /** Standard deviation of the measurement in the same unit. */
  readonly sigma: number;
  /** Its size over its own standard deviation; NaN where no other measurement checks this one: it is critical. */
  readonly normalised: number;
}

/** Standard deviations of what follows from the voltages, per unit; NaN where not estimated. */
export interface FlowSigmas {
  /** Of the injection into the grid, interleaved active and reactive at `2 * (bus * phases + phase)`. */
  readonly injection: Float64Array;
  /** At `6 * (branch * phases + phase)`: P and Q from, P and Q to, current magnitude from and to. */
  readonly branch: Float64Array;
  /** Of the active power lost in branches, and of what shunts draw. */
  readonly losses: number;
  readonly shunts: number;
}

export interface EstimateResult {
  readonly status: EstimateStatus;
  /** How it was computed, in the words of the estimator that chooses among several ways; they lead to the same answer. */
  readonly method?: string;
  readonly iterations: number;
  /**
   * Voltages, interleaved re, im at `2 * (bus * phases + phase)`, turned so that phase 0 of the reference bus is real;
   * NaN at dead and unobserved buses, and everywhere when there is no answer.
   */
  readonly voltage: Float64Array;
  /** Sum of squared weighted residuals, and what it is to be compared with at 95 % probability. */
  readonly objective: number;
  /** Measured values minus free states; constraints make states unfree. */
  readonly degreesOfFreedom: number;
  readonly chiSquareLimit: number;
  /** Normalised residuals above 3, the largest first; empty when statistics were not asked for. */
  readonly suspects: readonly Suspect[];
  /** Largest normalised residual of each measurement, in problem order; NaN where critical or absent. */
  readonly normalisedResiduals: Float64Array | undefined;
  /** Computational buses of which some phase's voltage the measurements leave open. */
  readonly unobservedBuses: readonly number[];
  /** Standard deviations at `bus * phases + phase`: magnitude per unit, angle relative to the reference rad. */
  readonly voltageMagnitudeSigma: Float64Array | undefined;
  readonly voltageAngleSigma: Float64Array | undefined;
  /** With statistics: every residual in problem order, absent measurements left out. An estimator may leave it out. */
  readonly residuals?: readonly Residual[] | undefined;
  /** With `full` statistics. An estimator may leave it out. */
  readonly flowSigmas?: FlowSigmas | undefined;
}

export interface Estimator {
  /** Kebab-case; becomes part of the topic of its estimates. */
  readonly name: string;
  /** Expected failures are statuses; throws only on a programmer's mistake such as a place outside the grid. */
  estimate(problem: EstimationProblem): EstimateResult;
}
