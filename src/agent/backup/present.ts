import type { Reading } from '../clock.ts';
import { momentText } from '../moments.ts';
import type { Told } from './agent.ts';
import { remembered } from './clock-hold.ts';
import type { Status } from './known.ts';

/** A look at a database that answers slowly takes 105 s at worst. */
const lookLimitSeconds = 120;

export type Present = Status & Required<Pick<Status, 'repositories'>>;

/**
 * What is known of the repositories that the environment has. One that it had says nothing any more: nobody could mend it. One
 * that is new has nothing yet.
 */
export function presentOf(told: Told, known: Status): Present {
  const numbers = told.repositories.map(({ number }) => number);
  const own = <T extends { repository: number }>(list: T[]): T[] =>
    list.filter(({ repository }) => numbers.includes(repository));
  return {
    ...known,
    repositories: Object.fromEntries(numbers.map((number) => [number, known.repositories?.[number] ?? {}])),
    ...(known.proofs && { proofs: own(known.proofs) }),
    ...(known.gaps && { gaps: own(known.gaps) }),
    ...(known.sizes && { sizes: own(known.sizes) }),
  };
}

/**
 * A database that hangs answers no look, nor refuses it: what the last one saw says nothing any more. `now` is `clock.awake`: a
 * machine that was suspended has not looked meanwhile, and hangs no more than before.
 */
export function archivingNow<S extends Status>(known: S, now: Reading): S {
  const look = remembered(known.archiveLook);
  if (look === undefined || look.boot !== now.boot || now.steady - look.steady <= lookLimitSeconds) return known;
  const since = momentText(look.wall);
  const failing = { archiveFailing: true, archiveError: `the database has not answered since ${since}` };
  return { ...known, ...failing, archiveFailingSince: known.archiveFailingSince ?? since };
}
