import type { Part } from '../part.ts';
import { dataNetwork } from '../../platform/networks.ts';
import { cacheOptions } from './options.ts';
import { cachePassword, makeCacheSecrets, readCacheSecrets } from './sections.ts';
import { cacheService, cacheVolume, redis, redisUrl } from './service.ts';

export { cacheOptions } from './options.ts';
export { cachePassword } from './sections.ts';
export { cacheVolume } from './service.ts';

const url = { name: 'REDIS_URL', sentinel: 'horme://redis-url', placeholder: '{redis-url}' };

/** One Redis. */
export const cachePart: Part = {
  name: 'cache',
  key: { variables: [url], load: async () => (await import('./key.ts')).cacheKey },
  images: { redis: {} },
  services(stack, vault) {
    const options = cacheOptions(stack);
    return options ? [redis(options, cachePassword(vault))] : [];
  },
  networks: (stack) =>
    cacheOptions(stack) ? { [dataNetwork]: { name: `${stack.project}_${dataNetwork}`, internal: true } } : {},
  volumes: (stack) =>
    cacheOptions(stack)?.persistence ? { [cacheVolume]: { name: `${stack.project}_${cacheVolume}` } } : {},
  secrets: { read: readCacheSecrets, make: async () => makeCacheSecrets() },
  values: {
    of: (_stack, vault) => ({ [url.placeholder]: redisUrl(cachePassword(vault)) }),
    waitsFor: () => cacheService,
  },
};
