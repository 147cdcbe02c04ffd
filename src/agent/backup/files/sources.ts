import type { PathLike } from 'node:fs';
import { join } from 'node:path';
import { exactLstatOf, isFolder, walk } from '../../folder.ts';
import type { Told } from '../agent.ts';
import type { Folders } from '../folders.ts';

export const cacheDump = 'dump.rdb';
/** In a volume while its content is replaced: what takes its place, and what goes. No snapshot has it. */
export const replacing = '.horme-replace';

export const kinds = ['state', 'volume', 'cache'] as const;
export type Kind = (typeof kinds)[number];

/** What is backed up as one snapshot. */
export interface Source {
  kind: Kind;
  name: string | undefined;
  folders: string[];
}

/** How restic's snapshots of it are marked. */
export const tagsOf = ({ kind, name }: Source): string =>
  name === undefined ? `kind=${kind}` : `kind=${kind},name=${name}`;

export const titleOf = ({ kind, name }: Source): string => (name === undefined ? kind : `${kind} ${name}`);

export async function wantedSources(
  { told, folders }: { told: Told; folders: Folders },
  wanted: readonly Kind[] = kinds,
): Promise<Source[]> {
  const own = [];
  for (const folder of [stateFolder(folders), edgeFolder(folders)]) if (await isFolder(folder)) own.push(folder);
  const every: Source[] = [
    ...(own.length > 0 ? [{ kind: 'state' as const, name: undefined, folders: own }] : []),
    ...told.volumes.map((name) => ({ kind: 'volume' as const, name, folders: [volumeFolder(folders, name)] })),
    ...(told.cache ? [{ kind: 'cache' as const, name: undefined, folders: [cacheFolder(folders)] }] : []),
  ];
  return every.filter(({ kind }) => wanted.includes(kind));
}

export const stateFolder = ({ sources }: Folders): string => join(sources, 'state');
export const edgeFolder = ({ sources }: Folders): string => join(sources, 'edge');
export const volumeFolder = ({ sources }: Folders, name: string): string => join(sources, 'volumes', name);

/** What the cache's dump is written to before it is backed up: /tmp is memory. */
export const cacheFolder = ({ files }: Folders): string => join(files, 'work', 'cache');

/** Changes when anything below is written, made or removed. Undefined when there is no such folder. */
export async function fingerprint(folder: string): Promise<string | undefined> {
  if (!(await isFolder(folder))) return undefined;
  let newest = await changedAt(folder);
  let count = 1;
  for await (const path of walk(folder)) {
    const at = await changedAt(path);
    // Removed since it was listed; its folder is newer for it.
    if (at === undefined) continue;
    if (newest === undefined || at > newest) newest = at;
    count += 1;
  }
  return `${newest} ${count}`;
}

const changedAt = async (path: PathLike): Promise<bigint | undefined> => (await exactLstatOf(path))?.mtimeNs;
