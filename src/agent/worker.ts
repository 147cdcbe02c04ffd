import { failure, isFailure, stackOf } from './failure.ts';
import type { OperatorError } from '../errors.ts';
import { stopwatch } from './moments.ts';
import { endsWithin } from './wait.ts';

/** Neither is a failure: the work was not begun, or was ended on purpose. */
const notTried = ['busy', 'stopped'];

/** How one kind of work went lately. In steady time: a clock that jumps must neither hurry nor stop it. */
export interface Tried {
  failures: number;
  /** Infinite when it was never tried. */
  secondsAgo: number;
}

export const neverTried: Tried = { failures: 0, secondsAgo: Number.POSITIVE_INFINITY };

type Log = (text: string) => void;

/** Does what takes long, such as a backup: one at a time, and what came of each kind is remembered. */
export class Worker {
  readonly #log: Log;
  readonly #past = new Map<string, { failures: number; ago: () => number }>();
  #running: Promise<void> | undefined;

  constructor(log: Log) {
    this.#log = log;
  }

  get isBusy(): boolean {
    return this.#running !== undefined;
  }

  tried(kind: string): Tried {
    const past = this.#past.get(kind);
    return past ? { failures: past.failures, secondsAgo: past.ago() } : neverTried;
  }

  /** What made it fail is known to be mended: it need not wait. */
  forget(kind: string): void {
    this.#past.delete(kind);
  }

  /** `ended` hears what came of it, unless it was not tried. */
  start(kind: string, work: () => Promise<unknown>, ended: (error: OperatorError | undefined) => Promise<void>): void {
    this.#running = this.#run(kind, work, ended).finally(() => (this.#running = undefined));
  }

  /** Waits until the work has ended, at most so long. */
  async join(seconds: number): Promise<void> {
    if (this.#running) await endsWithin(seconds, this.#running);
  }

  async #run(
    kind: string,
    work: () => Promise<unknown>,
    ended: (error: OperatorError | undefined) => Promise<void>,
  ): Promise<void> {
    const error = await outcome(work);
    this.#log(`${kind}: ${error?.message ?? 'done'}`);
    if (error && notTried.includes(error.code)) return;
    const failures = error ? (this.#past.get(kind)?.failures ?? 0) + 1 : 0;
    this.#past.set(kind, { failures, ago: stopwatch() });
    try {
      await ended(error);
    } catch (problem) {
      // Most likely a full disk; what was not recorded is done again.
      this.#log(`${kind}: could not be recorded:\n${stackOf(problem)}`);
    }
  }
}

async function outcome(work: () => Promise<unknown>): Promise<OperatorError | undefined> {
  try {
    await work();
    return undefined;
  } catch (error) {
    // A bug in one kind of work must not end the others.
    return isFailure(error) ? error : failure('bug', stackOf(error), undefined, error);
  }
}
