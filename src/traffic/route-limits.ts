import type { Route } from '../stack/stack.ts';

/**
 * Limits that a route sets instead of the edge's defaults (60 s, 16 KiB of header, `edge.maxBody`). If no route sets
 * any, both configurations stay as they are, so that no deploy reloads the edge.
 */

/**
 * Header in which nginx, which knows the route, passes the answer timeout to HAProxy, in milliseconds. nginx always
 * overwrites a client's value, and HAProxy removes the header.
 */
const timeoutHeader = 'X-Horme-Timeout';
const timeoutVariable = '$answer_milliseconds';

/** HAProxy's default buffer size. A larger header needs this much more, for rewrites and HAProxy's internal form. */
const bufferBytes = 16_384;

const anyTimeout = (routes: readonly Route[]): boolean => routes.some((route) => route.timeoutSeconds !== undefined);

const largestHeader = (routes: readonly Route[]): number =>
  Math.max(0, ...routes.map(({ maxHeaderBytes = 0 }) => maxHeaderBytes));

/** Rounds up to whole KiB. */
const whole = (bytes: number): number => Math.ceil(bytes / 1024) * 1024;

/** Joins lines for a template; no lines give no text. */
export const lines = (all: string[]) => all.map((line) => `${line}\n`).join('');

/** Lines of HAProxy's `global` section. */
export function globalLimits(routes: readonly Route[]): string[] {
  const header = largestHeader(routes);
  return header === 0 ? [] : [`  tune.bufsize ${whole(header) + bufferBytes}`];
}

/** Lines of HAProxy's frontend. */
export const frontendLimits = (routes: readonly Route[]): string[] =>
  anyTimeout(routes)
    ? [
        `  http-request set-var(txn.answer_milliseconds) req.hdr(${timeoutHeader.toLowerCase()})`,
        `  http-request del-header ${timeoutHeader.toLowerCase()}`,
      ]
    : [];

/**
 * Lines of each ordinary backend of HAProxy. Backends of WebSockets and event streams have a timeout of an hour anyway.
 */
export const backendLimits = (routes: readonly Route[]): string[] =>
  anyTimeout(routes)
    ? ['  http-request set-timeout server var(txn.answer_milliseconds) if { var(txn.answer_milliseconds) -m found }']
    : [];

/** Lines of nginx' `http` section, among the other proxy headers. */
export const proxyLimits = (routes: readonly Route[]): string[] =>
  anyTimeout(routes) ? [`  proxy_set_header ${timeoutHeader} ${timeoutVariable};`] : [];

/** Lines of one host's server: its largest request header, and an empty timeout that a location may set. */
export function serverLimits(own: readonly Route[], all: readonly Route[]): string[] {
  const header = largestHeader(own);
  return [
    ...(anyTimeout(all) ? [`    set ${timeoutVariable} "";`] : []),
    ...(header > bufferBytes ? [`    large_client_header_buffers 4 ${whole(header)};`] : []),
  ];
}

/** Lines of one location. */
export function locationLimits({ timeoutSeconds, maxHeaderBytes, maxBodyBytes }: Route): string[] {
  const header = maxHeaderBytes === undefined ? undefined : whole(maxHeaderBytes);
  return [
    ...(timeoutSeconds === undefined ? [] : [`      set ${timeoutVariable} ${Math.round(timeoutSeconds * 1000)};`]),
    ...(header === undefined ? [] : [`      proxy_buffer_size ${header};`, `      proxy_buffers 8 ${header};`]),
    ...(maxBodyBytes === undefined ? [] : [`      client_max_body_size ${maxBodyBytes};`]),
  ];
}
