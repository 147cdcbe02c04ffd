import { ask, database, dataVolume, memberNumber, memberService, releasedDatabase } from '../database/index.ts';
import { until } from '../../deploy/context.ts';
import type { Engine } from '../../engine/engine.ts';
import type { ReleaseContent } from '../../release/release.ts';
import type { Session } from '../../deploy/session.ts';
import { restored, type History, type Restored } from '../../agent/backup/contract.ts';
import { versionWords } from './history.ts';
import { agentFolders, backupService } from './names.ts';
import { askOnce } from './one-off.ts';
import { oneLine } from './report.ts';
import { targetText, type RestoreTarget } from './target.ts';

export interface RestoreWish {
  target: RestoreTarget;
  history: History;
  acceptsDamage: boolean;
}

/** After a WAL switch the segment is archived within seconds unless archiving fails; seconds. */
const archivedSeconds = 60;
/** Limit for statements that are immediate unless the disk hangs; seconds. */
const writtenSeconds = 30;
/** A killed migration may still lock its table; seconds. */
const lockSeconds = 5;

/**
 * Archives all WAL of a running database before a restore. A target of a moment ago needs a later commit, at which
 * recovery stops, so this writes one. Without a primary that can write, only what was archived before can be restored.
 */
export async function archiveEverything(session: Session): Promise<void> {
  const { engine, stack, signal } = session;
  const { members } = await database(engine, stack.project);
  const primary = members.find(({ role }) => role === 'primary');
  if (!primary) return;
  const failure = await archiveAll(engine, primary.container, signal);
  if (failure === undefined) return;
  const text = `${failure}: what was archived before is what can be restored`;
  session.emit({ kind: 'warning', text });
}

/**
 * Returns the reason if the archiving failed. Uses synchronous_commit = local, so that a lost replica can't block the
 * commit.
 */
async function archiveAll(engine: Engine, container: string, signal: AbortSignal): Promise<string | undefined> {
  const seconds = writtenSeconds;
  try {
    const message = "SELECT pg_walfile_name(pg_logical_emit_message(true, 'horme', 'restore'))";
    const segment = await ask(engine, container, `SET synchronous_commit = local; ${message}`, { seconds });
    await ask(engine, container, 'SELECT pg_switch_wal()', { seconds });
    const question = `SELECT coalesce(last_archived_wal >= '${segment}', false) FROM pg_stat_archiver`;
    const archived = await until(async () => (await ask(engine, container, question, { seconds })) === 't', {
      ...{ seconds: archivedSeconds, everyMilliseconds: 200, signal },
    });
    return archived ? undefined : `the last WAL was not archived within ${archivedSeconds} s`;
  } catch (error) {
    signal.throwIfAborted();
    return `the last WAL can't be archived (${oneLine((error as Error).message)})`;
  }
}

export const memberMounts = (members: string[]): Record<string, string> =>
  Object.fromEntries(members.map((name) => [dataVolume(memberNumber(name)), `${agentFolders.members}/${name}`]));

/**
 * Restores into a folder beside the first member's data while production runs. If the target is restored already,
 * returns at once.
 */
export const restoreBeside = (session: Session, content: ReleaseContent, wish: RestoreWish): Promise<Restored> =>
  restoreIn(session, content, wish, memberService(1));

export async function restoreIn(
  { compose, stack, emit }: Session,
  content: ReleaseContent,
  { target, history, acceptsDamage }: RestoreWish,
  member: string,
): Promise<Restored> {
  const into = ['--into', `${agentFolders.members}/${member}`];
  const of = ['--stanza', history.stanza, ...versionWords(history, releasedDatabase(content)?.version)];
  const words = ['restore', ...targetWords(target), ...of, ...into, ...damageWords(acceptsDamage)];
  const brought = await askOnce(
    { compose, project: stack.project },
    content,
    { service: backupService, mounts: memberMounts([member]), words, answer: restored },
    (text) => emit({ kind: 'note', text }),
  );
  for (const text of damageLines(brought)) emit({ kind: 'warning', text });
  return brought;
}

/** Only passed if wanted, since an older agent does not know the option. */
export const damageWords = (accepted: boolean): string[] => (accepted ? ['--accept-damage'] : []);

export const damageLines = ({ damage = [] }: Restored): string[] => damage.map((text) => `damaged: ${oneLine(text)}`);

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

/**
 * Row counts of production's tables; null for a table that can't be counted. Undefined if production can't be queried.
 */
export async function tablesNow(
  engine: Engine,
  project: string,
  name: string,
): Promise<Record<string, number | null> | undefined> {
  const { members } = await database(engine, project);
  const primary = members.find(({ role }) => role === 'primary');
  if (!primary) return undefined;
  const list = `SELECT coalesce(json_agg(format('%I.%I', nspname, relname)), '[]') FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace
    WHERE relkind = 'r' AND relpersistence <> 't' AND nspname NOT LIKE 'pg\\_%' AND nspname <> 'information_schema'`;
  const tables = await answer(engine, primary.container, list, name);
  if (tables === undefined) return undefined;
  const counts: Record<string, number | null> = {};
  // One after another: each uses a connection that production may need.
  for (const table of JSON.parse(tables) as string[]) {
    const counting = `SET lock_timeout = '${lockSeconds}s'; SELECT count(*) FROM ${table}`;
    const count = await answer(engine, primary.container, counting, name);
    counts[table.replaceAll('"', '')] = count === undefined ? null : Number(count);
  }
  return counts;
}

/** Undefined on any error: production may be damaged, locked or gone, and that must not prevent its restore. */
async function answer(engine: Engine, container: string, statement: string, name: string): Promise<string | undefined> {
  try {
    return await ask(engine, container, statement, { name });
  } catch {
    return undefined;
  }
}

/** One line per table that would change. `now` is undefined if production can't be queried. */
export function differences(now: Record<string, number | null> | undefined, restored: Restored['tables']): string[] {
  if (now === undefined) return ['production does not answer, so what would change is not known'];
  const names = [...new Set([...Object.keys(now), ...Object.keys(restored)])].sort();
  const lines = names.flatMap((name) => {
    const [before, after] = [now[name], restored[name]];
    if (after === null) return [`${name}: is damaged, so that its rows can't be counted`];
    if (before === null)
      return [`${name}: can't be counted now, ${after === undefined ? 'goes' : `${after} rows then`}`];
    if (before === after) return [];
    if (before === undefined) return [`${name}: comes back with ${after} rows`];
    if (after === undefined) return [`${name}: goes, with its ${before} rows`];
    return [`${name}: ${before} rows now, ${after} then`];
  });
  return lines.length > 0 ? lines : ['every table has as many rows as now'];
}
