/**
 * Monte Carlo consistency: errors drawn from the stated sigmas, estimated many times on one structure. The objective
 * must be chi-square distributed over its degrees of freedom, the normalised estimation error squared
 * (NEES, e' Sigma^-1 e with the covariance that the estimator states) over the number of states compared.
 */
import { chiSquareQuantile } from '../../numerics/chi-square.ts';
import { normalQuantile } from '../../numerics/normal-quantile.ts';
import { randomStream } from '../../numerics/random.ts';
import type { EstimationProblem, EstimatorMeasurement } from '../../platform/state-estimation/estimator.ts';
import { createWeightedLeastSquares } from '../../platform/state-estimation/wls.ts';
import { WlsSolver } from '../../platform/state-estimation/wls-solver.ts';

/** Noise-free measurements, and the voltages that they were taken from: interleaved, the reference real. */
export interface ExactProblem {
  readonly problem: EstimationProblem;
  readonly truth: Float64Array;
}

export interface Consistency {
  readonly draws: number;
  readonly degreesOfFreedom: number;
  /** Number of voltage components in the NEES. */
  readonly states: number;
  /** Sums over all draws. */
  readonly objective: number;
  readonly nees: number;
  readonly alarms: number;
}

export function runConsistency(exact: ExactProblem, draws: number, seed: string): Consistency {
  const { normal } = randomStream(seed, ['consistency']);
  const { problem, truth } = exact;
  const error = statedError(exact);
  const estimator = createWeightedLeastSquares();
  const sums = { objective: 0, nees: 0, alarms: 0 };
  let degreesOfFreedom = 0;
  for (let draw = 0; draw < draws; draw += 1) {
    const result = estimator.estimate(disturb(problem, normal));
    if (result.status !== 'converged') throw new Error(`draw ${draw} of seed ${seed}: ${result.status}`);
    degreesOfFreedom = result.degreesOfFreedom;
    sums.objective += result.objective;
    if (result.objective > result.chiSquareLimit) sums.alarms += 1;
    sums.nees += error.normalised((i) => result.voltage[i]! - truth[i]!);
  }
  return { draws, degreesOfFreedom, states: error.components, ...sums };
}

/** What lies outside its 99.9 % band, in words; empty when all is as it should be. */
export function outOfBand({ draws, degreesOfFreedom, states, objective, nees, alarms }: Consistency): string[] {
  const faults: string[] = [];
  const check = (name: string, value: number, low: number, high: number) => {
    if (!(value > low && value < high)) faults.push(`${name} ${value} is outside ${low} .. ${high}`);
  };
  const chiSquare = (name: string, sum: number, degrees: number) =>
    check(name, sum, chiSquareQuantile(0.0005, degrees), chiSquareQuantile(0.9995, degrees));
  chiSquare('sum of objectives', objective, draws * degreesOfFreedom);
  chiSquare('sum of NEES', nees, draws * states);
  const spread = normalQuantile(0.9995) * Math.sqrt(draws * 0.05 * 0.95);
  check('false alarms', alarms, draws * 0.05 - spread, draws * 0.05 + spread);
  return faults;
}

/** Adds an error of one stated sigma times a normal draw to every value; shared causes get one draw each. */
function disturb(problem: EstimationProblem, normal: () => number): EstimationProblem {
  const causes = new Map<string, number>();
  const measurements = problem.measurements.map((m): EstimatorMeasurement => {
    if (m.kind === 'sourceBalance') throw new Error('a source balance has no error to draw');
    if ('angleRad' in m) {
      return { ...m, value: m.value + m.sigma * normal(), angleRad: m.angleRad + m.angleSigmaRad * normal() };
    }
    let error = m.sigma * normal();
    if (m.shared !== undefined) {
      const draw = causes.get(m.shared.cause) ?? normal();
      causes.set(m.shared.cause, draw);
      error += m.shared.sensitivity * draw;
    }
    return { ...m, value: m.value + error };
  });
  return { ...problem, measurements, statistics: 'never' };
}

/**
 * The stated covariance of the voltage components at the truth, in the frame of the reference, of all buses whose
 * injection is free; the reference's imaginary part is zero by definition and stays out.
 */
function statedError({ problem, truth }: ExactProblem): {
  readonly components: number;
  normalised(error: (component: number) => number): number;
} {
  const solver = new WlsSolver(problem);
  solver.load(problem);
  const { stateOf, phases, states } = solver.equations;
  solver.start(
    Float64Array.from(
      { length: 2 * states },
      (_, i) => truth[2 * solver.equations.busPhaseOfState[i >> 1]! + (i % 2)]!,
    ),
  );
  solver.factoriseHere();
  const reference = stateOf[problem.referenceBus * phases]!;
  const exact = new Set(problem.zeroInjections);
  const kept = Array.from({ length: 2 * states }, (_, i) => i).filter(
    (i) => i !== 2 * reference + 1 && !exact.has(Math.floor(solver.equations.busPhaseOfState[i >> 1]! / phases)),
  );
  // Row of the turned component: e_i plus the turn -e_im(reference) / v(reference) times j v.
  const size = truth[2 * problem.referenceBus * phases]!;
  const rows = kept.map((i) => {
    const row = new Float64Array(solver.ldl.structure.size);
    row[i]! += 1;
    const other = i % 2 === 0 ? -solver.x[i + 1]! : solver.x[i - 1]!;
    row[2 * reference + 1]! -= other / size;
    return row;
  });
  const covariance = rows.map((row) => {
    const column = row.slice();
    solver.ldl.solve(column);
    return rows.map((left) => -left.reduce((sum, value, k) => (value === 0 ? sum : sum + value * column[k]!), 0));
  });
  const factor = cholesky(covariance);
  const components = kept.map((i) => 2 * solver.equations.busPhaseOfState[i >> 1]! + (i % 2));
  return {
    components: kept.length,
    normalised(error) {
      // |L^-1 e|^2
      const z = new Float64Array(kept.length);
      let sum = 0;
      for (let i = 0; i < z.length; i += 1) {
        let value = error(components[i]!);
        const row = factor[i]!;
        for (let j = 0; j < i; j += 1) value -= row[j]! * z[j]!;
        z[i] = value / row[i]!;
        sum += z[i]! ** 2;
      }
      return sum;
    },
  };
}

function cholesky(matrix: readonly (readonly number[])[]): Float64Array[] {
  const factor = matrix.map((row) => new Float64Array(row.length));
  matrix.forEach((row, i) => {
    for (let j = 0; j <= i; j += 1) {
      let sum = row[j]!;
      for (let k = 0; k < j; k += 1) sum -= factor[i]![k]! * factor[j]![k]!;
      if (i === j && !(sum > 0)) throw new Error('a covariance is not positive definite');
      factor[i]![j] = i === j ? Math.sqrt(sum) : sum / factor[j]![j]!;
    }
  });
  return factor;
}
