/** What is measured, as the steps want it: joint values and variances of injections, targets of rows, all in one time base. */
import { loadMeasurements, SIGMA_ABSENT } from '../equations/load.ts';
import { evaluate } from '../equations/evaluate.ts';
import { ROW } from '../equations/row-kinds.ts';
import type { EstimationProblem, EstimatorMeasurement } from '../estimator.ts';
import { WEIGHT_JUMP } from '../wls-start.ts';
import { type CurrentFormState, MEASURED } from './steps.ts';
import { type CurrentFormStructure, entryOfVoltage } from './structure.ts';

export interface MeasuredFrame {
  /** Measured values (a phasor is two) minus free states. */
  readonly degreesOfFreedom: number;
  /**
   * Takes over standard deviations and the angles of phasors. Answers with the largest over the smallest of the former, and
   * whether a weight became quite another.
   */
  readonly weigh: (measurements: readonly EstimatorMeasurement[]) => {
    readonly ratio: number;
    readonly jumped: boolean;
  };
  /**
   * Takes over values in the order of the measurements. The state turns with the measured time base: it is kept in a frame
   * in which the first measured voltage has its no-load angle. Answers with the angle of that frame.
   */
  readonly take: (values: Float64Array) => number;
  /** Of measurement k, at the state in the vector: residual of an injection, after `take` with the same values. */
  readonly injectionResidual: (k: number, value: number) => number;
  /** Sum of squared weighted residuals; leaves the rows evaluated. */
  readonly objective: (values: Float64Array) => number;
}

