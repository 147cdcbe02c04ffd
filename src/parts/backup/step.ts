import type { Action } from '../../deploy/step.ts';

export type BackupAct =
  /** The repositories get what this history of the database needs, and are tried. */
  { do: 'set-up' } | { do: 'back-up' };

export const backupStep = (act: BackupAct): Action => ({ do: 'part', part: 'backup', act });
