import { database, primaryMember } from '../psql.ts';
import { until } from '../../../deploy/context.ts';
import { OperatorError, exitCodes } from '../../../errors.ts';
import { openSession } from '../../../command/session.ts';
import type { CommandContext } from '../../../command/context.ts';
import { underLock } from '../../../command/under-lock.ts';
import { containerOf, memberNamed } from './member.ts';

/** Hours for a large database; seconds. */
const copySeconds = 4 * 3600;

export async function run(context: CommandContext): Promise<void> {
  const session = await openSession(context);
  const member = memberNamed(session, context.arguments[0] ?? '');
  const { engine, stack, signal, emit } = session;
  await underLock(context, session, 'db reinit', async () => {
    const primary = await primaryMember(engine, stack.project);
    if (primary.service === member) throw leads(member);
    const container = await containerOf(session, member);
    const { exitCode, output } = await engine.exec(container, [
      'ask-patroni',
      member,
      'POST',
      '/reinitialize',
      '{"force": true}',
    ]);
    if (exitCode !== 0) throw refused(member, output);
    emit({ kind: 'note', text: `${member} copies the data of ${primary.service}` });
    const seen = async () => (await database(engine, stack.project)).members.find(({ service }) => service === member);
    let away = false;
    const follows = await until(
      async () => {
        const streaming = (await seen())?.streaming === true;
        away ||= !streaming;
        return away && streaming;
      },
      { seconds: copySeconds, everyMilliseconds: 200, signal },
    );
    if (!follows) throw refused(member, `it does not follow the primary after ${copySeconds / 3600} hours`);
    context.print(`${member} has a fresh copy and follows ${primary.service}`);
    context.result({ schema: 'horme.reinit/1', project: stack.project, member });
  });
}

const leads = (member: string) =>
  new OperatorError(`${member} is the primary: its data is the newest there is`, {
    code: 'member-leads',
    exitCode: exitCodes.usage,
    next: 'horme db switchover',
  });

const refused = (member: string, output: string) =>
  new OperatorError(`${member} was not copied anew`, {
    code: 'reinit-failed',
    exitCode: exitCodes.checkFailed,
    lastSeen: output.trim(),
    next: 'horme db status',
  });
