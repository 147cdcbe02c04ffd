import { expect, test } from 'vitest';
import { database } from '../../release/testing.ts';
import { sharedSettings } from './patroni.ts';
import { memorySettings, parameters, reservedParameters, restartSettings } from './settings.ts';

const gibibyte = 1024 ** 3;

test.each([
  [gibibyte / 4, { shared_buffers: '64MB', effective_cache_size: '192MB', work_mem: '1MB', max_wal_size: '1024MB' }],
  [
    4 * gibibyte,
    { shared_buffers: '1024MB', effective_cache_size: '3072MB', work_mem: '10MB', max_wal_size: '4096MB' },
  ],
  [64 * gibibyte, { shared_buffers: '16384MB', maintenance_work_mem: '2048MB', max_wal_size: '4096MB' }],
])('settings follow from %d bytes of memory', (bytes, expected) => {
  expect(memorySettings(bytes)).toMatchObject(expected);
});

test("the user's parameters win", () => {
  const own = database({ parameters: { work_mem: '64MB', max_connections: '300' } });
  expect(parameters(own)).toMatchObject({ work_mem: '64MB', max_connections: '300', wal_level: 'replica' });
});

test('what a running Postgres takes is no reason for a restart', () => {
  const before = restartSettings(parameters(database()));
  expect(restartSettings(parameters(database({ parameters: { work_mem: '64MB' } })))).toEqual(before);
  expect(restartSettings(parameters(database({ parameters: { max_connections: '300' } })))).not.toEqual(before);
});

test.each(['normal', 'fast'] as const)('the leases of %s are what Patroni accepts', (failover) => {
  const {
    ttl,
    loop_wait: loop,
    retry_timeout: retry,
  } = sharedSettings(database({ replicas: 1, failover })) as Record<string, number>;
  expect(loop! + 2 * retry!).toBeLessThanOrEqual(ttl!);
  expect(ttl!).toBeGreaterThanOrEqual(20);
});

test('a commit waits strictly only where another replica is left to wait for', () => {
  const strict = (replicas: number) =>
    sharedSettings(database({ replicas, durability: 'zero-loss' }))['synchronous_mode_strict'];
  expect([strict(1), strict(2)]).toEqual([false, true]);
});

test('what Horme sets itself can not be set', () => {
  for (const name of ['archive_command', 'ssl', 'port', 'hba_file']) expect(reservedParameters.has(name)).toBe(true);
});
