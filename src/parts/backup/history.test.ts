import { describe, expect, test } from 'vitest';
import type { History, ListProblem } from '../../agent/backup/contract.ts';
import { historyOf, versionWords, type Use } from './history.ts';
import type { RestoreTarget } from './target.ts';

const label = '20261102-030000F';
const history = (stanza: string, version: string | null, from: string, to: string, current = false): History => ({
  ...{ stanza, current, systemId: '1', version },
  repositories: [
    {
      ...{ repository: 1, kind: 'local', gaps: [] },
      window: { from, to },
      backups: [
        {
          ...{ label: `${stanza.slice(0, 7)}2-030000F`, type: 'full', startedAt: from, endedAt: from, seconds: 1 },
          ...{ databaseBytes: 1, repositoryBytes: 1, error: false, proof: null },
        },
      ],
    },
  ],
});
const before = history('20261101-000000-aaaa', '17', '2026-11-02T03:00:00Z', '2026-11-10T03:00:00Z');
const after = history('20261110-030500-bbbb', '18', '2026-11-12T03:00:00Z', '2026-11-24T03:00:00Z', true);
const both = { histories: [before, after] };
const at = (text: string): RestoreTarget => ({ kind: 'time', at: new Date(text) });

describe('after an upgrade to 18', () => {
  test.each<[string, RestoreTarget, RegExp]>([
    ['a time', at('2026-11-05T12:00:00Z'), /^2026-11-05 12:00:00Z lies before the upgrade .* PostgreSQL 18$/],
    ['a backup', { kind: 'backup', label }, /^the backup 20261102-030000F was taken before the upgrade/],
  ])('%s from before it is refused, with what can be done', (_what, target, message) => {
    expect(() => historyOf(target, both, 18, 'in place')).toThrow(
      expect.objectContaining({
        ...{ code: 'target-version', exitCode: 3, message: expect.stringMatching(message) as string },
        lastSeen: 'the history 20261101-000000-aaaa is of PostgreSQL 17, on whose data 18 does not start',
        next: expect.stringMatching(/^horme restore --(to|backup) .* --as before/) as string,
      }),
    );
  });

  test('the newest is refused until there is a backup of 18', () => {
    const none = { ...after, repositories: [] };
    expect(() => historyOf({ kind: 'latest' }, { histories: [before, none] }, 18, 'in place')).toThrow(
      /the newest backup was taken/,
    );
    expect(historyOf({ kind: 'latest' }, both, 18, 'in place')).toBe(after);
  });

  test('on an empty machine the next thing is the guide, not a command that needs an environment', () => {
    expect(() => historyOf({ kind: 'latest' }, { histories: [before] }, 18, 'on an empty machine')).toThrow(
      expect.objectContaining({
        code: 'target-version',
        next: expect.stringMatching(/horme deploy, .*; then horme restore --to "<time>" --as before/) as string,
      }),
    );
  });

  test('beside, what is from before it comes back by the former version, and not the other way round', () => {
    expect(historyOf(at('2026-11-05T12:00:00Z'), both, 18, 'beside')).toBe(before);
    expect([versionWords(before, 18), versionWords(after, 18)]).toEqual([['--postgres', '17'], []]);
    expect(() => historyOf(at('2026-11-20T12:00:00Z'), both, 17, 'beside')).toThrow(
      expect.objectContaining({ code: 'target-version', next: 'horme backup list' }),
    );
  });

  test('what came since is found', () => {
    expect(historyOf(at('2026-11-20T12:00:00Z'), both, 18, 'in place')).toBe(after);
    expect(historyOf({ kind: 'backup', label: '20261112-030000F' }, both, 18, 'in place')).toBe(after);
  });
});

test('an agent that says no version refuses nothing', () => {
  const { version: _version, ...older } = before;
  expect(historyOf({ kind: 'latest' }, { histories: [older] }, 18, 'in place')).toBe(older);
  expect(historyOf({ kind: 'latest' }, { histories: [{ ...older, version: null }] }, 18, 'in place').stanza).toBe(
    older.stanza,
  );
});

test.each<[Use, string]>([
  ['in place', 'horme backup now'],
  ['on an empty machine', 'in a checkout of the project: horme deploy, which begins with an empty database'],
])('without any backup, %s, the next thing can be typed', (use, next) => {
  expect(() => historyOf({ kind: 'latest' }, { histories: [] }, 18, use)).toThrow(
    expect.objectContaining({ code: 'no-backup-yet', next }),
  );
});

describe('while a repository can’t be read', () => {
  const problems: ListProblem[] = [{ repository: 2, kind: 's3', message: 'it can’t be read: access denied' }];

  test.each<[string, RestoreTarget, Use]>([
    ['the newest', { kind: 'latest' }, 'in place'],
    ['the newest of an empty machine', { kind: 'latest' }, 'on an empty machine'],
    ['a time', at('2026-11-20T12:00:00Z'), 'in place'],
    ['a backup', { kind: 'backup', label }, 'beside'],
  ])('%s that the others don’t have is not said to be nowhere', (_what, target, use) => {
    expect(() => historyOf(target, { histories: [], problems }, 18, use)).toThrow(
      expect.objectContaining({
        ...{ code: 'repository-unreachable', exitCode: 3, next: 'mend that, then run the same command again' },
        lastSeen: 'not read: repository 2 (s3): it can’t be read: access denied',
      }),
    );
  });

  test('the newest is not taken for one of a former history', () => {
    const hidden = problems.map((problem) => ({ ...problem, stanza: after.stanza }));
    const list = { histories: [before], problems: hidden };
    expect(() => historyOf({ kind: 'latest' }, list, 17, 'on an empty machine')).toThrow(
      expect.objectContaining({ code: 'repository-unreachable' }),
    );
    expect(historyOf(at('2026-11-05T12:00:00Z'), list, 17, 'in place')).toBe(before);
  });

  test('what the others have is found', () => {
    expect(historyOf({ kind: 'latest' }, { ...both, problems }, 18, 'in place')).toBe(after);
  });
});
