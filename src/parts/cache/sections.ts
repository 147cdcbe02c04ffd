import { randomBytes } from 'node:crypto';
import type { Vault } from '../../release/vault.ts';
import type { Sections } from '../../sections.ts';

export interface CacheSecrets {
  password: string;
}

/** 32 bytes can't be guessed. Hex needs no escaping in a URL or a configuration file. */
export const makeCacheSecrets = (): CacheSecrets => ({ password: randomBytes(32).toString('hex') });

/** Before there were sections the password was a top-level field. */
export function readCacheSecrets({ cache, cachePassword }: Sections): CacheSecrets | undefined {
  if (cache !== undefined) return cache as CacheSecrets;
  return typeof cachePassword === 'string' ? { password: cachePassword } : undefined;
}

/** Empty for a plan before the first deploy, whose text does not depend on the value. */
export const cachePassword = ({ parts }: Pick<Vault, 'parts'>): string => readCacheSecrets(parts)?.password ?? '';
