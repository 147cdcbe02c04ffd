/** Has pgBackRest restore one backup into a folder. */

import { mkdir } from 'node:fs/promises';
import { flushed } from '../../gently.ts';
import { niceOfDrills } from '../../programs.ts';
import { restoreConfiguration } from './pgbackrest.ts';
import type { World } from './world.ts';

const restoreSeconds = 24 * 3600;

export interface Restored {
  stanza: string;
  /** Of the repository. */
  number: number;
  label: string;
  folder: string;
}

/** `--archive-mode=off`, or what starts there would write into the same archive. */
export async function restoreBackup(
  { repositories, folders }: World,
  { stanza, number, label, folder }: Restored,
  options: readonly string[] = [],
): Promise<void> {
  await mkdir(folder, { mode: 0o700, recursive: true });
  await flushed(folder, 'pgbackrest', () =>
    repositories.call('restore', [`--set=${label}`, `--pg1-path=${folder}`, '--archive-mode=off', ...options], {
      stanza,
      repository: number,
      configuration: restoreConfiguration(folders.run),
      seconds: restoreSeconds,
      nice: niceOfDrills,
    }),
  );
}
