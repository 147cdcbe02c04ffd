import { failure, isFailure } from '../../failure.ts';
import { isFolder } from '../../folder.ts';
import { waitSeconds } from '../../lock.ts';
import { momentText, parseMoment, rounded, secondsBetween, stopwatch } from '../../moments.ts';
import { nice } from '../../programs.ts';
import { named, type Agent, type Progress, type Repository } from '../agent.ts';
import type { Status } from '../known.ts';
import { noting } from '../proofs.ts';
import { expireAfterBackup } from '../record.ts';
import { dumpCache, removeDump } from './cache.ts';
import { entryFor, expire } from './expire.ts';
import { percent } from './restore.ts';
import { askSeconds, exitCodes, makeIfMissing, restic, timeOption, type Message } from './restic.ts';
import { incompleteTag, repositoriesOf } from './snapshots.ts';
import { kinds, replacing, tagsOf, titleOf, wantedSources, type Kind, type Source } from './sources.ts';

/** A first backup of 2 TB at 50 MB/s takes 11 h. A run that hangs must end before the next day's. */
const backupSeconds = 20 * 3600;
/** As long as sizes are compared, and a day; see metrics.ts. */
const sizesSeconds = 8 * 24 * 3600;

export interface BackupOptions {
  repositories?: number[] | undefined;
  kinds?: readonly Kind[] | undefined;
}

/** What came of one repository. */
interface Done {
  repository: Repository;
  seconds: number;
  bytes: number;
  snapshots: { kind: Kind; name: string | null; id: string | undefined }[];
  problems: string[];
}

/** Snapshots of every source in every repository. One that fails doesn't keep the others from theirs. */
export async function backUpFiles(agent: Agent, options: BackupOptions, progress: Progress) {
  const wanted = options.kinds ?? kinds;
  const chosen = repositoriesOf(agent.told, options.repositories);
  const done = await agent.lock.oneAtATime(waitSeconds, progress, () => intoAll(agent, chosen, wanted, progress));
  // Each once: what can't be read is missing in every repository.
  const problems = new Set(done.flatMap((one) => one.problems));
  if (problems.size > 0) throw failure('backup-failed', [...problems].join('\n'), 'horme backup now');
  return { repositories: done.map(fieldsOf) };
}

const fieldsOf = ({ repository, seconds, bytes, snapshots }: Done) => ({
  repository: repository.number,
  kind: repository.kind,
  seconds: rounded(seconds),
  bytes,
  snapshots,
});

async function intoAll(
  agent: Agent,
  chosen: Repository[],
  wanted: readonly Kind[],
  progress: Progress,
): Promise<Done[]> {
  try {
    const { found, problems } = await readySources(agent, await wantedSources(agent, wanted));
    // A source's time is the same in all repositories, so that whoever wants the newest can take the nearest.
    const taken = new Map<Source, Date>();
    const done: Done[] = [];
    for (const repository of chosen) done.push(await intoOne(agent, repository, { found, problems, taken }, progress));
    if (kinds.every((kind) => wanted.includes(kind)))
      await agent.status.update((known) => note(agent, known, found, done));
    return done;
  } finally {
    await removeDump(agent);
  }
}

/** Those that can be read, and what is wrong with the others: restic passes over a folder that is not there. */
async function readySources(agent: Agent, wanted: Source[]): Promise<{ found: Source[]; problems: string[] }> {
  const found: Source[] = [];
  const problems: string[] = [];
  for (const source of wanted) {
    try {
      if (source.kind === 'cache') await dumpCache(agent);
      await checkFolders(source);
      found.push(source);
    } catch (error) {
      if (!isFailure(error)) throw error;
      problems.push(error.message);
    }
  }
  return { found, problems };
}

async function checkFolders(source: Source): Promise<void> {
  const missing = [];
  for (const folder of source.folders) if (!(await isFolder(folder))) missing.push(folder);
  if (missing.length > 0) throw failure('source-missing', `${titleOf(source)}: ${missing.join(', ')} is not there`);
}

interface Run {
  found: Source[];
  problems: string[];
  taken: Map<Source, Date>;
}

