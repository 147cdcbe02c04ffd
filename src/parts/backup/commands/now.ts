import { anyAnswer } from '../../../agent/backup/contract.ts';
import { backupService } from '../names.ts';
import { openSession } from '../../../command/session.ts';
import type { CommandContext } from '../../../command/context.ts';
import { askAll, backupOf } from './agents.ts';

export async function run(context: CommandContext): Promise<void> {
  const session = await openSession(context);
  backupOf(session);
  const type = context.flags.full === true ? ['--type', 'full'] : [];
  const started = performance.now();
  const taken = await askAll(session, (service) => ['backup', ...(service === backupService ? type : [])], anyAnswer);
  const seconds = (performance.now() - started) / 1000;
  context.print(`backed up the ${Object.keys(taken).join(' and the ')} in ${seconds.toFixed(1)} s`);
  context.result({ schema: 'horme.backup/1', project: session.stack.project, ...taken });
}
