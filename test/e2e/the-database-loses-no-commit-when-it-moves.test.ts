import { expect, test } from 'vitest';
import { faults, outcomeOf, shown, underFault, writingAgain } from '../database/faults.ts';
import { needsRestart } from '../../src/parts/database/settings.ts';
import { useDatabase } from './harness/database.ts';

const scene = useDatabase('e2e-database');
const nothingLost = { lost: 0, unexpected: 0 };
const rows = () => scene().sql('horme-postgres-1', 'SELECT count(*) FROM acknowledged');

test('one Postgres: the application has its own role, over TLS, and no other rights', async () => {
  const shop = scene();
  await shop.deploy({ replicas: 0 });
  await shop.writers.start({ writers: 1 });
  await shop.writers.untilWriting(30);
  const [who] = await shop.writers.query('SELECT session_user, current_user');
  expect(who).toEqual({ session_user: 'app_1', current_user: 'app' });
  const encrypted = 'SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE usename = $$app_1$$';
  expect(await shop.sql('horme-postgres-1', encrypted)).toBe('t');
  await shop.writers.stop();
  await shop.writers.query('CREATE TABLE kept (id int)');
  await expect(shop.writers.query('CREATE ROLE other')).rejects.toThrow(/permission denied/);
  await expect(shop.writers.query("SELECT pg_read_file('/run/secrets/database-key')")).rejects.toThrow(/permission/);
  const { members } = await shop.status();
  expect(members).toMatchObject([{ name: 'horme-postgres-1', role: 'primary', state: 'running', lagBytes: 0 }]);
});

test('the parameters that need a restart are those that Postgres says need one', async () => {
  const settings = await scene().sql('horme-postgres-1', 'SELECT name, context FROM pg_settings');
  const wrong = settings
    .split('\n')
    .map((line) => line.split('|'))
    .filter(([name = '', context]) => (context === 'postmaster') !== needsRestart(name) && context !== 'internal');
  expect(wrong).toEqual([]);
});

test('a replica is added to the data that is there, under writes', async () => {
  const shop = scene();
  const { writers } = shop;
  await writers.start({ writers: 2 });
  await writers.untilWriting(30);
  await shop.deploy({ replicas: 1 });
  await writingAgain(shop, 60);
  const outcome = outcomeOf(await writers.stop(), await writers.check());
  console.log(`0 to 1 replica: ${shown(outcome)}`);
  expect(outcome).toMatchObject(nothingLost);
  const { members } = await shop.settled(1);
  expect(members.map(({ role, state }) => [role, state])).toEqual([
    ['primary', 'running'],
    ['replica', 'streaming'],
  ]);
  const copied = () => shop.sql('horme-postgres-2', 'SELECT count(*) FROM acknowledged');
  await expect.poll(copied, { timeout: 30_000 }).toBe(await rows());
});

test('reads go to the replica', async () => {
  const read = () => scene().writers.query('SELECT pg_is_in_recovery() AS replica', 'DATABASE_REPLICA_URL');
  const five = () => Promise.all(Array.from({ length: 5 }, read));
  // The primary answers until the proxy's checks have found the replica.
  await expect.poll(five, { timeout: 30_000 }).toEqual(Array(5).fill([{ replica: true }]));
});

test('a killed first process takes its Postgres with it, and both come back: never two primaries', async () => {
  const outcome = await underFault(scene(), faults.firstProcessKilled, { seconds: 60 });
  console.log(`${faults.firstProcessKilled.name}: ${shown(outcome)}`);
  expect(outcome).toMatchObject({ ...nothingLost, twoPrimariesSeconds: 0 });
});

test('a switchover under writes loses nothing', async () => {
  const shop = scene();
  const before = await shop.primary();
  const outcome = await underFault(shop, {
    name: 'switchover',
    strike: async () => void (await shop.must('db', 'switchover')),
  });
  console.log(`switchover: ${shown(outcome)}`);
  expect(outcome).toMatchObject({ ...nothingLost, twoPrimariesSeconds: 0 });
  expect(await shop.primary()).not.toBe(before);
});

test('the replica is taken away again: the member that stays has all of the data', async () => {
  const shop = scene();
  const before = await shop.sql(await shop.primary(), 'SELECT count(*) FROM acknowledged');
  await shop.deploy({ replicas: 0 });
  expect(await rows()).toBe(before);
  const { members, slots } = await shop.status();
  expect(members).toMatchObject([{ name: 'horme-postgres-1', role: 'primary' }]);
  expect(slots).toEqual([]);
  await shop.writers.query('INSERT INTO kept VALUES (1)');
});
