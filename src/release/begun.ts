import { OperatorError, exitCodes } from '../errors.ts';
import type { Ledger } from './ledger.ts';
import type { Store } from './store.ts';

/** When a deploy began: the data of just before is what one wants back when its migration or its code has spoilt some. */
interface Begun {
  release: number;
  /** By the engine's clock, which is the database's too. */
  at: string;
  /** Whether a migration was begun since. */
  migrating: boolean;
}

const begunFile = 'begun.json';

/**
 * A release that was killed is tried again under its number. The first try counts that changed something: that came to a
 * migration, or whose replicas are there (`served`). One that was ended before may lie far back, and with it what was
 * written since.
 */
export async function noteBegun(store: Store, release: number, now: Date, served: boolean): Promise<string> {
  const noted = await store.readNow<Begun>(begunFile);
  if (noted?.release === release && (noted.migrating || served)) return noted.at;
  const begun: Begun = { release, at: now.toISOString(), migrating: false };
  await store.writeNow(begunFile, begun);
  return begun.at;
}

export async function noteMigrating(store: Store): Promise<void> {
  const noted = await store.readNow<Begun>(begunFile);
  if (noted && !noted.migrating) await store.writeNow(begunFile, { ...noted, migrating: true });
}

/**
 * Of any release that the ledger has, and of a deploy that was killed before it was written there: what took its number
 * since, such as the restore to before it, began later. OperatorError when unknown.
 */
export async function whenBegun(store: Store, { entries }: Ledger, release: number): Promise<Date> {
  const entry = entries.find(({ number }) => number === release);
  const noted = await store.readNow<Begun>(begunFile);
  const at = noted?.release === release ? noted.at : entry?.begunAt;
  if (at !== undefined) return new Date(at);
  const message = entry
    ? `nobody noted when release ${release} began: an older Horme made it`
    : `there is no release ${release}`;
  throw new OperatorError(message, {
    code: 'release-unknown',
    exitCode: exitCodes.usage,
    next: 'horme releases, then horme restore --to "<time>"',
  });
}
