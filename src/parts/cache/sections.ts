import { randomBytes } from 'node:crypto';
import type { Vault } from '../../release/vault.ts';
import type { Sections } from '../../sections.ts';

export interface CacheSecrets {
  password: string;
}

/** 32 bytes: what no one guesses and no one types. Hex, so that it needs no escaping in a URL or a configuration. */
export const makeCacheSecrets = (): CacheSecrets => ({ password: randomBytes(32).toString('hex') });

/** Before there were sections the password stood beside the rest. */
export function readCacheSecrets({ cache, cachePassword }: Sections): CacheSecrets | undefined {
  if (cache !== undefined) return cache as CacheSecrets;
  return typeof cachePassword === 'string' ? { password: cachePassword } : undefined;
}

/** Of a plan before the first deploy nothing depends on the value. */
export const cachePassword = ({ parts }: Pick<Vault, 'parts'>): string => readCacheSecrets(parts)?.password ?? '';
