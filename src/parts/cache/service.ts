import { dataNetwork } from '../../platform/networks.ts';
import { hardened, healthcheck, platformService, type PartService } from '../../platform/service.ts';
import type { CacheOptions } from './options.ts';

export const cacheService = 'horme-redis';
export const cacheAlias = 'cache';
export const cacheVolume = 'horme-redis-data';
const dataFolder = '/var/lib/redis';
/** Redis needs room beside its data for copy-on-write while it rewrites the append-only file. */
const dataShare = 0.75;

export const redisUrl = (password: string) => `redis://:${password}@${cacheAlias}:6379/0`;

export function redis({ memoryBytes, persistence, eviction }: CacheOptions, password: string): PartService {
  return platformService({
    name: cacheService,
    owner: 'cache',
    platformImage: 'redis',
    uid: 71,
    secretFiles: { 'cache-password': password },
    strategy: {
      kind: 'stop-first',
      reason: persistence ? `owns the volume ${cacheVolume}` : 'holds its data in memory',
    },
    stopSeconds: 30,
    definition: hardened(
      { memoryBytes, cpus: 1 },
      {
        environment: {
          HORME_MAXMEMORY: String(Math.floor(memoryBytes * dataShare)),
          HORME_EVICTION: eviction,
          HORME_APPENDONLY: persistence ? 'yes' : 'no',
        },
        networks: { [dataNetwork]: { aliases: [cacheAlias] } },
        ...(persistence && { volumes: [{ type: 'volume', source: cacheVolume, target: dataFolder }] }),
        tmpfs: [
          ...(persistence ? [] : [`${dataFolder}:uid=71,gid=71,mode=0700,size=1m`]),
          '/tmp:uid=71,gid=71,mode=0700,size=1m',
        ],
        stop_grace_period: '30s',
        healthcheck: healthcheck(['/usr/local/bin/healthcheck.sh']),
      },
    ),
  });
}
