import { expect, test } from 'vitest';
import type { Seen } from '../../deploy/observe.ts';
import { options, stepsOfPlan, version } from '../../deploy/testing.ts';
import type { ReleaseContent } from '../../release/release.ts';
import type { OperatorError } from '../../errors.ts';
import { releasedDatabase, seenDatabase } from './sections.ts';
import { databaseRelease, settledDatabase } from './testing.ts';

const one = databaseRelease(1);
const two = databaseRelease(2);

/** The same release with PostgreSQL 18, whose members are others. */
const upgraded = (live: ReleaseContent): ReleaseContent => ({
  ...live,
  services: live.services.map((own) => (own.name.startsWith('horme-postgres-') ? version(own, 'v18') : own)),
  parts: { ...live.parts, database: { ...releasedDatabase(live), version: 18 } },
});

const titles = (wanted: ReleaseContent, seen: Seen, majorUpgrade = true) =>
  stepsOfPlan(wanted, seen, options({ majorUpgrade })).map(({ title }) => title);

test('a deploy does not upgrade, and says which command does', () => {
  expect(() => titles(upgraded(two), settledDatabase(two, 'horme-postgres-1'), false)).toThrow(
    expect.objectContaining({ code: 'major-upgrade', next: expect.stringContaining('horme db upgrade') as string }),
  );
});

test('the rehearsal comes first, and no member runs while the data is changed', () => {
  expect(titles(upgraded(two), settledDatabase(two, 'horme-postgres-2'))).toEqual([
    'rehearse the upgrade from PostgreSQL 17 to 18 on a copy',
    'switch the database over to horme-postgres-1',
    'stop and remove shop-local-horme-postgres-2-1',
    'stop and remove shop-local-horme-postgres-1-1',
    'let etcd forget the cluster as it was',
    'upgrade the data from PostgreSQL 17 to 18',
    'start 1 replica of horme-postgres-1',
    'wait until horme-postgres-1 is ready',
    'share the settings of the database',
    'analyze the database',
    'start 1 replica of horme-postgres-2',
    'wait until horme-postgres-2 is ready',
  ]);
});

test('one Postgres needs no etcd and no switchover', () => {
  expect(titles(upgraded(one), settledDatabase(one, 'horme-postgres-1'))).toEqual([
    'rehearse the upgrade from PostgreSQL 17 to 18 on a copy',
    'stop and remove shop-local-horme-postgres-1-1',
    'upgrade the data from PostgreSQL 17 to 18',
    'start 1 replica of horme-postgres-1',
    'wait until horme-postgres-1 is ready',
    'analyze the database',
  ]);
});

test('killed after the members were stopped, it goes on with the upgrade', () => {
  const seen = settledDatabase(two, 'horme-postgres-1');
  const stopped = {
    ...seen,
    replicas: seen.replicas.filter(({ service }) => !service.startsWith('horme-postgres-')),
    parts: { ...seen.parts, database: { members: [], roles: '' } },
  };
  expect(titles(upgraded(two), stopped).slice(0, 3)).toEqual([
    'let etcd forget the cluster as it was',
    'upgrade the data from PostgreSQL 17 to 18',
    'start 1 replica of horme-postgres-1',
  ]);
});

test('data of a newer version is never started with an older one', () => {
  const newer = upgraded(two);
  const refused = expect.objectContaining({ code: 'database-newer' }) as OperatorError;
  expect(() => titles(two, settledDatabase(newer, 'horme-postgres-1'))).toThrow(refused);
});

test('killed once the first member leads, the others follow by the ordinary plan', () => {
  const seen = settledDatabase(upgraded(two), 'horme-postgres-1');
  const known = seenDatabase(seen);
  const alone = {
    ...seen,
    replicas: seen.replicas.filter(({ service }) => service !== 'horme-postgres-2'),
    parts: { ...seen.parts, database: { ...known, members: known.members.slice(0, 1) } },
  };
  expect(titles(upgraded(two), alone, false)).toEqual([
    'start 1 replica of horme-postgres-2',
    'wait until horme-postgres-2 is ready',
  ]);
});
