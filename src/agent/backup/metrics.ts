import type { Reading } from '../clock.ts';
import { epochSeconds, parseMoment, secondsBetween } from '../moments.ts';
import type { Told } from './agent.ts';
import type { Gap } from './contract.ts';
import type { KnownProof, KnownRepository, Size, Status } from './known.ts';
import { archivingNow, presentOf, type Present } from './present.ts';
import { newestProofs, rtoSeconds } from './proofs.ts';

// The status as Prometheus reads it: https://prometheus.io/docs/instrumenting/exposition_formats/. The names are a contract with
// the alerts.

/** The newest size is compared with the mean of those before it in this time. */
const sizesSeconds = 7 * 24 * 3600;

type Value = string | number | boolean | null | undefined;
type Labels = Record<string, string>;
/** A metric: its name, the field that it tells, and its help. */
type Family<T> = readonly [name: string, field: keyof T, help: string];

const ofRepository: Family<KnownRepository>[] = [
  ['horme_backup_last_success_timestamp_seconds', 'lastBackupAt', 'When the newest good backup ended.'],
  ['horme_backup_last_failure_timestamp_seconds', 'lastFailureAt', 'When a backup last failed.'],
  ['horme_backup_last_duration_seconds', 'lastBackupSeconds', 'How long the last backup took.'],
  ['horme_backup_size_bytes', 'lastBackupBytes', 'How much the newest good backup holds.'],
];
const ofDatabase: Family<Status>[] = [
  ['horme_backup_archive_failing', 'archiveFailing', '1 when WAL does not arrive in the repositories.'],
  ['horme_backup_archive_oldest_ready_seconds', 'oldestReadySeconds', 'For how long the oldest WAL file waits.'],
  ['horme_backup_wal_bytes', 'walBytes', 'Size of the WAL that the database holds.'],
];

interface ToldProof {
  at: string;
  ok: boolean;
  newestTransactionAgeSeconds: Value;
  rtoSeconds: Value;
  secondsPerGibibyte: Value;
}

const ofProof: Family<ToldProof>[] = [
  ['horme_backup_last_proof_timestamp_seconds', 'at', 'When a restore was last tried.'],
  ['horme_backup_last_proof_ok', 'ok', '1 when it went well.'],
];
/** What a drill of the database measures. */
const ofMeasured: Family<ToldProof>[] = [
  ['horme_backup_rpo_seconds', 'newestTransactionAgeSeconds', 'Age of the newest transaction in the last drill.'],
  ['horme_backup_rto_seconds', 'rtoSeconds', 'How long a restore takes: restore, replay and checks of the last drill.'],
  ['horme_backup_restore_seconds_per_gibibyte', 'secondsPerGibibyte', 'The same for each GiB of data.'],
];

export function renderMetrics(told: Told, known: Status, now: Reading): string {
  const status = archivingNow(presentOf(told, known), now);
  return [
    ...repositoryLines(told, status),
    family('horme_backup_clock_jumped', '1 while nothing is expired for it.', [
      [{ role: told.role }, status.clockJumped ?? false],
    ]),
    ...proofLines(told, status),
    ...(told.role === 'database' ? archiveLines(status) : []),
  ].join('');
}

function repositoryLines({ role }: Told, { repositories, sizes = [] }: Present): string[] {
  const entries = Object.entries(repositories);
  const labels = (number: string, kind = ''): Labels => ({ role, repository: number, kind });
  const told = ofRepository.map(([name, field, help]) =>
    family(
      name,
      help,
      entries.map(([number, one]) => [labels(number, one.kind), one[field] as Value]),
    ),
  );
  const ratios = entries.map(([number, one]): Sample => [labels(number, one.kind), sizeRatio(sizes, Number(number))]);
  return [...told, family('horme_backup_size_ratio', 'Newest size by the mean of the week before.', ratios)];
}

/** Undefined while there is nothing to compare with. */
export function sizeRatio(sizes: Size[], repository: number): number | undefined {
  const own = sizes.filter((one) => one.repository === repository);
  const newest = own.pop();
  if (newest === undefined) return undefined;
  const at = parseMoment(newest.at);
  const before = own.filter((one) => secondsBetween(parseMoment(one.at), at) < sizesSeconds).map(({ bytes }) => bytes);
  const mean = before.reduce((sum, bytes) => sum + bytes, 0) / before.length;
  return mean > 0 ? newest.bytes / mean : undefined;
}

function proofLines({ role }: Told, status: Present): string[] {
  const newest = [...newestProofs(status, status.stanza)].sort(([a], [b]) => a - b);
  const told = newest.map(([number, proof]): [Labels, ToldProof] => [
    { role, repository: String(number) },
    toldProof(proof),
  ]);
  const families = role === 'database' ? [...ofProof, ...ofMeasured] : ofProof;
  return families.map(([name, field, help]) =>
    family(
      name,
      help,
      told.map(([labels, proof]) => [labels, proof[field]]),
    ),
  );
}

function toldProof(proof: KnownProof): ToldProof {
  const measured = 'newestTransactionAgeSeconds' in proof ? proof : undefined;
  return {
    at: proof.at,
    ok: proof.ok,
    newestTransactionAgeSeconds: measured?.newestTransactionAgeSeconds,
    rtoSeconds: rtoSeconds(proof),
    secondsPerGibibyte: measured?.secondsPerGibibyte,
  };
}

function archiveLines(status: Present): string[] {
  return [
    ...ofDatabase.map(([name, field, help]) => family(name, help, [[{}, status[field] as Value]])),
    family('horme_backup_archive_gaps', 'Holes in the archived WAL that no later backup covers.', [
      [{}, openGaps(status)],
    ]),
  ];
}

/** Undefined before the first look. */
function openGaps({ gaps, repositories }: Present): number | undefined {
  return gaps?.filter((gap) => !isCovered(gap, repositories[gap.repository] ?? {})).length;
}

/**
 * By a backup that ended since the gap was found: pgBackRest saw all WAL of it from begin to end, so that the gap lies before. An
 * error that is no later failure is that it has damaged pages, and then it covers nothing.
 */
function isCovered(gap: Gap, { lastBackupAt, lastFailureAt, lastError }: Partial<KnownRepository>): boolean {
  if (!lastBackupAt) return false;
  const ended = parseMoment(lastBackupAt);
  const failedLater = Boolean(lastFailureAt && parseMoment(lastFailureAt) > ended);
  return !(lastError && !failedLater) && ended > parseMoment(gap.foundAt);
}

type Sample = readonly [Labels, Value];

/** Nothing at all without a value: an invented 0 would be taken for one. */
function family(name: string, help: string, samples: Sample[]): string {
  const lines = samples.flatMap(([labels, value]) => {
    const number = numberOf(value);
    return number === undefined ? [] : [`${name}${labelText(labels)} ${number}\n`];
  });
  return lines.length > 0 ? `# HELP ${name} ${help}\n# TYPE ${name} gauge\n${lines.join('')}` : '';
}

/** Values are numbers and the agent's own words: none needs escaping. */
function labelText(labels: Labels): string {
  const told = Object.entries(labels).map(([name, value]) => `${name}="${value}"`);
  return told.length > 0 ? `{${told.join(',')}}` : '';
}

/** A text is a point in time. */
function numberOf(value: Value): number | undefined {
  if (value === null || value === undefined) return undefined;
  return typeof value === 'string' ? epochSeconds(parseMoment(value)) : Number(value);
}
