import { expect, test } from 'vitest';
import type { ReleaseContent } from '../release/release.ts';
import type { Seen } from './observe.ts';
import { planText } from './plan.ts';
import type { PlanOptions } from './step.ts';
import {
  api,
  content,
  edge,
  nothing,
  options,
  stepsOfPlan,
  replica,
  replicas,
  route,
  running,
  service,
  version,
} from './testing.ts';

const text = (wanted: ReleaseContent, seen: Seen, own: Partial<PlanOptions> = {}) =>
  planText(stepsOfPlan(wanted, seen, options(own)));

const worker = service('worker');
const shop = content([...edge(), api(), worker]);
const next = content([...edge(), version(api(), 'v2'), worker]);

test('the first deploy starts the platform, migrates, and lets no request in before the replicas are ready', () => {
  const database = service('horme-postgres', { owner: 'database' });
  const first = content([database, ...edge(), api({ migrate: ['node', 'migrate.js'] }), worker]);
  expect(text(first, nothing)).toMatchInlineSnapshot(`
    " 1  write the edge's configuration
          because it does not run with it yet
     2  start 1 replica of horme-postgres, 1 replica of horme-gate, 1 replica of horme-haproxy-a
          because horme-postgres: it does not run yet; horme-gate: it does not run yet; horme-haproxy-a: it does not run yet
     3  wait until horme-postgres, horme-gate, horme-haproxy-a are ready
          because new replicas get no traffic until they are ready
     4  start 1 replica of horme-haproxy-b
          because horme-haproxy-b: it does not run yet
     5  wait until horme-haproxy-b is ready
          because new replicas get no traffic until they are ready
     6  start 1 replica of horme-nginx
          because horme-nginx: it does not run yet
     7  wait until horme-nginx is ready
          because new replicas get no traffic until they are ready
     8  migrate: api node migrate.js
          because it does not run yet
     9  start 3 replicas of api, 1 replica of worker
          because api: it does not run yet; worker: it does not run yet
    10  wait until api, worker are ready
          because new replicas get no traffic until they are ready
    11  admit api at HAProxy
          because they are ready
    12  save the replica list for HAProxy
          because the replicas changed
    13  ask the public address through the edge
          because a release is live when its addresses answer"
  `);
});

test('what runs as it should is left alone', () => {
  expect(text(shop, running(shop), { former: shop.services })).toBe('nothing to do');
});

test('another image surges beside the one that serves', () => {
  expect(text(next, running(shop), { former: shop.services })).toMatchInlineSnapshot(`
    "1  start 3 replicas of api beside the 3 that run
         because api: its image changed
    2  wait until api is ready
         because new replicas get no traffic until they are ready
    3  admit 1 replica of api at HAProxy
         because it proves itself on a share of the traffic while the old replicas serve
    4  watch it for up to 6 s
         because the others follow once it has proven itself
    5  admit api at HAProxy
         because they are ready
    6  drain shop-local-api-1, shop-local-api-2, shop-local-api-3
         because the new replicas serve; requests in flight go on
    7  ask the public address through the edge
         because a release is live when its addresses answer
    8  watch api for 10 s
         because errors and answer times against the ones before
    9  stop and remove shop-local-api-1, shop-local-api-2, shop-local-api-3
         because the new release has taken over"
  `);
});

test('another secret or setting says so', () => {
  const changed = content([...edge(), api({ spec: 'v2' }), worker]);
  expect(text(changed, running(shop), { former: shop.services })).toContain('its configuration or a secret changed');
});

test('scaling up starts only what is missing', () => {
  const wanted = content([...edge(), api({ replicas: 5 }), worker]);
  expect(text(wanted, running(shop), { former: shop.services })).toMatchInlineSnapshot(`
    "1  start 2 replicas of api beside the 3 that run
         because api: 3 of 5 replicas run
    2  wait until api is ready
         because new replicas get no traffic until they are ready
    3  admit api at HAProxy
         because they are ready
    4  save the replica list for HAProxy
         because the replicas changed
    5  ask the public address through the edge
         because a release is live when its addresses answer"
  `);
});

