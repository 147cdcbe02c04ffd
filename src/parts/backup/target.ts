import { OperatorError, exitCodes } from '../../errors.ts';
import type { AgentWindow, History, RepositoryHistory } from '../../agent/backup/contract.ts';

export type RestoreTarget = { kind: 'time'; at: Date } | { kind: 'backup'; label: string } | { kind: 'latest' };

/** After what time and up to when a history can be restored. */
export interface Window {
  from: Date;
  to: Date;
}

const shape =
  /^(\d{4})-(\d{2})-(\d{2})[ Tt](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,3})\d{0,3})?)?(?: ?([Zz]|[+-]\d{2}(?::?\d{2})?))?$/;

/** PostgreSQL takes no zone further from UTC. */
const furthestZoneMinutes = 15 * 60 + 59;

/** A moment as a person names it, such as `2026-11-24 15:03:12+01`. Seconds may be left out, the zone may not. */
export function parseTarget(text: string, now: Date): Date {
  const trimmed = text.trim();
  const match = shape.exec(trimmed);
  if (!match) throw invalid(trimmed);
  const clock = clockOf(match);
  if (clock === undefined) throw invalid(trimmed);
  const zone = match[8];
  if (zone === undefined) throw zoneless(trimmed);
  const minutes = zoneMinutes(zone);
  if (minutes === undefined) throw invalid(trimmed);
  const target = new Date(clock - minutes * 60_000);
  if (target > now) throw future(target, now);
  return target;
}

/** Milliseconds since 1970 as if the zone were UTC; undefined for a day or an hour that no calendar has. */
function clockOf(match: RegExpExecArray): number | undefined {
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match
    .slice(1, 7)
    .map((part: string | undefined) => Number(part ?? 0));
  const clock = new Date(Date.UTC(year, month - 1, day, hour, minute, second, Number((match[7] ?? '').padEnd(3, '0'))));
  // A day too many is carried over silently: then what comes out is another one than went in.
  const parts = [clock.getUTCFullYear(), clock.getUTCMonth() + 1, clock.getUTCDate()];
  const same = [year, month, day].every((part, index) => part === parts[index]);
  return same && hour < 24 && minute < 60 && second < 60 ? clock.getTime() : undefined;
}

function zoneMinutes(zone: string): number | undefined {
  if (/^z$/i.test(zone)) return 0;
  const [hours, minutes] = [Number(zone.slice(1, 3)), Number(zone.slice(3).replace(':', ''))];
  const total = hours * 60 + minutes;
  if (minutes > 59 || total > furthestZoneMinutes) return undefined;
  return zone.startsWith('-') ? -total : total;
}

/** `2026-11-24 14:03:12Z`, with milliseconds where there are any; `parseTarget` reads it, and so does PostgreSQL. */
export const targetText = (at: Date): string => at.toISOString().replace('T', ' ').replace('.000Z', 'Z');

/** As it is given to `horme restore`. */
export function typed(target: RestoreTarget): string {
  if (target.kind === 'time') return `--to "${targetText(target.at)}"`;
  return target.kind === 'backup' ? `--backup ${target.label}` : '--latest';
}

/** All that can be reached, by repository: one that lies further back may hold what another no longer has. */
function windowsOf({ repositories }: Pick<History, 'repositories'>): Window[] {
  return repositories.flatMap((repository) => windowsIn(repository).map(dated));
}

export const windowsIn = ({ window, windows }: RepositoryHistory): AgentWindow[] =>
  windows ?? (window === null ? [] : [window]);

export const dated = ({ from, to }: AgentWindow): Window => ({ from: new Date(from), to: new Date(to) });

/** The history that holds the target; of several the newest, which is the data that people saw last at that time. */
export function reachable(target: Date, histories: readonly History[]): History | undefined {
  return newestFirst(histories).find((history) =>
    // A backup ended within the second that its window begins with.
    windowsOf(history).some(({ from, to }) => from < target && target <= to),
  );
}

export function newestFirst(histories: readonly History[]): History[] {
  return [...histories].sort(
    (a, b) => Number(b.current) - Number(a.current) || (a.stanza < b.stanza ? 1 : a.stanza > b.stanza ? -1 : 0),
  );
}

const command = (target: string) => `horme restore --to '${target}'`;

function invalid(text: string): OperatorError {
  return new OperatorError(`"${printed(text)}" is not a time`, {
    code: 'target-invalid',
    exitCode: exitCodes.usage,
    next: `a date, a time and a zone, such as ${command('2026-11-24 15:03:12+01:00')}`,
  });
}

function zoneless(text: string): OperatorError {
  return new OperatorError(`"${text}" has no zone, and the machines may not agree on one`, {
    code: 'target-zoneless',
    exitCode: exitCodes.usage,
    next: `${command(`${text}Z`)} for UTC, or another zone, such as ${text}+01:00`,
  });
}

function future(target: Date, now: Date): OperatorError {
  return new OperatorError(`${targetText(target)} is still to come: it is ${targetText(now)} now`, {
    code: 'target-future',
    exitCode: exitCodes.usage,
    next: 'give a time in the past, or horme restore --latest',
  });
}

export function unreachable(target: Date, histories: readonly History[]): OperatorError {
  const lines = newestFirst(histories).flatMap((history) =>
    windowsOf(history).map(({ from, to }) => `${targetText(from)} to ${targetText(to)} (history ${history.stanza})`),
  );
  const message = `no backup reaches ${targetText(target)}`;
  return new OperatorError(
    lines.length === 0 ? `${message}: there is none yet` : `${message}; these times are reachable`,
    {
      code: 'target-unreachable',
      exitCode: exitCodes.checkFailed,
      ...(lines.length === 0 ? {} : { lastSeen: [...new Set(lines)].join('\n') }),
      next: nearest(target, histories.flatMap(windowsOf)),
    },
  );
}

function nearest(target: Date, windows: readonly Window[]): string {
  if (windows.length === 0) return 'horme backup now';
  // The end of the newest window moves on while one types, and a target needs a transaction after it.
  if (windows.every(({ to }) => to < target)) return 'horme restore --latest';
  const ends = windows.flatMap(({ from, to }) => [new Date(from.getTime() + 1000), to]);
  const distance = (at: Date) => Math.abs(at.getTime() - target.getTime());
  return command(targetText(ends.reduce((best, at) => (distance(at) < distance(best) ? at : best))));
}

/** What was typed, without what would move a terminal's cursor, and not at any length. */
const printed = (text: string) => text.replaceAll(/[^ -~]/g, '?').slice(0, 60);
