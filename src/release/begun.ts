import { OperatorError, exitCodes } from '../errors.ts';
import type { Ledger } from './ledger.ts';
import type { Store } from './store.ts';

/** When a deploy began: the data of just before is what one wants back when its migration or its code has spoilt some. */
interface Begun {
  release: number;
  /** By the engine's clock, which is the database's too. */
  at: string;
  /** Services whose migration was begun since. */
  migrated: string[];
  /** Their SQL files with a hash of each, of all tries; undefined: an older Horme began it. */
  files?: Record<string, Record<string, string>>;
}

const begunFile = 'begun.json';

/**
 * A release that was killed is tried again under its number. The first try counts that changed something: that came to a
 * migration, or whose replicas are there (`served`). One that was ended before may lie far back, and with it what was
 * written since.
 */
export async function noteBegun(store: Store, release: number, now: Date, served: boolean): Promise<Begun> {
  const noted = await notedOf(store, release);
  if (noted && (noted.migrated.length > 0 || served)) return noted;
  const begun: Begun = { release, at: now.toISOString(), migrated: [] };
  await store.writeNow(begunFile, begun);
  return begun;
}

/** A deploy of this number that was killed before the ledger had it, or that is under way. */
export async function notedOf(store: Store, release: number): Promise<Begun | undefined> {
  const noted = await store.readNow<Begun>(begunFile);
  return noted?.release === release ? noted : undefined;
}

export async function noteMigrating(store: Store, service: string, files: Record<string, string>): Promise<void> {
  const noted = await store.readNow<Begun>(begunFile);
  if (!noted) return;
  // Of a try that was killed there may be files that this one has no more: the data may have them all the same.
  const all = { ...noted.files, [service]: { ...noted.files?.[service], ...files } };
  await store.writeNow(begunFile, { ...noted, migrated: [...new Set([...noted.migrated, service])], files: all });
}

/**
 * Of any release that the ledger has, and of a deploy that was killed before it was written there: what took its number
 * since, such as the restore to before it, began later. OperatorError when unknown.
 */
export async function whenBegun(store: Store, { entries }: Ledger, release: number): Promise<Date> {
  const entry = entries.find(({ number }) => number === release);
  const at = (await notedOf(store, release))?.at ?? entry?.begunAt;
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
