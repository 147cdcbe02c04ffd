import { Transform } from 'node:stream';

/** ECMA-48 "erase in line": Compose writes one before each line of a log, also where no terminal has a line to erase. */
const erase = '\x1b[2K';

/** Hands the bytes on without them; one may be cut in two by a chunk. */
export function withoutErasures(): Transform {
  let held = '';
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      const text = held + chunk.toString('latin1');
      const last = text.lastIndexOf('\x1b');
      const begins = last >= 0 && text.length - last < erase.length && erase.startsWith(text.slice(last));
      held = begins ? text.slice(last) : '';
      done(null, Buffer.from((begins ? text.slice(0, last) : text).replaceAll(erase, ''), 'latin1'));
    },
    flush(done) {
      done(null, Buffer.from(held, 'latin1'));
    },
  });
}
