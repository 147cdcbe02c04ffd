import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { OperatorError, exitCodes } from '../errors.ts';

/** Limit for files that are read into memory; larger than any secret, page, key or script. */
const largestBytes = 64 * 1024 * 1024;

/** The file exists but is a pipe, a socket, a device, or too large. */
export class NotReadable extends Error {}

/**
 * Reads one of the user's files into memory. Opened non-blocking, since a pipe would block forever and such a wait
 * can't be cancelled. System errors are passed on (`ENOENT`, `EACCES`).
 */
export async function readRegular(path: string): Promise<Buffer> {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch((cause: NodeJS.ErrnoException) => {
    throw cause.code === 'ENXIO' ? notRegular(path) : cause;
  });
  try {
    const status = await file.stat();
    if (status.isDirectory() || !status.isFile()) throw notRegular(path);
    if (status.size > largestBytes) throw new NotReadable(`${path} is larger than ${largestBytes / 2 ** 20} MiB`);
    return await file.readFile();
  } finally {
    await file.close();
  }
}

const notRegular = (path: string) => new NotReadable(`${path} is not a regular file`);

/** Reads a file that the Compose file names; `what` describes its purpose in the error. */
export async function readNamed(path: string, what: string): Promise<Buffer> {
  return readRegular(path).catch((cause: Error) => {
    throw new OperatorError(`${what} can't be read: ${cause.message}`, {
      code: 'file-unreadable',
      exitCode: exitCodes.usage,
      next: 'give the file, readable for who runs horme, or take its name out of the Compose file',
      cause,
    });
  });
}
