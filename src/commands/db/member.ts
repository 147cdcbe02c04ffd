import { runningMembers } from '../../parts/database/members.ts';
import { memberService } from '../../parts/database/names.ts';
import { membersOf } from '../../parts/database/proxy.ts';
import { labels } from '../../engine/labels.ts';
import { OperatorError, exitCodes } from '../../errors.ts';
import type { Session } from '../../session.ts';
import type { DatabaseOptions } from '../../stack/stack.ts';

export function databaseOf({ stack }: Pick<Session, 'stack'>): DatabaseOptions {
  if (stack.database) return stack.database;
  throw new OperatorError(`${stack.project} has no database of Horme's`, {
    code: 'no-database',
    exitCode: exitCodes.usage,
    next: 'add `database: {}` under x-horme in the Compose file',
  });
}

/** A member as people name it: `horme-postgres-2` or `2`. */
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

/** Of a member that runs, whatever state its Postgres is in. */
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
