import { expect, test } from 'vitest';
import { route, service } from '../deploy/testing.ts';
import type { Route } from '../stack/stack.ts';
import { renderHaproxy } from './haproxy.ts';
import { renderNginx } from '../parts/edge/nginx.ts';

const nginx = (routes: Route[]) =>
  renderNginx({ services: [service('api', { routes })], httpsPort: 443, certificate: 'c', maxBodyBytes: 10_000_000 });
const haproxy = (routes: Route[]) => renderHaproxy([service('api', { routes })], {});

test('where no route sets anything, neither configuration says a word of it', () => {
  for (const text of [nginx([route(3000)]), haproxy([route(3000)])])
    expect(text).not.toMatch(/X-Horme-Timeout|bufsize|answer_milliseconds/i);
});

test('the time of an answer travels in a header that no client can set', () => {
  const routes = [
    { ...route(3000, '/slow'), timeoutSeconds: 90 },
    { ...route(3000), host: 'other.localhost' },
  ];
  const edge = nginx(routes);
  expect(edge).toContain('proxy_set_header X-Horme-Timeout $answer_milliseconds;');
  // Each host starts with an empty value, which removes the header.
  expect(edge.match(/server_name .*\n[^}]*?set \$answer_milliseconds "";/g)).toHaveLength(2);
  expect(edge).toMatch(/location = \/slow \{\n\s+set \$answer_milliseconds 90000;/);
  const balancer = haproxy(routes);
  expect(balancer).toContain('http-request del-header x-horme-timeout');
  expect(balancer.match(/set-timeout server/g)).toHaveLength(1);
  expect(balancer).toMatch(/backend api:3000:long\n {2}balance leastconn\n {2}timeout server 1h/);
});

test('the largest header decides the buffers: of the location, of the requests to its host, of all of HAProxy', () => {
  const routes = [
    { ...route(3000, '/big'), maxHeaderBytes: 32 * 1024 },
    { ...route(3000), maxHeaderBytes: 8192 },
  ];
  expect(haproxy(routes)).toContain('  tune.bufsize 49152\n');
  const edge = nginx(routes);
  expect(edge).toContain('large_client_header_buffers 4 32768;');
  expect(edge).toMatch(/location \/big\/ \{\n\s+proxy_buffer_size 32768;\n\s+proxy_buffers 8 32768;/);
});

test('a body has the limit of its location', () => {
  expect(nginx([{ ...route(3000, '/uploads'), maxBodyBytes: 1024 ** 3 }])).toMatch(
    /location \/uploads\/ \{\n\s+client_max_body_size 1073741824;/,
  );
});
