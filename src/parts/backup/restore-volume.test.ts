import { beforeEach, expect, test, vi } from 'vitest';
import { content, service } from '../../deploy/testing.ts';
import type { Compose } from '../../engine/compose.ts';
import { fakeEngine, type FakeEngine } from '../../engine/fake.ts';
import { labels } from '../../engine/labels.ts';
import type { Event } from '../../events.ts';
import type { Session } from '../../deploy/session.ts';
import { filesService } from './names.ts';
import { differenceLines, restoreVolumeAs, volumeDifferences } from './restore-volume.ts';
import { swapVolume } from './swap-volume.ts';

const project = 'shop-local';
const uploads = [{ type: 'volume', source: 'uploads', target: '/uploads' }];
const live = content([service('api'), service('seed', { kind: 'job' })], {
  compose: { name: project, services: { [filesService]: {}, api: { volumes: uploads }, seed: { volumes: uploads } } },
});

let engine: FakeEngine;
let asked: string[][];
let events: Event[];
let answer: (words: string[]) => Record<string, unknown>;
let session: Session;

const brought = { snapshot: '9c1f', repository: 2, at: '2026-11-24T03:00:06Z', files: 1, bytes: 1, seconds: 1 };
const counts = { added: 0, changed: 0, removed: 0 };
const compared = { snapshot: '9c1f', at: brought.at, added: [], changed: [], removed: [], counts };

const result = (fields: object = {}) => ({ event: 'result', ...fields });
const failure = { event: 'error', code: 'no-snapshot', message: 'no snapshot was found' };

beforeEach(() => {
  engine = fakeEngine();
  engine.addImage({ tags: ['shop'] });
  [asked, events] = [[], []];
  answer = () => result(brought);
  const runOnce: Compose['runOnce'] = async (_model, _service, words, onLine) => {
    asked.push(words);
    onLine(JSON.stringify(answer(words)));
    return 0;
  };
  session = {
    ...{ engine, stack: { project }, emit: (event: Event) => events.push(event) },
    compose: { runOnce },
  } as unknown as Session;
});

async function container(name: string, of: string, own: Record<string, string> = {}): Promise<string> {
  const all = { [labels.project]: project, [labels.service]: of, ...own };
  const id = await engine.create({ name, image: 'shop', labels: all });
  await engine.start(id);
  return id;
}

const states = () => Object.fromEntries(engine.all.map(({ name, state }) => [name, state]));
const volumes = async () => (await engine.volumes({})).map(({ name }) => name);
const restoreAs = () => restoreVolumeAs(session, live, 'uploads', 'latest', 'copy');

test('what was restored is compared, though a newer snapshot was taken meanwhile', async () => {
  answer = ([command]) => result(command === 'restore' ? brought : compared);
  const found = await volumeDifferences(session, live, 'uploads', 'latest');
  expect(found.incomplete).toBe(false);
  expect(asked.map((words) => words.slice(5).join(' '))).toEqual([
    '--latest --into /targets/volume',
    '--snapshot 9c1f --repo 2',
  ]);
});

test('what ran is stopped and runs again; what did not run stays so, a job that is done above all', async () => {
  await container('api-1', 'api');
  engine.exit(await container('api-2', 'api'), 1);
  engine.exit(await container('seed-1', 'seed'), 0);
  let meanwhile = {};
  answer = () => {
    meanwhile = states();
    return result();
  };
  await swapVolume(session, live, 'uploads', 'stamp');
  expect(meanwhile).toEqual({ 'api-1': 'exited', 'api-2': 'exited', 'seed-1': 'exited' });
  expect(states()).toEqual({ 'api-1': 'running', 'api-2': 'exited', 'seed-1': 'exited' });
  expect(events.filter(({ kind }) => kind === 'warning')).toEqual([
    { kind: 'warning', text: 'api-2 did not run, and is not started: horme deploy starts it' },
  ]);
});

test('a volume under another name is whole or not there, and one that is there is refused', async () => {
  answer = () => failure;
  await expect(restoreAs()).rejects.toMatchObject({ code: 'no-snapshot' });
  expect(await volumes()).toEqual([]);
  answer = () => result(brought);
  await restoreAs();
  expect(await volumes()).toEqual(['shop-local_copy']);
  await expect(restoreAs()).rejects.toMatchObject({ code: 'volume-exists' });
});

test('one of the same name that someone made by hand is refused too, and stays', async () => {
  await engine.createVolume('shop-local_copy', {});
  await expect(restoreAs()).rejects.toMatchObject({ code: 'volume-exists' });
  expect(await volumes()).toEqual(['shop-local_copy']);
});

/** Simulates a kill after this many steps: nothing later runs, not even the cleanup. */
async function killedAfter(steps: number): Promise<boolean> {
  const { createVolume, removeVolume } = engine;
  let done = 0;
  const step = () => {
    if (done >= steps) throw new Error('killed');
    done += 1;
  };
  engine.createVolume = async (name, own) => (step(), createVolume(name, own));
  engine.removeVolume = async (name) => (step(), removeVolume(name));
  answer = () => (step(), result(brought));
  const killed = await restoreAs().then(
    () => false,
    () => true,
  );
  Object.assign(engine, { createVolume, removeVolume });
  answer = () => result(brought);
  return killed;
}

test('after a kill at any point the same again makes it anew, and ends the agent that still writes', async () => {
  let steps = 0;
  for (; await killedAfter(steps); steps += 1) {
    if (steps > 0) await container('agent', filesService, { [labels.oneOff]: 'True' });
    await restoreAs();
    expect([await volumes(), states()]).toEqual([['shop-local_copy'], {}]);
    await engine.removeVolume('shop-local_copy');
  }
  expect([steps, await volumes()]).toEqual([4, ['shop-local_copy']]);
});

test('a container that does not start keeps no other from it, and hides no failure of the swap', async () => {
  await container('api-1', 'api');
  await container('api-2', 'api');
  const { start } = engine;
  engine.start = (id) =>
    engine.all.find((one) => one.id === id)?.name === 'api-1' ? Promise.reject(new Error('no network')) : start(id);
  answer = () => ({ event: 'error', code: 'unchanged', message: 'no room' });
  await expect(swapVolume(session, live, 'uploads', 'stamp')).rejects.toThrow('no room');
  expect(states()).toEqual({ 'api-1': 'exited', 'api-2': 'running' });
  expect(events).toContainEqual({
    kind: 'warning',
    text: 'api-1 does not start: no network; horme deploy starts it',
  });
});

test('an agent that a killed run left is waited for, and its volumes are let go', async () => {
  const left = await container('left', filesService, { [labels.oneOff]: 'True' });
  session = { ...session, signal: new AbortController().signal };
  answer = ([command]) => result(command === 'restore' ? brought : compared);
  const comparing = volumeDifferences(session, live, 'uploads', 'latest');
  await vi.waitUntil(() => events.length > 0);
  expect([asked, events]).toEqual([[], [{ kind: 'note', text: 'left, which a killed run left, is waited for' }]]);
  engine.exit(left, 0);
  await comparing;
  expect(engine.all).toEqual([]);
});

test('files that the snapshot lacks are told beside what changes', () => {
  const seen = { at: '2026-11-24T03:00:06Z', counts: { added: 8, changed: 1, removed: 3 } };
  const line = 'volume uploads of 2026-11-24 03:00:06Z: 3 files come back, 1 change, 8 of now go';
  expect(differenceLines('uploads', { ...seen, incomplete: false })).toBe(line);
  expect(differenceLines('uploads', { ...seen, incomplete: true })).toBe(
    `${line}; it lacks files that could not be read when it was saved`,
  );
});
