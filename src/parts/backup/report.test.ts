import { describe, expect, test } from 'vitest';
import type { Backup, FilesProof, History, Proof } from '../../agent/backup/contract.ts';
import { drillLines, filesDrillLine, listScreen, snapshotsScreen } from './report.ts';

const now = new Date('2026-11-24T16:00:00Z');

const backup: Backup = {
  label: '20261124-030000F',
  type: 'full',
  startedAt: '2026-11-24T03:00:00Z',
  endedAt: '2026-11-24T03:02:05Z',
  seconds: 125,
  databaseBytes: 3 * 1024 ** 3,
  repositoryBytes: 700 * 1024 ** 2,
  error: false,
  proof: { at: '2026-11-24T04:30:00Z', seconds: 190.4, ok: true },
};
const older: Backup = {
  ...backup,
  label: '20261123-030000F',
  endedAt: '2026-11-23T03:02:00Z',
  seconds: 120,
  proof: { at: '2026-11-23T04:30:00Z', seconds: null, ok: false },
};

const histories: History[] = [
  {
    stanza: '20261101-000000-aaaa',
    current: false,
    systemId: '1',
    repositories: [{ repository: 1, kind: 'local', window: null, backups: [{ ...older, error: true }], gaps: [] }],
  },
  {
    stanza: '20261120-150312-bbbb',
    current: true,
    systemId: '2',
    version: '18',
    repositories: [
      { repository: 1, kind: 'local', window: null, backups: [], gaps: [] },
      {
        repository: 2,
        kind: 's3',
        window: { from: '2026-11-23T03:02:00Z', to: '2026-11-24T15:59:41Z' },
        backups: [
          older,
          { ...backup, type: 'diff', label: '20261123-030000F_20261124-030000D' },
          { ...older, label: 'x', proof: null },
        ],
        gaps: [
          { from: '0000000100000000000000A1', to: '0000000100000000000000A3' },
          { from: '0000000100000000000000B1', to: '0000000100000000000000B1' },
        ],
      },
    ],
  },
];

describe('the list', () => {
  test('shows each history with its repositories, windows, backups and gaps, the newest first', () => {
    expect(`\n${listScreen({ histories }, now)}\n`).toBe(`
history 20261120-150312-bbbb (current), PostgreSQL 18
  repository 1, local: does not survive this machine
    nothing to restore from
  repository 2, s3
    reaches every moment from 2026-11-23 03:02:00Z to 2026-11-24 15:59:41Z
    BACKUP                             TYPE  ENDED                         AGE       TOOK  DATABASE   STORED  PROVEN
    20261123-030000F_20261124-030000D  diff  2026-11-24 03:02:05Z  12 h 58 min  2 min 5 s     3 GiB  700 MiB  11 h 30 min ago, in 3 min 10 s
    20261123-030000F                   full  2026-11-23 03:02:00Z     1 d 13 h      2 min     3 GiB  700 MiB  failed 1 d 12 h ago
    x                                  full  2026-11-23 03:02:00Z     1 d 13 h      2 min     3 GiB  700 MiB  never
    WAL 0000000100000000000000A1 to 0000000100000000000000A3 is missing: older backups reach no further
    WAL 0000000100000000000000B1 is missing: older backups reach no further

history 20261101-000000-aaaa
  repository 1, local: does not survive this machine
    nothing to restore from
    BACKUP            TYPE  ENDED                      AGE   TOOK  DATABASE   STORED  PROVEN
    20261123-030000F  full  2026-11-23 03:02:00Z  1 d 13 h  2 min     3 GiB  700 MiB  damaged
`);
  });

  test('of nothing says what to type', () => {
    expect(listScreen({ histories: [] }, now)).toBe('no backup yet: horme backup now');
    expect(snapshotsScreen({ snapshots: [] }, now)).toBe('no snapshot of files yet: horme backup now');
  });

  test('of what can’t be read is not one of nothing', () => {
    const problems = [{ repository: 2, kind: 's3' as const, message: 'it can’t be read: access denied' }];
    const said = 'not read: repository 2 (s3): it can’t be read: access denied';
    expect(listScreen({ histories: [], problems }, now)).toBe(said);
    expect(listScreen({ histories, problems }, now)).toBe(`${listScreen({ histories }, now)}\n\n${said}`);
    const ofFiles = [{ repository: 2, message: 'repository 2 (s3): access denied' }];
    expect(snapshotsScreen({ snapshots: [], problems: ofFiles }, now)).toBe(
      'not read: repository 2 (s3): access denied',
    );
  });

  test('names the hole between two windows', () => {
    const windows = [
      { from: '2026-11-20T03:02:00Z', to: '2026-11-21T10:00:00Z' },
      { from: '2026-11-22T03:02:00Z', to: '2026-11-24T15:59:41Z' },
    ];
    const window = { from: '2026-11-20T03:02:00Z', to: '2026-11-24T15:59:41Z' };
    const repositories = [{ repository: 2, kind: 's3' as const, window, windows, backups: [], gaps: [] }];
    expect(listScreen({ histories: [{ stanza: 'a', current: true, systemId: '1', repositories }] }, now)).toBe(
      [
        'history a (current)',
        '  repository 2, s3',
        '    reaches every moment from 2026-11-20 03:02:00Z to 2026-11-21 10:00:00Z',
        '    no moment between 2026-11-21 10:00:00Z and 2026-11-22 03:02:00Z',
        '    reaches every moment from 2026-11-22 03:02:00Z to 2026-11-24 15:59:41Z',
      ].join('\n'),
    );
  });

  test('takes an agent’s clock that is ahead for the same time', () => {
    const ahead = [{ ...backup, endedAt: '2026-11-24T16:00:02Z', proof: null }];
    const repositories = [{ repository: 1, kind: 's3' as const, window: null, backups: ahead, gaps: [] }];
    const screen = listScreen({ histories: [{ stanza: 'a', current: true, systemId: '1', repositories }] }, now);
    expect(screen).toMatch(/2026-11-24 16:00:02Z +0 ms /);
  });
});

