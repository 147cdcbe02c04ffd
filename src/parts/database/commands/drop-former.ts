import { memberService, runningMembers } from '../members.ts';
import { labels } from '../../../engine/labels.ts';
import { OperatorError, exitCodes } from '../../../errors.ts';
import { bytes } from '../../../output/format.ts';
import { openSession } from '../../../command/session.ts';
import type { Session } from '../../../deploy/session.ts';
import type { CommandContext } from '../../../command/context.ts';
import { confirmsEnvironment } from '../../../command/confirm.ts';
import { underLock } from '../../../command/under-lock.ts';
import { databaseOf } from './member.ts';

/** Enough to delete terabytes on a slow disk; seconds. */
const dropSeconds = 3600;

interface FormerData {
  member: string;
  folder: string;
  sizeBytes: number;
}

/** Deletes the former data that an upgrade or a restore has kept. Afterwards only a backup can bring it back. */
export async function run(context: CommandContext): Promise<void> {
  const session = await openSession(context);
  databaseOf(session);
  const found = await formerData(session, 'list');
  const isConfirmed = confirmsEnvironment(context, session.stack.environment.name);
  if (found.length > 0 && !isConfirmed) throw unconfirmed(session, found);
  const dropped = await underLock(context, session, 'db drop-former', () => formerData(session, 'drop'));
  context.print(dropped.length === 0 ? 'there is no former data' : `removed: ${named(dropped)}`);
  context.result({ schema: 'horme.drop-former/1', project: session.stack.project, dropped });
}

async function formerData({ engine, stack }: Session, what: 'list' | 'drop'): Promise<FormerData[]> {
  const members = runningMembers(await engine.containers({ [labels.project]: stack.project }));
  const found = members.map(async (container) => {
    const { exitCode, output } = await engine.exec(container.id, ['former-data', what], {
      deadlineSeconds: dropSeconds,
    });
    if (exitCode !== 0) throw new Error(`former-data: ${output.trim()}`);
    return output
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => {
        const [size = '0', folder = ''] = line.split(' ');
        return { member: memberService(container), folder, sizeBytes: Number(size) };
      });
  });
  return (await Promise.all(found)).flat();
}

const named = (found: FormerData[]) =>
  found.map(({ member, folder, sizeBytes }) => `${folder} of ${member} (${bytes(sizeBytes)})`).join(', ');

const unconfirmed = ({ stack }: Session, found: FormerData[]) =>
  new OperatorError(`this destroys data that an upgrade or a restore has kept: ${named(found)}`, {
    code: 'confirmation',
    exitCode: exitCodes.usage,
    next: `horme db drop-former --confirm ${stack.environment.name}`,
  });
