import { describe, expect, test } from 'vitest';
import type { BackupStatus, FilesProof, FilesStatus, Proof, RepositoryStatus } from '../../agent/backup/contract.ts';
import { statusLines } from './report-status.ts';

const now = new Date('2026-11-24T16:00:00Z');
const hoursAgo = (hours: number) => new Date(now.getTime() - hours * 3_600_000).toISOString();

const repository = (number: number, kind: RepositoryStatus['kind'], hours: number | null): RepositoryStatus => ({
  repository: number,
  kind,
  lastBackupAt: hours === null ? null : hoursAgo(hours),
  lastBackupSeconds: 12,
  lastError: null,
});

const proof: Proof = {
  at: hoursAgo(11.5),
  label: '20261124-030000F',
  repository: 2,
  seconds: 190.4,
  restoreSeconds: 150.2,
  replaySeconds: 40.2,
  bytes: 3 * 1024 ** 3,
  secondsPerGibibyte: 63.5,
  newestTransactionAt: hoursAgo(11.6),
  newestTransactionAgeSeconds: 11.8,
  ok: true,
  problems: [],
};

const database: BackupStatus = {
  lastBackup: { at: hoursAgo(13), label: '20261124-030000F', type: 'full', seconds: 125, repository: 2 },
  repositories: [repository(1, 'local', 13), repository(2, 's3', 13)],
  lastProof: proof,
  proofs: [proof],
  drillIntervalSeconds: 24 * 3600,
  rpoSeconds: 11.8,
  rtoSeconds: 190.4,
  archiveFailing: false,
  archiveFailingSince: null,
  oldestReadySeconds: 0,
  walBytes: 0,
  gaps: [],
  clockJumped: false,
  failing: null,
  backupIntervalSeconds: 24 * 3600,
};
const filesProof: FilesProof = {
  at: hoursAgo(11),
  repository: 2,
  kind: 's3',
  seconds: 95.2,
  restored: ['state', 'cache'],
  restoreSeconds: 3.1,
  part: 7,
  parts: 30,
  ok: true,
  problems: [],
};
const files: FilesStatus = {
  lastBackup: { at: hoursAgo(12.9), seconds: 8, repository: 2 },
  repositories: [repository(1, 'local', 12.9), repository(2, 's3', 12.9)],
  clockJumped: false,
  failing: null,
  backupIntervalSeconds: 24 * 3600,
  drillIntervalSeconds: 24 * 3600,
  lastProof: filesProof,
  proofs: [filesProof],
};

const problems = (change: Partial<BackupStatus>) => statusLines({ ...database, ...change }, files, now).problems;

describe('the status', () => {
  test('is two lines while all is well', () => {
    expect(statusLines(database, files, now)).toEqual({
      line: [
        'backup of the database: 13 h ago (full, took 2 min 5 s) · proven 11 h 30 min ago in repository 2 (s3) · RPO 11.8 s · RTO 3 min 10 s',
        'backup of the files: 12 h 54 min ago (took 8.0 s) · proven 11 h ago in repository 2 (s3)',
      ],
      problems: [],
    });
  });

  test('has the window where the agent tells it', () => {
    const window = { from: '2026-11-23T03:02:00Z', to: '2026-11-24T15:59:41Z' };
    expect(statusLines({ ...database, window }, undefined, now).line[0]).toMatch(
      / · every moment from 2026-11-23 03:02:00Z to 2026-11-24 15:59:41Z$/,
    );
  });

  test('names what could not be deleted, and backups that are gone', () => {
    const historyLost = { from: hoursAgo(240), to: hoursAgo(24), foundAt: hoursAgo(1) };
    const odd = { ...repository(2, 's3', 1), lastExpireError: 'access\ndenied', historyLost };
    expect(problems({ repositories: [repository(1, 'local', 1), odd] })).toEqual([
      'repository 2 (s3): what is too old could not be deleted: access denied',
      'repository 2 (s3): its backups from 2026-11-14 16:00:00Z to 2026-11-23 16:00:00Z are gone, found 2026-11-24 15:00:00Z: it was emptied, or is another one now',
    ]);
  });

  test('says that local backups alone do not survive the machine', () => {
    const local = { repositories: [repository(1, 'local', 1)] };
    const label = 'backups are local only: does not survive this machine';
    expect(statusLines({ ...database, ...local }, { ...files, ...local }, now).line).toContain(label);
    expect(statusLines({ ...database, ...local }, files, now).line).not.toContain(label);
    expect(statusLines(undefined, undefined, now)).toEqual({ line: [], problems: [] });
  });
});

