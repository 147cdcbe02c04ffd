import * as z from 'zod';
import { filesProof, proof as databaseProof } from '../../../agent/backup/contract.ts';
import { hasAssertions } from '../services.ts';
import { drillLines, filesDrillLine } from '../report.ts';
import { readLive } from '../../../release/ledger.ts';
import { findStore } from '../../../deploy/state.ts';
import { openSession } from '../../../command/session.ts';
import type { Session } from '../../../deploy/session.ts';
import { databaseOptions } from '../../database/index.ts';
import type { BackupOptions } from '../options.ts';
import type { CommandContext } from '../../../command/context.ts';
import { askAll, backupOf } from './agents.ts';

export async function run(context: CommandContext): Promise<void> {
  const session = await openSession(context);
  const backup = backupOf(session);
  await warnOfUndeployed(session, backup);
  const { repository } = context.flags;
  const words = ['drill', ...(typeof repository === 'number' ? ['--repo', String(repository)] : [])];
  const proofs = await askAll(
    session,
    () => words,
    z.union([databaseProof, filesProof]),
    // Printed at once, so that one agent's proof is shown even if the other agent fails.
    (proof) => context.print(('label' in proof ? drillLines(proof) : [filesDrillLine(proof)]).join('\n')),
  );
  // The database's fields stay at the top level, where they were before files had a drill.
  const { database, ...files } = proofs;
  context.result({ schema: 'horme.drill/1', project: session.stack.project, ...database, ...files });
}

/** Warns about assertions that are not deployed: the agent uses those of the last deploy. */
async function warnOfUndeployed(session: Session, backup: BackupOptions): Promise<void> {
  const { stack, emit } = session;
  const store = await findStore(session);
  const live = store && (await readLive(store));
  if (!live || !databaseOptions(stack) || hasAssertions(live, backup)) return;
  emit({
    kind: 'warning',
    text: 'the checks in drill.sql changed since the last deploy, and are not asked yet: horme deploy',
  });
}
