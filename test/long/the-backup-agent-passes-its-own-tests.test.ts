import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { tagOf } from '../../src/parts/testing.ts';
import { run } from '../../src/engine/process.ts';

const repository = fileURLToPath(new URL('../..', import.meta.url));

/** Where the image's own programs are: its Node, its restic, its perl and its coreutils. */
test('in its image, with its own programs', async () => {
  const vitest = [
    '/repository/node_modules/vitest/vitest.mjs',
    'run',
    '--config',
    'test/agent.config.ts',
    '--configLoader',
    'runner',
  ];
  const argv = [
    ...['docker', 'run', '--rm', '--init', '--network', 'none', '--user', '0:0'],
    ...['--volume', `${repository}:/repository:ro`, '--workdir', '/repository'],
    ...['--entrypoint', 'node', tagOf('backup'), ...vitest],
  ];
  const { exitCode, stdout, stderr } = await run(argv, { deadlineSeconds: 1200 });
  expect([exitCode, stdout, stderr]).toEqual([0, expect.stringMatching(/Tests .* passed/), expect.anything()]);
  // There nothing is left out: the real restic is new enough, and the user is root.
  expect(stdout).not.toContain('skipped');
});
