import { beforeEach, expect, test } from 'vitest';
import { fakeEngine, type FakeEngine } from '../engine/fake.ts';
import { labels } from '../engine/labels.ts';
import { cachePassword } from '../parts/cache/index.ts';
import { databaseSecrets } from '../parts/database/index.ts';
import { parts } from '../parts/index.ts';
import { Store } from './store.ts';
import { ownerOf, secretVolumeName, writeSecretVolume } from './vault.ts';
import { openVault } from './open-vault.ts';

let engine: FakeEngine;
let store: Store;

beforeEach(async () => {
  engine = fakeEngine();
  engine.addImage({ tags: ['tools'] }, { '/horme/with-secrets': 'program' });
  store = await Store.open(engine, 'shop-local', 'tools');
});

test('passwords are made once and are found again', async () => {
  const first = await openVault(store, parts);
  expect(await openVault(store, parts)).toEqual(first);
  const again = await Store.open(engine, 'shop-local', 'tools');
  expect(await openVault(again, parts)).toEqual(first);
});

test('each is long, random and needs no escaping', async () => {
  const vault = await openVault(store, parts);
  const { volumeKey } = vault;
  const database = databaseSecrets(vault);
  const passwords = Object.entries(database).filter(([name]) => name.endsWith('Password'));
  const values = [cachePassword(vault), volumeKey, ...passwords.map(([, value]) => String(value))];
  expect(passwords).toHaveLength(5);
  expect(new Set(values).size).toBe(values.length);
  for (const value of values) expect(value).toMatch(/^[0-9a-f]{64}$/);
});

test('what stood beside each other before there were sections is found again, and the sections are written', async () => {
  const { volumeKey, parts: made } = await openVault(store, parts);
  const { cache, ...others } = made as { cache: { password: string } };
  await store.writeNow('vault.json', { schema: 'horme.vault/1', volumeKey, cachePassword: cache.password, ...others });
  const vault = await openVault(await Store.open(engine, 'shop-local', 'tools'), parts);
  expect({ volumeKey, ...made }).toMatchObject({ volumeKey: vault.volumeKey, ...others });
  expect(vault.parts).toMatchObject(made);
  expect(vault.schema).toBe('horme.vault/2');
});

test('a volume is named by what is in it, and the name tells nothing without the key', async () => {
  const vault = await openVault(store, parts);
  const name = secretVolumeName(vault, 'shop-local', 'api', { token: 'one' });
  expect(name).toMatch(/^shop-local_horme-secrets-api-[0-9a-f]{12}$/);
  expect(secretVolumeName(vault, 'shop-local', 'api', { token: 'one' })).toBe(name);
  expect(secretVolumeName(vault, 'shop-local', 'api', { token: 'two' })).not.toBe(name);
  expect(secretVolumeName({ ...vault, volumeKey: 'other' }, 'shop-local', 'api', { token: 'one' })).not.toBe(name);
});

test('the volume holds the files and the program that reads them; the writer is gone', async () => {
  const volume = 'shop-local_horme-secrets-api-1';
  const given = { engine, project: 'shop-local', volume, toolsImage: 'tools', files: { token: 'a\n"b"' } };
  await writeSecretVolume({ ...given, owner: { uid: 1000, gid: 1000 } });
  expect(await engine.containers({ [labels.role]: 'writer' })).toEqual([]);
  const reader = await engine.create({ image: 'tools', mounts: [`${volume}:/run/secrets`] });
  const files = await engine.get(reader, '/run/secrets');
  expect(files?.get('secrets/token')?.toString()).toBe('a\n"b"');
  expect(files?.get('secrets/.horme/with-secrets')?.toString()).toBe('program');
});

test('a writer that fails is removed too', async () => {
  engine.addImage({ tags: ['broken'] });
  const given = {
    engine,
    project: 'shop-local',
    volume: 'v',
    toolsImage: 'broken',
    files: {},
    owner: { uid: 0, gid: 0 },
  };
  await expect(writeSecretVolume(given)).rejects.toThrow('with-secrets');
  expect(await engine.containers({ [labels.role]: 'writer' })).toEqual([]);
});

test('whom an image means by its USER is looked up in the image', async () => {
  const passwd = 'root:x:0:0:root:/root:/bin/sh\nnode:x:1000:1001:Node:/home/node:/bin/sh\n';
  const { id } = engine.addImage({}, { '/etc/passwd': passwd, '/etc/group': 'root:x:0:\nstaff:x:50:node\n' });
  const owner = (user: string) => ownerOf(engine, 'shop-local', id, user);
  expect(await owner('')).toEqual({ uid: 0, gid: 0 });
  expect(await owner('node')).toEqual({ uid: 1000, gid: 1001 });
  expect(await owner('5')).toEqual({ uid: 5, gid: 5 });
  expect(await owner('5:6')).toEqual({ uid: 5, gid: 6 });
  expect(await owner('node:staff')).toEqual({ uid: 1000, gid: 50 });
  expect(await owner('node:6')).toEqual({ uid: 1000, gid: 6 });
  expect(await owner('5:staff')).toEqual({ uid: 5, gid: 50 });
  await expect(owner('ada')).rejects.toMatchObject({ code: 'user-unknown' });
  await expect(owner('node:wheel')).rejects.toMatchObject({ code: 'user-unknown' });
  expect(await engine.containers({ [labels.role]: 'writer' })).toEqual([]);
});
