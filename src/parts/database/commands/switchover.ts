import { database } from '../psql.ts';
import { membersOf } from '../proxy.ts';
import { switchDatabase } from '../switchover.ts';
import { OperatorError, exitCodes } from '../../../errors.ts';
import { openSession } from '../../../command/session.ts';
import type { CommandContext } from '../../../command/context.ts';
import { underLock } from '../../../command/under-lock.ts';
import { databaseOf, memberNamed } from './member.ts';

export async function run(context: CommandContext): Promise<void> {
  const session = await openSession(context);
  const { engine, stack, signal, emit } = session;
  const { durability, replicas } = databaseOf(session);
  const wanted = context.arguments[0];
  if (replicas === 0) throw alone();
  const to = wanted === undefined ? undefined : memberNamed(session, wanted);
  await underLock(context, session, 'db switchover', async () => {
    const before = (await database(engine, stack.project)).members.find(({ role }) => role === 'primary')?.service;
    const chosen = to ?? membersOf({ replicas }).find((name) => name !== before) ?? '';
    const target = { engine, project: stack.project, zeroLoss: durability === 'zero-loss', signal };
    const say = (text: string) => emit({ kind: 'note', text });
    const seconds = await switchDatabase({ ...target, say }, chosen);
    if (chosen === before) context.print(`${chosen} leads already`);
    context.result({
      schema: 'horme.switchover/1',
      project: stack.project,
      from: before,
      to: chosen,
      gapSeconds: seconds,
    });
  });
}

const alone = () =>
  new OperatorError('there is one Postgres and no replica to switch to', {
    code: 'no-replica',
    exitCode: exitCodes.usage,
    next: 'set `replicas: 1` under x-horme.database, then: horme deploy',
  });
