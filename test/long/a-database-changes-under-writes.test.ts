import { beforeAll, expect, test } from 'vitest';
import { useDatabase } from '../e2e/harness/database.ts';
import { faults, shown, underFault } from '../database/faults.ts';

const scene = useDatabase('long-changes');
const nothingLost = { lost: 0, unexpected: 0 };

beforeAll(async () => {
  await scene().deploy({ replicas: 1 });
  await scene().settled(1);
});

test('a killed postmaster is started again in place: the same timeline, nothing lost', async () => {
  const outcome = await underFault(scene(), faults.postmasterKilled, { seconds: 60 });
  console.log(`${faults.postmasterKilled.name}: ${shown(outcome)}`);
  expect(outcome).toMatchObject({ ...nothingLost, timelines: 1 });
});

test('changed settings replace the replica first, then the former primary; the gap is measured and printed', async () => {
  const shop = scene();
  const before = await shop.primary();
  await shop.write({ replicas: 1, parameters: { max_connections: 120, work_mem: '3MB' } });
  const plan = (await shop.must('plan')).stdout;
  const after = before === 'horme-postgres-1' ? 'horme-postgres-2' : 'horme-postgres-1';
  const order = [`remove long-changes-local-${after}`, `over to ${after}`, `remove long-changes-local-${before}`];
  expect(order.map((text) => plan.indexOf(text)).toSorted((a, b) => a - b)).toEqual(
    order.map((text) => plan.indexOf(text)),
  );
  const { events } = await shop.must('db', 'upgrade', '--json');
  expect(JSON.stringify(events)).toMatch(/leads; no write was possible for \d/);
  for (const member of [before, after]) {
    expect(await shop.sql(member, 'SHOW max_connections')).toBe('120');
    expect(await shop.sql(member, 'SHOW work_mem')).toBe('3MB');
  }
});

test('settings that need no restart replace no container', async () => {
  const shop = scene();
  const containers = async () => [
    (await shop.container('horme-postgres-1')).id,
    (await shop.container('horme-postgres-2')).id,
  ];
  const before = await containers();
  await shop.deploy({ replicas: 1, parameters: { max_connections: 120, work_mem: '5MB' } });
  expect(await containers()).toEqual(before);
  await expect.poll(() => shop.sql('horme-postgres-2', 'SHOW work_mem'), { timeout: 30_000 }).toBe('5MB');
});

test('a new password takes over without the old one failing, and then the old one gets in no more', async () => {
  const shop = scene();
  await shop.must('db', 'rotate-password');
  const [who] = await shop.writers.query('SELECT session_user, current_user');
  expect(who).toEqual({ session_user: 'app_2', current_user: 'app' });
  expect(await shop.sql(await shop.primary(), "SELECT rolcanlogin FROM pg_roles WHERE rolname = 'app_1'")).toBe('f');
  const refused = await shop.horme(['rollback', '1']);
  expect([refused.exitCode, refused.stderr]).toEqual([3, expect.stringContaining('before they were rotated')]);
});

test('with the pooler a switchover fails no statement', async () => {
  const shop = scene();
  await shop.deploy({ replicas: 1, pooler: true, parameters: { max_connections: 120 } });
  const outcome = await underFault(shop, {
    name: 'switchover',
    strike: async () => void (await shop.must('db', 'switchover')),
  });
  console.log(`switchover behind the pooler: ${shown(outcome)}`);
  expect(outcome).toMatchObject({ ...nothingLost, failed: 0, unknown: 0 });
});
