import { Duplex, type Readable } from 'node:stream';

/** Without a terminal the engine frames output: one byte stream, three zeros, four bytes length, then the data. */
const headerBytes = 8;

/** Removes the framing and returns complete frames; keeps an incomplete one for the next chunk. */
class Frames {
  #rest: Buffer = Buffer.alloc(0);

  push(chunk: Buffer): Buffer[] {
    this.#rest = this.#rest.length > 0 ? Buffer.concat([this.#rest, chunk]) : chunk;
    const pieces: Buffer[] = [];
    while (this.#rest.length >= headerBytes) {
      const end = headerBytes + this.#rest.readUInt32BE(4);
      if (this.#rest.length < end) break;
      pieces.push(this.#rest.subarray(headerBytes, end));
      this.#rest = this.#rest.subarray(end);
    }
    return pieces;
  }
}

export async function demultiplex(source: Buffer | Readable): Promise<string> {
  const frames = new Frames();
  if (Buffer.isBuffer(source)) return Buffer.concat(frames.push(source)).toString('utf8');
  const pieces: Buffer[] = [];
  for await (const chunk of source) pieces.push(...frames.push(chunk as Buffer));
  return Buffer.concat(pieces).toString('utf8');
}

/** The same for a duplex stream: writes pass unchanged, reads come without framing. */
export function openDemultiplexed(socket: Duplex): Duplex {
  const frames = new Frames();
  const stream = new Duplex({
    read: () => undefined,
    write: (chunk, _encoding, done) => void socket.write(chunk as Buffer, done),
    final: (done) => void socket.end(done),
    destroy: (error, done) => {
      socket.destroy();
      done(error);
    },
  });
  socket.on('data', (chunk: Buffer) => frames.push(chunk).forEach((piece) => stream.push(piece)));
  socket.on('end', () => stream.push(null));
  socket.on('error', (error) => stream.destroy(error));
  socket.on('close', () => void (socket.readableEnded || stream.destroy()));
  return stream;
}
