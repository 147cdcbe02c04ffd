import type { FilesProof, Proof } from '../../backup/agent-types.ts';
import { drillLines, filesDrillLine } from '../../backup/report.ts';
import { openSession } from '../../session.ts';
import type { CommandContext } from '../command.ts';
import { askAll, backupOf } from './agents.ts';

export async function run(context: CommandContext): Promise<void> {
  const session = await openSession(context);
  backupOf(session);
  const { repository } = context.flags;
  const words = ['drill', ...(typeof repository === 'number' ? ['--repo', String(repository)] : [])];
  const proofs = await askAll<Proof | FilesProof>(
    session,
    () => words,
    // At once: what one proved is said although the other fails.
    (proof) => context.print(('label' in proof ? drillLines(proof) : [filesDrillLine(proof)]).join('\n')),
  );
  // The database's fields stand at the top, where they were before files had a drill.
  const { database, ...files } = proofs;
  context.result({ schema: 'horme.drill/1', project: session.stack.project, ...database, ...files });
}
