/**
 * Vitest projects: `unit` is pure and fast (no isolation), the others start real processes. On a loaded machine a real
 * process may miss its moment: there a test has a second try, and the closing lines name each that needed it.
 */
import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

/** Nothing else runs beside the tests, so they may have every core; with two of them vitest would leave one idle. */
const workers = Math.max(2, availableParallelism() - 1);

export default defineConfig({
  root: new URL('..', import.meta.url).pathname,
  test: {
    reporters: ['default', './test/support/plain-reporter.ts'],
    coverage: { provider: 'v8', include: ['src/**/*.ts'] },
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['test/unit/**/*.test.ts'],
          setupFiles: ['test/support/seed.ts'],
          isolate: false,
          testTimeout: 60_000,
          maxWorkers: workers,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'conformance',
          sequence: { groupOrder: 1 },
          include: ['test/conformance/**/*.test.ts'],
          retry: 1,
          testTimeout: 120_000,
          hookTimeout: 240_000,
          maxWorkers: workers,
        },
      },
      {
        extends: true,
        test: {
          name: 'integration',
          sequence: { groupOrder: 1 },
          include: ['test/integration/**/*.test.ts'],
          retry: 1,
          testTimeout: 120_000,
          hookTimeout: 240_000,
          maxWorkers: workers,
        },
      },
      {
        extends: true,
        test: {
          name: 'e2e',
          sequence: { groupOrder: 2 },
          include: ['test/e2e/**/*.test.ts'],
          maxWorkers: 2, // They wait for most of their time.
          retry: 1,
          testTimeout: 300_000,
          hookTimeout: 300_000,
        },
      },
    ],
  },
});
