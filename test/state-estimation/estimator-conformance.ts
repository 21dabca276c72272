/** What every estimator has to keep to, whoever wrote it: call `describeEstimatorConformance` in a test file of yours. */
import { describe, expect, test } from 'vitest';
import { behaviourRules } from './estimator-behaviour-rules.ts';
import { numberRules } from './estimator-number-rules.ts';
import type { EstimatorUnderTest } from './estimator-rule.ts';

export const estimatorRules = [...behaviourRules, ...numberRules];

export function describeEstimatorConformance(of: EstimatorUnderTest): void {
  describe(`${of.name} as an estimator`, () => {
    for (const { name, check } of estimatorRules) test(`rule: ${name}`, () => expect(() => check(of)).not.toThrow());
  });
}
