import { Transform } from 'node:stream';

/** ECMA-48 "erase in line". Compose writes it before each log line, even without a terminal. */
const erase = '\x1b[2K';

/** Removes the erase sequences, including one that is split between two chunks. */
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
