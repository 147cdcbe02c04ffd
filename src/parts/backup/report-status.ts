import { duration } from '../../output/format.ts';
import type { BackupStatus, DrillOutcome, FilesStatus, Gap, RepositoryStatus } from '../../agent/backup/contract.ts';
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
      ...(files ? [`backup of the files: ${takenAndProven(files, now).join(' · ')}`] : []),
      ...(local ? [`backups are local only: ${localLabel}`] : []),
    ],
    problems: [
      ...(database ? [...problemsOf('database', database, now), ...databaseProblems(database, now)] : []),
      ...(files ? problemsOf('files', files, now) : []),
    ],
  };
}

function databaseLine(status: BackupStatus, now: Date): string {
  const { rpoSeconds, rtoSeconds, window } = status;
  const parts = [
    ...takenAndProven(status, now),
    ...(rpoSeconds === null ? [] : [`RPO ${duration(rpoSeconds)}`]),
    ...(rtoSeconds === null ? [] : [`RTO ${duration(rtoSeconds)}`]),
    ...(window ? [windowText(window)] : []),
  ];
  return `backup of the database: ${parts.join(' · ')}`;
}

function takenAndProven(status: FilesStatus, now: Date): string[] {
  const { lastBackup, lastProof } = status;
  const proven = lastBackup === null || lastProof === undefined ? [] : [provenText(lastProof, status, now)];
  return [lastText(lastBackup, now), ...proven];
}

function provenText(lastProof: DrillOutcome | null, { repositories }: FilesStatus, now: Date): string {
  const where = repositories.find(({ repository }) => repository === lastProof?.repository);
  const proven = lastProof?.ok ? `proven ${ago(lastProof.at, now)}` : 'not proven';
  return where ? `${proven} in ${repositoryName(where)}` : proven;
}

function lastText(last: { at: string; type?: string | null; seconds: number } | null, now: Date): string {
  if (last === null) return 'none yet';
  const type = last.type ? `${last.type}, ` : '';
  return `${ago(last.at, now)} (${type}took ${duration(last.seconds)})`;
}

function problemsOf(what: string, status: FilesStatus, now: Date): string[] {
  const { repositories, lastBackup, failing } = status;
  const told = repositories.flatMap(({ repository, lastError }) =>
    lastError === null ? [] : [`in repository ${repository}: ${lastError}`],
  );
  return [
    ...(lastBackup === null
      ? [`there is no backup of the ${what} yet: horme backup now`]
      : repositories.flatMap((repository) => backupProblem(what, repository, status, now))),
    ...repositories.flatMap((repository) => errorProblem(what, repository)),
    // Else the repositories have said it already.
    ...(failing === null || failing === told.join('; ')
      ? []
      : [`the backup of the ${what} fails: ${oneLine(failing)}`]),
    ...(status.clockJumped
      ? [`the clock of the backup of the ${what} jumped: nothing old is deleted until it ran evenly for a day`]
      : []),
    ...proofProblems(what, status, now),
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

function errorProblem(
  what: string,
  { lastError, lastExpireError, historyLost, ...repository }: RepositoryStatus,
): string[] {
  const where = repositoryName(repository);
  return [
    ...(lastError === null ? [] : [`${where} fails for the ${what}: ${oneLine(lastError)}`]),
    ...(lastExpireError ? [`${where}: what is too old could not be deleted: ${oneLine(lastExpireError)}`] : []),
    ...(historyLost
      ? [
          `${where}: its backups from ${timeText(historyLost.from)} to ${timeText(historyLost.to)} are gone, found ` +
            `${timeText(historyLost.foundAt)}: it was emptied, or is another one now`,
        ]
      : []),
  ];
}

function databaseProblems(status: BackupStatus, now: Date): string[] {
  return [...archiveProblems(status, now), ...status.gaps.map(gapProblem)];
}

const gapProblem = ({ repository, foundAt, ...wal }: Gap) =>
  `${missingText(wal)} in repository ${repository}, found ${timeText(foundAt)}: older backups reach no further`;

/** Whatever was proven elsewhere: each repository may be the one that is left. Drills by the schedule prove the last. */
function proofProblems(what: string, status: FilesStatus, now: Date): string[] {
  const { repositories, lastProof, proofs = lastProof ? [lastProof] : [] } = status;
  // An agent of before, which proves no files.
  if (lastProof === undefined) return [];
  const proofIn = ({ repository }: RepositoryStatus) => proofs.find((proof) => proof.repository === repository);
  return [
    ...repositories.flatMap((repository) => failedProblem(what, repository, proofIn(repository), now)),
    ...repositories.slice(-1).flatMap((repository) => oldProblem(what, repository, lastProof, status, now)),
  ];
}

function failedProblem(
  what: string,
  repository: RepositoryStatus,
  proof: DrillOutcome | undefined,
  now: Date,
): string[] {
  if (!proof || proof.ok) return [];
  const [first = 'unknown', ...others] = proof.problems;
  const more = others.length === 0 ? '' : `, and ${others.length} more`;
  const next = `horme backup drill --repository ${repository.repository}`;
  const failed = `the last proof of the ${what} in ${repositoryName(repository)} failed ${ago(proof.at, now)}`;
  return [`${failed}: ${oneLine(first)}${more}: ${next}`];
}

function oldProblem(
  what: string,
  last: RepositoryStatus,
  lastProof: DrillOutcome | null,
  { drillIntervalSeconds: interval = daySeconds }: FilesStatus,
  now: Date,
): string[] {
  const where = repositoryName(last);
  // Without a backup there is nothing to prove, and that is told.
  if (lastProof === null)
    return last.lastBackupAt === null ? [] : [`no backup of the ${what} in ${where} is proven yet: horme backup drill`];
  const age = ageSeconds(lastProof.at, now);
  const isOld = interval !== null && age > drillsUntilOld * interval + runSeconds;
  return isOld ? [`the last proof of the ${what} in ${where} is ${duration(age)} old: horme backup drill`] : [];
}

function archiveProblems({ archiveFailing, archiveFailingSince }: BackupStatus, now: Date): string[] {
  if (!archiveFailing) return [];
  const since =
    archiveFailingSince === null ? '' : ` since ${timeText(archiveFailingSince)}, ${ago(archiveFailingSince, now)}`;
  return [`archiving fails${since}: what is written meanwhile is in no backup`];
}
