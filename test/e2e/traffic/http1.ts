import { createHash, randomBytes } from 'node:crypto';
import http from 'node:http';
import https from 'node:https';
import { isIP, type Socket } from 'node:net';
import type { Kind, Settings } from './kinds.ts';
import { now, type Recorded } from './recorder.ts';

export interface Answer {
  status?: number | undefined;
  version?: string | undefined;
  body?: Buffer;
  error?: string | undefined;
  reused: boolean;
  /** A reused connection ended before a byte of the answer came. */
  lostReuse?: boolean;
}

interface Ask {
  method: 'GET' | 'POST';
  path: string;
  agent: http.Agent | false;
  timeoutMilliseconds: number;
  /** Writes the body; the request is ended by it. */
  send?: (request: http.ClientRequest) => void;
  headers?: http.OutgoingHttpHeaders;
}

const timeoutMilliseconds = 10_000;
const slowMilliseconds = 2000;
const uploadBytes = 1 << 20;
const uploadChunks = 16;
const uploadMilliseconds = 1000;

/** Host, SNI and address of a request, for everything that speaks through node:http. */
export function addressOf(settings: Settings): https.RequestOptions {
  const name = settings.host.replace(/:\d+$/, '');
  const { hostname, port, protocol } = settings.origin;
  return {
    host: hostname.replace(/^\[|\]$/g, ''),
    port: port || (protocol === 'http:' ? 80 : 443),
    rejectUnauthorized: false,
    ...(isIP(name) ? {} : { servername: name }),
  };
}

export class Http1 {
  readonly #settings: Settings;
  readonly #transport: typeof http | typeof https;
  readonly #kept: http.Agent;
  readonly #upload = randomBytes(uploadBytes);
  readonly #uploadHash = createHash('sha256').update(this.#upload).digest('hex');

  constructor(settings: Settings) {
    this.#settings = settings;
    this.#transport = settings.origin.protocol === 'http:' ? http : https;
    this.#kept = new this.#transport.Agent({ keepAlive: true });
  }

  close(): void {
    this.#kept.destroy();
  }

  ask(kind: Kind): Promise<Recorded> {
    const { path } = this.#settings;
    if (kind === 'get-keepalive') return this.#record(kind, this.#get(path, this.#kept), this.#get(path, false));
    if (kind === 'slow') return this.#slow();
    if (kind === 'upload') return this.#record(kind, this.#post(uploadMilliseconds, false));
    if (kind === 'post-keepalive') return this.#record(kind, this.#post(0, this.#kept));
    return this.#record('get-fresh', this.#get(path, false));
  }

  #slow(): Promise<Recorded> {
    const path = `/slow?ms=${slowMilliseconds}`;
    const timeout = slowMilliseconds + timeoutMilliseconds;
    return this.#record('slow', this.#get(path, this.#kept, timeout), this.#get(path, false, timeout));
  }

  /** `again`: how to repeat it, where RFC 9112 9.3.1 lets a client repeat it by itself. */
  async #record(kind: Kind, ask: Ask, again?: Ask): Promise<Recorded> {
    const startedAt = now();
    let answer = await this.#attempt(ask);
    const repeated = answer.lostReuse === true && again !== undefined;
    if (repeated) answer = await this.#attempt(again);
    const { status, version, reused } = answer;
    const error = answer.error ?? this.#complaint(ask, answer);
    return { kind, startedAt, endedAt: now(), status, version, error, reused, ...(repeated && { repeated }) };
  }

  #complaint(ask: Ask, answer: Answer): string | undefined {
    const status = answer.status ?? 0;
    if (status < 200 || status >= 400) return `status ${status}`;
    if (ask.method === 'GET') return undefined;
    const seen = parse(answer.body);
    if (seen?.bytes === uploadBytes && seen.sha256 === this.#uploadHash) return undefined;
    return `the upload arrived changed: ${JSON.stringify(seen)}`;
  }

  #get(path: string, agent: http.Agent | false, timeout = timeoutMilliseconds): Ask {
    return { method: 'GET', path, agent, timeoutMilliseconds: timeout };
  }

  #post(milliseconds: number, agent: http.Agent | false): Ask {
    return {
      method: 'POST',
      path: '/upload',
      agent,
      timeoutMilliseconds: milliseconds + timeoutMilliseconds,
      headers: { 'content-length': uploadBytes, 'content-type': 'application/octet-stream' },
      send: (request) => this.#sendOver(request, milliseconds),
    };
  }

  /** In equal chunks, the last at the end of the time. */
  #sendOver(request: http.ClientRequest, milliseconds: number): void {
    if (milliseconds === 0) return void request.end(this.#upload);
    const size = uploadBytes / uploadChunks;
    let offset = 0;
    const timer = setInterval(() => {
      if (request.destroyed) return clearInterval(timer);
      request.write(this.#upload.subarray(offset, (offset += size)));
      if (offset < uploadBytes) return;
      clearInterval(timer);
      request.end();
    }, milliseconds / uploadChunks);
    request.on('close', () => clearInterval(timer));
  }

  #attempt(ask: Ask): Promise<Answer> {
    return new Promise((resolve) => {
      const { method, path, agent } = ask;
      const headers = { host: this.#settings.host, ...ask.headers };
      const request = this.#transport.request({ ...addressOf(this.#settings), method, path, agent, headers });
      const seen: Answer = { reused: false };
      let socket: Socket | undefined;
      let bytesBefore = 0;
      let timedOut = false;
      const timer = setTimeout(() => {
        timedOut = true;
        request.destroy(new Error(`no answer within ${ask.timeoutMilliseconds / 1000} s`));
      }, ask.timeoutMilliseconds);
      const done = (error?: Error): void => {
        clearTimeout(timer);
        const reused = request.reusedSocket;
        if (!error) return resolve({ ...seen, reused });
        const silent = socket?.bytesRead === bytesBefore;
        resolve({ ...seen, reused, error: describe(error), lostReuse: reused && silent && !timedOut });
      };
      request.on('socket', (assigned) => {
        socket = assigned;
        bytesBefore = assigned.bytesRead;
      });
      request.on('error', done);
      request.on('close', () => done(new Error('connection ended before the whole answer')));
      request.on('response', (response) => {
        seen.status = response.statusCode;
        seen.version = versionIn(response, this.#settings);
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', done);
        response.on('end', () => {
          seen.body = Buffer.concat(chunks);
          done();
        });
      });
      if (ask.send) ask.send(request);
      else request.end();
    });
  }
}

export function versionIn(response: http.IncomingMessage, settings: Settings): string | undefined {
  const value = response.headers[settings.versionHeader];
  return Array.isArray(value) ? value[0] : value;
}

export function describe(error: Error): string {
  const code = (error as NodeJS.ErrnoException).code;
  // Happy eyeballs throw an AggregateError without a message.
  return [code, error.message].filter(Boolean).join(' ') || error.name;
}

function parse(body: Buffer | undefined): { bytes?: number; sha256?: string } | undefined {
  try {
    return JSON.parse(String(body)) as { bytes?: number; sha256?: string };
  } catch {
    return undefined;
  }
}
