import { performance } from 'node:perf_hooks';
import { Latencies } from './latencies.ts';
import type { Failure, Proof } from '../proof.ts';
import { addressKey, problemOf } from './addresses.ts';
import { failsMore } from './worse.ts';
import { answerMilliseconds, createAsker, type Answer, type Asker, type ProbeTarget } from './probe.ts';

export interface ProberOptions {
  targets: ProbeTarget[];
  /** Requests a second over all targets. */
  perSecond?: number | undefined;
  /** Ends the probing at once; requests in flight then do not count. */
  signal?: AbortSignal | undefined;
  timeoutMilliseconds?: number | undefined;
}

export interface ProberSnapshot {
  requests: number;
  failed: number;
  /** Repeated because the server ended a kept connection; not failed. */
  repeated: number;
  /** Not sent, since too many were in flight already. */
  heldBack: number;
  p99Milliseconds: number;
  worstGapMilliseconds: number;
  /** Targets that failed before the cutover, so that a later failure proves nothing. */
  excluded: { url: string; reason: string }[];
  /** The first failures. */
  failures: Failure[];
}

/** An address that got worse, with its service. */
export interface Regression {
  service: string | undefined;
  text: string;
}

export interface Prober {
  /** Resolves once each target was probed for the first time: the rollout may begin. Never rejects. */
  ready: Promise<void>;
  snapshot(): ProberSnapshot;
  /** The first answer of each target, by method and URL. */
  first(): Map<string, { status?: number; problem?: string }>;
  /**
   * From here on the new replicas of these services (undefined: of all) answer; failures before this are the baseline.
   */
  mark(services?: string[]): void;
  /** Restarts the baseline: the old replicas' answers from here on are what the new ones are compared with. */
  begin(): void;
  /** While paused, answers don't count for or against the new replicas; the proof still includes them. */
  pause(on: boolean): void;
  /** Requests sent until now no longer count for or against the new replicas. */
  forgive(): void;
  /** The regression since the mark, once it is certain; undefined: none. */
  regression(): Regression | undefined;
  /** Waits for the requests in flight, at most one timeout. */
  stop(): Promise<Proof>;
}

/** 50 a second: a gap of 20 ms shows, and an edge that serves 28,000 a second does not notice. */
const defaultPerSecond = 50;
/** Over all targets; a stalled address must not exhaust this machine's ports. */
const mostInFlight = 64;
const failuresShown = 5;

/** A request that waits longer than this, and than this factor times the slowest before, counts as unanswered. */
const waitsMilliseconds = 3000;
const waitsFactor = 3;
/**
 * This many unanswered requests at an address that never failed before are a regression, whatever their share: the
 * balancer sends few requests to a replica that hangs.
 */
const fewestWaiting = 3;

interface Counted {
  requests: number;
  failed: number;
}

/** A target that answered before the cutover. */
interface Measured {
  target: ProbeTarget;
  /** What it answered then. */
  status: number;
  sent: number;
  /** When each request in flight was sent. */
  inFlight: Set<{ since: number }>;
  lastSuccess: number;
  worstGap: number;
  /** Earliest time at which a new replica of its service may have answered. */
  markedAt: number | undefined;
  before: Counted & { slowest: number };
  since: Counted;
  lastReason: string;
}

/** Probes the public addresses until stopped, half over kept-alive and half over fresh connections. */
export function startProber(options: ProberOptions): Prober {
  const probing = new Probing(options, createAsker(options.timeoutMilliseconds ?? answerMilliseconds));
  return {
    ready: probing.baseline(),
    snapshot: () => probing.snapshot(),
    first: () => new Map(probing.first),
    mark: (services) => probing.mark(services),
    begin: () => probing.begin(),
    pause: (on) => probing.pause(on),
    forgive: () => probing.forgive(),
    regression: () => probing.regression(),
    stop: () => probing.stop(),
  };
}

