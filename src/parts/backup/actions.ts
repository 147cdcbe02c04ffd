import type { BackupAct } from './step.ts';
import type { Context } from '../../deploy/context.ts';
import { backUp, setUpBackups } from './apply.ts';

export const takeBackupStep = (context: Context, id: string, act: BackupAct): Promise<void> =>
  act.do === 'set-up' ? setUpBackups(context, id) : backUp(context, id);
