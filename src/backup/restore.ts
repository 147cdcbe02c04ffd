import { dataVolume, memberNumber, memberService } from '../database/names.ts';
import { ask, database } from '../database/psql.ts';
import { until } from '../deploy/context.ts';
import type { Engine } from '../engine/engine.ts';
import { OperatorError, exitCodes } from '../errors.ts';
import type { ReleaseContent } from '../release/release.ts';
import type { Session } from '../session.ts';
import type { PostgresVersion } from '../stack/stack.ts';
import type { History, ListAnswer } from './agent-types.ts';
import { agentFolders, backupService } from './names.ts';
import { askOnce } from './one-off.ts';
import { newestFirst, reachable, targetText } from './target.ts';

export type RestoreTarget = { kind: 'time'; at: Date } | { kind: 'backup'; label: string } | { kind: 'latest' };

/** What was restored beside production, and checked. */
export interface Restored {
  label: string;
  repository: number;
  stanza: string;
  newestTransactionAt: string;
  seconds: { restore: number; replay: number; check: number };
  bytes: number;
  tables: Record<string, number>;
  /** What is not known to be in it, in words. An agent of before tells none. */
  missing?: string[];
}

/** The switched WAL is archived within seconds, or archiving fails; seconds. */
const archivedSeconds = 60;

/**
 * Which history holds it; refuses what can't be reached, or is of another version, before anything is touched. On an empty
 * machine no other command of Horme's can be typed next.
 */
export function historyOf(
  target: RestoreTarget,
  list: ListAnswer,
  version: PostgresVersion | undefined,
  { emptyMachine = false } = {},
): History {
  const found = holding(target, list, emptyMachine);
  // Postgres starts on data of its own major version alone.
  if (found.version && version && found.version !== String(version))
    throw otherVersion(target, found, version, emptyMachine ? byHand : listed(version));
  return found;
}

const byHand = 'docs/recovery.md, "Before a major upgrade"';
const listed = (version: PostgresVersion) =>
  `horme backup list   (what is of PostgreSQL ${version} can be restored; the rest by hand: ${byHand})`;

function holding(target: RestoreTarget, { histories }: ListAnswer, emptyMachine: boolean): History {
  if (target.kind === 'time') return named(histories, reachable(target.at, histories).stanza);
  if (target.kind === 'latest') return current(histories, emptyMachine);
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
  next: string,
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
    next,
  });
}

function named(histories: History[], stanza: string): History {
  const found = histories.find((history) => history.stanza === stanza);
  if (!found) throw new Error(`the history ${stanza} is not in the list that it was taken from`);
  return found;
}

function current(histories: History[], emptyMachine: boolean): History {
  const found = newestFirst(histories).find(({ repositories }) => repositories.some(({ window }) => window !== null));
  if (found) return found;
  throw new OperatorError('there is no backup of the database yet', {
    code: 'no-backup-yet',
    exitCode: exitCodes.checkFailed,
    next: emptyMachine
      ? 'horme deploy, in a checkout of the project: it begins with an empty database'
      : 'horme backup now',
  });
}

/**
 * While the database runs, all that it has written reaches the repositories first. A target of a moment ago needs a commit
 * after it, which ends the wait for it. Without a primary, what was archived is all that there is.
 */
export async function archiveEverything(session: Session): Promise<void> {
  const { engine, stack, signal } = session;
  const { members } = await database(engine, stack.project);
  const primary = members.find(({ role }) => role === 'primary');
  if (!primary) return;
  const segment = await ask(
    engine,
    primary.container,
    "SELECT pg_walfile_name(pg_logical_emit_message(true, 'horme', 'restore')) FROM pg_stat_archiver",
  );
  await ask(engine, primary.container, 'SELECT pg_switch_wal()');
  const archived = await until(
    async () =>
      (await ask(engine, primary.container, `SELECT last_archived_wal >= '${segment}' FROM pg_stat_archiver`)) === 't',
    { seconds: archivedSeconds, everyMilliseconds: 200, signal },
  );
  if (!archived) {
    const text = `the last WAL was not archived within ${archivedSeconds} s: what was archived before is what can be restored`;
    session.emit({ kind: 'warning', text });
  }
}

export const memberMounts = (members: string[]): Record<string, string> =>
  Object.fromEntries(members.map((name) => [dataVolume(memberNumber(name)), `${agentFolders.members}/${name}`]));

/** Into a folder beside the first member's data; production goes on. Repeated for the same target, it is there at once. */
export const restoreBeside = (
  session: Session,
  content: ReleaseContent,
  target: RestoreTarget,
  stanza: string,
): Promise<Restored> => restoreIn(session, content, target, stanza, memberService(1));

export function restoreIn(
  { compose, stack, emit }: Session,
  content: ReleaseContent,
  target: RestoreTarget,
  stanza: string,
  member: string,
): Promise<Restored> {
  const words = ['restore', ...targetWords(target), '--stanza', stanza, '--into', `${agentFolders.members}/${member}`];
  return askOnce<Restored>(
    { compose, project: stack.project },
    content,
    { service: backupService, mounts: memberMounts([member]), words },
    (text) => emit({ kind: 'note', text }),
  );
}

function targetWords(target: RestoreTarget): string[] {
  switch (target.kind) {
    case 'time':
      return ['--to', targetText(target.at)];
    case 'backup':
      return ['--label', target.label];
    case 'latest':
      return ['--latest'];
  }
}

/** Rows of each table as production has them now; undefined without a primary. */
export async function tablesNow(
  engine: Engine,
  project: string,
  name: string,
): Promise<Record<string, number> | undefined> {
  const { members } = await database(engine, project);
  const primary = members.find(({ role }) => role === 'primary');
  if (!primary) return undefined;
  const list = `SELECT coalesce(json_agg(format('%I.%I', nspname, relname)), '[]') FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace
    WHERE relkind = 'r' AND relpersistence <> 't' AND nspname NOT LIKE 'pg\\_%' AND nspname <> 'information_schema'`;
  const tables = JSON.parse(await ask(engine, primary.container, list, name)) as string[];
  const counts: Record<string, number> = {};
  // One after another: each is a connection that production may need.
  for (const table of tables)
    counts[table.replaceAll('"', '')] = Number(
      await ask(engine, primary.container, `SELECT count(*) FROM ${table}`, name),
    );
  return counts;
}

/** A line for each table that would be another; `undefined`: production can't be asked. */
export function differences(now: Record<string, number> | undefined, restored: Record<string, number>): string[] {
  if (now === undefined) return ['production does not answer, so what would change is not known'];
  const names = [...new Set([...Object.keys(now), ...Object.keys(restored)])].sort();
  const lines = names.flatMap((name) => {
    const [before, after] = [now[name], restored[name]];
    if (before === after) return [];
    if (before === undefined) return [`${name}: comes back with ${after} rows`];
    if (after === undefined) return [`${name}: goes, with its ${before} rows`];
    return [`${name}: ${before} rows now, ${after} then`];
  });
  return lines.length > 0 ? lines : ['every table has as many rows as now'];
}
