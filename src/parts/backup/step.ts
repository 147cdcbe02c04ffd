import type { Action } from '../../deploy/step.ts';

export type BackupAct =
  /** `set-up` prepares the repositories for this history of the database, and tests them. */
  { do: 'set-up' } | { do: 'back-up' };

export const backupStep = (act: BackupAct): Action => ({ do: 'part', part: 'backup', act });