/** `flatAngle` is the no-load angle at an entry of the vector. */
export function createMeasuredFrame(
  structure: CurrentFormStructure,
  state: CurrentFormState,
  problem: EstimationProblem,
  flatAngle: (entry: number) => number,
): MeasuredFrame {
  const { equations, rows, others, quantityOf, ldl } = structure;
  const { kind, source, target, cosine, sine, active, measuredRows, variance } = equations;
  const { measured } = state;
  const phases = ldl.order / 4;
  const weight = new Float64Array(problem.measurements.length);
  const angle = new Float64Array(problem.measurements.length);
  const measurementOf = Int32Array.from({ length: measuredRows }, (_, row) => others[source[row]!]!);
  const anchorRow = firstAngle(structure, problem.measurements);

  const weigh: MeasuredFrame['weigh'] = (measurements) => {
    let largest = 0;
    let smallest = Infinity;
    let jumped = false;
    // The weights of angle references are the matrix's.
    const references = variance.slice(measuredRows);
    loadMeasurements(
      equations,
      Array.from(others, (k) => measurements[k]!),
    );
    variance.set(references, measuredRows);
    for (let at = 0; at < measured.length; at += MEASURED) measured.fill(0, at + 2, at + 4);
    for (let k = 0; k < measurements.length; k++) {
      const one = measurements[k]!;
      const present = one.sigma < SIGMA_ABSENT;
      const own = present ? 1 / one.sigma ** 2 : 0;
      if (own > WEIGHT_JUMP * weight[k]! || own * WEIGHT_JUMP < weight[k]!) jumped = true;
      weight[k] = own;
      if (present) {
        largest = Math.max(largest, one.sigma);
        smallest = Math.min(smallest, one.sigma);
      }
      angle[k] = 'angleRad' in one ? one.angleRad : 0;
      const quantity = quantityOf[k]!;
      if (quantity >= 0) measured[MEASURED * (quantity >> 1) + 2 + (quantity & 1)]! += weight[k]!;
    }
    for (let at = 0; at < measured.length; at += MEASURED) {
      for (let e = at + 2; e < at + 4; e++) measured[e] = measured[e]! > 0 ? 1 / measured[e]! : 0;
    }
    return { ratio: largest / smallest, jumped };
  };
  const take = (values: Float64Array): number => {
    for (let at = 0; at < measured.length; at += MEASURED) {
      measured[at] = 0;
      measured[at + 1] = 0;
    }
    // What several measurements say of one quantity counts as one value, weighted by their variances.
    for (let k = 0; k < quantityOf.length; k++) {
      const quantity = quantityOf[k]!;
      if (quantity < 0) continue;
      const at = MEASURED * (quantity >> 1) + (quantity & 1);
      if (weight[k]! > 0) measured[at]! += weight[k]! * measured[at + 2]! * values[k]!;
    }
    let base = 0;
    if (anchorRow >= 0) {
      const anchor = measurementOf[anchorRow]!;
      base = kind[anchorRow] === ROW.voltageAngle ? values[anchor]! : angle[anchor]!;
      base -= flatAngle(rows.entryColumn[structure.rowStart[anchorRow]!]!);
    }
    for (let row = 0; row < measuredRows; row++) {
      const k = measurementOf[row]!;
      switch (kind[row]) {
        case ROW.voltageAngle:
        case ROW.currentAngle:
          target[row] = values[k]! - base;
          break;
        case ROW.voltageTangential:
        case ROW.currentTangential:
        case ROW.voltageRadial:
        case ROW.currentRadial:
          if (kind[row] === ROW.voltageRadial || kind[row] === ROW.currentRadial) target[row] = values[k]!;
          cosine[row] = Math.cos(angle[k]! - base);
          sine[row] = Math.sin(angle[k]! - base);
          break;
        case ROW.currentMagnitude:
          target[row] = Math.max(0, values[k]!);
          break;
        case ROW.currentAcross:
        case ROW.linearReal:
        case ROW.linearImaginary:
          break;
        default:
          target[row] = values[k]!;
      }
    }
    return base;
  };
  /** Value minus s = z - e: e is the residual of the joint value z. */
  const injectionResidual = (k: number, value: number): number => {
    const quantity = quantityOf[k]!;
    const { vector } = ldl;
    const v = entryOfVoltage(quantity >> 1, phases);
    const l = v - 2 * phases;
    const square = vector[v]! * vector[v]! + vector[v + 1]! * vector[v + 1]!;
    const w =
      (quantity & 1) === 1
        ? vector[l + 1]! * vector[v]! - vector[l]! * vector[v + 1]!
        : -(vector[l]! * vector[v]! + vector[l + 1]! * vector[v + 1]!);
    const at = MEASURED * (quantity >> 1) + (quantity & 1);
    return value - measured[at]! + (measured[at + 2]! * w) / square;
  };
  const objective = (values: Float64Array): number => {
    evaluate(rows, ldl.vector);
    let sum = 0;
    for (let row = 0; row < measuredRows; row++) {
      if (active[row] === 1) sum += (target[row]! - rows.value[row]!) ** 2 / variance[row]!;
    }
    for (let k = 0; k < quantityOf.length; k++) {
      if (quantityOf[k]! >= 0 && weight[k]! > 0) sum += weight[k]! * injectionResidual(k, values[k]!) ** 2;
    }
    return sum;
  };
  weigh(problem.measurements);
  return { degreesOfFreedom: degreesOfFreedomOf(structure, problem), weigh, take, injectionResidual, objective };
}

/** Row of the first voltage whose angle is measured, -1 without one. */
function firstAngle(
  { equations, others }: CurrentFormStructure,
  measurements: readonly EstimatorMeasurement[],
): number {
  return equations.kind.findIndex(
    (kind, row) =>
      (kind === ROW.voltageAngle || kind === ROW.voltageRadial) &&
      measurements[others[equations.source[row]!]!]!.sigma < SIGMA_ABSENT,
  );
}

function degreesOfFreedomOf(
  { equations, quantityOf, alive }: CurrentFormStructure,
  { grid, measurements, zeroInjections }: EstimationProblem,
): number {
  const { active, measuredRows, acrossRows, rows, stateOf } = equations;
  let values = 0;
  let constraints = 0;
  for (let row = 0; row < measuredRows - acrossRows.length; row++) values += active[row]!;
  for (let row = measuredRows; row < rows; row++) constraints += active[row]!;
  for (const bus of zeroInjections) {
    for (let k = bus * grid.phases; k < (bus + 1) * grid.phases; k++) constraints += stateOf[k]! >= 0 ? 2 : 0;
  }
  for (let k = 0; k < quantityOf.length; k++) {
    if (quantityOf[k]! >= 0 && measurements[k]!.sigma < SIGMA_ABSENT) values += 1;
  }
  let states = 0;
  for (let place = 0; place < alive.length; place++) states += alive[place]!;
  return values - (2 * states - constraints);
}
