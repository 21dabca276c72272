/**
 * The augmented matrix of weighted least squares, symmetric and indefinite, with its factor:
 *     [ R  0  H ]
 *     [ 0  0  C ]
 *     [ H' C' G ]
 * over the multipliers of measured rows and constraints and the state. G is zero for Gauss-Newton.
 */
import { SparseLdl } from '../../numerics/sparse-ldl.ts';
import type { Equations } from './equations/layout.ts';

/** Pivots of the unweighted matrix below this are zero: the numeric rank, hence observability, is decided by it. */
const RANK_TOLERANCE = 1e-10;
/** Pivots of that matrix over the largest entry of their columns: large, so that rounding stays far below the tolerance. */
const RANK_PIVOT = 0.5;
/** The same of the weighted matrix, whose pivots may be as small as the weights are far apart: rounding only. */
const PIVOT_TOLERANCE = 1e-13;
/** Variances count up to so many times that of the most precise row, both against the row's largest derivative. */
const VARIANCE_RATIO_MAX = 1e20;

/** Places of G, or such that only keep variables in one front. */
export interface StatePairs {
  readonly rows: Int32Array;
  readonly columns: Int32Array;
}

/** Variables: the state's components, then one multiplier a row; a row stands in the block of its bus. */
export class AugmentedMatrix {
  readonly ldl: SparseLdl;
  /** Variances that the steps are made with: those of the problem, limited against the most precise row. */
  readonly used: Float64Array;
  /** Largest derivative of each row when a factor was last made. */
  readonly largest: Float64Array;
  private readonly equations: Equations;
  private readonly values: Float64Array;
  private readonly scale: Float64Array;
  private varianceLimit = Infinity;

  constructor(equations: Equations, pairs: StatePairs) {
    this.equations = equations;
    const { rows, unknowns, entryRow, entryColumn, block, blockOfUnknown, blockCount } = equations;
    const blockOf = new Int32Array(unknowns + rows);
    blockOf.set(blockOfUnknown);
    for (let row = 0; row < rows; row += 1) blockOf[unknowns + row] = Math.max(0, block[row]!);
    const diagonal = Int32Array.from({ length: rows }, (_, row) => unknowns + row);
    this.ldl = new SparseLdl({
      size: unknowns + rows,
      rows: concatenate(
        diagonal,
        entryRow.map((row) => unknowns + row),
        pairs.rows,
      ),
      columns: concatenate(diagonal, entryColumn, pairs.columns),
      blockOf,
      blockCount: Math.max(1, blockCount),
    });
    this.values = new Float64Array(rows + entryRow.length + pairs.rows.length);
    this.scale = new Float64Array(unknowns + rows);
    this.largest = new Float64Array(rows);
    this.used = new Float64Array(rows);
  }

  /** Factorises with the variances and derivatives that the equations hold; `corner` are the values of G in its places. */
  factorise(pivot?: number, corner?: Float64Array): void {
    const { rows, unknowns, variance, jacobian, entryRow } = this.equations;
    const { values, scale } = this;
    values.set(jacobian, rows);
    if (corner !== undefined) values.set(corner, rows + entryRow.length);
    // Rows to largest entry 1; then all multipliers by a and all states by 1 / a, so that the scaled R lie around 1:
    // a redundant precise row ends in a pivot as small as its R, a state that one poor row sees in one of size 1 / R,
    // and neither may be taken for zero.
    this.findLargestDerivatives();
    let largest = 0;
    let smallest = Infinity;
    for (let row = 0; row < rows; row += 1) {
      const h = this.largest[row]!;
      const r = variance[row]! / (h * h);
      if (h === 0 || r === 0) continue;
      largest = Math.max(largest, r);
      smallest = Math.min(smallest, r);
    }
    this.varianceLimit = VARIANCE_RATIO_MAX * smallest;
    largest = Math.min(largest, this.varianceLimit);
    this.limitVariances();
    values.set(this.used);
    const a = largest > 0 ? (largest * smallest) ** -0.25 : 1;
    for (let row = 0; row < rows; row += 1) {
      const h = this.largest[row]!;
      scale[unknowns + row] = h > 0 ? a / h : 1 / Math.sqrt(this.used[row]! || 1);
    }
    scale.fill(1 / a, 0, unknowns);
    this.ldl.factorise(values, scale, PIVOT_TOLERANCE, pivot);
  }

  /**
   * A factor whose null space is a matter of the derivatives that the equations hold alone: every measurement weighs the
   * same against its own largest one. It is no good for a step.
   */
  factoriseUnweighted(): void {
    const { rows, unknowns, measuredRows, variance, jacobian, entryRow } = this.equations;
    const { values, scale } = this;
    this.findLargestDerivatives();
    values.set(variance);
    values.set(jacobian, rows);
    scale.fill(1);
    for (let row = 0; row < rows; row += 1) {
      const h = this.largest[row]!;
      if (h > 0) scale[unknowns + row] = 1 / h;
      if (row < measuredRows) values[row] = h > 0 ? h * h : 1;
    }
    values.fill(0, rows + entryRow.length);
    this.ldl.factorise(values, scale, RANK_TOLERANCE, RANK_PIVOT);
  }

  /** Beyond this a measurement has no say beside the others, and the digits for it would be missing elsewhere. */
  limitVariances(): void {
    const { variance, measuredRows } = this.equations;
    const { used } = this;
    used.set(variance);
    for (let row = 0; row < measuredRows; row += 1) {
      const limit = this.varianceLimit * this.largest[row]! ** 2;
      if (this.largest[row]! > 0 && used[row]! > limit) used[row] = limit;
    }
  }

  private findLargestDerivatives(): void {
    const { jacobian, entryRow } = this.equations;
    const { largest } = this;
    largest.fill(0);
    for (let entry = 0; entry < entryRow.length; entry += 1) {
      const size = Math.abs(jacobian[entry]!);
      if (size > largest[entryRow[entry]!]!) largest[entryRow[entry]!] = size;
    }
  }
}

function concatenate(...parts: readonly Int32Array[]): Int32Array {
  const all = new Int32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
