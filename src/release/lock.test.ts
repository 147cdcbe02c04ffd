import { spawnSync } from 'node:child_process';
import { hostname, userInfo } from 'node:os';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { fakeEngine, type FakeEngine } from '../engine/fake.ts';
import { labels } from '../engine/labels.ts';
import { OperatorError, exitCodes } from '../errors.ts';
import { findLock, isStale, lockName, releaseLock, takeLock, type HeldLock, type LockHolder } from './lock.ts';
import { Store } from './store.ts';

const project = 'shop-local';
let engine: FakeEngine;
let clock: Date;
let held: HeldLock[];

beforeEach(() => {
  clock = new Date('2026-01-01T00:00:00Z');
  engine = fakeEngine({ now: () => clock });
  engine.addImage({ tags: ['tools'] });
  held = [];
});
afterEach(async () => {
  for (const lock of held) await lock.release();
});

async function take(own: { waitSeconds?: number; signal?: AbortSignal; onWait?: (holder: LockHolder) => void } = {}) {
  const lock = await takeLock({
    ...{ engine, project, image: 'tools', purpose: 'deploy', waitSeconds: 0, onWait: () => undefined },
    ...{ signal: new AbortController().signal, ...own },
  });
  held.push(lock);
  return lock;
}

/** A lock that another process left behind. */
async function foreign(own: Partial<LockHolder>): Promise<string> {
  const holder = {
    user: 'ada',
    host: 'elsewhere',
    pid: 1,
    pidStarted: '1',
    since: clock.toISOString(),
    purpose: 'deploy',
  };
  return engine.create({
    ...{ name: lockName(project), image: 'tools' },
    labels: {
      [labels.project]: project,
      [labels.role]: 'lock',
      'horme.lock': JSON.stringify({ ...holder, ...own }),
    },
  });
}

const later = (seconds: number) => (clock = new Date(clock.getTime() + seconds * 1000));

test('of two who want it, one gets it; the other hears who has it', async () => {
  const both = await Promise.allSettled([take(), take()]);
  const refused = both.filter((one) => one.status === 'rejected');
  expect(refused).toHaveLength(1);
  expect(refused[0]?.reason).toBeInstanceOf(OperatorError);
  expect(refused[0]?.reason).toMatchObject({ code: 'lock-held', exitCode: exitCodes.lockHeld });
  expect((refused[0]?.reason as Error).message).toContain(`process ${process.pid}`);
});

test('it is free again when it was released', async () => {
  await (await take()).release();
  expect(await findLock(engine, project)).toBeUndefined();
  await take();
});

test('one who waits gets it when the holder releases it, and is told once for whom it waits', async () => {
  const first = await take();
  const told: string[] = [];
  const second = take({ waitSeconds: 10, onWait: ({ purpose }) => told.push(purpose) });
  setTimeout(() => void first.release(), 700);
  await second;
  expect(told).toEqual(['deploy']);
});

test('one who waits can be interrupted', async () => {
  await take();
  const interrupt = new AbortController();
  const second = take({ waitSeconds: 60, signal: interrupt.signal });
  setTimeout(() => interrupt.abort(new Error('Ctrl-C')), 50);
  await expect(second).rejects.toThrow();
});

test('a holder on another machine is waited for until it was silent too long, by the clock of the engine', async () => {
  const id = await foreign({});
  await engine.put(id, '/', [{ path: 'heartbeat', content: clock.toISOString() }]);
  later(29);
  await expect(take()).rejects.toMatchObject({ code: 'lock-held' });
  later(2);
  await take();
});

test('a holder that died before its first sign of life is followed too', async () => {
  await foreign({});
  later(29);
  await expect(take()).rejects.toMatchObject({ code: 'lock-held' });
  later(2);
  await take();
});

test('a holder on this machine whose process is gone is followed at once', async () => {
  const { pid } = spawnSync('true');
  await foreign({ host: hostname(), pid, pidStarted: '1' });
  await take();
});

test('another process that got the number of the holder is not taken for it', async () => {
  await foreign({ host: hostname(), pid: process.pid, pidStarted: '1' });
  await take();
});

test('this very process is alive', async () => {
  await take();
  const lock = await findLock(engine, project);
  expect(lock && (await isStale(engine, lock))).toBe(false);
});

test('of many who find it stale at once, one takes it over', async () => {
  await foreign({});
  later(60);
  const all = await Promise.allSettled(Array.from({ length: 5 }, () => take()));
  expect(all.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  expect(all.filter((one) => one.status === 'rejected' && (one.reason as OperatorError).code !== 'lock-held')).toEqual(
    [],
  );
});

test('locks of two projects do not meet', async () => {
  await take();
  const other = await takeLock({
    ...{ engine, project: 'other', image: 'tools', purpose: 'deploy', waitSeconds: 0 },
    ...{ signal: new AbortController().signal, onWait: () => undefined },
  });
  held.push(other);
});

test('a holder that asks whether it still holds it hears when someone took it over', async () => {
  const lock = await take();
  await lock.confirm();
  await engine.remove((await findLock(engine, project))?.id ?? '');
  await expect(lock.confirm()).rejects.toMatchObject({ code: 'lock-lost', exitCode: exitCodes.lockHeld });
  expect(lock.lost.aborted).toBe(true);
});

test('a prune while it is held takes nothing of it', async () => {
  const lock = await take();
  await expect.poll(() => engine.all[0]?.state, { timeout: 5000 }).toBe('running');
  engine.prune();
  await lock.confirm();
  await expect(take()).rejects.toMatchObject({ code: 'lock-held' });
});

test('a holder whose lock was stopped with the engine still holds it, and starts it again', async () => {
  const lock = await take();
  const id = (await findLock(engine, project))?.id ?? '';
  await lock.confirm();
  await engine.stop(id, 1);
  await expect(take()).rejects.toMatchObject({ code: 'lock-held' });
  await lock.confirm();
  expect(engine.all[0]?.state).toBe('running');
});

test('one of a holder that is gone with the engine is followed', async () => {
  const id = await foreign({});
  await engine.start(id);
  await engine.stop(id, 1);
  later(31);
  await take();
});

test('a container of someone else with its name is told at once, with its id', async () => {
  const id = await engine.create({ name: lockName(project), image: 'tools' });
  await expect(take({ waitSeconds: 600 })).rejects.toMatchObject({
    code: 'name-taken',
    exitCode: exitCodes.checkFailed,
    message: expect.stringContaining(id.slice(0, 12)) as string,
  });
});

test('who lost it is told who released it by hand, or who took it over', async () => {
  const store = await Store.open(engine, project, 'tools');
  const first = await take();
  const lock = await findLock(engine, project);
  if (lock) await releaseLock(engine, store, lock);
  const by = `${userInfo().username}@${hostname()} released it (horme lock --release)`;
  await expect(first.confirm()).rejects.toThrow(by);

  const second = await take();
  await engine.remove((await findLock(engine, project))?.id ?? '');
  await foreign({ user: 'eve', purpose: 'rollback' });
  await expect(second.confirm()).rejects.toThrow('eve@elsewhere (process 1) took it over for "rollback"');
});
