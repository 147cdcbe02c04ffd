import * as z from 'zod';

// What the agent is told and what it answers, field by field: the one contract between it and the command line. A field that an
// older agent leaves out is optional, since it may still run when a newer `horme` asks it.

/** ISO 8601 with `Z`. */
export type Iso = string;
const iso = z.string();

/** Of a container of the agent: what it backs up. */
export const role = z.enum(['database', 'files']);
export type Role = z.infer<typeof role>;

export const repositoryKind = z.enum(['local', 's3', 'sftp']);
export type RepositoryKind = z.infer<typeof repositoryKind>;
export const backupType = z.enum(['full', 'diff', 'incr']);
export type BackupType = z.infer<typeof backupType>;

/** Without secrets, which are files of the container. */
export const repositorySettings = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('local') }),
  z.object({
    kind: z.literal('s3'),
    endpoint: z.string(),
    bucket: z.string(),
    region: z.string().optional(),
    prefix: z.string().optional(),
  }),
  z.object({
    kind: z.literal('sftp'),
    host: z.string(),
    port: z.number().optional(),
    user: z.string(),
    path: z.string(),
  }),
]);
export type RepositorySettings = z.infer<typeof repositorySettings>;

/** What a drill asks of the restored database. */
export const assertion = z.object({ line: z.number(), sql: z.string(), expected: z.string() });

/** The environment variable HORME_BACKUP of the agent's containers. */
export const agentSettings = z.object({
  project: z.string(),
  /** Of the environment: keeps a second one of the same name away from the first one's backups. */
  id: z.string(),
  /** The present history of the database; null without a database. */
  stanza: z.string().nullish(),
  /** Major version of PostgreSQL. */
  version: z.number(),
  members: z.array(z.string()),
  databaseName: z.string(),
  encrypt: z.boolean(),
  keepDays: z.number(),
  schedule: z.string(),
  drillSchedule: z.string(),
  repositories: z.array(repositorySettings),
  volumes: z.array(z.string()),
  cache: z.boolean(),
  assertions: z.array(assertion),
});
export type AgentSettings = z.infer<typeof agentSettings>;

/** The last line that a command prints is its result or its error. */
export const eventLine = z.discriminatedUnion('event', [
  z.object({ event: z.literal('progress'), text: z.string() }),
  z.object({ event: z.literal('error'), code: z.string(), message: z.string(), next: z.string().optional() }),
  z.looseObject({ event: z.literal('result') }),
]);
export type EventLine = z.infer<typeof eventLine>;

export const agentWindow = z.object({ from: iso, to: iso });
export type AgentWindow = z.infer<typeof agentWindow>;

/** WAL that is missing: what lies after it can't be reached from a backup before it. Names of WAL files, the first and the last. */
export const missingWal = z.object({ from: z.string(), to: z.string() });
export type MissingWal = z.infer<typeof missingWal>;

export const gap = missingWal.extend({ repository: z.number(), foundAt: iso });
export type Gap = z.infer<typeof gap>;

/** What came of one drill. */
export const drillOutcome = z.object({
  at: iso,
  repository: z.number(),
  ok: z.boolean(),
  problems: z.array(z.string()),
});
export type DrillOutcome = z.infer<typeof drillOutcome>;

/** Of the database: a restore into nowhere, started and checked. What was not measured before it failed is null. */
export const proof = drillOutcome.extend({
  label: z.string(),
  /** From the first byte restored until the database answers; of these the restore, and the replay of WAL. */
  seconds: z.number().nullable(),
  restoreSeconds: z.number().nullable(),
  replaySeconds: z.number().nullable(),
  /** The checks that a restore runs too before it gives the database back; undefined in proofs of an older agent. */
  checkSeconds: z.number().nullish(),
  bytes: z.number().nullable(),
  /** Of restore, replay and checks. */
  secondsPerGibibyte: z.number().nullable(),
  newestTransactionAt: iso.nullable(),
  newestTransactionAgeSeconds: z.number().nullable(),
});
export type Proof = z.infer<typeof proof>;

/** Of files: some are restored into nowhere, and a part of all that the repository has is read, each time the next one. */
export const filesProof = drillOutcome.extend({
  kind: repositoryKind,
  seconds: z.number(),
  restored: z.array(z.enum(['state', 'cache'])),
  restoreSeconds: z.number(),
  /** From 1 to `parts`. */
  part: z.number(),
  parts: z.number(),
});
export type FilesProof = z.infer<typeof filesProof>;

