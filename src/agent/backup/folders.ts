import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { hasErrno } from '../failure.ts';
import type { Role } from './contract.ts';

/** Where the container has what; tests have them below a temporary folder. `src/parts/backup/names.ts` mounts them. */
export interface Folders {
  /** tmpfs. */
  run: string;
  secrets: string;
  /** The database's own volume: its local repository and its status. */
  database: string;
  /** The files' own volume: as `database`. */
  files: string;
  /** A file, root's, readable by all: `flock` needs no more. */
  lock: string;
  scratch: string;
  members: string;
  sources: string;
  targets: string;
}

export const containerFolders: Folders = {
  run: '/run/horme',
  secrets: '/run/secrets',
  database: '/var/lib/horme-backup/database',
  files: '/var/lib/horme-backup/files',
  lock: '/var/lib/horme-backup/lock/lock',
  scratch: '/var/lib/horme-backup/scratch',
  members: '/members',
  sources: '/sources',
  targets: '/targets',
};

export const folderOf = (folders: Folders, role: Role): string => folders[role];

export const secretPath = (folders: Folders, name: string): string => join(folders.secrets, name);

/** Undefined when the secret is not there: which ones are depends on the repositories. */
export async function secret(folders: Folders, name: string): Promise<string | undefined> {
  try {
    return (await readFile(secretPath(folders, name), 'utf8')).trim();
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

let copies = 0;

/** ssh, pgBackRest and Postgres refuse a key that others may read, and a secret's file is readable by its group. */
export async function privateCopy(folders: Folders, name: string): Promise<string> {
  const copy = join(folders.run, name);
  const content = await readFile(secretPath(folders, name), 'utf8');
  const temporary = `${copy}.${process.pid}.${copies++}`;
  // ssh wants the last line of a key to end.
  await writeFile(temporary, content.endsWith('\n') ? content : `${content}\n`, { mode: 0o600 });
  await rename(temporary, copy);
  return copy;
}
