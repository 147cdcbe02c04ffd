/** Minute, hour, day of the month, month, day of the week (0 and 7 are Sunday), as crontab(5) has them. */
const ranges = [
  [0, 59],
  [0, 23],
  [1, 31],
  [1, 12],
  [0, 7],
] as const;

/** Five fields of numbers, `*`, ranges, steps and lists: what the agent in the backup's container understands. */
export function isSchedule(text: string): boolean {
  const fields = text.trim().split(/\s+/);
  return (
    fields.length === ranges.length &&
    ranges.every(([least, most], index) => fields[index]?.split(',').every((part) => isPart(part, least, most)))
  );
}

function isPart(part: string, least: number, most: number): boolean {
  const match = /^(?:\*|(\d{1,2})(?:-(\d{1,2}))?)(?:\/(\d{1,2}))?$/.exec(part);
  if (match === null) return false;
  const [from, to, step] = match.slice(1).map((digits) => (digits === undefined ? undefined : Number(digits)));
  const inRange = (value: number | undefined) => value === undefined || (value >= least && value <= most);
  return inRange(from) && inRange(to) && (to === undefined || to >= (from ?? 0)) && step !== 0;
}
