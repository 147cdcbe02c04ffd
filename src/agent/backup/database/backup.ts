/** Takes backups. */

import { failure, isFailure } from '../../failure.ts';
import { mebibytes } from '../../folder.ts';
import { epochSeconds, fromEpoch, momentText, parseMoment, rounded, secondsBetween, stopwatch } from '../../moments.ts';
import { nice } from '../../programs.ts';
import type { BackupAnswer, BackupType, Taken } from '../contract.ts';
import { named, type Agent, type Progress, type Repository } from '../agent.ts';
import { expireAfterBackup } from '../record.ts';
import type { Status } from '../known.ts';
import { patientSeconds } from '../../lock.ts';
import { daySeconds, expire } from './expiry.ts';
import { stanzaOf } from './histories.ts';
import { walSeconds } from './pgbackrest.ts';
import { goodOf, type Backup } from './said.ts';
import { knownStanza, makeReady } from './set-up.ts';
import { ownEntry, recordSuccess } from './remembered.ts';
import { worldOf, type World } from './world.ts';

const fullEverySeconds = 7 * daySeconds;
/** A terabyte over a slow line. What hangs ends earlier, by pgBackRest's own deadlines. */
const backupSeconds = 24 * 3600;
/** For a backup whose name, which is its time, would not be the newest. */
const notLater = 'is not later than latest backup label';
/** What has just begun to fail may go again by itself. */
const archiveGraceSeconds = 60;
const littleRoom = 0.05;

export interface BackupOptions {
  /** As it is due unless given. */
  type?: BackupType | undefined;
  /** By number; all unless any are given. */
  repositories?: readonly number[] | undefined;
}

export const runBackup = (agent: Agent, options: BackupOptions, progress: Progress): Promise<BackupAnswer> =>
  backUpAll(worldOf(agent), options, progress);

/** A repository that fails keeps no other from its backup; the result is an error that names it. */
export async function backUpAll(
  world: World,
  { type, repositories: chosen }: BackupOptions,
  progress: Progress,
): Promise<BackupAnswer> {
  const { told, status, clock, lock } = world;
  const stanza = stanzaOf(told);
  const waits = archiveWait(await status.read(), clock.now());
  if (waits !== undefined) progress(waits);
  const taken: Taken[] = [];
  const wrong: string[] = [];
  await lock.oneAtATime(patientSeconds, progress, async () => {
    for (const repository of told.repositories) {
      if (chosen?.length && !chosen.includes(repository.number)) continue;
      try {
        taken.push(await backUp(world, stanza, repository, type, progress));
      } catch (error) {
        if (!isFailure(error) || error.code === 'stopped') throw error;
        const message = error.message + (await littleRoomIn(world, repository));
        wrong.push(`${named(repository)}: ${message}`);
        await recordFailure(world, repository, message);
      }
    }
  });
  if (wrong.length > 0) throw failure('backup-failed', wrong.join('\n'));
  return { stanza, repositories: taken };
}

/** Pure. Said before the waiting: a backup ends when its own WAL has arrived, and takes minutes to give that up. */
export function archiveWait({ archiveFailingSince: since }: Status, now: Date): string | undefined {
  if (!since || secondsBetween(parseMoment(since), now) < archiveGraceSeconds) return undefined;
  return `archiving fails since ${since}: the backup waits up to ${walSeconds / 60} minutes for its WAL`;
}

/** A full disk of the local repository may show as WAL that does not arrive, which names no disk. */
export async function littleRoomIn({ scratch, folders }: World, { kind }: Repository): Promise<string> {
  if (kind !== 'local') return '';
  const { freeBytes, totalBytes } = await scratch.roomOf(folders.database);
  return freeBytes < littleRoom * totalBytes ? `; its disk has ${mebibytes(freeBytes)} MiB free` : '';
}

async function backUp(
  world: World,
  stanza: string,
  repository: Repository,
  wanted: BackupType | undefined,
  progress: Progress,
): Promise<Taken> {
  const { status, told, clock } = world;
  const elapsed = stopwatch();
  const before = await makeReady(world, stanza, repository);
  const hadNone = before === undefined || before.backups.length === 0;
  const lost = hadNone ? await recordLoss(world, repository) : undefined;
  if (lost !== undefined) progress(`${named(repository)}: ${lost}`);
  const good = before ? goodOf(before) : [];
  const type = wanted ?? dueType(good, epochSeconds(clock.now()));
  progress(`${named(repository)}: ${type} backup`);
  const newest = await takenBackup(world, stanza, repository.number, type);
  const seconds = rounded(elapsed());
  const taken = { newest, oldest: good[0] ?? newest, seconds, now: clock.now() };
  await status.update((known) => recordSuccess(known, told, repository, taken));
  progress(`${named(repository)}: ${newest.label} in ${seconds} s`);
  const entry = (known: Status) => ownEntry(known, told, repository);
  const expireHere = () => expire(world, stanza, repository.number, newest, progress);
  await expireAfterBackup(world, named(repository), entry, expireHere, progress);
  return resultOf(repository.number, newest, seconds);
}

const resultOf = (repository: number, newest: Backup, seconds: number): Taken => ({
  repository,
  label: newest.label,
  type: newest.type,
  seconds,
  databaseBytes: newest.databaseBytes,
  repositoryBytes: newest.repositoryBytes,
  error: newest.error,
});

async function takenBackup({ repositories }: World, stanza: string, number: number, type: BackupType): Promise<Backup> {
  const newest = async (): Promise<Backup> => {
    const found = (await knownStanza(repositories, stanza, number))?.backups.at(-1);
    if (found) return found;
    throw failure('backup-missing', 'pgbackrest said that it took a backup, and lists none');
  };
  try {
    const how = { stanza, repository: number, seconds: backupSeconds, nice };
    await repositories.call('backup', [`--type=${type}`], how);
  } catch (error) {
    if (!isFailure(error) || !error.message.includes(notLater)) throw error;
    const ended = momentText(fromEpoch((await newest()).ended));
    const why = `the newest backup is of ${ended}, which is still to come: the clock is or was wrong`;
    throw failure('clock-behind', `${why}. Set the machine's clock; backups go on after that time`, undefined, error);
  }
  return newest();
}

function dueType(good: readonly Backup[], now: number): BackupType {
  const newestFull = good.reduce((newest, { type, ended }) => (type === 'full' ? Math.max(newest, ended) : newest), 0);
  // An hour's grace: a backup takes a different time each night, and a weekly full should stay on its day.
  return now - newestFull > fullEverySeconds - 3600 ? 'full' : 'diff';
}

async function recordFailure({ status, told, clock }: World, repository: Repository, message: string): Promise<void> {
  const failed = { lastError: message, lastFailureAt: momentText(clock.now()) };
  await status.update((known) => void Object.assign(ownEntry(known, told, repository), failed));
}

/** Where a repository without a backup is known to have had some: the next one would hide that they are gone. */
async function recordLoss({ status, told, clock }: World, repository: Repository): Promise<string | undefined> {
  const { lastBackupAt: to, oldestBackupAt } = ownEntry(await status.read(), told, repository);
  if (!to) return undefined;
  const from = oldestBackupAt ?? to;
  const lost = { foundAt: momentText(clock.now()), from, to };
  const gone = { historyLost: lost, lastBackupAt: null, oldestBackupAt: null };
  await status.update((known) => void Object.assign(ownEntry(known, told, repository), gone));
  return `its backups from ${from} to ${to} are gone: it was emptied, or is another one now`;
}
