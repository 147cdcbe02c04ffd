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
  const fill = `eval "for i = 1, 100000 do redis.call('set', 'big:' .. i, string.rep('x', 2000)) end" 0`;
  expect(await redis(fill)).toContain('OOM');
  await scene().deploy({ replicas: 0 }, { top: { cache: { memory: '112m', eviction: 'allkeys-lru' } } });
  expect(await redis(fill)).not.toContain('OOM');
});

test('without persistence it begins empty', async () => {
  await scene().deploy({ replicas: 0 }, { top: { cache: { memory: '112m', persistence: false } } });
  expect(await redis('dbsize')).toBe('0');
});
