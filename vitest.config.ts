import { defineConfig } from 'vitest/config';
import { skippedReporter } from './test/skipped-reporter.ts';

/** For who counts what passed: the same run as JSON in the file that this names. */
const results = process.env['TEST_RESULTS'];

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    reporters:
      results === undefined
        ? ['default', skippedReporter]
        : ['default', skippedReporter, ['json', { outputFile: results }]],
    // For what hangs: on a machine that does other things a test of ten seconds takes minutes.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    // What has to come comes soon, but not within a second on a machine that does other things.
    expect: { poll: { timeout: 20_000, interval: 5 } },
    // Two cores: brokers, child processes and browsers are started by tests, so keep one worker per core.
    maxWorkers: 2,
  },
});
