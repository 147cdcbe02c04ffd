import { expect, test } from 'vitest';
import { never } from '../backup/stage.ts';
import { healed } from '../database/faults.ts';
import { eventually } from '../database/scene.ts';
import { useDatabase } from '../e2e/harness/database.ts';

const scene = useDatabase('e2e-migration');
const migrating = (sql: string) => ({
  writer: { 'x-horme': { route: { port: 8000 }, health: '/health', migrate: ['node', 'migrate.mjs', sql] } },
});
const member = 'horme-postgres-1';
const backup = { top: { backup: never } };
const problems = async () => (await scene().must('status', '--json')).json['problems'] as string[];
const due = expect.stringContaining('the data and its schema are from before the migration of release') as string;
const logs = (events: Record<string, unknown>[]) =>
  events
    .filter(({ kind }) => kind === 'log')
    .map(({ line }) => String(line))
    .join('\n');

test('it logs in as the owner, under limits, after a restore point; what it makes, the application can use', async () => {
  const shop = scene();
  const { events } = await shop.deploy({ replicas: 0 }, migrating('CREATE TABLE made (id int)'));
  expect(logs(events)).toContain('"session_user":"owner_1","current_user":"owner","lock":"5s","statement":"15min"');
  expect(JSON.stringify(events)).toContain('restore point e2e-migration-local-before-release-1');
  await shop.writers.query('INSERT INTO made VALUES (1)');
  await expect(shop.writers.query('ALTER TABLE made ADD COLUMN name text')).rejects.toThrow(/must be owner/);
  await expect(shop.writers.query('CREATE TABLE more (id int)')).rejects.toThrow(/permission denied/);
});

test('one that fails ends the deploy with its words, and nothing was switched', async () => {
  const shop = scene();
  const { id } = await shop.container('writer');
  await shop.write({ replicas: 0 }, withVersion('v2', 'CREATE TABLE made (id int)'));
  const ran = await shop.horme(['deploy', '--json']);
  expect(ran.exitCode).toBe(10);
  expect(ran.json['reason']).toContain('nothing was switched');
  expect(ran.json['lastSeen']).toContain('relation "made" already exists');
  expect((await shop.container('writer')).id).toBe(id);
});

test('one that waits for a lock gives up after its limit instead of holding up everyone', async () => {
  const shop = scene();
  await shop.write(
    { replicas: 0, migrations: { lockTimeout: '1s' } },
    withVersion('v3', 'ALTER TABLE made ADD COLUMN note text'),
  );
  const ran = await whileLocked('made', () => shop.horme(['deploy', '--json']));
  expect(ran.exitCode).toBe(10);
  expect(ran.json['lastSeen']).toContain('canceling statement due to lock timeout');
});

test('going back over a migration wants --accept-schema', async () => {
  const shop = scene();
  await shop.deploy({ replicas: 0 }, withVersion('v4', 'ALTER TABLE made ADD COLUMN note text'));
  const refused = await shop.horme(['rollback']);
  expect([refused.exitCode, refused.stderr]).toEqual([3, expect.stringContaining('--accept-schema')]);
  await shop.must('rollback', '--accept-schema');
  await shop.writers.query("INSERT INTO made (id, note) VALUES (2, 'the schema stays')");
});

test('what a migration has dropped comes back with the data of before its release', async () => {
  const shop = scene();
  await shop.deploy({ replicas: 0 }, { ...withVersion('v4', 'SELECT'), ...backup });
  await eventually(
    async () => (await shop.must('backup', 'list', '--json')).json['histories'] as unknown[],
    (histories) => JSON.stringify(histories).includes('"label"'),
    120,
  );
  await shop.writers.query('INSERT INTO made (id) VALUES (3)');
  await shop.deploy({ replicas: 0 }, { ...withVersion('v5', 'DROP TABLE made'), ...backup });
  await expect(shop.writers.query('SELECT FROM made')).rejects.toThrow(/does not exist/);
  const { json } = await shop.must('releases', '--json');
  const { live } = json as { live: number };
  await shop.must('restore', '--before-release', String(live), '--only-database', '--confirm', 'local');
  expect(await shop.sql(member, 'SELECT max(id) FROM made')).toBe('3');
});

test('a deploy runs the migrations again that the restored data is of before, though nothing else changed', async () => {
  const shop = scene();
  expect(await problems()).toContainEqual(due);
  const { id } = await shop.container('writer');
  await shop.must('deploy');
  await expect(shop.writers.query('SELECT FROM made')).rejects.toThrow(/does not exist/);
  expect((await shop.container('writer')).id).toBe(id);
  expect(await problems()).not.toContainEqual(due);
});

test('a rollback after a restore to before the migrations is not asked about a schema that is gone', async () => {
  const shop = scene();
  const { live } = (await shop.must('releases', '--json')).json as { live: number };
  await shop.must('backup', 'now');
  await shop.sql(member, 'CREATE TABLE kept (id int)');
  await shop.deploy({ replicas: 0 }, { ...withVersion('v6', 'CREATE TABLE more (id int)'), ...backup });
  const before = ['restore', '--before-release', String(live + 1), '--only-database', '--confirm', 'local'];
  await shop.must(...before);
  await shop.must('rollback');
  await shop.sql(member, 'SELECT FROM kept');
  await expect(shop.sql(member, 'SELECT FROM more')).rejects.toThrow(/does not exist/);
  expect(await problems()).not.toContainEqual(due);
});

/** However long the deploy takes to come to its migration. */
async function whileLocked<T>(table: string, work: () => Promise<T>): Promise<T> {
  const onTable = `relation = '${table}'::regclass AND pid <> pg_backend_pid()`;
  const locked = `BEGIN; LOCK TABLE ${table} IN ACCESS SHARE MODE; SELECT pg_sleep(600)`;
  // Ended by us, so that it fails.
  const held = scene()
    .sql(member, locked)
    .catch(() => undefined);
  const ran = await healed(
    async () => {
      await eventually(
        () => scene().sql(member, `SELECT count(*) FROM pg_locks WHERE granted AND ${onTable}`),
        (locks) => locks !== '0',
        30,
      );
      return work();
    },
    () => scene().sql(member, `SELECT pg_terminate_backend(pid) FROM pg_locks WHERE ${onTable}`),
  );
  await held;
  return ran;
}

function withVersion(version: string, sql: string) {
  const { writer } = migrating(sql);
  const environment = {
    DATABASE_URL: '${DATABASE_URL}',
    DATABASE_REPLICA_URL: '${DATABASE_REPLICA_URL}',
    VERSION: version,
  };
  return { writer: { ...writer, environment } };
}
