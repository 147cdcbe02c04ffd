import { beforeEach, expect, test, vi } from 'vitest';
import { fakeEngine, type FakeEngine } from '../engine/fake.ts';
import { labels } from '../engine/labels.ts';
import { Store } from '../release/store.ts';
import type { Context } from './context.ts';
import { keepLogs, readKeptLogs } from './kept-logs.ts';
import { api, content, edge } from './testing.ts';

let engine: FakeEngine;
let store: Store;
beforeEach(async () => {
  engine = fakeEngine();
  engine.addImage({ tags: ['any'] });
  store = await Store.open(engine, 'shop-local', 'any');
});

const starts = (service: string, release: number, number: number) =>
  engine.create({
    name: `shop-local-${service}-${number}`,
    image: 'any',
    labels: {
      [labels.project]: 'shop-local',
      [labels.service]: service,
      [labels.release]: String(release),
    },
  });

const keep = (releaseNumber: number) =>
  keepLogs({ engine, store, content: content([api(), ...edge()]), releaseNumber } as unknown as Context);

test('what the replicas of the failed release printed is kept, and nothing of the platform or of others', async () => {
  await starts('api', 4, 1);
  await starts('api', 5, 2);
  await starts('horme-nginx', 5, 1);
  vi.spyOn(engine, 'logs').mockResolvedValue('crashed as asked\n');
  expect(await keep(5)).toEqual(['api']);
  expect(await readKeptLogs(store, 5)).toEqual({
    release: 5,
    replicas: [{ service: 'api', name: 'shop-local-api-2', text: 'crashed as asked\n' }],
  });
  expect(await readKeptLogs(store, 4)).toBeUndefined();
});

test('it stays small: three replicas of a service, 64 KiB of each, three releases', async () => {
  const logs = vi.spyOn(engine, 'logs').mockResolvedValue('x'.repeat(100_000));
  for (const release of [1, 2, 3, 4]) {
    for (const replica of [1, 2, 3, 4]) await starts('api', release, release * 10 + replica);
    await keep(release);
  }
  expect(logs.mock.calls.every(([, lines]) => lines === 200)).toBe(true);
  const kept = await Promise.all([1, 2, 3, 4].map((release) => readKeptLogs(store, release)));
  expect(kept.map((one) => one?.replicas.map(({ text }) => text.length))).toEqual([
    undefined,
    ...[2, 3, 4].map(() => [65_536, 65_536, 65_536]),
  ]);
});

test('a release of which nothing ran has nothing', async () => {
  expect(await keep(5)).toEqual([]);
  expect(await readKeptLogs(store, 5)).toBeUndefined();
});
