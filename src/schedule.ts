import { Cron } from 'croner';

/** Minute, hour, day of the month, month, day of the week (0 and 7 are Sunday), as crontab(5) has them. */
const fields = [
  { name: 'minute', least: 0, most: 59 },
  { name: 'hour', least: 0, most: 23 },
  { name: 'day of month', least: 1, most: 31 },
  { name: 'month', least: 1, most: 12 },
  { name: 'day of week', least: 0, most: 7 },
] as const;

type Field = (typeof fields)[number];

/** A cron schedule in UTC. It holds no clock: each question names its time. */
export type Schedule = Pick<Cron, 'previousRuns' | 'nextRun'>;

/** Five fields of numbers, `*`, ranges, steps and lists. Throws an Error that says what is wrong. */
export function parseSchedule(text: string): Schedule {
  const parts = text.trim().split(/\s+/).filter(Boolean);
  if (parts.length !== fields.length) {
    const names = fields.map(({ name }) => name).join(', ');
    throw new Error(`'${text}' has ${parts.length} fields; a schedule has five: ${names}`);
  }
  const read = fields.map((field, index) => fieldText(parts[index] ?? '', field));
  // crontab(5): a day that fits either day field counts, unless one of them begins with `*`.
  const eitherDay = !parts[2]?.startsWith('*') && !parts[4]?.startsWith('*');
  return new Cron(read.join(' '), { timezone: 'UTC', mode: '5-part', domAndDow: !eitherDay });
}

export function isSchedule(text: string): boolean {
  try {
    parseSchedule(text);
    return true;
  } catch {
    return false;
  }
}

/** The newest slot in (after, until]. */
export function lastSlot(schedule: Schedule, after: Date | undefined, until: Date): Date | undefined {
  const [slot] = schedule.previousRuns(1, justAfter(until));
  return slot !== undefined && (after === undefined || slot > after) ? slot : undefined;
}

export function nextSlot(schedule: Schedule, after: Date): Date | undefined {
  return schedule.nextRun(after) ?? undefined;
}

/**
 * The longest time between two slots around `now`, in seconds: the interval that `now` lies in, or the one before, whose work
 * may just be running. Undefined for a schedule that never comes.
 */
export function intervalSeconds(schedule: Schedule, now: Date): number | undefined {
  const [newest, before] = schedule.previousRuns(2, justAfter(now));
  const following = nextSlot(schedule, now);
  if (!newest || !before || !following) return undefined;
  return Math.max(newest.getTime() - before.getTime(), following.getTime() - newest.getTime()) / 1000;
}

/** croner's previous runs end before a time, and a slot at that very moment counts. */
const justAfter = (moment: Date): Date => new Date(moment.getTime() + 1);

/** As croner wants it. It reads more than crontab(5) has, such as names and `L`: only this much is allowed. */
const fieldText = (text: string, field: Field): string =>
  text
    .split(',')
    .map((part) => partText(part, field))
    .join();

function partText(text: string, { name, least, most }: Field): string {
  const match = /^(?:\*|(\d{1,2})(?:-(\d{1,2}))?)(?:\/(\d{1,2}))?$/.exec(text);
  if (match === null) throw new Error(`'${text}' is no ${name}: numbers, '*', '-', ',' and '/' only`);
  const [low, high, step] = match.slice(1).map((digits) => (digits === undefined ? undefined : Number(digits)));
  const start = low ?? least;
  if (start < least || start > (high ?? most) || (high ?? start) > most || step === 0) {
    throw new Error(`'${text}' is no ${name}: it goes from ${least} to ${most}`);
  }
  // `5/10` counts from 5 to the end, as cron does.
  return step !== undefined && low !== undefined && high === undefined ? `${low}-${most}/${step}` : text;
}
