import { expect, test } from 'vitest';
import { fakeEngine } from '../engine/fake.ts';
import { labels } from '../engine/labels.ts';
import type { DatabaseOptions } from '../stack/stack.ts';
import { databaseProblems, databaseStatus } from './status.ts';

const wanted = { replicas: 1, durability: 'zero-loss' } as DatabaseOptions;
const primary = {
  ...{ role: 'primary', timeline: 1, streaming: false, lagSeconds: 0, slots: [] },
  followers: [{ name: 'horme-postgres-2', sync: 'sync', lagBytes: 0 }],
};
const replica = { role: 'replica', timeline: 1, streaming: true, lagSeconds: 0, followers: [], slots: [] };

/** A primary whose commits wait for the replica, and what Patroni says of the replica; undefined: it doesn't answer. */
async function seen(patroni: string | undefined) {
  const engine = fakeEngine({
    exec: ({ labels: own }, command) => {
      if (command.includes('ask-patroni')) {
        const members = [{ name: 'horme-postgres-2', role: patroni }];
        return patroni === undefined
          ? { exitCode: 124, output: '' }
          : { exitCode: 0, output: JSON.stringify({ members }) };
      }
      const answer = own[labels.service] === 'horme-postgres-1' ? primary : replica;
      return { exitCode: 0, output: JSON.stringify(answer) };
    },
  });
  const { id: image } = engine.addImage({ tags: ['postgres'] });
  for (const service of ['horme-postgres-1', 'horme-postgres-2']) {
    const own = { [labels.project]: 'shop', [labels.service]: service };
    await engine.start(await engine.create({ name: service, image, labels: own }));
  }
  return databaseStatus(engine, 'shop');
}

test.each([
  { patroni: 'sync_standby', synchronous: true },
  { patroni: 'quorum_standby', synchronous: true },
  // Postgres waits for it already, and a failover would not choose it yet.
  { patroni: 'replica', synchronous: false },
  // etcd is away: Postgres' word stands.
  { patroni: undefined, synchronous: true },
])('a replica that Postgres waits for, and that Patroni calls $patroni: synchronous $synchronous', async (one) => {
  const status = await seen(one.patroni);
  expect(status.members.map(({ synchronous }) => synchronous)).toEqual([false, one.synchronous]);
  expect(databaseProblems(status, wanted)).toEqual(
    one.synchronous ? [] : ['no replica is synchronous: a failover could lose commits that are acknowledged now'],
  );
});
