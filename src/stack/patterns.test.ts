import { expect, test } from 'vitest';
import { editDistance, nearest } from './nearest.ts';
import * as patterns from './patterns.ts';
import { parseDuration, parseSize } from './units.ts';

const hostile = [
  'a b',
  'a;b',
  'a{b',
  'a}b',
  'a$b',
  'a"b',
  "a'b",
  'a\nb',
  'a\tb',
  'a\u0000b',
  '-a',
  'a`b',
  'a\\b',
  'a#b',
  'a%b',
  '',
];

test.each([
  'hostPattern',
  'serviceNamePattern',
  'environmentNamePattern',
  'stackNamePattern',
  'contextPattern',
  'profilePattern',
  'engineNamePattern',
] as const)('%s lets nothing through that a renderer or an argv could take for more than a name', (name) => {
  for (const text of hostile) expect(patterns[name].test(text), JSON.stringify(text)).toBe(false);
});

test('paths', () => {
  for (const path of ['/', '/a', '/a/', '/a-b/c.d/~e', '/.well-known/x'])
    expect(patterns.routePathPattern.test(path), path).toBe(true);
  for (const text of [...hostile, 'a', '//', '/a//b', '/../a', '/a/..', '/./', '/a?b', '/a;b', '/a b', '/a\n']) {
    expect(patterns.routePathPattern.test(text), text).toBe(false);
  }
  expect(patterns.healthPathPattern.test('/health?deep=1&x=y')).toBe(true);
  for (const text of ['/a?b c', '/a?b"', '/a?$b', '/a/../b?c'])
    expect(patterns.healthPathPattern.test(text), text).toBe(false);
});

test('a long path is matched in no time', () => {
  const start = performance.now();
  for (const end of ['', '!', '/../x']) {
    const text = `/${'a'.repeat(50_000)}${'/a'.repeat(50_000)}${end}`;
    patterns.healthPathPattern.test(text);
    patterns.routePathPattern.test(text);
  }
  expect(performance.now() - start).toBeLessThan(1000);
});

test('images', () => {
  const good = [
    'nginx',
    'nginx:1.27',
    'localhost:5000/a/b:t',
    'ghcr.io/a/b-c__d.e@sha256:' + 'a'.repeat(64),
    '[::1]:5000/a',
    'a/b',
  ];
  for (const image of good) expect(patterns.imageReferencePattern.test(image), image).toBe(true);
  for (const image of ['x; touch p', 'A', '-x', 'a//b', 'a:', 'a@sha256:abc', 'a b', 'a\nb', '$x', 'a:b:c/d e']) {
    expect(patterns.imageReferencePattern.test(image), image).toBe(false);
  }
});

test('hosts', () => {
  for (const host of ['a', 'a.b', 'example.com', 'a-b.c1', '10.0.0.1'])
    expect(patterns.hostPattern.test(host), host).toBe(true);
  for (const host of ['A.b', 'a..b', '.a', 'a.', 'a_b', 'a-.b', `${'a'.repeat(64)}.b`, '*.a'])
    expect(patterns.hostPattern.test(host), host).toBe(false);
});

test('durations and sizes', () => {
  expect(['30s', '1m30s', '500ms', '1h0m0s', '1.5s', '2d'].map(parseDuration)).toEqual([
    30, 90, 0.5, 3600, 1.5, 172_800,
  ]);
  expect(['', '30', 's', '30 s', '-1s', '1s;'].map(parseDuration)).toEqual(Array(6).fill(undefined));
  expect(['512', '1k', '10m', '2g', '2GiB', '64 MB', '1.5g'].map(parseSize)).toEqual([
    512,
    1024,
    10 * 1024 ** 2,
    2 * 1024 ** 3,
    2 * 1024 ** 3,
    64 * 1024 ** 2,
    1.5 * 1024 ** 3,
  ]);
  expect(['', 'm', '10q', '-1m', '1m;'].map(parseSize)).toEqual(Array(5).fill(undefined));
});

test('the nearest name', () => {
  expect(editDistance('rout', 'route')).toBe(1);
  expect(editDistance('cahce', 'cache')).toBe(1);
  expect(nearest('long_lived', ['longLived', 'drain'])).toBe('longLived');
  expect(nearest('volumes', ['route', 'drain'])).toBeUndefined();
});
