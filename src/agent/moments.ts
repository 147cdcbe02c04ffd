/** ISO 8601 in UTC with `Z` and whole seconds: the only form in which a point in time leaves the agent. */
export function momentText(moment: Date): string {
  return `${moment.toISOString().slice(0, 19)}Z`;
}

/** Reads ISO 8601, also as Postgres and restic write it: a blank for the `T`, nanoseconds, `+00`. Without a zone it is UTC. */
export function parseMoment(written: string): Date {
  const match = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d)(:\d\d)?(\.\d+)?\s*(Z|[+-]\d\d(?::?\d\d)?)?)?$/i.exec(
    written.trim(),
  );
  const [, day, minutes = '00:00', seconds = ':00', fraction = '', zone = 'Z'] = match ?? [];
  const moment = new Date(`${day}T${minutes}${seconds}${fraction.slice(0, 4)}${zoneText(zone)}`);
  if (match === null || Number.isNaN(moment.getTime())) throw new Error(`'${written}' is no point in time`);
  return moment;
}

/** JavaScript wants `+00:00` where Postgres writes `+00`. */
function zoneText(zone: string): string {
  if (/^z$/i.test(zone)) return 'Z';
  return `${zone.slice(0, 3)}:${zone.slice(3).replace(':', '') || '00'}`;
}

export const secondsBetween = (earlier: Date, later: Date): number => (later.getTime() - earlier.getTime()) / 1000;

export const afterSeconds = (moment: Date, seconds: number): Date => new Date(moment.getTime() + seconds * 1000);

/** Seconds since 1970, as pgBackRest counts. */
export const epochSeconds = (moment: Date): number => moment.getTime() / 1000;

export const fromEpoch = (seconds: number): Date => new Date(Math.trunc(seconds) * 1000);

/** To a tenth, as the agent tells durations. */
export const rounded = (seconds: number): number => Math.round(seconds * 10) / 10;

/** Seconds since some moment that the wall clock can't move. */
export function stopwatch(): () => number {
  const started = performance.now();
  return () => (performance.now() - started) / 1000;
}
