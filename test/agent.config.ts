import { defineConfig } from 'vitest/config';

/** The agent's own tests in its image, where the repository can't be written. */
export default defineConfig({
  cacheDir: '/tmp/vitest',
  test: { root: '/repository', include: ['src/agent/**/*.test.ts', 'src/schedule.test.ts'], testTimeout: 30_000 },
});
