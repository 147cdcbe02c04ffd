import { expect, test } from 'vitest';
import { never } from '../backup/stage.ts';
import { eventually } from '../database/scene.ts';
import { useDatabase } from '../e2e/harness/database.ts';
import { containersOf, docker } from '../e2e/harness/docker.ts';

const scene = useDatabase('e2e-unwell');
const member = 'horme-postgres-1';
const sql = (statement: string, database?: string) => scene().sql(member, statement, database);
const restore = (to: string, ...more: string[]) => ['restore', '--to', to, ...more, '--confirm', 'local'];

const moment = () => scene().moment(member);
const inMember = async (...words: string[]) => docker('exec', (await scene().container(member)).id, ...words);
const uploads = async (script: string) => docker('exec', (await scene().container('writer')).id, 'sh', '-c', script);

test('Ctrl-C while it restores beside changes nothing, also with --confirm; the same again completes', async () => {
  const shop = scene();
  const writer = { volumes: ['uploads:/uploads'], user: '0' };
  const top = { backup: { ...never, volumes: ['uploads'] } };
  await shop.deploy({ replicas: 0 }, { writer, top, file: { volumes: { uploads: {} } } });
  await sql('CREATE TABLE orders AS SELECT generate_series(1, 1000) AS id');
  await uploads('echo then >/uploads/file');
  await shop.must('backup', 'now');
  const then = await moment();
  await sql('TRUNCATE orders');
  await uploads('echo now >/uploads/file');

  const running = shop.start(restore(then));
  await eventually(
    () => containersOf(shop.project),
    (seen) => seen.some(({ name }) => name.includes('horme-backup-run-')),
    120,
  );
  running.kill('SIGINT');
  const { exitCode, stderr } = await running.ended;
  expect([exitCode, stderr]).toEqual([130, expect.stringContaining('the same command again')]);
  expect([await sql('SELECT count(*) FROM orders'), await uploads('cat /uploads/file')]).toEqual(['0', 'now']);

  await shop.must(...restore(then));
  expect([await sql('SELECT count(*) FROM orders'), await uploads('cat /uploads/file')]).toEqual(['1000', 'then']);
});

test('a table with a page that can not be read, and one that someone holds locked, are named and come back', async () => {
  const shop = scene();
  await shop.must('backup', 'now');
  await sql('CREATE EXTENSION pg_buffercache');
  await sql('CREATE TABLE broken AS SELECT generate_series(1, 10000) AS id');
  await sql('CREATE TABLE held AS SELECT generate_series(1, 10) AS id');
  const before = await moment();
  await sql('CHECKPOINT');
  const file = await sql("SELECT pg_relation_filepath('broken')");
  await inMember('sh', '-c', `dd if=/dev/urandom of="$PGDATA/${file}" bs=8192 seek=1 count=1 conv=notrunc`);
  await sql(
    "SELECT count(pg_buffercache_evict(bufferid)) FROM pg_buffercache WHERE relfilenode = pg_relation_filenode('broken')",
  );
  await expect(sql('SELECT count(*) FROM broken')).rejects.toThrow(/invalid page/);
  // Ended by the restore, which stops the database.
  const held = sql('BEGIN; LOCK TABLE held; SELECT pg_sleep(600)').catch(() => undefined);

  const { stdout } = await shop.must(...restore(before, '--only-database'));
  expect(stdout).toContain("public.broken: can't be counted now, 10000 rows then");
  expect(stdout).toContain("public.held: can't be counted now, 10 rows then");
  expect(await sql('SELECT count(*) FROM broken')).toBe('10000');
  await held;
});

test('a database that was dropped comes back', async () => {
  const shop = scene();
  await shop.must('backup', 'now');
  await sql('CREATE TABLE last AS SELECT 1 AS id');
  const before = await moment();
  // A recovery stops at commits alone, and a dropped database is gone before the commit of the drop.
  await sql('CREATE TABLE later (id int)');
  await sql(`DROP DATABASE ${shop.name.replaceAll('-', '_')} WITH (FORCE)`, 'postgres');
  const { stdout } = await shop.must(...restore(before, '--only-database'));
  expect(stdout).toContain('production does not answer, so what would change is not known');
  expect(await sql('SELECT id FROM last')).toBe('1');
});
