import { randomBytes } from 'node:crypto';

/** What the backups of an environment are found and read by: without it they are noise. Part of the recovery kit. */
export interface BackupSecrets {
  /** Part of every path: a second environment of the same name meets nothing of the first. */
  id: string;
  /** The present life of the database, pgBackRest's stanza; a restore begins another, and the former stays as it is. */
  history: string;
  cipher: string;
  filesPassword: string;
}

export type BackupIdentity = Pick<BackupSecrets, 'id' | 'history'>;

export const makeBackupSecrets = (now: Date): BackupSecrets => ({
  id: randomBytes(6).toString('hex'),
  history: newHistory(now),
  cipher: randomBytes(32).toString('hex'),
  filesPassword: randomBytes(32).toString('hex'),
});

/** Such as `20261124-150312-ab12`: histories sort by age, and two that begin in the same second differ. */
export function newHistory(now: Date): string {
  const digits = now.toISOString().replace(/\D/g, '');
  return `${digits.slice(0, 8)}-${digits.slice(8, 14)}-${randomBytes(2).toString('hex')}`;
}

/** For a plan before the first deploy: nothing that it says depends on a value. */
export const unmadeBackupSecrets: BackupSecrets = { id: 'unmade', history: 'unmade', cipher: '', filesPassword: '' };
