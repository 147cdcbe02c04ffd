import { beforeAll, expect, test } from 'vitest';
import { docker } from '../e2e/harness/docker.ts';
import { useDatabase } from '../e2e/harness/database.ts';
import {
  copiesAgree,
  faults,
  healed,
  outcomeOf,
  shown,
  started,
  stopped,
  underFault,
  writingAgain,
} from '../database/faults.ts';
import { eventually, type Scene } from '../database/scene.ts';

const scene = useDatabase('long-database');
const members = ['horme-postgres-1', 'horme-postgres-2'];
const otherThan = (member: string) => members.find((name) => name !== member) ?? '';

beforeAll(async () => {
  await scene().deploy({ replicas: 1 });
  await scene().settled(1);
});

const sameEverywhere = () => copiesAgree(scene(), members);

test('primary killed and kept down: the replica takes over; the former primary comes back as replica', async () => {
  const outcome = await underFault(scene(), faults.containerKilled);
  console.log(`${faults.containerKilled.name}: ${shown(outcome)}`);
  // Asynchronous: the last commits may be lost, and are counted.
  expect(outcome).toMatchObject({ unexpected: 0, twoPrimariesSeconds: 0 });
  await sameEverywhere();
});

test('the same with failover: fast', async () => {
  await scene().deploy({ replicas: 1, failover: 'fast' });
  const outcome = await underFault(scene(), faults.containerKilled);
  console.log(`${faults.containerKilled.name}, fast: ${shown(outcome)}`);
  expect(outcome).toMatchObject({ unexpected: 0, twoPrimariesSeconds: 0 });
  await sameEverywhere();
});

test('primary cut off the network: it acknowledges nothing after the promotion, and rejoins by itself', async () => {
  const outcome = await underFault(scene(), faults.cutOff);
  console.log(`${faults.cutOff.name}: ${shown(outcome)}`);
  expect(outcome).toMatchObject({ unexpected: 0, twoPrimariesSeconds: 0 });
  await sameEverywhere();
});

test('an old primary with commits of its own is wound back, without a hand', async () => {
  const shop = scene();
  const old = await shop.primary();
  const replica = otherThan(old);
  const { id } = await shop.container(replica);
  await healed(
    async () => {
      await docker('pause', id);
      // Acknowledged by the primary alone; the replica, which hears nothing, becomes the primary without them.
      await healed(
        async () => {
          await shop.sql(old, "INSERT INTO acknowledged SELECT 'diverged-' || n FROM generate_series(1, 1000) n");
          await stopped(shop, old);
        },
        () => docker('unpause', id),
      );
      await eventually(
        () => shop.status(),
        ({ members: seen }) => seen.some(({ name, role }) => name === replica && role === 'primary'),
        90,
      );
      await shop.sql(replica, "INSERT INTO acknowledged SELECT 'after-' || n FROM generate_series(1, 1000) n");
    },
    () => started(shop, old),
  );
  await sameEverywhere();
  expect(await shop.sql(old, "SELECT count(*) FROM acknowledged WHERE id LIKE 'diverged-%'")).toBe('0');
  expect(await shop.sql(old, "SELECT count(*) FROM acknowledged WHERE id LIKE 'after-%'")).toBe('1000');
});

test('the proxy restarted while a member is down: it starts, and finds the primary', async () => {
  const shop = scene();
  const replica = otherThan(await shop.primary());
  await stopped(shop, replica);
  await healed(
    async () => {
      await shop.writers.start({ writers: 2 });
      await shop.writers.untilWriting(30);
      await docker('restart', '--time', '1', (await shop.container('horme-database')).id);
      await writingAgain(shop, 60);
      const outcome = outcomeOf(await shop.writers.stop(), await shop.writers.check());
      console.log(`proxy restarted: ${shown(outcome)}`);
      expect(outcome).toMatchObject({ lost: 0, unexpected: 0 });
    },
    () => started(shop, replica),
  );
  await sameEverywhere();
});

test('a deploy during a failover converges, at the latest by the next one', async () => {
  const shop = scene();
  const primary = await shop.primary();
  await shop.write({ replicas: 1, failover: 'fast' }, { version: 'v2' });
  const deploy = shop.horme(['deploy', '--json']);
  await stopped(shop, primary);
  await healed(
    async () => {
      const { exitCode } = await deploy;
      console.log(`deploy during a failover: exit code ${exitCode}`);
      expect([0, 3, 10]).toContain(exitCode);
      await shop.must('deploy', '--json');
      await sameEverywhere();
    },
    () => started(shop, primary),
  );
});

test('a replica that stayed away too long: the primary keeps its disk, the replica is copied anew by itself', async () => {
  const shop = scene();
  const limit = { max_slot_wal_keep_size: '64MB', wal_keep_size: '32MB', max_wal_size: '64MB', min_wal_size: '32MB' };
  await shop.deploy({ replicas: 1, failover: 'fast', parameters: limit }, { version: 'v2' });
  const primary = await shop.primary();
  const replica = otherThan(primary);
  await stopped(shop, replica);
  await healed(
    async () => {
      await shop.sql(primary, 'CREATE TABLE ballast (filling text)');
      for (let round = 0; round < 5; round++) {
        await shop.sql(primary, 'INSERT INTO ballast SELECT repeat(md5(n::text), 30) FROM generate_series(1, 60000) n');
        await shop.sql(primary, 'CHECKPOINT');
      }
      const megabytes = Number(await shop.sql(primary, 'SELECT sum(size) / 1048576 FROM pg_ls_waldir()'));
      const [slot] = (await shop.status()).slots;
      console.log(`replica away: ${megabytes.toFixed(0)} MB of WAL kept, slot ${slot?.state}`);
      expect(slot?.state).toBe('lost');
      expect(megabytes).toBeLessThan(64 + 64 + 32);
    },
    () => started(shop, replica),
  );
  await shop.settled(1, { seconds: 240 });
  await sameEverywhere();
});

test('a member is copied anew by command, and the primary is not', async () => {
  const shop = scene();
  const primary = await shop.primary();
  await shop.must('db', 'reinit', otherThan(primary));
  await sameEverywhere();
  const refused = await shop.horme(['db', 'reinit', primary]);
  expect([refused.exitCode, refused.stderr]).toEqual([2, expect.stringContaining('is the primary')]);
});

test('a failover by command names the loss, and wants a confirmation', async () => {
  const shop: Scene = scene();
  const replica = otherThan(await shop.primary());
  const refused = await shop.horme(['db', 'failover', replica]);
  expect([refused.exitCode, refused.stderr]).toEqual([2, expect.stringContaining('--confirm local')]);
  await shop.must('db', 'failover', replica, '--confirm', 'local');
  await eventually(
    () => shop.primary(),
    (primary) => primary === replica,
    60,
  );
  await sameEverywhere();
});
