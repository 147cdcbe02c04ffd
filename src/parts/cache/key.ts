import * as z from 'zod';
import { keyReader } from '../../stack/part-key.ts';
import { memory } from '../../stack/values.ts';
import type { CacheOptions } from './options.ts';

/** Redis' names for them. */
const evictionPolicies = [
  'noeviction',
  'allkeys-lru',
  'allkeys-lfu',
  'allkeys-random',
  'volatile-lru',
  'volatile-lfu',
  'volatile-random',
  'volatile-ttl',
] as const;

export const cacheKey = keyReader({
  schema: z
    .strictObject({
      memory: memory.prefault('128m').describe('Memory limit of the cache; three quarters of it for data.'),
      persistence: z
        .boolean()
        .prefault(true)
        .describe('Whether data survives a restart: an append-only file, synced every second.'),
      eviction: z
        .enum(evictionPolicies)
        .prefault('noeviction')
        .describe(
          'What happens when the memory is full. `noeviction`: writes fail, which queues and sessions need; `allkeys-lru`: the least used goes, for caches.',
        ),
    })
    .optional()
    .describe('A Redis. Services that mention `${REDIS_URL}` in their environment get its address.'),
  options(written) {
    if (written === undefined) return { value: undefined, findings: [] };
    const { memory: memoryBytes, ...rest } = written;
    return { value: { memoryBytes, ...rest } satisfies CacheOptions, findings: [] };
  },
});
