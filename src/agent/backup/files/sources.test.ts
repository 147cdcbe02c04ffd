import { chmodSync, lstatSync, mkdirSync, readFileSync, existsSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { temporaryFolders, testAgent } from '../testing.ts';
import { intoAppendOnlyFile } from './cache.ts';
import { fingerprint, stateFolder, tagsOf, wantedSources } from './sources.ts';

test('whatever happens in a folder changes its fingerprint', async () => {
  const folder = stateFolder(temporaryFolders());
  const file = join(folder, 'releases', '1');
  expect(await fingerprint(folder)).toBeUndefined();
  mkdirSync(join(folder, 'releases'), { recursive: true });
  const seen = new Set([await fingerprint(folder)]);
  const changes = [() => writeFileSync(file, 'a'), () => utimesSync(file, 0, 2 ** 31), () => rmSync(file)];
  for (const change of changes) {
    change();
    seen.add(await fingerprint(folder));
  }
  expect(seen.size).toBe(4);
});

test('what is there of the state, the volumes and the cache is wanted', async () => {
  const agent = testAgent({ told: { cache: true } });
  const wanted = async () => (await wantedSources(agent)).map(tagsOf);
  expect(await wanted()).toEqual(['kind=volume,name=uploads', 'kind=cache']);
  mkdirSync(stateFolder(agent.folders));
  expect(await wanted()).toEqual(['kind=state', 'kind=volume,name=uploads', 'kind=cache']);
});

// It gives files to another user.
test.skipIf(process.getuid?.() !== 0)('a dump of the cache becomes the base of an append-only file', async () => {
  const agent = testAgent();
  const target = agent.folders.targets;
  const dump = join(target, 'dump.rdb');
  writeFileSync(dump, 'REDIS');
  chmodSync(dump, 0o644);
  await intoAppendOnlyFile(agent, dump, target);
  const folder = join(target, 'appendonlydir');
  const manifest = readFileSync(join(folder, 'appendonly.aof.manifest'), 'utf8');
  expect(manifest).toBe('file appendonly.aof.1.base.rdb seq 1 type b\n');
  const { uid, gid, mode } = lstatSync(join(folder, 'appendonly.aof.1.base.rdb'));
  expect([uid, gid, mode & 0o777]).toEqual([71, 71, 0o600]);
  expect(existsSync(dump)).toBe(false);
});
