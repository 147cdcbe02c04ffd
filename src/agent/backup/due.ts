import { afterSeconds, momentText, parseMoment } from '../moments.ts';
import type { Tried } from '../worker.ts';
import { lastSlot, parseSchedule } from '../../schedule.ts';
import type { KnownRepository, Status } from './known.ts';

// What is to be done now. Pure: the clock and the status are handed in, so that every case is a test.

/** As the specification of the agent has it: 5 minutes, then twice as long each time, at most an hour. */
export const firstRetrySeconds = 5 * 60;
const lastRetrySeconds = 60 * 60;
/**
 * A slot that is further ahead of the clock than this was set by a clock that ran wrong: waiting for it could take years.
 * Within it, waiting costs one backup at most, and a corrected clock gives no second one.
 */
const aheadLimitSeconds = 24 * 3600;

export interface Due {
  reason: string;
  /** What `lastSlot` becomes once it is done. */
  slot: Date | undefined;
  repositories: number[];
}

const mustWait = ({ failures, secondsAgo }: Tried): boolean => failures > 0 && secondsAgo < retrySeconds(failures);

/** Whatever the status says then: no work follows upon itself without a pause. */
const justEnded = ({ secondsAgo }: Tried): boolean => secondsAgo < firstRetrySeconds;

export function retrySeconds(failures: number): number {
  // The exponent is bounded before it is used: a repository may be away for a year.
  return Math.min(firstRetrySeconds * 2 ** Math.min(failures - 1, 10), lastRetrySeconds);
}

export interface Question {
  schedule: string;
  known: Status;
  /** Of the repositories. */
  numbers: number[];
  now: Date;
  tried: Tried;
  /** Of files: one that a deploy has added doesn't wait for the schedule. */
  sources?: string[];
}

/** A clock that has just jumped ahead may be wrong, and a backup of the future is in the way of those that come once it is right. */
export function dueBackup({ schedule, known, numbers, now, tried, sources = [] }: Question): Due | undefined {
  if (mustWait(tried) || known.backupsHeldUntil) return undefined;
  const slot = newestSlot(schedule, known, 'lastSlot', now);
  if (slot) return { reason: 'the schedule says so', slot, repositories: numbers };
  const wanting = numbers.filter((number) => ofRepository(known, number).backupWanted);
  const [first] = wanting;
  if (first !== undefined) return unscheduled(ofRepository(known, first).backupWanted ?? '', wanting);
  if (justEnded(tried)) return undefined;
  // Those that went well are not asked again each hour because another is away.
  const failed = numbers.filter((number) => hasFailed(ofRepository(known, number)));
  if (failed.length > 0) return unscheduled('the last one failed', failed);
  const without = numbers.filter((number) => !ofRepository(known, number).lastBackupAt);
  if (without.length > 0) return unscheduled('there is no backup yet', without);
  const lacking = numbers.filter((number) => !hasAll(ofRepository(known, number), sources));
  return lacking.length > 0 ? unscheduled('something new is to be backed up', lacking) : undefined;
}

const unscheduled = (reason: string, repositories: number[]): Due => ({ reason, slot: undefined, repositories });

const hasAll = (repository: Partial<KnownRepository>, sources: string[]): boolean =>
  sources.every((source) => repository.sources?.includes(source));

/**
 * Nothing before the first backup: there is nothing to prove. Nor in the hour in which a backup that covers a gap waits for the
 * clock: it would then wait for the drill. One that has failed is not waited for, since its repository may be away for days.
 */
export function dueDrill(schedule: string, known: Status, now: Date, tried: Tried): Due | undefined {
  const gapWaits = known.backupsHeldUntil && wantedBackups(known).size > 0;
  if (mustWait(tried) || newestBackup(known) === undefined || gapWaits) return undefined;
  const slot = newestSlot(schedule, known, 'lastDrillSlot', now);
  return slot && { reason: 'the schedule says so', slot, repositories: [] };
}

/**
 * The project's own files (the ledger of releases, the vault) don't wait for the schedule, but for the clock: what is taken in
 * the future is the newest for whoever restores after it was set right.
 */
export function stateIsDue(known: Status, seen: string | undefined, tried: Tried): boolean {
  if (mustWait(tried) || known.backupsHeldUntil) return false;
  return seen !== undefined && seen !== known.stateSeen;
}

/** The slots to set back to the present: a clock that ran ahead left them too far in the future. */
export function mendedSlots(known: Status, now: Date): Partial<Pick<Status, SlotName>> {
  const tooFar = slotNames.filter((name) => {
    const slot = known[name];
    return slot !== undefined && parseMoment(slot) > afterSeconds(now, aheadLimitSeconds);
  });
  return Object.fromEntries(tooFar.map((name) => [name, momentText(now)]));
}

/** The repositories in which a gap wants a backup. */
export function wantedBackups(known: Status): Set<string> {
  const entries = Object.entries(known.repositories ?? {});
  return new Set(entries.filter(([, { backupWanted }]) => backupWanted).map(([number]) => number));
}

export function newestBackup(known: Status): Date | undefined {
  const ends = Object.values(known.repositories ?? {}).flatMap(({ lastBackupAt }) => lastBackupAt ?? []);
  return ends.map(parseMoment).sort((a, b) => b.getTime() - a.getTime())[0];
}

export type SlotName = 'lastSlot' | 'lastDrillSlot';
const slotNames: SlotName[] = ['lastSlot', 'lastDrillSlot'];

function newestSlot(schedule: string, known: Status, name: SlotName, now: Date): Date | undefined {
  const slot = known[name];
  // Without a slot, a backup tells since when there was nothing to catch up.
  const after = slot === undefined ? newestBackup(known) : parseMoment(slot);
  return after && lastSlot(parseSchedule(schedule), after, now);
}

/** The last attempt, that is. A backup that was taken can have an error too: the database's pages may be damaged. */
function hasFailed({ lastFailureAt, lastBackupAt, lastError }: Partial<KnownRepository>): boolean {
  if (!lastFailureAt || !lastError) return false;
  return !lastBackupAt || parseMoment(lastFailureAt) > parseMoment(lastBackupAt);
}

const ofRepository = (known: Status, number: number): Partial<KnownRepository> =>
  known.repositories?.[String(number)] ?? {};
