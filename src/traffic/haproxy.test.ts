import { expect, test } from 'vitest';
import { api, health, route, service } from '../deploy/testing.ts';
import { backendsOf, haproxyStructure, membersFingerprint, renderHaproxy } from './haproxy.ts';

const shop = [api(), service('docs', { routes: [{ ...route(80, '/docs'), health }] }), service('worker')];

const serversOf = (config: string, backend: string) =>
  (config.split(`\nbackend ${backend}\n`)[1] ?? '').split('\n\n')[0]?.match(/^ {2}server .*$/gm) ?? [];

test('every port that has a route has a backend, and one for long-lived connections beside it', () => {
  const config = renderHaproxy(shop, {});
  expect(config.match(/^backend .*$/gm)).toEqual([
    'backend api:3000',
    'backend api:3000:long',
    'backend docs:80',
    'backend docs:80:long',
  ]);
});

test('members take the first places, by name; the spare ones are disabled', () => {
  const config = renderHaproxy(shop, { 'api:3000': ['api-1', 'api-2'] });
  const servers = serversOf(config, 'api:3000');
  expect(servers).toHaveLength(16);
  expect(servers.slice(0, 3)).toEqual([
    '  server s1 api-1:3000',
    '  server s2 api-2:3000',
    '  server s3 horme-haproxy-a:3000 disabled',
  ]);
  expect(serversOf(config, 'api:3000:long')[0]).toBe('  server s1 api-1:3000 no-check track api:3000/s1');
});

test('who is a member needs no reload', () => {
  const structure = haproxyStructure(shop);
  const text = (members: object) => renderHaproxy(shop, members as Record<string, string[]>);
  expect(text({ 'api:3000': ['api-1'] })).not.toBe(text({}));
  expect(haproxyStructure(shop)).toBe(structure);
});

test('neither order nor a few replicas more are a reason for a reload; another port, path or service is', () => {
  const structure = haproxyStructure(shop);
  expect(haproxyStructure([...shop].reverse())).toBe(structure);
  expect(haproxyStructure([api({ replicas: 4 }), ...shop.slice(1)])).toBe(structure);
  expect(haproxyStructure([api({ spec: 'v2' }), ...shop.slice(1)])).toBe(structure);
  expect(haproxyStructure([api({ routes: [route(4000)] }), ...shop.slice(1)])).not.toBe(structure);
  expect(haproxyStructure([api({ routes: [{ ...route(3000), health }] }), ...shop.slice(1)])).not.toBe(structure);
  expect(haproxyStructure(shop.slice(1))).not.toBe(structure);
  expect(haproxyStructure([api({ replicas: 20 }), ...shop.slice(1)])).not.toBe(structure);
});

test('two routes to one port share a backend', () => {
  expect(backendsOf([api({ routes: [route(3000), route(3000, '/v2'), route(81)] })]).map(({ name }) => name)).toEqual([
    'api:81',
    'api:3000',
  ]);
});

test('a whole surge beside the old replicas has room', () => {
  for (const replicas of [0, 1, 3, 9, 100]) {
    expect(backendsOf([api({ replicas })])[0]?.slots).toBeGreaterThanOrEqual(2 * replicas + 4);
  }
});

test('with a health check HAProxy asks it under the host of the route; without, it connects', () => {
  const config = renderHaproxy(shop, {});
  expect(config).toContain('http-check send meth GET uri /ready ver HTTP/1.1 hdr Host shop.localhost');
  expect(config.match(/option httpchk/g)).toHaveLength(1);
});

test('only what is safe to repeat is sent twice', () => {
  expect(renderHaproxy(shop, {})).toContain('disable-l7-retry unless { method GET HEAD OPTIONS }');
});

test('the note of who serves knows no order', () => {
  expect(membersFingerprint(['a', 'b', 'a'])).toBe(membersFingerprint(['b', 'a']));
  expect(membersFingerprint(['a'])).not.toBe(membersFingerprint(['b']));
});
