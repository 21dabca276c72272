/**
 * Descent to a minimum of the objective for problems whose plain steps do not settle: a Levenberg-Marquardt iteration
 * (Marquardt, J. SIAM 11, 1963) on the exact curvature, each step accepted only when the sum of squares falls as it
 * should. With z - h = r and J = r' R^-1 r it minimises over d, C d = -c,
 *     -2 g' d + d' (B + mu I) d,    g = H' R^-1 r,    B = H' R^-1 H - sum of r_i / R_i times second derivatives of h_i,
 * or without the second derivatives where B + mu I has a direction of negative curvature. The constraints are linear in the
 * state: from the first step on they hold along every step, so J alone measures progress.
 */
import { AugmentedMatrix } from './augmented-matrix.ts';
import { type Curvature, evaluateCurvature, layOutCurvature } from './equations/curvature.ts';
import { evaluate, withoutAcross } from './equations/evaluate.ts';
import type { Equations } from './equations/layout.ts';
import type { Iteration } from './wls-solver.ts';

/** Largest change of a voltage component in one step, per unit: beyond it a quadratic says little of the objective. */
const STEP_MAX = 0.5;
/** A step is taken when J falls by this share of what the quadratic promises. */
const GAIN_MIN = 1e-3;
const GAIN_GOOD = 0.75;
/** Steps of this size are taken as Newton gives them: what J still falls by is rounding. */
const SURE_STEP = 1e-6;
/** Where rounding stops the steps from shrinking, this is small enough. */
const STALL_STEP = 1e-8;
/** Damping as a share of J over the square of a unit voltage: the first, and the least that counts. */
const DAMPING_FIRST = 4e-3;
const DAMPING_MIN = 1e-9;
const DAMPING_FALL = 0.1;
const STALLS_MAX = 3;
const SLOW_RATIO = 0.2;
const STEPS_MAX = 200;

/** Descends for the equations of one structure; its matrix has more places than that of plain steps. */
export class Descent {
  private readonly equations: Equations;
  private readonly curvature: Curvature;
  private readonly matrix: AugmentedMatrix;
  /** The matrix's corner: -mu I, then the curvature. */
  private readonly corner: Float64Array;
  /** R^-1 r by row at the state evaluated last. */
  private readonly weighted: Float64Array;
  /** Of the last solve: change of the state, then multipliers by row. */
  private readonly step: Float64Array;
  private readonly gradient: Float64Array;
  /** h(x) + H d by row, after the step d. */
  private readonly linear: Float64Array;
  private readonly trial: Float64Array;
  /** Positive eigenvalues of the matrix where B + mu I has no negative ones. */
  private positives = 0;

  constructor(equations: Equations) {
    const { unknowns, rows, voltages } = equations;
    this.equations = equations;
    this.curvature = layOutCurvature(equations);
    const diagonal = Array.from({ length: 2 * voltages }, (_, unknown) => unknown);
    this.matrix = new AugmentedMatrix(equations, {
      rows: Int32Array.from([...diagonal, ...this.curvature.rows]),
      columns: Int32Array.from([...diagonal, ...this.curvature.columns]),
    });
    this.corner = new Float64Array(diagonal.length + this.curvature.values.length);
    this.weighted = new Float64Array(rows);
    this.step = new Float64Array(unknowns + rows);
    this.gradient = new Float64Array(unknowns);
    this.linear = new Float64Array(rows);
    this.trial = new Float64Array(unknowns);
  }

  /** Takes the state to a minimum in place; voltage components in the last step changed by at most `tolerance`. */
  descend(x: Float64Array, tolerance: number): Iteration {
    this.meetConstraints(x);
    let objective = this.evaluateAt(x);
    let damping = 0;
    let growth = 2;
    let previous = Infinity;
    let stalls = 0;
    for (let iterations = 1; iterations <= STEPS_MAX; iterations += 1) {
      evaluateCurvature(this.curvature, this.equations, x, this.weighted);
      const isMinimum = this.factorise(damping);
      const { size, promise } = this.solveStep(damping);
      if (!Number.isFinite(size)) return { converged: false, iterations };
      const isSure = isMinimum && damping === 0 && size <= SURE_STEP;
      if (isSure) {
        stalls = size < STALL_STEP && size > SLOW_RATIO * previous ? stalls + 1 : 0;
        previous = size;
      }
      const carried = isSure ? this.weighted.map((value, row) => value + this.step[x.length + row]!) : undefined;
      const next = this.tryStep(x, isSure);
      const gain = (objective - next) / promise;
      if (isSure || (size <= STEP_MAX && gain > GAIN_MIN)) {
        x.set(this.trial);
        objective = next;
        // As a variable of its own R^-1 r keeps the digits that differences of large numbers lose.
        if (carried !== undefined) this.weighted.set(carried);
        if (isSure && (size <= tolerance || stalls >= STALLS_MAX)) return { converged: true, iterations };
        damping *= gain > GAIN_GOOD ? DAMPING_FALL : Math.max(1 / 3, 1 - (2 * gain - 1) ** 3);
        growth = 2;
        if (size <= SURE_STEP || damping < DAMPING_MIN * objective) damping = 0;
      } else {
        this.evaluateAt(x);
        // So short a step fails by rounding: without damping it is a sure one, or shows that this is no minimum.
        const isShort = size <= SURE_STEP;
        damping = isShort ? 0 : damping === 0 ? DAMPING_FIRST * objective : damping * growth;
        growth = isShort ? 2 : 2 * growth;
      }
    }
    return { converged: false, iterations: STEPS_MAX };
  }

