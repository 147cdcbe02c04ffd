import type { History, ListAnswer, ListProblem } from '../../agent/backup/contract.ts';
import { OperatorError, exitCodes } from '../../errors.ts';
import type { PostgresVersion } from '../database/index.ts';
import { problemText } from './report.ts';
import { newestFirst, reachable, targetText, typed, unreachable, type RestoreTarget } from './target.ts';

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

function holding(target: RestoreTarget, { histories, problems = [] }: ListAnswer, use: Use): History {
  const found = fitting(target, histories);
  const hidden =
    target.kind === 'latest' ? problems.filter(({ stanza }) => found && stanza && stanza > found.stanza) : [];
  if (hidden.length > 0) throw unread(target, hidden);
  if (found) return found;
  // What could not be read may hold it: nobody is to be told that there is none.
  throw problems.length > 0 ? unread(target, problems) : missing(target, histories, use);
}

function fitting(target: RestoreTarget, histories: History[]): History | undefined {
  if (target.kind === 'time') return reachable(target.at, histories);
  return newestFirst(histories).find(({ repositories }) =>
    repositories.some(({ window, backups }) =>
      target.kind === 'latest' ? window !== null : backups.some(({ label }) => label === target.label),
    ),
  );
}

function unread(target: RestoreTarget, problems: ListProblem[]): OperatorError {
  const what =
    target.kind === 'time'
      ? targetText(target.at)
      : target.kind === 'backup'
        ? `the backup ${target.label}`
        : 'the newest backup';
  return new OperatorError(`${what} may be in what could not be read; in what could, it is not`, {
    code: 'repository-unreachable',
    exitCode: exitCodes.checkFailed,
    lastSeen: problems.map(problemText).join('\n'),
    next: 'mend that, then run the same command again',
  });
}

function missing(target: RestoreTarget, histories: History[], use: Use): OperatorError {
  if (target.kind === 'time') return unreachable(target.at, histories);
  if (target.kind === 'latest') {
    return new OperatorError('there is no backup of the database yet', {
      code: 'no-backup-yet',
      exitCode: exitCodes.checkFailed,
      next: use === 'on an empty machine' ? begin : 'horme backup now',
    });
  }
  return new OperatorError(`there is no backup ${target.label}`, {
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
