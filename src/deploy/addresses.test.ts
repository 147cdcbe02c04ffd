import { expect, test } from 'vitest';
import { addressesOf, problemOf } from './addresses.ts';
import { content, health, route, service } from './testing.ts';

const asked = (...services: Parameters<typeof content>[0]) =>
  addressesOf(content(services)).map(
    ({ service: name, method, url, good }) => `${name} ${method} ${url} ${good ?? ''}`,
  );

test('the path of a route and that of its health check are public addresses', () => {
  expect(asked(service('web', { routes: [{ ...route(80), health }] }))).toEqual([
    'web GET https://shop.localhost/ ',
    'web GET https://shop.localhost/ready 200-399',
  ]);
});

test('a health check that the edge sends to nobody, or to another service, is none', () => {
  const api = service('api', { routes: [{ ...route(80, '/api'), health }] });
  expect(asked(api)).toEqual(['api GET https://shop.localhost/api ']);
  const web = service('web', { routes: [route(81)] });
  expect(asked(api, web)).toEqual(['api GET https://shop.localhost/api ', 'web GET https://shop.localhost/ ']);
});

test('a health check at the path of the route is the one address', () => {
  expect(asked(service('web', { routes: [{ ...route(80), health: { ...health, path: '/' } }] }))).toEqual([
    'web GET https://shop.localhost/ 200-399',
  ]);
});

const answer = (status: number | undefined) => ({
  status,
  error: undefined,
  milliseconds: 1,
  repeated: false,
  reached: true,
});
const problem = (status: number | undefined, before?: number, good?: string) =>
  problemOf({ good }, answer(status), before);

test('what a health check names answers with its codes', () => {
  expect([problem(204, undefined, '200-299'), problem(404, undefined, '200-299'), problem(404, 404, '404')]).toEqual([
    undefined,
    'answered 404, not 200-299',
    undefined,
  ]);
});

test('elsewhere a refusal is a loss only where there was none before; no answer and a 5xx always are', () => {
  expect([problem(404), problem(404, 404), problem(401, 200), problem(429, 200), problem(302, 200)]).toEqual(
    Array.from({ length: 5 }, () => undefined),
  );
  expect([problem(404, 200), problem(500, 500), problem(undefined)]).toEqual([
    'answered 404; 200 before',
    'answered 500',
    'no answer',
  ]);
});
