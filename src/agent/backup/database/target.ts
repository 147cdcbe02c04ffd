/** What a restore is to reach, and the backup that it begins at. Pure. */

import { failure } from '../../failure.ts';
import { momentText, fromEpoch } from '../../moments.ts';
import type { Holding } from './reach.ts';
import { goodOf, type Backup } from './said.ts';
import { gapsOf, windowsOf } from './windows.ts';

export interface Request {
  kind: 'latest' | 'label' | 'to';
  /** The label, or the time as Postgres takes it; null for the latest. */
  value: string | null;
  stanza: string;
  /** Null: any that has it. */
  repository: number | null;
  acceptsDamage: boolean;
}

/** What two must have in common for the one to be of use to the other. */
export type Wanted = Omit<Request, 'acceptsDamage'>;

export const wantedOf = ({ kind, value, stanza, repository }: Wanted): Wanted => ({ kind, value, stanza, repository });

export interface TargetOptions {
  to?: string | undefined;
  label?: string | undefined;
  latest?: boolean | undefined;
}

export function targetOf({ to, label, latest }: TargetOptions): Pick<Request, 'kind' | 'value'> {
  if (latest) return { kind: 'latest', value: null };
  return to === undefined ? { kind: 'label', value: label ?? null } : { kind: 'to', value: timeText(to) };
}

const written = /^(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d)(:\d\d)?(?:[.,](\d{1,6})\d*)?(Z|[+-]\d\d(?::?\d\d)?)?$/i;

interface Time {
  /** In ISO 8601, without fractions of a second. */
  day: string;
  clock: string;
  microseconds: string;
  zone: string;
}

/** As Postgres takes it. Without an offset it would be whatever zone the server has. */
function timeText(text: string): string {
  const { day, clock, microseconds, zone } = timeOf(text);
  return `${day} ${clock}${Number(microseconds) > 0 ? `.${microseconds}` : ''}${zone}`;
}

/** In seconds since 1970. */
export function secondsOf(text: string): number {
  const { day, clock, microseconds, zone } = timeOf(text);
  return Date.parse(`${day}T${clock}${zone}`) / 1000 + Number(microseconds) / 1e6;
}

function timeOf(text: string): Time {
  const [, day = '', minutes = '', seconds = ':00', fraction = '', zone] = written.exec(text) ?? [];
  const clock = minutes + seconds;
  // A day that the month doesn't have is carried over silently.
  const moment = new Date(`${day}T${clock}Z`);
  const isTime = !Number.isNaN(moment.getTime()) && moment.toISOString().startsWith(`${day}T${clock}`);
  if (!isTime) throw failure('usage', `'${text}' is no time; write it like 2026-01-31 14:30:00+00:00`);
  if (zone === undefined) throw failure('usage', `'${text}' has no offset; write it like 2026-01-31 14:30:00+00:00`);
  const [hours, rest] = zone.toUpperCase() === 'Z' ? ['+00', ''] : [zone.slice(0, 3), zone.slice(3).replace(':', '')];
  return { day, clock, microseconds: fraction.padEnd(6, '0'), zone: `${hours}:${rest || '00'}` };
}

/** As pgBackRest is told. */
export function targetOptions({ kind, value }: Pick<Request, 'kind' | 'value'>): string[] {
  switch (kind) {
    case 'latest':
      return [];
    case 'label':
      return ['--type=immediate', '--target-action=promote'];
    case 'to':
      return ['--type=time', `--target=${value}`, '--target-action=promote'];
  }
}

/** Chosen here: pgBackRest takes the newest backup, with a warning, when none is old enough. */
export function firstBackup(request: Request, holding: Holding): Backup {
  const { value, stanza } = request;
  const found = backupsFor(request, holding).at(-1);
  if (found) return found;
  const what = request.kind === 'to' ? `${value} is before the oldest backup` : `no backup ${value ?? ''}`.trim();
  throw failure('target-unreachable', `${what} of ${stanza}`, 'horme backup list');
}

function backupsFor(request: Request, holding: Holding): Backup[] {
  const { kind, value } = request;
  if (kind === 'label') return holding.history.backups.filter(({ label }) => label === value);
  if (kind === 'latest' || value === null) return goodOf(holding.history);
  refuseBeyond(request, holding, secondsOf(value));
  return goodOf(holding.history).filter(({ ended }) => ended < secondsOf(value));
}

/** Before hours of restoring and replaying, at whose end Postgres would say so. Arrival is known to the second. */
function refuseBeyond({ value, stanza }: Request, { history, archive }: Holding, wanted: number): void {
  const found = windowsOf(history, archive, gapsOf(history, archive));
  const [oldest, newest] = [found[0], found.at(-1)];
  if (!oldest || !newest || wanted <= oldest.from) return;
  if (found.some(({ from, to }) => from < wanted && wanted < to + 1)) return;
  const why =
    wanted < newest.from
      ? `${value} is in a gap of the WAL of ${stanza} in it`
      : `${value} is after the WAL of ${stanza} in it, whose newest arrived at ${momentText(fromEpoch(newest.to))}`;
  throw failure('target-unreachable', why, 'horme backup list');
}
