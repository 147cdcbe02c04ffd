/** What can be restored: histories, their backups and the time between. */

import type { AgentWindow, History, ListAnswer, ListProblem, RepositoryHistory } from '../contract.ts';
import type { KnownProof } from '../known.ts';
import { failure, isFailure } from '../../failure.ts';
import { fromEpoch, momentText } from '../../moments.ts';
import { named, type Agent, type Progress, type Repository, type Told } from '../agent.ts';
import { rtoSeconds } from '../proofs.ts';
import { writeConfiguration } from './pgbackrest.ts';
import type { Repositories } from './repository.ts';
import type { Backup, Stanza } from './said.ts';
import { archived, nameOf } from './wal.ts';
import { gapsOf, windowOf, windowsOf, type Archive, type Window } from './windows.ts';
import { worldOf, type World } from './world.ts';

export function stanzaOf({ stanza }: Told): string {
  if (stanza === null) throw failure('no-database', 'this environment has no database');
  return stanza;
}

export async function archiveOf(repositories: Repositories, number: number, stanza: string): Promise<Archive> {
  const files = await repositories.listing(number, `archive/${stanza}`);
  return archived(files.keys()).map(({ path, ...segment }) => ({ ...segment, at: files.get(path) ?? 0 }));
}

export const listHistories = (agent: Agent, _options: unknown, progress: Progress): Promise<ListAnswer> =>
  list(worldOf(agent), progress);

/** All histories. What can't be read is told as a problem, and the others are still listed. */
export async function list(world: World, progress: Progress): Promise<ListAnswer> {
  // In a container of its own nothing has written it yet.
  await writeConfiguration(world);
  const { proofs = [] } = await world.status.read();
  const found = new Map<string, History>();
  const problems: ListProblem[] = [];
  for (const repository of world.told.repositories) {
    for (const [stanza, message] of await add(found, { world, repository, proofs })) {
      progress(`${named(repository)}: ${message}`);
      problems.push({ repository: repository.number, kind: repository.kind, stanza, message });
    }
  }
  const sorted = [...found.values()].sort(
    (one, other) => Number(other.current) - Number(one.current) || (one.stanza < other.stanza ? -1 : 1),
  );
  return { histories: sorted, problems };
}

interface Listing {
  world: World;
  repository: Repository;
  proofs: readonly KnownProof[];
}

/** Adds what the repository has; what of it can't be read is the answer, with the history where it is one. */
async function add(found: Map<string, History>, listing: Listing): Promise<[string | null, string][]> {
  const { told, repositories } = listing.world;
  const { repository } = listing;
  const problems: [string | null, string][] = [];
  let unlisted: Stanza[] = [];
  try {
    const { known, unreadable } = await repositories.info(repository.number);
    problems.push(...[...unreadable].map(([name, { message }]): [string, string] => [name, message]));
    unlisted = [...known];
    for (const history of known) {
      const own = await inRepository(listing, history);
      const entry = found.get(history.name) ?? entryOf(told, history);
      found.set(history.name, { ...entry, repositories: [...entry.repositories, own] });
      unlisted.shift();
    }
  } catch (error) {
    if (!isFailure(error)) throw error;
    // The histories behind it are not tried: a repository that hangs does so for minutes each time.
    problems.push([
      unlisted
        .map(({ name }) => name)
        .sort()
        .at(-1) ?? null,
      error.message,
    ]);
  }
  return problems;
}

const entryOf = ({ stanza }: Told, { name, systemId, version }: Stanza): History => ({
  stanza: name,
  current: name === stanza,
  systemId,
  version,
  repositories: [],
});

async function inRepository(listing: Listing, history: Stanza): Promise<RepositoryHistory> {
  const { number, kind } = listing.repository;
  const archive = await archiveOf(listing.world.repositories, number, history.name);
  const gaps = gapsOf(history, archive);
  const window = windowOf(history, archive);
  const proofs = new Map(
    listing.proofs.flatMap((one) => ('label' in one && one.repository === number ? [[one.label, one] as const] : [])),
  );
  return {
    repository: number,
    kind,
    window: window ? written(window) : null,
    windows: windowsOf(history, archive, gaps).map(written),
    backups: history.backups.map((backup) => toldBackup(backup, proofs.get(backup.label))),
    gaps: gaps.map(({ first, last }) => ({ from: nameOf(first), to: nameOf(last) })),
  };
}

const iso = (seconds: number): string => momentText(fromEpoch(seconds));

const written = ({ from, to }: Window): AgentWindow => ({ from: iso(from), to: iso(to) });

const toldBackup = (backup: Backup, proof: KnownProof | undefined): RepositoryHistory['backups'][number] => ({
  label: backup.label,
  type: backup.type,
  startedAt: iso(backup.started),
  endedAt: iso(backup.ended),
  seconds: backup.ended - backup.started,
  databaseBytes: backup.databaseBytes,
  repositoryBytes: backup.repositoryBytes,
  error: backup.error,
  proof: proof ? { at: proof.at, seconds: rtoSeconds(proof), ok: proof.ok } : null,
});