export const backup = z.object({
  label: z.string(),
  type: backupType,
  startedAt: iso,
  endedAt: iso,
  seconds: z.number(),
  databaseBytes: z.number(),
  repositoryBytes: z.number(),
  error: z.boolean(),
  /** Of the newest drill with it. */
  proof: proof.pick({ at: true, seconds: true, ok: true }).nullable(),
});
export type Backup = z.infer<typeof backup>;

export const repositoryHistory = z.object({
  /** From 1, as pgBackRest counts. */
  repository: z.number(),
  kind: repositoryKind,
  /** Null without a good backup. No time outside it can be restored, but there may be gaps in it. */
  window: agentWindow.nullable(),
  /** Every time in one of them can be restored. An older agent tells the outer one alone. */
  windows: z.array(agentWindow).exactOptional(),
  backups: z.array(backup),
  gaps: z.array(missingWal),
});
export type RepositoryHistory = z.infer<typeof repositoryHistory>;

/** One life of the database, from when it was made or restored until it was replaced: a stanza of pgBackRest. */
export const history = z.object({
  /** Begins with the time when it began, such as `20261124-150312-ab12`: the names sort by age. */
  stanza: z.string(),
  current: z.boolean(),
  /** Null before there is a database in it. */
  systemId: z.string().nullable(),
  /** Of PostgreSQL, the major one; null before there is a database in it, undefined from an older agent. */
  version: z.string().nullish(),
  repositories: z.array(repositoryHistory),
});
export type History = z.infer<typeof history>;

/** Of files: of a volume, of the cache, of the releases' ledger with the vault, or of the edge's certificates. */
export const snapshot = z.object({
  id: z.string(),
  at: iso,
  kind: z.enum(['volume', 'cache', 'state', 'edge']),
  name: z.string().nullable(),
  repository: z.number(),
  bytes: z.number(),
  files: z.number(),
  /** Files of its source could not be read. An agent of before doesn't know. */
  incomplete: z.boolean().exactOptional(),
});
export type Snapshot = z.infer<typeof snapshot>;

/** A repository, or a part of it, that could not be read: what it has is not in the list. */
export const listProblem = z.object({
  repository: z.number(),
  /** The agent of files leaves it out: its message names the repository. */
  kind: repositoryKind.exactOptional(),
  /** The newest history that it keeps from being read; none: all of the repository. */
  stanza: z.string().nullish(),
  message: z.string(),
});
export type ListProblem = z.infer<typeof listProblem>;

export const snapshotsAnswer = z.object({
  snapshots: z.array(snapshot),
  problems: z.array(listProblem).exactOptional(),
});
export type SnapshotsAnswer = z.infer<typeof snapshotsAnswer>;

/** `problems` is undefined from an older agent. */
export const listAnswer = z.object({
  histories: z.array(history),
  problems: z.array(listProblem).exactOptional(),
});
export type ListAnswer = z.infer<typeof listAnswer>;

/** What is known of one repository. */
const ofRepository = z.object({
  repository: z.number(),
  kind: repositoryKind,
  lastBackupAt: iso.nullable(),
  lastBackupSeconds: z.number().nullable(),
  lastError: z.string().nullable(),
  /** Why what is too old could not be deleted after the last backup. */
  lastExpireError: z.string().nullish(),
  /** Of the database: the backups of its present history that were there once, and were gone when it was found. */
  historyLost: agentWindow.extend({ foundAt: iso }).nullish(),
});
export type RepositoryStatus = z.infer<typeof ofRepository>;

const takenBackup = z.object({ at: iso, seconds: z.number(), repository: z.number() });
const takenDatabaseBackup = takenBackup.extend({ label: z.string(), type: backupType });

/** What `status` says of files. */
export const filesStatusAnswer = z.object({
  repositories: z.array(ofRepository.extend({ lastBackup: takenBackup.nullable() })),
  clockJumped: z.boolean(),
  failing: z.string().nullable(),
  /** The longest time between two runs of the schedule around now; null for a schedule that never comes. */
  backupIntervalSeconds: z.number().nullish(),
  /** As `backupIntervalSeconds`, of the drills. */
  drillIntervalSeconds: z.number().nullish(),
  /** In the last repository: what is left when this machine is not, where there is such a one. An older agent proves no files. */
  lastProof: drillOutcome.nullish(),
  /** The newest of each repository; undefined from an older agent. */
  proofs: z.array(drillOutcome).exactOptional(),
});
export type FilesStatusAnswer = z.infer<typeof filesStatusAnswer>;

