import { failure, isFailure, messageOf } from '../../failure.ts';
import { momentText, parseMoment } from '../../moments.ts';
import { named, type Agent, type Progress, type Repository, type Told } from '../agent.ts';
import type { Snapshot as ToldSnapshot } from '../contract.ts';
import { askSeconds, freeRepository, restic, type Message } from './restic.ts';

/** The tag of a snapshot that lacks files. restic says so once, when it is taken. */
export const incompleteTag = 'incomplete';

export interface Snapshot {
  id: string;
  at: Date;
  host: string;
  kind: string;
  name: string | undefined;
  repository: number;
  bytes: number;
  files: number;
  /** Files of its source could not be read. */
  incomplete: boolean;
}

/** Which snapshot is wanted: one of its three fields, or the newest. */
export interface Choice {
  name?: string | undefined;
  snapshot?: string | undefined;
  at?: string | undefined;
  /** The number of one repository; all without. */
  repo?: number | undefined;
}

export function snapshotFields({ at, host: _host, ...snapshot }: Snapshot): ToldSnapshot {
  return { ...snapshot, kind: snapshot.kind as ToldSnapshot['kind'], name: snapshot.name ?? null, at: momentText(at) };
}

/** Oldest first. */
export async function snapshotsOf(agent: Agent, repository: Repository): Promise<Snapshot[]> {
  const found = await listedOrFreed(agent, repository);
  return found
    .filter((one) => 'id' in one)
    .map((one) => snapshotIn(repository, one))
    .sort((a, b) => a.at.getTime() - b.at.getTime());
}

async function listedOrFreed(agent: Agent, repository: Repository): Promise<Message[]> {
  try {
    return await restic(agent, repository, ['snapshots'], { seconds: askSeconds });
  } catch (error) {
    if (!isFailure(error, 'repository-locked')) throw error;
  }
  await freeForReaders(agent, repository);
  // Whoever has it now has it by right, and was waited for.
  return restic(agent, repository, ['snapshots'], { seconds: askSeconds, retryLock: '0s' });
}

/**
 * For a restore or a list, which don't wait for our lock. Who has it may have restic's by right, or work for hours at the
 * database: what goes then is what restic itself takes for dead, by its process or by half an hour without a sign of life.
 */
async function freeForReaders(agent: Agent, repository: Repository): Promise<void> {
  try {
    await agent.lock.oneAtATime(
      0,
      () => undefined,
      () => freeRepository(agent, repository),
    );
  } catch (error) {
    if (!isFailure(error, 'busy')) throw error;
    await restic(agent, repository, ['unlock'], { seconds: askSeconds });
  }
}

export interface Chosen {
  repository: Repository;
  snapshot: Snapshot;
}

/**
 * The newest that fits, wherever it is: a repository may have missed runs. Of one run a whole one, and of such the first
 * repository's, which is on this machine. Those that can't be asked are named and passed over.
 */
export async function chooseSnapshot(agent: Agent, choice: Choice, kind: string, progress: Progress): Promise<Chosen> {
  const hits: Chosen[] = [];
  const problems: string[] = [];
  let wereAllAsked = true;
  for (const repository of repositoriesOf(agent.told, choice.repo === undefined ? undefined : [choice.repo])) {
    try {
      const found = fitting(await snapshotsOf(agent, repository), choice, kind);
      if (found.length === 0) problems.push(`${named(repository)} has none`);
      hits.push(...found.map((snapshot) => ({ repository, snapshot })));
      if (found.length > 0 && choice.snapshot !== undefined) break;
    } catch (error) {
      if (!isFailure(error)) throw error;
      // One that was never made has been asked.
      wereAllAsked &&= error.code === 'no-repository';
      problems.push(error.message);
      progress(error.message);
    }
  }
  const chosen = newestOf(hits);
  if (chosen === undefined) {
    const code = wereAllAsked ? 'no-snapshot' : 'repository-unreachable';
    throw failure(code, `no snapshot was found: ${problems.join('; ')}`, 'horme backup list');
  }
  // A file that is lost for good is in no newer snapshot: what was written since must not be lost for it.
  if (chosen.snapshot.incomplete)
    progress(
      lacking(
        chosen.snapshot,
        hits.map(({ snapshot }) => snapshot),
      ),
    );
  return chosen;
}

