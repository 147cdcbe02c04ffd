import { afterSeconds, momentText, parseMoment, secondsBetween } from '../../moments.ts';
import { nice } from '../../programs.ts';
import { named, type Agent, type Progress, type Repository } from '../agent.ts';
import { expiryAllowed } from '../clock-hold.ts';
import { entryOf, type KnownRepository, type Status } from '../known.ts';
import { askSeconds, restic } from './restic.ts';
import { expiredSnapshots, snapshotsOf } from './snapshots.ts';

const expireSeconds = 4 * 3600;
/** Rewrites packs, which costs traffic; what forgetting frees in a week is little. */
const pruneEverySeconds = 7 * 24 * 3600;
const daySeconds = 24 * 3600;

/**
 * By our own clock: restic counts `--keep-within` from the newest snapshot of a source, so those of one that is backed up no more
 * would stay for ever, and the oldest moment would lack the snapshot from before it.
 */
export async function expire(agent: Agent, repository: Repository, progress: Progress): Promise<void> {
  if (!(await expiryAllowed(agent))) {
    progress(`${named(repository)}: nothing is expired, the clock can't be believed`);
    return;
  }
  // Only of a restic that is gone for half an hour: whoever reads now keeps its lock.
  await restic(agent, repository, ['unlock'], { seconds: askSeconds });
  const own = (await snapshotsOf(agent, repository)).filter(({ host }) => host === agent.told.project);
  const since = afterSeconds(agent.clock.now(), -agent.told.keepDays * daySeconds);
  const expired = expiredSnapshots(own, since).map(({ id }) => id);
  if (expired.length > 0) await restic(agent, repository, ['forget', ...expired], { seconds: expireSeconds, nice });
  if (await pruneIsDue(agent, repository)) {
    await restic(agent, repository, ['prune'], { seconds: expireSeconds, nice });
    await agent.status.update((known) => {
      entryFor(known, repository).lastPruneAt = momentText(agent.clock.now());
    });
  }
}

async function pruneIsDue({ status, clock }: Agent, { number }: Repository): Promise<boolean> {
  const last = (await status.read()).repositories?.[number]?.lastPruneAt;
  return !last || secondsBetween(parseMoment(last), clock.now()) >= pruneEverySeconds;
}

/** Edits a status: what is known of one repository. */
export function entryFor(known: Status, { number, kind }: Repository): Partial<KnownRepository> {
  return Object.assign(entryOf(known, number), { kind });
}
