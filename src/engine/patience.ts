import { setMaxListeners } from 'node:events';
import { OperatorError, exitCodes } from '../errors.ts';
import type { Connection } from './connection.ts';

/** After an interrupt a request has this long; a healthy engine answers in milliseconds. Over ssh a connection alone takes seconds. */
const localSeconds = 3;
const remoteSeconds = 10;
/** What a program in a container still has after an interrupt, such as a reload under way; seconds. */
export const programSeconds = 10;
/** Between two looks whether the engine still answers; milliseconds. */
const lookMilliseconds = 1000;

/** One may be slow; after so many that were given up the engine is taken for gone, also where it still answers the simplest question. */
const mostGivenUp = 2;

/** For what must not be cut by an interrupt, because others would be left with half of it. */
export const neverAborted: AbortSignal = new AbortController().signal;
setMaxListeners(0, neverAborted);

/**
 * How long the calls to one engine are waited for once the command was interrupted. What is under way may finish, but an engine
 * that doesn't answer holds nobody: then everything ends, also what would have to be finished.
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

  /** A request that had no answer in time after the interrupt. */
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

/** Calls `end` that long after the interrupt, counted from now at the earliest; gives what calls it off. */
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
