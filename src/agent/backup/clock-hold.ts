import { jump, jumpedBy, type Reading } from '../clock.ts';
import { momentText, parseMoment } from '../moments.ts';
import type { Agent } from './agent.ts';
import { newestBackup, type SlotName } from './due.ts';
import type { Hold, Noted, Status } from './known.ts';

// A clock that jumped ahead would make every backup look old enough to be deleted: after a jump nothing is expired for a while.

/** As the specification of the agent has it, in seconds. */
const expiryHoldSeconds = 24 * 3600;
/**
 * In which a clock that ran ahead is set right, in seconds: pgBackRest refuses each backup until the time of one that was taken
 * meanwhile.
 */
const backupsHoldSeconds = 3600;

/** What is wrong with the clock, in words. */
export function clockProblem(before: Reading | undefined, now: Reading, known: Status): string | undefined {
  const at = newestBackup(known);
  return jump(before, now, at && { what: 'the newest backup', at });
}

/** Edits a status: nothing is expired for a day from now on; after a jump `ahead` no backup is begun by itself for an hour. */
export function hold(known: Status, now: Reading, ahead = false): void {
  known.clockJumped = true;
  known.expiryHeldUntil = until(now, expiryHoldSeconds);
  if (ahead) known.backupsHeldUntil = until(now, backupsHoldSeconds);
}

/** Edits a status: a hold that is over ends; one of an earlier boot starts anew, since nobody knows how much has passed. */
export function follow(known: Status, now: Reading): void {
  if (known.expiryHeldUntil) known.expiryHeldUntil = followed(known.expiryHeldUntil, now, expiryHoldSeconds);
  if (known.backupsHeldUntil) known.backupsHeldUntil = followed(known.backupsHeldUntil, now, backupsHoldSeconds);
  known.clockJumped = Boolean(known.expiryHeldUntil);
  known.clock = noted(now);
}

function followed(held: Hold, now: Reading, seconds: number): Hold | null {
  if (held.boot !== now.boot) return until(now, seconds);
  return now.steady >= held.steadySeconds ? null : held;
}

const until = ({ boot, steady }: Reading, seconds: number): Hold => ({ boot, steadySeconds: steady + seconds });

export const noted = ({ wall, steady, boot }: Reading): Noted => ({
  wall: momentText(wall),
  steadySeconds: steady,
  boot,
});

export const remembered = (note: Noted | undefined): Reading | undefined =>
  note && { wall: parseMoment(note.wall), steady: note.steadySeconds, boot: note.boot };

/** Edits a status: what the clock said, and the slots that are set back. */
export function noteReading(
  known: Status,
  {
    before,
    now,
    jumped,
    slots,
  }: { before: Reading | undefined; now: Reading; jumped: boolean; slots: Pick<Status, SlotName> },
): void {
  if (jumped) hold(known, now, jumpedBy(before, now) > 0);
  follow(known, now);
  Object.assign(known, slots);
}

/** For a backup that wants to delete old ones. It looks for itself too: `serve` may not have ticked since the jump. */
export async function expiryAllowed({ status, clock }: Pick<Agent, 'status' | 'clock'>): Promise<boolean> {
  const known = await status.read();
  // A hold ends only by `serve`, which sees to what a new boot means for it.
  if (known.expiryHeldUntil) return false;
  return clockProblem(remembered(known.clock), clock.read(), known) === undefined;
}
