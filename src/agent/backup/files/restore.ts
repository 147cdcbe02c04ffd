import { chmod, chown } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { failure, isFailure } from '../../failure.ts';
import { isFolder, isOwnFolder } from '../../folder.ts';
import { patientSeconds } from '../../lock.ts';
import { momentText, rounded, stopwatch } from '../../moments.ts';
import { nice } from '../../programs.ts';
import { named, type Agent, type Progress, type Repository } from '../agent.ts';
import type { Differences, FilesRestored, SnapshotsAnswer } from '../contract.ts';
import { intoAppendOnlyFile } from './cache.ts';
import { compareFolder, noteNode, type Tree } from './differences.ts';
import { checkedFolder, readAllSeconds, readNodes, type Node } from './reading.ts';
import { restic, type Message } from './restic.ts';
import { chooseSnapshot, snapshotFields, snapshotsOf, type Choice, type Chosen } from './snapshots.ts';
import { cacheDump, cacheFolder, edgeFolder, stateFolder, volumeFolder } from './sources.ts';

export const restoredKinds = ['volume', 'state', 'edge', 'cache'] as const;

export interface Wanted extends Choice {
  kind: (typeof restoredKinds)[number];
}

/** Go's own bits for what chmod has below 0o1000: https://pkg.go.dev/io/fs#FileMode */
const goSpecialBits = [
  { go: 1 << 23, chmod: 0o4000 },
  { go: 1 << 22, chmod: 0o2000 },
  { go: 1 << 20, chmod: 0o1000 },
];

export async function listSnapshots(agent: Agent, progress: Progress): Promise<SnapshotsAnswer> {
  const snapshots = [];
  const problems = [];
  for (const repository of agent.told.repositories) {
    try {
      snapshots.push(...(await snapshotsOf(agent, repository)).map(snapshotFields));
    } catch (error) {
      if (!isFailure(error)) throw error;
      progress(error.message);
      problems.push({ repository: repository.number, code: error.code, message: error.message });
    }
  }
  return { snapshots, problems };
}

/** Reads everything. Under our lock and not restic's, which keeps out whoever would restore files meanwhile. */
export async function verifySnapshots(agent: Agent, progress: Progress): Promise<{ problems: string[] }> {
  const problems: string[] = [];
  await agent.lock.oneAtATime(patientSeconds, progress, async () => {
    for (const repository of agent.told.repositories) {
      progress(`${named(repository)}: everything is read`);
      problems.push(...(await damageIn(agent, repository)));
    }
  });
  if (problems.length > 0) throw failure('verification-failed', problems.join('; '));
  return { problems };
}

async function damageIn(agent: Agent, repository: Repository): Promise<string[]> {
  try {
    await restic(agent, repository, ['check', '--no-lock', '--read-data'], { seconds: readAllSeconds, nice });
    return [];
  } catch (error) {
    if (!isFailure(error)) throw error;
    return [error.message];
  }
}

/** The content of the source's folder, into the folder `into`. Safe to repeat; what else is there stays. */
export async function restoreFiles(
  agent: Agent,
  wanted: Wanted & { into: string },
  progress: Progress,
): Promise<FilesRestored> {
  const into = await checkedTarget(agent, wanted.into);
  return ofTheChosen(agent, wanted, progress, async (chosen) => {
    const folder = folderOf(agent, wanted);
    const root = await checkedFolder(agent, chosen.repository, chosen.snapshot, folder);
    const seconds = stopwatch();
    const summary = await broughtInto(agent, chosen, folder, into, progress);
    if (wanted.kind === 'cache') await intoAppendOnlyFile(agent, join(into, cacheDump), into);
    else await ownAs(into, root);
    return {
      snapshot: chosen.snapshot.id,
      repository: chosen.repository.number,
      at: momentText(chosen.snapshot.at),
      incomplete: chosen.snapshot.incomplete,
      files: summary.total_files ?? 0,
      bytes: summary.total_bytes ?? 0,
      seconds: rounded(seconds()),
    };
  });
}

