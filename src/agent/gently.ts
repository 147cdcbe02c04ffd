import { constants, type PathLike } from 'node:fs';
import { lstat, open, readFile, readdir, readlink, rm, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { failure } from './failure.ts';
import { lstatOf, walk } from './folder.ts';
import { pause } from './wait.ts';

// A commit of a running database waits for the file system's journal, and so for all that was written or freed just before: one
// GiB at once holds every commit up for a third of a second, in small pieces for none.

/** What is written meanwhile holds a commit up by some ten milliseconds: see `npm run bench -- backup`. In seconds. */
const flushSeconds = 0.02;
export const pieceBytes = 32 << 20;
/** With pieces of this size some GiB a second are deleted. In seconds. */
const pauseSeconds = 0.01;
const processes = '/proc';

/** What `program` writes below the folder reaches the disk while it is written. */
export async function flushed<T>(
  folder: string,
  program: string,
  work: () => Promise<T>,
  flush: (path: string) => Promise<void> = flushFile,
): Promise<T> {
  const ended = new AbortController();
  const flushing = (async () => {
    while (!ended.signal.aborted) {
      await pause(flushSeconds, ended.signal);
      for (const path of ended.signal.aborted ? [] : await writtenBy(folder, program)) await flush(path);
    }
  })();
  try {
    return await work();
  } finally {
    ended.abort();
    await flushing;
  }
}

export interface Pieces {
  bytes: number;
  pauseSeconds: number;
  truncate: typeof truncate;
}

/** Removes a folder, its large files piece by piece. Links are unlinked and not followed. Nothing when it is not there. */
export async function removeGently(folder: string, pieces: Partial<Pieces> = {}): Promise<void> {
  const found = await lstatOf(folder);
  if (found?.isSymbolicLink()) throw failure('link-in-the-way', `${folder} is a link, and is not followed`);
  if (found === undefined) return;
  for await (const path of walk(folder)) await shrink(path, { bytes: pieceBytes, pauseSeconds, truncate, ...pieces });
  await rm(folder, { recursive: true });
}

async function shrink(path: PathLike, pieces: Pieces): Promise<void> {
  try {
    const found = await lstat(path);
    let size = found.isFile() ? found.size : 0;
    while (size > pieces.bytes) {
      size -= pieces.bytes;
      await pieces.truncate(path, size);
      await pause(pieces.pauseSeconds);
    }
  } catch {
    // It is removed whole.
  }
}

/** The files below the folder that running programs of this name have open. */
export async function writtenBy(folder: string, program: string): Promise<Set<string>> {
  const found = new Set<string>();
  for (const id of (await readdir(processes)).filter((name) => /^\d+$/.test(name))) {
    try {
      if ((await readFile(join(processes, id, 'comm'), 'utf8')).trim() !== program) continue;
      for (const name of await readdir(join(processes, id, 'fd')))
        found.add(await readlink(join(processes, id, 'fd', name)));
    } catch {
      // It has ended, is another user's, or has no name.
    }
  }
  return new Set([...found].filter((path) => path.startsWith(`${folder}/`)));
}

export async function flushFile(path: string): Promise<void> {
  try {
    const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    // The program that writes the file gets the same failure.
    await file.datasync().finally(() => file.close());
  } catch {
    // It has its final name by now.
  }
}
