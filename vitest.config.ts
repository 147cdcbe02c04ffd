import { defineConfig } from 'vitest/config';
import { longFiles, pathOf } from './test/series/files.ts';
import { LongestFirst } from './test/series/longest-first.ts';
import { sideBySide } from './test/series/side-by-side.ts';

const unit = {
  include: ['src/**/*.test.ts', 'test/*.test.ts', 'test/series/*.test.ts'],
  globalSetup: 'test/unit-setup.ts',
  environment: 'node' as const,
  testTimeout: 30_000,
  // Pure code: nothing of a file stays behind for the next, and a worker a file costs more than the tests do.
  pool: 'threads' as const,
  isolate: false,
};

/** They need the programs of the backup image: a test of the long series runs them there. */
const inTheImage = ['src/**/*.image.test.ts'];

/** What they expect happens within milliseconds. */
const timed = ['src/deploy/prober.test.ts', 'src/deploy/latencies.test.ts', 'src/agent/lock.test.ts'];

/** Real Docker. A file is a scenario, in a process of its own. */
const onEngine = { pool: 'forks' as const, environment: 'node' as const, globalSetup: 'test/e2e/setup.ts' };

/** They would take each other's memory and change the latencies that they measure. */
const alone = { ...onEngine, fileParallelism: false, maxWorkers: 1, sequence: { groupOrder: 1 } };

/** What waits more than it works, each file with ports and project names of its own. */
const together = { ...onEngine, maxWorkers: sideBySide, sequence: { groupOrder: 2 } };

/** Of the quick series. */
const quickTogether = [
  'a-part-plugs-in-by-a-folder-and-a-line',
  'engine',
  'hostile-compose-files-are-refused-within-seconds',
  'renders',
  'services-of-every-kind-are-deployed-as-they-need',
  'the-database-loses-no-commit-when-it-moves',
  'tools',
  'two-operators-at-once-do-not-meet',
].map((name) => `test/e2e/${name}.test.ts`);

const longTogether = longFiles.filter((file) => !file.alone).map(pathOf);

const quick = { testTimeout: 300_000, hookTimeout: 300_000 };
// The longest test takes five minutes; where processes start slowly it is more.
const long = { testTimeout: 1_200_000, hookTimeout: 600_000 };

/** What no list names runs alone. */
const both = (name: string, files: string, listed: string[], times: typeof quick) => [
  { test: { name: `${name}-alone`, include: [files], exclude: listed, ...alone, ...times } },
  { test: { name: `${name}-together`, include: listed, ...together, ...times } },
];

export default defineConfig({
  test: {
    sequence: { sequencer: LongestFirst },
    projects: [
      { test: { name: 'unit', ...unit, exclude: [...inTheImage, ...timed], maxWorkers: 2 } },
      { test: { name: 'unit-alone', ...unit, include: timed, maxWorkers: 1, sequence: { groupOrder: 1 } } },
      ...both('e2e', 'test/e2e/**/*.test.ts', quickTogether, quick),
      ...both('long', 'test/long/**/*.test.ts', longTogether, long),
    ],
  },
});
