import { expect, test } from 'vitest';
import type { ListAnswer } from '../../src/agent/backup/contract.ts';
import { statusOf } from '../backup/stage.ts';
import { healed, outcomeOf, shown, writingAgain } from '../database/faults.ts';
import { eventually } from '../database/scene.ts';
import { useDatabase } from '../e2e/harness/database.ts';
import { containersOf } from '../e2e/harness/docker.ts';

const scene = useDatabase('e2e-major');
/** Backups go on in a history of the new version's own. */
const saved = { top: { backup: {} } };
const nothingLost = { lost: 0, unexpected: 0 };
const versionOf = (member: string) => scene().sql(member, "SELECT current_setting('server_version_num')::int / 10000");

test('a deploy does not change the major version, and says what does', async () => {
  const shop = scene();
  await shop.deploy({ replicas: 1 }, saved);
  await shop.settled(1);
  await shop.write({ replicas: 1, version: 18 }, saved);
  const refused = await shop.horme(['deploy']);
  expect([refused.exitCode, refused.stderr]).toEqual([3, expect.stringContaining('horme db upgrade')]);
  expect(await versionOf('horme-postgres-1')).toBe('17');
});

test('what pg_upgrade would refuse fails in the rehearsal, with nothing stopped', async () => {
  const shop = scene();
  // A type that keeps an object's number can't move to another version.
  await shop.sql('horme-postgres-1', 'CREATE TABLE stuck (which regproc)');
  await healed(
    async () => {
      await shop.writers.start({ writers: 2 });
      await shop.writers.untilWriting(30);
      const before = (await containersOf(shop.project)).filter(({ service }) => service.startsWith('horme-postgres'));
      const failed = await shop.horme(['db', 'upgrade', '--json']);
      const after = (await containersOf(shop.project)).filter(({ service }) => service.startsWith('horme-postgres'));
      const outcome = outcomeOf(await shop.writers.stop(), await shop.writers.check());
      expect(failed.exitCode).toBe(10);
      expect(failed.stdout).toContain('reg* data types');
      expect(after.map(({ id }) => id)).toEqual(before.map(({ id }) => id));
      expect(outcome).toMatchObject({ ...nothingLost, failed: 0 });
    },
    () => shop.sql('horme-postgres-1', 'DROP TABLE stuck'),
  );
});

test('17 becomes 18 under writers: nothing acknowledged is lost, and the old data stays', async () => {
  const shop = scene();
  await shop.must('db', 'switchover', 'horme-postgres-2');
  await shop.settled(1);
  await shop.writers.start({ writers: 2 });
  await shop.writers.untilWriting(30);
  await shop.must('db', 'upgrade', '--json');
  await writingAgain(shop, 120);
  const outcome = outcomeOf(await shop.writers.stop(), await shop.writers.check());
  console.log(`17 to 18 with one replica: ${shown(outcome)}`);
  expect(outcome).toMatchObject(nothingLost);
  await shop.settled(1);
  expect(await Promise.all([versionOf('horme-postgres-1'), versionOf('horme-postgres-2')])).toEqual(['18', '18']);
  expect((await shop.must('deploy', '--json')).json).toMatchObject({ changed: false });
  await shop.must('db', 'switchover');
  await eventually(
    () => statusOf(shop),
    ({ backup }) => backup.database.lastBackup !== null && !backup.database.archiveFailing,
    180,
  );
  await shop.must('backup', 'drill');
});

test('a time before the upgrade is not taken into use, and comes back as another database', async () => {
  const shop = scene();
  const { histories } = (await shop.must('backup', 'list', '--json')).json as unknown as ListAnswer;
  expect(histories.map(({ version }) => version)).toEqual(['18', '17']);
  const to = histories[1]?.repositories[0]?.window?.to ?? '';
  const refused = await shop.horme(['restore', '--to', to, '--only-database']);
  const said = expect.stringContaining('before the upgrade of the database to PostgreSQL 18') as string;
  expect([refused.exitCode, refused.stderr]).toEqual([3, said]);
  await shop.must('restore', '--to', to, '--as', 'before');
  const primary = await shop.primary();
  const rows = (database?: string) => shop.sql(primary, 'SELECT count(*) FROM acknowledged', database);
  expect(Number(await rows('before'))).toBeGreaterThan(0);
  expect(Number(await rows('before'))).toBeLessThanOrEqual(Number(await rows()));
  await shop.sql(primary, 'DROP DATABASE before');
});

test('the older version does not go on with data that the newer one has written to', async () => {
  const shop = scene();
  await shop.write({ replicas: 1, version: 17 }, saved);
  const refused = await shop.horme(['deploy']);
  expect([refused.exitCode, refused.stderr]).toEqual([3, expect.stringContaining('version: 18')]);
  const back = await shop.horme(['rollback', '1', '--accept-schema']);
  expect([back.exitCode, back.stderr]).toEqual([3, expect.stringContaining('version: 18')]);
});

test('the old data goes when it is told to', async () => {
  const shop = scene();
  await shop.write({ replicas: 1, version: 18 }, saved);
  const asked = await shop.horme(['db', 'drop-former']);
  expect([asked.exitCode, asked.stderr]).toEqual([2, expect.stringContaining('17 of horme-postgres-1')]);
  const { json } = await shop.must('db', 'drop-former', '--confirm', 'local', '--json');
  expect(json?.['dropped']).toMatchObject([
    { member: 'horme-postgres-1', folder: '17' },
    { member: 'horme-postgres-2', folder: '17' },
  ]);
  expect((await shop.must('db', 'drop-former')).stdout).toContain('no former data');
});
