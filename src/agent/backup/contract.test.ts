import { expect, test } from 'vitest';
import {
  backupStatusAnswer,
  eventLine,
  filesProof,
  filesRestored,
  filesStatusAnswer,
  listAnswer,
  proof,
  snapshotsAnswer,
} from './contract.ts';
import { statusReport } from './report.ts';
import { clockAt, local, s3, told } from './testing.ts';

// What agents of before told, and what this one tells: each must be understood.

const repository = { repository: 1, kind: 'local', lastBackupAt: null, lastBackupSeconds: null, lastError: null };
const oldFiles = {
  role: 'files',
  repositories: [{ ...repository, lastBackup: null }],
  clockJumped: false,
  failing: null,
};
const oldProof = {
  ...{ at: '2026-11-24T04:30:00Z', label: '20261124-030000F', repository: 1, ok: true, problems: [], bytes: 1 },
  ...{ seconds: 61.5, restoreSeconds: 50, replaySeconds: 11.5, secondsPerGibibyte: 3 },
  ...{ newestTransactionAt: '2026-11-24T04:29:00Z', newestTransactionAgeSeconds: 9 },
};

test('an agent that proved no files and told no intervals', () => {
  expect(filesStatusAnswer.parse(oldFiles)).toBeTruthy();
});

test('an agent that timed no checks and kept one proof', () => {
  const archive = { archiveFailing: false, archiveFailingSince: null, oldestReadySeconds: 0, walBytes: 1, gaps: [] };
  const status = { ...oldFiles, ...archive, lastProof: oldProof, rpoSeconds: 9, rtoSeconds: 61.5 };
  expect(backupStatusAnswer.parse(status)).toBeTruthy();
  expect(proof.parse(oldProof)).toBeTruthy();
});

test('lists without problems, windows and versions', () => {
  const inRepository = { repository: 1, kind: 's3', window: null, backups: [], gaps: [] };
  const history = { stanza: '20261124-150312-ab12', current: true, systemId: '7', repositories: [inRepository] };
  expect(listAnswer.parse({ histories: [history] })).toBeTruthy();
  const snapshot = { id: '9c1f', at: oldProof.at, kind: 'volume', name: 'uploads', repository: 1, bytes: 1, files: 1 };
  expect(snapshotsAnswer.parse({ snapshots: [snapshot] })).toBeTruthy();
});

test('a restore of files that does not know what is incomplete', () => {
  const brought = { snapshot: '9c1f', repository: 1, at: oldProof.at, files: 1, bytes: 1, seconds: 1 };
  expect(filesRestored.parse(brought)).toBeTruthy();
});

test('a proof of files is none of the database', () => {
  const ofFiles = { ...oldProof, kind: 'local', restored: ['state'], part: 1, parts: 30, label: undefined };
  expect(filesProof.safeParse(ofFiles).success).toBe(true);
  expect(proof.safeParse(ofFiles).success).toBe(false);
});

test('a result keeps all of its fields, and a line of another form is none', () => {
  expect(eventLine.parse({ event: 'result', anything: 1 })).toEqual({ event: 'result', anything: 1 });
  expect(eventLine.safeParse({ event: 'later' }).success).toBe(false);
});

test.each(['database', 'files'] as const)(
  "this agent's own status of %s, with and without what it remembers",
  (role) => {
    const answer = role === 'database' ? backupStatusAnswer : filesStatusAnswer;
    const environment = told({ role, repositories: [local(1), s3(2)] });
    const clock = clockAt(new Date('2026-11-24T16:00:00Z'));
    const taken = {
      lastBackupAt: oldProof.at,
      lastBackupSeconds: 5,
      lastBackupLabel: 'a',
      lastBackupType: 'full' as const,
    };
    const known = { repositories: { 1: taken }, proofs: [{ ...oldProof, stanza: environment.stanza ?? '' }] };
    for (const status of [{}, known]) {
      expect(answer.safeParse(statusReport(environment, status, clock.read())).error).toBeUndefined();
    }
  },
);
