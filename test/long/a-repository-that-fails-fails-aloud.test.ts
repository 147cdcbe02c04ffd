import { expect, test } from 'vitest';
import type { S3Server } from '../backup/repositories.ts';
import { firstBackups, loseMachine, smallVolume, statusOf, useBackups, withBackup } from '../backup/stage.ts';
import { eventually } from '../database/scene.ts';
import { docker } from '../e2e/harness/docker.ts';

const stage = useBackups('e2e-aloud', 'moto');
const primarySql = (statement: string) => stage().scene.sql('horme-postgres-1', statement);
const drill = () => stage().scene.horme(['backup', 'drill', '--repository', '2', '--json']);

test('a bucket that is away shows within two minutes, loses nothing, and is caught up with', async () => {
  const { scene, s3 } = stage();
  await scene.deploy({ replicas: 0 }, withBackup(stage()));
  await firstBackups(scene);
  await primarySql('CREATE TABLE marks (id int)');
  await whileAway(s3, async () => {
    await primarySql('INSERT INTO marks SELECT generate_series(1, 1000)');
    await primarySql('SELECT pg_switch_wal()');
    const seen = await eventually(
      () => statusOf(scene),
      ({ backup }) => backup.database.archiveFailing,
      120,
    );
    expect(seen.problems.join()).toContain('archiving fails');
  });
  await eventually(
    () => statusOf(scene),
    ({ backup }) => !backup.database.archiveFailing,
    180,
  );
  await scene.must('backup', 'now');
  expect((await drill()).exitCode).toBe(0);
});

test('a damaged object is found, and so is a WAL segment that is gone', async () => {
  const { scene, s3 } = stage();
  const backups = (await s3.objects()).filter(({ key }) => /\/database\/backup\/[^/]+\/[^/]+F\/bundle\//.test(key));
  const largest = backups.toSorted((a, b) => b.bytes - a.bytes)[0];
  const newestFull = backups.filter(({ key }) => key.split('/').at(-3) === backups.at(-1)?.key.split('/').at(-3));
  for (const { key } of newestFull) await s3.corrupt(key);
  const damaged = await drill();
  expect([damaged.exitCode, largest !== undefined]).toEqual([3, true]);
  expect(damaged.stderr + damaged.stdout).toMatch(/checksum|corrupt|unable to/i);
  expect((await statusOf(scene)).backup.database.lastProof).toMatchObject({ ok: false });
  await scene.must('backup', 'now', '--full');
  await primarySql('INSERT INTO marks VALUES (1)');
  const segment = await primarySql('SELECT pg_walfile_name(pg_switch_wal())');
  await primarySql('INSERT INTO marks VALUES (2)');
  await primarySql('SELECT pg_switch_wal()');
  const archived = await eventually(
    async () => (await s3.objects()).map(({ key }) => key),
    (keys) =>
      keys.filter((key) => /\/[0-9A-F]{24}-/.test(key)).some((key) => (key.split('/').at(-1) ?? '') > `${segment}~`),
    120,
  );
  const gone = archived.find((key) => key.includes(`/${segment}-`)) ?? '';
  await s3.remove(gone);
  const hole = await drill();
  expect([hole.exitCode, gone]).toEqual([3, expect.stringContaining(segment)]);
  expect(hole.stderr + hole.stdout).toContain(segment);
});

test('a second environment of the same name leaves what the first has put there alone', async () => {
  const { scene, s3 } = stage();
  const before = (await s3.objects()).map(({ key }) => key);
  await loseMachine(stage());
  await smallRepository(scene.project);
  await scene.deploy({ replicas: 0 }, withBackup(stage()));
  await firstBackups(scene);
  const after = new Set((await s3.objects()).map(({ key }) => key));
  expect(before.filter((key) => !after.has(key))).toEqual([]);
  const { json } = await scene.must('backup', 'list', '--json');
  expect(json?.['histories']).toHaveLength(1);
});

test('a full disk shows within two minutes, production goes on, and with room again all is caught up with', async () => {
  const { scene } = stage();
  const { id } = await scene.container('horme-backup');
  const inside = (script: string) => docker('exec', id, 'sh', '-c', script);
  expect(await inside('stat --file-system --format=%T /var/lib/horme-backup/database')).toBe('tmpfs');
  await inside('dd if=/dev/zero of=/var/lib/horme-backup/database/filler bs=64k 2>/dev/null; true');
  await primarySql('CREATE TABLE goes_on AS SELECT generate_series(1, 100000) AS id');
  await primarySql('SELECT pg_switch_wal()');
  const { problems } = await eventually(
    () => statusOf(scene),
    ({ backup }) => backup.database.archiveFailing,
    120,
  );
  expect(problems.join()).toContain('archiving fails');
  expect(await primarySql('SELECT count(*) FROM goes_on')).toBe('100000');
  await inside('rm /var/lib/horme-backup/database/filler');
  await eventually(
    () => statusOf(scene),
    ({ backup }) => !backup.database.archiveFailing,
    180,
  );
  await scene.must('backup', 'now');
});

/** Whatever comes of it, the tests after it have their bucket. */
async function whileAway(s3: S3Server, work: () => Promise<void>): Promise<void> {
  await s3.pause();
  try {
    await work();
  } finally {
    await s3.resume();
  }
}

/** Where the local repository will be, with room for a few backups. */
const smallRepository = (project: string) => smallVolume(project, 'horme-backup-database', 96);
