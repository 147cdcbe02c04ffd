import { chmod, lchown, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { failure } from '../../failure.ts';
import { statOf } from '../../folder.ts';
import type { Completed } from '../../programs.ts';
import type { Agent } from '../agent.ts';
import { secret } from '../folders.ts';
import { cacheDump, cacheFolder } from './sources.ts';

// The cache's data: dumped by the protocol of its replicas, restored as the base of an append-only file.

const host = 'cache';
const port = '6379';
/** The user of the image `redis`. */
const owner = 71;

/** A dump goes through memory and over a bridge; an hour is 50 GB at 14 MB/s. */
const dumpSeconds = 3600;
const checkSeconds = 3600;
const syncSeconds = 3600;

const base = 'appendonly.aof.1.base.rdb';
const manifest = 'appendonly.aof.manifest';

/** Writes a proven dump; whoever needs it no more removes it: it holds the cache's data without encryption. */
export async function dumpCache(agent: Agent): Promise<void> {
  const folder = cacheFolder(agent.folders);
  await removeDump(agent);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const path = join(folder, cacheDump);
  // By the environment: an argument would show in the process list.
  const env = { REDISCLI_AUTH: (await secret(agent.folders, 'cache-password')) ?? '' };
  const done = await agent.programs.run(['redis-cli', '-h', host, '-p', port, '--rdb', path], {
    seconds: dumpSeconds,
    env,
  });
  // redis-cli leaves an empty file and exit code 0 behind some refusals: what it wrote is looked at.
  if (done.exitCode !== 0 || !(await statOf(path))?.size) {
    throw failure('cache-failed', `the cache could not be dumped: ${end(done)}`);
  }
  const checked = await agent.programs.run(['redis-check-rdb', path], { seconds: checkSeconds });
  if (checked.exitCode !== 0) throw failure('cache-failed', `the dump of the cache is not whole: ${end(checked)}`);
}

export const removeDump = ({ folders }: Pick<Agent, 'folders'>): Promise<void> =>
  rm(cacheFolder(folders), { recursive: true, force: true });

/** `dump` is on the target's volume. The manifest is removed first and written last: without one, Redis takes none of it. */
export async function intoAppendOnlyFile(
  { programs }: Pick<Agent, 'programs'>,
  dump: string,
  target: string,
): Promise<void> {
  const folder = join(target, 'appendonlydir');
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await rm(join(folder, manifest), { force: true });
  await chmod(dump, 0o600);
  await rename(dump, join(folder, base));
  await writeFile(join(folder, `${manifest}.new`), `file ${base} seq 1 type b\n`);
  await rename(join(folder, `${manifest}.new`), join(folder, manifest));
  for (const path of [target, folder, join(folder, base), join(folder, manifest)]) await lchown(path, owner, owner);
  const synced = await programs.run(['sync', '--file-system', target], { seconds: syncSeconds });
  if (synced.exitCode !== 0) throw failure('cache-failed', `the cache's data is not on the disk: ${end(synced)}`);
}

const end = ({ exitCode, stdout, stderr }: Completed): string =>
  (stderr || stdout).trim().split('\n').slice(-3).join(' / ') || `exit code ${exitCode}`;
