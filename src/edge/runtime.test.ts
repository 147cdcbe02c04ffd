import { Duplex } from 'node:stream';
import { setTimeout as wait } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { Engine } from '../engine/engine.ts';
import { HaproxyRuntime } from './runtime.ts';

const prompt = '\n> ';
const servers = '1\n# be_id be_name srv_name srv_fqdn srv_admin_state\n3 app:8000 s1 app-1 0\n';

/** Answers as HAProxy 3.0 does: a prompt after each command of a line, one after another, in chunks of their own. */
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
