import { OperatorError, exitCodes } from '../errors.ts';
import type { Ledger } from './ledger.ts';
import type { Store } from './store.ts';

/** When a release began: the data of just before is what one wants back when its migration or its code has spoilt some. */
interface Begun {
  release: number;
  /** By the engine's clock, which is the database's too. */
  at: string;
  /** Whether a migration was begun since. */
  migrating: boolean;
}

const begunFile = 'begun.json';

/**
 * A release that was killed is tried again under its number. The first try that came to a migration counts: what it changed
 * is there since then. One that was ended before may lie far back, and with it what was written since.
 */
export async function noteBegun(store: Store, release: number, now: Date): Promise<void> {
  const noted = await store.readNow<Begun>(begunFile);
  if (noted?.release === release && noted.migrating) return;
  const begun: Begun = { release, at: now.toISOString(), migrating: false };
  await store.writeNow(begunFile, begun);
}

export async function noteMigrating(store: Store): Promise<void> {
  const noted = await store.readNow<Begun>(begunFile);
  if (noted && !noted.migrating) await store.writeNow(begunFile, { ...noted, migrating: true });
}

/** Undefined: another release began last. */
export async function begunAt(store: Store, release: number): Promise<string | undefined> {
  const noted = await store.readNow<Begun>(begunFile);
  return noted?.release === release ? noted.at : undefined;
}

/** Of any release that the ledger has, and of one that was killed before it was written there. OperatorError when unknown. */
export async function whenBegun(store: Store, { entries }: Ledger, release: number): Promise<Date> {
  const entry = entries.find(({ number }) => number === release);
  const at = entry ? entry.begunAt : await begunAt(store, release);
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
