import { dumped as databaseDump, type Restored } from '../../agent/backup/contract.ts';
import { ask, database, dataFolder, primaryMember, releasedDatabase, socketFolder } from '../database/index.ts';
import { OperatorError, exitCodes } from '../../errors.ts';
import type { ReleaseContent } from '../../release/release.ts';
import type { Session } from '../../deploy/session.ts';
import { versionWords } from './history.ts';
import { backupService } from './names.ts';
import { askOnce } from './one-off.ts';
import { memberMounts, restoreIn, type RestoreWish } from './restore.ts';

/** Limit for the import, the same as for a restore; seconds. */
const readSeconds = 24 * 3600;
/** Temporary name of the database during the import. */
const filling = 'horme_restoring';
const namePattern = /^[a-z_][a-z0-9_]{0,62}$/;

/**
 * Restores as another database of the same server, to look at it or to copy a table. Production's database is not
 * touched.
 */
export async function restoreAsDatabase(
  session: Session,
  content: ReleaseContent,
  wish: RestoreWish,
  name: string,
): Promise<Restored> {
  const { engine, compose, stack, emit } = session;
  if (!namePattern.test(name) || name === filling) throw notName(name);
  const primary = await primaryMember(engine, stack.project);
  const taken = await ask(engine, primary.container, `SELECT count(*) FROM pg_database WHERE datname = '${name}'`);
  if (taken !== '0') throw exists(name);
  await roomFor(session, primary.container, { name, size: sizeOf(wish) });
  const restored = await restoreIn(session, content, wish, primary.service);
  const say = (text: string) => emit({ kind: 'note', text });
  const words = [
    'dump',
    '--member',
    primary.service,
    ...versionWords(wish.history, releasedDatabase(content)?.version),
  ];
  const dumped = await askOnce<{ file: string }>(
    { compose, project: stack.project },
    content,
    { service: backupService, mounts: memberMounts([primary.service]), words, answer: databaseDump },
    say,
  );
  say(`${name} is filled on ${primary.service}`);
  await fill(session, primary.container, { name, size: restored.bytes }, `${dataFolder}/${dumped.file}`);
  return restored;
}

/** Size of the backup at which the restore begins, so that a lack of room is reported at once and not after hours. */
export function sizeOf({ target, history }: Pick<RestoreWish, 'target' | 'history'>): number {
  const all = history.repositories.flatMap(({ backups }) => backups);
  const fitting = all.filter(({ label, endedAt }) => {
    if (target.kind === 'time') return Date.parse(endedAt) < target.at.getTime();
    return target.kind === 'latest' || label === target.label;
  });
  return fitting.sort((a, b) => Date.parse(b.endedAt) - Date.parse(a.endedAt))[0]?.databaseBytes ?? 0;
}

/**
 * Checks the disk of production's data, which usually holds the other members too: a full disk would stop all of them.
 */
async function roomFor(
  { engine, stack }: Session,
  container: string,
  { name, size }: { name: string; size: number },
): Promise<void> {
  const { members } = await database(engine, stack.project);
  const limit = Number(await ask(engine, container, "SELECT pg_size_bytes(current_setting('max_wal_size'))"));
  const { output } = await engine.exec(container, ['df', '--block-size=1', '--output=avail', dataFolder]);
  const free = Number(output.trim().split('\n').at(-1));
  const needed = roomNeeded(members.length, size, limit);
  if (free < needed) throw noRoom(name, needed, free);
}

/** Each member stores the new database and its WAL, of which up to `max_wal_size` is kept. */
export const roomNeeded = (members: number, size: number, walLimit: number): number =>
  members * (size + Math.min(size, walLimit));

/**
 * Imports under a temporary name and renames when complete, so that a database of the final name has all data. First
 * drops what a killed run has left.
 */
async function fill(
  session: Session,
  container: string,
  { name, size }: { name: string; size: number },
  file: string,
): Promise<void> {
  const { engine, signal } = session;
  const place = [`--host=${socketFolder}`, '--username=postgres'];
  try {
    await roomFor(session, container, { name, size });
    await ask(engine, container, `DROP DATABASE IF EXISTS ${filling} WITH (FORCE)`);
    await ask(engine, container, `CREATE DATABASE ${filling} OWNER owner`);
    const words = ['pg_restore', ...place, `--dbname=${filling}`, '--exit-on-error', file];
    const { exitCode, output } = await engine.exec(container, words, { deadlineSeconds: readSeconds, signal });
    if (exitCode === 0) await ask(engine, container, `ALTER DATABASE ${filling} RENAME TO "${name}"`);
    else {
      await ask(engine, container, `DROP DATABASE ${filling}`);
      throw notRead(name, output);
    }
  } finally {
    await engine.exec(container, ['rm', '-f', file]);
  }
}

const notRead = (name: string, output: string) =>
  new OperatorError(`the restored data could not be read into ${name}`, {
    code: 'restore-as-failed',
    exitCode: exitCodes.checkFailed,
    lastSeen: output.trim().slice(-2000),
    next: 'horme db psql',
  });

const mebibytes = (size: number) => Math.ceil(size / 2 ** 20);

const noRoom = (name: string, needed: number, free: number) =>
  new OperatorError(
    `${mebibytes(needed)} MiB are needed to fill ${name} in all members, and ${mebibytes(free)} MiB are free`,
    {
      code: 'no-room',
      exitCode: exitCodes.checkFailed,
      next: "make room on the engine's disk: horme db drop-former, docker volume ls; then run the same command again",
    },
  );

const notName = (name: string) =>
  new OperatorError(`"${name}" is not a name for a database`, {
    code: 'database-name',
    exitCode: exitCodes.usage,
    next: 'lower-case letters, digits and _, such as --as yesterday',
  });

const exists = (name: string) =>
  new OperatorError(`there is a database ${name} already`, {
    code: 'database-exists',
    exitCode: exitCodes.usage,
    next: 'another name, or drop it: horme db psql',
  });