test('scaling down drains before it stops, and keeps the older ones', () => {
  const wanted = content([...edge(), api({ replicas: 1 }), worker]);
  expect(text(wanted, running(shop), { former: shop.services })).toMatchInlineSnapshot(`
    "1  drain shop-local-api-2, shop-local-api-3
         because the new replicas serve; requests in flight go on
    2  ask the public address through the edge
         because a release is live when its addresses answer
    3  stop and remove shop-local-api-2, shop-local-api-3
         because the new release has taken over
    4  reload HAProxy without the former backends
         because no replica needs them any more"
  `);
});

test('scaling up that failed goes back to the replicas that serve, not to those that never were ready', () => {
  const failed = api({ replicas: 5 });
  const fresh = [4, 5].map((number) => replica(failed, number, { membership: 'absent' }));
  const seen = running(shop, { replicas: [...running(shop).replicas, ...fresh] });
  expect(text(shop, seen, { former: [failed] })).toMatchInlineSnapshot(`
    "1  drain shop-local-api-4, shop-local-api-5
         because the new replicas serve; requests in flight go on
    2  ask the public address through the edge
         because a release is live when its addresses answer
    3  stop and remove shop-local-api-4, shop-local-api-5
         because the new release has taken over"
  `);
});

test('what must not run twice stops first, and the plan says why', () => {
  const store = service('store', { strategy: { kind: 'stop-first', reason: 'owns the volume files' } });
  const seen = running(content([store]));
  expect(text(content([version(store, 'v2')]), seen)).toMatchInlineSnapshot(`
    "1  stop and remove shop-local-store-1
         because its image changed; it owns the volume files, so the old one stops first
    2  start 1 replica of store
         because store: its image changed
    3  wait until store is ready
         because new replicas get no traffic until they are ready
    4  watch store for 10 s
         because errors and answer times against the ones before"
  `);
});

test('a job runs before what waits for its end', () => {
  const seed = service('seed', { kind: 'job' });
  const waiting = api({ dependsOn: [{ service: 'seed', condition: 'service_completed_successfully' }] });
  const live = content([...edge(), seed, waiting]);
  expect(text(live, running(live), { former: live.services })).toBe('nothing to do');
  const wanted = content([...edge(), version(seed, 'v2'), version(waiting, 'v2')]);
  expect(text(wanted, running(live), { former: live.services })).toMatchInlineSnapshot(`
    " 1  remove shop-local-seed-1
          because it does not run
     2  run seed to its end
          because its image changed
     3  start 3 replicas of api beside the 3 that run
          because api: its image changed
     4  wait until api is ready
          because new replicas get no traffic until they are ready
     5  admit 1 replica of api at HAProxy
          because it proves itself on a share of the traffic while the old replicas serve
     6  watch it for up to 6 s
          because the others follow once it has proven itself
     7  admit api at HAProxy
          because they are ready
     8  drain shop-local-api-1, shop-local-api-2, shop-local-api-3
          because the new replicas serve; requests in flight go on
     9  ask the public address through the edge
          because a release is live when its addresses answer
    10  watch api for 10 s
          because errors and answer times against the ones before
    11  stop and remove shop-local-api-1, shop-local-api-2, shop-local-api-3
          because the new release has taken over"
  `);
});

test('a job that an interrupted run left running is waited for, not forgotten and not run twice', () => {
  const seed = service('seed', { kind: 'job' });
  expect(text(content([seed]), { ...nothing, replicas: [replica(seed)] })).toMatchInlineSnapshot(`
    "1  run seed to its end
         because it was started and has not ended"
  `);
});

test('a migration that needs what has never run waits for it', () => {
  const database = service('db', { strategy: { kind: 'stop-first', reason: 'owns the volume data' } });
  const needing = service('app', {
    migrate: ['migrate'],
    dependsOn: [{ service: 'db', condition: 'service_healthy' }],
  });
  expect(text(content([database, needing]), nothing)).toMatchInlineSnapshot(`
    "1  start 1 replica of db
         because db: it does not run yet
    2  wait until db is ready
         because new replicas get no traffic until they are ready
    3  migrate: app migrate
         because it does not run yet
    4  start 1 replica of app
         because app: it does not run yet
    5  wait until app is ready
         because new replicas get no traffic until they are ready"
  `);
});

