/**
 * Gauss-Newton on the augmented (Hachtel) form for one structure of measurements, with everything that can be kept
 * between estimates kept: layout, symbolic factor, memory, last state, and the numeric factor while it still converges.
 *
 * Unknowns are the state x, the weighted residuals mu = R^-1 (z - h(x)) and the multipliers lambda of the constraints
 * c(x) = 0. Each step solves
 *     [ R  0  H ] [dmu    ]   [ z - h - R mu          ]
 *     [ 0  0  C ] [dlambda] = [ -c                    ]
 *     [ H' C' 0 ] [dx     ]   [ -(H' mu + C' lambda)  ]
 * The right side is exact at the present x, so every step refines the one before; the matrix may be an old one. Weights
 * enter as R on the diagonal and are never squared into a gain matrix: ratios of 1e8 and more cost no digits
 * (Gjelsvik, Aam, Holten, "Hachtel's augmented matrix method", IEEE Trans. PAS 104, 1985).
 */
import type { SparseLdl } from '../../numerics/sparse-ldl.ts';
import { joins } from '../../grids/compile.ts';
import type { CompiledGrid } from '../../grids/model.ts';
import { AugmentedMatrix, type StatePairs } from './augmented-matrix.ts';
import type { EstimationProblem } from './estimator.ts';
import { evaluate, withoutAcross } from './equations/evaluate.ts';
import { layOutEquations, noLoadEquations, type Equations } from './equations/layout.ts';
import { loadMeasurements, type Loaded } from './equations/load.ts';
import { statesAt } from './equations/state-space.ts';
import { flatStart } from './flat-start.ts';
import { Descent } from './wls-descent.ts';
import { WEIGHT_JUMP } from './wls-start.ts';

/** A factor that is inverted has larger pivots than one for steps: the inverse loses the digits by which L grows. */
const INVERSE_PIVOT = 0.1;
/** A step is cut to this many per unit, so that a poor start does not throw the iteration off. */
const STEP_MAX = 0.5;
/** The next matrix is made anew while steps are larger than this, later only when they shrink too slowly. */
const NEWTON_STEP = 0.02;
const SLOW_RATIO = 0.2;
/** Steps that are still as long as that after so many do not settle. */
const LONG_STEPS_MAX = 10;
/** An old factor is not used when a variance has changed by more than this factor. */
const WEIGHT_CHANGE = 4;
/** Where rounding stops the steps from shrinking, this is small enough. */
const STALL_STEP = 1e-8;
/** Share of a row's variance below which that of its residual is rounding. */
const TRACE = 1e-8;

export interface SolverOptions {
  /** Largest change of a voltage component in the last step, per unit. */
  readonly tolerance: number;
  readonly iterationsMax: number;
}

export interface Solution {
  readonly x: Float64Array;
  readonly multiplier: Float64Array;
}

export interface Iteration {
  readonly converged: boolean;
  readonly iterations: number;
}

export class WlsSolver {
  readonly equations: Equations;
  readonly ldl: SparseLdl;
  private readonly grid: CompiledGrid;
  /** The equations without what flows at no load, made when first asked for. */
  private noLoad: Equations | undefined;
  /** The state at no load that belongs to them. */
  readonly noLoadX: Float64Array;
  /** State, and the multipliers mu and lambda by row. */
  readonly x: Float64Array;
  readonly multiplier: Float64Array;
  private factorExists = false;
  /** Whether a weight was quite another before the last `load`. */
  weightsJumped = false;
  /** Rows in use when observability was last found complete; empty before. */
  private observableWith: Uint8Array = new Uint8Array(0);
  private readonly matrix: AugmentedMatrix;
  /** Made when plain steps have failed for the first time. */
  private descent: Descent | undefined;
  private readonly step: Float64Array;
  private readonly before: Float64Array;
  /** Reference rows of islands that only currents turn. */
  private turnedByCurrents: readonly number[] = [];

  constructor(problem: EstimationProblem) {
    const equations = layOutEquations(problem);
    this.equations = equations;
    this.grid = problem.grid;
    const { rows, unknowns } = equations;
    this.matrix = new AugmentedMatrix(equations, branchPairs(problem.grid, equations));
    this.ldl = this.matrix.ldl;
    this.step = new Float64Array(unknowns + rows);
    this.before = new Float64Array(rows);
    this.x = new Float64Array(unknowns);
    this.noLoadX = new Float64Array(unknowns);
    this.multiplier = new Float64Array(rows);
  }

