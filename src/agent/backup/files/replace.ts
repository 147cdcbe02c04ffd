import { chmod, chown, lstat, readdir, rename, rm, stat, unlink, utimes, writeFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { failure, hasErrno, isFailure, messageOf } from '../../failure.ts';
import { isOwnFolder, lstatOf, needRoom, roomOf } from '../../folder.ts';
import type { Agent, Progress } from '../agent.ts';
import { replacing } from './sources.ts';

// Takes a volume's restored content into use; what was there is copied to a volume of its own first, which is new. The services that
// have the volume are stopped meanwhile. The restored content is copied beside, within the volume: until all of it is there the
// volume keeps what it had, and then it changes by renames alone, which need no room and no time. Whoever was killed begins anew,
// with another new volume: what is there by then is set aside too, so no run depends on how the one before ended. Of the volumes
// that say that they are whole, the oldest has what was there before the first run.

/** 2 TB at 50 MB/s, twice. */
const copySeconds = 24 * 3600;
const sizeSeconds = 3600;
const roomFactor = 1.05;
/** In the former content's volume: it has all of it. */
export const wholeMark = '.horme-former-whole';
export const asItWas = 'the volume has the content that it had';

/** What changes the volume, step by step; a test fails or stops at each. */
export interface Steps {
  rename: typeof rename;
  remove: (path: string) => Promise<void>;
  room: typeof roomOf;
}

const realSteps: Steps = { rename, remove, room: roomOf };

export async function replaceContent(agent: Agent, progress: Progress, steps: Steps = realSteps): Promise<object> {
  const [current, former, restored] = ['current', 'former', 'restored'].map((name) =>
    join(agent.folders.targets, name),
  ) as [string, string, string];
  await checkFolders(current, former, restored);
  const work = join(current, replacing);
  // Of a run that was killed: what went is in a volume of its own, what came is in the backups.
  await steps.remove(work);
  try {
    await setAsideAndStage({ agent, steps, progress }, { current, former, restored, work });
  } catch (error) {
    if (!isFailure(error) && !isSystemError(error)) throw error;
    // Copies that are of no use any more, and take the room that may be what was missing.
    await steps.remove(work);
    for (const name of await readdir(former)) await steps.remove(join(former, name));
    throw unchanged(error);
  }
  await swap(agent, steps, current, work);
  return {};
}

interface Volumes {
  current: string;
  former: string;
  restored: string;
  work: string;
}

async function setAsideAndStage(
  { agent, steps, progress }: { agent: Agent; steps: Steps; progress: Progress },
  { current, former, restored, work }: Volumes,
): Promise<void> {
  const copies = [
    { source: current, target: former },
    { source: restored, target: current },
  ];
  await checkRoom(agent, copies, steps.room);
  progress('what is there is set aside');
  await copy(agent, current, former);
  await writeFile(join(former, wholeMark), '');
  await sync(agent, former);
  progress('the restored content takes its place');
  const staged = join(work, 'restored');
  await mkdir(join(work, 'former'), { recursive: true });
  await mkdir(staged);
  await copy(agent, restored, staged);
  // Of a backup that was taken during a run.
  await steps.remove(join(staged, replacing));
}

/** By this code Horme knows that what was set aside is of no use. */
const unchanged = (error: unknown) => failure('unchanged', `${messageOf(error)}: ${asItWas}`, undefined, error);

const isSystemError = (error: unknown): boolean => error instanceof Error && 'errno' in error;

async function checkFolders(current: string, former: string, restored: string): Promise<void> {
  for (const folder of [current, former, restored]) {
    if (!(await isOwnFolder(folder))) throw failure('no-target', `${folder} is not mounted`);
  }
  if ((await readdir(former)).length > 0) {
    throw failure('not-empty', `${former} has content, which may be the only copy: a new volume is needed`);
  }
}

interface Copy {
  source: string;
  target: string;
}

/** All that goes to one disk together, before any of it is written. */
async function checkRoom(agent: Agent, copies: Copy[], room: typeof roomOf): Promise<void> {
  const sized = [];
  for (const { source, target } of copies) {
    sized.push({ target, device: (await stat(target)).dev, bytes: await sizeOnDisk(agent, source) });
  }
  for (const { target, device } of sized) {
    const together = sized.filter((one) => one.device === device).reduce((sum, { bytes }) => sum + bytes, 0);
    await needRoom(target, roomFactor * together, room);
  }
}

/** Files with holes and several names count as what a copy of them takes. */
export async function sizeOnDisk({ programs }: Pick<Agent, 'programs'>, folder: string): Promise<number> {
  const done = await programs.run(['du', '--summarize', '--block-size=1', folder], { seconds: sizeSeconds });
  if (done.exitCode !== 0) throw failure('copy-failed', done.stderr.trim());
  return Number(done.stdout.split(/\s/)[0]);
}

async function swap(agent: Agent, steps: Steps, current: string, work: string): Promise<void> {
  const staged = join(work, 'restored');
  const here = (await readdir(current)).filter((name) => name !== replacing);
  const renames = [
    ...here.map((name) => ({ source: join(current, name), target: join(work, 'former', name) })),
    ...(await readdir(staged)).map((name) => ({ source: join(staged, name), target: join(current, name) })),
  ];
  try {
    for (const { source, target } of renames) await steps.rename(source, target);
    await ownAs(current, staged);
  } catch (error) {
    if (!isSystemError(error)) throw error;
    // An immutable file can't be renamed.
    await undo(renames);
    await clear(work);
    throw unchanged(error);
  }
  await sync(agent, current);
  await clear(work);
}

async function undo(renames: Copy[]): Promise<void> {
  for (const { source, target } of renames.toReversed()) {
    if ((await lstatOf(source)) === undefined) await rename(target, source);
  }
}

/** The volume's own folder: an application that can't enter it doesn't start. */
async function ownAs(folder: string, other: string): Promise<void> {
  const { uid, gid, mode, atime, mtime } = await lstat(other);
  await chown(folder, uid, gid);
  // After the owner: a change of owner clears setuid and setgid.
  await chmod(folder, mode & 0o7777);
  await utimes(folder, atime, mtime);
}

async function copy({ programs }: Agent, source: string, target: string): Promise<void> {
  const argv = ['cp', '-a', '--reflink=auto', `${source}/.`, `${target}/`];
  const done = await programs.run(argv, { seconds: copySeconds });
  if (done.exitCode !== 0) throw failure('copy-failed', done.stderr.trim());
  await sync({ programs }, target);
}

/** Its whole file system, and with the errors that sync(2) does not tell. */
async function sync({ programs }: Pick<Agent, 'programs'>, folder: string): Promise<void> {
  const done = await programs.run(['sync', '--file-system', folder], { seconds: copySeconds });
  if (done.exitCode !== 0) throw failure('copy-failed', done.stderr.trim());
}

/** An immutable file deep in it stays, and the next run says so. */
const clear = (work: string): Promise<void> => rm(work, { recursive: true, force: true }).catch(() => undefined);

/** Links are unlinked, and never followed. */
export async function remove(path: string): Promise<void> {
  if (await isOwnFolder(path)) return rm(path, { recursive: true });
  await unlink(path).catch((error: unknown) => {
    if (!hasErrno(error, 'ENOENT')) throw error;
  });
}
