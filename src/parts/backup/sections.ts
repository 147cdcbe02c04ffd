import { keepSecrets, type Vault } from '../../release/vault.ts';
import type { ReleaseContent } from '../../release/release.ts';
import type { Applied } from '../../release/settings.ts';
import type { Store } from '../../release/store.ts';
import type { Sections } from '../../sections.ts';
import { unmadeBackupSecrets, type BackupSecrets } from './secrets.ts';

/** The backup's section of a release: what the agent must set up once. */
export interface BackupRelease {
  /** The database's history; undefined without a database. */
  history: string | undefined;
  /** The repositories, without keys. */
  repositories: Record<string, unknown>[];
}

export const releasedBackup = ({ parts }: Pick<ReleaseContent, 'parts'>): BackupRelease | undefined =>
  parts['backup'] as BackupRelease | undefined;

export const readBackupSecrets = (all: Sections): BackupSecrets | undefined =>
  all['backup'] as BackupSecrets | undefined;

export const backupSecrets = ({ parts }: Pick<Vault, 'parts'>): BackupSecrets =>
  readBackupSecrets(parts) ?? unmadeBackupSecrets;

/** Makes this the present history of the database. */
export const writeHistory = (store: Store, vault: Vault, history: string): Promise<Vault> =>
  keepSecrets(store, vault, 'backup', { ...backupSecrets(vault), history });

/** Fingerprint of the repositories and the history that the agent has set up; '': none. */
export function setUpFor({ parts }: Pick<Applied, 'parts'>): string {
  const { backup } = parts;
  // Before there were sections the value was a plain string.
  return typeof backup === 'string' ? backup : ((backup as { setUp?: string } | undefined)?.setUp ?? '');
}
