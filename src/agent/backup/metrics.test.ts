import { describe, expect, test } from 'vitest';
import type { Reading } from '../clock.ts';
import type { Told } from './agent.ts';
import type { Role } from './contract.ts';
import type { KnownProof, Size, Status } from './known.ts';
import { renderMetrics, sizeRatio } from './metrics.ts';
import { statusReport } from './report.ts';
import { local, s3, told } from './testing.ts';

const stanza = '20261124-150312-ab12';
const before = '20261101-091500-3fa2';

const proof = (fields: object): KnownProof => ({ problems: [], ...fields }) as unknown as KnownProof;
const proofs = [
  proof({ repository: 1, stanza: before, at: '2026-11-22T04:30:00Z', ok: false, seconds: 1 }),
  proof({ repository: 2, stanza, at: '2026-11-23T04:30:00Z', ok: true, seconds: 2 }),
  proof({
    repository: 2,
    stanza,
    at: '2026-11-24T04:30:00Z',
    ok: false,
    seconds: 61.5,
    checkSeconds: 8.4,
    newestTransactionAgeSeconds: 9,
    secondsPerGibibyte: null,
  }),
];
const first = {
  kind: 'local' as const,
  lastBackupAt: '2026-11-24T03:05:00Z',
  lastBackupSeconds: 12.5,
  lastBackupBytes: 300,
  lastError: null,
  lastFailureAt: null,
};
const second = { kind: 's3' as const, lastBackupAt: null, lastError: 'refused', lastFailureAt: '2026-11-24T03:05:00Z' };
const sizes: Size[] = [
  { repository: 1, at: '2026-11-01T03:00:00Z', bytes: 9999 },
  { repository: 1, at: '2026-11-22T03:00:00Z', bytes: 100 },
  { repository: 1, at: '2026-11-23T03:00:00Z', bytes: 140 },
  { repository: 1, at: '2026-11-24T03:05:00Z', bytes: 300 },
];
const gap = (repository: number, foundAt: string) => ({ repository, foundAt, from: 'a', to: 'b' });
const known: Status = {
  repositories: { 1: first, 2: second },
  sizes,
  stanza,
  proofs,
  archiveFailing: true,
  oldestReadySeconds: 61,
  walBytes: 1024,
  gaps: [gap(1, '2026-11-24T03:04:59Z'), gap(1, '2026-11-24T03:05:00Z')],
};

const now: Reading = { wall: new Date('2026-11-24T16:00:00Z'), steady: 5000, boot: 'boot-1' };
const filesProof = proof({ repository: 2, at: '2026-11-24T04:30:00Z', ok: true, seconds: 4 });

const environment = (role: Role): Told =>
  told({ role, drillSchedule: '30 4 * * 0', stanza, repositories: [local(1), s3(2)] });
const rendered = (role: Role, status: Status, at = now): string => renderMetrics(environment(role), status, at);
/** What every role reports, and what is the database's own. */
const reported = (role: Role, status: Status, at = now) => statusReport(environment(role), status, at) as Report;
type Report = ReturnType<typeof statusReport> & Record<string, unknown>;

