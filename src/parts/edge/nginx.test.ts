import { expect, test } from 'vitest';
import { api, route, service } from '../../deploy/testing.ts';
import { hostsOf, renderNginx, type NginxInput } from './nginx.ts';

const docs = service('docs', {
  routes: [route(80, '/docs'), route(80, '/docs/api/v2'), { ...route(80), host: 'docs.localhost' }],
});
const shop = [api(), docs, service('worker')];

const render = (own: Partial<NginxInput> = {}) =>
  renderNginx({
    ...{ services: shop, httpsPort: 443, certificate: 'self-signed-1', maxBodyBytes: 1048576 },
    ...own,
  });

const serverOf = (config: string, host: string) =>
  (config.split(`server_name ${host};`)[1] ?? '').split('\n  server {')[0] ?? '';
const locations = (server: string) =>
  [...server.matchAll(/location (.*) \{\n(?:(?!location)[^])*?set \$backend (.*);/g)].map(
    ([, path, backend]) => `${path} → ${backend}`,
  );

test('the longest path of a host comes first; each matches itself and what is below it', () => {
  expect(locations(serverOf(render(), 'shop.localhost'))).toEqual([
    '= /docs/api/v2 → docs:80',
    '/docs/api/v2/ → docs:80',
    '= /docs → docs:80',
    '/docs/ → docs:80',
    '/ → api:3000',
  ]);
});

test('each host has a server of its own, and an unknown one is answered by none of them', () => {
  const config = render();
  expect(config.match(/server_name .*;/g)).toEqual(['server_name docs.localhost;', 'server_name shop.localhost;']);
  expect(hostsOf(shop)).toEqual(['docs.localhost', 'shop.localhost']);
  expect(config).toMatch(/ssl default_server;[^]*return 404/);
});

test('plain HTTP is sent to HTTPS, at the port of the machine', () => {
  expect(render()).toContain('return 308 https://$host$request_uri;');
  expect(render({ httpsPort: 8443 })).toContain('return 308 https://$host:8443$request_uri;');
});

test('a client can not choose the backend, nor say where it comes from', () => {
  const config = render();
  expect(config).toContain('proxy_set_header X-Horme-Backend $backend;');
  expect(config).toContain('proxy_set_header X-Forwarded-For $remote_addr;');
  expect(config).not.toContain('proxy_add_x_forwarded_for');
});

test('limits and the certificate are those that were asked for', () => {
  const config = render();
  expect(config).toContain('client_max_body_size 1048576;');
  expect(config).toContain('ssl_certificate /etc/horme/tls/self-signed-1.crt;');
});

test('in maintenance every route answers 503 with the page, which has a way to be shown', () => {
  const server = serverOf(render(), 'shop.localhost');
  expect(server.match(/if \(-x \/etc\/horme\/maintenance\) \{\s+return 503;/g)).toHaveLength(5);
  expect(server).toMatch(/error_page 503 \/.maintenance;/);
  expect(server).toMatch(/location = \/.maintenance \{\s+internal;/);
});

test('replicas that come and go change nothing', () => {
  expect(render({ services: [api({ replicas: 9, spec: 'v2' }), docs] })).toBe(render());
});
