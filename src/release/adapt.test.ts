import { expect, test } from 'vitest';
import { content, health, route, service } from '../deploy/testing.ts';
import { inPresentWords, withImages } from './adapt.ts';
import type { ReleaseContent } from './release.ts';

const former = '20261101-000000-aaaa';

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
  parts: { backup: { history: former, repositories: [{ kind: 'local' }] } },
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

test('what stood beside each other before there were sections is in them', () => {
  const { parts, ...own } = live;
  const former = { ...own, nginx: 'http {}', ...parts } as unknown as ReleaseContent;
  expect(inPresentWords(former)).toEqual({ ...live, parts: { ...parts, nginx: 'http {}' } });
  expect(inPresentWords(live)).toBe(live);
});
