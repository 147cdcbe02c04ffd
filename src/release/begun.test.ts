import { beforeEach, expect, test } from 'vitest';
import { content } from '../deploy/testing.ts';
import { fakeEngine } from '../engine/fake.ts';
import { noteBegun, noteMigrating, notedOf, whenBegun } from './begun.ts';
import { appendEntry, readLedger } from './ledger.ts';
import { Store } from './store.ts';

let store: Store;
const [ten, eleven, twelve] = [10, 11, 12].map((hour) => new Date(`2026-11-26T${hour}:00:00.000Z`)) as [
  Date,
  Date,
  Date,
];

beforeEach(async () => {
  const engine = fakeEngine();
  engine.addImage({ tags: ['tools'] });
  store = await Store.open(engine, 'shop-local', 'tools');
});

const found = async (release: number) => whenBegun(store, await readLedger(store), release);

async function ends(begun: string | undefined): Promise<void> {
  const own = {
    kind: 'deploy' as const,
    outcome: 'live' as const,
    begunAt: begun,
    at: eleven.toISOString(),
    by: 'ada',
  };
  const made = {
    commit: undefined,
    folder: undefined,
    images: {},
    secretVolumes: [],
    migrated: [],
    restoredTo: undefined,
  };
  const entry = { ...own, ...made, steps: [], proof: undefined, reason: undefined };
  await appendEntry(store, await readLedger(store), entry, content([]));
}

test('a release is found by its number, also when it was killed before the ledger had it', async () => {
  const { at } = await noteBegun(store, 1, ten, false);
  expect([at, await found(1)]).toEqual([ten.toISOString(), ten]);
  await ends(at);
  await noteBegun(store, 2, eleven, false);
  expect([await found(1), await found(2)]).toEqual([ten, eleven]);
});

test('what took the number of a killed deploy, such as the restore to before it, does not hide when it began', async () => {
  await noteBegun(store, 1, ten, false);
  await ends(eleven.toISOString());
  expect(await found(1)).toEqual(ten);
});

test('of one that was killed and tried again the first try counts that changed something, with what it migrated', async () => {
  const first = { release: 1, at: eleven.toISOString(), migrated: [] };
  await noteBegun(store, 1, ten, false);
  expect(await noteBegun(store, 1, eleven, false)).toEqual(first);
  expect(await noteBegun(store, 1, twelve, true)).toEqual(first);
  await noteMigrating(store, 'api', { '001.sql': 'a' });
  await noteMigrating(store, 'api', { '001.sql': 'a' });
  expect(await noteBegun(store, 1, twelve, false)).toEqual({
    ...first,
    migrated: ['api'],
    files: { api: { '001.sql': 'a' } },
  });
  expect(await notedOf(store, 2)).toBeUndefined();
});

test('a release that there is not, or that an older Horme made, is refused with the way by a time', async () => {
  const refused = { code: 'release-unknown', exitCode: 2 };
  await expect(found(1)).rejects.toMatchObject({ ...refused, message: 'there is no release 1' });
  await ends(undefined);
  const message = 'nobody noted when release 1 began: an older Horme made it';
  await expect(found(1)).rejects.toMatchObject({ ...refused, message });
});
