import type { ListAnswer, SnapshotsAnswer } from '../../backup/agent-types.ts';
import { listScreen, snapshotsScreen } from '../../backup/report.ts';
import { openSession } from '../../session.ts';
import type { CommandContext } from '../command.ts';
import { askAll, backupOf } from './agents.ts';

export async function run(context: CommandContext): Promise<void> {
  const session = await openSession(context);
  backupOf(session);
  const { database, files } = await askAll<ListAnswer | SnapshotsAnswer>(session, () => ['list']);
  const now = new Date();
  const screens = [
    ...(database ? [listScreen(database as ListAnswer, now)] : []),
    ...(files ? [snapshotsScreen(files as SnapshotsAnswer, now)] : []),
  ];
  context.print(screens.join('\n\n'));
  context.result({ schema: 'horme.backups/1', project: session.stack.project, ...database, ...files });
}
