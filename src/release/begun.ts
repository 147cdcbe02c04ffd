import { OperatorError, exitCodes } from '../errors.ts';
import type { Ledger } from './ledger.ts';
import type { Store } from './store.ts';

/** When a deploy began: if its migration or its code corrupts data, the data of just before is what to restore. */
interface Begun {
  release: number;
  /** By the engine's clock, which the database uses too. */
  at: string;
  /** Services whose migration was begun since. */
  migrated: string[];
  /** Hashes of their SQL files, of all attempts; undefined: noted by an older Horme. */
  files?: Record<string, Record<string, string>>;
}

const begunFile = 'begun.json';

/**
 * A killed release is tried again under its number. What counts is the start of the first attempt that changed
 * something: it began a migration, or its replicas exist (`served`). An earlier attempt that changed nothing may be
 * long ago, and a restore to that time would lose everything written since.
 */
export async function noteBegun(store: Store, release: number, now: Date, served: boolean): Promise<Begun> {
  const noted = await notedOf(store, release);
  if (noted && (noted.migrated.length > 0 || served)) return noted;
  const begun: Begun = { release, at: now.toISOString(), migrated: [] };
  await store.writeNow(begunFile, begun);
  return begun;
}

/** The note of a deploy of this number that runs, or that was killed before it had a ledger entry. */
export async function notedOf(store: Store, release: number): Promise<Begun | undefined> {
  const noted = await store.readNow<Begun>(begunFile);
  return noted?.release === release ? noted : undefined;
}

export async function noteMigrating(store: Store, service: string, files: Record<string, string>): Promise<void> {
  const noted = await store.readNow<Begun>(begunFile);
  if (!noted) return;
  // A killed attempt may have had files that this one lacks, and may have applied them to the data.
  const all = { ...noted.files, [service]: { ...noted.files?.[service], ...files } };
  await store.writeNow(begunFile, { ...noted, migrated: [...new Set([...noted.migrated, service])], files: all });
}

/**
 * When a release began: one of the ledger, or a deploy that was killed before it had an entry. In the latter case
 * another entry may have taken the number since, such as the restore to before it, and began later. OperatorError when
 * unknown.
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
