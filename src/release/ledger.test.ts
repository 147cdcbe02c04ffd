import { beforeEach, expect, test, vi } from 'vitest';
import { content, service } from '../deploy/testing.ts';
import { fakeEngine, type FakeEngine } from '../engine/fake.ts';
import { OperatorError } from '../errors.ts';
import {
  appendEntry,
  commitsOf,
  nextNumber,
  readContent,
  readLedger,
  verifyLedger,
  type LedgerEntry,
} from './ledger.ts';
import { Store, stateFolder } from './store.ts';

let engine: FakeEngine;
let store: Store;

beforeEach(async () => {
  engine = fakeEngine();
  engine.addImage({ tags: ['tools'] });
  store = await Store.open(engine, 'shop-local', 'tools');
});

const release = (spec: string) => content([service('api', { spec })]);

async function append(spec: string, own: Partial<LedgerEntry> = {}): Promise<LedgerEntry> {
  const entry = {
    ...{ kind: 'deploy' as const, outcome: 'live' as const, at: '2026-01-01T00:00:00.000Z', by: 'ada' },
    ...{
      begunAt: undefined,
      restoredTo: undefined,
      commit: undefined,
      folder: undefined,
      images: {},
      secretVolumes: [],
      migrated: [],
      steps: [],
      proof: undefined,
      reason: undefined,
    },
  };
  return appendEntry(store, await readLedger(store), { ...entry, ...own }, release(spec));
}

async function problems(): Promise<string[]> {
  return verifyLedger(store, await readLedger(store));
}

async function rewrite(path: string, change: (text: string) => string): Promise<void> {
  const text = (await store.read(`${stateFolder}/${path}`)).get('')?.toString('utf8') ?? '';
  await store.write(stateFolder, [{ path, content: change(text) }]);
}

test('entries are numbered, chained and found again with their content', async () => {
  const first = await append('v1');
  const second = await append('v2');
  const { entries, live } = await readLedger(store);
  expect(entries).toEqual(JSON.parse(JSON.stringify([first, second])));
  expect([first.number, second.number, live?.number]).toEqual([1, 2, 2]);
  expect(second.previous).toBe(first.hash);
  expect(await readContent(store, 1)).toEqual(JSON.parse(JSON.stringify(release('v1'))));
  expect(await problems()).toEqual([]);
});

test('nobody but root reads it: what a user gave to a build stands in it', async () => {
  const put = vi.spyOn(engine, 'put');
  await append('v1');
  const files = put.mock.calls.flatMap(([, , entries]) => entries);
  expect(files.map(({ path }) => path)).toEqual(['now/live.json', 'contents/000001.json', 'ledger/000001.json']);
  for (const file of files) expect(file).toMatchObject({ mode: 0o400, uid: 0, gid: 0 });
});

test('what was rolled back is in the ledger and is not live', async () => {
  await append('v1');
  await append('v2', { outcome: 'rolled-back', reason: 'never ready' });
  const ledger = await readLedger(store);
  expect(ledger.live?.number).toBe(1);
  expect(nextNumber(ledger)).toBe(3);
  expect(await problems()).toEqual([]);
});

test('a release that was made live again points to the one whose content it is', async () => {
  await append('v1');
  await append('v2');
  const back = await append('v1', { kind: 'rollback', of: 1 });
  expect([back.number, back.of]).toEqual([3, 1]);
  expect(await readContent(store, 3)).toEqual(await readContent(store, 1));
});

test('an image may be of the commit of any entry that has it, the newest first', async () => {
  const at = (commit: string | undefined) => ({ commit, folder: 'shop/' });
  const web = 'shop/web:1@sha256:2';
  await append('v1', { images: { api: 'shop/api:1@sha256:1', web }, ...at('a') });
  await append('v2', { images: { api: 'shop/api:2@sha256:3', web }, ...at('b') });
  await append('v3', { images: { api: 'shop/api:2@sha256:4', web }, ...at('b') });
  await append('v4', { images: { api: 'shop/api:2@sha256:4', web }, ...at(undefined) });
  const ledger = await readLedger(store);
  expect(commitsOf(ledger, { name: 'web', image: 'shop/web:1' })).toEqual([at('b'), at('a')]);
  expect(commitsOf(ledger, { name: 'api', image: 'shop/api:2' })).toEqual([at('b')]);
  expect(commitsOf(ledger, { name: 'api', image: 'shop/api:3' })).toEqual([]);
});

test('a commit keeps the mark that the files were not its own, whatever was deployed from it later', async () => {
  const own = { images: { api: 'shop/api:1@sha256:1' }, commit: 'a', folder: '' };
  await append('v1', { ...own, dirty: true });
  await append('v2', own);
  const found = commitsOf(await readLedger(store), { name: 'api', image: 'shop/api:1' });
  expect(found).toEqual([{ commit: 'a', folder: '', dirty: true }]);
});

test('an entry that was changed is found, with all that follows', async () => {
  await append('v1');
  await append('v2');
  await rewrite('ledger/000001.json', (text) => text.replace('"ada"', '"eve"'));
  expect(await problems()).toEqual(['entry 1 was changed after it was written']);
});

test('an entry that was changed together with its own hash breaks the chain', async () => {
  await append('v1');
  await append('v2');
  await rewrite('ledger/000001.json', (text) => text.replace(/"hash": ".{64}"/, `"hash": "${'a'.repeat(64)}"`));
  expect(await problems()).toContain('entry 2 does not follow the one before');
});

test('an entry that was removed is found', async () => {
  for (const spec of ['v1', 'v2', 'v3']) await append(spec);
  const { entries, live } = await readLedger(store);
  const without = { entries: entries.filter(({ number }) => number !== 2), live };
  expect(await verifyLedger(store, without)).toEqual([
    'entry 2 is missing before 3',
    'entry 3 does not follow the one before',
  ]);
});

test('content that was changed or is missing is found', async () => {
  await append('v1');
  await append('v2');
  await rewrite('contents/000001.json', (text) => text.replace('v1', 'v9'));
  expect(await problems()).toEqual(['the content of release 1 was changed or is missing']);
});

test('an entry that another version wrote is refused with words, not read', async () => {
  await append('v1');
  await rewrite('ledger/000001.json', (text) => text.replace('horme.ledger/1', 'horme.ledger/9'));
  await expect(readLedger(store)).rejects.toThrow(OperatorError);
  await expect(readLedger(store)).rejects.toThrow(/000001.json can't be read.*horme.ledger\/9/);
});

test('before the first deploy there is no ledger, and that is no error', async () => {
  expect(await readLedger(undefined)).toEqual({ entries: [], live: undefined });
  expect(await readLedger(store)).toEqual({ entries: [], live: undefined });
});
