/** Deletes what is older than promised: backups with their WAL, and former histories as a whole. */

import { failure } from '../../failure.ts';
import { epochSeconds } from '../../moments.ts';
import { nice } from '../../programs.ts';
import type { Progress } from '../agent.ts';
import { expiryAllowed } from '../clock-hold.ts';
import { archiveOf } from './histories.ts';
import { restoreConfiguration } from './pgbackrest.ts';
import { goodOf, type Backup, type Stanza } from './said.ts';
import { newestActivity } from './windows.ts';
import type { World } from './world.ts';

export const daySeconds = 24 * 3600;
const expireSeconds = 3600;
const tellSeconds = 60;
const noDatabase = '/nonexistent';

/** Not while something is odd: what is kept too long costs space, what is deleted too early is gone. */
export async function expire(
  world: World,
  stanza: string,
  number: number,
  newest: Backup,
  progress: Progress,
): Promise<void> {
  const { told, repositories } = world;
  if (newest.error) return progress(`repository ${number}: nothing is expired, the newest backup has damaged pages`);
  if (!(await expiryAllowed(world))) return progress(`repository ${number}: nothing is expired, the clock jumped`);
  const { known, unreadable } = await repositories.info(number);
  const present = known.find(({ name }) => name === stanza);
  const began = present && goodOf(present)[0]?.ended;
  for (const history of known) {
    const { name } = history;
    if (name !== stanza && (await isFormerPast(world, number, history, began))) {
      await deleteHistory(world, number, name);
      progress(`repository ${number}: the former history ${name} is older than ${told.keepDays} days and deleted`);
    } else {
      await repositories.call('expire', [], { stanza: name, repository: number, seconds: expireSeconds, nice });
    }
  }
  if (unreadable.size > 0) {
    throw failure('repository-unreachable', [...unreadable.values()].map(({ message }) => message).join('; '));
  }
}

async function isFormerPast(
  world: World,
  number: number,
  history: Stanza,
  began: number | undefined,
): Promise<boolean> {
  const newest = newestActivity(history, await archiveOf(world.repositories, number, history.name));
  return isPast({ newest, began, now: epochSeconds(world.clock.now()) }, world.told.keepDays);
}

/**
 * Pure; in seconds since 1970. A former history is kept as long after the present one `began` as after its own `newest`
 * activity: what was recovered from may be old already, and is all there is until the present one reaches as far back.
 */
export function isPast(
  { newest, began, now }: { newest: number | undefined; began: number | undefined; now: number },
  keepDays: number,
): boolean {
  return newest !== undefined && began !== undefined && now - Math.max(newest, began) > keepDays * daySeconds;
}

/** pgBackRest wants to be told first that nobody works on it any more, and where its database was; nowhere any more. */
async function deleteHistory({ repositories, folders }: World, repository: number, stanza: string): Promise<void> {
  await repositories.call('stop', [], { stanza, seconds: tellSeconds });
  try {
    await repositories.call('stanza-delete', ['--force', `--pg1-path=${noDatabase}`], {
      stanza,
      repository,
      seconds: expireSeconds,
      configuration: restoreConfiguration(folders.run),
    });
  } finally {
    await repositories.call('start', [], { stanza, seconds: tellSeconds });
  }
}
