import { Duplex } from 'node:stream';
import { setTimeout as wait } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { api } from '../deploy/testing.ts';
import type { Engine } from '../engine/engine.ts';
import { fakeHaproxy } from './fake-haproxy.ts';
import { HaproxyRuntime } from './runtime.ts';

const prompt = '\n> ';
const servers = '1\n# be_id be_name srv_name srv_fqdn srv_admin_state\n3 app:8000 s1 app-1 0\n';

/** Answers as HAProxy 3.0 does: one prompt after each command of a line, in separate chunks. */
function haproxy(): Pick<Engine, 'converse'> {
  let last = Promise.resolve();
  const stream: Duplex = new Duplex({
    read: () => undefined,
    write: (line: Buffer, _encoding, done) => {
      for (const command of line.toString().split(';')) {
        last = last
          .then(() => wait(2))
          .then(() => void stream.push((command.startsWith('show') ? servers : '') + prompt));
      }
      done();
    },
  });
  return { converse: () => Promise.resolve(stream) };
}

test('an answer after a line of several commands is its own, not the rest of theirs', async () => {
  const runtime = await HaproxyRuntime.open(haproxy() as Engine, 'haproxy-a');
  await runtime.drain('app:8000', 's1');
  expect(await runtime.slots()).toEqual([{ backend: 'app:8000', slot: 's1', name: 'app-1', mode: 'ready' }]);
  runtime.close();
});

test('a large answer that comes in pieces is put together', async () => {
  const replicas = Array.from({ length: 300 }, (_, index) => `api-${index + 1}`);
  const proxy = fakeHaproxy([api({ replicas: 300 })], { 'api:3000': replicas });
  const runtime = await HaproxyRuntime.open({ converse: async () => proxy.converse() } as unknown as Engine, 'a');
  const slots = await runtime.slots();
  expect(slots).toHaveLength(2 * 608);
  expect(
    slots.filter(({ backend, mode }) => backend === 'api:3000' && mode === 'ready').map(({ name }) => name),
  ).toEqual(replicas);
  runtime.close();
});

test('questions asked at once get their own answers', async () => {
  const proxy = fakeHaproxy([api()], { 'api:3000': ['api-1'] });
  const runtime = await HaproxyRuntime.open({ converse: async () => proxy.converse() } as unknown as Engine, 'a');
  const [slots, , stats] = await Promise.all([runtime.slots(), runtime.drain('api:3000', 's1'), runtime.stats()]);
  expect(slots[0]).toEqual({ backend: 'api:3000', slot: 's1', name: 'api-1', mode: 'ready' });
  expect(stats[0]).toEqual({
    backend: 'api:3000',
    slot: 's1',
    sessions: 0,
    inFlight: 0,
    assigned: 10,
    answered: 10,
    errors: 1,
    up: true,
    check: 'L4OK',
  });
  expect((await runtime.slots())[0]?.mode).toBe('drain');
  runtime.close();
});

const ends: [string, (stream: Duplex) => void][] = [
  ['ends', (stream) => void stream.push(null)],
  ['breaks', (stream) => void stream.destroy(new Error('reset'))],
  ['is closed', (stream) => void stream.destroy()],
];
test.each(ends)('a conversation that %s fails what was asked and what is asked after', async (_how, end) => {
  const silent = new Duplex({ read: () => undefined, write: (_line, _encoding, done) => done() });
  const runtime = HaproxyRuntime.open({ converse: async () => silent } as unknown as Engine, 'a');
  silent.push(prompt);
  const open = await runtime;
  const asked = open.slots();
  setTimeout(() => end(silent), 5);
  await expect(asked).rejects.toThrow('HAProxy ended the conversation');
  expect(open.broken).toBe(true);
  await expect(open.stats()).rejects.toThrow('HAProxy ended the conversation');
});