/** The first of those that are alike. */
function newestOf(hits: Chosen[]): Chosen | undefined {
  const newer = (one: Snapshot, other: Snapshot): boolean =>
    one.at > other.at || (one.at.getTime() === other.at.getTime() && !one.incomplete && other.incomplete);
  return hits.reduce<Chosen | undefined>(
    (best, hit) => (best === undefined || newer(hit.snapshot, best.snapshot) ? hit : best),
    undefined,
  );
}

/**
 * Of `found`, oldest first, those that no moment from `since` on needs. Of each source the newest from before is needed, and the
 * newest whole one, so the last one stays also of what is backed up no more.
 */
export function expiredSnapshots(found: Snapshot[], since: Date): Snapshot[] {
  const before = new Map<string, Snapshot[]>();
  for (const one of found.filter(({ at }) => at <= since)) {
    const source = JSON.stringify([one.kind, one.name]);
    before.set(source, [...(before.get(source) ?? []), one]);
  }
  return [...before.values()].flatMap((ofSource) => {
    const best = newestWhole(ofSource);
    return ofSource.slice(0, -1).filter((one) => one !== best);
  });
}

/** The newest whole one, else the newest; the first of those that are alike. */
function newestWhole(found: Snapshot[]): Snapshot | undefined {
  const whole = found.filter(({ incomplete }) => !incomplete);
  const among = whole.length > 0 ? whole : found;
  return among.reduce<Snapshot | undefined>(
    (best, one) => (best === undefined || one.at > best.at ? one : best),
    undefined,
  );
}

function lacking(chosen: Snapshot, hits: Snapshot[]): string {
  const of = ({ id, at }: Snapshot): string => `${id.slice(0, 8)} of ${momentText(at)}`;
  const what = `snapshot ${of(chosen)} lacks files that could not be read when it was taken`;
  const whole = newestWhole(hits);
  return whole === undefined || whole.incomplete ? what : `${what}; the newest whole one is ${of(whole)}`;
}

/** All, without numbers. */
export function repositoriesOf({ repositories }: Told, numbers?: number[]): Repository[] {
  const chosen = repositories.filter(({ number }) => numbers === undefined || numbers.includes(number));
  if (chosen.length > 0) return chosen;
  const have = repositories.map(({ number }) => number).join(', ') || 'none';
  throw failure('no-such-repository', `there is no such repository; there are: ${have}`);
}

function fitting(found: Snapshot[], { name, snapshot, at }: Choice, kind: string): Snapshot[] {
  const ofSource = found.filter((one) => one.kind === kind && one.name === name);
  if (snapshot !== undefined) return ofSource.filter(({ id }) => id.startsWith(snapshot));
  if (at === undefined) return ofSource;
  const latest = momentOf(at);
  return ofSource.filter((one) => one.at <= latest);
}

function momentOf(text: string): Date {
  try {
    return parseMoment(text);
  } catch (error) {
    throw failure('usage', messageOf(error), undefined, error);
  }
}

/** What `restic snapshots` says of one. */
interface Listed {
  id: string;
  time: string;
  hostname?: string;
  tags?: string[] | null;
  summary?: { total_bytes_processed?: number; total_files_processed?: number } | null;
}

function snapshotIn({ number }: Repository, message: Message): Snapshot {
  const { id, time, hostname = '', tags, summary } = message as unknown as Listed;
  const named = new Map(
    (tags ?? []).map((tag): [string, string] => [tag.split('=', 1)[0] ?? '', tag.split('=').slice(1).join('=')]),
  );
  return {
    id,
    at: parseMoment(time),
    host: hostname,
    kind: named.get('kind') ?? '',
    name: named.get('name'),
    repository: number,
    bytes: summary?.total_bytes_processed ?? 0,
    files: summary?.total_files_processed ?? 0,
    incomplete: named.has(incompleteTag),
  };
}
