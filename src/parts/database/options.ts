import type { Stack } from '../../stack/stack.ts';

/** Major versions of PostgreSQL that there is an image of. */
export type PostgresVersion = 17 | 18;

export interface DatabaseOptions {
  version: PostgresVersion;
  /** Memory limit of each member, bytes. */
  memoryBytes: number;
  /** Beside the primary; 0: one Postgres, without Patroni and etcd. */
  replicas: number;
  /** `zero-loss`: a commit is acknowledged when a replica has it too. */
  durability: 'async' | 'zero-loss';
  /** How soon a primary that went silent is taken for lost. */
  failover: 'normal' | 'fast';
  pooler: boolean;
  /** The user's own settings of Postgres, by name; they win over ours. */
  parameters: Record<string, string>;
  /** WAL is kept in the backups' repositories. */
  archived: boolean;
  /** How long a migration may wait for a lock, and one statement of it may take. */
  migrations: { lockTimeoutSeconds: number; statementTimeoutSeconds: number };
}

export const databaseOptions = ({ parts }: Pick<Stack, 'parts'>): DatabaseOptions | undefined =>
  parts['database'] as DatabaseOptions | undefined;
