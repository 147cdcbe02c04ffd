/**
 * Proves a backup: restores it beside the running database, replays all WAL there is, and looks at every page and at what the
 * user asserts. What was never restored is a hope, not a backup.
 */

import { join } from 'node:path';
import { failure, isFailure } from '../../failure.ts';
import { patientSeconds } from '../../lock.ts';
import { momentText } from '../../moments.ts';
import { endedBy } from '../../programs.ts';
import type { Agent, Progress, Repository } from '../agent.ts';
import type { Proof } from '../contract.ts';
import { wantedBackups } from '../due.ts';
import { addProof, noting } from '../proofs.ts';
import { archiveOf, stanzaOf } from './histories.ts';
import { nothingFound, problemsOf, restoreAndCheck, type Measured } from './prove.ts';
import type { Backup } from './said.ts';
import { before, gaps, gapText, nameOf, parse } from './wal.ts';
import { worldOf, type World } from './world.ts';

/** The data, and the WAL that is replayed into it. */
const room = 1.2;

export interface DrillOptions {
  /** By number; the last unless given. */
  repo?: number | undefined;
  /** The newest unless given. */
  label?: string | undefined;
}

/** Of one history, which the status keeps beside it. */
export type StanzaProof = Proof & { stanza: string };

/** What is drilled. */
export interface Subject {
  stanza: string;
  repository: Repository;
  backup: Backup;
}

export const runDrill = (agent: Agent, options: DrillOptions, progress: Progress): Promise<StanzaProof> =>
  drill(worldOf(agent), options, progress);

/** A backup that can't be proved is recorded like one that can: the newest proof must not hide it. */
export async function drill(
  world: World,
  { repo, label }: DrillOptions,
  progress: Progress,
  provedBy: typeof prove = prove,
): Promise<StanzaProof> {
  const stanza = stanzaOf(world.told);
  return endedBy(await givesWayToAGap(world), () =>
    world.lock.untilARestoreWaits(patientSeconds, progress, async () => {
      const repository = chosenRepository(world, repo);
      const backup = await chosenBackup(world, stanza, repository, label);
      const proof = await provedBy(world, { stanza, repository, backup }, progress);
      await world.status.update((known) => addProof(known, proof));
      if (proof.ok) return proof;
      const problems = proof.problems.join('\n');
      throw failure('drill-failed', `${backup.label} of repository ${repository.number}: ${problems}`);
    }),
  );
}

/**
 * What is written before a new backup is lost with the machine, and a drill takes hours. Only for one that is wanted since the
 * drill began, or began to wait: another one may be tried for days, in a repository that is away.
 */
async function givesWayToAGap({ status }: Pick<Agent, 'status'>): Promise<() => Promise<void>> {
  const known = wantedBackups(await status.read());
  return async () => {
    const isNew = [...wantedBackups(await status.read())].some((number) => !known.has(number));
    if (!isNew) return;
    const what = 'the drill was ended, because WAL is missing in an archive and a new backup comes first';
    throw failure('stopped', what, 'horme backup drill, after the backup');
  };
}

/** The last unless told: the one that is off this machine, since it is what is left when the machine is not. */
function chosenRepository({ told: { repositories } }: World, wanted: number | undefined): Repository {
  const found = repositories.findLast(({ number }) => wanted === undefined || number === wanted);
  if (found) return found;
  throw failure('no-such-repository', `there is no repository ${wanted}; there are ${repositories.length}`);
}

async function chosenBackup(
  { repositories }: World,
  stanza: string,
  { number }: Repository,
  label: string | undefined,
): Promise<Backup> {
  const known = await repositories.history(number, stanza);
  const found = known?.backups.findLast((one) => label === undefined || one.label === label);
  if (found) return found;
  const named = label === undefined ? 'no backup yet' : `no backup ${label}`;
  throw failure('no-backup', `repository ${number} has ${named} of ${stanza}`, 'horme backup now');
}

export async function prove(world: World, subject: Subject, progress: Progress): Promise<StanzaProof> {
  const { scratch, folders, clock } = world;
  const { stanza, repository, backup } = subject;
  const at = momentText(clock.now());
  const places = { data: join(folders.scratch, 'data'), log: join(folders.scratch, 'postgres.log') };
  await scratch.remove(places.data);
  await scratch.needRoom(folders.scratch, backup.databaseBytes * room);
  const found = nothingFound();
  const measured: Partial<Measured> = {};
  try {
    await noting(found.unread, '', () => restoreAndCheck(world, subject, places, { measured, found, progress }));
  } finally {
    // What a process that was ended still writes goes before the next drill.
    await scratch.remove(places.data).catch((error: unknown) => {
      if (!(error instanceof Error && 'syscall' in error)) throw error;
    });
  }
  const problems = [...(await missing(world, subject, found.damage.length > 0)), ...problemsOf(found)];
  const told = { at, stanza, label: backup.label, repository: repository.number };
  return { ...told, ...nothingMeasured, ...measured, ok: problems.length === 0, problems };
}

const nothingMeasured: Measured = {
  seconds: null,
  restoreSeconds: null,
  replaySeconds: null,
  checkSeconds: null,
  bytes: null,
  secondsPerGibibyte: null,
  newestTransactionAt: null,
  newestTransactionAgeSeconds: null,
};

/**
 * Asks the repository once more for the WAL that is missing. Where it is away, what the drill found proves nothing either way,
 * and the drill is repeated, unless there is damage.
 */
async function missing(world: World, subject: Subject, isDamaged: boolean): Promise<string[]> {
  try {
    return await missingWal(world, subject);
  } catch (error) {
    if (!isFailure(error) || error.code === 'stopped' || !isDamaged) throw error;
    return [error.message];
  }
}

async function missingWal({ repositories }: World, { stanza, repository, backup }: Subject): Promise<string[]> {
  const archive = await archiveOf(repositories, repository.number, stanza);
  return gaps(archive, parse(backup.walStart)).map((gap) => {
    const last = before(gap, archive);
    const reach = last ? `nothing after ${nameOf(last)}` : 'nothing';
    return `WAL ${gapText(gap)} is missing: ${reach} can be restored`;
  });
}
