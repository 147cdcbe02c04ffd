import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { intervalSeconds, parseSchedule } from '../../../schedule.ts';
import { failure } from '../../failure.ts';
import { needRoom } from '../../folder.ts';
import { flushed, removeGently } from '../../gently.ts';
import { patientSeconds } from '../../lock.ts';
import { momentText, rounded, stopwatch } from '../../moments.ts';
import { niceOfDrills } from '../../programs.ts';
import { named, type Agent, type Progress, type Repository, type Told } from '../agent.ts';
import type { FilesProof } from '../contract.ts';
import { addProof, newestProofs, noting } from '../proofs.ts';
import { archivedSizes } from './archive.ts';
import { checkedFolder, readAllSeconds, readNodes } from './reading.ts';
import { freeRepository, restic } from './restic.ts';
import { repositoriesOf, snapshotsOf, type Snapshot } from './snapshots.ts';
import { titleOf, wantedSources, type Source } from './sources.ts';

// Proves the backups of files. What a recovery begins with, the state, and the cache are written out whole. Volumes may have
// terabytes: each drill reads a part of all that the repository has, and goes on where the one before it ended.

/** Of a drill each few hours: what is read costs traffic. */
const mostParts = 30;
/** An entry's head and the rest of its last block, and as much again for a long name. */
const archiveBytesAFile = 2 << 10;
const daySeconds = 24 * 3600;

/** Of the last repository unless told, as the database's. What proves nothing is recorded like what does. */
export async function drillFiles(
  agent: Agent,
  { repo }: { repo?: number | undefined },
  progress: Progress,
): Promise<FilesProof> {
  const repository = repositoriesOf(agent.told, repo === undefined ? undefined : [repo]).at(-1)!;
  const proof = await agent.lock.untilARestoreWaits(patientSeconds, progress, async () => {
    const found = await prove(agent, repository, progress);
    await agent.status.update((known) => addProof(known, found));
    return found;
  });
  if (proof.ok) return proof;
  throw failure('drill-failed', `the files of ${named(repository)}: ${proof.problems.join('\n')}`);
}

/**
 * Which part, and of how many, so that drills by the schedule read everything within `keep`. Where something was wrong, the same
 * again: the next part may be sound, and its proof would hide what is still damaged.
 */
export function nextPart(
  { drillSchedule, keepDays }: Pick<Told, 'drillSchedule' | 'keepDays'>,
  last: Pick<FilesProof, 'ok' | 'part' | 'parts'> | undefined,
  now: Date,
): { part: number; parts: number } {
  if (last && !last.ok) return { part: last.part, parts: last.parts };
  const every = intervalSeconds(parseSchedule(drillSchedule), now);
  const drills = every === undefined ? mostParts : Math.max(1, Math.floor((keepDays * daySeconds) / every));
  const parts = Math.min(mostParts, drills);
  return { part: last ? (last.part % parts) + 1 : 1, parts };
}

async function prove(agent: Agent, repository: Repository, progress: Progress): Promise<FilesProof> {
  const seconds = stopwatch();
  const where = named(repository);
  const last = newestProofs(await agent.status.read(), null).get(repository.number);
  const now = agent.clock.now();
  const { part, parts } = nextPart(agent.told, last && 'part' in last ? last : undefined, now);
  const drill: Drill = { agent, repository, restored: [], restoreSeconds: 0 };
  const problems: string[] = [];
  // One that can't be asked proves nothing either way, and is asked again.
  await freeRepository(agent, repository);
  const found = await snapshotsOf(agent, repository);
  for (const source of await wantedSources(agent)) {
    await noting(problems, `${titleOf(source)}: `, async () => {
      progress(`${where}: ${titleOf(source)} is looked at`);
      await proveSource(drill, newestSnapshot(found, source), source);
    });
  }
  await noting(problems, '', () => {
    progress(`${where}: part ${part} of ${parts} of all is read`);
    return readPart(agent, repository, part, parts);
  });
  // They may be its absence, which proves nothing either way; damage is found again.
  if (problems.length > 0) await snapshotsOf(agent, repository);
  return {
    at: momentText(now),
    repository: repository.number,
    kind: repository.kind,
    seconds: rounded(seconds()),
    restoreSeconds: rounded(drill.restoreSeconds),
    restored: drill.restored,
    part,
    parts,
    problems,
    ok: problems.length === 0,
  };
}

interface Drill {
  agent: Agent;
  repository: Repository;
  restored: FilesProof['restored'];
  restoreSeconds: number;
}

function newestSnapshot(found: Snapshot[], source: Source): Snapshot {
  const newest = found.filter(({ kind, name }) => kind === source.kind && name === source.name).at(-1);
  if (newest === undefined) throw failure('no-snapshot', 'there is no snapshot of it', 'horme backup now');
  return newest;
}

async function proveSource(drill: Drill, snapshot: Snapshot, { kind, folders }: Source): Promise<void> {
  for (const folder of folders) await checkedFolder(drill.agent, drill.repository, snapshot, folder, niceOfDrills);
  if (kind === 'volume') return;
  const seconds = stopwatch();
  await restoreIntoNowhere(drill, snapshot);
  drill.restoreSeconds += seconds();
  drill.restored.push(kind);
}

async function restoreIntoNowhere({ agent, repository }: Drill, snapshot: Snapshot): Promise<void> {
  const folder = join(agent.folders.files, 'drill');
  await removeGently(folder);
  await needRoom(agent.folders.files, snapshot.bytes + snapshot.files * archiveBytesAFile);
  await mkdir(folder, { mode: 0o700 });
  try {
    await writeOut(agent, repository, snapshot, join(folder, 'content.tar'));
  } finally {
    // It has passwords in it; what an ended restic leaves goes before the next drill.
    await removeGently(folder).catch(() => undefined);
  }
}

/**
 * Into an archive: this container may give no file to another user, and `restic restore` checks nothing where it can't. restic
 * ends a dump early and well when it can't read a folder, so that what arrived is compared with the list.
 */
async function writeOut(agent: Agent, repository: Repository, snapshot: Snapshot, archive: string): Promise<void> {
  const dump = ['dump', '--target', archive, snapshot.id, '/'];
  const options = { seconds: readAllSeconds, nice: niceOfDrills };
  await flushed(dirname(archive), 'restic', () => restic(agent, repository, dump, options));
  const listed: number[] = [];
  const note = (node: { type?: string; size?: number }): void => {
    if (node.type === 'file') listed.push(node.size ?? 0);
  };
  await readNodes(agent, repository, snapshot, note, niceOfDrills);
  if (areSame(await archivedSizes(archive), listed)) return;
  throw failure('snapshot-damaged', `not all of snapshot ${snapshot.id.slice(0, 8)} comes back`);
}

function areSame(some: number[], others: number[]): boolean {
  const sorted = (sizes: number[]): string => sizes.toSorted((a, b) => a - b).join();
  return sorted(some) === sorted(others);
}

/** Without restic's lock, which would keep a restore of files out meanwhile: ours keeps `prune` away. */
async function readPart(agent: Agent, repository: Repository, part: number, parts: number): Promise<void> {
  const words = ['check', '--no-lock', `--read-data-subset=${part}/${parts}`];
  await restic(agent, repository, words, { seconds: readAllSeconds, nice: niceOfDrills });
}
