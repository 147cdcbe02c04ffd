import http from 'node:http';
import https from 'node:https';
import { isIP, type Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import { proberAgent } from '../traffic/haproxy.ts';

export interface ProbeTarget {
  /** The public address, such as `https://shop.example.com/`. */
  url: string;
  /** Address to connect to instead of resolving the host name; SNI and Host stay those of the URL. */
  connectTo?: { host: string; port: number } | undefined;
  /** The service that answers there. */
  service?: string | undefined;
  /** Default: GET. */
  method?: string | undefined;
  /** Status codes of a good answer; undefined: see `problemOf`. */
  good?: string | undefined;
}

export type Connection = 'kept' | 'fresh';

/** What a client saw of one request, including its repetition. */
export interface Answer {
  status: number | undefined;
  /** Why no whole answer came. */
  error: string | undefined;
  milliseconds: number;
  repeated: boolean;
  /** Whether a connection was accepted. If not, the network path from this machine may be at fault, not the service. */
  reached: boolean;
}

export interface Asker {
  ask(target: ProbeTarget, connection: Connection): Promise<Answer>;
  /** Ends every connection; requests in flight fail. */
  close(): void;
}

interface Attempt {
  reached: boolean;
  status?: number;
  error?: string;
  /** The server ended a kept connection before a byte of the answer came. */
  lostReuse?: boolean;
}

/** After this many bytes the replica is known to serve: a large or endless body would only take bandwidth. */
const enoughBytes = 256 * 1024;

/** Timeout of a request to a public address. */
export const answerMilliseconds = 10_000;

/** Follows no redirect. Certificates are not verified: a local one is self-signed. */
export function createAsker(timeoutMilliseconds: number): Asker {
  const agents = {
    'http:': { kept: new http.Agent({ keepAlive: true }), fresh: new http.Agent({ keepAlive: false }) },
    'https:': { kept: new https.Agent({ keepAlive: true }), fresh: new https.Agent({ keepAlive: false }) },
  };
  let closed = false;

  async function ask(target: ProbeTarget, connection: Connection): Promise<Answer> {
    const started = performance.now();
    const url = new URL(target.url);
    const pair = agents[url.protocol === 'http:' ? 'http:' : 'https:'];
    const attempt = (agent: http.Agent): Promise<Attempt> =>
      send(target, agent, started + timeoutMilliseconds, timeoutMilliseconds);
    let seen = await attempt(pair[connection]);
    // RFC 9112 9.3.1: a server may end an idle connection at any time, so a client that had its request on one
    // repeats an idempotent request by itself, once. No user of a browser sees such an end.
    const repeated = seen.lostReuse === true && !closed;
    if (repeated) seen = await attempt(pair.fresh);
    const { status, error, reached } = seen;
    return { status, error, milliseconds: performance.now() - started, repeated, reached };
  }

  function close(): void {
    closed = true;
    for (const pair of Object.values(agents)) {
      pair.kept.destroy();
      pair.fresh.destroy();
    }
  }

  return { ask, close };
}

function send(target: ProbeTarget, agent: http.Agent, deadline: number, timeoutMilliseconds: number): Promise<Attempt> {
  return new Promise((resolve) => {
    const url = new URL(target.url);
    const request = (url.protocol === 'http:' ? http : https).request(requestOptions(url, target, agent));
    let socket: Socket | undefined;
    let bytesBefore = 0;
    let timedOut = false;
    let reached = false;
    const timer = setTimeout(() => {
      timedOut = true;
      request.destroy(new Error(`no answer within ${timeoutMilliseconds / 1000} s`));
    }, deadline - performance.now());
    const settle = (attempt: Omit<Attempt, 'reached'>): void => {
      clearTimeout(timer);
      resolve({ ...attempt, reached });
    };
    const fail = (error: Error): void => {
      const silent = socket !== undefined && socket.bytesRead === bytesBefore;
      settle({ error: error.message || error.name, lostReuse: request.reusedSocket && silent && !timedOut });
    };

    request.on('socket', (assigned) => {
      socket = assigned;
      bytesBefore = assigned.bytesRead;
      reached = !assigned.connecting;
      // A reused socket never connects again, and would collect one listener per request.
      if (assigned.connecting) assigned.once('connect', () => (reached = true));
    });
    request.on('error', fail);
    // The last resort: an answer that ends by neither `end` nor `error` must not hang the prober.
    request.on('close', () => fail(new Error('connection ended before the whole answer')));
    request.on('response', (response) => readThrough(request, response, settle, fail));
    request.end();
  });
}

function readThrough(
  request: http.ClientRequest,
  response: http.IncomingMessage,
  settle: (attempt: Omit<Attempt, 'reached'>) => void,
  fail: (error: Error) => void,
): void {
  const answered = { status: response.statusCode ?? 0 };
  let bytes = 0;
  response.on('error', fail);
  response.on('end', () => settle(answered));
  response.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes < enoughBytes) return;
    settle(answered);
    request.destroy();
  });
}

function requestOptions(url: URL, { connectTo, method }: ProbeTarget, agent: http.Agent): https.RequestOptions {
  const name = url.hostname.replace(/^\[|\]$/g, '');
  const options: https.RequestOptions = {
    host: connectTo?.host ?? name,
    port: connectTo?.port ?? (url.port || (url.protocol === 'http:' ? 80 : 443)),
    path: url.pathname + url.search,
    method: method ?? 'GET',
    headers: { host: url.host, 'user-agent': proberAgent, accept: '*/*' },
    agent,
    rejectUnauthorized: false,
  };
  // An address is not a valid SNI name.
  if (!isIP(name)) options.servername = name;
  return options;
}