class Probing {
  readonly first = new Map<string, { status?: number; problem?: string }>();
  readonly #started = performance.now();
  readonly #targets: ProbeTarget[];
  readonly #asker: Asker;
  readonly #pace: NodeJS.Timeout;
  readonly #signal: AbortSignal | undefined;
  readonly #latencies = new Latencies();
  readonly #measured: Measured[] = [];
  readonly #inFlight = new Set<Promise<void>>();
  readonly #tally = { requests: 0, failed: 0, repeated: 0, heldBack: 0 };
  readonly #excluded: ProberSnapshot['excluded'] = [];
  readonly #failures: ProberSnapshot['failures'] = [];
  #turn = 0;
  #paused = false;
  #ended: number | undefined;
  #proof: Promise<Proof> | undefined;

  constructor(options: ProberOptions, asker: Asker) {
    this.#targets = options.targets;
    this.#asker = asker;
    this.#signal = options.signal;
    this.#pace = setInterval(() => this.#next(), 1000 / (options.perSecond ?? defaultPerSecond));
    if (this.#signal?.aborted) this.#abort();
    this.#signal?.addEventListener('abort', this.#abort, { once: true });
  }

  /** Excludes targets that are broken already: a later failure there says nothing about the rollout. */
  async baseline(): Promise<void> {
    const first = this.#targets.map(async (target) => {
      const answer = await this.#asker.ask(target, 'fresh');
      const reason = problemOf(target, answer);
      const { status } = answer;
      this.first.set(addressKey(target), {
        ...(status !== undefined && { status }),
        ...(reason !== undefined && { problem: reason }),
      });
      if (reason !== undefined || answer.status === undefined)
        this.#excluded.push({ url: target.url, reason: reason ?? 'no answer' });
      else this.#measured.push(measured(target, answer.status, answer.milliseconds));
    });
    await Promise.all(first.map((asked) => this.#track(asked)));
  }

  snapshot(): ProberSnapshot {
    return {
      ...this.#tally,
      p99Milliseconds: tenths(this.#latencies.percentile(0.99)),
      worstGapMilliseconds: tenths(this.#worstGap()),
      excluded: [...this.#excluded],
      failures: [...this.#failures],
    };
  }

  mark(services?: string[]): void {
    const own = this.#measured.filter(({ target }) => services?.includes(target.service ?? '') ?? true);
    for (const state of own) state.markedAt ??= performance.now();
  }

  begin(): void {
    for (const { before } of this.#measured) Object.assign(before, { requests: 0, failed: 0 });
  }

  pause(on: boolean): void {
    this.#paused = on;
    if (!on) this.forgive();
  }

  forgive(): void {
    for (const state of this.#measured) if (state.markedAt !== undefined) state.markedAt = performance.now();
  }

  regression(): Regression | undefined {
    if (this.#paused) return undefined;
    return this.#measured.map((state) => regressionOf(state, this.#places)).find((found) => found !== undefined);
  }

  /** Each target has its own share, so that a stalled one does not silence the others. */
  get #places(): number {
    return Math.max(1, Math.floor(mostInFlight / this.#measured.length));
  }

  stop(): Promise<Proof> {
    this.#proof ??= this.#finish();
    return this.#proof;
  }

  #next(): void {
    const state = this.#measured[this.#turn++ % this.#measured.length];
    if (!state) return;
    if (state.inFlight.size >= this.#places) {
      this.#tally.heldBack += 1;
      return;
    }
    void this.#track(this.#probe(state));
  }

  async #probe(state: Measured): Promise<void> {
    const sent = { since: performance.now() };
    state.inFlight.add(sent);
    const answer = await this.#asker.ask(state.target, state.sent++ % 2 === 0 ? 'kept' : 'fresh');
    state.inFlight.delete(sent);
    if (this.#signal?.aborted) return;
    this.#tally.requests += 1;
    if (answer.repeated) this.#tally.repeated += 1;
    if (answer.status !== undefined) this.#latencies.add(answer.milliseconds);
    const reason = problemOf(state.target, answer, state.status);
    if (!this.#paused) count(state, sent.since, answer, reason !== undefined);
    if (reason === undefined) this.#succeeded(state);
    else this.#failed(state, reason);
  }

  #succeeded(state: Measured): void {
    const now = this.#ended ?? performance.now();
    state.worstGap = Math.max(state.worstGap, now - state.lastSuccess);
    state.lastSuccess = now;
  }

  #failed(state: Measured, reason: string): void {
    const { url } = state.target;
    state.lastReason = reason;
    this.#tally.failed += 1;
    if (this.#failures.length >= failuresShown) return;
    this.#failures.push({ url, secondsIn: tenths((performance.now() - this.#started) / 1000), reason });
  }

  /** The gap that is still open counts too. */
  #worstGap(): number {
    const now = this.#ended ?? performance.now();
    return Math.max(0, ...this.#measured.map((state) => Math.max(state.worstGap, now - state.lastSuccess)));
  }

  #track(asked: Promise<void>): Promise<void> {
    this.#inFlight.add(asked);
    return asked.finally(() => this.#inFlight.delete(asked));
  }

  #abort = (): void => {
    this.#end();
    this.#asker.close();
  };

  #end(): void {
    clearInterval(this.#pace);
    this.#ended ??= performance.now();
  }

  async #finish(): Promise<Proof> {
    this.#end();
    await Promise.all(this.#inFlight);
    this.#signal?.removeEventListener('abort', this.#abort);
    this.#asker.close();
    const { requests, failed, p99Milliseconds, worstGapMilliseconds, failures } = this.snapshot();
    const wallSeconds = tenths(((this.#ended ?? 0) - this.#started) / 1000);
    const proof: Proof = {
      ...{ requests, failed, p99Milliseconds, worstGapMilliseconds, wallSeconds },
      ...(failures.length > 0 && { failures }),
    };
    const notMeasured = this.#notMeasured();
    return notMeasured === undefined ? proof : { ...proof, notMeasured };
  }

  #notMeasured(): string | undefined {
    if (this.#tally.requests > 0) return undefined;
    if (this.#targets.length === 0) return 'no service has a public address';
    if (this.#measured.length > 0) return 'it ended before the first request was answered';
    const reasons = this.#excluded.map(({ url, reason }) => `${url}: ${reason}`).join('; ');
    return `no public address answered before the switch (${reasons})`;
  }
}

function measured(target: ProbeTarget, status: number, slowest: number): Measured {
  const nothing = { requests: 0, failed: 0 };
  return {
    ...{ target, status, sent: 0, inFlight: new Set<{ since: number }>(), lastSuccess: performance.now(), worstGap: 0 },
    ...{ markedAt: undefined, before: { ...nothing, slowest }, since: { ...nothing }, lastReason: '' },
  };
}

/** Counts by the time of sending: a request in flight at the mark still went to an old replica. */
function count({ markedAt, before, since }: Measured, sent: number, { milliseconds }: Answer, failed: boolean): void {
  const isBefore = markedAt === undefined || sent < markedAt;
  const counted = isBefore ? before : since;
  counted.requests += 1;
  if (failed) counted.failed += 1;
  else if (isBefore) before.slowest = Math.max(before.slowest, milliseconds);
}

/** `places`: requests of one target that may be in flight at once. */
function regressionOf(state: Measured, places: number): Regression | undefined {
  const { target, markedAt, inFlight, before, since, lastReason } = state;
  if (markedAt === undefined) return undefined;
  const patience = Math.max(waitsMilliseconds, waitsFactor * before.slowest);
  const waits = (sent: number) => sent >= markedAt && performance.now() - sent > patience;
  const waiting = [...inFlight].filter(({ since: sent }) => waits(sent)).length;
  const failing = since.failed + waiting;
  const requests = since.requests + waiting;
  const hangs = waiting >= Math.min(fewestWaiting, places) && before.failed === 0;
  if (!hangs && !failsMore({ requests: before.requests, failing: before.failed }, { requests, failing }))
    return undefined;
  const why = since.failed > 0 ? lastReason : `no answer within ${Math.round(patience / 1000)} s`;
  const text = `${target.url}: ${failing} of ${requests} requests failed (${why})`;
  return { service: target.service, text };
}

function tenths(value: number): number {
  return Math.round(value * 10) / 10;
}
