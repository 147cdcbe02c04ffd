import type { Ledger, LedgerEntry } from './ledger.ts';
import type { ReleaseService } from './release.ts';

/** A migration that the live release counts on, and the database's data doesn't have. */
export interface DueMigration {
  service: string;
  /** The release that ran it. */
  release: number;
}

const none: ReadonlySet<number> = new Set();

/**
 * Numbers of the entries whose migrations are in the database's data, or were at that moment (milliseconds). A restore takes
 * those away that ended after its own moment, and has what the data had then, restores before it included.
 */
export function migrationsIn(entries: readonly LedgerEntry[], moment = Number.POSITIVE_INFINITY): ReadonlySet<number> {
  const states: { at: number; has: ReadonlySet<number> }[] = [];
  const by = (at: number) => states.findLast((state) => state.at <= at)?.has ?? none;
  for (const { number, at, restoredTo, migrated } of entries) {
    const has = restoredTo === undefined ? by(Number.POSITIVE_INFINITY) : by(Date.parse(restoredTo));
    states.push({ at: Date.parse(at), has: migrated.length > 0 ? new Set([...has, number]) : has });
  }
  return by(moment);
}

/** With the data as it is, or as it was at that moment (milliseconds). A service's later migration has its earlier ones. */
export function migrationsDue(
  { entries, live }: Ledger,
  services: readonly ReleaseService[],
  moment?: number,
): DueMigration[] {
  const has = migrationsIn(entries, moment);
  const lastOf = (name: string, counts: (number: number) => boolean) =>
    entries.findLast(({ number, migrated }) => migrated.includes(name) && counts(number))?.number ?? 0;
  return services
    .filter(({ migrationVolume }) => migrationVolume !== undefined)
    .map(({ name }) => ({
      service: name,
      release: lastOf(name, (number) => number <= (live?.of ?? 0)),
      has: lastOf(name, (number) => has.has(number)),
    }))
    .filter((one) => one.release > one.has)
    .map(({ service, release }) => ({ service, release }));
}

/** Such as `release 43 (api, worker)`. */
export function dueText(due: readonly DueMigration[]): string {
  const releases = [...new Set(due.map(({ release }) => release))].sort((a, b) => a - b);
  const servicesOf = (release: number) => due.filter((one) => one.release === release).map(({ service }) => service);
  return releases.map((release) => `release ${release} (${servicesOf(release).join(', ')})`).join(' and ');
}
