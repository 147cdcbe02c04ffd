import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { extract } from 'tar-stream';
import { failure, messageOf } from '../../failure.ts';

/** The sizes of all files in a tar archive, in bytes. Fails with 'snapshot-damaged' when it can't be read. */
export async function archivedSizes(archive: string): Promise<number[]> {
  const sizes: number[] = [];
  const reader = extract();
  reader.on('entry', ({ type, size }, content, next) => {
    if (type === 'file' || type === 'contiguous-file') sizes.push(size ?? 0);
    content.on('end', next).resume();
  });
  try {
    await pipeline(createReadStream(archive), reader);
    return sizes;
  } catch (error) {
    throw failure('snapshot-damaged', `what was restored can't be read: ${messageOf(error)}`, undefined, error);
  }
}
