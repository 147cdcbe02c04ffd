/** Each kind is a way in which a real client holds on to a connection, and so can be hurt by a switch. */
export const kinds = [
  'get-keepalive',
  'get-fresh',
  'get-http2',
  'slow',
  'upload',
  'post-keepalive',
  'websocket',
  'sse',
] as const;

export type Kind = (typeof kinds)[number];

/** Requests a second; for `websocket` and `sse` the connections held open. */
export type Rates = Record<Kind, number>;

/** About 110 a second: two cores also run the engine, the proxies and the application. */
export const defaultRates: Rates = {
  'get-keepalive': 35,
  'get-fresh': 20,
  'get-http2': 20,
  // 2-second requests: three in flight at any time.
  slow: 1.5,
  // One-second uploads: one or two in flight.
  upload: 1.5,
  // Not idempotent and on a kept connection: a client may not repeat it, so an idle timeout can lose it by nobody's fault.
  'post-keepalive': 0,
  // Three sockets with ten echoes a second each.
  websocket: 3,
  sse: 2,
};

/** Answers that take as long as the network takes; only their latencies and gaps tell about the switch. */
export const quickKinds: ReadonlySet<Kind> = new Set(['get-keepalive', 'get-fresh', 'get-http2']);

export interface TrafficOptions {
  /** Where to connect, such as `https://127.0.0.1:8443`. */
  origin: string;
  /** The Host header (or `:authority`) and the SNI, such as `x.localhost`; the origin's own by default. */
  host?: string;
  /** Kinds that are not named keep their default rate; 0 turns one off. */
  kinds?: Partial<Rates>;
  /** The path of the quick requests. */
  path?: string;
  /** The response header that names the version. */
  versionHeader?: string;
  /** The traffic stops by itself after that; 300 by default. */
  maxSeconds?: number;
  /** A file that gets all records as JSON lines at the end, for a failing test to keep. */
  recordTo?: string;
}

export type Settings = Required<Omit<TrafficOptions, 'kinds' | 'recordTo' | 'origin'>> & {
  origin: URL;
  kinds: Rates;
  recordTo: string | undefined;
};

/** A mistyped rate must not become an attack on the machine. */
const mostPerSecond = 500;

export function settle(options: TrafficOptions): Settings {
  const origin = new URL(options.origin);
  const rates = { ...defaultRates, ...options.kinds };
  // nghttp2 wants TLS (or prior knowledge, which a plain server of Node does not have).
  if (origin.protocol === 'http:' && options.kinds?.['get-http2'] === undefined) rates['get-http2'] = 0;
  const total = kinds.reduce((sum, kind) => sum + (kind === 'websocket' ? 10 : 1) * rates[kind], 0);
  if (total > mostPerSecond) throw new Error(`${total} requests a second are more than ${mostPerSecond}`);
  return {
    origin,
    host: options.host ?? origin.host,
    kinds: rates,
    path: options.path ?? '/',
    versionHeader: options.versionHeader ?? 'x-version',
    maxSeconds: options.maxSeconds ?? 300,
    recordTo: options.recordTo,
  };
}
