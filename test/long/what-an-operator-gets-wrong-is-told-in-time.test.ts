import { execFile } from 'node:child_process';
import { createServer } from 'node:net';
import { hostname, userInfo } from 'node:os';
import { promisify } from 'node:util';
import { beforeAll, expect, test } from 'vitest';
import { eventually, must, useProject, type ProjectOptions } from '../e2e/harness.ts';

const project = useProject('users-mistakes');
const options: ProjectOptions = { deploy: { watch: '0s', longLived: '0s' } };
const git = (...words: string[]) => promisify(execFile)('git', words, { cwd: project().directory });
const write = (environment: Record<string, string>) => project().write(environment, { ...options, replicas: 1 });

interface Releases {
  live: number;
  releases: { number: number; commit: string; dirty?: boolean }[];
}
const releases = async () => must(await project().horme(['releases', '--json']), 0).json as unknown as Releases;
const words = async (...typed: string[]) => {
  const { exitCode, stdout, stderr } = await project().horme(typed);
  return { exitCode, text: stdout + stderr };
};

beforeAll(async () => {
  await write({ VERSION: 'v1' });
  await git('init', '--quiet');
  await git('add', '.');
  await git('-c', 'user.name=test', '-c', 'user.email=test@localhost', 'commit', '--quiet', '--message', 'all');
  await project().deploy();
});

test('what is not committed is marked, and releases and status have one number', async () => {
  await write({ VERSION: 'v2' });
  await project().deploy();
  const { live, releases: all } = await releases();
  expect(all.map(({ dirty }) => dirty)).toEqual([undefined, true]);
  expect((await words('releases')).text).toContain(`${all[1]?.commit.slice(0, 8)}+changes`);
  expect(must(await project().horme(['status', '--json']), 0).json['release']).toBe(live);
});

test('a name that no service has ends with 2 and the one that was meant', async () => {
  const typed = [
    ['logs', 'apq'],
    ['exec', 'apq', 'ls'],
    ['scale', 'apq=2'],
    ['deploy', 'apq'],
  ];
  for (const command of typed)
    expect(await words(...command)).toEqual({
      exitCode: 2,
      text: expect.stringContaining('did you mean "app"?') as string,
    });
  expect((await words('logs', 'app')).text).not.toContain('\u001b[');
});

test('to scale the only service to nothing, somebody must say so', async () => {
  const refused = await words('scale', 'app=0');
  expect(refused).toEqual({ exitCode: 2, text: expect.stringContaining('answers 503') as string });
  expect((await words('scale', 'app=0', '--confirm', 'production')).text).toContain(
    '--confirm says production, but the environment is local',
  );
  expect((await project().ask('/')).status).toBe(200);
});

test('ports that another program has are refused before the gate is touched', async () => {
  const other = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => other.once('listening', resolve));
  const { port } = other.address() as { port: number };
  const file = await project().read('compose.yaml');
  await project().file('compose.yaml', file.replace(String(project().ports.https), String(port)));
  for (const command of ['check', 'deploy'])
    expect(await words(command)).toEqual({ exitCode: 3, text: expect.stringContaining(`port ${port}`) as string });
  expect((await project().ask('/')).status).toBe(200);
  await project().file('compose.yaml', file);
  other.close();
});

test('what a release printed that was rolled back is there under the words that name it', async () => {
  await write({ VERSION: 'crash', CRASH_AFTER_MS: '1' });
  const ran = await words('deploy');
  expect(ran.exitCode).toBe(10);
  const next = /next: horme (logs app --release \d+)/.exec(ran.text)?.[1] ?? '';
  expect(await words(...next.split(' '))).toEqual({
    exitCode: 0,
    text: expect.stringContaining('crashed as asked') as string,
  });
});

test('a rollback says where it goes, shows its plan, and does not bring the bad release back', async () => {
  expect((await words('rollback', '--dry-run')).text).toMatch(/^from release 2 back to release 1, .*\n *1 /);
  expect((await words('rollback')).text).toContain('from release 2 back to release 1');
  expect(await project().versions()).toEqual(['v1']);
  expect(await words('rollback')).toEqual({
    exitCode: 2,
    text: expect.stringContaining('release 2 was rolled back') as string,
  });
});

test('a lock whose holder lives is released only when it is confirmed, and the holder says who did it', async () => {
  await write({ VERSION: 'v3', BOOT_MS: '12000' });
  const running = project().start(['deploy']);
  await eventually(
    () => project().replicas(),
    (seen) => seen.length === 2,
  );
  expect(await words('rollback', '2')).toMatchObject({ exitCode: 4 });
  expect(await words('lock', '--release')).toEqual({
    exitCode: 2,
    text: expect.stringContaining('who lives') as string,
  });
  must(await project().horme(['lock', '--release', '--confirm', 'local']), 0);
  const ended = must(await running.ended, 4);
  const text = ended.stdout + ended.stderr;
  expect(text).toContain(`${userInfo().username}@${hostname()} released it (horme lock --release)`);
  expect(text).toMatch(/1 of release \d+ running, with traffic/);
  expect(text).not.toContain('operation was aborted');
});
