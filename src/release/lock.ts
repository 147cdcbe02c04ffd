import { readFileSync } from 'node:fs';
import { hostname, userInfo } from 'node:os';
import { setTimeout as wait } from 'node:timers/promises';
import { labels } from '../engine/labels.ts';
import { ContainerGone, NameTaken, type Container, type Engine } from '../engine/engine.ts';
import { OperatorError, exitCodes } from '../errors.ts';
import { holding, refuseForeign } from './holder.ts';
import { Store } from './store.ts';

/**
 * The lock's container starts this late, since it costs the engine as much as a replica, and replicas start first.
 * Seconds.
 */
const startsAfterSeconds = 3;
/** Interval of the holder's heartbeat, and the silence after which the holder counts as dead. Seconds. */
const heartbeatSeconds = 5;
const expirySeconds = 30;
const pollMilliseconds = 500;
/** How long to wait for a lock that is being removed; seconds. */
const goingSeconds = 20;
const goingPollMilliseconds = 50;

export interface LockHolder {
  user: string;
  host: string;
  pid: number;
  /** Start time of the process, so that a new process with the same pid is not mistaken for the holder. */
  pidStarted: string;
  since: string;
  purpose: string;
}

export interface HeldLock {
  /** Aborted when another process has taken over the lock: the holder must stop. */
  lost: AbortSignal;
  /** Throws if the lock is lost. Asks the engine, while `lost` is aborted only at the next heartbeat. */
  confirm(): Promise<void>;
  release(): Promise<void>;
}

const labelHolder = 'horme.lock';

export const lockName = (project: string) => `${project}-horme-lock`;

/**
 * The lock is a container with a fixed name, which the engine lets only one client create. It is started after a few
 * seconds, so that no prune removes it. The holder writes the engine's time into it as a heartbeat. The lock of a
 * silent holder, or of a holder whose process on this machine has ended, is taken over.
 */
export async function takeLock(options: {
  engine: Engine;
  project: string;
  image: string;
  purpose: string;
  /** How long to wait for the present holder, seconds; 0: not at all. */
  waitSeconds: number;
  signal: AbortSignal;
  onWait: (holder: LockHolder) => void;
}): Promise<HeldLock> {
  const deadline = performance.now() + options.waitSeconds * 1000;
  const { engine, project, signal } = options;
  let told = false;
  let heldAt = performance.now();
  for (;;) {
    const id = await tryCreate(options);
    if (id) return hold(options, id);
    const seen = await findLock(engine, project);
    if (!seen || (await isStale(engine, seen))) {
      await (seen ? engine.remove(seen.id) : refuseForeign(engine, project, 'lock', lockName(project)));
      if (performance.now() - heldAt > goingSeconds * 1000) throw lockStays(lockName(project));
      await wait(goingPollMilliseconds, undefined, { signal });
      continue;
    }
    heldAt = performance.now();
    if (heldAt >= deadline) throw lockHeld(holderOf(seen));
    if (!told) options.onWait(holderOf(seen));
    told = true;
    await wait(pollMilliseconds, undefined, { signal });
  }
}

async function tryCreate(options: {
  engine: Engine;
  project: string;
  image: string;
  purpose: string;
}): Promise<string | undefined> {
  const holder: LockHolder = {
    user: userInfo().username,
    host: hostname(),
    pid: process.pid,
    pidStarted: processStart(process.pid) ?? '',
    since: new Date().toISOString(),
    purpose: options.purpose,
  };
  try {
    return await options.engine.create({
      ...holding,
      name: lockName(options.project),
      image: options.image,
      labels: { [labels.project]: options.project, [labels.role]: 'lock', [labelHolder]: JSON.stringify(holder) },
    });
  } catch (error) {
    if (error instanceof NameTaken) return undefined;
    throw error;
  }
}