async function intoOne(
  agent: Agent,
  repository: Repository,
  { found, problems, taken }: Run,
  progress: Progress,
): Promise<Done> {
  const done: Done = { repository, seconds: 0, bytes: 0, snapshots: [], problems: [...problems] };
  const seconds = stopwatch();
  try {
    if (await makeIfMissing(agent, repository)) progress(`${named(repository)} was made`);
    for (const source of found) {
      const at = taken.get(source) ?? agent.clock.now();
      taken.set(source, at);
      await takeSnapshot(agent, done, source, at, progress);
    }
    if (done.problems.length === 0) {
      const entry = (known: Status) => entryFor(known, repository);
      await expireAfterBackup(agent, named(repository), entry, () => expire(agent, repository, progress), progress);
    }
  } catch (error) {
    if (!isFailure(error) || error.code === 'stopped') throw error;
    done.problems.push(error.message);
  }
  done.seconds = seconds();
  return done;
}

interface Heard {
  message_type?: string;
  snapshot_id?: string;
  total_bytes_processed?: number;
  percent_done?: number;
  item?: string;
  error?: { message?: string };
}

async function takeSnapshot(agent: Agent, done: Done, source: Source, at: Date, progress: Progress): Promise<void> {
  const where = `${named(done.repository)}: ${titleOf(source)}`;
  let summary: Heard = {};
  const unread: string[] = [];
  const onMessage = (message: Message): void => {
    const heard = message as Heard;
    if (heard.message_type === 'summary') summary = heard;
    else if (heard.message_type === 'error') unread.push(`${heard.item}: ${heard.error?.message}`);
    else if (heard.message_type === 'status' && heard.percent_done)
      progress(`${where}: ${percent(heard.percent_done)}`);
  };
  const options = { seconds: backupSeconds, also: [exitCodes.incomplete], onMessage, nice };
  await restic(agent, done.repository, backupWords(agent, source, at), options);
  let id = summary.snapshot_id;
  if (unread.length > 0) {
    done.problems.push(`${where}: ${unread.length} could not be read: ${unread.slice(0, 5).join(', ')}`);
    // Whoever restores meanwhile keeps restic from it, and no other source from its snapshot.
    const what = `${where}: it could not be marked incomplete: `;
    id = (await noting(done.problems, what, () => markIncomplete(agent, done.repository, id))) ?? id;
  }
  const bytes = summary.total_bytes_processed ?? 0;
  done.bytes += bytes;
  done.snapshots.push({ kind: source.kind, name: source.name ?? null, id });
  progress(`${where}: done, ${bytes} bytes`);
}

/**
 * `--host`: a container's own name changes with every container, and a snapshot's parent is looked for by it. `--time`: by it
 * snapshots expire, so it is of the clock that is watched for jumps.
 */
function backupWords({ told }: Agent, source: Source, at: Date): string[] {
  const own = ['--host', told.project, '--tag', tagsOf(source), '--time', timeOption(at)];
  return ['backup', ...own, '--exclude', replacing, ...source.folders];
}

/** The snapshot's new id. restic knows no tag that depends on how a snapshot ends, and writes it anew. */
async function markIncomplete(
  agent: Agent,
  repository: Repository,
  id: string | undefined,
): Promise<string | undefined> {
  const words = ['tag', '--add', incompleteTag, ...(id === undefined ? [] : [id])];
  const changed = await restic(agent, repository, words, { seconds: askSeconds });
  return (changed.find((one) => 'new_snapshot_id' in one)?.['new_snapshot_id'] as string | undefined) ?? id;
}

function note({ clock }: Agent, known: Status, found: Source[], done: Done[]): void {
  const now = clock.now();
  const at = momentText(now);
  const sizes = known.sizes ?? [];
  for (const { repository, seconds, bytes, problems } of done) {
    const entry = entryFor(known, repository);
    entry.lastBackupSeconds = rounded(seconds);
    if (problems.length > 0) {
      Object.assign(entry, { lastError: problems.join('; '), lastFailureAt: at });
      continue;
    }
    Object.assign(entry, { lastError: null, lastBackupAt: at, lastBackupBytes: bytes, sources: found.map(tagsOf) });
    sizes.push({ repository: repository.number, at, bytes });
  }
  known.sizes = sizes.filter((size) => secondsBetween(parseMoment(size.at), now) < sizesSeconds);
}
