import type { Ledger, LedgerEntry } from './ledger.ts';
import type { ReleaseService } from './release.ts';

/** A migration that the live release needs and the database lacks. */
export interface DueMigration {
  service: string;
  /** The release that ran it. */
  release: number;
}

interface State {
  /** Valid from this time on, milliseconds. */
  at: number;
  has: ReadonlySet<number>;
}

const none: ReadonlySet<number> = new Set();
const always = Number.POSITIVE_INFINITY;

/**
 * Numbers of the entries whose migrations the database has, now or at the given moment (milliseconds). `surely`: they
 * had ended by then; `perhaps`: they had begun. After a restore the data has the migrations of the restored point in
 * time.
 */
export function migrationsIn(
  entries: readonly LedgerEntry[],
  counts: 'surely' | 'perhaps',
  moment = always,
): ReadonlySet<number> {
  const states: State[] = [];
  const by = (at: number) => states.findLast((state) => state.at <= at)?.has ?? none;
  for (const { number, begunAt, at, restoredTo, migrated } of entries) {
    const begun = Date.parse(begunAt ?? at);
    if (restoredTo !== undefined) states.push({ at: begun, has: by(Date.parse(restoredTo)) });
    if (migrated.length === 0) continue;
    // At the exact start of a release, which `--before-release` means, its migration has not run yet.
    const from = counts === 'perhaps' ? begun + 1 : Date.parse(at);
    states.push({ at: from, has: new Set([...by(always), number]) });
  }
  return by(moment);
}

/**
 * Migrations that the data lacks, now or at the given moment (milliseconds). A service's later migration includes its
 * earlier ones. A migration of a release that did not go live may have failed.
 */
export function migrationsDue(
  { entries, live }: Ledger,
  services: readonly ReleaseService[],
  moment?: number,
): DueMigration[] {
  const has = migrationsIn(entries, 'surely', moment);
  const whole = entries.filter(({ kind, outcome }) => kind === 'deploy' && outcome === 'live');
  const lastOf = (name: string, isCounted: (number: number) => boolean) =>
    whole.findLast(({ number, migrated }) => migrated.includes(name) && isCounted(number))?.number ?? 0;
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
