/** Says at the end of `npm test` what was skipped and why: the names of such tests and groups have it in brackets. */
import type { Reporter, TestCase, TestSuite } from 'vitest/node';

let byName = false;

export const skippedReporter: Reporter = {
  onInit({ config }) {
    byName = config.testNamePattern !== undefined;
  },
  onTestRunEnd(modules) {
    // With `-t` most are left out for their names.
    if (byName) return;
    const skipped = modules.flatMap((module) => [...module.children.allTests('skipped')].map(reasonOf));
    const reasons = [...new Set(skipped.filter((name) => name !== undefined))].toSorted();
    if (reasons.length > 0) console.log(['Skipped on this machine:', ...reasons].join('\n  '));
  },
};

/** The name, of the test or of a group around it, that says why it is skipped. */
function reasonOf(test: TestCase): string | undefined {
  for (let one: TestCase | TestSuite = test; ; one = one.parent) {
    if (/\(.*skipped.*\)/.test(one.name)) return `${test.module.relativeModuleId}: ${one.name}`;
    if (one.parent.type === 'module') return undefined;
  }
}
