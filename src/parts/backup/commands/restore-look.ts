import { listAnswer, snapshotsAnswer, type Restored } from '../../../agent/backup/contract.ts';
import { historyOf, type Use } from '../history.ts';
import { backupService, filesService } from '../names.ts';
import { archiveEverything, differences, restoreBeside, tablesNow, type RestoreWish } from '../restore.ts';
import { differenceLines, volumeDifferences } from '../restore-volume.ts';
import { refuseMissing } from '../snapshots.ts';
import { typed } from '../target.ts';
import { databaseName, releasedDatabase } from '../../database/index.ts';
import { bytes, duration } from '../../../output/format.ts';
import { readLedger } from '../../../release/ledger.ts';
import { dueText, migrationsDue, type DueMigration } from '../../../release/migrations.ts';
import type { ReleaseContent } from '../../../release/release.ts';
import type { Store } from '../../../release/store.ts';
import type { Session } from '../../../deploy/session.ts';
import { ask } from './agents.ts';
import type { Wanted } from './restore-wanted.ts';

/** The live release and its store. */
export interface Live {
  store: Store;
  live: ReleaseContent;
}

/** The data restored beside running production, and one line for each change. */
export interface Look {
  restored: Restored | undefined;
  lines: string[];
}

export async function lookAt(session: Session, { store, live }: Live, wanted: Wanted): Promise<Look> {
  if (wanted.volumes.length > 0) await lookForSnapshots(session, wanted);
  const restored = wanted.database
    ? await restoreBeside(session, live, await wishOf(session, live, wanted, 'in place'))
    : undefined;
  const lines = restored ? await databaseLines(session, { store, live }, wanted, restored) : [];
  for (const name of wanted.volumes) {
    session.signal.throwIfAborted();
    lines.push(differenceLines(name, await volumeDifferences(session, live, name, wanted.snapshot)));
  }
  return { restored, lines };
}

async function databaseLines(
  { engine, stack }: Session,
  { store, live }: Live,
  wanted: Wanted,
  restored: Restored,
): Promise<string[]> {
  const now = await tablesNow(engine, stack.project, databaseName(stack));
  const due = migrationsDue(await readLedger(store), live.services, momentOf(wanted, restored).getTime());
  return [
    restoredLine(restored),
    ...(restored.missing ?? []).map((what) => `  missing: ${what}`),
    ...differences(now, restored.tables).map((line) => `  ${line}`),
    ...migrationLines(due),
  ];
}

/**
 * Point in time up to which the data has every commit. If some data is missing, only its newest transaction is known.
 */
export function momentOf({ target }: Wanted, { newestTransactionAt, missing = [] }: Restored): Date {
  const newest = new Date(newestTransactionAt);
  return target.kind === 'time' && missing.length === 0 && target.at > newest ? target.at : newest;
}

function restoredLine({ label, repository, newestTransactionAt, bytes: size, seconds }: Restored): string {
  const took = seconds.restore + seconds.replay + seconds.check;
  return `restored and checked beside production in ${duration(took)}: backup ${label} of repository ${repository}, ${bytes(size)}, newest transaction ${newestTransactionAt}`;
}

/** The restore also brings back the older schema while the code stays, so the operator must know before agreeing. */
const migrationLines = (due: DueMigration[]): string[] =>
  due.length === 0
    ? []
    : [
        `  this data and its schema are from before the migration of ${dueText(due)}.`,
        `  Afterwards: horme rollback, to a release of before them; or horme deploy, which runs them again`,
      ];

async function lookForSnapshots(session: Session, { target, snapshot, database, volumes }: Wanted): Promise<void> {
  const seen = await ask(session, filesService, ['list'], snapshotsAnswer);
  refuseMissing(
    volumes,
    snapshot,
    seen,
    database ? `horme restore ${typed(target)} --only-database` : 'horme backup list',
  );
}

export async function wishOf(
  session: Session,
  live: ReleaseContent,
  { target, acceptsDamage }: Wanted,
  use: Use,
): Promise<RestoreWish> {
  await archiveEverything(session);
  const list = await ask(session, backupService, ['list'], listAnswer);
  return { target, history: historyOf(target, list, releasedDatabase(live)?.version, use), acceptsDamage };
}
