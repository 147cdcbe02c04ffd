import { databaseStatus, type MemberStatus } from '../status.ts';
import { OperatorError, exitCodes } from '../../../errors.ts';
import { bytes } from '../../../output/format.ts';
import { openSession } from '../../../command/session.ts';
import type { Session } from '../../../deploy/session.ts';
import type { CommandContext } from '../../../command/context.ts';
import { confirmsEnvironment } from '../../../command/confirm.ts';
import { underLock } from '../../../command/under-lock.ts';
import { containerOf, databaseOf, memberNamed } from './member.ts';

/** Patroni waits for the candidate to lead, a minute at most; seconds. */
const failoverSeconds = 90;

/** For a hanging primary that Patroni considers healthy, or a cluster without a primary that elects none. */
export async function run(context: CommandContext): Promise<void> {
  const session = await openSession(context);
  databaseOf(session);
  const to = memberNamed(session, context.arguments[0] ?? '');
  const { engine, stack } = session;
  const { members } = await databaseStatus(engine, stack.project);
  const loss = lossOf(members, to);
  if (!confirmsEnvironment(context, stack.environment.name)) throw unconfirmed(session, to, loss);
  await underLock(context, session, 'db failover', async () => {
    const container = await containerOf(session, to);
    const order = ['ask-patroni', to, 'POST', '/failover', JSON.stringify({ candidate: to })];
    const { exitCode, output } = await engine.exec(container, order, { deadlineSeconds: failoverSeconds });
    if (exitCode !== 0) throw failed(to, output);
    context.print(`${to} leads; ${loss}`);
    context.result({ schema: 'horme.failover/1', project: stack.project, to, loss });
  });
}

function lossOf(members: MemberStatus[], to: string): string {
  const candidate = members.find(({ name }) => name === to);
  const primary = members.find(({ role }) => role === 'primary');
  if (candidate?.role === 'primary') return 'it leads already: nothing would be lost';
  if (candidate?.synchronous) return 'it has every acknowledged commit';
  if (primary && candidate?.lagBytes !== undefined)
    return `it is ${bytes(candidate.lagBytes)} of WAL behind ${primary.name}: the commits in them are lost`;
  return 'no primary answers, so how many of the last commits are lost is not known';
}

const unconfirmed = ({ stack }: Session, to: string, loss: string) =>
  new OperatorError(`making ${to} the primary of ${stack.project} may lose commits: ${loss}`, {
    code: 'confirmation',
    exitCode: exitCodes.usage,
    next: `horme db switchover ${to}   (loses nothing, needs a primary that answers), or: horme db failover ${to} --confirm ${stack.environment.name}`,
  });

const failed = (to: string, output: string) =>
  new OperatorError(`the failover to ${to} did not happen`, {
    code: 'failover-failed',
    exitCode: exitCodes.checkFailed,
    lastSeen: output.trim(),
    next: 'horme db status',
  });
