import { notedOf } from '../release/begun.ts';
import { nextNumber, readContent, type Ledger, type LedgerEntry } from '../release/ledger.ts';
import { migrationsIn } from '../release/migrations.ts';
import type { ReleaseContent } from '../release/release.ts';
import { stableJson } from '../fingerprint.ts';
import type { Store } from '../release/store.ts';

interface Migrated {
  number: number;
  services: string[];
}

/** Releases after the target that may have changed the schema, with what a deploy has migrated that was killed before the ledger had it. */
export async function migratedSince(
  store: Store,
  ledger: Ledger,
  target: LedgerEntry,
  content: ReleaseContent,
): Promise<Migrated[]> {
  const has = migrationsIn(ledger.entries, 'perhaps');
  const later = ledger.entries.filter(({ number }) => number > target.number && has.has(number));
  const since = later.map(async ({ number, kind, migrated, migrationFiles }) => {
    // What another kind of entry has migrated is a killed deploy's, of which only the files are noted.
    const ran = kind === 'deploy' ? await readContent(store, number) : undefined;
    const files = (name: string) => migrationFiles?.[name] ?? filesOf(ran, name);
    return { number, services: migrated.filter((name) => !sameFiles(filesOf(content, name), files(name))) };
  });
  const next = nextNumber(ledger);
  const killed = await notedOf(store, next);
  const tried = (killed?.migrated ?? []).filter(
    (name) => !sameFiles(filesOf(content, name), killed?.files?.[name] ?? {}),
  );
  const all = [...(await Promise.all(since)), { number: next, services: tried }];
  return all.filter(({ services }) => services.length > 0);
}

const filesOf = (content: ReleaseContent | undefined, name: string) =>
  content?.services.find((service) => service.name === name)?.migrationFiles ?? {};

/** Where the file says which SQL files a migration has, the same files change nothing. */
const sameFiles = (older: Record<string, string>, newer: Record<string, string>) =>
  Object.keys(newer).length > 0 && stableJson(older) === stableJson(newer);
