/** The programs of another major version of PostgreSQL. */

import { join } from 'node:path';
import { failure } from '../../failure.ts';
import { isFolder } from '../../folder.ts';
import type { Told } from '../agent.ts';

/** Debian's, with a folder for each major version. */
const versionsFolder = '/usr/lib/postgresql';

/** For data of an older major version, whose programs the image has too: this process uses those from here on. */
export async function ofVersion(
  told: Told,
  version: number | undefined,
  folder: string = versionsFolder,
): Promise<Told> {
  if (version === undefined) return told;
  const own = join(folder, String(version), 'bin');
  if (!(await isFolder(own))) throw failure('version-unknown', `there are no programs of PostgreSQL ${version} here`);
  process.env['PATH'] = `${own}:${process.env['PATH']}`;
  return { ...told, version };
}
