import { anyAnswer } from '../../../agent/backup/contract.ts';
import { openSession } from '../../../command/session.ts';
import type { CommandContext } from '../../../command/context.ts';
import { askAll, backupOf } from './agents.ts';

export async function run(context: CommandContext): Promise<void> {
  const session = await openSession(context);
  backupOf(session);
  const checked = await askAll(session, () => ['verify'], anyAnswer);
  context.print(`every backup of the ${Object.keys(checked).join(' and the ')} was read whole: all is well`);
  context.result({ schema: 'horme.verify-backups/1', project: session.stack.project, ...checked });
}
