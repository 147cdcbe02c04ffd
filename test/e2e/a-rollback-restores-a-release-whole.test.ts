import { beforeAll, expect, test } from 'vitest';
import { docker, expectLossless, must, quickGets, show, until, useProject, type ProjectOptions } from './harness.ts';

const project = useProject('e2e-rollback');
const options: ProjectOptions = {
  app: { secrets: ['token'], configs: [{ source: 'settings', target: '/settings.txt' }] },
  top: { secrets: { token: { file: './token.txt' } }, configs: { settings: { file: './settings.txt' } } },
};

beforeAll(async () => {
  await release('v1');
  await project().deploy();
});

test('plan and --dry-run change nothing', async () => {
  const shop = project();
  const before = await everything();
  await release('v2');
  for (const words of [['plan'], ['deploy', '--dry-run']]) {
    const ran = must(await shop.horme([...words, '--json']), 0);
    const steps = ran.json['steps'] as { title: string }[];
    expect(steps.map(({ title }) => title).join('\n')).toContain('start 3 replicas of app');
  }
  expect(await everything()).toEqual(before);
  expect(await shop.versions()).toEqual(['v1']);
});

test('rollback brings back image, configuration and secret, and fails no request', async () => {
  const shop = project();
  const image = await imageOf();
  // Another image too: the same Dockerfile with one more file in it.
  await shop.file('app/server.mjs', `${await shop.read('app/server.mjs')}\n// v2\n`);
  await shop.deploy();
  expect(await state()).toEqual({ versions: ['v2'], token: 'token of v2', settings: 'settings of v2' });
  expect(await imageOf()).not.toBe(image);

  const traffic = await shop.traffic(quickGets);
  await until(traffic, ({ requests }) => requests > 20);
  const ran = must(await shop.horme(['rollback', '--json']), 0);
  const report = await traffic.stop();
  show('rollback', report, ran);
  expectLossless(report);
  expect(await state()).toEqual({ versions: ['v1'], token: 'token of v1', settings: 'settings of v1' });
  expect(await imageOf()).toBe(image);

  must(await shop.horme(['rollback', '2', '--json']), 0);
  expect(await state()).toEqual({ versions: ['v2'], token: 'token of v2', settings: 'settings of v2' });
});

test('releases --verify holds, and fails after an entry was changed by hand', async () => {
  const shop = project();
  const verify = () => shop.horme(['releases', '--verify', '--json']);
  expect(must(await verify(), 0).json).toMatchObject({ verified: true, live: 4 });
  const script =
    'const f=process.argv[1],s=require("fs");s.writeFileSync(f,s.readFileSync(f,"utf8").replace("v1","v9"))';
  const change = (path: string) => inState('node', '-e', script, path);
  await change('/state/contents/000001.json');
  expect(must(await verify(), 3).stdout).toContain('release 1 was changed');
});

async function release(version: string): Promise<void> {
  await project().file('token.txt', `token of ${version}`);
  await project().file('settings.txt', `settings of ${version}`);
  await project().write({ VERSION: version }, options);
}

async function state(): Promise<{ versions: string[]; token: string; settings: string }> {
  const shop = project();
  const [versions, token, settings] = await Promise.all([
    shop.versions(),
    shop.shows('/run/secrets/token'),
    shop.shows('/settings.txt'),
  ]);
  return { versions, token, settings };
}

async function imageOf(): Promise<string> {
  const [first] = await project().replicas();
  return docker('inspect', '--format', '{{.Image}}', first?.id ?? '');
}

/** Containers, volumes, networks and images of the project, with the content of its state. */
async function everything(): Promise<unknown> {
  const { project: name } = project();
  const label = `label=com.docker.compose.project=${name}`;
  return Promise.all([
    project().containers(),
    docker('volume', 'ls', '-q', '--filter', label),
    docker('network', 'ls', '-q', '--filter', label),
    docker('images', '-q', '--no-trunc', `${name}/*`),
    inState('sh', '-c', 'find /state -type f -exec sha256sum {} +'),
  ]);
}

/** Runs a program beside the state volume, as an intruder with the engine could. */
async function inState(...words: string[]): Promise<string> {
  const { project: name } = project();
  return docker(
    'run',
    '--rm',
    '--user',
    '0',
    '--network',
    'none',
    '-v',
    `${name}_horme-state:/state`,
    await imageOf(),
    ...words,
  );
}
