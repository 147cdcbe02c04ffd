import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { tagOf } from '../../src/parts/testing.ts';
import { run } from '../../src/engine/process.ts';

const tests = fileURLToPath(new URL('../backup/agent', import.meta.url));
const sources = fileURLToPath(new URL('../../images/backup', import.meta.url));

test('in its image, with its restic and its Redis', async () => {
  const mounts = [
    '--volume',
    `${tests}:/repository/test/backup/agent:ro`,
    '--volume',
    `${sources}:/repository/images/backup:ro`,
  ];
  const python = [
    '--entrypoint',
    'python3',
    tagOf('backup'),
    '-B',
    '-m',
    'unittest',
    'discover',
    '-s',
    '/repository/test/backup/agent',
  ];
  const words = ['docker', 'run', '--rm', '--init', '--network', 'none', '--user', '0:0', ...mounts, ...python];
  const { exitCode, stderr } = await run(words, { deadlineSeconds: 600 });
  expect([exitCode, stderr]).toEqual([0, expect.stringMatching(/\nOK\s*$/)]);
});
