import { OperatorError, exitCodes } from '../errors.ts';
import type { PostgresVersion } from '../stack/stack.ts';
import type { History, ListAnswer } from './agent-types.ts';
import { newestFirst, reachable, targetText, typed, type RestoreTarget } from './target.ts';

/** How what is restored is used; on an empty machine few commands of Horme's can be typed next. */
export type Use = 'in place' | 'beside' | 'on an empty machine';

/**
 * Which history holds it; refuses what can't be reached before anything is touched. Postgres starts on data of its own
 * major version alone; beside, data from before an upgrade is started by the former version, and read in as a dump.
 */
export function historyOf(
  target: RestoreTarget,
  list: ListAnswer,
  present: PostgresVersion | undefined,
  use: Use,
): History {
  const found = holding(target, list, use);
  const version = versionOf(found);
  if (version === undefined || present === undefined || version === present) return found;
  if (use === 'beside' && version < present) return found;
  throw otherVersion(target, found, present, use);
}

/** For the agent, where the data is of another version than the present one. */
export function versionWords(history: History, present: PostgresVersion | undefined): string[] {
  const version = versionOf(history);
  return version === undefined || version === present ? [] : ['--postgres', String(version)];
}

/** An agent of before tells none. */
const versionOf = ({ version }: History): number | undefined => (version ? Number(version) : undefined);

function holding(target: RestoreTarget, { histories }: ListAnswer, use: Use): History {
  if (target.kind === 'time') return named(histories, reachable(target.at, histories).stanza);
  if (target.kind === 'latest') return current(histories, use);
  const found = newestFirst(histories).find(({ repositories }) =>
    repositories.some(({ backups }) => backups.some(({ label }) => label === target.label)),
  );
  if (found) return found;
  throw new OperatorError(`there is no backup ${target.label}`, {
    code: 'backup-unknown',
    exitCode: exitCodes.usage,
    next: 'horme backup list',
  });
}

function otherVersion(
  target: RestoreTarget,
  { stanza, version }: History,
  present: PostgresVersion,
  use: Use,
): OperatorError {
  const what =
    target.kind === 'time'
      ? `${targetText(target.at)} lies`
      : target.kind === 'backup'
        ? `the backup ${target.label} was taken`
        : 'the newest backup was taken';
  return new OperatorError(`${what} before the upgrade of the database to PostgreSQL ${present}`, {
    code: 'target-version',
    exitCode: exitCodes.checkFailed,
    lastSeen: `the history ${stanza} is of PostgreSQL ${version}, on whose data ${present} does not start`,
    next: instead(use, target),
  });
}

function instead(use: Use, target: RestoreTarget): string {
  if (use === 'on an empty machine') return anew('--as before');
  if (use === 'beside') return 'horme backup list';
  return `horme restore ${typed(target)} --as before   (as another database of the same server)`;
}

const begin = 'in a checkout of the project: horme deploy, which begins with an empty database';

/** Where a recovery can't go on. `--latest` would take what the deploy has just begun. */
export const anew = (how: string): string =>
  `${begin}; then horme restore --to "<time>" ${how}   (horme backup list has the times)`;

function named(histories: History[], stanza: string): History {
  const found = histories.find((history) => history.stanza === stanza);
  if (!found) throw new Error(`the history ${stanza} is not in the list that it was taken from`);
  return found;
}

function current(histories: History[], use: Use): History {
  const found = newestFirst(histories).find(({ repositories }) => repositories.some(({ window }) => window !== null));
  if (found) return found;
  throw new OperatorError('there is no backup of the database yet', {
    code: 'no-backup-yet',
    exitCode: exitCodes.checkFailed,
    next: use === 'on an empty machine' ? begin : 'horme backup now',
  });
}
