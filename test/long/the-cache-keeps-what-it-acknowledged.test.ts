import { expect, test } from 'vitest';
import { useDatabase } from '../e2e/harness/database.ts';
import { docker } from '../e2e/harness/docker.ts';

const scene = useDatabase('long-cache');
const keys = 2000;

async function redis(words: string): Promise<string> {
  const { id } = await scene().container('horme-redis');
  const command = `REDISCLI_AUTH=$(cat /run/secrets/cache-password) redis-cli ${words}`;
  return docker('exec', id, 'sh', '-c', command);
}

test('replaced right after a write, it has every key that it acknowledged', async () => {
  const shop = scene();
  await shop.deploy({ replicas: 0 }, { top: { cache: { memory: '96m' } } });
  const { id } = await shop.container('horme-redis');
  expect(await redis(`eval "for i = 1, ${keys} do redis.call('set', 'key:' .. i, i) end return ${keys}" 0`)).toBe(
    String(keys),
  );
  await shop.deploy({ replicas: 0 }, { top: { cache: { memory: '112m' } } });
  expect((await shop.container('horme-redis')).id).not.toBe(id);
  expect(await redis('dbsize')).toBe(String(keys));
});

test('when its memory is full it refuses writes, unless another policy was asked for', async () => {
  expect(await answersToFilling()).toContain('OOM');
  await scene().deploy({ replicas: 0 }, { top: { cache: { memory: '112m', eviction: 'allkeys-lru' } } });
  expect(await answersToFilling()).toBe('OK');
});

/** The kinds of answers to more writes than its memory holds, one after another: a script would be refused as a whole. */
async function answersToFilling(): Promise<string> {
  const { id } = await scene().container('horme-redis');
  const value = 'value=$(head -c 4000 /dev/zero | tr "\\0" x)';
  const writes = 'seq 1 40000 | sed "s/.*/SET big:& $value/"';
  const login = 'export REDISCLI_AUTH=$(cat /run/secrets/cache-password)';
  return docker('exec', id, 'sh', '-c', `${login}; ${value}; ${writes} | redis-cli | grep -v "^$" | sort -u`);
}

test('without persistence it begins empty', async () => {
  await scene().deploy({ replicas: 0 }, { top: { cache: { memory: '112m', persistence: false } } });
  expect(await redis('dbsize')).toBe('0');
});
