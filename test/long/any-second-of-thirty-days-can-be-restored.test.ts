import { expect, test } from 'vitest';
import { FakedClock } from '../backup/faked-clock.ts';
import { never } from '../backup/stage.ts';
import { eventually } from '../database/scene.ts';
import { useDatabase } from '../e2e/harness/database.ts';
import { docker } from '../e2e/harness/docker.ts';

interface Listed {
  histories: { repositories: { window: { from: string }; backups: { label: string }[]; gaps: unknown[] }[] }[];
}

const database = useDatabase('e2e-days');
const member = 'horme-postgres-1';
const agent = 'horme-backup';
const [days, kept] = [45, 30];
const dayMilliseconds = 86_400_000;
/** By days since the first. */
const moments = new Map<number, string>();
/** The segment that was written to before the night's backup. */
const segments = new Map<number, string>();

/** The last line is the result, or the error. */
async function inAgent<T>(...words: string[]): Promise<T> {
  const { id } = await database().container(agent);
  const output = await docker('exec', id, 'sh', '-c', 'horme-backup "$@" || true', 'sh', ...words);
  return JSON.parse(output.split('\n').at(-1) ?? '') as T;
}

const list = async () => (await inAgent<Listed>('list')).histories[0]?.repositories[0];

test('a backup each night for 45 days', async () => {
  const scene = database();
  await scene.deploy({ replicas: 0 }, { top: { backup: { ...never, keep: `${kept}d` } } });
  await scene.sql(member, 'CREATE TABLE days (day int)');
  const clock = new FakedClock(scene, [member, agent]);
  await clock.start([`${scene.project}_restored:/members/${member}`]);
  await eventually(list, (found) => (found?.backups.length ?? 0) > 0, 120);
  for (let day = 0; day <= days; day++) {
    await clock.set(day);
    await scene.sql(member, `INSERT INTO days VALUES (${day})`);
    const now = await scene.sql(member, 'SELECT clock_timestamp(), pg_walfile_name(pg_current_wal_lsn())');
    const [moment = '', segment = ''] = now.split('|');
    moments.set(day, moment);
    segments.set(day, segment);
    expect(await inAgent('backup')).toMatchObject({ event: 'result' });
  }
});

test('what is older than thirty days and a full backup is gone, with its WAL', async () => {
  const repository = await list();
  const first = Date.parse(repository?.window.from ?? '');
  const age = (Date.now() + days * dayMilliseconds - first) / dayMilliseconds;
  expect(age).toBeGreaterThan(kept);
  // Fulls are weekly: the one that day 30 needs may be so much older.
  expect(age).toBeLessThan(kept + 7.5);
  const { id } = await database().container(agent);
  const found = await docker('exec', id, 'find', '/var/lib/horme-backup/database/repository', '-type', 'f');
  const files = found.split('\n');
  const label = (path: string) => /\/(\d{8}-\d{6}F(?:_\d{8}-\d{6}[DI])?)\//.exec(path)?.[1] ?? '';
  const labels = new Set(files.map(label).filter((one) => one !== ''));
  expect([...labels].sort()).toEqual(repository?.backups.map((one) => one.label).sort());
  const archived = files.map((path) => /\/([0-9A-F]{24})-[0-9a-f]{40}/.exec(path)?.[1] ?? '').filter(Boolean);
  expect(archived.length).toBeGreaterThan(kept);
  const oldest = segments.get(days - Math.round(age)) ?? '';
  expect([oldest.length, archived.filter((segment) => segment < oldest)]).toEqual([24, []]);
  expect(repository?.gaps).toEqual([]);
});

test.each([kept, 15, 1])('the moment of %i days ago is restored with its rows', async (ago) => {
  const words = ['restore', '--to', moments.get(days - ago) ?? '', '--into', `/members/${member}`];
  const answer = await inAgent(...words);
  expect(answer, JSON.stringify(answer)).toMatchObject({ event: 'result', tables: { 'public.days': days - ago + 1 } });
});

test('a moment that is older than all that is kept is refused', async () => {
  const refused = await inAgent('restore', '--to', moments.get(1) ?? '', '--into', `/members/${member}`);
  expect(refused).toMatchObject({ event: 'error', code: 'target-unreachable' });
});