describe('a problem is', () => {
  test('no backup yet, and that alone', () => {
    const none = { lastBackup: null, repositories: [repository(1, 's3', null)] };
    const fresh: BackupStatus = {
      ...database,
      ...none,
      lastProof: null,
      proofs: [],
      rpoSeconds: null,
      rtoSeconds: null,
    };
    expect(statusLines(fresh, { ...files, ...none, lastProof: null, proofs: [] }, now)).toEqual({
      line: ['backup of the database: none yet', 'backup of the files: none yet'],
      problems: [
        'there is no backup of the database yet: horme backup now',
        'there is no backup of the files yet: horme backup now',
      ],
    });
  });

  test('a repository whose last backup is old or missing, whatever the others have', () => {
    expect(problems({ repositories: [repository(1, 'local', 26), repository(2, 's3', 26.1)] })).toEqual([
      'the last backup of the database in repository 2 (s3) is 1 d 2 h old: horme backup now',
    ]);
    expect(problems({ repositories: [repository(1, 'local', 1), repository(2, 'sftp', null)] })).toEqual([
      'there is no backup of the database in repository 2 (sftp) yet: horme backup now',
    ]);
  });

  test('measured by the schedule: a backup a week may be a week old, and one of no schedule any age', () => {
    const week = { backupIntervalSeconds: 7 * 24 * 3600, drillIntervalSeconds: 7 * 24 * 3600 };
    const aged = (days: number) => ({
      repositories: [repository(1, 's3', days * 24)],
      lastProof: { ...proof, at: hoursAgo(2 * days * 24) },
    });
    expect(problems({ ...week, ...aged(7) })).toEqual([]);
    expect(problems({ ...week, ...aged(7.1) })).toEqual([
      'the last backup of the database in repository 1 (s3) is 7 d 2 h old: horme backup now',
      'the last proof of the database in repository 1 (s3) is 14 d 5 h old: horme backup drill',
    ]);
    expect(problems({ backupIntervalSeconds: null, drillIntervalSeconds: null, ...aged(99) })).toEqual([]);
  });

  test('a proof that is missing, old or failed', () => {
    expect(problems({ lastProof: null, proofs: [] })).toEqual([
      'no backup of the database in repository 2 (s3) is proven yet: horme backup drill',
    ]);
    expect(statusLines({ ...database, lastProof: null }, undefined, now).line[0]).toContain(' · not proven · ');
    expect(problems({ lastProof: { ...proof, at: hoursAgo(49.9) } })).toEqual([]);
    expect(problems({ lastProof: { ...proof, at: hoursAgo(60) } })).toEqual([
      'the last proof of the database in repository 2 (s3) is 2 d 12 h old: horme backup drill',
    ]);
    const failed = { ...proof, ok: false, problems: ['WAL 00A1 is\nmissing', 'b', 'c'] };
    expect(problems({ lastProof: failed, proofs: [failed] })).toEqual([
      'the last proof of the database in repository 2 (s3) failed 11 h 30 min ago: WAL 00A1 is missing, and 2 more: horme backup drill --repository 2',
    ]);
    expect(statusLines({ ...database, lastProof: failed }, undefined, now).line[0]).toContain(
      'not proven in repository 2 (s3)',
    );
    const older = { ...failed, at: hoursAgo(60), problems: [] };
    // An older agent tells the last one alone.
    const { proofs: _, ...told } = database;
    expect(statusLines({ ...told, lastProof: older }, files, now).problems).toEqual([
      'the last proof of the database in repository 2 (s3) failed 2 d 12 h ago: unknown: horme backup drill --repository 2',
      'the last proof of the database in repository 2 (s3) is 2 d 12 h old: horme backup drill',
    ]);
  });

  test('a failed proof of any repository, whatever another one proved later', () => {
    const failed = { ...proof, repository: 1, at: hoursAgo(40), ok: false, problems: ['a page is damaged'] };
    const status = { ...database, proofs: [failed, proof] };
    expect(statusLines(status, files, now)).toEqual({
      line: statusLines(database, files, now).line,
      problems: [
        'the last proof of the database in repository 1 (local) failed 1 d 16 h ago: a page is damaged: horme backup drill --repository 1',
      ],
    });
  });

  test('the same of the files, and nothing of an agent that proves none', () => {
    const told = (change: Partial<FilesStatus>) => statusLines(undefined, { ...files, ...change }, now);
    const failed = { ...filesProof, ok: false, problems: ['cache: there is no snapshot of it'] };
    expect(told({ lastProof: failed, proofs: [failed] })).toEqual({
      line: ['backup of the files: 12 h 54 min ago (took 8.0 s) · not proven in repository 2 (s3)'],
      problems: [
        'the last proof of the files in repository 2 (s3) failed 11 h ago: cache: there is no snapshot of it: horme backup drill --repository 2',
      ],
    });
    expect(told({ lastProof: { ...filesProof, at: hoursAgo(60) } }).problems).toEqual([
      'the last proof of the files in repository 2 (s3) is 2 d 12 h old: horme backup drill',
    ]);
    expect(told({ lastProof: null, proofs: [] }).problems).toEqual([
      'no backup of the files in repository 2 (s3) is proven yet: horme backup drill',
    ]);
    const { lastProof: _last, proofs: _proofs, ...older } = files;
    expect(statusLines(undefined, older, now)).toEqual({
      line: ['backup of the files: 12 h 54 min ago (took 8.0 s)'],
      problems: [],
    });
  });

  test('archiving that fails, and a gap', () => {
    expect(problems({ archiveFailing: true, archiveFailingSince: '2026-11-24T15:00:00Z' })).toEqual([
      'archiving fails since 2026-11-24 15:00:00Z, 1 h ago: what is written meanwhile is in no backup',
    ]);
    expect(problems({ archiveFailing: true })).toEqual(['archiving fails: what is written meanwhile is in no backup']);
    expect(problems({ gaps: [{ repository: 2, from: '00A1', to: '00A1', foundAt: '2026-11-24T15:00:00Z' }] })).toEqual([
      'WAL 00A1 is missing in repository 2, found 2026-11-24 15:00:00Z: older backups reach no further',
    ]);
  });

  test('a clock that jumped, in either container', () => {
    const text = 'the clock of the backup of the files jumped: nothing old is deleted until it ran evenly for a day';
    expect(statusLines(database, { ...files, clockJumped: true }, now).problems).toEqual([text]);
    expect(problems({ clockJumped: true })).toEqual([text.replace('files', 'database')]);
  });

  test('a repository that fails, told once and on one line', () => {
    const bad = { ...repository(2, 's3', 13), lastError: 'HTTP 403\n\u001b[31mdenied' };
    const repositories = [repository(1, 'local', 13), bad];
    const expected = 'repository 2 (s3) fails for the database: HTTP 403 [31mdenied';
    expect(problems({ repositories, failing: `in repository 2: ${bad.lastError}` })).toEqual([expected]);
    expect(problems({ repositories, failing: 'disk full' })).toEqual([
      expected,
      'the backup of the database fails: disk full',
    ]);
  });
});
