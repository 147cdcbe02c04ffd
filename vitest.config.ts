import { defineConfig } from 'vitest/config';

/** Real Docker: one scenario at a time, or they would take each other's ports, memory and measured latencies. */
const oneAtATime = {
  fileParallelism: false,
  maxWorkers: 1,
  pool: 'forks' as const,
  environment: 'node' as const,
  globalSetup: 'test/e2e/setup.ts',
};

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['src/**/*.test.ts'],
          globalSetup: 'test/unit-setup.ts',
          environment: 'node',
          testTimeout: 10_000,
          // Pure code: nothing of a file stays behind for the next, and a worker a file costs more than the tests do.
          pool: 'threads',
          isolate: false,
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          ...oneAtATime,
          testTimeout: 300_000,
          hookTimeout: 300_000,
        },
      },
      {
        test: {
          name: 'long',
          include: ['test/long/**/*.test.ts'],
          ...oneAtATime,
          testTimeout: 3_600_000,
          hookTimeout: 600_000,
        },
      },
    ],
  },
});
