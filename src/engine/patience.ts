import { setMaxListeners } from 'node:events';
import { OperatorError, exitCodes } from '../errors.ts';
import type { Connection } from './connection.ts';

/**
 * Deadline of a request after an interrupt. A healthy engine answers in milliseconds; over ssh, connecting alone takes
 * seconds.
 */
const localSeconds = 3;
const remoteSeconds = 10;
/** Time that a program in a container has after an interrupt, such as a running reload; seconds. */
export const programSeconds = 10;
/** Interval of the liveness checks of the engine; milliseconds. */
const lookMilliseconds = 1000;

/** One request may be slow. After this many timeouts the engine counts as gone, even if it still answers a ping. */
const mostGivenUp = 2;

/** For work that an interrupt must not cut, because it would be left half done. */
export const neverAborted: AbortSignal = new AbortController().signal;
setMaxListeners(0, neverAborted);

/**
 * Limits the waits for one engine after an interrupt. Running work may finish, but if the engine doesn't answer, every
 * wait ends, even for work that should have finished.
 */
export class Patience {
  /** Aborted once the command was interrupted and the engine doesn't answer. */
  readonly gone: AbortSignal;
  readonly #connection: Connection;
  readonly #interrupted: AbortSignal;
  readonly #gone = new AbortController();
  #givenUp = 0;

  constructor(connection: Connection, interrupted: AbortSignal, answers: () => Promise<unknown>) {
    this.#connection = connection;
    this.#interrupted = interrupted;
    this.gone = this.#gone.signal;
    const watch = () => void this.#look(answers).then((error) => this.#gone.abort(error));
    if (interrupted.aborted) watch();
    else interrupted.addEventListener('abort', watch, { once: true });
  }

  get seconds(): number {
    return this.#connection.socketPath === undefined ? remoteSeconds : localSeconds;
  }

  /** Resolves when the engine stops answering. */
  async #look(answers: () => Promise<unknown>): Promise<Error> {
    await Promise.resolve();
    for (;;) {
      try {
        await answers();
      } catch {
        return this.#over();
      }
      await new Promise((resolve) => setTimeout(resolve, lookMilliseconds).unref());
    }
  }

  /** Called for a request that got no answer in time after the interrupt. */
  giveUp(): OperatorError {
    this.#givenUp++;
    if (this.#givenUp >= mostGivenUp) this.#gone.abort(this.#over());
    return this.#over();
  }

  #over(): OperatorError {
    return new OperatorError(
      `interrupted; the engine at ${this.#connection.label} does not answer, so what it was asked last may have been done or not`,
      { code: 'interrupted', exitCode: exitCodes.interrupted, next: 'docker info, then: horme status' },
    );
  }

  afterInterrupt(seconds: number, end: () => void): () => void {
    return afterInterrupt(this.#interrupted, seconds, end);
  }
}

/** Calls `end` this many seconds after the interrupt, or from now if it is past. Returns a function that cancels it. */
export function afterInterrupt(interrupted: AbortSignal, seconds: number, end: () => void): () => void {
  let timer: NodeJS.Timeout | undefined;
  const begin = () => void (timer = setTimeout(end, seconds * 1000));
  if (interrupted.aborted) begin();
  else interrupted.addEventListener('abort', begin, { once: true });
  return () => {
    interrupted.removeEventListener('abort', begin);
    clearTimeout(timer);
  };
}
