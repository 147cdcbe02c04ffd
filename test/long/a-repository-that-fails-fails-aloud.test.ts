import { expect, test } from 'vitest';
import type { S3Server } from '../backup/repositories.ts';
import { archived, firstBackups, loseMachine, smallVolume, statusOf, useBackups, withBackup } from '../backup/stage.ts';
import { healed, outcomeOf, shown } from '../database/faults.ts';
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

test('one damaged object is found: the drill says in which backup, verify says which file', async () => {
  const { scene, s3 } = stage();
  // The newest is drilled, and a differential one may have no need of what is damaged.
  await scene.must('backup', 'now', '--full');
  const { key, label } = await largestOfNewestFull(s3);
  await s3.corrupt(key);
  await healed(
    async () => {
      const damaged = await drill();
      const failed = expect.stringContaining(`${label} of repository 2: pgbackrest restore: `) as string;
      expect([damaged.exitCode, damaged.json['message']]).toEqual([3, failed]);
      const { lastProof } = (await statusOf(scene)).backup.database;
      expect(lastProof).toMatchObject({ ok: false, repository: 2, label });
      // pgBackRest's numbers for what it can't make sense of: checksum, format, read, decryption. It names a file with the first.
      expect(lastProof?.problems).toEqual([expect.stringMatching(/ERROR: \[0(26|29|42|95)\]/)]);
      const verified = await scene.horme(['backup', 'verify', '--json']);
      expect(verified.exitCode).toBe(3);
      const file = new RegExp(`^repository 2 \\(s3\\): history \\S+: invalid (checksum|size|result) '?${label}/`);
      for (const line of String(verified.json['message']).split('\n')) expect(line).toMatch(file);
    },
    () => s3.corrupt(key),
  );
});

test('a WAL segment that is gone is named by the drill', async () => {
  const { s3 } = stage();
  await primarySql('INSERT INTO marks VALUES (1)');
  const gone = await archived(stage(), 'horme-postgres-1');
  await primarySql('INSERT INTO marks VALUES (2)');
  await archived(stage(), 'horme-postgres-1');
  await s3.remove(gone.key);
  const hole = await drill();
  const missing = String(hole.json['message']).match(/WAL \S+(?: to \S+)? is missing/g);
  expect([hole.exitCode, missing]).toEqual([3, [`WAL ${gone.segment} is missing`]]);
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

test('a full disk fails aloud within two minutes, production goes on, and with room again all is caught up with', async () => {
  const { scene } = stage();
  const { writers } = scene;
  const { id } = await scene.container('horme-backup');
  const inside = (script: string) => docker('exec', '--workdir', folder, id, 'sh', '-c', script);
  expect(await inside('stat --file-system --format=%T .')).toBe('tmpfs');
  await writers.start({ writers: 1, pauseMilliseconds: 50 });
  await inside(fillWith('filler'));
  // WAL finds room, a full backup does not: without room for WAL too it would wait ten minutes for that first.
  await inside('truncate --size=-2M filler');
  const refused = await scene.horme(['backup', 'now', '--full', '--json']);
  const why = /^repository 1 \(local\): .*unable to write .*; its disk has \d MiB free$/;
  expect([refused.exitCode, refused.json['message']]).toEqual([3, expect.stringMatching(why)]);
  await writers.untilWriting(30);
  await inside(fillWith('rest'));
  await primarySql('CREATE TABLE goes_on AS SELECT generate_series(1, 100000) AS id');
  await primarySql('SELECT pg_switch_wal()');
  const { problems } = await eventually(
    () => statusOf(scene),
    ({ backup }) => backup.database.archiveFailing,
    120,
  );
  expect(problems.join()).toContain('archiving fails');
  expect(await primarySql('SELECT count(*) FROM goes_on')).toBe('100000');
  await writers.untilWriting(30);
  await inside('rm filler rest');
  await eventually(
    () => statusOf(scene),
    ({ backup }) => !backup.database.archiveFailing,
    180,
  );
  await scene.must('backup', 'now');
  const { repositories } = (await statusOf(scene)).backup.database;
  expect(repositories.map(({ lastError }) => lastError)).toEqual([null, null]);
  const outcome = outcomeOf(await writers.stop(), await writers.check());
  console.log(`a full disk: ${shown(outcome)}`);
  expect(outcome).toMatchObject({ lost: 0, unexpected: 0, failed: 0, unknown: 0 });
});

/** What most of the newest full backup is in; all of its objects have its label in their keys. */
async function largestOfNewestFull(s3: S3Server): Promise<{ key: string; label: string }> {
  const stored = (await s3.objects()).map(({ key, bytes }) => {
    const label = /\/database\/backup\/[^/]+\/([^/]+F)\/(?:bundle|pg_data)\//.exec(key)?.[1] ?? '';
    return { key, label, bytes };
  });
  const [largest] = stored.toSorted((a, b) => b.label.localeCompare(a.label) || b.bytes - a.bytes);
  if (!largest?.label) throw new Error('the bucket has no full backup');
  return largest;
}

async function whileAway(s3: S3Server, work: () => Promise<void>): Promise<void> {
  await s3.pause();
  await healed(work, () => s3.resume());
}

/** Where the local repository will be, with room for a few backups. */
const smallRepository = (project: string) => smallVolume(project, 'horme-backup-database', 96);

/** Of the local repository, and what else the agent of the database keeps. */
const folder = '/var/lib/horme-backup/database';
const fillWith = (file: string) => `dd if=/dev/zero of=${file} bs=64k 2>/dev/null; true`;
