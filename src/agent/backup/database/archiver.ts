/** Watches that WAL leaves the database. Whether it arrives is for `gaps` to look at. */

import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { hasErrno, isFailure } from '../../failure.ts';
import { fromEpoch, momentText, rounded } from '../../moments.ts';
import { pause } from '../../wait.ts';
import type { Agent } from '../agent.ts';
import { noted } from '../clock-hold.ts';
import type { Status } from '../known.ts';
import { askDatabase, databaseAway } from './ask-database.ts';
import { localRepository } from './pgbackrest.ts';
import { followHistory } from './remembered.ts';

/**
 * A repository that is away shows within two minutes: until there is a file to push (`archive_timeout` makes one a minute), until
 * that has waited too long, and until the next look. A push of one file over a slow line takes half a minute.
 */
const oldestReadySeconds = 45;
/** How often it is looked. */
export const lookSeconds = 10;
/** Longer than a switchover by command takes. */
const againSeconds = 5;

export const looking =
  'WAL is pushed again; whether all of it arrived is not known before every repository was looked at';

/** What one look saw. */
export type Seen = Pick<Status, 'oldestReadySeconds' | 'readyFiles' | 'walBytes' | 'lastArchivedAt'> & {
  archiveFailing: boolean;
  archiveError: string | null;
};

/** While the agent was off nobody looked: that says nothing of the database. */
export const beginArchiver = ({ status, clock }: Agent): Promise<void> =>
  status.update((known) => void (known.archiveLook = noted(clock.awake())));

/** Writes a little WAL, and records what it saw. Asks no repository: one that hangs must not make the news of it late. */
export async function watchArchive(agent: Agent): Promise<void> {
  const seen = await look(agent);
  await agent.status.update((known) => recordLook(known, agent, seen));
}

/**
 * A database that can't be asked archives nothing that we know of. One that can be soon after was being switched over. `ask` and
 * the seconds in between are others in tests.
 */
export async function look(agent: Agent, ask: typeof asked = asked, seconds = againSeconds): Promise<Seen> {
  try {
    return await ask(agent);
  } catch (error) {
    if (!isFailure(error, databaseAway)) throw error;
  }
  await pause(seconds, agent.programs.signal);
  try {
    return await ask(agent);
  } catch (error) {
    if (!isFailure(error, databaseAway)) throw error;
    return { archiveFailing: true, archiveError: error.message };
  }
}

async function asked({ folders, told }: Agent): Promise<Seen> {
  const { failed, archived, newest, oldest, count, bytes } = await askDatabase(folders);
  const problems: string[] = [];
  if (failed) problems.push('the last push failed');
  if (oldest > oldestReadySeconds) {
    problems.push(`${count} WAL files wait, the oldest for ${oldest.toFixed(0)} s`);
  } else if (await wasGivenUp(folders.database, told.stanza, newest)) {
    problems.push(`WAL ${newest} was given up: more waited than the volume may hold`);
  }
  return {
    archiveFailing: problems.length > 0,
    archiveError: problems.length > 0 ? problems.join('; ') : null,
    oldestReadySeconds: rounded(oldest),
    readyFiles: count,
    walBytes: bytes,
    ...(archived !== null && { lastArchivedAt: momentText(fromEpoch(archived)) }),
  };
}

/**
 * Postgres takes a WAL file that was given up for archived. The local repository is asked, which does not hang, and has all that
 * was pushed.
 */
export async function wasGivenUp(database: string, stanza: string | null, newest: string | null): Promise<boolean> {
  if (newest === null || !/^[0-9A-F]{24}$/.test(newest)) return false;
  const archive = join(localRepository(database), 'archive', String(stanza));
  const systems = await namesIn(archive);
  if (systems === undefined) return false;
  for (const system of systems) {
    const files = (await namesIn(join(archive, system, newest.slice(0, 16)))) ?? [];
    if (files.some((name) => name.startsWith(`${newest}-`))) return false;
  }
  return true;
}

/** Undefined where there is no such folder. */
async function namesIn(folder: string): Promise<string[] | undefined> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  }
}

/** What waited too long is given up, and then it looks as if it had arrived: only `gaps` says that archiving is mended. */
export function recordLook(known: Status, { told, clock }: Pick<Agent, 'told' | 'clock'>, seen: Seen): void {
  followHistory(known, told.stanza);
  known.archiveLook = noted(clock.awake());
  const now = momentText(clock.now());
  if (seen.archiveFailing) {
    const since = known.archiveFailingSince ?? now;
    Object.assign(known, seen, { archiveFailingSince: since, archiveMendedAt: null });
  } else if (known.archiveFailing) {
    const mended = known.archiveMendedAt ?? now;
    Object.assign(known, seen, { archiveFailing: true, archiveError: looking, archiveMendedAt: mended });
  } else {
    Object.assign(known, seen, { archiveFailingSince: null });
  }
}
