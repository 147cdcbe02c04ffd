import { expect, test } from 'vitest';
import { withoutCredentials } from './make.ts';

test.each([
  ['https://ada:token@example.com/shop.git', 'https://example.com/shop.git'],
  ['https://ghp_token@example.com/shop.git', 'https://example.com/shop.git'],
  ['https://x-access-token:a@b:c@example.com:8443/shop.git', 'https://example.com:8443/shop.git'],
  ['HTTPS://ada:token@example.com/shop.git', 'HTTPS://example.com/shop.git'],
  ['http://:token@example.com/shop', 'http://example.com/shop'],
  ['ssh://git:token@example.com:22/shop.git', 'ssh://git@example.com:22/shop.git'],
  ['ftps://ada:token@example.com/shop.git', 'ftps://ada@example.com/shop.git'],
])('a remote is noted without its credentials: %s', (remote, noted) => {
  expect(withoutCredentials(remote)).toBe(noted);
});

test.each([
  'git@example.com:shop.git',
  'ssh://git@example.com:22/shop.git',
  'https://example.com/@scope/shop.git',
  'https://example.com:8443/shop.git',
  '/srv/git/a:b@c/shop.git',
  'file:///srv/git/a:b@c/shop.git',
  '../shop.git',
])('a remote without any stays as it is: %s', (remote) => {
  expect(withoutCredentials(remote)).toBe(remote);
});