test('other routes: HAProxy knows both before nginx sends to the new one, and the old one drains after it', () => {
  const moved = content([...edge(), version(api(), 'v2', { routes: [route(4000)] }), worker]);
  expect(text(moved, running(shop), { former: shop.services })).toMatchInlineSnapshot(`
    " 1  check and reload HAProxy
          because its backends changed
     2  start 3 replicas of api beside the 3 that run
          because api: its image changed
     3  wait until api is ready
          because new replicas get no traffic until they are ready
     4  admit api at HAProxy
          because they are ready
     5  check and reload nginx
          because its configuration changed
     6  drain shop-local-api-1, shop-local-api-2, shop-local-api-3
          because the new replicas serve; requests in flight go on
     7  ask the public address through the edge
          because a release is live when its addresses answer
     8  watch api for 10 s
          because errors and answer times against the ones before
     9  stop and remove shop-local-api-1, shop-local-api-2, shop-local-api-3
          because the new release has taken over
    10  reload HAProxy without the former backends
          because no replica needs them any more"
  `);
});

test('a service that is gone loses its route, drains and stops', () => {
  const before = content([...edge(), api(), worker, service('old', { routes: [route(7000, '/old')] })]);
  expect(text(shop, running(before), { former: before.services })).toMatchInlineSnapshot(`
    "1  check and reload nginx
         because its configuration changed
    2  drain shop-local-old-1
         because the new replicas serve; requests in flight go on
    3  ask the public address through the edge
         because a release is live when its addresses answer
    4  stop and remove shop-local-old-1
         because the Compose file no longer has it
    5  reload HAProxy without the former backends
         because no replica needs them any more"
  `);
});

test('half-started replicas of an interrupted run are finished, not started again', () => {
  const fresh = version(api(), 'v2');
  const seen = running(shop, {
    replicas: [
      ...running(shop).replicas,
      replica(fresh, 4, { membership: 'absent' }),
      replica(fresh, 5, { running: false, membership: 'absent' }),
    ],
    leftovers: [{ id: 'run', name: 'shop-local-api-run-1' }],
    stale: [{ service: 'api', name: 'shop-local-api-9' }],
  });
  expect(text(next, seen, { former: shop.services })).toMatchInlineSnapshot(`
    " 1  remove shop-local-api-run-1
          because an interrupted run left it
     2  take shop-local-api-9 out of HAProxy
          because the replica does not run any more
     3  remove shop-local-api-5
          because it does not run
     4  start 2 replicas of api beside the 4 that run
          because api: its image changed
     5  wait until api is ready
          because new replicas get no traffic until they are ready
     6  admit 1 replica of api at HAProxy
          because it proves itself on a share of the traffic while the old replicas serve
     7  watch it for up to 6 s
          because the others follow once it has proven itself
     8  admit api at HAProxy
          because they are ready
     9  drain shop-local-api-1, shop-local-api-2, shop-local-api-3
          because the new replicas serve; requests in flight go on
    10  ask the public address through the edge
          because a release is live when its addresses answer
    11  watch api for 10 s
          because errors and answer times against the ones before
    12  stop and remove shop-local-api-1, shop-local-api-2, shop-local-api-3
          because the new release has taken over"
  `);
});

test('where the reservations do not fit twice, batches make room', () => {
  const reserved = api({ replicas: 4, reservation: { cpus: 2, memoryBytes: 0 } });
  const live = content([...edge(), reserved]);
  const seen = running(live, { capacity: { cpus: 12, memoryBytes: 1 } });
  expect(text(content([...edge(), version(reserved, 'v2')]), seen, { former: live.services })).toMatchInlineSnapshot(`
    " 1  start 2 replicas of api beside the 4 that run
          because api: its image changed
     2  wait until api is ready
          because new replicas get no traffic until they are ready
     3  admit 1 replica of api at HAProxy
          because it proves itself on a share of the traffic while the old replicas serve
     4  watch it for up to 6 s
          because the others follow once it has proven itself
     5  admit api at HAProxy
          because they are ready
     6  drain shop-local-api-1, shop-local-api-2
          because the new replicas serve; requests in flight go on
     7  stop and remove shop-local-api-1, shop-local-api-2
          because its successor serves; the reservations allow no more at once
     8  start 2 replicas of api beside the 4 that run
          because api: its image changed
     9  wait until api is ready
          because new replicas get no traffic until they are ready
    10  admit api at HAProxy
          because they are ready
    11  drain shop-local-api-3, shop-local-api-4
          because the new replicas serve; requests in flight go on
    12  stop and remove shop-local-api-3, shop-local-api-4
          because its successor serves; the reservations allow no more at once
    13  ask the public address through the edge
          because a release is live when its addresses answer
    14  watch api for 10 s
          because errors and answer times against the ones before"
  `);
});

