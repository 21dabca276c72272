import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Two cores: brokers, child processes and browsers are started by tests, so keep one worker per core.
    maxWorkers: 2,
  },
});
