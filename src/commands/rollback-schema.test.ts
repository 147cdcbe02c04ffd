import { beforeEach, expect, test } from 'vitest';
import { content, service } from '../deploy/testing.ts';
import { fakeEngine } from '../engine/fake.ts';
import { noteBegun, noteMigrating } from '../release/begun.ts';
import { appendEntry, readLedger, type LedgerEntry } from '../release/ledger.ts';
import { Store } from '../release/store.ts';
import { migratedSince } from './rollback-schema.ts';

const now = new Date('2026-11-26T10:00:00.000Z');
const first = { '001.sql': 'a' };
const both = { ...first, '002.sql': 'b' };
const release = (migrationFiles: Record<string, string>) => content([service('api', { migrationFiles })]);

let store: Store;
beforeEach(async () => {
  const engine = fakeEngine();
  engine.addImage({ tags: ['tools'] });
  store = await Store.open(engine, 'shop-local', 'tools');
  await append(first);
});

async function append(files: Record<string, string>, own: Partial<LedgerEntry> = {}): Promise<void> {
  const entry = {
    ...{ kind: 'deploy' as const, outcome: 'live' as const, begunAt: undefined, at: now.toISOString(), by: 'ada' },
    ...{ commit: undefined, folder: undefined, images: {}, secretVolumes: [], migrated: ['api'] },
    ...{ restoredTo: undefined, steps: [], proof: undefined, reason: undefined, ...own },
  };
  await appendEntry(store, await readLedger(store), entry, release(files));
}

async function since(): Promise<unknown> {
  const ledger = await readLedger(store);
  const [target] = ledger.entries;
  return target && migratedSince(store, ledger, target, release(first));
}

async function killedAfterMigrating(files: Record<string, string>): Promise<void> {
  await noteBegun(store, 2, now, false);
  await noteMigrating(store, 'api', files);
}

test('a deploy that was interrupted with the same SQL files changed nothing, one with another did', async () => {
  await killedAfterMigrating(first);
  expect(await since()).toEqual([]);
  await noteMigrating(store, 'api', both);
  expect(await since()).toEqual([{ number: 2, services: ['api'] }]);
});

test('which files were tried is not forgotten when the next try has fewer', async () => {
  await killedAfterMigrating(both);
  await noteMigrating(store, 'api', first);
  expect(await since()).toEqual([{ number: 2, services: ['api'] }]);
});

test('nor when an entry of another kind has taken its number', async () => {
  await append(first, { kind: 'rollback', of: 1, migrationFiles: { api: first } });
  expect(await since()).toEqual([]);
  await append(first, { kind: 'rollback', of: 1, migrationFiles: { api: both } });
  expect(await since()).toEqual([{ number: 3, services: ['api'] }]);
  await append(first, { kind: 'rollback', of: 1 });
  expect(await since()).toContainEqual({ number: 4, services: ['api'] });
});

test('without SQL files that are named, nobody knows: it is asked', async () => {
  await killedAfterMigrating({});
  expect(await since()).toEqual([{ number: 2, services: ['api'] }]);
});