test('going back admits the old replicas again and migrates nothing', () => {
  const migrating = content([...edge(), version(api({ migrate: ['migrate'] }), 'v2'), worker]);
  const bad = replicas(version(api(), 'v2')).map((one) => ({ ...one, name: `${one.name}-bad`, id: `${one.id}-bad` }));
  const drained = running(shop).replicas.map((one) =>
    one.service === 'api' ? { ...one, membership: 'drain' as const } : one,
  );
  const seen = running(shop, { replicas: [...drained, ...bad] });
  const back = { former: migrating.services, migrate: false, watchSeconds: 0 };
  expect(text(shop, seen, back)).toMatchInlineSnapshot(`
    "1  wait until api is ready
         because new replicas get no traffic until they are ready
    2  admit api at HAProxy
         because they are ready
    3  drain shop-local-api-1-bad, shop-local-api-2-bad, shop-local-api-3-bad
         because the new replicas serve; requests in flight go on
    4  ask the public address through the edge
         because a release is live when its addresses answer
    5  stop and remove shop-local-api-1-bad, shop-local-api-2-bad, shop-local-api-3-bad
         because the new release has taken over"
  `);
});

test('of two HAProxies the one that is away comes back before the other is replaced', () => {
  const wanted = content([...edge('v2'), api()]);
  const all = running(content([...edge(), api()]), {});
  const seen = { ...all, replicas: all.replicas.filter((one) => one.service !== 'horme-haproxy-b') };
  const titles = stepsOfPlan(wanted, seen, options({ former: wanted.services })).map(({ title }) => title);
  const started = titles.findIndex((title) => title.includes('1 replica of horme-haproxy-b'));
  expect(started).toBeLessThan(
    titles.findIndex((title) => title.includes('stop and remove shop-local-horme-haproxy-a')),
  );
});

test('only the named services are deployed; the platform is kept right all the same', () => {
  const wanted = content([...edge(), version(api(), 'v2'), version(worker, 'v2')]);
  const steps = stepsOfPlan(wanted, running(shop), options({ only: ['worker'], former: shop.services }));
  expect(steps.map(({ title }) => title)).toMatchInlineSnapshot(`
    [
      "start 1 replica of worker beside the 1 that runs",
      "wait until worker is ready",
      "ask the public address through the edge",
      "watch worker for 10 s",
      "stop and remove shop-local-worker-1",
    ]
  `);
});

test('migrations run again where the data was restored to before them, though nothing else changed', () => {
  const migrating = content([...edge(), api({ migrate: ['migrate'], migrationVolume: 'owner' }), worker]);
  const right = running(migrating);
  const due = { ...right, applied: { ...right.applied, migrationsDue: [{ service: 'api', release: 7 }] } };
  expect(text(migrating, due)).toMatchInlineSnapshot(`
    "1  migrate: api migrate
         because the data was restored to before its migrations
    2  ask the public address through the edge
         because a release is live when its addresses answer"
  `);
  const killed = { ...right, applied: { ...right.applied, restoredTo: '2026-11-26T10:00:00Z' } };
  expect(text(migrating, killed)).toBe(text(migrating, due));
  expect([text(migrating, right), text(migrating, due, { migrate: false })]).toEqual([
    'nothing to do',
    'nothing to do',
  ]);
});

test('what an interrupted run has admitted is watched to the end, though nothing has to start any more', () => {
  const fresh = replicas(version(api(), 'v2')).map((one) => ({ ...one, name: `${one.name}-new`, id: `${one.id}-new` }));
  const drained = running(shop).replicas.map((one) =>
    one.service === 'api' ? { ...one, membership: 'drain' as const } : one,
  );
  const seen = running(shop, { replicas: [...drained, ...fresh] });
  const titles = stepsOfPlan(next, seen, options({ former: shop.services })).map(({ title }) => title);
  expect(titles).toContain('watch api for 10 s');
});
