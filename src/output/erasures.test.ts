import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { withoutErasures } from './erasures.ts';

const passed = async (...chunks: Buffer[]) => buffer(Readable.from(chunks).pipe(withoutErasures()));

test('erasures go, wherever a chunk cuts them, and all other bytes stay', async () => {
  const bytes = Buffer.from([0xff, 0x00, 0xc3]);
  const whole = Buffer.concat([
    Buffer.from('\x1b[2Kapp | \x1b[31mred\x1b[0m\n\x1b[2Kapp | '),
    bytes,
    Buffer.from('\x1b['),
  ]);
  const wanted = Buffer.concat([Buffer.from('app | \x1b[31mred\x1b[0m\napp | '), bytes, Buffer.from('\x1b[')]);
  for (let cut = 0; cut <= whole.length; cut++)
    expect(await passed(whole.subarray(0, cut), whole.subarray(cut))).toEqual(wanted);
});
