import { Readable } from 'node:stream';
import tar from 'tar-stream';
import type { FileEntry } from './engine.ts';

/** The engine's uid for the platform's containers: nginx, HAProxy and the tools run as this one. */
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

/** Regular files only: links and devices in an archive are nothing of ours. */
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
