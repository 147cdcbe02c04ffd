import { runningMembers } from '../members.ts';
import { memberService } from '../names.ts';
import { membersOf } from '../proxy.ts';
import { labels } from '../../../engine/labels.ts';
import { OperatorError, exitCodes } from '../../../errors.ts';
import type { Session } from '../../../deploy/session.ts';
import { databaseOptions, type DatabaseOptions } from '../options.ts';

export function databaseOf({ stack }: Pick<Session, 'stack'>): DatabaseOptions {
  const options = databaseOptions(stack);
  if (options) return options;
  throw new OperatorError(`${stack.project} has no database of Horme's`, {
    code: 'no-database',
    exitCode: exitCodes.usage,
    next: 'add `database: {}` under x-horme in the Compose file',
  });
}

/** Accepts a member's name or its number: `horme-postgres-2` or `2`. */
export function memberNamed(session: Session, word: string): string {
  const members = membersOf(databaseOf(session));
  const found = members.find((name) => name === word || name === memberService(Number(word)));
  if (found) return found;
  throw new OperatorError(`the database has no member "${word}"`, {
    code: 'member-unknown',
    exitCode: exitCodes.usage,
    next: `one of: ${members.join(', ')}`,
  });
}

/** Container of a running member, whatever the state of its Postgres. */
export async function containerOf({ engine, stack }: Session, member: string): Promise<string> {
  const running = runningMembers(await engine.containers({ [labels.project]: stack.project }));
  const container = running.find((one) => one.labels[labels.service] === member);
  if (container) return container.id;
  throw new OperatorError(`${member} does not run`, {
    code: 'member-away',
    exitCode: exitCodes.checkFailed,
    next: 'horme deploy   (starts it), or: horme db status',
  });
}
