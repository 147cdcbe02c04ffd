import { keepSecrets, type Vault } from '../../release/vault.ts';
import type { ReleaseContent } from '../../release/release.ts';
import type { Applied } from '../../release/settings.ts';
import type { Store } from '../../release/store.ts';
import type { Sections } from '../../sections.ts';
import { unmadeBackupSecrets, type BackupSecrets } from './secrets.ts';

/** Of the backups, what the agent must set up once. */
export interface BackupRelease {
  /** Of the database; undefined: there is none. */
  history: string | undefined;
  /** Where they go, without keys. */
  repositories: Record<string, unknown>[];
}

export const releasedBackup = ({ parts }: Pick<ReleaseContent, 'parts'>): BackupRelease | undefined =>
  parts['backup'] as BackupRelease | undefined;

export const readBackupSecrets = (all: Sections): BackupSecrets | undefined =>
  all['backup'] as BackupSecrets | undefined;

export const backupSecrets = ({ parts }: Pick<Vault, 'parts'>): BackupSecrets =>
  readBackupSecrets(parts) ?? unmadeBackupSecrets;

/** From now on the database belongs to this history. */
export const writeHistory = (store: Store, vault: Vault, history: string): Promise<Vault> =>
  keepSecrets(store, vault, 'backup', { ...backupSecrets(vault), history });

/** The repositories and the history of the database that the agent has set up; '': none. */
export function setUpFor({ parts }: Pick<Applied, 'parts'>): string {
  const { backup } = parts;
  // Before there were sections it stood there by itself.
  return typeof backup === 'string' ? backup : ((backup as { setUp?: string } | undefined)?.setUp ?? '');
}
