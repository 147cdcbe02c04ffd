import { expect, test } from 'vitest';
import { buildIn, originOf } from './origin.ts';

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
