import { expect, test } from 'vitest';
import type { Seen } from '../../deploy/observe.ts';
import { content, options, stepsOfPlan, replica, running, version } from '../../deploy/testing.ts';
import type { ReleaseContent, ReleaseService } from '../../release/release.ts';
import { OperatorError } from '../../errors.ts';
import { rolesMark } from './roles.ts';
import { appliedDatabase, releasedDatabase, seenDatabase, type DatabaseRelease } from './sections.ts';
import { databaseRelease, roles, settledDatabase } from './testing.ts';

const titles = (wanted: ReleaseContent, seen: Seen) => stepsOfPlan(wanted, seen, options()).map(({ title }) => title);
const two = databaseRelease(2);
const one = databaseRelease(1);
const withDatabase = (own: Partial<DatabaseRelease>): ReleaseContent => ({
  ...two,
  parts: { ...two.parts, database: { ...releasedDatabase(two), ...own } },
});
const changed = (live: ReleaseContent, names: string[]): ReleaseContent => ({
  ...live,
  services: live.services.map((own) => (names.includes(own.name) ? version(own, 'v2') : own)),
});

test('a database that is as it should be has no steps', () => {
  expect(titles(two, settledDatabase(two, 'horme-postgres-2'))).toEqual([]);
});

test.each(['horme-postgres-1', 'horme-postgres-2'])(
  'replicas are replaced first, %s as the primary last',
  (primary) => {
    const replicaName = primary === 'horme-postgres-1' ? 'horme-postgres-2' : 'horme-postgres-1';
    const wanted = changed(two, ['horme-postgres-1', 'horme-postgres-2']);
    expect(titles(wanted, settledDatabase(two, primary))).toEqual([
      `stop and remove shop-local-${replicaName}-1`,
      `start 1 replica of ${replicaName}`,
      `wait until ${replicaName} is ready`,
      `switch the database over to ${replicaName}`,
      `stop and remove shop-local-${primary}-1`,
      `start 1 replica of ${primary}`,
      `wait until ${primary} is ready`,
    ]);
  },
);

test('a change of a replica alone needs no switchover', () => {
  const wanted = changed(two, ['horme-postgres-2']);
  expect(titles(wanted, settledDatabase(two, 'horme-postgres-1')).join()).not.toContain('switch the database');
});

test('0 to 1 replicas: the member with the data first, and never a second one before it leads', () => {
  const wanted = {
    ...two,
    services: two.services.map((own) => (own.name === 'horme-postgres-1' ? version(own, 'v2') : own)),
  };
  expect(titles(wanted, settledDatabase(one, 'horme-postgres-1'))).toEqual([
    'start 1 replica of horme-etcd',
    'wait until horme-etcd is ready',
    'stop and remove shop-local-horme-postgres-1-1',
    'start 1 replica of horme-postgres-1',
    'wait until horme-postgres-1 is ready',
    'start 1 replica of horme-postgres-2',
    'wait until horme-postgres-2 is ready',
    'share the settings of the database',
    'set the roles of the database',
  ]);
});

test('1 to 0 replicas: who stays leads first, who leaves stops before Postgres runs alone', () => {
  const wanted = {
    ...one,
    services: one.services.map((own) => (own.name === 'horme-postgres-1' ? version(own, 'v2') : own)),
  };
  expect(titles(wanted, settledDatabase(two, 'horme-postgres-2'))).toEqual([
    'switch the database over to horme-postgres-1',
    'stop and remove shop-local-horme-postgres-2-1',
    'stop and remove shop-local-horme-postgres-1-1',
    'start 1 replica of horme-postgres-1',
    'wait until horme-postgres-1 is ready',
    'set the roles of the database',
    'stop and remove shop-local-horme-etcd-1',
  ]);
});

test('where nobody leads, no member is taken away: nobody knows who has the newest data', () => {
  const seen = settledDatabase(two, 'nobody');
  expect(() => titles(one, { ...seen, parts: { ...seen.parts, database: { members: [], roles: '' } } })).toThrow(
    OperatorError,
  );
});

test('a first deploy starts etcd, then the first member, then the rest, and sets up the roles', () => {
  const all = titles(two, { ...running(content([])), replicas: [] });
  const order = ['horme-etcd', 'horme-postgres-1', 'horme-postgres-2'].map((name) =>
    all.findIndex((title) => title.startsWith('start') && title.includes(name)),
  );
  expect(order.every((at, index) => at >= 0 && (index === 0 || at > (order[index - 1] ?? 0)))).toBe(true);
  expect(all).toContain('share the settings of the database');
  expect(all).toContain('set the roles of the database');
});

test('changed settings that need no restart are shared, and nothing else is done', () => {
  const wanted = withDatabase({ shared: { ttl: 20 } });
  expect(titles(wanted, settledDatabase(two, 'horme-postgres-1'))).toEqual(['share the settings of the database']);
});

test('former logins end only after a deploy of all services', () => {
  const rotated = withDatabase({ roles: { ...roles, generation: 2 } });
  const seen = settledDatabase(rotated, 'horme-postgres-1');
  expect(titles(rotated, seen)).toEqual(["end the database's former logins"]);
  expect(stepsOfPlan(rotated, seen, options({ only: ['api'] }))).toEqual([]);
  const noted = { ...appliedDatabase(seen.applied), generation: 2 };
  const done = { ...seen, applied: { ...seen.applied, parts: { ...seen.applied.parts, database: noted } } };
  expect(titles(rotated, done)).toEqual([]);
});

test('going back to a release from before a rotation leaves the newer logins alone', () => {
  const seen = settledDatabase(two, 'horme-postgres-1');
  const database = { ...seenDatabase(seen), roles: rolesMark({ ...roles, generation: 3 }) };
  const newer = { ...seen, parts: { ...seen.parts, database } };
  expect(titles(two, newer)).toEqual([]);
});

test('a member whose container ended is started again where it was', () => {
  const seen = settledDatabase(two, 'horme-postgres-1');
  const ended = replica(two.services[2] as ReleaseService, 1, { running: false, exitCode: 137 });
  const replicas = seen.replicas.map((own) => (own.service === 'horme-postgres-2' ? ended : own));
  expect(titles(two, { ...seen, replicas })).toEqual([
    'remove shop-local-horme-postgres-2-1',
    'start 1 replica of horme-postgres-2',
    'wait until horme-postgres-2 is ready',
  ]);
});
