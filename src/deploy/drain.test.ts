import { beforeEach, expect, test } from 'vitest';
import type { Sessions } from '../traffic/balancers.ts';
import { fakeEngine, type FakeEngine } from '../engine/fake.ts';
import type { Event } from '../events.ts';
import type { Context } from './context.ts';
import { beginDrain, stopReplicas } from './drain.ts';
import type { Target } from './step.ts';
import { api } from './testing.ts';

const service = api({ drainSeconds: 0.4, longLivedSeconds: 0.2 });
let engine: FakeEngine;
let context: Context;
let targets: Target[];
let sessions: Record<string, Sessions>;
let stopped: string[];
let events: Event[];

beforeEach(async () => {
  engine = fakeEngine();
  engine.addImage({ tags: ['app'] });
  targets = [];
  for (const name of ['a', 'b', 'c']) {
    const id = await engine.create({ name, image: 'app' });
    await engine.start(id);
    targets.push({ service: 'api', id, name });
  }
  sessions = Object.fromEntries(targets.map(({ name }) => [name, { ordinary: 0, longLived: 0 }]));
  stopped = [];
  events = [];
  const stop = engine.stop.bind(engine);
  engine.stop = async (id, seconds) => {
    stopped.push(targets.find((target) => target.id === id)?.name ?? '');
    await stop(id, seconds);
  };
  const balancers = {
    drain: async () => undefined,
    release: async () => undefined,
    sessions: async (_service: unknown, names: string[]) =>
      Object.fromEntries(names.map((name) => [name, sessions[name]])),
  };
  context = {
    ...{ engine, routed: [service], content: { services: [service] }, draining: new Map(), guard: undefined },
    balancers: { get: async () => balancers, must: async () => balancers, kept: async () => balancers },
    emit: (event: Event) => void events.push(event),
    signal: new AbortController().signal,
  } as unknown as Context;
});

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

test('each is stopped as soon as its requests have ended', async () => {
  sessions.b = { ordinary: 1, longLived: 0 };
  await beginDrain(context, targets);
  const over = stopReplicas(context, '1', targets);
  await expect.poll(() => stopped).toEqual(['a', 'c']);
  sessions.b = { ordinary: 0, longLived: 0 };
  await over;
  expect(stopped).toEqual(['a', 'c', 'b']);
  expect(engine.all).toEqual([]);
  expect(events).toEqual([]);
});

test('requests that do not end in time are told, counted from the moment that the replica drains', async () => {
  sessions.a = { ordinary: 2, longLived: 0 };
  await beginDrain(context, targets);
  await pause(450);
  await stopReplicas(context, '1', targets);
  expect(events).toMatchObject([{ kind: 'warning', text: 'a: 2 requests still run after 0.4 s of draining' }]);
});

test('those that still hold long-lived connections end one after another, after the others', async () => {
  sessions.a = { ordinary: 0, longLived: 3 };
  sessions.b = { ordinary: 0, longLived: 1 };
  await beginDrain(context, targets);
  await stopReplicas(context, '1', targets);
  expect(stopped).toEqual(['c', 'a', 'b']);
  expect(events.map((event) => 'detail' in event && event.detail)).toEqual([
    '3 long-lived connections go on until a ends',
    '1 long-lived connection goes on until b ends',
  ]);
});

test('an interrupt while requests are in flight stops no more of them', async () => {
  const interrupt = new AbortController();
  sessions.a = { ordinary: 1, longLived: 0 };
  await beginDrain(context, targets);
  const over = stopReplicas({ ...context, signal: interrupt.signal }, '1', targets);
  setTimeout(() => interrupt.abort(new Error('Ctrl-C')), 100);
  await expect(over).rejects.toThrow();
  expect(stopped).toEqual(['b', 'c']);
});

test('the platform serves the others until they have ended, and is stopped after them', async () => {
  const id = await engine.create({ name: 'haproxy', image: 'app' });
  await engine.start(id);
  targets = [{ service: 'horme-haproxy-a', id, name: 'haproxy' }, ...targets];
  const order: string[] = [];
  context.balancers.close = () => void order.push(...stopped, 'closed');
  sessions.a = { ordinary: 1, longLived: 0 };
  await beginDrain(context, targets.slice(1));
  setTimeout(() => (sessions.a = { ordinary: 0, longLived: 0 }), 100);
  await stopReplicas(context, '1', targets);
  expect(order).toEqual(['b', 'c', 'a', 'closed']);
  expect(stopped.at(-1)).toBe('haproxy');
});
