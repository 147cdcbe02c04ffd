import { kinds, quickKinds, type Kind } from './kinds.ts';
import type { Ended, Recorded, Recorder } from './recorder.ts';

/** Times of day are milliseconds since 1970; the rest is milliseconds. */
export interface Report {
  startedAt: number;
  seconds: number;
  requests: number;
  failed: number;
  repeated: number;
  heldBack: number;
  byKind: Partial<Record<Kind, KindReport>>;
  /** The first failures and cuts, in order of time. */
  errors: { at: number; secondsIn: number; kind: Kind; status?: number | undefined; message: string }[];
  /** Of the quick GETs alone: a 2-second request tells nothing by its latency. */
  p50: number;
  p99: number;
  max: number;
  /** The longest time without a successful quick GET. */
  worstGapMilliseconds: number;
  /** Of the quick GETs, in order of first appearance. */
  versions: { version: string; count: number; firstAt: number; lastAt: number }[];
  /** WebSockets and event streams that ended without a close frame or a last chunk. */
  cut: number;
  /** Those that were told to end. */
  told: number;
  /** Those of either that came back. */
  reconnected: number;
}

export interface KindReport {
  requests: number;
  failed: number;
  repeated: number;
  p50: number;
  p99: number;
  max: number;
}

const errorsShown = 20;

export function report(recorder: Recorder, endedAt: number): Report {
  const { requests, ends, startedAt } = recorder;
  const quick = requests.filter(({ kind }) => quickKinds.has(kind));
  const { p50, p99, max } = kindReport(quick);
  const count = (how: Ended['how']): number => ends.filter((end) => end.how === how).length;
  return {
    startedAt,
    seconds: (endedAt - startedAt) / 1000,
    requests: requests.length,
    failed: requests.filter(failed).length,
    repeated: requests.filter(({ repeated }) => repeated).length,
    heldBack: recorder.heldBack,
    byKind: Object.fromEntries(kinds.flatMap((kind) => ofKind(requests, kind))),
    errors: errorsOf(recorder),
    p50,
    p99,
    max,
    worstGapMilliseconds: worstGap(quick, endedAt),
    versions: versionsOf(quick),
    cut: count('cut'),
    told: count('told'),
    reconnected: recorder.reconnected,
  };
}

/** When the first answer of `version` came, milliseconds since 1970; undefined: none did. */
export function firstNewAt(seen: Report, version: string): number | undefined {
  return seen.versions.find((entry) => entry.version === version)?.firstAt;
}

/** When the last answer of a version other than `version` came. */
export function lastOldAt(seen: Report, version: string): number | undefined {
  const old = seen.versions.filter((entry) => entry.version !== version).map(({ lastAt }) => lastAt);
  return old.length === 0 ? undefined : Math.max(...old);
}

function failed(recorded: Recorded): boolean {
  return recorded.error !== undefined;
}

function ofKind(requests: Recorded[], kind: Kind): [Kind, KindReport][] {
  const own = requests.filter((recorded) => recorded.kind === kind);
  return own.length === 0 ? [] : [[kind, kindReport(own)]];
}

function kindReport(requests: Recorded[]): KindReport {
  const answered = requests.filter((recorded) => !failed(recorded));
  const times = answered.map(({ startedAt, endedAt }) => endedAt - startedAt).sort((a, b) => a - b);
  const rank = (share: number): number => times[Math.max(0, Math.ceil(share * times.length) - 1)] ?? 0;
  return {
    requests: requests.length,
    failed: requests.length - answered.length,
    repeated: requests.filter(({ repeated }) => repeated).length,
    p50: rank(0.5),
    p99: rank(0.99),
    max: rank(1),
  };
}

/** From the first success to the end, so that a service that never comes back shows. */
function worstGap(quick: Recorded[], endedAt: number): number {
  const successes = quick.filter((recorded) => !failed(recorded)).map((recorded) => recorded.endedAt);
  const times = [...successes, endedAt].sort((a, b) => a - b);
  if (successes.length === 0) return 0;
  return times.reduce((worst, time, index) => Math.max(worst, time - (times[index - 1] ?? time)), 0);
}

function versionsOf(quick: Recorded[]): Report['versions'] {
  const seen = new Map<string, Report['versions'][number]>();
  for (const { version, endedAt } of quick.toSorted((a, b) => a.endedAt - b.endedAt)) {
    if (version === undefined) continue;
    const entry = seen.get(version) ?? { version, count: 0, firstAt: endedAt, lastAt: endedAt };
    seen.set(version, { ...entry, count: entry.count + 1, lastAt: endedAt });
  }
  return [...seen.values()];
}

function errorsOf({ requests, ends, startedAt }: Recorder): Report['errors'] {
  const failures = requests
    .filter(failed)
    .map(({ kind, endedAt, status, error }) => ({ at: endedAt, kind, status, message: error ?? '' }));
  const cuts = ends
    .filter(({ how }) => how === 'cut')
    .map(({ kind, at, message }) => ({ at, kind, status: undefined, message: `cut: ${message}` }));
  return [...failures, ...cuts]
    .sort((a, b) => a.at - b.at)
    .slice(0, errorsShown)
    .map((error) => ({ ...error, secondsIn: (error.at - startedAt) / 1000 }));
}