/** And of the database. */
export const backupStatusAnswer = filesStatusAnswer.extend({
  repositories: z.array(ofRepository.extend({ lastBackup: takenDatabaseBackup.nullable() })),
  /** Of the present history, as the others. */
  lastProof: proof.nullable(),
  proofs: z.array(proof).exactOptional(),
  /** What `lastProof` measured; null without one. */
  rpoSeconds: z.number().nullable(),
  rtoSeconds: z.number().nullable(),
  archiveFailing: z.boolean(),
  archiveFailingSince: iso.nullable(),
  archiveError: z.string().nullish(),
  /** Null before the first look at the database. */
  oldestReadySeconds: z.number().nullable(),
  walBytes: z.number().nullable(),
  gaps: z.array(gap),
  /** Of the current history, where the agent remembers it: asking the repositories would take its time. */
  window: agentWindow.nullish(),
});
export type BackupStatusAnswer = z.infer<typeof backupStatusAnswer>;

/** With the newest backup of all repositories. */
export type FilesStatus = Omit<FilesStatusAnswer, 'repositories'> & {
  repositories: RepositoryStatus[];
  lastBackup: z.infer<typeof takenBackup> | null;
};
export type BackupStatus = Omit<BackupStatusAnswer, 'repositories'> & {
  repositories: RepositoryStatus[];
  lastBackup: z.infer<typeof takenDatabaseBackup> | null;
};

/** Of commands whose answer nobody takes apart. */
export const anyAnswer = z.looseObject({});

/** What a restore of files brought. */
export const filesRestored = z.object({
  snapshot: z.string(),
  repository: z.number(),
  at: iso,
  /** Files could not be read when the snapshot was taken. An agent of before doesn't know. */
  incomplete: z.boolean().exactOptional(),
  files: z.number(),
  bytes: z.number(),
  seconds: z.number(),
});
export type FilesRestored = z.infer<typeof filesRestored>;

/** A folder compared with a snapshot. Each list has the first of its paths, `counts` how many there are. */
export const differences = z.object({
  added: z.array(z.string()),
  changed: z.array(z.string()),
  removed: z.array(z.string()),
  counts: z.object({ added: z.number(), changed: z.number(), removed: z.number() }),
});
export type Differences = z.infer<typeof differences>;

/** What `diff` says of a volume. */
export const volumeDifferences = differences.extend({ snapshot: z.string(), at: iso });
export type VolumeDifferences = z.infer<typeof volumeDifferences>;

/** What `restore` has put beside a member's data. */
export const restored = z.object({
  folder: z.string(),
  label: z.string(),
  repository: z.number(),
  stanza: z.string(),
  newestTransactionAt: iso,
  seconds: z.object({ restore: z.number(), replay: z.number(), check: z.number() }),
  bytes: z.number(),
  /** Rows of each table. Null: damaged, so that its rows can't be counted. */
  tables: z.record(z.string(), z.number().nullable()),
  /** What is not known to be in it, in words. An agent of before tells none. */
  missing: z.array(z.string()).exactOptional(),
  /** What the checks found. An agent of before tells none. */
  damage: z.array(z.string()).exactOptional(),
});
export type Restored = z.infer<typeof restored>;

/** Folders of the members' volumes: the data that is in use now, and what was set aside. */
export const swapped = z.object({ folder: z.string(), former: z.array(z.string()) });
export type Swapped = z.infer<typeof swapped>;

/** A file in the member's volume. */
export const dumped = z.object({ file: z.string(), bytes: z.number() });
export type Dumped = z.infer<typeof dumped>;

/** Of the database: one backup that `backup` took. */
export const taken = z.object({
  repository: z.number(),
  label: z.string(),
  type: backupType,
  seconds: z.number(),
  databaseBytes: z.number(),
  repositoryBytes: z.number(),
  error: z.boolean(),
});
export type Taken = z.infer<typeof taken>;

export const backupAnswer = z.object({ stanza: z.string(), repositories: z.array(taken) });
export type BackupAnswer = z.infer<typeof backupAnswer>;

export const setUpAnswer = z.object({ stanza: z.string(), repositories: z.array(z.number()) });
export type SetUpAnswer = z.infer<typeof setUpAnswer>;
