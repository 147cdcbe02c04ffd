/** Which times of a history can be restored from a repository. Pure; times in seconds since 1970. */

import { goodOf, type Backup, type Stanza } from './said.ts';
import { before, compare, gaps, newestOf, parse, type Gap, type Segment } from './wal.ts';

/** With the time at which it came into the repository. */
export type ArchivedSegment = Segment & { at: number };

/** The WAL that a repository has of a history. */
export type Archive = readonly ArchivedSegment[];

export interface Window {
  from: number;
  to: number;
}

const newestArrival = (archive: Archive): number => archive.reduce((newest, { at }) => Math.max(newest, at), 0);

/** Undefined where nothing was ever backed up or archived. */
export function newestActivity({ backups }: Stanza, archive: Archive): number | undefined {
  const newest = backups.reduce((most, { ended }) => Math.max(most, ended), newestArrival(archive));
  return backups.length > 0 || archive.length > 0 ? newest : undefined;
}

/** From the oldest backup on: what was archived before it serves no restore. */
export function gapsOf(history: Stanza, archive: Archive): Gap[] {
  const oldest = goodOf(history)[0];
  return oldest ? gaps(archive, parse(oldest.walStart)) : [];
}

/** No time outside it can be restored. Its end is when the newest WAL arrived, which is at most a minute's work old. */
export function windowOf(history: Stanza, archive: Archive): Window | undefined {
  const oldest = goodOf(history)[0];
  return oldest && { from: oldest.ended, to: newestOfAll(history, archive) };
}

/** The newest backup has its own WAL, whatever the clock of the repository says of when that arrived. */
function newestOfAll(history: Stanza, archive: Archive): number {
  return Math.max(goodOf(history).at(-1)?.ended ?? 0, newestArrival(archive));
}

/** Any time in one of them can be restored: from the end of a backup to the first gap behind it. One without gaps. */
export function windowsOf(history: Stanza, archive: Archive, missing: readonly Gap[]): Window[] {
  const found: Window[] = [];
  for (const backup of goodOf(history)) {
    const to = endOf(history, backup, archive, missing);
    if (to === undefined) continue;
    const last = found.at(-1);
    if (last && backup.ended <= last.to) last.to = Math.max(last.to, to);
    else found.push({ from: backup.ended, to });
  }
  return found;
}

/** Undefined where WAL is missing that the backup itself needs. */
function endOf(history: Stanza, backup: Backup, archive: Archive, missing: readonly Gap[]): number | undefined {
  const start = parse(backup.walStart);
  const gap = missing.find(({ last }) => compare(last, start) >= 0 && last.position >= start.position);
  if (!gap) return newestOfAll(history, archive);
  if (gap.first.position <= parse(backup.walStop).position) return undefined;
  // A time is reached by a transaction after it. What came after the last arrival is in the gap; what came after the arrival
  // before that is in the last segment.
  const last = before(gap, archive);
  const previous = last && newestOf(archive.filter((one) => compare(one, last) < 0));
  return Math.max(backup.ended, previous?.at ?? 0);
}
