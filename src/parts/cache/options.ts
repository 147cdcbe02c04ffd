import type { Stack } from '../../stack/stack.ts';

export interface CacheOptions {
  memoryBytes: number;
  /** An append-only file, synced every second; without it a restart begins empty. */
  persistence: boolean;
  /** Redis' maxmemory-policy. */
  eviction: string;
}

export const cacheOptions = ({ parts }: Pick<Stack, 'parts'>): CacheOptions | undefined =>
  parts['cache'] as CacheOptions | undefined;
