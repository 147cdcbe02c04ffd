import type { Stack } from '../../stack/stack.ts';

export interface CacheOptions {
  memoryBytes: number;
  /** Append-only file, synced every second. Without it the cache is empty after a restart. */
  persistence: boolean;
  /** Redis' maxmemory-policy. */
  eviction: string;
}

export const cacheOptions = ({ parts }: Pick<Stack, 'parts'>): CacheOptions | undefined =>
  parts['cache'] as CacheOptions | undefined;