  /** Fills in the values of a problem with this structure. Weights that changed much make the old factor useless. */
  load(problem: EstimationProblem): Loaded {
    const { active, rows, variance } = this.equations;
    this.before.set(variance);
    const loaded = loadMeasurements(this.equations, problem.measurements);
    let change = 1;
    for (let row = 0; row < rows; row += 1) {
      if (active[row] === 0) this.multiplier[row] = 0;
      const ratio = variance[row]! / this.before[row]!;
      if (ratio > change) change = ratio;
      if (ratio * change < 1) change = 1 / ratio;
    }
    if (change > WEIGHT_CHANGE) this.factorExists = false;
    this.weightsJumped = change > WEIGHT_JUMP;
    this.matrix.limitVariances();
    this.turnedByCurrents = loaded.turnedByCurrents.map((island) => this.equations.referenceRow[island]!);
    return loaded;
  }

  /**
   * Takes rows out of use that touch one of these blocks (energised buses): what is measured at the edge of a part that
   * nobody observes says nothing about the rest, and would drag it along. Answers with the number of measured rows left.
   */
  withdraw(blocks: ReadonlySet<number>): number {
    const { measuredRows, entryRow, entryColumn, blockOfUnknown, source, active, variance } = this.equations;
    for (let entry = 0; entry < entryRow.length; entry += 1) {
      if (!blocks.has(blockOfUnknown[entryColumn[entry]!]!)) continue;
      const row = entryRow[entry]!;
      active[row] = 0;
      variance[row] = 1;
      this.multiplier[row] = 0;
    }
    this.factorExists = false;
    let left = 0;
    for (let row = 0; row < measuredRows; row += 1) if (source[row]! >= 0) left += active[row]!;
    return left;
  }

  /** Whether the rows now in use have been found to leave nothing open. */
  isKnownObservable(): boolean {
    const { active } = this.equations;
    if (this.observableWith.length !== active.length) return false;
    for (let row = 0; row < active.length; row += 1) if (active[row] !== this.observableWith[row]) return false;
    return true;
  }

  rememberObservable(complete: boolean): void {
    this.observableWith = complete ? this.equations.active.slice() : new Uint8Array(0);
  }

  /** Starts from these voltages (by state, interleaved); old multipliers only make sense beside old voltages. */
  start(voltage: Float64Array): void {
    this.x.fill(0);
    this.x.set(voltage);
    this.multiplier.fill(0);
    this.factorExists = false;
  }

  /** State and multipliers at hand, to come back to. */
  solution(): Solution {
    return { x: this.x.slice(), multiplier: this.multiplier.slice() };
  }

  resume({ x, multiplier }: Solution): void {
    this.x.set(x);
    this.multiplier.set(multiplier);
    this.factorExists = false;
  }

  /** Iterates until the steps vanish. */
  iterate(options: SolverOptions): Iteration {
    let previous = Infinity;
    let stalls = 0;
    let renew = !this.factorExists;
    let iterations = 0;
    while (iterations < options.iterationsMax) {
      iterations += 1;
      evaluate(this.equations, this.x);
      if (renew) this.factorise();
      let size = this.solveStep();
      if (size > NEWTON_STEP && !renew && previous === Infinity) {
        // An old factor that asks for a long first step is not to be trusted with it.
        this.factorise();
        size = this.solveStep();
      }
      if (!Number.isFinite(size)) {
        this.factorExists = false;
        return { converged: false, iterations };
      }
      this.applyStep(Math.min(1, STEP_MAX / size));
      if (size <= options.tolerance) return { converged: true, iterations };
      const slow = size > SLOW_RATIO * previous;
      stalls = slow && size < STALL_STEP ? stalls + 1 : 0;
      if (stalls >= 3) return { converged: true, iterations };
      if (size > NEWTON_STEP && iterations >= LONG_STEPS_MAX) break;
      renew = size > NEWTON_STEP || slow;
      previous = size;
    }
    this.factorExists = false;
    return { converged: false, iterations };
  }

  /**
   * From where the solver stands to a minimum of the objective, by steps that cost more and cannot throw it off. The factor
   * is then that of the linearised equations there.
   */
  descend(tolerance: number): Iteration {
    this.descent ??= new Descent(this.equations);
    const descended = this.descent.descend(this.x, tolerance);
    evaluate(this.equations, this.x);
    withoutAcross(this.equations);
    this.factorise();
    const { measuredRows, active, target, value } = this.equations;
    this.multiplier.fill(0);
    for (let row = 0; row < measuredRows; row += 1) {
      if (active[row] === 1) this.multiplier[row] = (target[row]! - value[row]!) / this.matrix.used[row]!;
    }
    return descended;
  }

  /** Makes the factor that belongs to the present state: what variances and observability are read from. */
  factoriseHere(): void {
    evaluate(this.equations, this.x);
    withoutAcross(this.equations);
    this.factorise(INVERSE_PIVOT);
  }

