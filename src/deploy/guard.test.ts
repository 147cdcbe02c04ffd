import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Counter } from '../traffic/balancers.ts';
import { fakeEngine, type FakeEngine } from '../engine/fake.ts';
import { labels } from '../engine/labels.ts';
import type { Event } from '../events.ts';
import type { Store } from '../release/store.ts';
import type { Context } from './context.ts';
import { Guard } from './guard.ts';
import { watchReplicas } from './watch.ts';
import { api, content, replica } from './testing.ts';

const wanted = api({ spec: 'v2', replicas: 1 });
const old = replica(api({ replicas: 1 }), 1);
let engine: FakeEngine;
let guard: Guard;
let counters: Counter[];
let told: string[];
let lost: AbortController;
let context: Context;
let events: Event[];

const counter = (name: string, own: Partial<Counter>): Counter => ({
  ...{ place: `a api:3000/${name}`, service: 'api', name, assigned: 0, ended: 0 },
  ...{ answered: 0, errors: 0, inFlight: 0, up: true, check: 'L7OK' },
  ...own,
});
const balancers = {
  counters: async () => counters,
  membership: async () => ({ api: Object.fromEntries(counters.map(({ name }) => [name, 'ready'])) }),
  readmit: async (_service: unknown, names: string[]) => void told.push(`readmit ${names.join()}`),
  drain: async (_service: unknown, names: string[]) => void told.push(`drain ${names.join()}`),
};

beforeEach(async () => {
  engine = fakeEngine();
  engine.addImage({ tags: ['app'] });
  const own = { [labels.project]: 'shop-local', [labels.service]: 'api', [labels.spec]: 'v2' };
  await engine.start(await engine.create({ name: 'new', image: 'app', labels: own }));
  told = [];
  lost = new AbortController();
  counters = [counter(old.name, { assigned: 50, ended: 50, answered: 50 }), counter('new', {})];
  events = [];
  context = {
    ...{
      emit: (event: Event) => void events.push(event),
      engine,
      content: content([wanted]),
      routed: [wanted],
      signal: new AbortController().signal,
      lost: lost.signal,
    },
    store: { readJson: async () => undefined } as unknown as Store,
    balancers: { get: async () => ({ membership: async () => ({}) }), kept: async () => balancers },
  } as unknown as Context;
  guard = new Guard(context, [old], undefined);
  guard.begin();
  await guard.protect(['api']);
});
afterEach(() => guard.end());

/** As requests come, in every look of the guard. */
async function until(done: () => boolean): Promise<void> {
  const deadline = performance.now() + 5000;
  while (!done()) {
    if (performance.now() > deadline) throw new Error('not within 5 s');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const replaced = (own: Partial<Counter>) => (counters = [counters[0] ?? counter(old.name, {}), counter('new', own)]);

test('a replica that ends is sure at once: the old one is put back, then the words are told', async () => {
  engine.exit(engine.all.find(({ name }) => name === 'new')?.id ?? '', 1);
  await until(() => guard.signal.aborted);
  await guard.end();
  expect(told).toEqual([`readmit ${old.name}`, 'drain new']);
  expect(guard.failure?.message).toBe('new was ready, but then it ended with exit code 1');
});

test('errors of the new replica alone are a regression', async () => {
  replaced({ assigned: 20, ended: 20, answered: 20, errors: 12 });
  await until(() => guard.signal.aborted);
  expect(guard.failure?.message).toMatch(/^(new|api): 12 of 20 requests failed/);
});

test('while a stop-first service is away nothing but a crash counts, and what came meanwhile never does', async () => {
  guard.absent(true);
  replaced({ assigned: 20, ended: 20, answered: 20, errors: 12 });
  await new Promise((resolve) => setTimeout(resolve, 300));
  guard.absent(false);
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(guard.signal.aborted).toBe(false);
});

test('a replica that ends is seen while no HAProxy tells anything', async () => {
  counters = [];
  engine.exit(engine.all.find(({ name }) => name === 'new')?.id ?? '', 1);
  await until(() => guard.signal.aborted);
  await guard.end();
  expect(guard.failure?.message).toBe('new was ready, but then it ended with exit code 1');
});

test('nobody is put back to replicas that end', async () => {
  guard.leaving([old.name]);
  replaced({ assigned: 20, ended: 20, answered: 20, errors: 12 });
  await until(() => guard.signal.aborted);
  await guard.end();
  expect(told).toEqual([]);
});

test('who has lost the lock tells HAProxy nothing', async () => {
  lost.abort();
  replaced({ assigned: 20, ended: 20, answered: 20, errors: 12 });
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect([guard.signal.aborted, told]).toEqual([false, []]);
});

describe('a watch that sees nothing', () => {
  const blind = (error: unknown) => Object.assign(balancers, { counters: () => Promise.reject(error as Error) });
  const seeing = () => Object.assign(balancers, { counters: async () => counters });
  afterEach(() => {
    seeing();
    vi.useRealTimers();
  });

  test('does not end while HAProxy can not be read, and ends with the first look after it', async () => {
    blind(new Error('HAProxy ended the conversation'));
    let over = false;
    const watch = watchReplicas({ ...context, guard }, ['api'], 0.3).then(() => (over = true));
    await new Promise((resolve) => setTimeout(resolve, 700));
    expect(over).toBe(false);
    seeing();
    await watch;
    expect(guard.seconds).toBeGreaterThan(0.5);
  });

  test.each([
    ['HAProxy', () => blind(new Error('HAProxy hangs')), 'HAProxy hangs'],
    ['the engine', () => vi.spyOn(engine, 'inspect').mockRejectedValue(new Error('engine hangs')), 'engine hangs'],
  ])('fails after half a minute without %s, with what was last heard', async (_who, happen, lastSeen) => {
    happen();
    vi.useFakeTimers({ toFake: ['performance'] });
    const watch = watchReplicas({ ...context, guard }, ['api'], 0.3);
    const failed = expect(watch).rejects.toMatchObject({ code: 'watch-blind', exitCode: 10, lastSeen });
    await until(() => guard.unread !== '');
    vi.advanceTimersByTime(31_000);
    await failed;
  });
});

test('that old replicas could not be put back is told', async () => {
  vi.spyOn(balancers, 'readmit').mockRejectedValueOnce(new Error('it restarts'));
  replaced({ assigned: 20, ended: 20, answered: 20, errors: 12 });
  await until(() => guard.signal.aborted);
  await guard.end();
  expect(events).toMatchObject([{ kind: 'warning', text: expect.stringContaining('it restarts') as string }]);
});
