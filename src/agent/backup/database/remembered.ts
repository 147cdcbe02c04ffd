/** What the status keeps of the database's repositories. Edits a status in place; pure otherwise. */

import { momentText, parseMoment, fromEpoch, secondsBetween } from '../../moments.ts';
import type { Repository, Told } from '../agent.ts';
import { entryOf, type KnownRepository, type Status } from '../known.ts';
import { daySeconds } from './expiry.ts';
import type { Backup } from './said.ts';

/** What the mean of seven days needs, and a little for clocks that differ. */
const sizesKeptSeconds = 8 * daySeconds;

/** What was recorded of another history, as before a restore, says nothing of this one. */
export function followHistory(known: Status, stanza: string | null): void {
  if (known.stanza !== undefined && known.stanza !== stanza) {
    Object.assign(known, { repositories: {}, sizes: [], archiveFailingSince: null });
    delete known.gaps;
  }
  known.stanza = stanza;
}

const nothingKnown: Pick<
  KnownRepository,
  `last${'BackupAt' | 'BackupSeconds' | 'BackupBytes' | 'Error' | 'FailureAt'}`
> = {
  lastBackupAt: null,
  lastBackupSeconds: null,
  lastBackupBytes: null,
  lastError: null,
  lastFailureAt: null,
};

/** What is known of one repository, of the present history alone. */
export function ownEntry(
  known: Status,
  { stanza }: Told,
  { number, kind }: Repository,
): Partial<KnownRepository> & typeof nothingKnown {
  followHistory(known, stanza);
  const entry = entryOf(known, number);
  return Object.assign(entry, { ...nothingKnown, ...entry, kind });
}

export interface Taken {
  newest: Backup;
  oldest: Backup;
  seconds: number;
  now: Date;
}

export function recordSuccess(known: Status, told: Told, repository: Repository, taken: Taken): void {
  const { newest, oldest, seconds, now } = taken;
  const own = ownEntry(known, told, repository);
  const at = momentText(fromEpoch(newest.ended));
  Object.assign(own, {
    lastBackupAt: at,
    lastBackupSeconds: seconds,
    lastBackupBytes: newest.databaseBytes,
    lastBackupLabel: newest.label,
    lastBackupType: newest.type,
    oldestBackupAt: momentText(fromEpoch(oldest.ended)),
    lastError: newest.error ? 'pages of the database have a wrong checksum' : null,
    backupWanted: null,
  });
  const lost = own.historyLost;
  // Since then it reaches as far back again as is promised.
  const isMadeUpFor = lost && secondsBetween(parseMoment(lost.foundAt), parseMoment(at)) > told.keepDays * daySeconds;
  if (isMadeUpFor) own.historyLost = null;
  // The database's size and not the backup's: a diff is small on a quiet day, a database shrinks by accident.
  const sizes = [...(known.sizes ?? []), { at, repository: repository.number, bytes: newest.databaseBytes }];
  const kept = momentText(new Date(now.getTime() - sizesKeptSeconds * 1000));
  known.sizes = sizes.filter((one) => one.at >= kept);
}
