import { AsyncLocalStorage } from 'node:async_hooks';
import { DescriptorLock } from './descriptor-lock.ts';
import { failure } from './failure.ts';
import { stopwatch } from './moments.ts';
import { endedBy, type Programs } from './programs.ts';
import { pause } from './wait.ts';

const pollSeconds = 0.5;
/**
 * How long a command or a scheduled run waits: enough for a small backup of the other container to end. After that, who typed
 * the command gets an answer, and `serve` tries again later.
 */
export const waitSeconds = 60;
/** For work that reads or restores whole backups: the other container may be doing the same, by the same schedule. */
export const patientSeconds = 4 * 3600;
/** As long as the longest backup may take. */
const restoreWaitSeconds = 24 * 3600;
const sayEverySeconds = 30;

/** Bytes of the file that are locked as marks. A mark ends when its process and the children that inherited the file end. */
const drillMark = 0;
const restoreMark = 1;
const restoreWaitsMark = 2;

type Progress = (text: string) => void;

/** Descriptors of the current task's lock: `serve` runs several tasks at once. */
const held = new AsyncLocalStorage<readonly number[]>();

/**
 * The descriptors that hold the current task's lock. A child that inherits them keeps the lock even when its agent is killed.
 * Only restic gets them: while our lock is free, restic's own lock is treated as left by a dead process. pgBackRest has its own
 * locks. A Postgres on restored data must not get them: it would keep a restore waiting for hours.
 */
export const heldDescriptors = (): readonly number[] => held.getStore() ?? [];

/** One backup, drill, restore or check at a time, across the containers that share a folder with one file in it. */
export class Lock {
  readonly #path: string;
  readonly #programs: Programs;
  readonly #pollSeconds: number;
  readonly #sayEverySeconds: number;

  constructor(path: string, programs: Programs, times: { pollSeconds?: number; sayEverySeconds?: number } = {}) {
    this.#path = path;
    this.#programs = programs;
    this.#pollSeconds = times.pollSeconds ?? pollSeconds;
    this.#sayEverySeconds = times.sayEverySeconds ?? sayEverySeconds;
  }

  /**
   * Reports what it waits for. The lock is held until the work ends, or until this process and all children that were given
   * `heldDescriptors` have ended. Fails with 'busy' when the lock isn't free in time.
   */
  oneAtATime<T>(seconds: number, progress: Progress, work: () => Promise<T>): Promise<T> {
    return this.#opened(async (lock) => {
      await this.#take(lock, seconds, progress, false);
      return work();
    });
  }

  /** As `oneAtATime`, for a drill: ends the work with 'stopped' as soon as a restore waits. */
  untilARestoreWaits<T>(seconds: number, progress: Progress, work: () => Promise<T>): Promise<T> {
    return this.#opened(async (lock) => {
      await this.#take(lock, seconds, progress, false);
      await lock.mark(drillMark);
      return endedBy(() => giveWay(lock), work);
    });
  }

  /** Gets the lock before all others that wait, because someone was paged. Reports what it waits for. */
  forARestore<T>(progress: Progress, work: () => Promise<T>): Promise<T> {
    return this.#opened(async (lock) => {
      await lock.mark(restoreWaitsMark);
      await this.#take(lock, restoreWaitSeconds, progress, true);
      await lock.mark(restoreMark);
      await lock.unmark(restoreWaitsMark);
      return work();
    });
  }

  async #opened<T>(work: (lock: DescriptorLock) => Promise<T>): Promise<T> {
    // Read-only is enough for flock, and the other container's user may not write.
    const lock = await DescriptorLock.open(this.#path);
    try {
      return await held.run([lock.descriptor], () => work(lock));
    } finally {
      await lock.close();
    }
  }

  /** Polls, so that it can let a restore go first and report what it waits for. */
  async #take(lock: DescriptorLock, seconds: number, progress: Progress, comesFirst: boolean): Promise<void> {
    const waited = stopwatch();
    let said = 0;
    while ((!comesFirst && (await lock.isMarked(restoreWaitsMark))) || !(await lock.take())) {
      if (this.#programs.stopping) throw failure('stopped', 'it was told to stop');
      const soFar = waited();
      if (soFar >= seconds) throw busy(seconds);
      if (soFar >= said) {
        progress(`${await whatRuns(lock, comesFirst)} (${soFar.toFixed(0)} s so far)`);
        said += this.#sayEverySeconds;
      }
      await pause(this.#pollSeconds, this.#programs.signal);
    }
  }
}

async function whatRuns(lock: DescriptorLock, comesFirst: boolean): Promise<string> {
  if (!comesFirst && (await lock.isMarked(restoreWaitsMark))) return 'a restore waits, and comes first';
  if (await lock.isMarked(drillMark)) {
    return comesFirst ? 'a drill runs, which is ended for this restore' : 'a drill runs, and is waited for';
  }
  if (await lock.isMarked(restoreMark)) return 'a restore runs, and is waited for';
  return 'a backup, or a check of the backups, runs, and is waited for';
}

async function giveWay(lock: DescriptorLock): Promise<void> {
  if (!(await lock.isMarked(restoreWaitsMark))) return;
  throw failure('stopped', 'the drill was ended, because a restore waits', 'horme backup drill, after the restore');
}

const busy = (seconds: number) =>
  failure(
    'busy',
    `another backup, drill or restore runs; it did not end within ${seconds} s`,
    'wait for it to end, then repeat the command',
  );
