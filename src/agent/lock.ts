import { AsyncLocalStorage } from 'node:async_hooks';
import { DescriptorLock } from './descriptor-lock.ts';
import { failure } from './failure.ts';
import { stopwatch } from './moments.ts';
import { endedBy, type Programs } from './programs.ts';
import { pause } from './wait.ts';

const pollSeconds = 0.5;
/**
 * For a command or a scheduled run: long enough for a small backup of the other container, not for a large one, since whoever
 * typed it wants to know; `serve` asks again.
 */
export const waitSeconds = 60;
/** For what reads or restores whole backups: the other container's own may be under way, by the same schedule. */
export const patientSeconds = 4 * 3600;
/** As long as the longest backup may take. */
const restoreWaitSeconds = 24 * 3600;
const sayEverySeconds = 30;

/** Bytes of the file that are locked as marks. They are gone with who set them, and with what has the file open by it. */
const drillMark = 0;
const restoreMark = 1;
const restoreWaitsMark = 2;

type Progress = (text: string) => void;

/** Of the current task: `serve` runs others beside. */
const held = new AsyncLocalStorage<readonly number[]>();

/**
 * What the current task has the lock by: a child that inherits it holds it too, when its agent is killed. For restic alone, whose
 * own lock is taken for a dead one's when ours is free. pgBackRest has its own locks, and a Postgres on restored data, or a
 * query of it, would keep a restore waiting for hours.
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
   * What it waits for is said. Held until the work ends, or the process and what was given `heldDescriptors` have died. Fails with
   * 'busy' when it isn't free in time.
   */
  oneAtATime<T>(seconds: number, progress: Progress, work: () => Promise<T>): Promise<T> {
    return this.#opened(async (lock) => {
      await this.#take(lock, seconds, progress, false);
      return work();
    });
  }

  /** As `oneAtATime`, for a drill: what it runs is ended, with 'stopped', once a restore waits. */
  untilARestoreWaits<T>(seconds: number, progress: Progress, work: () => Promise<T>): Promise<T> {
    return this.#opened(async (lock) => {
      await this.#take(lock, seconds, progress, false);
      await lock.mark(drillMark);
      return endedBy(() => giveWay(lock), work);
    });
  }

  /** Next, whoever else waits: someone was paged. What it waits for is said. */
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
    // Read-only is enough for flock, and all that the other container's user may.
    const lock = await DescriptorLock.open(this.#path);
    try {
      return await held.run([lock.descriptor], () => work(lock));
    } finally {
      await lock.close();
    }
  }

  /** By polling: others are let by, and what is waited for is said. */
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
