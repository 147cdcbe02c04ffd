import { constants, fstatSync, type Stats } from 'node:fs';
import { open, readdir, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import dockerignore from '@balena/dockerignore';
import { OperatorError, exitCodes } from '../errors.ts';
import { readRegular } from '../stack/regular-file.ts';

/** Options for walking a build context. */
export interface Looking {
  signal?: AbortSignal;
  /** Called for a file that receives this process's own output: its content differs in every run. */
  onOwnOutput?: (path: string) => void;
}

/** Which paths of a context the builder never sees. */
export interface Rules {
  ignores(path: string): boolean;
  /** Whether a rule with `!` may let in something below a folder that is left out. */
  mayLetIn(folder: string): boolean;
}

/** Rules of the first of these files that exists. */
export async function rulesFor(files: string[]): Promise<Rules> {
  for (const file of files) {
    const text = await readRegular(file).catch((cause: NodeJS.ErrnoException) => {
      if (cause.code === 'ENOENT' || cause.code === 'ENOTDIR') return undefined;
      throw unreadable(file, cause);
    });
    if (text) return rulesOf(text.toString('utf8'));
  }
  return rulesOf('');
}

function rulesOf(text: string): Rules {
  const rules = dockerignore().add(text);
  const exceptions = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line.startsWith('!'))
    .map((line) => segmentsOf(line.slice(1)));
  return {
    ignores: (path) => rules.ignores(path),
    mayLetIn: (folder) => exceptions.some((exception) => mayLeadBelow(exception, segmentsOf(folder))),
  };
}

const segmentsOf = (path: string) =>
  path
    .trim()
    .split('/')
    .filter((segment) => segment !== '' && segment !== '.');

/** A wildcard counts as a match with any folder: opening a folder in vain only costs time. */
function mayLeadBelow(exception: string[], folder: string[]): boolean {
  for (const [index, segment] of folder.entries()) {
    const rule = exception[index];
    if (rule === undefined || rule.includes('**')) return true;
    if (!/[*?[\\]/.test(rule) && rule !== segment) return false;
  }
  return true;
}

/**
 * The files of a context that BuildKit sends to a build: symbolic links are kept, pipes and devices are skipped, and a
 * socket becomes an empty file. Excluded files are not opened.
 */
export async function listFiles(root: string, rules: Rules, { signal }: Looking): Promise<string[]> {
  const found: string[] = [];
  const folders = [''];
  const waiting: { path: string; folder: boolean }[] = [];
  for (let folder = folders.pop(); folder !== undefined; folder = next(waiting, found)) {
    signal?.throwIfAborted();
    waiting.push(...(await entriesOf(root, folder, rules)).reverse());
  }
  return found;
}

/** Depth first: the content of a folder comes before the folder's next sibling. */
function next(waiting: { path: string; folder: boolean }[], found: string[]): string | undefined {
  for (let entry = waiting.pop(); entry !== undefined; entry = waiting.pop()) {
    if (entry.folder) return entry.path;
    found.push(entry.path);
  }
  return undefined;
}

async function entriesOf(root: string, folder: string, rules: Rules): Promise<{ path: string; folder: boolean }[]> {
  const entries = await readdir(join(root, folder), { withFileTypes: true }).catch((cause: unknown) => {
    throw unreadable(join(root, folder), cause);
  });
  return entries
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map((entry) => ({ entry, path: folder === '' ? entry.name : `${folder}/${entry.name}` }))
    .filter(({ entry, path }) => counts(entry, path, rules))
    .map(({ entry, path }) => ({ path, folder: entry.isDirectory() }));
}

function counts(
  entry: { name: string; isDirectory(): boolean; isFile(): boolean; isSymbolicLink(): boolean },
  path: string,
  rules: Rules,
): boolean {
  // The files in .git differ between checkouts, and even `git status` changes them.
  if (entry.name === '.git') return false;
  if (entry.isDirectory()) return !rules.ignores(path) || rules.mayLetIn(path);
  return (entry.isFile() || entry.isSymbolicLink()) && !rules.ignores(path);
}

interface Source {
  handle: FileHandle;
  mode: number;
  size: number;
  isOwnOutput: boolean;
}

/** Undefined if the file has vanished or is no longer a regular file. Opened non-blocking, since a pipe would block. */
export async function openSource(path: string): Promise<Source | undefined> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT' || cause.code === 'ENXIO') return undefined;
    throw unreadable(path, cause);
  });
  const stats = await handle?.stat();
  if (handle && stats?.isFile()) return { handle, mode: stats.mode, size: stats.size, isOwnOutput: isOutput(stats) };
  await handle?.close();
  return undefined;
}

function isOutput({ dev, ino }: Stats): boolean {
  return [process.stdout.fd, process.stderr.fd].some((fd) => {
    try {
      const own = fstatSync(fd);
      return own.isFile() && own.dev === dev && own.ino === ino;
    } catch {
      return false;
    }
  });
}

export const unreadable = (path: string, cause: unknown): OperatorError =>
  new OperatorError(`${path} can't be read: ${cause instanceof Error ? cause.message : String(cause)}`, {
    code: 'sources-unreadable',
    exitCode: exitCodes.usage,
    next: 'make it readable, or name it in .dockerignore where the build does not need it',
    cause,
  });
