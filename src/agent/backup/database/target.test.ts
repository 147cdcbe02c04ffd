import { expect, test } from 'vitest';
import { failureOf, holdingOf } from './testing.ts';
import { firstBackup, secondsOf, targetOf, targetOptions, type TargetOptions } from './target.ts';

const time = '2026-01-31 14:30:00+00:00';

test.each<[TargetOptions, string, string | null, string[]]>([
  [{ latest: true }, 'latest', null, []],
  [{ label: 'backup-1' }, 'label', 'backup-1', ['--type=immediate', '--target-action=promote']],
  [{ to: time }, 'to', time, ['--type=time', `--target=${time}`, '--target-action=promote']],
])('the target is what was given (%o), and pgBackRest is told so', (given, kind, value, options) => {
  const target = targetOf(given);
  expect(target).toEqual({ kind, value });
  expect(targetOptions(target)).toEqual(options);
});

test.each(['', '2026-01-31 14:30:00', 'yesterday', '2026-02-31 14:30:00+00:00', '2026-01-31 24:30:00Z'])(
  "'%s' is no target",
  async (unclear) => {
    expect((await failureOf(() => targetOf({ to: unclear }))).code).toBe('usage');
  },
);

test.each([
  ['2026-01-31T14:30:00Z', time],
  ['2026-01-31 14:30+00', time],
  ['2026-01-31 14:30:00.123Z', '2026-01-31 14:30:00.123000+00:00'],
  ['2026-01-31 14:30:00-0330', '2026-01-31 14:30:00-03:30'],
])('%s is written as %s, for Postgres', (given, written) => {
  expect(targetOf({ to: given }).value).toBe(written);
});

test('a time is compared with its fractions and its zone', () => {
  expect(secondsOf('2026-01-31 14:30:00.5+00:00')).toBe(Date.UTC(2026, 0, 31, 14, 30) / 1000 + 0.5);
  expect(secondsOf('2026-01-31 14:30:00+02:00')).toBe(Date.UTC(2026, 0, 31, 12, 30) / 1000);
});

test('a label begins at its own backup', () => {
  const request = { kind: 'label', value: 'backup-1', stanza: 'a', repository: null, acceptsDamage: false } as const;
  expect(firstBackup(request, holdingOf(1, [1, 2], [1, 2])).label).toBe('backup-1');
});
