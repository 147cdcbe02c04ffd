import { beforeAll, expect, test } from 'vitest';
import { useDatabase } from '../e2e/harness/database.ts';
import { faults, healed, outcomeOf, shown, started, stopped, underFault, writingAgain } from '../database/faults.ts';
import { eventually } from '../database/scene.ts';

const scene = useDatabase('long-zero-loss');
const settled = () => scene().settled(1, { synchronous: true });
const runs = 3;

beforeAll(async () => {
  await scene().deploy({ replicas: 1, durability: 'zero-loss', failover: 'fast' });
  await settled();
});

test(`primary killed and kept down, ${runs} times: no acknowledged commit is lost`, async () => {
  for (let run = 1; run <= runs; run++) {
    await settled();
    const outcome = await underFault(scene(), faults.containerKilled);
    console.log(`zero-loss, run ${run}: ${shown(outcome)}`);
    expect(outcome).toMatchObject({ lost: 0, unexpected: 0, twoPrimariesSeconds: 0 });
  }
});

test('everything killed at once and started in the worst order: the stale member does not lead', async () => {
  const shop = scene();
  const { members } = await settled();
  const primary = members.find(({ role }) => role === 'primary')?.name ?? '';
  const stale = members.find(({ role }) => role === 'replica')?.name ?? '';
  await shop.writers.start({ writers: 2 });
  await shop.writers.untilWriting(30);
  await stopped(shop, stale);
  const report = await healed(
    async () => {
      // The primary waits for the lost replica, then goes on alone: what it acknowledges from here on, the stale one doesn't have.
      await writingAgain(shop, 120);
      for (const service of [primary, 'horme-etcd']) await stopped(shop, service);
      const written = await shop.writers.stop();
      for (const service of ['horme-etcd', stale]) await started(shop, service);
      // Longer than the lease of the dead primary.
      const end = performance.now() + 45_000;
      await eventually(
        () => shop.status(),
        () => performance.now() > end,
        60,
      );
      const alone = (await shop.status()).members.find(({ name }) => name === stale);
      expect(alone?.role).toBe('replica');
      return written;
    },
    async () => {
      for (const service of ['horme-etcd', stale, primary]) await started(shop, service);
    },
  );
  await settled();
  const outcome = outcomeOf(report, await shop.writers.check());
  console.log(`worst order: ${shown(outcome)}`);
  expect(outcome).toMatchObject({ lost: 0, unexpected: 0 });
});

test('a switchover to a replica that is not synchronous says why it does not happen', async () => {
  const shop = scene();
  await settled();
  const primary = await shop.primary();
  const replica = primary === 'horme-postgres-1' ? 'horme-postgres-2' : 'horme-postgres-1';
  await stopped(shop, replica);
  const refused = await healed(
    () => shop.horme(['db', 'switchover', replica]),
    () => started(shop, replica),
  );
  expect([refused.exitCode, refused.stderr]).toEqual([
    3,
    expect.stringMatching(/does not follow the primary|not synchronous/),
  ]);
  await settled();
});
