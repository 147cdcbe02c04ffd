/** The work of a drill: restores a backup, replays its WAL, looks at what came of it, and measures how long each takes. */

import { isFailure } from '../../failure.ts';
import { epochSeconds, fromEpoch, momentText, parseMoment, rounded } from '../../moments.ts';
import type { Progress, Repository, Told } from '../agent.ts';
import type { Proof } from '../contract.ts';
import { noting, rtoSeconds } from '../proofs.ts';
import { archiveOf } from './histories.ts';
import { restoreBackup } from './restore-backup.ts';
import type { Backup } from './said.ts';
import type { Server } from './server.ts';
import { compare, nameOf, newestOf, type Segment } from './wal.ts';
import type { Scratch, World } from './world.ts';

const assertionSeconds = 600;
const gibibyte = 2 ** 30;

/** The figures of a proof, each once it is known. */
export type Measured = Omit<Proof, 'at' | 'repository' | 'ok' | 'problems' | 'label'>;

/** What is wrong. */
export interface Found {
  /** May be the repository's absence: what could not be restored, and WAL that could not be replayed. */
  unread: string[];
  damage: string[];
  /** Assertions, which may fail for WAL that is unread. */
  failed: string[];
}

export const nothingFound = (): Found => ({ unread: [], damage: [], failed: [] });

export const problemsOf = ({ unread, damage, failed }: Found): string[] => [...unread, ...damage, ...failed];

/** Filled in as it is known, since the work may end in the middle. */
export interface Ledger {
  measured: Partial<Measured>;
  found: Found;
  progress: Progress;
}

export async function restoreAndCheck(
  world: World,
  { stanza, repository, backup }: { stanza: string; repository: Repository; backup: Backup },
  { data, log }: { data: string; log: string },
  { measured, found, progress }: Ledger,
): Promise<void> {
  const { scratch } = world;
  const now = (): number => world.clock.awake().steady;
  // Before the restore: what arrives later need not be in it.
  const newest = newestOf(await archiveOf(world.repositories, repository.number, stanza));
  progress(`${backup.label} of repository ${repository.number} is restored`);
  const started = now();
  await restoreBackup(world, { stanza, number: repository.number, label: backup.label, folder: data });
  measured.restoreSeconds = rounded(now() - started);
  measured.bytes = await scratch.sizeOf(data);
  progress('WAL is replayed');
  const checking = await scratch.running(data, log, progress, async (server) => {
    Object.assign(measured, recovered(now() - started, measured.restoreSeconds ?? 0));
    Object.assign(
      measured,
      ageOf((await scratch.newestTransaction(server)) ?? momentText(fromEpoch(backup.ended)), world),
    );
    found.unread.push(...notReached(newest, await scratch.replayedTo(data), await scratch.complaints(server)));
    // First: what follows is timed, and a restore asks no assertions.
    found.failed.push(...(await failedAssertions(scratch, world.told, server)));
    const began = now();
    progress('tables and indexes are checked');
    found.damage.push(...(await damageOf(scratch, server, world.told.databaseName)));
    return began;
  });
  progress('pages are checked');
  found.damage.push(...(await scratch.checksums(data)));
  const checkSeconds = rounded(now() - checking);
  const whole = rtoSeconds({ seconds: measured.seconds ?? 0, checkSeconds }) ?? 0;
  Object.assign(measured, { checkSeconds, secondsPerGibibyte: rounded(whole / (measured.bytes / gibibyte)) });
}

/** At the end of recovery: how long until it takes queries again. */
const recovered = (seconds: number, restoreSeconds: number) => ({
  seconds: rounded(seconds),
  replaySeconds: rounded(seconds - restoreSeconds),
});

/** How old the newest of what it then has is. WAL that arrived since the drill began was replayed too, so it counts from now. */
function ageOf(newest: string, { clock }: World) {
  const age = epochSeconds(clock.now()) - epochSeconds(parseMoment(newest));
  return { newestTransactionAt: newest, newestTransactionAgeSeconds: rounded(Math.max(0, age)) };
}

/** What a restore looks at too before it gives a database back; a table that can't be counted is damaged. */
async function damageOf(scratch: Scratch, server: Server, database: string): Promise<string[]> {
  const found = await scratch.amcheck(server);
  await noting(found, '', () => scratch.rows(server, database, { damaged: false }));
  return found;
}

/** WAL that the archive has and recovery did not use. */
export function notReached(newest: Segment | undefined, reached: Segment | undefined, complaints: string[]): string[] {
  if (!newest || !reached || compare(reached, newest) >= 0) return [];
  const said = complaints.length > 0 ? ` (${complaints.slice(-4).join(' / ')})` : '';
  return [`WAL after ${nameOf(reached)} can't be read, though the archive has ${nameOf(newest)}${said}`];
}

async function failedAssertions(
  scratch: Scratch,
  { assertions, databaseName }: Told,
  server: Server,
): Promise<string[]> {
  const failed: string[] = [];
  for (const { sql, expected, line } of assertions) {
    const answer = await scratch.query(server, databaseName, sql, assertionSeconds).catch((error: unknown) => {
      if (!isFailure(error) || error.code === 'stopped') throw error;
      return error.message;
    });
    if (answer !== expected) failed.push(`assertion of line ${line}: ${sql} is '${answer}', expected '${expected}'`);
  }
  return failed;
}
