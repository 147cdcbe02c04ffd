/** Backups and WAL of a history for tests: a backup and a segment a minute. */

import type { Backup, Stanza } from './said.ts';
import { nameOf } from './wal.ts';
import type { ArchivedSegment } from './windows.ts';

export const stanza = '20261124-150312-ab12';
/** In seconds since 1970. */
export const began = 1_795_500_000;
/** In seconds. */
export const minute = 60;

/** Taken in minute `number`, whose WAL it begins with. */
export function backupOf(number: number, stop = number): Backup {
  const ended = began + number * minute;
  return {
    label: `backup-${number}`,
    type: 'full',
    started: ended - 1,
    ended,
    walStart: nameOf({ timeline: 1, position: number }),
    walStop: nameOf({ timeline: 1, position: stop }),
    databaseBytes: 1,
    repositoryBytes: 1,
    error: false,
  };
}

export const historyOf = (backups: Backup[]): Stanza => ({ name: stanza, systemId: '1', version: '17', backups });

/** A segment a minute, which arrives at its end. */
export const archiveOf = (...segments: number[]): ArchivedSegment[] =>
  segments.map((position) => ({ timeline: 1, position, at: began + position * minute }));