async function hold({ engine, project }: { engine: Engine; project: string }, id: string): Promise<HeldLock> {
  const lost = new AbortController();
  const beat = async () => {
    const { now } = await engine.info();
    await engine.put(id, '/', [{ path: 'heartbeat', content: now.toISOString() }]);
  };
  let last = performance.now();
  // Until the first heartbeat the container's creation time counts. Each heartbeat also starts it, in case the engine
  // restarted.
  const again = async () => {
    try {
      await beat();
      await engine.start(id).catch(() => undefined);
      last = performance.now();
    } catch {
      // Lost if the container is gone, or if the engine was unreachable for so long that another process may take over.
      const gone = (await engine.inspect(id).catch(() => 'unknown')) === undefined;
      const silent = performance.now() - last > (expirySeconds - heartbeatSeconds) * 1000;
      if (gone || silent)
        lost.abort(lockLost(gone ? await whoTook(engine, project, id) : 'the engine was away too long'));
    }
  };
  let beating = Promise.resolve();
  const tick = () => void (beating = again());
  const timers = [setTimeout(tick, startsAfterSeconds * 1000), setInterval(tick, heartbeatSeconds * 1000)];
  timers.forEach((timer) => timer.unref());
  return {
    lost: lost.signal,
    confirm: async () => {
      await again();
      lost.signal.throwIfAborted();
    },
    release: async () => {
      timers.forEach(clearTimeout);
      await beating;
      await engine.remove(id);
    },
  };
}

export async function findLock(engine: Engine, project: string): Promise<Container | undefined> {
  return (await engine.containers({ [labels.project]: project, [labels.role]: 'lock' }))[0];
}

export function holderOf(lock: Container): LockHolder {
  return JSON.parse(lock.labels[labelHolder] ?? '{}') as LockHolder;
}

export async function isStale(engine: Engine, lock: Container): Promise<boolean> {
  const holder = holderOf(lock);
  if (holder.host === hostname() && processStart(holder.pid) !== holder.pidStarted) return true;
  const written = await heartbeatOf(engine, lock.id);
  if (written === 'gone') return true;
  const { now } = await engine.info();
  // Without a heartbeat yet, the time of the creation counts; both are the engine's own clock.
  const last = written ? Date.parse(written.toString('utf8')) : lock.createdSeconds * 1000;
  return now.getTime() - last > expirySeconds * 1000;
}

/** `gone`: the lock was released meanwhile. */
async function heartbeatOf(engine: Engine, id: string): Promise<Buffer | 'gone' | undefined> {
  try {
    return (await engine.get(id, '/heartbeat'))?.get('heartbeat');
  } catch (error) {
    if (error instanceof ContainerGone) return 'gone';
    throw error;
  }
}

/** Field 22 of /proc/PID/stat; undefined where there is no such process, empty where the system has no /proc. */
function processStart(pid: number): string | undefined {
  if (process.platform !== 'linux') return '';
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}

const lockLost = (why: string) =>
  new OperatorError(`the lock is lost: ${why}`, {
    code: 'lock-lost',
    exitCode: exitCodes.lockHeld,
    next: 'horme status, then run the same command again',
  });

const lockStays = (name: string) =>
  new OperatorError(`nobody holds the lock ${name}, and the engine does not let go of it`, {
    code: 'lock-stays',
    exitCode: exitCodes.lockHeld,
    next: `docker rm --force ${name}, then run the same command again`,
  });

const releasedFile = 'lock-released.json';

/** Releases the lock by hand. The holder, if it still runs, is told who did it. */
export async function releaseLock(engine: Engine, store: Store | undefined, lock: Container): Promise<void> {
  const by = `${userInfo().username}@${hostname()}`;
  await store?.writeNow(releasedFile, { id: lock.id, by });
  await engine.remove(lock.id);
}

async function whoTook(engine: Engine, project: string, id: string): Promise<string> {
  const unknown = 'someone removed it';
  try {
    const store = await Store.find(engine, project);
    const released = await store?.readNow<{ id: string; by: string }>(releasedFile);
    if (released?.id === id) return `${released.by} released it (horme lock --release)`;
    const next = await findLock(engine, project);
    if (!next) return unknown;
    const { user, host, pid, purpose } = holderOf(next);
    return `${user}@${host} (process ${pid}) took it over for "${purpose}"`;
  } catch {
    return unknown;
  }
}

function lockHeld(holder: LockHolder): OperatorError {
  const seconds = Math.round((Date.now() - Date.parse(holder.since)) / 1000);
  return new OperatorError(
    `${holder.user}@${holder.host} (process ${holder.pid}) holds the lock since ${holder.since}, ${seconds} s, for "${holder.purpose}"`,
    {
      code: 'lock-held',
      exitCode: exitCodes.lockHeld,
      next: 'add --wait 600, or, when you know that it is dead: horme lock --release',
    },
  );
}
