import { lstat, readlink, realpath } from 'node:fs/promises';
import { dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';

/**
 * Resolves a path with all links. A missing path is resolved below its nearest existing ancestor. A dangling link
 * counts as its target, because the engine creates the target when it mounts the path.
 */
export async function realLocation(path: string, links = 0): Promise<string> {
  const found = await realpath(path).catch(() => undefined);
  if (found !== undefined) return found;
  const status = await lstat(path).catch(() => undefined);
  if (status?.isSymbolicLink() === true && links < 40) {
    return realLocation(resolve(dirname(path), await readlink(path)), links + 1);
  }
  const parent = dirname(path);
  if (parent === path) return path;
  return join(await realLocation(parent, links), path.slice(parent.length).replace(/^[/\\]/, ''));
}

/** Whether `path` is the folder or below it, without following links. */
export function isBelow(folder: string, path: string): boolean {
  const way = relative(folder, path);
  return way === '' || (way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way));
}

/** Whether a path is inside the project after following links. */
export async function isInside(directory: string, path: string): Promise<boolean> {
  const [folder, location] = await Promise.all([realLocation(directory), realLocation(path)]);
  return isBelow(folder, location);
}
