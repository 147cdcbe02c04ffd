/** What the agent (`images/backup/`) prints as its result, field by field: the contract between it and the command line. */

/** ISO 8601 with `Z`. */
export type Iso = string;

export type RepositoryKind = 'local' | 's3' | 'sftp';
export type BackupType = 'full' | 'diff' | 'incr';

export interface AgentWindow {
  from: Iso;
  to: Iso;
}

/** WAL that is missing: what lies after it can't be reached from a backup before it. */
export interface MissingWal {
  /** Names of WAL files, the first and the last one. */
  from: string;
  to: string;
}

export interface Gap extends MissingWal {
  repository: number;
  foundAt: Iso;
}

export interface Backup {
  label: string;
  type: BackupType;
  startedAt: Iso;
  endedAt: Iso;
  seconds: number;
  databaseBytes: number;
  repositoryBytes: number;
  error: boolean;
  /** Of the newest drill with it. */
  proof: Pick<Proof, 'at' | 'seconds' | 'ok'> | null;
}

export interface RepositoryHistory {
  /** From 1, as pgBackRest counts. */
  repository: number;
  kind: RepositoryKind;
  /** Null without a good backup. No time outside it can be restored, but there may be gaps in it. */
  window: AgentWindow | null;
  /** Every time in one of them can be restored. An older agent tells the outer one alone. */
  windows?: AgentWindow[];
  backups: Backup[];
  gaps: MissingWal[];
}

/** One life of the database, from when it was made or restored until it was replaced: a stanza of pgBackRest. */
export interface History {
  /** Begins with the time when it began, such as `20261124-150312-ab12`: the names sort by age. */
  stanza: string;
  current: boolean;
  systemId: string;
  /** Of PostgreSQL, the major one; null before there is a database in it, undefined from an older agent. */
  version?: string | null;
  repositories: RepositoryHistory[];
}

/** Of files: of a volume, of the cache, of the releases' ledger with the vault, or of the edge's certificates. */
export interface Snapshot {
  id: string;
  at: Iso;
  kind: 'volume' | 'cache' | 'state' | 'edge';
  name: string | null;
  repository: number;
  bytes: number;
  files: number;
  /** Files of its source could not be read. An agent of before doesn't know. */
  incomplete?: boolean;
}

/** A repository, or a part of it, that could not be read: what it has is not in the list. */
export interface ListProblem {
  repository: number;
  /** The agent of files leaves it out: its message names the repository. */
  kind?: RepositoryKind;
  /** The newest history that it keeps from being read; none: all of the repository. */
  stanza?: string | null;
  message: string;
}

export interface SnapshotsAnswer {
  snapshots: Snapshot[];
  problems?: ListProblem[];
}

export interface ListAnswer {
  histories: History[];
  /** Undefined from an older agent. */
  problems?: ListProblem[];
}

/** What came of one drill. */
export interface DrillOutcome {
  at: Iso;
  repository: number;
  ok: boolean;
  problems: string[];
}

/** Of the database: a restore into nowhere, started and checked. What was not measured before it failed is null. */
export interface Proof extends DrillOutcome {
  label: string;
  /** From the first byte restored until the database answers; of these the restore, and the replay of WAL. */
  seconds: number | null;
  restoreSeconds: number | null;
  replaySeconds: number | null;
  /** The checks that a restore runs too before it gives the database back; undefined in proofs of an older agent. */
  checkSeconds?: number | null;
  bytes: number | null;
  /** Of restore, replay and checks. */
  secondsPerGibibyte: number | null;
  newestTransactionAt: Iso | null;
  newestTransactionAgeSeconds: number | null;
}

/** Of files: some are restored into nowhere, and a part of all that the repository has is read, each time the next one. */
export interface FilesProof extends DrillOutcome {
  kind: RepositoryKind;
  seconds: number;
  restored: ('state' | 'cache')[];
  restoreSeconds: number;
  /** From 1 to `parts`. */
  part: number;
  parts: number;
}

export interface RepositoryStatus {
  repository: number;
  kind: RepositoryKind;
  lastBackupAt: Iso | null;
  lastBackupSeconds: number | null;
  lastError: string | null;
  /** Why what is too old could not be deleted after the last backup. */
  lastExpireError?: string | null;
  /** Of the database: the backups of its present history that were there once, and were gone when it was found. */
  historyLost?: (AgentWindow & { foundAt: Iso }) | null;
}

/** What both roles have. */
export interface FilesStatus {
  lastBackup: { at: Iso; seconds: number; repository: number } | null;
  repositories: RepositoryStatus[];
  clockJumped: boolean;
  failing: string | null;
  /** The longest time between two runs of the schedule around now; null for a schedule that never comes. */
  backupIntervalSeconds?: number | null;
  /** As `backupIntervalSeconds`, of the drills. */
  drillIntervalSeconds?: number | null;
  /** In the last repository: what is left when this machine is not, where there is such a one. An older agent proves no files. */
  lastProof?: DrillOutcome | null;
  /** The newest of each repository; undefined from an older agent. */
  proofs?: DrillOutcome[];
}

export interface BackupStatus extends FilesStatus {
  lastBackup: { at: Iso; label: string; type: BackupType; seconds: number; repository: number } | null;
  /** Of the present history, as the others. */
  lastProof: Proof | null;
  proofs?: Proof[];
  /** What `lastProof` measured; null without one. */
  rpoSeconds: number | null;
  rtoSeconds: number | null;
  archiveFailing: boolean;
  archiveFailingSince: Iso | null;
  oldestReadySeconds: number;
  walBytes: number;
  gaps: Gap[];
  /** Of the current history, where the agent remembers it: asking the repositories would take its time. */
  window?: AgentWindow | null;
}
