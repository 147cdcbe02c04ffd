import { expect, test } from 'vitest';
import { content, health, route, service } from '../deploy/testing.ts';
import { inHistory, inPresentWords, specOf, withImages } from './adapt.ts';
import type { ReleaseContent } from './release.ts';

const former = '20261101-000000-aaaa';
const history = '20261124-150000-bbbb';

const live: ReleaseContent = content([service('api'), service('horme-postgres-1', { owner: 'database' })], {
  compose: {
    name: 'shop-local',
    services: {
      api: { image: 'shop-local/api:v1', labels: { 'horme.project': 'shop-local', 'horme.spec': 'v1', own: 'yes' } },
      'horme-postgres-1': {
        environment: { HORME_STANZA: former, OTHER: 'stays' },
        labels: { 'horme.project': 'shop-local', 'horme.spec': 'v1' },
      },
    },
  },
  backup: { history: former, repositories: [{ kind: 'local' }] },
});

test('a release from before a restore archives into the present history, and nothing else of it changes', () => {
  const now = inHistory(live, history);
  const member = now.compose.services['horme-postgres-1'];
  expect(member?.environment).toEqual({ HORME_STANZA: history, OTHER: 'stays' });
  expect(member?.labels?.['horme.spec']).toBe(now.services[1]?.spec);
  expect(now.services[1]?.spec).not.toBe('v1');
  expect(now.services[0]).toEqual(live.services[0]);
  expect(now.backup?.history).toBe(history);
  expect(inHistory(now, history)).toBe(now);
});

test('the spec is the one that a deploy would compute', () => {
  const now = inHistory(live, history);
  const environment = { HORME_STANZA: history, OTHER: 'stays' };
  expect(now.services[1]?.spec).toBe(specOf({ environment }, 'sha256:horme-postgres-1-v1'));
});

test('images that were made again change the services that have them alone', () => {
  const now = withImages(live, { api: { reference: 'shop-local/api:v2', id: 'sha256:other' } });
  expect(now.services[0]).toMatchObject({ image: 'shop-local/api:v2', imageId: 'sha256:other' });
  expect(now.compose.services['api']).toMatchObject({ image: 'shop-local/api:v2', labels: { own: 'yes' } });
  expect(now.services[1]).toEqual(live.services[1]);
});

test('a release of before each route had its health check asks every port what its service was asked', () => {
  const { routes, ...api } = service('api', { routes: [route(80), route(81, '/admin')] });
  const former = { ...content([service('worker')]), services: [{ ...api, routes, healthPath: '/ready' }] };
  const [adapted] = inPresentWords(former)?.services ?? [];
  expect(adapted?.routes.map(({ port, health: asked }) => [port, asked])).toEqual([
    [80, health],
    [81, health],
  ]);
  expect(adapted).not.toHaveProperty('healthPath');
});
