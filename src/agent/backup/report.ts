import { intervalSeconds, parseSchedule } from '../../schedule.ts';
import type { Reading } from '../clock.ts';
import type { Repository, Told } from './agent.ts';
import type { AgentWindow } from './contract.ts';
import type { KnownProof, KnownRepository, Status } from './known.ts';
import { archivingNow, presentOf, type Present } from './present.ts';
import { newestProofs, rtoSeconds } from './proofs.ts';

/** What `status` prints. Made of the settings and the status alone, so that it answers at once and without the repositories. */
export function statusReport(told: Told, status: Status, now: Reading) {
  const known = archivingNow(presentOf(told, status), now);
  const newest = newestProofs(known, told.role === 'database' ? told.stanza : null);
  const own = told.repositories.map(({ number }) => newest.get(number));
  // Of the last repository: what is left when this machine is not.
  const lastProof = own.at(-1) ?? null;
  return {
    role: told.role,
    repositories: told.repositories.map((one) => repositoryReport(one, known.repositories[one.number] ?? {})),
    clockJumped: known.clockJumped ?? false,
    failing: failing(known),
    // By which whoever reads this says whether a backup or a proof is old.
    backupIntervalSeconds: interval(told.schedule, now.wall),
    drillIntervalSeconds: interval(told.drillSchedule, now.wall),
    lastProof,
    proofs: own.filter((one) => one !== undefined),
    ...(told.role === 'database' && databaseReport(known, lastProof)),
  };
}

const interval = (schedule: string, now: Date): number | null => intervalSeconds(parseSchedule(schedule), now) ?? null;

function repositoryReport({ number, kind }: Repository, known: Partial<KnownRepository>) {
  return {
    repository: number,
    kind,
    lastBackupAt: known.lastBackupAt ?? null,
    lastBackupSeconds: known.lastBackupSeconds ?? null,
    lastBackupBytes: known.lastBackupBytes ?? null,
    lastError: known.lastError ?? null,
    lastFailureAt: known.lastFailureAt ?? null,
    lastExpireError: known.lastExpireError ?? null,
    historyLost: known.historyLost ?? null,
    lastBackup: lastBackup(number, known),
  };
}

function lastBackup(number: number, known: Partial<KnownRepository>) {
  if (!known.lastBackupAt) return null;
  return {
    at: known.lastBackupAt,
    label: known.lastBackupLabel ?? null,
    type: known.lastBackupType ?? null,
    seconds: known.lastBackupSeconds ?? null,
    repository: number,
  };
}

function databaseReport(known: Present, proof: KnownProof | null) {
  return {
    archiveFailing: known.archiveFailing ?? false,
    archiveFailingSince: known.archiveFailingSince ?? null,
    archiveError: known.archiveError ?? null,
    oldestReadySeconds: known.oldestReadySeconds ?? null,
    walBytes: known.walBytes ?? null,
    gaps: known.gaps ?? [],
    rpoSeconds: proof && 'newestTransactionAgeSeconds' in proof ? proof.newestTransactionAgeSeconds : null,
    rtoSeconds: proof && rtoSeconds(proof),
    window: presentWindow(known),
  };
}

/** Of the present history: from the end of the oldest backup to the last WAL that arrived. */
function presentWindow({ repositories, lastArchivedAt }: Present): AgentWindow | null {
  const oldest = Object.values(repositories).flatMap(({ oldestBackupAt }) => oldestBackupAt ?? []);
  const from = oldest.sort()[0];
  if (from === undefined || lastArchivedAt === undefined) return null;
  return { from, to: lastArchivedAt > from ? lastArchivedAt : from };
}

/** Of scheduled work and of what was typed: a repository's error is there whoever ran into it. */
function failing({ failures = {}, repositories }: Present): string | null {
  const scheduled = Object.entries(failures).flatMap(([kind, message]) => (message ? [`${kind}: ${message}`] : []));
  if (scheduled.length > 0) return scheduled.join('; ');
  const errors = Object.entries(repositories).flatMap(([number, { lastError }]) =>
    lastError ? [`in repository ${number}: ${lastError}`] : [],
  );
  return errors.join('; ') || null;
}