  /** Measured minus estimated, of a row in use after the iteration. */
  residual(row: number): number {
    return this.matrix.used[row]! * this.multiplier[row]!;
  }

  /** Variance of the residual by the factor of `factoriseHere`; no more than a trace of the row's own where it is critical. */
  residualVariance(row: number): number {
    const used = this.matrix.used[row]!;
    const unknowns = this.x.length;
    const left = used * this.ldl.inverseEntry(unknowns + row, unknowns + row);
    // What a limit has taken from the variance no estimate knows of: it is the residual's.
    return left > TRACE ? this.equations.variance[row]! - used * (1 - left) : left * used;
  }

  /**
   * Makes a factor at no load whose null space is a matter of the grid and of what is measured where: every measurement
   * weighs the same against its own largest derivative. It is no good for a step.
   */
  factoriseUnweighted(): void {
    if (this.noLoad === undefined) {
      const voltage = flatStart(this.grid, 'without charge');
      this.noLoad = noLoadEquations(this.equations, this.grid, voltage);
      const { busPhaseOfState, voltages } = this.equations;
      for (let i = 0; i < 2 * voltages; i += 1) this.noLoadX[i] = voltage[2 * busPhaseOfState[i >> 1]! + (i & 1)]!;
    }
    // How an island stands that only currents turn is no matter of what is measured where: they do once they flow.
    this.fixReferences(true);
    evaluate(this.noLoad, this.noLoadX);
    this.matrix.factoriseUnweighted();
    this.fixReferences(false);
    this.factorExists = false;
  }

  private fixReferences(fixed: boolean): void {
    const { active, variance } = this.equations;
    for (const row of this.turnedByCurrents) {
      active[row] = fixed ? 1 : 0;
      variance[row] = fixed ? 0 : 1;
    }
  }

  /** Largest derivative of a row when a factor was last made. */
  largestDerivative(row: number): number {
    return this.matrix.largest[row]!;
  }

  private factorise(pivot?: number): void {
    this.matrix.factorise(pivot);
    this.factorExists = true;
  }

  /** Solves for the step; answers with the largest change of a voltage component. */
  private solveStep(): number {
    const { rows, value, target, jacobian, entryRow, entryColumn, active } = this.equations;
    const { step, multiplier } = this;
    const { used } = this.matrix;
    const unknowns = this.x.length;
    step.fill(0, 0, unknowns);
    for (let row = 0; row < rows; row += 1) {
      step[unknowns + row] = active[row] === 1 ? target[row]! - value[row]! - used[row]! * multiplier[row]! : 0;
    }
    for (let entry = 0; entry < entryRow.length; entry += 1) {
      step[entryColumn[entry]!]! -= jacobian[entry]! * multiplier[entryRow[entry]!]!;
    }
    this.ldl.solve(step);
    let size = 0;
    for (let i = 0; i < 2 * this.equations.voltages; i += 1) {
      const change = Math.abs(step[i]!);
      if (!(change <= size)) size = change;
    }
    return size;
  }

  private applyStep(share: number): void {
    const { x, multiplier, step } = this;
    for (let i = 0; i < x.length; i += 1) x[i]! += share * step[i]!;
    for (let row = 0; row < multiplier.length; row += 1) multiplier[row]! += share * step[x.length + row]!;
  }
}

/**
 * Places that hold no value but keep the two ends of a branch in one front, so that the inverse's pattern holds the
 * covariance of their voltages: the flow's standard deviation is read from it. In a radial grid they cause no fill.
 */
function branchPairs(grid: CompiledGrid, equations: Equations): StatePairs {
  const { blockOfBus, busOfBlock, seriesStates, phases } = equations;
  const rows: number[] = [];
  const columns: number[] = [];
  const firsts = Array.from(busOfBlock, (bus) => unknownsOf(statesAt(equations, bus, phases)));
  for (const branch of grid.branches) {
    const from = firsts[blockOfBus[branch.from]!];
    const to = firsts[blockOfBus[branch.to]!];
    if (!joins(branch) || from === undefined || to === undefined) continue;
    for (const unknown of to) {
      rows.push(from[0]!);
      columns.push(unknown);
    }
    for (const unknown of [...from.slice(1), ...unknownsOf(seriesStates.get(branch.index) ?? [])]) {
      rows.push(unknown);
      columns.push(to[0]!);
    }
  }
  return { rows: Int32Array.from(rows), columns: Int32Array.from(columns) };
}

function unknownsOf(states: readonly number[]): number[] {
  return states.flatMap((state) => [2 * state, 2 * state + 1]);
}
