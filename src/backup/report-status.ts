import { duration } from '../output/format.ts';
import type { BackupStatus, FilesStatus, Gap, RepositoryStatus } from './agent-types.ts';
import { ageSeconds, ago, localLabel, missingText, oneLine, repositoryName, timeText, windowText } from './report.ts';

/** Of an agent of before, which does not tell its schedule's interval. */
const daySeconds = 24 * 3600;
/** For the backup or the drill itself. */
const runSeconds = 2 * 3600;
/** One drill may have failed to run. */
const drillsUntilOld = 2;

export interface StatusLines {
  line: string[];
  /** What is wrong, with the command that gets further where there is one. */
  problems: string[];
}

/** For `horme status`; undefined: the environment has none. */
export function statusLines(
  database: BackupStatus | undefined,
  files: FilesStatus | undefined,
  now: Date,
): StatusLines {
  const repositories = [database, files].flatMap((status) => status?.repositories ?? []);
  const local = repositories.length > 0 && repositories.every(({ kind }) => kind === 'local');
  return {
    line: [
      ...(database ? [databaseLine(database, now)] : []),
      ...(files ? [`backup of the files: ${lastText(files.lastBackup, now)}`] : []),
      ...(local ? [`backups are local only: ${localLabel}`] : []),
    ],
    problems: [
      ...(database ? [...problemsOf('database', database, now), ...databaseProblems(database, now)] : []),
      ...(files ? problemsOf('files', files, now) : []),
    ],
  };
}

function databaseLine({ lastBackup, lastProof, rpoSeconds, rtoSeconds, window }: BackupStatus, now: Date): string {
  const parts = [
    lastText(lastBackup, now),
    ...(lastBackup ? [lastProof?.ok ? `proven ${ago(lastProof.at, now)}` : 'not proven'] : []),
    ...(rpoSeconds === null ? [] : [`RPO ${duration(rpoSeconds)}`]),
    ...(rtoSeconds === null ? [] : [`RTO ${duration(rtoSeconds)}`]),
    ...(window ? [windowText(window)] : []),
  ];
  return `backup of the database: ${parts.join(' · ')}`;
}

function lastText(last: { at: string; type?: string | null; seconds: number } | null, now: Date): string {
  if (last === null) return 'none yet';
  const type = last.type ? `${last.type}, ` : '';
  return `${ago(last.at, now)} (${type}took ${duration(last.seconds)})`;
}

function problemsOf(what: string, status: FilesStatus, now: Date): string[] {
  const { repositories, lastBackup, failing } = status;
  const errors = repositories.map(({ lastError }) => lastError);
  return [
    ...(lastBackup === null
      ? [`there is no backup of the ${what} yet: horme backup now`]
      : repositories.flatMap((repository) => backupProblem(what, repository, status, now))),
    ...repositories.flatMap((repository) => errorProblem(what, repository)),
    // The repository has said it already.
    ...(failing === null || errors.includes(failing) ? [] : [`the backup of the ${what} fails: ${oneLine(failing)}`]),
    ...(status.clockJumped
      ? [`the clock of the backup of the ${what} jumped: nothing old is deleted until it ran evenly for a day`]
      : []),
  ];
}

function backupProblem(
  what: string,
  repository: RepositoryStatus,
  { backupIntervalSeconds: interval = daySeconds }: FilesStatus,
  now: Date,
): string[] {
  const { lastBackupAt: at } = repository;
  const where = `in ${repositoryName(repository)}`;
  if (at === null) return [`there is no backup of the ${what} ${where} yet: horme backup now`];
  const age = ageSeconds(at, now);
  const isOld = interval !== null && age > interval + runSeconds;
  return isOld ? [`the last backup of the ${what} ${where} is ${duration(age)} old: horme backup now`] : [];
}

function errorProblem(what: string, { lastError, ...repository }: RepositoryStatus): string[] {
  return lastError === null ? [] : [`${repositoryName(repository)} fails for the ${what}: ${oneLine(lastError)}`];
}

function databaseProblems(status: BackupStatus, now: Date): string[] {
  return [...proofProblems(status, now), ...archiveProblems(status, now), ...status.gaps.map(gapProblem)];
}

const gapProblem = ({ repository, foundAt, ...wal }: Gap) =>
  `${missingText(wal)} in repository ${repository}, found ${timeText(foundAt)}: older backups reach no further`;

function proofProblems(
  { lastBackup, lastProof, drillIntervalSeconds: interval = daySeconds }: BackupStatus,
  now: Date,
): string[] {
  // Without a backup there is nothing to prove, and that is told.
  if (lastProof === null) return lastBackup === null ? [] : ['no backup was ever proven: horme backup drill'];
  const age = ageSeconds(lastProof.at, now);
  const isOld = interval !== null && age > drillsUntilOld * interval + runSeconds;
  const old = isOld ? [`the last proof is ${duration(age)} old: horme backup drill`] : [];
  if (lastProof.ok) return old;
  const [first = 'unknown', ...others] = lastProof.problems;
  const more = others.length === 0 ? '' : `, and ${others.length} more`;
  return [`the last proof failed ${ago(lastProof.at, now)}: ${oneLine(first)}${more}`, ...old];
}

function archiveProblems({ archiveFailing, archiveFailingSince }: BackupStatus, now: Date): string[] {
  if (!archiveFailing) return [];
  const since =
    archiveFailingSince === null ? '' : ` since ${timeText(archiveFailingSince)}, ${ago(archiveFailingSince, now)}`;
  return [`archiving fails${since}: what is written meanwhile is in no backup`];
}
