import { expect, test } from 'vitest';
import type { Image } from '../engine/engine.ts';
import { buildIn, originOf, withoutCredentials } from './origin.ts';

const build = {
  context: '/home/ada/shop/api',
  additional_contexts: { lib: '/home/ada/lib', base: 'docker-image://debian' },
};

test('what a build reads lies in another checkout as it did in the one it was recorded in', () => {
  const origin = originOf({ build }, undefined, '/home/ada/shop');
  const recorded = { context: 'api', additional_contexts: { ...build.additional_contexts, lib: '../lib' } };
  expect(origin).toEqual({ build: recorded });
  const there = { context: '/srv/shop/api', additional_contexts: { ...build.additional_contexts, lib: '/srv/lib' } };
  expect(buildIn(recorded, '/srv/shop')).toEqual(there);
});

test('an absolute path, as an older Horme recorded it, stays', () => {
  expect(buildIn({ ...build, context: 'api' }, '/srv/shop')).toEqual({ ...build, context: '/srv/shop/api' });
});

test('the token of a repository that is built from is not recorded', () => {
  const own = { context: 'https://ada:token@example.com/shop.git#main:api' };
  expect(originOf({ build: own }, undefined, '/srv/shop')).toEqual({
    build: { context: 'https://example.com/shop.git#main:api' },
  });
});

test.each([
  ['https://ada:token@example.com/shop.git', 'https://example.com/shop.git'],
  ['https://ghp_token@example.com/shop.git', 'https://example.com/shop.git'],
  ['https://x-access-token:a@b:c@example.com:8443/shop.git', 'https://example.com:8443/shop.git'],
  ['HTTPS://ada:token@example.com/shop.git', 'HTTPS://example.com/shop.git'],
  ['http://:token@example.com/shop', 'http://example.com/shop'],
  ['ssh://git:token@example.com:22/shop.git', 'ssh://git@example.com:22/shop.git'],
  ['ftps://ada:token@example.com/shop.git', 'ftps://ada@example.com/shop.git'],
])('an address is noted without its credentials: %s', (address, noted) => {
  expect(withoutCredentials(address)).toBe(noted);
});

test.each([
  'git@example.com:shop.git',
  'ssh://git@example.com:22/shop.git',
  'https://example.com/@scope/shop.git',
  'https://example.com:8443/shop.git',
  '/srv/git/a:b@c/shop.git',
  'file:///srv/git/a:b@c/shop.git',
  '../shop.git',
])('an address without any stays as it is: %s', (address) => {
  expect(withoutCredentials(address)).toBe(address);
});

const sum = `@sha256:${'a'.repeat(64)}`;
const held = (...names: string[]) => ({ digests: names.map((name) => name + sum) }) as Image;

test.each([
  ['redis:7', 'redis'],
  ['docker.io/library/redis:7', 'redis'],
  [`redis:7${sum}`, 'redis'],
  ['registry.example.com:5000/shop/api', 'registry.example.com:5000/shop/api'],
])("an image is pulled by its registry's digest, not by that of Horme's own tag: %s", (image, repository) => {
  expect(originOf({ image }, held('shop-local/cache', repository), '/srv/shop')).toEqual({ pull: repository + sum });
});

test('an image without a digest of its registry is pulled by its name', () => {
  expect(originOf({ image: 'redis:7' }, held('shop-local/cache'), '/srv/shop')).toEqual({ pull: 'redis:7' });
});
