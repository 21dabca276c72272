/** Says at the end of `npm test` what was skipped and why: the names of such tests and groups have it in brackets. */
import type { Reporter, TestCase, TestSuite } from 'vitest/node';

export const skippedReporter: Reporter = {
  onTestRunEnd(modules) {
    const skipped = modules.flatMap((module) => [...module.children.allTests('skipped')].map(reasonOf));
    const reasons = [...new Set(skipped.filter((name) => name !== undefined))].toSorted();
    if (reasons.length > 0) console.log(['Skipped on this machine:', ...reasons].join('\n  '));
  },
};

/** The name, of the test or of a group around it, that says why it is skipped; none where a filter left it out. */
function reasonOf(test: TestCase): string | undefined {
  for (let one: TestCase | TestSuite = test; ; one = one.parent) {
    if (/\(.*skipped.*\)/.test(one.name)) return `${test.module.relativeModuleId}: ${one.name}`;
    if (one.parent.type === 'module') return undefined;
  }
}
