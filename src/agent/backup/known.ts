import type { BackupType, FilesProof, Gap, Iso, Proof, RepositoryKind } from './contract.ts';

/** When a hold ends: after so much steady time of that boot. */
export interface Hold {
  boot: string;
  steadySeconds: number;
}

/** A reading of the clock, as it is written. */
export interface Noted {
  wall: Iso;
  steadySeconds: number;
  boot: string;
}

/** What is known of one repository; each field is missing until it is. */
export interface KnownRepository {
  kind: RepositoryKind;
  lastBackupAt: Iso | null;
  lastBackupSeconds: number | null;
  lastBackupBytes: number | null;
  lastBackupLabel: string;
  lastBackupType: BackupType;
  oldestBackupAt: Iso | null;
  lastError: string | null;
  lastFailureAt: Iso | null;
  lastExpireError: string | null;
  /** Of the database: why a backup is wanted before the next slot. */
  backupWanted: string | null;
  historyLost: { foundAt: Iso; from: Iso; to: Iso } | null;
  /** Of files: the tags of what the last good backup had. */
  sources: string[];
  lastPruneAt: Iso | null;
}

/** Proofs of the database have the stanza that they prove; older agents timed no checks. */
export type KnownProof = (Proof & { stanza: string }) | FilesProof;

export interface Size {
  repository: number;
  at: Iso;
  bytes: number;
}

/** The file `status.json`: what the agent remembers. An older agent's is read too, so that a new field may be missing. */
export interface Known {
  repositories: Record<string, Partial<KnownRepository>>;
  sizes: Size[];
  proofs: KnownProof[];
  /** Why the newest scheduled run of each kind of work failed. */
  failures: Record<string, string | null>;
  lastSlot: Iso;
  lastDrillSlot: Iso;
  /** Of files: the fingerprint of the state that is backed up. */
  stateSeen: string | null;
  setUpAt: Iso;
  clock: Noted;
  clockJumped: boolean;
  expiryHeldUntil: Hold | null;
  backupsHeldUntil: Hold | null;
  /** The present history of the database. */
  stanza: string | null;
  gaps: Gap[];
  archiveLook: Noted;
  archiveFailing: boolean;
  archiveFailingSince: Iso | null;
  archiveError: string | null;
  archiveMendedAt: Iso | null;
  oldestReadySeconds: number;
  readyFiles: number;
  walBytes: number;
  lastArchivedAt: Iso;
}

export type Status = Partial<Known>;

/** Edits a status: the entry of a repository, which is made when it is missing. */
export function entryOf(known: Status, number: number): Partial<KnownRepository> {
  known.repositories ??= {};
  return (known.repositories[String(number)] ??= {});
}
