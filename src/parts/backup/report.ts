import { bytes, duration, table, type Column } from '../../output/format.ts';
import type {
  AgentWindow,
  Backup,
  FilesProof,
  History,
  Iso,
  ListAnswer,
  ListProblem,
  MissingWal,
  Proof,
  RepositoryHistory,
  RepositoryKind,
  SnapshotsAnswer,
} from '../../agent/backup/contract.ts';
import { dated, newestFirst, targetText, windowsIn } from './target.ts';

/** Said wherever the only backups are beside what they are of. */
export const localLabel = 'does not survive this machine';

const columns: Column[] = [
  { title: 'BACKUP' },
  { title: 'TYPE' },
  { title: 'ENDED' },
  { title: 'AGE', align: 'right' },
  { title: 'TOOK', align: 'right' },
  { title: 'DATABASE', align: 'right' },
  { title: 'STORED', align: 'right' },
  { title: 'PROVEN' },
];

/** All that there is to restore from, the newest history and the newest backup first; then what could not be read. */
export function listScreen({ histories, problems = [] }: ListAnswer, now: Date): string {
  const screens = newestFirst(histories).map((history) => historyScreen(history, now));
  return screenOf(screens.join('\n\n'), 'backup', problems);
}

/** Where not all could be read, nobody knows that there is none. */
function screenOf(listed: string, what: string, problems: readonly ListProblem[]): string {
  if (listed === '' && problems.length === 0) return `no ${what} yet: horme backup now`;
  return [listed, problems.map(problemText).join('\n')].filter((part) => part !== '').join('\n\n');
}

export const problemText = ({ repository, kind, message }: ListProblem): string =>
  `not read: ${kind === undefined ? '' : `${repositoryName({ repository, kind })}: `}${oneLine(message)}`;

function historyScreen(history: History, now: Date): string {
  const version = history.version ? `, PostgreSQL ${history.version}` : '';
  const title = `history ${history.stanza}${history.current ? ' (current)' : ''}${version}`;
  const repositories = history.repositories.map((repository) => repositoryLines(repository, now));
  return [title, ...repositories.flat()].join('\n');
}

function repositoryLines(held: RepositoryHistory, now: Date): string[] {
  const { repository, kind, backups, gaps } = held;
  const label = kind === 'local' ? `: ${localLabel}` : '';
  return [
    `  repository ${repository}, ${kind}${label}`,
    ...windowLines(windowsIn(held)).map((line) => `    ${line}`),
    ...(backups.length === 0 ? [] : backupTable(backups, now).map((line) => `    ${line}`)),
    ...gaps.map((gap) => `    ${missingText(gap)}: older backups reach no further`),
  ];
}

/** With what lies between two of them: a moment of it can't be restored. */
function windowLines(windows: readonly AgentWindow[]): string[] {
  if (windows.length === 0) return ['nothing to restore from'];
  return windows.flatMap((window, index) => {
    const before = windows[index - 1];
    const hole = before ? [`no moment between ${timeText(before.to)} and ${timeText(window.from)}`] : [];
    return [...hole, `reaches ${windowText(window)}`];
  });
}

function backupTable(backups: readonly Backup[], now: Date): string[] {
  const newest = [...backups].sort((a, b) => Date.parse(b.endedAt) - Date.parse(a.endedAt));
  const rows = newest.map((backup) => [
    backup.label,
    backup.type,
    timeText(backup.endedAt),
    duration(ageSeconds(backup.endedAt, now)),
    duration(backup.seconds),
    bytes(backup.databaseBytes),
    bytes(backup.repositoryBytes),
    backup.error ? 'damaged' : provenText(backup.proof, now),
  ]);
  return table(columns, rows).split('\n');
}

const snapshotColumns: Column[] = [
  { title: 'FILES OF' },
  { title: 'SNAPSHOT' },
  { title: 'TAKEN' },
  { title: 'AGE', align: 'right' },
  { title: 'FILES', align: 'right' },
  { title: 'SIZE', align: 'right' },
  { title: 'IN' },
];