describe('a drill', () => {
  const proof: Proof = {
    at: '2026-11-24T04:30:00Z',
    label: '20261124-030000F',
    repository: 2,
    seconds: 190.4,
    restoreSeconds: 150.2,
    replaySeconds: 40.2,
    checkSeconds: 29.6,
    bytes: 3 * 1024 ** 3,
    secondsPerGibibyte: 73.3,
    newestTransactionAt: '2026-11-24T04:29:48.250Z',
    newestTransactionAgeSeconds: 11.8,
    ok: true,
    problems: [],
  };

  test('says what it proved, how long it took and how much would be lost', () => {
    expect(drillLines(proof)).toEqual([
      'backup 20261124-030000F of repository 2 is proven: restored, started and checked',
      'the database would be back in 3 min 40 s: restore 2 min 30 s, start and replay 40.2 s, checks 29.6 s, 3 GiB, 1 min 13 s a GiB',
      'newest transaction in it: 2026-11-24 04:29:48.250Z, 11.8 s before recovery ended',
    ]);
  });

  test('leaves out what was not measured', () => {
    const times = { restoreSeconds: null, replaySeconds: null, checkSeconds: null };
    const unmeasured = { ...times, bytes: null, secondsPerGibibyte: null };
    const unknown = { newestTransactionAt: null, newestTransactionAgeSeconds: null };
    expect(drillLines({ ...proof, ...unmeasured, ...unknown }).slice(1)).toEqual([
      'the database would be back in 3 min 10 s',
    ]);
    expect(drillLines({ ...proof, ...unmeasured, ...unknown, seconds: null })).toHaveLength(1);
    const { checkSeconds: _, ...older } = proof;
    expect(drillLines(older)[1]).toMatch(/ back in 3 min 10 s: .*start and replay 40\.2 s, 3 GiB,/);
  });

  test('of files says what was restored, and how much was read', () => {
    const restored: FilesProof['restored'] = ['state', 'cache'];
    const outcome = { at: '2026-11-24T04:30:00Z', repository: 2, kind: 's3' as const, ok: true, problems: [] };
    const files: FilesProof = { ...outcome, restored, seconds: 95.2, restoreSeconds: 3.1, part: 7, parts: 30 };
    expect(filesDrillLine(files)).toBe(
      'the files of repository 2 (s3): state and cache restored in 3.1 s, 1/30 of all read: proven',
    );
    expect(filesDrillLine({ ...files, restored: ['state'], parts: 1 })).toMatch(/: state restored .* s, all read: /);
  });
});
