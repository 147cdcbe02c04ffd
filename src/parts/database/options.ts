import type { Stack } from '../../stack/stack.ts';

/** Supported major versions of PostgreSQL. */
export type PostgresVersion = 17 | 18;

export interface DatabaseOptions {
  version: PostgresVersion;
  /** Memory limit of each member, bytes. */
  memoryBytes: number;
  /** Replicas in addition to the primary; 0: one Postgres, without Patroni and etcd. */
  replicas: number;
  /** `zero-loss`: a commit is acknowledged once a replica has it too. */
  durability: 'async' | 'zero-loss';
  /** How soon a silent primary is considered lost. */
  failover: 'normal' | 'fast';
  pooler: boolean;
  /** The user's own settings of Postgres, by name; they win over ours. */
  parameters: Record<string, string>;
  /** WAL archiving to the backup repositories is on. */
  archived: boolean;
  /** How long a migration may wait for a lock, and one statement of it may take. */
  migrations: { lockTimeoutSeconds: number; statementTimeoutSeconds: number };
}

export const databaseOptions = ({ parts }: Pick<Stack, 'parts'>): DatabaseOptions | undefined =>
  parts['database'] as DatabaseOptions | undefined;