/** Of each source the newest ones first. */
export function snapshotsScreen({ snapshots, problems = [] }: SnapshotsAnswer, now: Date): string {
  const rows = snapshots
    .toSorted((a, b) => Date.parse(b.at) - Date.parse(a.at))
    .map(({ id, at, kind, name, repository, bytes: size, files, incomplete }) => [
      name === null ? kind : `${kind} ${name}`,
      id.slice(0, 8),
      timeText(at),
      ago(at, now),
      incomplete ? `${files}, some missing` : String(files),
      bytes(size),
      String(repository),
    ]);
  return screenOf(rows.length === 0 ? '' : table(snapshotColumns, rows), 'snapshot of files', problems);
}

function provenText(proof: Backup['proof'], now: Date): string {
  if (proof === null) return 'never';
  const when = ago(proof.at, now);
  if (!proof.ok) return `failed ${when}`;
  return proof.seconds === null ? when : `${when}, in ${duration(proof.seconds)}`;
}

/** What a drill showed. One that proves nothing is an error of the agent, with the reasons. */
export function drillLines(proof: Proof): string[] {
  const proven = `backup ${proof.label} of repository ${proof.repository} is proven: restored, started and checked`;
  return [proven, ...timesOf(proof), ...newestOf(proof)];
}

/** As `drillLines`, of files. */
export function filesDrillLine(proof: FilesProof): string {
  const { restored, restoreSeconds, parts } = proof;
  const back = `${restored.join(' and ')} restored in ${duration(restoreSeconds)}`;
  const read = parts === 1 ? 'all read' : `1/${parts} of all read`;
  return `the files of ${repositoryName(proof)}: ${back}, ${read}: proven`;
}

function timesOf(proof: Proof): string[] {
  const { seconds, restoreSeconds, replaySeconds, checkSeconds = null, bytes: size, secondsPerGibibyte } = proof;
  if (seconds === null) return [];
  const parts = [
    ...(restoreSeconds === null ? [] : [`restore ${duration(restoreSeconds)}`]),
    ...(replaySeconds === null ? [] : [`start and replay ${duration(replaySeconds)}`]),
    ...(checkSeconds === null ? [] : [`checks ${duration(checkSeconds)}`]),
    ...(size === null ? [] : [bytes(size)]),
    ...(secondsPerGibibyte === null ? [] : [`${duration(secondsPerGibibyte)} a GiB`]),
  ];
  const back = duration(seconds + (checkSeconds ?? 0));
  return [`the database would be back in ${back}${parts.length === 0 ? '' : `: ${parts.join(', ')}`}`];
}

function newestOf({ newestTransactionAt: at, newestTransactionAgeSeconds: age }: Proof): string[] {
  if (at === null) return [];
  return [`newest transaction in it: ${timeText(at)}${age === null ? '' : `, ${duration(age)} before recovery ended`}`];
}

export const missingText = ({ from, to }: MissingWal) => `WAL ${from === to ? from : `${from} to ${to}`} is missing`;

export const repositoryName = ({ repository, kind }: { repository: number; kind: RepositoryKind }) =>
  `repository ${repository} (${kind})`;

export function windowText(window: { from: Iso; to: Iso }): string {
  const { from, to } = dated(window);
  return `every moment from ${targetText(from)} to ${targetText(to)}`;
}

export const timeText = (at: Iso) => targetText(new Date(at));

/** The agent's clock may be ahead of ours. */
export const ageSeconds = (at: Iso, now: Date): number => Math.max(0, (now.getTime() - Date.parse(at)) / 1000);

export const ago = (at: Iso, now: Date): string => `${duration(ageSeconds(at, now))} ago`;

/** What another program or a server far away said, as part of a line of ours: no line breaks, no terminal commands. */
export function oneLine(text: string): string {
  const plain = text.replaceAll(/[\s\u0000-\u001f\u007f-\u009f]+/g, ' ').trim();
  return plain.length > 300 ? `${plain.slice(0, 299)}…` : plain;
}
