import { setMaxListeners } from 'node:events';
import http from 'node:http';
import type { Duplex } from 'node:stream';
import { OperatorError, exitCodes } from '../errors.ts';
import type { Connection } from './connection.ts';
import { Patience } from './patience.ts';
import { shown, versions } from './versions.ts';

const { oldest } = versions['Docker Engine'];
/** Oldest and newest supported API version: 1.41 is that of the oldest engine; newer engines are addressed as 1.45. */
const oldestApi = 41;
const newestApi = 45;
/**
 * An engine that doesn't answer an ordinary request within this time hangs; seconds. Waits and logs have other limits.
 */
export const requestSeconds = 60;

export interface Answer {
  status: number;
  headers: http.IncomingHttpHeaders;
  body: Buffer;
}

export class EngineRefused extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export interface Waiting {
  /** Deadline for the whole answer. */
  seconds?: number;
  /** Ends the request at once. Without it, a request ends some seconds after an interrupt. */
  signal?: AbortSignal;
  /** How long a request may continue after an interrupt; seconds. */
  patience?: number;
}

/** Requests to one engine. Each has a deadline, and ends soon after an interrupt. */
export class Requests {
  readonly patience: Patience;
  readonly #connection: Connection;
  #prefix: Promise<string> | undefined;

  constructor(connection: Connection, interrupted: AbortSignal) {
    this.#connection = connection;
    // Each request in flight adds a listener; Node warns of a leak above ten.
    setMaxListeners(0, interrupted);
    this.patience = new Patience(connection, interrupted, () => this.#send('GET', '/_ping', undefined, {}));
    setMaxListeners(0, this.patience.gone);
  }

  get prefix(): Promise<string> {
    return (this.#prefix ??= this.#negotiate());
  }

  async call(method: string, path: string, body?: Buffer | object, waiting: Waiting = {}): Promise<Answer> {
    const answer = await this.#send(method, (await this.prefix) + path, body, waiting);
    if (answer.status < 400) return answer;
    if (isTooNew(answer)) throw this.#tooNew(answer);
    throw new EngineRefused(answer.status, `${method} ${path.split('?')[0]}: ${messageOf(answer)}`);
  }

  async json<T>(method: string, path: string, body?: object): Promise<T> {
    return JSON.parse((await this.call(method, path, body)).body.toString('utf8')) as T;
  }

  /** A stream to a process in a container. */
  async upgrade(path: string, body: object, waiting: Waiting = {}): Promise<Duplex> {
    const full = (await this.prefix) + path;
    return this.#within(waiting, (signal, resolve, reject) => {
      const data = Buffer.from(JSON.stringify(body));
      const request = this.#open('POST', full, {
        'content-type': 'application/json',
        'content-length': data.length,
        connection: 'Upgrade',
        upgrade: 'tcp',
      });
      signal.addEventListener('abort', () => request.destroy(signal.reason as Error), { once: true });
      request.on('upgrade', (_response, socket, head) => {
        if (head.length > 0) socket.unshift(head);
        resolve(socket);
      });
      request.on('response', (response) => {
        response.resume();
        reject(new EngineRefused(response.statusCode ?? 0, `POST ${path}: not upgraded`));
      });
      request.on('error', reject);
      request.end(data);
    });
  }

  /**
   * Calls `end` with the reason when the signal aborts or the engine is given up after an interrupt. Returns a function
   * that cancels it.
   */
  onEnd({ signal, seconds, patience = this.patience.seconds }: Waiting, end: (reason: Error) => void): () => void {
    const { gone } = this.patience;
    const first = AbortSignal.any(signal ? [gone, signal] : [gone]);
    const aborted = () => end(first.reason as Error);
    const timer = seconds === undefined ? undefined : setTimeout(() => end(this.#hung(seconds)), seconds * 1000);
    const calledOff = signal ? undefined : this.patience.afterInterrupt(patience, () => end(this.patience.giveUp()));
    first.addEventListener('abort', aborted, { once: true });
    if (first.aborted) aborted();
    return () => {
      clearTimeout(timer);
      first.removeEventListener('abort', aborted);
      calledOff?.();
    };
  }

  async #negotiate(): Promise<string> {
    const answer = await this.#send('GET', '/_ping', undefined, {});
    const minor = Number(String(answer.headers['api-version'] ?? '1.41').split('.')[1]);
    if (minor < oldestApi) {
      throw new OperatorError(`the engine at ${this.#connection.label} is older than Docker ${shown(oldest)}`, {
        code: 'engine-too-old',
        exitCode: exitCodes.checkFailed,
        next: `upgrade Docker Engine to ${shown(oldest)} or newer`,
      });
    }
    return `/v1.${Math.min(minor, newestApi)}`;
  }

  #tooNew(answer: Answer): OperatorError {
    return new OperatorError(
      `the engine at ${this.#connection.label} no longer speaks API 1.${newestApi}, the newest of this Horme`,
      {
        code: 'engine-too-new',
        exitCode: exitCodes.checkFailed,
        lastSeen: messageOf(answer),
        next: 'install a newer Horme; horme check names the engines that it is tested with',
      },
    );
  }

  #open(method: string, path: string, headers: http.OutgoingHttpHeaders): http.ClientRequest {
    const { agent, socketPath } = this.#connection;
    return http.request({ method, path, headers: { host: 'docker', ...headers }, agent, socketPath });
  }

  #send(method: string, path: string, body: Buffer | object | undefined, waiting: Waiting): Promise<Answer> {
    return this.#within(waiting, (signal, resolve, reject) => {
      const data = body === undefined || Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body));
      const type = Buffer.isBuffer(body) ? 'application/x-tar' : 'application/json';
      const request = this.#open(method, path, data ? { 'content-type': type, 'content-length': data.length } : {});
      signal.addEventListener('abort', () => request.destroy(signal.reason as Error), { once: true });
      request.on('error', reject);
      request.on('response', (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) }),
        );
      });
      request.end(data);
    });
  }

  /** Runs work with a signal that combines the deadline, the caller's signal and the interrupt. */
  async #within<T>(
    { seconds = requestSeconds, ...waiting }: Waiting,
    work: (signal: AbortSignal, resolve: (value: T) => void, reject: (cause: Error) => void) => void,
  ): Promise<T> {
    const over = new AbortController();
    const calledOff = this.onEnd({ seconds, ...waiting }, (reason) => over.abort(reason));
    try {
      over.signal.throwIfAborted();
      return await new Promise<T>((resolve, reject) => {
        over.signal.addEventListener('abort', () => reject(over.signal.reason as Error), { once: true });
        work(over.signal, resolve, (cause) => reject(this.#unreachable(cause)));
      });
    } finally {
      calledOff();
    }
  }

  #hung(seconds: number): OperatorError {
    return new OperatorError(`the engine at ${this.#connection.label} did not answer within ${seconds} s`, {
      code: 'engine-hung',
      exitCode: exitCodes.checkFailed,
      next: 'docker info',
    });
  }

  #unreachable(cause: Error): Error {
    if (cause instanceof OperatorError || cause instanceof EngineRefused) return cause;
    return new OperatorError(`no Docker Engine answers at ${this.#connection.label}: ${cause.message}`, {
      code: 'engine-unreachable',
      exitCode: exitCodes.checkFailed,
      next: 'install or start Docker Engine (https://docs.docker.com/engine/install/), then: docker info',
      cause,
    });
  }
}

/** Engines drop old API versions: Engine 29 supports none below 1.44. */
const isTooNew = (answer: Answer) => answer.status === 400 && /client version \S+ is too old/.test(messageOf(answer));

function messageOf(answer: Answer): string {
  const text = answer.body.toString('utf8');
  try {
    return (JSON.parse(text) as { message: string }).message;
  } catch {
    return text.slice(0, 500);
  }
}
