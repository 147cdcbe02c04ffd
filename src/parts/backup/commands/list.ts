import * as z from 'zod';
import { listAnswer, snapshotsAnswer, type ListAnswer, type SnapshotsAnswer } from '../../../agent/backup/contract.ts';
import { listScreen, snapshotsScreen } from '../report.ts';
import { exitCodes, type ExitCode } from '../../../errors.ts';
import { openSession } from '../../../command/session.ts';
import type { CommandContext } from '../../../command/context.ts';
import { askAll, backupOf } from './agents.ts';

export async function run(context: CommandContext): Promise<ExitCode> {
  const session = await openSession(context);
  backupOf(session);
  const answers = await askAll(session, () => ['list'], z.union([listAnswer, snapshotsAnswer]));
  const database = answers.database as ListAnswer | undefined;
  const files = answers.files as SnapshotsAnswer | undefined;
  const now = new Date();
  const screens = [...(database ? [listScreen(database, now)] : []), ...(files ? [snapshotsScreen(files, now)] : [])];
  context.print(screens.join('\n\n'));
  const problems = [...told('database', database), ...told('files', files)];
  context.result({
    schema: 'horme.backups/1',
    project: session.stack.project,
    ...database,
    ...files,
    problems,
  });
  const unlisted = [database, files].some((answer) => answer && listsNothing(answer));
  return unlisted ? exitCodes.checkFailed : exitCodes.done;
}

const told = (of: 'database' | 'files', answer: ListAnswer | SnapshotsAnswer | undefined) =>
  (answer?.problems ?? []).map((problem) => ({ of, ...problem }));

/** True if nothing is listed and a repository could not be read. */
export function listsNothing(answer: ListAnswer | SnapshotsAnswer): boolean {
  const listed = 'histories' in answer ? answer.histories : answer.snapshots;
  return listed.length === 0 && (answer.problems ?? []).length > 0;
}
