/** A logical dump of what `restore` has put beside a member's data: to have it as another database of the running cluster. */

import { rm, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { failure } from '../../failure.ts';
import { exists, isFolder } from '../../folder.ts';
import type { Agent, Progress } from '../agent.ts';
import type { Dumped } from '../contract.ts';
import { markOf, restoredFolder, restoredLog } from './mark.ts';
import type { Server } from './server.ts';
import { ofVersion } from './version.ts';
import { worldOf } from './world.ts';

const dumpSeconds = 24 * 3600;

export interface DumpOptions {
  member: string;
  /** Major version of the restored data; the present one unless given. */
  postgres?: number | undefined;
}

/** Into the member's volume, so that the member can read it; the restored data is deleted then. */
export async function runDump(
  agent: Agent,
  { member: name, postgres }: DumpOptions,
  progress: Progress,
): Promise<Dumped> {
  const world = worldOf(agent);
  const { scratch, folders } = world;
  const { version, databaseName } = await ofVersion(world.told, postgres);
  const member = join(folders.members, name);
  const folder = restoredFolder(member, version);
  if (!(await isFolder(folder)) || !(await exists(markOf(member)))) {
    throw failure('nothing-restored', `${basename(member)} has no completely restored data`);
  }
  const [file, log] = [join(member, `${version}.restored.dump`), restoredLog(member, version)];
  // Compressed, and without indexes: it is no larger than what it is of.
  await scratch.needRoom(member, await scratch.sizeOf(folder));
  await scratch.running(folder, log, progress, async (server) => {
    progress(`${databaseName} is dumped`);
    await dump(server, databaseName, file);
  });
  await rm(log, { force: true });
  await rm(markOf(member), { force: true });
  await scratch.remove(folder);
  return { file: basename(file), bytes: (await stat(file)).size };
}

async function dump({ programs, socket }: Server, database: string, file: string): Promise<void> {
  const argv = ['pg_dump', '-h', socket, '-U', 'postgres', '-Fc', '--compress=zstd', '-f', file, database];
  const done = await programs.run(argv, { seconds: dumpSeconds });
  if (done.exitCode !== 0) throw failure('dump-failed', done.stderr.trim());
}