  /** The smallest change, as the measurements weigh it, with which the constraints hold. */
  private meetConstraints(x: Float64Array): void {
    const { equations, step, matrix } = this;
    const { unknowns, measuredRows, rows, active, value } = equations;
    evaluate(equations, x);
    withoutAcross(equations);
    this.corner.fill(0);
    matrix.factorise(undefined, this.corner);
    this.positives = matrix.ldl.positiveEigenvalues();
    step.fill(0);
    for (let row = measuredRows; row < rows; row += 1) step[unknowns + row] = active[row] === 1 ? -value[row]! : 0;
    matrix.ldl.solve(step);
    for (let i = 0; i < unknowns; i += 1) x[i]! += step[i]!;
  }

  /** J at a state, with everything that a step from there needs. */
  private evaluateAt(x: Float64Array): number {
    const { equations, weighted } = this;
    const { measuredRows, active, target, value } = equations;
    const { used } = this.matrix;
    evaluate(equations, x);
    withoutAcross(equations);
    let objective = 0;
    for (let row = 0; row < measuredRows; row += 1) {
      const residual = active[row] === 1 ? target[row]! - value[row]! : 0;
      weighted[row] = residual / used[row]!;
      objective += residual * weighted[row]!;
    }
    return objective;
  }

  /** With the curvature where that leaves a minimum to step to, else without; answers with which. */
  private factorise(damping: number): boolean {
    const { corner, curvature, matrix } = this;
    const damped = 2 * this.equations.voltages;
    corner.fill(-damping, 0, damped);
    corner.set(curvature.values, damped);
    matrix.factorise(undefined, corner);
    if (matrix.ldl.positiveEigenvalues() === this.positives) return true;
    corner.fill(0, damped);
    matrix.factorise(undefined, corner);
    return false;
  }

  /** Largest change of a voltage component, and by how much the quadratic falls: g' d + mu d' d. */
  private solveStep(damping: number): { readonly size: number; readonly promise: number } {
    const { equations, weighted, step, gradient, linear } = this;
    const { used } = this.matrix;
    const { unknowns, voltages, rows, measuredRows, active, value, target, jacobian, entryRow, entryColumn } =
      equations;
    gradient.fill(0);
    for (let entry = 0; entry < entryRow.length; entry += 1) {
      gradient[entryColumn[entry]!]! += jacobian[entry]! * weighted[entryRow[entry]!]!;
    }
    step.fill(0);
    for (let i = 0; i < unknowns; i += 1) step[i] = -gradient[i]!;
    for (let row = 0; row < rows; row += 1) {
      const rest = row < measuredRows ? target[row]! - used[row]! * weighted[row]! : 0;
      step[unknowns + row] = active[row] === 1 ? rest - value[row]! : 0;
    }
    this.matrix.ldl.solve(step);
    linear.set(value);
    for (let entry = 0; entry < entryRow.length; entry += 1) {
      linear[entryRow[entry]!]! += jacobian[entry]! * step[entryColumn[entry]!]!;
    }
    let promise = 0;
    let size = 0;
    for (let i = 0; i < unknowns; i += 1) {
      const change = step[i]!;
      promise += gradient[i]! * change;
      if (i >= 2 * voltages) continue;
      promise += damping * change * change;
      if (!(Math.abs(change) <= size)) size = Math.abs(change);
    }
    return { size, promise };
  }

  /**
   * Puts the state after the step into `trial` and answers with J there. Unless the step is `sure`, it is bent after what
   * the measurements do not follow in a straight line, H d2 = h(x) + H d - h(x + d), where J is smaller there (Transtrum and
   * Sethna, "Improvements to the Levenberg-Marquardt algorithm", arXiv 1201.5885): sharp measurements make narrow, curved
   * valleys. It costs no factor.
   */
  private tryStep(x: Float64Array, isSure: boolean): number {
    const { trial, step, linear } = this;
    const { measuredRows, unknowns, active, value } = this.equations;
    for (let i = 0; i < unknowns; i += 1) trial[i] = x[i]! + step[i]!;
    const straight = this.evaluateAt(trial);
    if (isSure) return straight;
    step.fill(0);
    for (let row = 0; row < measuredRows; row += 1) {
      step[unknowns + row] = active[row] === 1 ? linear[row]! - value[row]! : 0;
    }
    this.matrix.ldl.solve(step);
    for (let i = 0; i < unknowns; i += 1) trial[i]! += step[i]!;
    const bent = this.evaluateAt(trial);
    if (bent < straight) return bent;
    for (let i = 0; i < unknowns; i += 1) trial[i]! -= step[i]!;
    return this.evaluateAt(trial);
  }
}
