import { randomBytes } from 'node:crypto';

/** Needed to find and decrypt an environment's backups; without it they are useless. Part of the recovery kit. */
export interface BackupSecrets {
  /** Part of every path, so that two environments of the same name don't share backups. */
  id: string;
  /**
   * The database's present history, which is a pgBackRest stanza. A restore begins a new one; the former stays
   * unchanged.
   */
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

/** Such as `20261124-150312-ab12`: names sort by age, and two histories of the same second differ. */
export function newHistory(now: Date): string {
  const digits = now.toISOString().replace(/\D/g, '');
  return `${digits.slice(0, 8)}-${digits.slice(8, 14)}-${randomBytes(2).toString('hex')}`;
}

/** Placeholder for a plan before the first deploy; the plan's text does not depend on secret values. */
export const unmadeBackupSecrets: BackupSecrets = { id: 'unmade', history: 'unmade', cipher: '', filesPassword: '' };
