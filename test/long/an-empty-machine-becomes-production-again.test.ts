import { execFile } from 'node:child_process';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { archived, firstBackups, loseMachine, useBackups, withBackup } from '../backup/stage.ts';
import { eventually } from '../database/scene.ts';
import { containersOf, docker } from '../e2e/harness/docker.ts';

const stage = useBackups('e2e-recover', 'moto');
const secret = { HORME_KIT_PASSPHRASE: 'correct horse battery staple' };
const run = promisify(execFile);
const file = { volumes: { uploads: {} } };
const createTable = 'CREATE TABLE IF NOT EXISTS acknowledged (id text PRIMARY KEY)';
const options = () => ({
  ...withBackup(stage(), { volumes: ['uploads'] }),
  // By a name, as most images have it: who reads the secrets is looked up in the image that is built again.
  writer: {
    ...{ user: 'node', volumes: ['uploads:/uploads'] },
    'x-horme': { route: { port: 8000 }, health: '/health', migrate: ['node', 'migrate.mjs', createTable] },
  },
  file,
});

async function commitEverything(): Promise<void> {
  const { directory } = stage().scene;
  const git = (...words: string[]) => run('git', words, { cwd: directory });
  await git('init', '--quiet');
  await git('add', '.');
  await git('-c', 'user.name=test', '-c', 'user.email=test@localhost', 'commit', '--quiet', '--message', 'all');
}

/** Of each start of the writers: how many rows it has, and a checksum of all of them. */
const digests = () =>
  stage().scene.writers.query(`
    SELECT split_part(id, '-', 1) AS start, count(*)::int AS rows, md5(string_agg(id, ',' ORDER BY id)) AS checksum
    FROM acknowledged GROUP BY 1 ORDER BY 1`);

/** The digest of rows that are all there will be of their start, each one that was acknowledged among them. */
async function writtenAndArchived(): Promise<Record<string, unknown> | undefined> {
  const { scene } = stage();
  const { writers } = scene;
  await writers.start({ writers: 2 });
  await eventually(
    () => writers.progress(),
    ({ acknowledged }) => acknowledged >= 1000,
    60,
  );
  await writers.stop();
  expect(await writers.check()).toMatchObject({ lost: 0, unexpected: 0 });
  const [digest] = await digests();
  await archived(stage(), await scene.primary());
  return digest;
}

test('database, volumes, cache and releases go to the bucket, and a kit is made', async () => {
  const { scene } = stage();
  await scene.write({ replicas: 1 }, options());
  await commitEverything();
  await scene.must('deploy', '--json');
  await firstBackups(scene);
  const write = 'echo kept >/uploads/file && chown 4711:4712 /uploads/file && chmod 640 /uploads/file';
  const volume = `${scene.project}_uploads:/uploads`;
  await docker('run', '--rm', '--volume', volume, 'debian:trixie-slim', 'sh', '-c', write);
  await scene.must('backup', 'now', '--json');
  const made = await scene.horme(['recovery-kit', 'the.kit', '--json'], secret);
  expect([made.exitCode, made.stderr]).toEqual([0, '']);
});

test('everything of the machine is gone: kit and bucket bring all of it back, but for the last minute', async () => {
  const { scene } = stage();
  const { writers } = scene;
  const whole = await writtenAndArchived();
  await writers.start({ writers: 1, pauseMilliseconds: 50 });
  await writers.untilWriting(30);
  await new Promise((resolve) => setTimeout(resolve, 95_000));
  const report = await writers.stop();
  const lostAt = Date.now();
  await loseMachine(stage());
  const stray = join(scene.directory, 'writer/never-committed.txt');
  await writeFile(stray, 'the commit is built, and not what lies here');
  const ran = await scene.horme(['recover', '--kit', join(scene.directory, 'the.kit')], secret);
  await rm(stray);
  console.log(ran.stdout, ran.stderr);
  expect(ran.exitCode).toBe(0);
  const { members } = await scene.settled(1);
  expect(members.map(({ role }) => role)).toEqual(['primary', 'replica']);
  const recovered = await digests();
  expect(recovered).toContainEqual(whole);
  // Those of the start whose end the bucket never saw.
  const rows = Number(recovered.find(({ start }) => start !== whole?.['start'])?.['rows']);
  console.log(
    `${String(whole?.['rows'])} archived, all recovered; ${report.acknowledged} after them, ${rows} recovered`,
  );
  expect(rows).toBeGreaterThan(0);
  const newest = /newest transaction recovered: (\S+ \S+Z)/.exec(ran.stdout)?.[1] ?? '';
  expect((lostAt - Date.parse(newest)) / 1000).toBeLessThanOrEqual(90);
  const volume = `${scene.project}_uploads:/uploads`;
  const read = 'cat /uploads/file && stat -c %u:%g:%a /uploads/file';
  const found = await docker('run', '--rm', '--volume', volume, 'debian:trixie-slim', 'sh', '-c', read);
  expect(found).toBe('kept\n4711:4712:640');
  expect((await containersOf(scene.project)).every(({ state }) => state !== 'exited')).toBe(true);
});

