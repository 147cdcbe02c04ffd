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

/**
 * Releases after the target that may have changed the schema. Includes migrations of a deploy that was killed before it
 * had a ledger entry.
 */
export async function migratedSince(
  store: Store,
  ledger: Ledger,
  target: LedgerEntry,
  content: ReleaseContent,
): Promise<Migrated[]> {
  const has = migrationsIn(ledger.entries, 'perhaps');
  const later = ledger.entries.filter(({ number }) => number > target.number && has.has(number));
  const since = later.map(async ({ number, kind, migrated, migrationFiles }) => {
    // In an entry of another kind, the migrations are those of a killed deploy, of which only the files are noted.
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

/** If the SQL files of the migrations are known and equal, the schema did not change. */
const sameFiles = (older: Record<string, string>, newer: Record<string, string>) =>
  Object.keys(newer).length > 0 && stableJson(older) === stableJson(newer);
