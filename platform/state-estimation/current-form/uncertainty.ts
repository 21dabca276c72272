/**
 * What the factor at an answer says about uncertainty, in the terms of the augmented form (`wls-statistics.ts`): the blocks of
 * M^-1 over the voltages are the covariance of the state, those over the multipliers l its opposite for l = -A^-1 conj(e / v).
 */
import { loadMeasurements } from '../equations/load.ts';
import { type Equations, layOutEquations } from '../equations/layout.ts';
import type { EstimationProblem } from '../estimator.ts';
import type { SolvedState } from '../wls-statistics.ts';
import { makeFactor } from './matrix.ts';
import type { MeasuredFrame } from './measured.ts';
import { type CurrentFormState, MEASURED } from './steps.ts';
import { type CurrentFormStructure, entryOfVoltage, NEAR } from './structure.ts';

/** Part of a row's own variance below which that of its residual, found as a difference, is lost in rounding. */
const CANCELLED = 1e-6;

export interface Answer {
  readonly problem: EstimationProblem;
  readonly values: Float64Array;
  readonly frame: MeasuredFrame;
}

/** Error of the factor, per unit of a voltage, beyond which its inverse is not good to five digits. */
const FACTOR_ERROR_MAX = 2e-11;

/** Makes the factor of the state in the vector, the rows of which have been evaluated there; undefined when it is poor. */
export function solvedState(
  structure: CurrentFormStructure,
  state: CurrentFormState,
  { problem, values, frame }: Answer,
): SolvedState | undefined {
  if (!(makeFactor(structure, state, NEAR, 'linearised') < FACTOR_ERROR_MAX)) return undefined;
  const { ldl, entryOfState, quantityOf, rows, equations: own } = structure;
  const equations = layOutEquations(problem, []);
  loadMeasurements(equations, problem.measurements);
  const { unknowns, measuredRows, acrossRows, source, variance, active, blockOfUnknown } = equations;
  const inverse = ldl.invert(NEAR);
  const entry = (unknown: number): number => entryOfState[unknown >> 1]! + (unknown & 1);
  const covariance = (a: number, b: number): number =>
    inverse(blockOfUnknown[a]!, blockOfUnknown[b]!, entry(a) % ldl.order, entry(b) % ldl.order);

  const residual = new Float64Array(equations.rows);
  const residualVariance = new Float64Array(equations.rows);
  // The rows that are no injections stand in the same order in both sets of equations.
  let ownRow = 0;
  for (let row = 0; row < measuredRows - acrossRows.length; row += 1) {
    const k = source[row]!;
    const isInjection = quantityOf[k]! >= 0;
    if (active[row] === 1) {
      residual[row] = isInjection ? frame.injectionResidual(k, values[k]!) : own.target[ownRow]! - rows.value[ownRow]!;
      const left = isInjection
        ? variance[row]! - estimatedVariance(structure, state, quantityOf[k]!, inverse)
        : cut(variance[row]! - rowVariance(own, structure.rowStart, ownRow, covariance), variance[row]!);
      residualVariance[row] = Math.max(0, left);
    }
    if (!isInjection) ownRow += 1;
  }

  /** The covariance times a vector over the unknowns, in the vector of the factor. */
  const timesCovariance = (put: (vector: Float64Array) => void, take: (vector: Float64Array) => void): void => {
    const kept = ldl.vector.slice();
    ldl.vector.fill(0);
    put(ldl.vector);
    ldl.solve(NEAR);
    take(ldl.vector);
    ldl.vector.set(kept);
  };
  const x = Float64Array.from({ length: unknowns }, (_, unknown) => ldl.vector[entry(unknown)]!);
  return {
    equations,
    x,
    residual: (row) => residual[row]!,
    residualVariance: (row) => residualVariance[row]!,
    ldl: {
      inverseEntry: (a, b) => -covariance(a, b),
      quadraticForm: (variables, factors) => {
        let sum = 0;
        timesCovariance(
          (vector) => {
            for (let i = 0; i < variables.length; i += 1) vector[entry(variables[i]!)]! += factors[i]!;
          },
          (vector) => {
            for (let i = 0; i < variables.length; i += 1) sum += vector[entry(variables[i]!)]! * factors[i]!;
          },
        );
        return -sum;
      },
      solve: (column) => {
        timesCovariance(
          (vector) => {
            for (let unknown = 0; unknown < unknowns; unknown += 1) vector[entry(unknown)] = column[unknown]!;
          },
          (vector) => {
            for (let unknown = 0; unknown < unknowns; unknown += 1) column[unknown] = -vector[entry(unknown)]!;
          },
        );
      },
    },
  };
}

/** R - R var(Re w) R of an injection's joint active power, with Im w of the reactive one; w = l / v. */
function estimatedVariance(
  { ldl, blockOfSlot }: CurrentFormStructure,
  { measured }: CurrentFormState,
  quantity: number,
  inverse: ReturnType<CurrentFormStructure['ldl']['invert']>,
): number {
  const place = quantity >> 1;
  const phases = ldl.order / 4;
  const v = entryOfVoltage(place, phases);
  const [vr, vi] = [ldl.vector[v]!, ldl.vector[v + 1]!];
  const square = vr * vr + vi * vi;
  const [gr, gi] = (quantity & 1) === 0 ? [vr / square, vi / square] : [-vi / square, vr / square];
  const row = blockOfSlot[Math.floor(place / phases)]!;
  const l = 2 * (place % phases);
  const form =
    gr * gr * inverse(row, row, l, l) +
    2 * gr * gi * inverse(row, row, l, l + 1) +
    gi * gi * inverse(row, row, l + 1, l + 1);
  const r = measured[MEASURED * place + 2 + (quantity & 1)]!;
  return r + r * form * r;
}

/** h Sigma h' of a row. */
function rowVariance(
  { jacobian, entryColumn }: Equations,
  rowStart: Int32Array,
  row: number,
  covariance: (a: number, b: number) => number,
): number {
  let sum = 0;
  for (let a = rowStart[row]!; a < rowStart[row + 1]!; a += 1) {
    for (let b = rowStart[row]!; b < rowStart[row + 1]!; b += 1) {
      sum += jacobian[a]! * jacobian[b]! * covariance(entryColumn[a]!, entryColumn[b]!);
    }
  }
  return sum;
}

function cut(difference: number, of: number): number {
  return difference < CANCELLED * of ? 0 : difference;
}
