import { expect, test } from 'vitest';
import { archiveOf, backupOf, began, historyOf, minute } from './testing.ts';
import type { Backup } from './said.ts';
import { gapsOf, newestActivity, windowsOf, type Archive } from './windows.ts';

/** In minutes since the beginning. */
function windows(backups: Backup[], archive: Archive): [number, number][] {
  const history = historyOf(backups);
  const found = windowsOf(history, archive, gapsOf(history, archive));
  return found.map(({ from, to }) => [(from - began) / minute, (to - began) / minute]);
}

test('without a gap there is one window, from the oldest backup to the newest WAL', () => {
  expect(windows([backupOf(1), backupOf(4)], archiveOf(1, 2, 3, 4, 5, 6))).toEqual([[1, 6]]);
  expect(windows([backupOf(1)], [])).toEqual([[1, 1]]);
  expect(windows([], archiveOf(1))).toEqual([]);
});

test('a repository whose clock is behind makes no gap', () => {
  const behind = archiveOf(1, 2, 3, 4).map((segment) => ({ ...segment, at: began - 1000 * minute }));
  expect(windows([backupOf(1), backupOf(4)], behind)).toEqual([[1, 4]]);
});

test('a window ends before a gap, and the next begins with the backup behind it', () => {
  // The transaction by which a time of the last minute is known to be reached may be in the gap.
  expect(windows([backupOf(1), backupOf(2), backupOf(8)], archiveOf(1, 2, 3, 4, 7, 8, 9))).toEqual([
    [1, 3],
    [8, 9],
  ]);
  expect(windows([backupOf(1)], archiveOf(1, 2, 3, 5, 6))).toEqual([[1, 2]]);
});

test('a backup whose own WAL is missing has no window', () => {
  expect(windows([backupOf(1, 3), backupOf(5)], archiveOf(1, 3, 4, 5, 6))).toEqual([[5, 6]]);
});

test('a new timeline goes on where the former one ended', () => {
  const promoted = [
    { timeline: 2, position: 3, at: began + 4 * minute },
    { timeline: 2, position: 4, at: began + 5 * minute },
  ];
  expect(windows([backupOf(1)], [...archiveOf(1, 2, 3), ...promoted])).toEqual([[1, 5]]);
});

test('the newest activity is of a backup or of WAL, whichever was later, and there may be none', () => {
  expect(newestActivity(historyOf([backupOf(3)]), archiveOf(1, 2))).toBe(began + 3 * minute);
  expect(newestActivity(historyOf([backupOf(3)]), archiveOf(4))).toBe(began + 4 * minute);
  expect(newestActivity(historyOf([]), [])).toBeUndefined();
});
