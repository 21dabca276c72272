/** What a rule for estimators is: a check on random feeders that throws where an estimator breaks it. */
import * as fc from 'fast-check';
import { expect } from 'vitest';
import type { EstimateResult, Estimator } from '../../platform/state-estimation/estimator.ts';
import { type Feeder, feeders, positiveSequenceFeeders } from './random-feeder.ts';

export interface EstimatorUnderTest {
  /** Stands in the test names. */
  readonly name: string;
  /** A fresh estimator that has seen nothing. */
  readonly create: () => Estimator;
  /** How near to the truth noise-free measurements must lead, per unit (default 1e-8). */
  readonly tolerance?: number;
  /** Grids tried per property (default 25), and their seed. */
  readonly grids?: number;
  readonly seed?: number;
  /**
   * It gives measurements other weights than their inverse variances, such as least absolute values: of two that
   * contradict each other it may follow the more precise one further, and its standard deviations are its own business.
   */
  readonly robust?: boolean;
}

export interface EstimatorRule {
  readonly name: string;
  /** Throws where the estimator breaks the rule. */
  readonly check: (of: EstimatorUnderTest) => void;
}

/** A feeder to try, a fresh estimator for each problem, and how near it must come. */
interface Trial {
  readonly feeder: Feeder;
  readonly create: () => Estimator;
  readonly tolerance: number;
  readonly robust: boolean;
}

/** A rule that holds on each of many random feeders: three-phase ones and positive-sequence ones, or those given. */
export function rule(
  name: string,
  check: (trial: Trial) => void,
  any: fc.Arbitrary<Feeder> = fc.oneof(feeders, positiveSequenceFeeders),
): EstimatorRule {
  return {
    name,
    check: ({ create, tolerance = 1e-8, grids = 25, seed = 5, robust = false }) =>
      fc.assert(
        fc.property(any, (feeder) => check({ feeder, create, tolerance, robust })),
        { seed, numRuns: grids, endOnFailure: true },
      ),
  };
}

/** Deterministic errors of about one sigma. */
export const noise = (index: number) => 1.3 * Math.sin(7 * index + 1);

export function distance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let most = 0;
  for (let i = 0; i < a.length; i += 1) most = Math.max(most, Math.abs(a[i]! - b[i]!));
  return most;
}

export function solved(result: EstimateResult): Float64Array {
  expect(result.status).toBe('converged');
  return result.voltage;
}
