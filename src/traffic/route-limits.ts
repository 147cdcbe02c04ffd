import type { Route } from '../stack/stack.ts';

/**
 * What a route sets for itself, other than the edge's own 60 s, 16 KiB of header and `edge.maxBody`. Where no route sets
 * anything, nothing is added to either configuration: no deploy reloads the edge for it.
 */

/** How nginx, which knows the route, tells HAProxy, which waits for the answer: milliseconds. nginx always sets it, and HAProxy takes it off. */
const timeoutHeader = 'X-Horme-Timeout';
const timeoutVariable = '$answer_milliseconds';

/** HAProxy's own default, and what a header needs beside it: room to rewrite, and HAProxy's own form of it. */
const bufferBytes = 16_384;

const anyTimeout = (routes: readonly Route[]): boolean => routes.some((route) => route.timeoutSeconds !== undefined);

const largestHeader = (routes: readonly Route[]): number =>
  Math.max(0, ...routes.map(({ maxHeaderBytes = 0 }) => maxHeaderBytes));

/** Whole kilobytes: what is written as `100000` would be a strange size of a buffer. */
const whole = (bytes: number): number => Math.ceil(bytes / 1024) * 1024;

/** As they stand among others in a template. */
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

/** Lines of each ordinary backend of HAProxy: those of WebSockets and event streams have an hour anyway. */
export const backendLimits = (routes: readonly Route[]): string[] =>
  anyTimeout(routes)
    ? ['  http-request set-timeout server var(txn.answer_milliseconds) if { var(txn.answer_milliseconds) -m found }']
    : [];

/** Lines of nginx' `http` section, beside the other headers that are sent on. */
export const proxyLimits = (routes: readonly Route[]): string[] =>
  anyTimeout(routes) ? [`  proxy_set_header ${timeoutHeader} ${timeoutVariable};`] : [];

/** Lines of one host's server: what its requests may have in their header, and no timeout but that of a location. */
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
