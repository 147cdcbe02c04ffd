import http2 from 'node:http2';
import { isIP } from 'node:net';
import { describe } from './http1.ts';
import type { Settings } from './kinds.ts';
import { now, type Recorded } from './recorder.ts';

interface Connection {
  session: http2.ClientHttp2Session;
  answered: number;
}

interface Answer {
  status?: number;
  version?: string | undefined;
  error?: string;
  reused: boolean;
  /** The server did not take it up: refused, or a used connection ended before a byte of the answer. */
  mayRepeat?: boolean;
}

const timeoutMilliseconds = 10_000;

/** GETs over one HTTP/2 connection, as a browser has it. On GOAWAY new requests go to a new one; the old one finishes. */
export class Http2 {
  readonly #settings: Settings;
  readonly #all = new Set<http2.ClientHttp2Session>();
  #current: Connection | undefined;

  constructor(settings: Settings) {
    this.#settings = settings;
  }

  close(): void {
    for (const session of this.#all) session.destroy();
  }

  async ask(): Promise<Recorded> {
    const startedAt = now();
    let answer = await this.#attempt();
    const repeated = answer.mayRepeat === true;
    if (repeated) {
      this.#current = undefined;
      answer = await this.#attempt();
    }
    const { status, version, reused } = answer;
    const bad = status === undefined || status < 200 || status >= 400;
    const error = answer.error ?? (bad ? `status ${status}` : undefined);
    const recorded: Recorded = { kind: 'get-http2', startedAt, endedAt: now(), status, version, error, reused };
    return repeated ? { ...recorded, repeated } : recorded;
  }

  #connection(): Connection {
    const open = this.#current;
    if (open && !open.session.closed && !open.session.destroyed) return open;
    const { origin, host } = this.#settings;
    const name = host.replace(/:\d+$/, '');
    const session = http2.connect(origin, { rejectUnauthorized: false, ...(isIP(name) ? {} : { servername: name }) });
    const connection = { session, answered: 0 };
    const retire = (): void => {
      if (this.#current === connection) this.#current = undefined;
    };
    this.#all.add(session);
    session.on('goaway', retire);
    // Each stream tells its own end; without a listener the session's error would end the process.
    session.on('error', retire);
    session.on('close', () => {
      retire();
      this.#all.delete(session);
    });
    this.#current = connection;
    return connection;
  }

  #attempt(): Promise<Answer> {
    return new Promise((resolve) => {
      const connection = this.#connection();
      const reused = connection.answered > 0;
      let stream: http2.ClientHttp2Stream;
      try {
        stream = connection.session.request({ ':path': this.#settings.path, ':authority': this.#settings.host });
      } catch (error) {
        return resolve({ error: describe(error as Error), reused, mayRepeat: true });
      }
      const seen: Answer = { reused };
      let [failure, timedOut, whole] = ['', false, false];
      const timer = setTimeout(() => {
        timedOut = true;
        failure = `no answer within ${timeoutMilliseconds / 1000} s`;
        stream.close(http2.constants.NGHTTP2_CANCEL);
      }, timeoutMilliseconds);
      stream.on('response', (headers) => {
        seen.status = headers[':status'] ?? 0;
        seen.version = headers[this.#settings.versionHeader] as string | undefined;
      });
      stream.on('end', () => (whole = true));
      stream.on('error', (error: Error) => (failure ||= describe(error)));
      stream.on('close', () => {
        clearTimeout(timer);
        if (whole && stream.rstCode === http2.constants.NGHTTP2_NO_ERROR && seen.status !== undefined) {
          connection.answered += 1;
          return resolve(seen);
        }
        // RFC 9113 8.7: a refused stream was not processed. The rest is HTTP/1.1's rule for a connection that was used.
        const refused = stream.rstCode === http2.constants.NGHTTP2_REFUSED_STREAM;
        const mayRepeat = seen.status === undefined && !timedOut && (refused || reused);
        resolve({ ...seen, error: failure || `stream ended with code ${stream.rstCode}`, mayRepeat });
      });
      stream.resume();
    });
  }
}
