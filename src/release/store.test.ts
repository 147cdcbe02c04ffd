import { beforeEach, describe, expect, test, vi } from 'vitest';
import { fakeEngine, type FakeEngine } from '../engine/fake.ts';
import { labels } from '../engine/labels.ts';
import { Store, stateFolder, storeName } from './store.ts';

const project = 'shop-local';
let engine: FakeEngine;

beforeEach(() => {
  engine = fakeEngine();
  engine.addImage({ tags: ['tools'] });
});

const open = () => Store.open(engine, project, 'tools');
const note = (store: Store) => store.write(stateFolder, [{ path: 'note', content: '"kept"' }]);
const noted = (store: Store) => store.readJson<string>(`${stateFolder}/note`);

test('a prune of containers and of volumes takes nothing of it', async () => {
  const store = await open();
  await note(store);
  engine.prune();
  expect(await noted(await open())).toBe('kept');
  expect(store.held).toBe(true);
});

test('the state is found by its volume when its container is gone, without holding it', async () => {
  expect(await Store.hasState(engine, project)).toBe(false);
  await note(await open());
  await engine.remove(engine.all[0]?.id ?? '');
  expect(await Store.hasState(engine, project)).toBe(true);
  const reader = await Store.reader(engine, project, 'tools');
  expect(await noted(reader)).toBe('kept');
  expect(reader.held).toBe(false);
});

test.each([
  ['never ran, as those of former versions', () => undefined],
  ['was stopped by hand', (id: string) => engine.start(id).then(() => engine.stop(id, 1))],
])('one whose container %s is held again once a deploy opens it', async (_what, happen) => {
  const before = await Store.reader(engine, project, 'tools');
  await note(before);
  await happen(engine.all[0]?.id ?? '');
  const store = await open();
  expect(store.held).toBe(true);
  expect(engine.all).toMatchObject([{ name: storeName(project), state: 'running' }]);
  expect(await noted(store)).toBe('kept');
  // A concurrent reader, while the container is replaced.
  expect(await noted(before)).toBe('kept');
});

test('of several who open it at once, all get the same', async () => {
  await note(await open());
  await engine.stop(engine.all[0]?.id ?? '', 1);
  const stores = await Promise.all([open(), Store.reader(engine, project, 'tools'), open()]);
  expect(await Promise.all(stores.map(noted))).toEqual(['kept', 'kept', 'kept']);
  expect(engine.all).toHaveLength(1);
});

test('a container of someone else with its name is told, with its id', async () => {
  const id = await engine.create({ name: storeName(project), image: 'tools', labels: { [labels.project]: 'other' } });
  await expect(open()).rejects.toMatchObject({
    code: 'name-taken',
    message: expect.stringContaining(id.slice(0, 12)) as string,
    next: expect.stringContaining(`docker rename ${id.slice(0, 12)}`) as string,
  });
});

describe('what every run reads', () => {
  const release = (store: Store) => store.readNow<number>('release.json');

  test('is not read again under the lock where nobody wrote since the glance', async () => {
    await (await open()).writeNow('release.json', 1);
    const glance = await open();
    expect(await release(glance)).toBe(1);
    const get = vi.spyOn(engine, 'get');
    expect(await release(await Store.open(engine, project, 'tools', glance))).toBe(1);
    expect(get).not.toHaveBeenCalled();
  });

  test('is read again where somebody did, and what the store itself wrote is known', async () => {
    await (await open()).writeNow('release.json', 1);
    const glance = await open();
    await release(glance);
    await (await open()).writeNow('release.json', 2);
    const store = await Store.open(engine, project, 'tools', glance);
    expect(await release(store)).toBe(2);
    await store.writeNow('release.json', 3);
    expect(await release(store)).toBe(3);
    expect(await release(glance)).toBe(1);
  });

  test('is read again after a read or a write that failed', async () => {
    const store = await open();
    await store.writeNow('release.json', 1);
    vi.spyOn(engine, 'get').mockRejectedValueOnce(new Error('the engine restarts'));
    await expect(release(store)).rejects.toThrow('the engine restarts');
    expect(await release(store)).toBe(1);
    await (await open()).writeNow('release.json', 2);
    vi.spyOn(engine, 'put').mockRejectedValueOnce(new Error('the engine restarts'));
    await expect(store.writeNow('other.json', 1)).rejects.toThrow('the engine restarts');
    expect(await release(store)).toBe(2);
  });
});
