import { writeFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { Http1 } from './traffic/http1.ts';
import { Http2 } from './traffic/http2.ts';
import { kinds, settle, type Kind, type Settings, type TrafficOptions } from './traffic/kinds.ts';
import { now, Recorder, type Recorded } from './traffic/recorder.ts';
import { report, type Report } from './traffic/report.ts';
import { holdEventStream, holdWebSocket } from './traffic/streams.ts';

export type { Kind, Rates, TrafficOptions } from './traffic/kinds.ts';
export type { Recorded } from './traffic/recorder.ts';
export { firstNewAt, lastOldAt, type Report } from './traffic/report.ts';

export interface Traffic {
  /** What was seen until now. */
  snapshot(): Report;
  /** Every request, in the order in which they ended. */
  records(): readonly Recorded[];
  /** Sends nothing more, waits for what is in flight, closes all connections. */
  stop(): Promise<Report>;
}

/** A stalled server must not take this machine's memory and ports. */
const mostInFlight = 256;

/**
 * Mixed load, recorded request by request. Open loop: a slow answer does not slow the sending, so a stall shows as it
 * would to users.
 */
export function startTraffic(options: TrafficOptions): Traffic {
  const settings = settle(options);
  const recorder = new Recorder();
  const clients = { http1: new Http1(settings), http2: new Http2(settings) };
  const inFlight = new Set<Promise<void>>();
  const stopping = new AbortController();
  const timers = kinds.flatMap((kind) => pace(kind, settings, () => send(kind)));
  const held = openStreams(settings, recorder, stopping.signal);
  const end = setTimeout(halt, settings.maxSeconds * 1000);
  let endedAt: number | undefined;
  let stopped: Promise<Report> | undefined;

  function send(kind: Kind): void {
    if (inFlight.size >= mostInFlight) {
      recorder.heldBack += 1;
      return;
    }
    const asked = kind === 'get-http2' ? clients.http2.ask() : clients.http1.ask(kind);
    const recorded = asked.then((seen) => recorder.add(seen)).finally(() => inFlight.delete(recorded));
    inFlight.add(recorded);
  }

  function halt(): void {
    endedAt ??= now();
    clearTimeout(end);
    for (const timer of timers) clearInterval(timer);
    stopping.abort();
  }

  async function finish(): Promise<Report> {
    halt();
    await Promise.all([...inFlight, ...held]);
    clients.http1.close();
    clients.http2.close();
    const lines = (): string => recorder.requests.map((recorded) => JSON.stringify(recorded) + '\n').join('');
    if (settings.recordTo !== undefined) await writeFile(settings.recordTo, lines());
    return report(recorder, endedAt ?? now());
  }

  return {
    snapshot: () => report(recorder, endedAt ?? now()),
    records: () => recorder.requests,
    stop: () => (stopped ??= finish()),
  };
}

function pace(kind: Kind, settings: Settings, send: () => void): NodeJS.Timeout[] {
  const rate = settings.kinds[kind];
  if (kind === 'websocket' || kind === 'sse' || rate <= 0) return [];
  return [setInterval(send, 1000 / rate)];
}

function openStreams(settings: Settings, recorder: Recorder, signal: AbortSignal): Promise<void>[] {
  const some = (count: number, open: typeof holdWebSocket): Promise<void>[] =>
    Array.from({ length: count }, () => open(settings, recorder, signal));
  return [...some(settings.kinds.websocket, holdWebSocket), ...some(settings.kinds.sse, holdEventStream)];
}

/** Waits until `seen` holds for what the traffic saw, such as the first answer of a version. */
export async function until(
  traffic: { snapshot(): Report | Promise<Report> },
  seen: (report: Report) => boolean,
  seconds = 60,
): Promise<Report> {
  const deadline = now() + seconds * 1000;
  for (;;) {
    const current = await traffic.snapshot();
    if (seen(current)) return current;
    if (now() > deadline) throw new Error(`not seen within ${seconds} s: ${JSON.stringify(current, undefined, 2)}`);
    await delay(50);
  }
}
