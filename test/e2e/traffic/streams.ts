import http from 'node:http';
import https from 'node:https';
import { setTimeout as delay } from 'node:timers/promises';
import WebSocket from 'ws';
import { addressOf, describe, versionIn } from './http1.ts';
import type { Kind, Settings } from './kinds.ts';
import { now, type Recorded, type Recorder } from './recorder.ts';

/** How a connection that was open ended; undefined: it did not open, or we closed it. */
type End = { how: 'told' | 'cut'; message: string } | undefined;
type Live = (settings: Settings, signal: AbortSignal, opened: (recorded: Recorded) => void) => Promise<End>;

const openMilliseconds = 10_000;
const echoEveryMilliseconds = 100;
const echoMilliseconds = 10_000;
/** The application ticks every 200 ms. */
const silenceMilliseconds = 5000;
/** A client that lost its stream comes back after that; a browser takes longer. */
const reconnectMilliseconds = 100;

export const holdWebSocket = (settings: Settings, recorder: Recorder, signal: AbortSignal): Promise<void> =>
  hold('websocket', webSocket, settings, recorder, signal);

export const holdEventStream = (settings: Settings, recorder: Recorder, signal: AbortSignal): Promise<void> =>
  hold('sse', eventStream, settings, recorder, signal);

/** Keeps one connection open until the signal: reconnects when it ends, and records how it ended. */
async function hold(
  kind: Kind,
  live: Live,
  settings: Settings,
  recorder: Recorder,
  signal: AbortSignal,
): Promise<void> {
  let lost = false;
  while (!signal.aborted) {
    const end = await live(settings, signal, (recorded) => {
      recorder.add(recorded);
      if (recorded.error !== undefined) return;
      // The first answer on a new connection shows that the stream is back.
      if (lost) recorder.reconnected += 1;
      lost = false;
    });
    if (end) recorder.ends.push({ kind, at: now(), ...end });
    lost ||= end !== undefined;
    await delay(reconnectMilliseconds, undefined, { signal }).catch(() => undefined);
  }
}

function webSocket(settings: Settings, signal: AbortSignal, record: (recorded: Recorded) => void): Promise<End> {
  return new Promise((resolve) => {
    const scheme = settings.origin.protocol === 'http:' ? 'ws' : 'wss';
    const { servername } = addressOf(settings);
    const socket = new WebSocket(`${scheme}://${settings.origin.host}/ws`, {
      headers: { host: settings.host },
      rejectUnauthorized: false,
      handshakeTimeout: openMilliseconds,
      ...(servername === undefined ? {} : { servername }),
    });
    const startedAt = now();
    const waiting: number[] = [];
    let [open, failure, status]: [boolean, string, number] = [false, '', 101];
    let version: string | undefined;
    let timer: NodeJS.Timeout | undefined;
    let counter = 0;
    const add = (from: number, error?: string): void =>
      record({ kind: 'websocket', startedAt: from, endedAt: now(), status, version, error, reused: counter > 1 });

    const echo = (): void => {
      if (socket.readyState !== WebSocket.OPEN) return;
      if (now() - (waiting[0] ?? now()) > echoMilliseconds) {
        add(waiting.shift() ?? 0, `no echo within ${echoMilliseconds / 1000} s`);
        return socket.terminate();
      }
      waiting.push(now());
      socket.send(String(counter++));
    };
    const leave = (): void => {
      socket.close(1000);
      // ws itself waits 30 s for the peer's close frame.
      setTimeout(() => socket.terminate(), 1000).unref();
    };
    socket.on('upgrade', (response) => (version = versionIn(response, settings)));
    socket.on('unexpected-response', (_request, response) => {
      status = response.statusCode ?? 0;
      version = versionIn(response, settings);
      failure = `status ${status}`;
      socket.terminate();
    });
    socket.on('open', () => {
      open = true;
      echo();
      timer = setInterval(echo, echoEveryMilliseconds);
    });
    socket.on('message', (data: Buffer) => {
      const came = data.toString();
      const sent = counter - waiting.length;
      const from = waiting.shift() ?? startedAt;
      add(from, came === String(sent) ? undefined : `echo of ${sent} was ${came}`);
    });
    socket.on('error', (error) => (failure ||= describe(error)));
    socket.on('close', (code) => {
      clearInterval(timer);
      signal.removeEventListener('abort', leave);
      if (signal.aborted) return resolve(undefined);
      if (!open) {
        add(startedAt, failure || `closed with ${code} before it opened`);
        return resolve(undefined);
      }
      // 1005: a close frame without a code. 1006: none at all. 1012: service restart.
      const how = [1000, 1001, 1005, 1012].includes(code) ? 'told' : 'cut';
      resolve({ how, message: `closed with ${code}, ${waiting.length} echoes open ${failure}`.trim() });
    });
    signal.addEventListener('abort', leave, { once: true });
  });
}

function eventStream(settings: Settings, signal: AbortSignal, record: (recorded: Recorded) => void): Promise<End> {
  return new Promise((resolve) => {
    const transport = settings.origin.protocol === 'http:' ? http : https;
    const headers = { host: settings.host, accept: 'text/event-stream' };
    const startedAt = now();
    let [open, finished, failure]: [boolean, boolean, string] = [false, false, ''];
    let status: number | undefined;
    let version: string | undefined;
    const request = transport.get({ ...addressOf(settings), path: '/sse', agent: false, headers });
    const add = (error?: string): void =>
      record({ kind: 'sse', startedAt, endedAt: now(), status, version, error, reused: false });
    const silence = setTimeout(() => {
      failure = `silent for ${silenceMilliseconds / 1000} s`;
      request.destroy();
    }, silenceMilliseconds);
    const leave = (): void => void request.destroy();
    const finish = (end: End): void => {
      if (finished) return;
      finished = true;
      clearTimeout(silence);
      signal.removeEventListener('abort', leave);
      if (!open && !signal.aborted) add(failure || (end?.message ?? 'ended before the first event'));
      resolve(open && !signal.aborted ? end : undefined);
    };
    const cut = (error?: Error): void =>
      finish({ how: 'cut', message: failure || (error ? describe(error) : 'connection ended') });

    request.on('error', cut);
    request.on('close', () => cut());
    request.on('response', (response) => {
      status = response.statusCode;
      version = versionIn(response, settings);
      response.on('error', cut);
      response.on('end', () => finish({ how: 'told', message: 'the stream ended' }));
      response.on('data', () => {
        silence.refresh();
        if (open) return;
        if (status !== 200) failure = `status ${status}`;
        else {
          open = true;
          add();
        }
      });
    });
    signal.addEventListener('abort', leave, { once: true });
  });
}