test('a deploy afterwards has nothing to do, and archives go to a history of their own', async () => {
  const { scene } = stage();
  const deployed = await scene.must('deploy', '--json');
  expect(deployed.json).toMatchObject({ changed: false });
  await firstBackups(scene);
  const { histories } = (await scene.must('backup', 'list', '--json')).json as unknown as { histories: unknown[] };
  expect(histories).toHaveLength(2);
});

test('an engine that has something of the environment is not recovered over', async () => {
  const { scene } = stage();
  const kit = join(scene.directory, 'the.kit');
  const refused = await scene.horme(['recover', '--kit', kit], secret);
  expect([refused.exitCode, refused.stderr]).toEqual([3, expect.stringContaining('already')]);
  const wrong = await scene.horme(['recover', '--kit', kit], { HORME_KIT_PASSPHRASE: 'not the right one' });
  expect([wrong.exitCode, wrong.stderr]).toEqual([3, expect.stringContaining('passphrase')]);
});

test('recover killed at each of its steps, then repeated, completes', async () => {
  const { scene } = stage();
  const before = await digests();
  await loseMachine(stage());
  const command = ['recover', '--kit', join(scene.directory, 'the.kit')];
  // Each step's second boundary: it is done, and nothing says so yet. The first is where the step before was noted.
  let at = 2;
  let ran = await scene.horme(command, { ...secret, HORME_FAULT_KILL_AT: '2' });
  while (ran.signal === 'SIGKILL') {
    at += 2;
    ran = await scene.horme(command, { ...secret, HORME_FAULT_KILL_AT: String(at) });
  }
  console.log(`killed at 2 to ${at - 2}`, ran.stdout, ran.stderr);
  expect(ran.exitCode).toBe(0);
  const steps = ['state', 'history', 'images', 'secrets', 'database', 'swap', 'volume uploads', 'cache', 'deploy'];
  for (const step of steps) expect(ran.stdout).toMatch(new RegExp(`^${step} +\\d`, 'm'));
  // Two boundaries a step, and the deploy's own.
  expect(at - 2).toBeGreaterThan(2 * (steps.length - 1));
  await scene.settled(1);
  expect(await digests()).toEqual(before);
  const volume = `${scene.project}_uploads:/uploads`;
  expect(await docker('run', '--rm', '--volume', volume, 'debian:trixie-slim', 'cat', '/uploads/file')).toBe('kept');
  expect((await scene.must('db', 'drop-former')).stdout).toContain('no former data');
  const { json } = await scene.must('deploy', '--json');
  expect(json, JSON.stringify(json)).toMatchObject({ changed: false });
});

test('where the bucket has no backup of the database, the deploy that is named instead begins anew, with the former keys', async () => {
  const { scene, s3 } = stage();
  await loseMachine(stage());
  for (const { key } of await s3.objects()) if (key.includes('/database/')) await s3.remove(key);
  const ran = await scene.horme(['recover', '--kit', join(scene.directory, 'the.kit')], secret);
  expect([ran.exitCode, ran.stderr]).toEqual([3, expect.stringContaining('there is no backup of the database yet')]);
  expect(ran.stderr).toContain('horme deploy');
  await scene.must('deploy');
  await scene.settled(1);
  await firstBackups(scene);
  await scene.must('restore', '--latest', '--volume', 'uploads', '--confirm', 'local');
});