/** What was added, changed and removed in a volume since a snapshot. */
export async function diffFiles(
  agent: Agent,
  wanted: Wanted,
  progress: Progress,
): Promise<Differences & { snapshot: string; at: string }> {
  const folder = folderOf(agent, wanted);
  if (!(await isFolder(folder))) {
    throw failure('source-missing', `${folder} is not there: only what is mounted can be compared`);
  }
  return ofTheChosen(agent, wanted, progress, async ({ repository, snapshot }) => {
    const then: Tree = new Map();
    await readNodes(agent, repository, snapshot, (node) => noteNode(then, node, folder));
    return { snapshot: snapshot.id, at: momentText(snapshot.at), ...(await compareFolder(then, folder)) };
  });
}

/** Where the chosen one is gone by then, of another one: a snapshot that is marked incomplete gets a new id. */
async function ofTheChosen<T>(
  agent: Agent,
  wanted: Wanted,
  progress: Progress,
  work: (chosen: Chosen) => Promise<T>,
): Promise<T> {
  const chosen = await choose(agent, wanted, progress);
  try {
    return await work(chosen);
  } catch (error) {
    if (!isFailure(error, 'repository-failed')) throw error;
    const left = await snapshotsOf(agent, chosen.repository);
    if (left.some(({ id }) => id === chosen.snapshot.id)) throw error;
  }
  return work(await choose(agent, wanted, progress));
}

/** State and edge are in one snapshot: a release needs both as they were. */
async function choose(agent: Agent, wanted: Wanted, progress: Progress): Promise<Chosen> {
  const kind = wanted.kind === 'edge' ? 'state' : wanted.kind;
  const chosen = await chooseSnapshot(agent, wanted, kind, progress);
  const { id, at } = chosen.snapshot;
  progress(`${named(chosen.repository)}: snapshot ${id.slice(0, 8)} of ${momentText(at)}`);
  return chosen;
}

function folderOf({ folders }: Agent, { kind, name }: Wanted): string {
  switch (kind) {
    case 'state':
      return stateFolder(folders);
    case 'edge':
      return edgeFolder(folders);
    case 'cache':
      return cacheFolder(folders);
    case 'volume':
      if (name === undefined) throw failure('usage', '--kind volume needs --name');
      return volumeFolder(folders, name);
  }
}

async function checkedTarget({ folders: { targets } }: Agent, into: string): Promise<string> {
  if (dirname(into) === targets && (await isOwnFolder(into))) return into;
  throw failure('no-target', `${into} is no folder directly below ${targets}`);
}

interface Summary {
  total_files?: number;
  total_bytes?: number;
}

async function broughtInto(
  agent: Agent,
  { repository, snapshot }: Chosen,
  folder: string,
  into: string,
  progress: Progress,
): Promise<Summary> {
  let summary: Summary = {};
  const onMessage = (message: Message): void => {
    const { message_type: type, percent_done: done } = message as { message_type?: string; percent_done?: number };
    if (type === 'summary') summary = message;
    else if (type === 'status' && done) progress(`restoring: ${percent(done)}`);
  };
  const words = ['restore', `${snapshot.id}:${folder}`, '--target', into];
  await restic(agent, repository, words, { seconds: readAllSeconds, onMessage });
  return summary;
}

export const percent = (part: number): string => `${(part * 100).toFixed(0)}%`;

/** restic leaves the target's own owner and mode alone, and an application that can't enter its volume doesn't start. */
async function ownAs(folder: string, { mode, uid = 0, gid = 0 }: Node): Promise<void> {
  const special = goSpecialBits.filter(({ go }) => mode & go).reduce((bits, { chmod: bit }) => bits | bit, 0);
  await chown(folder, uid, gid);
  // After the owner: a change of owner clears setuid and setgid.
  await chmod(folder, (mode & 0o777) | special);
}
