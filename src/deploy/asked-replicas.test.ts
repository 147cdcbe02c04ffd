import { PassThrough, type Duplex } from 'node:stream';
import { expect, test } from 'vitest';
import { askReplicas } from './asked-replicas.ts';
import type { Context } from './context.ts';

const question = { port: 3000, host: 'shop.localhost', health: undefined };
const addresses = ['10.0.0.1', '10.0.0.2'];

function asked(signal = new AbortController().signal) {
  const stream = new PassThrough();
  const commands: string[][] = [];
  const converse = async (_id: string, command: string[]): Promise<Duplex> => {
    commands.push(command);
    return stream;
  };
  const context = { engine: { converse }, balancers: { containers: async () => ['haproxy'] } } as unknown as Context;
  const answers = askReplicas(context, question, { addresses, seconds: 5, signal });
  return { stream, commands, of: (address: string) => answers.get(address) };
}

test('one program asks all of them, and each is told as soon as it is done', async () => {
  const { stream, commands, of } = asked();
  stream.write('10.0.0.2 0 \n');
  expect(await of('10.0.0.2')).toEqual({ ready: true, said: '' });
  stream.end('10.0.0.1 1 GET /ready for shop.localhost answered 503\n');
  expect(await of('10.0.0.1')).toEqual({ ready: false, said: 'GET /ready for shop.localhost answered 503' });
  expect(commands).toHaveLength(1);
  expect(commands[0]?.slice(3)).toEqual(['ask', '10.0.0.1 10.0.0.2', '3000', '5']);
});

test('a HAProxy that ends or hangs before a replica is done leaves it not ready, with the reason', async () => {
  const ended = asked();
  ended.stream.end('10.0.0.2 0 \n');
  expect(await ended.of('10.0.0.1')).toEqual({ ready: false, said: 'HAProxy has ended' });
  const hung = asked();
  setTimeout(() => hung.stream.destroy(new Error('sh did not end within 10 s')), 20);
  expect(await hung.of('10.0.0.1')).toEqual({ ready: false, said: 'sh did not end within 10 s' });
});

test('an interrupt is no answer', async () => {
  const interrupt = new AbortController();
  const { stream, of } = asked(interrupt.signal);
  setTimeout(() => {
    interrupt.abort(new Error('Ctrl-C'));
    stream.destroy(interrupt.signal.reason as Error);
  }, 20);
  await expect(of('10.0.0.1')).rejects.toThrow('Ctrl-C');
});
