import { performance } from 'node:perf_hooks';
import type { Kind } from './kinds.ts';

/** One request as its client saw it. Times are milliseconds since 1970, from a clock that never jumps. */
export interface Recorded {
  kind: Kind;
  startedAt: number;
  endedAt: number;
  status?: number | undefined;
  version?: string | undefined;
  /** Set: the request failed. */
  error?: string | undefined;
  /** It went over a connection that had served a request before. */
  reused: boolean;
  /** It was sent again on a fresh connection, because the kept one ended before a byte of the answer. */
  repeated?: boolean;
}

/** What happened to a connection that stays open. */
export interface Ended {
  kind: Kind;
  at: number;
  how: 'told' | 'cut';
  message: string;
}

/** Comparable between processes of one machine. */
export function now(): number {
  return performance.timeOrigin + performance.now();
}

export class Recorder {
  readonly startedAt = now();
  readonly requests: Recorded[] = [];
  readonly ends: Ended[] = [];
  reconnected = 0;
  heldBack = 0;

  add(recorded: Recorded): void {
    this.requests.push(recorded);
  }
}
