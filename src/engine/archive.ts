import { Readable } from 'node:stream';
import tar from 'tar-stream';
import type { FileEntry } from './engine.ts';

/** User id of nginx, HAProxy and the tools in the platform's containers. */
export const platformUid = 101;

export async function packTar(files: FileEntry[]): Promise<Buffer> {
  const pack = tar.pack();
  for (const { path, content, mode = 0o644, uid = platformUid, gid = platformUid } of files) {
    pack.entry({ name: path, mode, uid, gid, mtime: new Date() }, content);
  }
  pack.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of pack) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** Reads regular files only; Horme writes no links or devices. */
export async function unpackTar(data: Buffer): Promise<Map<string, Buffer>> {
  const files = new Map<string, Buffer>();
  const extract = tar.extract();
  Readable.from([data]).pipe(extract);
  for await (const entry of extract) {
    const chunks: Buffer[] = [];
    for await (const chunk of entry) chunks.push(chunk as Buffer);
    if (entry.header.type === 'file') files.set(entry.header.name, Buffer.concat(chunks));
  }
  return files;
}
