import { beforeAll, expect, test } from 'vitest';
import { copiesAgree, healed, outcomeOf, shown, writingAgain } from '../database/faults.ts';
import { eventually } from '../database/scene.ts';
import { useDatabase } from '../e2e/harness/database.ts';
import { docker } from '../e2e/harness/docker.ts';

const scene = useDatabase('long-etcd');
const members = ['horme-postgres-1', 'horme-postgres-2'];
const otherThan = (member: string) => members.find((name) => name !== member) ?? '';
const identifier = (member: string) => scene().sql(member, 'SELECT system_identifier FROM pg_control_system()');
const sameEverywhere = () => copiesAgree(scene(), members);

beforeAll(async () => {
  await scene().deploy({ replicas: 1, failover: 'fast' });
  await scene().settled(1);
});

test('etcd down for five minutes, all members up: no write fails', async () => {
  const shop = scene();
  await shop.settled(1);
  await shop.writers.start({ writers: 2 });
  await shop.writers.untilWriting(30);
  const etcd = await shop.container('horme-etcd');
  await docker('stop', etcd.id);
  const end = performance.now() + 300_000;
  await healed(
    async () => {
      await eventually(
        () => shop.writers.progress(),
        () => performance.now() > end,
        320,
      );
      expect((await shop.status()).problems.join()).toMatch(/have not reached etcd for \d+ s/);
    },
    () => docker('start', etcd.id),
  );
  await writingAgain(shop, 30);
  const outcome = outcomeOf(await shop.writers.stop(), await shop.writers.check());
  console.log(`etcd down for five minutes: ${shown(outcome)}`);
  expect(outcome).toMatchObject({ lost: 0, unexpected: 0, failed: 0, unknown: 0 });
});

test("etcd's data wiped: the same cluster goes on, no row lost", async () => {
  const shop = scene();
  await shop.settled(1);
  const before = await identifier(members[0] ?? '');
  await shop.writers.start({ writers: 2 });
  await shop.writers.untilWriting(30);
  const { id } = await shop.container('horme-etcd');
  await docker('exec', id, 'rm', '-rf', '/var/lib/etcd/data');
  await docker('kill', id);
  await docker('start', id);
  await writingAgain(shop, 120);
  // Who leads is agreed on in the new etcd: the other member can't become the primary without it.
  const next = otherThan(await shop.primary());
  await eventually(
    () => shop.horme(['db', 'switchover', next]),
    ({ exitCode }) => exitCode === 0,
    60,
  );
  await writingAgain(shop, 120);
  const outcome = outcomeOf(await shop.writers.stop(), await shop.writers.check());
  console.log(`etcd wiped: ${shown(outcome)}`);
  expect(outcome).toMatchObject({ lost: 0, unexpected: 0 });
  expect(await Promise.all(members.map(identifier))).toEqual([before, before]);
  await sameEverywhere();
});
