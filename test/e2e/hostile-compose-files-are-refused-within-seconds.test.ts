import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { startHorme } from './harness/horme.ts';

/** `docker compose config` takes all memory on the first of these. */
const memoryBytes = 2 * 2 ** 30;
const deadlineSeconds = 10;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'horme-hostile-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const service = (lines: string): string => `services:\n  app:\n    image: alpine\n${lines}`;
const levels = 'abcdefghij'.split('');
const bomb = levels.map((name, index) => {
  const inner =
    index === 0
      ? '[x, x, x, x, x, x, x, x, x]'
      : `[${Array(9)
          .fill(`*${levels[index - 1]}`)
          .join(', ')}]`;
  return `x-${name}: &${name} ${inner}`;
});

const files: [what: string, text: string, said: RegExp][] = [
  ['an alias bomb', `${bomb.join('\n')}\nservices: { app: { image: alpine } }\n`, /alias/i],
  ['nesting of 10,000 levels', `x-deep: ${'['.repeat(10_000)}${']'.repeat(10_000)}\n${service('')}`, /nest|deep/i],
  ['a file of 50 MB', `${service('')}# ${'x'.repeat(50_000_000)}\n`, /large|big|MB|MiB/i],
  ['a mount of the Docker socket', service('    volumes: ["/var/run/docker.sock:/s"]\n'), /Docker socket/],
  ['a mount that leaves the project', service('    volumes: ["../../etc:/x"]\n'), /leaves the project|system folder/],
  [
    'a host that closes its nginx block',
    service('    x-horme: { route: { port: 80, host: "a; } server {" } }\n'),
    /host name/,
  ],
  ['a path with a new line', service('    x-horme: { route: { port: 80, path: "/a\\nreturn 200;" } }\n'), /not a path/],
  ['an image name with a shell command', service('').replace('alpine', '"alpine; touch /tmp/p"'), /image/],
  ['an option in place of an image', service('').replace('alpine', '"--privileged"'), /image/],
  ['an unset variable', service('    environment: { TOKEN: "${NOT_SET_ANYWHERE}" }\n'), /NOT_SET_ANYWHERE/],
  ['an env_file outside', service('    env_file: /etc/shadow\n'), /shadow/],
];

test.each(files)('%s', async (_what, text, said) => {
  await writeFile(join(folder, 'compose.yaml'), `name: hostile\n${text}`);
  const ran = await startHorme(['check'], {
    cwd: folder,
    bundle: join(inject('horme'), 'dist', 'horme.cjs'),
    env: {},
    deadlineSeconds,
    under: ['prlimit', `--data=${memoryBytes}`],
  }).ended;
  expect({ exitCode: ran.exitCode, signal: ran.signal }, ran.stderr).toEqual({ exitCode: 2, signal: undefined });
  expect(ran.stdout + ran.stderr).toMatch(said);
  expect(ran.seconds).toBeLessThan(5);
});
