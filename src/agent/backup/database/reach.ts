/** How far a history can be restored from each repository. They differ: one was away, or lost WAL. */

import { failure } from '../../failure.ts';
import type { Repository } from '../agent.ts';
import { archiveOf } from './histories.ts';
import type { Repositories } from './repository.ts';
import { goodOf, type Stanza } from './said.ts';
import { before, compare, gaps, newestOf, parse, type Segment } from './wal.ts';
import type { Archive } from './windows.ts';

/** Before all WAL. */
export const nowhere: Segment = { timeline: 0, position: 0 };

/** A history as one repository has it. */
export interface Holding {
  repository: Repository;
  history: Stanza;
  archive: Archive;
}

export const newestIn = ({ archive }: Holding): Segment => newestOf(archive) ?? nowhere;

/** The one that reaches furthest first; of those that reach as far the one with the newest backup. */
export function byReach(one: Holding, other: Holding): number {
  const [own, others] = [furthest(one), furthest(other)];
  return compare(others.segment, own.segment) || others.backupEnded - own.backupEnded;
}

/** The last WAL that its newest backup can be replayed to, which is before the first gap; with that backup's age. */
function furthest(holding: Holding): { segment: Segment; backupEnded: number } {
  const backup = goodOf(holding.history).at(-1);
  if (!backup) return { segment: nowhere, backupEnded: 0 };
  const [missing] = gaps(holding.archive, parse(backup.walStart));
  const segment = missing ? (before(missing, holding.archive) ?? nowhere) : newestIn(holding);
  return { segment, backupEnded: backup.ended };
}

export async function ask(repositories: Repositories, repository: Repository, stanza: string): Promise<Holding> {
  const history = await repositories.history(repository.number, stanza);
  if (!history) throw failure('target-unreachable', `no backup of ${stanza}`, 'horme backup list');
  return { repository, history, archive: await archiveOf(repositories, repository.number, stanza) };
}
