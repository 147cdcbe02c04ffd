import type { Seen } from '../../deploy/observe.ts';
import type { ReleaseContent } from '../../release/release.ts';
import { notePart, type Applied } from '../../release/settings.ts';
import type { Store } from '../../release/store.ts';
import type { Vault } from '../../release/vault.ts';
import type { Sections } from '../../sections.ts';
import type { SeenDatabase } from './members.ts';
import type { PostgresVersion } from './options.ts';
import type { RolesWanted } from './roles.ts';
import { unmadeSecrets, type DatabaseSecrets } from './secrets.ts';

/** Of the database, what is not in the definition of a container. */
export interface DatabaseRelease {
  version: PostgresVersion;
  /** Services of the members, in the order of their numbers. */
  members: string[];
  /** What Patroni's members share; empty without Patroni. */
  shared: Record<string, unknown>;
  zeroLoss: boolean;
  pooler: boolean;
  roles: RolesWanted;
}

/** What the database was last told. */
export interface DatabaseApplied {
  /** What its members share, as Patroni was last told. */
  shared: string;
  /** The mark of the roles that were set last. */
  roles: string;
  /** Logins up to this rotation, but the last one's, are ended. */
  generation: number;
  /** Major version of the data; 0: not noted yet. */
  version: number;
}

export const releasedDatabase = ({ parts }: Pick<ReleaseContent, 'parts'>): DatabaseRelease | undefined =>
  parts['database'] as DatabaseRelease | undefined;

export const seenDatabase = ({ parts }: Pick<Seen, 'parts'>): SeenDatabase =>
  (parts['database'] as SeenDatabase | undefined) ?? { members: [], roles: '' };

export const readDatabaseSecrets = (all: Sections): DatabaseSecrets | undefined =>
  all['database'] as DatabaseSecrets | undefined;

export const databaseSecrets = ({ parts }: Pick<Vault, 'parts'>): DatabaseSecrets =>
  readDatabaseSecrets(parts) ?? unmadeSecrets;

export function appliedDatabase({ parts }: Pick<Applied, 'parts'>): DatabaseApplied {
  const nothing: DatabaseApplied = { shared: '', roles: '', generation: 0, version: 0 };
  // Before there were sections these four stood beside each other.
  const { database: own, roles, generation, version } = parts as Record<string, unknown>;
  if (typeof own !== 'string') return { ...nothing, ...(own as Partial<DatabaseApplied> | undefined) };
  return { ...nothing, ...({ roles, generation, version } as Partial<DatabaseApplied>), shared: own };
}

export const noteDatabase = (store: Store, what: Partial<DatabaseApplied>): Promise<void> =>
  notePart(store, 'database', (applied) => ({ ...appliedDatabase(applied), ...what }));
