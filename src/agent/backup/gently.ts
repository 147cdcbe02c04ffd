/**
 * Writes and deletes much beside a running database. A commit waits for the file system's journal, and so for all that was
 * written or freed just before: one GiB at once holds every commit up for a third of a second, in small pieces for none.
 */

import { constants } from 'node:fs';
import { lstat, open, readdir, readFile, readlink, rm, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

/** What is written meanwhile holds a commit up by some ten milliseconds: see `npm run bench -- backup`. */
const flushMilliseconds = 20;

export interface Pieces {
  pieceBytes: number;
  pauseMilliseconds: number;
}

/** Some GiB a second are deleted. */
const gentle: Pieces = { pieceBytes: 32 * 2 ** 20, pauseMilliseconds: 10 };

/** What `program` writes below the folder reaches the disk while `work` runs. `flush` is another one in tests. */
export async function flushed<T>(
  folder: string,
  program: string,
  work: () => Promise<T>,
  flush: (path: string) => Promise<void> = flushFile,
): Promise<T> {
  const ended = new AbortController();
  const flushing = flushUntil(ended.signal, folder, program, flush);
  try {
    return await work();
  } finally {
    ended.abort();
    await flushing;
  }
}

async function flushUntil(
  ended: AbortSignal,
  folder: string,
  program: string,
  flush: (path: string) => Promise<void>,
): Promise<void> {
  while (!ended.aborted) {
    await pause(flushMilliseconds, undefined, { signal: ended }).catch(() => undefined);
    for (const path of await writtenBelow(folder, program)) await flush(path);
  }
}

/** Links are unlinked and not followed. `cut` is another one in tests. */
export async function remove(folder: string, pieces: Pieces = gentle, cut: typeof truncate = truncate): Promise<void> {
  await shrinkAll(folder, pieces, cut);
  await rm(folder, { recursive: true });
}

async function shrinkAll(folder: string, pieces: Pieces, cut: typeof truncate): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await shrinkAll(path, pieces, cut);
    else if (entry.isFile()) await shrink(path, pieces, cut);
  }
}

async function shrink(path: string, { pieceBytes, pauseMilliseconds }: Pieces, cut: typeof truncate): Promise<void> {
  try {
    let { size } = await lstat(path);
    while (size > pieceBytes) {
      size -= pieceBytes;
      await cut(path, size);
      await pause(pauseMilliseconds);
    }
  } catch {
    // It is removed whole.
  }
}

/** The files that processes of this name have open below the folder. */
export async function writtenBelow(folder: string, program: string): Promise<Set<string>> {
  const numbers = (await readdir('/proc')).filter((name) => /^\d/.test(name));
  const files = await Promise.all(numbers.map((number) => openFiles(join('/proc', number), program)));
  return new Set(files.flat().filter((path) => path.startsWith(`${folder}/`)));
}

async function openFiles(process: string, program: string): Promise<string[]> {
  try {
    if ((await readFile(join(process, 'comm'), 'utf8')).trim() !== program) return [];
    const descriptors = await readdir(join(process, 'fd'));
    // One that was closed meanwhile has no link any more.
    return await Promise.all(descriptors.map((one) => readlink(join(process, 'fd', one)).catch(() => '')));
  } catch {
    // It has ended, or is another user's.
    return [];
  }
}

export async function flushFile(path: string): Promise<void> {
  try {
    const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    await file.datasync().finally(() => file.close());
  } catch {
    // It has its final name by now, or its disk fails: whoever writes it hears of that too.
  }
}
