import { Duplex, PassThrough, Readable } from 'node:stream';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { demultiplex, openDemultiplexed } from './multiplex.ts';

function frame(content: Buffer | string, stream = 1): Buffer {
  const data = Buffer.from(content);
  const header = Buffer.alloc(8);
  header[0] = stream;
  header.writeUInt32BE(data.length, 4);
  return Buffer.concat([header, data]);
}

test('both streams are joined as they came', async () => {
  expect(await demultiplex(Buffer.concat([frame('one\n'), frame('two\n', 2), frame('three\n')]))).toBe(
    'one\ntwo\nthree\n',
  );
});

test('wherever the network cuts it, the text is the same', async () => {
  const text = fc.array(fc.string({ unit: 'grapheme' }), { maxLength: 6 });
  await fc.assert(
    fc.asyncProperty(text, fc.integer({ min: 1, max: 20 }), async (parts, size) => {
      const whole = Buffer.concat(parts.map((part) => frame(part)));
      const chunks: Buffer[] = [];
      for (let at = 0; at < whole.length; at += size) chunks.push(whole.subarray(at, at + size));
      expect(await demultiplex(Readable.from(chunks))).toBe(parts.join(''));
    }),
    { numRuns: 100 },
  );
});

test('a character that two frames share is whole again', async () => {
  const [first, second] = [Buffer.from('é').subarray(0, 1), Buffer.from('é').subarray(1)];
  expect(await demultiplex(Readable.from([frame(first), frame(second)]))).toBe('é');
});

/** A socket whose other end the test holds. */
function socketPair(): { socket: Duplex; written: string[]; incoming: PassThrough } {
  const written: string[] = [];
  const incoming = new PassThrough();
  const socket = Duplex.from({
    readable: incoming,
    writable: new PassThrough().on('data', (chunk: Buffer) => written.push(chunk.toString())),
  });
  return { socket, written, incoming };
}

test('a conversation writes as it is and reads without framing', async () => {
  const { socket, written, incoming } = socketPair();
  const stream = openDemultiplexed(socket);
  stream.write('question\n');
  incoming.write(frame('answer\n').subarray(0, 5));
  incoming.end(frame('answer\n').subarray(5));
  const read: string[] = [];
  for await (const chunk of stream) read.push((chunk as Buffer).toString());
  expect(read.join('')).toBe('answer\n');
  expect(written).toEqual(['question\n']);
});

test('a conversation that the engine breaks off ends with an error; one that it just drops is closed', async () => {
  const broken = socketPair().socket;
  const stream = openDemultiplexed(broken);
  const failed = new Promise((resolve) => stream.once('error', resolve));
  broken.destroy(new Error('reset'));
  expect(await failed).toMatchObject({ message: 'reset' });

  const dropped = socketPair().socket;
  const other = openDemultiplexed(dropped);
  const closed = new Promise<string>((resolve) => other.once('close', () => resolve('closed')));
  dropped.on('error', () => undefined);
  other.on('error', () => undefined);
  dropped.destroy();
  expect(await closed).toBe('closed');
});
