/**
 * Watches that the WAL which left the database has arrived: the repositories are asked now and then, since that lists whole
 * archives.
 */

import { isFailure } from '../../failure.ts';
import { momentText } from '../../moments.ts';
import type { Gap } from '../contract.ts';
import type { Agent, Repository, Told } from '../agent.ts';
import type { Status } from '../known.ts';
import { archiveOf, stanzaOf } from './histories.ts';
import { ownEntry } from './remembered.ts';
import { nameOf } from './wal.ts';
import { gapsOf } from './windows.ts';
import { worldOf, type World } from './world.ts';

export const everySeconds = 6 * 3600;
export const gapWish = 'WAL is missing in an archive: only what comes after a new backup can be restored';

interface Look {
  /** In steady seconds. */
  at: number;
  /** When archiving was last mended before it began: what was mended during a look is looked at again. */
  mended: string | undefined;
}

/** Remembers its looks in memory alone: an agent that starts looks at once, and no clock that jumps makes it wait. */
export class GapWatch {
  readonly #world: World;
  readonly #find: typeof gapsIn;
  readonly #looks = new Map<number, Look>();

  /** `find` is another one in tests. */
  constructor(agent: Agent, find: typeof gapsIn = gapsIn) {
    this.#world = worldOf(agent);
    this.#find = find;
  }

  /**
   * A repository that can't be asked is asked again at the next look: what was known of it stays, and its backup fails with the
   * reason.
   */
  async look(): Promise<void> {
    const { told, status } = this.#world;
    for (const repository of told.repositories) await this.#lookAt(repository);
    if ((await status.read()).archiveMendedAt) await status.update((known) => this.#endFailing(known));
  }

  async #lookAt(repository: Repository): Promise<void> {
    const { told, status } = this.#world;
    const mended = (await status.read()).archiveMendedAt ?? undefined;
    if (!this.#isDue(repository.number, mended)) return;
    try {
      const found = await this.#find(this.#world, repository.number);
      // At once: the next repository may be one that hangs.
      await status.update((known) => record(known, told, repository, found));
      this.#looks.set(repository.number, { at: this.#now(), mended });
    } catch (error) {
      if (!isFailure(error)) throw error;
    }
  }

  #now(): number {
    return this.#world.clock.awake().steady;
  }

  #isDue(number: number, mended: string | undefined): boolean {
    const last = this.#looks.get(number);
    if (last === undefined) return true;
    return (mended !== undefined && last.mended !== mended) || this.#now() - last.at > everySeconds;
  }

  /** Once every repository was looked at since it was mended. */
  #endFailing(known: Status): void {
    const mended = known.archiveMendedAt;
    const looks = this.#world.told.repositories.map(({ number }) => this.#looks.get(number));
    if (!mended || !looks.every((look) => look?.mended === mended)) return;
    Object.assign(known, {
      archiveFailing: false,
      archiveError: null,
      archiveFailingSince: null,
      archiveMendedAt: null,
    });
  }
}

async function gapsIn({ repositories, told, clock }: World, number: number): Promise<Gap[]> {
  const history = await repositories.history(number, stanzaOf(told));
  if (!history) return [];
  const gaps = gapsOf(history, await archiveOf(repositories, number, history.name));
  const foundAt = momentText(clock.now());
  return gaps.map(({ first, last }) => ({ repository: number, from: nameOf(first), to: nameOf(last), foundAt }));
}

/**
 * A gap that is known stays as it was found until the backups before it have expired; a new one wants a backup in its
 * repository.
 */
function record(known: Status, told: Told, repository: Repository, found: Gap[]): void {
  const own = ownEntry(known, told, repository);
  const before = new Map((known.gaps ?? []).map((one) => [identity(one), one]));
  const others = [...before.values()].filter((one) => one.repository !== repository.number);
  known.gaps = [...others, ...found.map((one) => before.get(identity(one)) ?? one)];
  if (found.some((one) => !before.has(identity(one)))) own.backupWanted = gapWish;
}

const identity = ({ repository, from, to }: Gap): string => `${repository} ${from} ${to}`;