describe('metrics', () => {
  test.each([
    'horme_backup_last_success_timestamp_seconds{role="database",repository="1",kind="local"} 1795489500',
    'horme_backup_last_failure_timestamp_seconds{role="database",repository="2",kind="s3"} 1795489500',
    'horme_backup_last_duration_seconds{role="database",repository="1",kind="local"} 12.5',
    'horme_backup_size_bytes{role="database",repository="1",kind="local"} 300',
    'horme_backup_size_ratio{role="database",repository="1",kind="local"} 2.5',
    'horme_backup_last_proof_timestamp_seconds{role="database",repository="2"} 1795494600',
    'horme_backup_last_proof_ok{role="database",repository="2"} 0',
    'horme_backup_rpo_seconds{role="database",repository="2"} 9',
    'horme_backup_rto_seconds{role="database",repository="2"} 69.9',
    'horme_backup_archive_failing 1',
    'horme_backup_archive_oldest_ready_seconds 61',
    'horme_backup_wal_bytes 1024',
    'horme_backup_archive_gaps 1',
    'horme_backup_clock_jumped{role="database"} 0',
  ])('tell what is known: %s', (line) => {
    expect(rendered('database', known)).toContain(`${line}\n`);
  });

  test.each([
    'last_success_timestamp_seconds',
    'last_proof_timestamp_seconds',
    'rpo_seconds',
    'rto_seconds',
    'size_ratio',
    'archive_failing',
    'archive_gaps',
  ])('tell what is promised of a database: %s', (name) => {
    expect(rendered('database', known)).toMatch(new RegExp(`^horme_backup_${name}\\b.* [\\d.]+$`, 'm'));
  });

  test('do not invent what is not known', () => {
    const text = rendered('database', known);
    expect(text).not.toContain('last_success_timestamp_seconds{role="database",repository="2"');
    expect(text).not.toContain('restore_seconds_per_gibibyte');
    expect(text).not.toContain('last_proof_ok{role="database",repository="1"');
    expect(rendered('database', {})).not.toContain('archive');
  });

  test('count a gap until a good backup ended after it was found', () => {
    const gaps = (repository: number, foundAt: string, ofBackup = {}): string | undefined => {
      const status = { ...known, gaps: [gap(1, foundAt)], repositories: { [repository]: { ...first, ...ofBackup } } };
      return /^horme_backup_archive_gaps (.*)$/m.exec(rendered('database', status))?.[1];
    };
    expect([gaps(1, '2026-11-24T03:04:59Z'), gaps(1, '2026-11-24T03:05:00Z')]).toEqual(['0', '1']);
    const earlier = '2026-11-24T02:00:00Z';
    expect(gaps(1, earlier, { lastError: 'pages of the database have a wrong checksum' })).toBe('1');
    expect(gaps(1, earlier, { lastError: 'refused', lastFailureAt: '2026-11-25T03:00:00Z' })).toBe('0');
    expect(gaps(1, earlier, { lastBackupAt: null })).toBe('1');
    expect(gaps(2, earlier)).toBe('1');
  });

  test('say that archiving fails once the database answers no look for two minutes', () => {
    const since = '2026-11-24T15:00:00Z';
    const archiveLook = { wall: since, steadySeconds: 4880, boot: 'boot-1' };
    const looked: Status = { ...known, archiveFailing: false, archiveFailingSince: null, archiveLook };
    const later = { ...now, steady: 5001 };
    // Whatever the wall clock says, and whatever was before a boot: the archiver begins anew with it.
    const rebooted = { ...later, boot: 'boot-2' };
    const jumped = { ...now, wall: new Date('2030-11-24T16:00:00Z') };
    for (const [at, failing] of [
      [now, 0],
      [later, 1],
      [rebooted, 0],
      [jumped, 0],
    ] as const) {
      expect(rendered('database', looked, at)).toContain(`horme_backup_archive_failing ${failing}\n`);
      expect(reported('database', looked, at)['archiveFailing']).toBe(Boolean(failing));
    }
    expect(reported('database', looked, later)).toMatchObject({
      archiveError: `the database has not answered since ${since}`,
      archiveFailingSince: since,
    });
    const longer = { ...looked, archiveFailingSince: '2026-11-24T14:00:00Z' };
    expect(reported('database', longer, later)['archiveFailingSince']).toBe('2026-11-24T14:00:00Z');
  });

  test('of files have no archive', () => {
    expect(rendered('files', known)).not.toContain('archive');
  });

  test('of files have a proof, and nothing that a database measures', () => {
    const text = rendered('files', { proofs: [filesProof] });
    expect(text).toContain('horme_backup_last_proof_timestamp_seconds{role="files",repository="2"} 1795494600\n');
    expect(text).toContain('horme_backup_last_proof_ok{role="files",repository="2"} 1\n');
    expect(text).not.toContain('rto');
  });

  test('of a first backup have nothing to compare with', () => {
    expect(sizeRatio(sizes.slice(0, 1), 1)).toBeUndefined();
    expect(sizeRatio([], 1)).toBeUndefined();
    expect(sizeRatio([{ ...sizes[1]!, bytes: 0 }, sizes[2]!], 1)).toBeUndefined();
  });
});

describe('the report', () => {
  test('is whole without any status', () => {
    const report = reported('database', {});
    expect(report).toMatchObject({ lastProof: null, proofs: [], rpoSeconds: null, gaps: [] });
    expect(report).toMatchObject({ archiveFailing: false, clockJumped: false, failing: null });
    expect(report.repositories.map(({ kind, lastBackup }) => [kind, lastBackup])).toEqual([
      ['local', null],
      ['s3', null],
    ]);
  });

  test('says what fails', () => {
    const report = reported('database', known);
    expect(report).toMatchObject({ failing: 'in repository 2: refused', rpoSeconds: 9, rtoSeconds: 69.9 });
    expect(report.repositories[0]?.lastBackup?.at).toBe('2026-11-24T03:05:00Z');
    expect(reported('files', { failures: { state: 'full' } }).failing).toBe('state: full');
  });

  test('does not tell of a repository that the environment has no more', () => {
    const former: Status = {
      repositories: { 3: { ...first, ...second } },
      stanza,
      proofs: [{ ...proofs.at(-1)!, repository: 3 }],
      gaps: [gap(3, '2026-11-24T03:05:00Z')],
      sizes: [{ ...sizes.at(-1)!, repository: 3 }],
    };
    const report = reported('database', former);
    expect(report.repositories.map(({ lastError }) => lastError)).toEqual([null, null]);
    expect(report).toMatchObject({ proofs: [], failing: null, gaps: [] });
    const text = rendered('database', former);
    expect(text).toContain('horme_backup_archive_gaps 0\n');
    expect(text).not.toContain('repository="');
  });

  test('counts the proof of the last repository, and none hides that of another', () => {
    const failed = { ...proofs[0]!, stanza, at: '2026-11-25T04:30:00Z' };
    const report = reported('database', { ...known, proofs: [...proofs, failed] });
    expect([report.proofs, report.lastProof]).toEqual([[failed, proofs[2]], proofs[2]]);
  });

  test('has no proof of what another history proved', () => {
    const others = proofs.map((one) => ({ ...one, stanza: before }));
    expect(reported('database', { ...known, proofs: others })).toMatchObject({
      lastProof: null,
      proofs: [],
      rtoSeconds: null,
    });
  });

  test('says how often there should be a backup and a proof', () => {
    const [day, week] = [86_400, 7 * 86_400];
    expect(reported('database', {})).toMatchObject({ backupIntervalSeconds: day, drillIntervalSeconds: week });
    expect(reported('files', {}).drillIntervalSeconds).toBe(week);
  });

  test('of files tells the proof, and no times of a database', () => {
    const report = reported('files', { proofs: [filesProof] });
    expect([report.lastProof, report.proofs]).toEqual([filesProof, [filesProof]]);
    expect(report).not.toHaveProperty('rtoSeconds');
    expect(reported('files', {})).toMatchObject({ lastProof: null, proofs: [] });
  });
});
