/** The README says how its example ends: with the wrong cable the expectation fails, with the right one it holds. */
import { expect, it } from 'vitest';
import { rehearse } from '../run/rehearsal.ts';

const scenarioFile = 'docs/examples/wrong-cable.yaml';

it.each([
  ['example', [], 'fail'],
  ['example with the right length', ['platform.gridChanges={}'], 'pass'],
])('the %s ends as it says', async (_name, set, verdict) => {
  const { report } = await rehearse({ scenarioFile, databus: 'memory', set });
  expect(report.verdict).toBe(verdict);
  const failed = report.expectations.filter(({ pass }) => !pass).map(({ text }) => text);
  expect(failed).toEqual(verdict === 'fail' ? ['estimate.voltage.error.p95 < 0.3 %'] : []);
});
