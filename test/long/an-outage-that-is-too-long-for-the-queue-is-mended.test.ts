import { expect, test } from 'vitest';
import { firstBackups, smallVolume, statusOf, useBackups, withBackup } from '../backup/stage.ts';
import { eventually } from '../database/scene.ts';

const stage = useBackups('e2e-outage', 'moto');
const member = 'horme-postgres-1';
const volumeMebibytes = 640;
/** More than the volume has room for. */
const segments = 45;
const databaseOf = async () => (await statusOf(stage().scene)).backup.database;

/** A whole segment, and no row: the volume of the data is small. */
const writeSegment = (of: string) =>
  stage().scene.sql(
    member,
    `SELECT count(pg_logical_emit_message(false, '${of}', repeat('${of}', 1000000))) FROM generate_series(1, 16)`,
  );

test('the bucket is away while more is written than may wait: it shows, and production goes on', async () => {
  const { scene, s3 } = stage();
  await smallVolume(scene.project, `${member}-data`, volumeMebibytes);
  // Less than the volume has room for, as max_wal_size of a volume of this size must be.
  await scene.deploy({ replicas: 0, parameters: { max_wal_size: '128MB' } }, withBackup(stage()));
  await firstBackups(scene);
  await scene.sql(member, 'CREATE TABLE marks (id int)');
  await s3.pause();
  let peak = 0;
  let written = 0;
  await eventually(
    async () => {
      await writeSegment(String(written++ % 10));
      const { walBytes, archiveFailing } = await databaseOf();
      peak = Math.max(peak, walBytes);
      return { archiveFailing, written };
    },
    (seen) => seen.archiveFailing && seen.written >= segments,
    600,
  );
  // A fifth may wait, and what is written until a push that hangs is over.
  expect(peak / 1024 ** 2 / volumeMebibytes).toBeLessThan(0.9);
  await scene.sql(member, 'INSERT INTO marks VALUES (1)');
});

test('it shows until what is missing is covered by a new backup, which is taken unasked', async () => {
  const { scene, s3 } = stage();
  const resumed = Date.now();
  const watched = await databaseOf();
  expect(watched.archiveFailing).toBe(true);
  await s3.resume();
  const mended = await eventually(
    databaseOf,
    ({ archiveFailing, gaps, repositories }) =>
      !archiveFailing &&
      gaps.length > 0 &&
      repositories.length === 2 &&
      repositories.every(({ lastBackupAt }) => Date.parse(lastBackupAt ?? '') > resumed),
    420,
  );
  expect((await statusOf(scene)).problems.join()).toContain('is missing in repository');
  expect(mended.repositories.map(({ lastError }) => lastError)).toEqual([null, null]);
  expect((await scene.horme(['backup', 'drill', '--repository', '2', '--json'])).exitCode).toBe(0);
});
