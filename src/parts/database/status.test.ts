import { expect, test } from 'vitest';
import { fakeEngine } from '../../engine/fake.ts';
import { labels } from '../../engine/labels.ts';
import type { DatabaseOptions } from './options.ts';
import { databaseProblems, databaseStatus } from './status.ts';

const wanted = { replicas: 1, durability: 'zero-loss' } as DatabaseOptions;
const now = 1_800_000_000;
const primary = {
  ...{ now },
  ...{ role: 'primary', timeline: 1, streaming: false, lagSeconds: 0, slots: [] },
  followers: [{ name: 'horme-postgres-2', sync: 'sync', lagBytes: 0 }],
};
const replica = { role: 'replica', timeline: 1, streaming: true, lagSeconds: 0, followers: [], slots: [] };

interface Patroni {
  /** The members that the primary knows. */
  known: string[];
  /** What the replica is in etcd. */
  role: string;
  silentSeconds?: number;
}

/** A primary whose commits wait for the replica, and what Patroni says of it; undefined: it doesn't answer. */
async function seen(patroni: Patroni | undefined) {
  const answers: Record<string, unknown> = {
    '/failsafe': Object.fromEntries((patroni?.known ?? []).map((name) => [name, 'https://'])),
    '/cluster': { members: [{ name: 'horme-postgres-2', role: patroni?.role }] },
    '/patroni': { dcs_last_seen: now - (patroni?.silentSeconds ?? 0) },
  };
  const engine = fakeEngine({
    exec: ({ labels: own }, command) => {
      const path = command.includes('ask-patroni') ? command.at(-1) : undefined;
      if (path !== undefined && !patroni) return { exitCode: 124, output: '' };
      const answer = own[labels.service] === 'horme-postgres-1' ? primary : replica;
      return { exitCode: 0, output: JSON.stringify(path === undefined ? answer : answers[path]) };
    },
  });
  const { id: image } = engine.addImage({ tags: ['postgres'] });
  for (const service of ['horme-postgres-1', 'horme-postgres-2']) {
    const own = { [labels.project]: 'shop', [labels.service]: service };
    await engine.start(await engine.create({ name: service, image, labels: own }));
  }
  return databaseStatus(engine, 'shop');
}

const both = ['horme-postgres-1', 'horme-postgres-2'];
const alone = 'no replica is synchronous: commits are acknowledged by the primary alone, and none would take over';
const silent = 'the members have not reached etcd for 45 s, so none would take over: horme logs horme-etcd';
const none = '0 of 1 replicas could take over: horme db status';

test.each<{ when: string; patroni?: Patroni; state: string; synchronous: boolean; problems: string[] }>([
  {
    ...{ when: 'it is noted', patroni: { known: both, role: 'sync_standby' } },
    ...{ state: 'streaming', synchronous: true, problems: [] },
  },
  {
    ...{ when: 'a quorum is', patroni: { known: both, role: 'quorum_standby' } },
    ...{ state: 'streaming', synchronous: true, problems: [] },
  },
  {
    ...{ when: 'Postgres waits for it and Patroni has not noted that yet', patroni: { known: both, role: 'replica' } },
    ...{ state: 'streaming', synchronous: false, problems: [alone] },
  },
  {
    ...{ when: "the primary's Patroni does not know it yet", patroni: { known: both.slice(0, 1), role: 'replica' } },
    ...{ state: 'joining', synchronous: false, problems: [none, alone] },
  },
  {
    ...{ when: 'no member must be known', patroni: { known: [], role: 'sync_standby' } },
    ...{ state: 'streaming', synchronous: true, problems: [] },
  },
  {
    ...{ when: 'etcd is away', patroni: { known: both, role: 'sync_standby', silentSeconds: 45 } },
    ...{ state: 'streaming', synchronous: true, problems: [silent] },
  },
  { when: "Patroni can't tell, and Postgres' word stands", state: 'streaming', synchronous: true, problems: [] },
])('a replica that follows, when $when: $state', async ({ patroni, state, synchronous, problems }) => {
  const status = await seen(patroni);
  expect(status.members[1]).toMatchObject({ state, synchronous });
  expect(databaseProblems(status, wanted)).toEqual(problems);
});

test('of several replicas none must be synchronous for commits to wait', async () => {
  const status = await seen({ known: both, role: 'replica' });
  expect(databaseProblems(status, { ...wanted, replicas: 2 })).toContain(
    'no replica is synchronous: commits wait until one is, and none would take over',
  );
});
