import type { Proof } from '../../backup/agent-types.ts';
import { backupService } from '../../backup/names.ts';
import { drillLines } from '../../backup/report.ts';
import { openSession } from '../../session.ts';
import type { CommandContext } from '../command.ts';
import { databaseOf } from '../db/member.ts';
import { ask, backupOf } from './agents.ts';

export async function run(context: CommandContext): Promise<void> {
  const session = await openSession(context);
  backupOf(session);
  databaseOf(session);
  const { repository } = context.flags;
  const words = typeof repository === 'number' ? ['--repo', String(repository)] : [];
  const proof = await ask<Proof>(session, backupService, ['drill', ...words]);
  context.print(drillLines(proof).join('\n'));
  context.result({ schema: 'horme.drill/1', project: session.stack.project, ...proof });
}
