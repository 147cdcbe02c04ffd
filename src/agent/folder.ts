import type { BigIntStats, PathLike, Stats } from 'node:fs';
import { lstat, readdir, stat, statfs } from 'node:fs/promises';
import { failure, hasErrno } from './failure.ts';

/**
 * Every entry below the folder, folders before what is in them. Links are listed and not followed. An entry that disappears
 * meanwhile is left out. As bytes: a name need not be UTF-8.
 */
export async function* walk(folder: string | Buffer): AsyncGenerator<Buffer> {
  for (const entry of await entries(folder)) {
    const path = Buffer.concat([Buffer.from(folder), Buffer.from('/'), entry.name]);
    yield path;
    if (entry.isDirectory()) yield* walk(path);
  }
}

async function entries(folder: string | Buffer) {
  try {
    return await readdir(folder, { withFileTypes: true, encoding: 'buffer' });
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return [];
    throw error;
  }
}

/** Following links; undefined when it is not there. */
export const statOf = (path: PathLike): Promise<Stats | undefined> => found(stat(path));

/** Of a link itself; undefined when it is not there. */
export const lstatOf = (path: PathLike): Promise<Stats | undefined> => found(lstat(path));

/** Of a link itself, with nanoseconds; undefined when it is not there. */
export const exactLstatOf = (path: PathLike): Promise<BigIntStats | undefined> => found(lstat(path, { bigint: true }));

async function found<S>(asked: Promise<S>): Promise<S | undefined> {
  try {
    return await asked;
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  }
}

export const exists = async (path: string): Promise<boolean> => (await statOf(path)) !== undefined;

export const isFolder = async (path: string): Promise<boolean> => (await statOf(path))?.isDirectory() ?? false;

/** False for a link to a folder. */
export const isOwnFolder = async (path: string): Promise<boolean> => (await lstatOf(path))?.isDirectory() ?? false;

/** Of all files, in bytes. */
export async function sizeOf(folder: string): Promise<number> {
  let bytes = 0;
  for await (const path of walk(folder)) {
    const found = await lstatOf(path);
    if (found?.isFile()) bytes += found.size;
  }
  return bytes;
}

export interface Room {
  freeBytes: number;
  totalBytes: number;
}

/** Of the disk that the folder is on, for who is not root. */
export async function roomOf(folder: string): Promise<Room> {
  const { bavail, blocks, bsize } = await statfs(folder);
  return { freeBytes: bavail * bsize, totalBytes: blocks * bsize };
}

/** Fails with 'no-room' when so many bytes don't fit. */
export async function needRoom(folder: string, bytesNeeded: number, room: typeof roomOf = roomOf): Promise<void> {
  const { freeBytes } = await room(folder);
  if (freeBytes >= bytesNeeded) return;
  throw failure('no-room', `${folder} has ${mebibytes(freeBytes)} MiB free; ${mebibytes(bytesNeeded)} MiB are needed`);
}

export const mebibytes = (bytes: number): number => Math.floor(bytes / (1 << 20));
