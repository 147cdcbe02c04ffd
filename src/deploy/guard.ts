import { setTimeout as wait } from 'node:timers/promises';
import { takenForDown, type Counter } from '../traffic/balancers.ts';
import type { ContainerDetails } from '../engine/engine.ts';
import { OperatorError, exitCodes } from '../errors.ts';
import { isMaintenanceOn } from '../release/settings.ts';
import { newReplicas, serviceOf, type Context, type Watcher } from './context.ts';
import type { SeenReplica } from './observe.ts';
import type { Prober } from './prober.ts';
import { putBack } from './put-back.ts';
import { endOf, lastWords } from './ready.ts';
import { TrafficLog, type Tally } from './traffic-log.ts';
import { hardlyAnswers, patienceOf, worse, type Now } from './worse.ts';

const tickMilliseconds = 100;
/** A few failed connections mark a replica down for a moment. Down for longer than this counts as a crash. Seconds. */
const downSeconds = 2;
/** HAProxy normally answers within milliseconds; a slower read means that the engine stalled. Milliseconds. */
const stallMilliseconds = 1000;
/** Replicas that are up are inspected once in this many ticks: an inspection costs the engine 5 ms of a core. */
const inspectedEvery = 5;

interface Watched {
  service: string;
  replicas: SeenReplica[];
  /** Containers as they were when they became ready. */
  first: Map<string, ContainerDetails | undefined>;
  /** Names of the previous replicas, and their traffic before the cutover. */
  old: string[];
  before: Tally;
}

interface Problem {
  replica: SeenReplica | undefined;
  text: string;
}

/**
 * Watches the changed services from readiness until the rollout is over. The first clear regression puts the old
 * replicas back and aborts the current step.
 */
export class Guard implements Watcher {
  readonly #context: Context;
  readonly #seen: SeenReplica[];
  readonly #prober: Prober | undefined;
  readonly #log = new TrafficLog();
  readonly #watched = new Map<string, Watched>();
  readonly #failed = new AbortController();
  readonly #gone: string[] = [];
  readonly #downSince = new Map<string, number>();
  #loop: Promise<void> | undefined;
  #over = false;
  #turn = 0;
  #since: number | undefined;
  #lastLook = performance.now();
  #unread = '';
  #failure: OperatorError | undefined;
  #absent = false;

  /** `seen`: the replicas before the first step. `prober`: undefined if nothing was live before. */
  constructor(context: Context, seen: SeenReplica[], prober: Prober | undefined) {
    this.#context = context;
    this.#seen = seen;
    this.#prober = prober;
  }

  /** Aborted on a regression, which is its reason. */
  get signal(): AbortSignal {
    return this.#failed.signal;
  }

  /** The regression; it includes the replica's last log lines once the guard has ended. */
  get failure(): OperatorError | undefined {
    return this.#failure;
  }

  /**
   * Seconds from the first watched replica to the last successful look. HAProxy and the engine count between looks too,
   * so a look covers all the time before it.
   */
  get seconds(): number {
    return this.#since === undefined ? 0 : (this.#lastLook - this.#since) / 1000;
  }

  /** Error message of the last look that failed; '' if none failed. */
  get unread(): string {
    return this.#unread;
  }

  /** Begins to read HAProxy's counters: the old replicas' traffic from here on is the baseline for the new ones. */
  begin(): void {
    if (this.#loop) return;
    this.#prober?.begin();
    this.#loop = this.#run();
  }

  /** While a stop-first service is down, other services may fail because of it: that time does not count. */
  absent(away: boolean): void {
    if (this.#absent === away) return;
    this.#absent = away;
    this.#prober?.pause(away);
    if (!away) this.#log.forget([...this.#watched.values()].flatMap(namesOf));
  }

  /** These replicas stop now: a regression can no longer return traffic to them. */
  leaving(names: string[]): void {
    for (const watched of this.#watched.values()) watched.old = watched.old.filter((name) => !names.includes(name));
    this.#gone.push(...names);
  }

  /** Begins to watch the new replicas of these services. */
  async protect(services: string[]): Promise<void> {
    for (const name of services) {
      const wanted = serviceOf(this.#context, name);
      if (wanted.owner !== 'user') continue;
      const replicas = await newReplicas(this.#context, name);
      const known = this.#watched.get(name);
      const old = this.#seen
        .filter(({ service, spec }) => service === name && spec !== wanted.spec)
        .map(({ name: one }) => one);
      const left = old.filter((one) => !this.#gone.includes(one));
      const fresh = replicas.filter(({ id }) => !known?.first.has(id));
      const details = await Promise.all(
        fresh.map(async ({ id }) => [id, await this.#context.engine.inspect(id)] as const),
      );
      const before = known?.before ?? this.#log.tally(old);
      if (!known) this.#log.forget(replicas.map((one) => one.name).filter((one) => old.includes(one)));
      const first = new Map([...(known?.first ?? []), ...details]);
      this.#watched.set(name, { service: name, replicas, first, old: left, before });
    }
    if (this.#since !== undefined) return;
    this.#since = performance.now();
    this.#lastLook = this.#since;
  }

  /** From now on the new replicas answer at the addresses of these services; undefined: of all. */
  admitted(services?: string[]): void {
    this.#prober?.mark(services);
  }

  /** Good answers of the new replicas of a service. */
  good(service: string): number {
    const watched = this.#watched.get(service);
    if (!watched) return 0;
    const { ended, failing } = this.#log.tally(namesOf(watched));
    return ended - failing;
  }

  /** Called after the first replica's time: fails if it left too large a share of its few requests unanswered. */
  async judge(services: string[]): Promise<void> {
    for (const watched of this.#watched.values()) {
      if (!services.includes(watched.service)) continue;
      const problem = hardlyAnswers(this.#now(watched, namesOf(watched)));
      if (problem) await this.#fail(watched.replicas[0], `${watched.service}: ${problem}`);
    }
    if (this.#failure) throw this.#failure;
  }

  /** Inspects the container of every new replica; false if the engine can't be asked. */
  async seesAll(): Promise<boolean> {
    try {
      for (const watched of this.#watched.values()) {
        const problem = await this.#crashed(watched, true);
        if (problem) await this.#fail(problem.replica, problem.text);
      }
      return true;
    } catch (error) {
      this.#unread = wordsOf(error);
      return false;
    }
  }

  /** Returns when the watch loop has ended and no longer reads HAProxy. */
  async end(): Promise<void> {
    this.#over = true;
    await this.#loop;
  }

  async #run(): Promise<void> {
    while (!this.#over && !this.signal.aborted && !this.#context.signal.aborted) {
      // A restarting HAProxy or a busy engine: the next tick tries again.
      await this.#tick().catch((error: unknown) => (this.#unread = wordsOf(error)));
      await wait(tickMilliseconds);
    }
  }

  async #tick(): Promise<void> {
    const counters = await this.#read();
    this.#noteDown(counters);
    this.#turn += 1;
    for (const watched of this.#watched.values()) {
      const problem = (await this.#crashed(watched)) ?? this.#worse(watched, counters);
      if (problem) return this.#fail(problem.replica, problem.text);
    }
    if (counters.length > 0 || this.#context.routed.length === 0) this.#lastLook = performance.now();
    else this.#unread = 'no HAProxy runs';
    const unserved = this.#prober?.regression();
    if (unserved === undefined || this.#absent) return;
    // An operator may have switched maintenance on meanwhile: then the edge answers for every service.
    if (await isMaintenanceOn(this.#context.store)) return this.#prober?.pause(true);
    const watched = this.#watched.get(unserved.service ?? '') ?? [...this.#watched.values()][0];
    await this.#fail(watched?.replicas[0], unserved.text);
  }

  async #read(): Promise<Counter[]> {
    if (this.#context.routed.length === 0) return [];
    const started = performance.now();
    const counters = (await (await this.#context.balancers.kept())?.counters(this.#context.routed)) ?? [];
    this.#log.note(counters, performance.now() / 1000);
    // The connection to the engine stalled, and so may the prober's: its recent requests say nothing about the
    // replicas.
    if (performance.now() - started > stallMilliseconds) this.#prober?.forgive();
    return counters;
  }

  #worse(watched: Watched, counters: Counter[]): Problem | undefined {
    return this.#absent ? undefined : (this.#isDown(watched, counters) ?? this.#regressed(watched));
  }

  #noteDown(counters: Counter[]): void {
    const down = counters.filter(({ up }) => !up).map(({ name }) => name);
    for (const name of this.#downSince.keys()) if (!down.includes(name)) this.#downSince.delete(name);
    for (const name of down) if (!this.#downSince.has(name)) this.#downSince.set(name, performance.now());
  }

  async #crashed({ replicas, first }: Watched, all = false): Promise<Problem | undefined> {
    const isDue = (index: number) => all || index % inspectedEvery === this.#turn % inspectedEvery;
    const looked = replicas.filter(({ name }, index) => this.#downSince.has(name) || isDue(index));
    const ends = await Promise.all(
      looked.map(async (replica) => {
        const details = await this.#context.engine.inspect(replica.id);
        return { replica, end: endOf(first.get(replica.id), details) };
      }),
    );
    const ended = ends.find(({ end }) => end !== undefined);
    return ended && { replica: ended.replica, text: `${ended.replica.name} was ready, but then ${ended.end}` };
  }

  #isDown({ replicas }: Watched, counters: Counter[]): Problem | undefined {
    const long = ({ name }: SeenReplica) =>
      performance.now() - (this.#downSince.get(name) ?? Number.POSITIVE_INFINITY) > downSeconds * 1000;
    const replica = replicas.find(long);
    if (!replica) return undefined;
    const check = counters.find(({ name, up }) => name === replica.name && !up)?.check ?? '';
    return { replica, text: takenForDown({ name: replica.name, check }) };
  }

  /** Checks each replica and the sum: one bad replica of three hides in the sum, few errors of each show only there. */
  #regressed(watched: Watched): Problem | undefined {
    const { service, replicas, before } = watched;
    const parts = replicas.map((replica) => ({ replica, names: [replica.name], who: replica.name }));
    const whole = { replica: replicas[0], names: namesOf(watched), who: service };
    for (const { replica, names, who } of [...parts, whole]) {
      const text = worse(before, this.#now(watched, names));
      if (text !== undefined) return { replica, text: `${who}: ${text}` };
    }
    return undefined;
  }

  #now({ before }: Watched, names: string[]): Now {
    const seconds = patienceOf(before);
    return { ...this.#log.tally(names), waiting: this.#log.waiting(names, seconds), patienceSeconds: seconds };
  }

  /**
   * Aborts the current step first, so that it can't undo the rest; then returns traffic to the old replicas; then reads
   * logs.
   */
  async #fail(suspect: SeenReplica | undefined, what: string): Promise<void> {
    if (this.signal.aborted || this.#context.lost.aborted) return;
    const error = (lastSeen: string) =>
      new OperatorError(what, {
        ...{ code: 'regression', exitCode: exitCodes.rolledBack, lastSeen },
        next: `horme logs ${suspect?.service ?? ''}`.trim(),
      });
    this.#failure = error('');
    this.#failed.abort(this.#failure);
    for (const watched of this.#watched.values()) {
      const fresh = namesOf(watched).sort((a, b) => Number(b === suspect?.name) - Number(a === suspect?.name));
      await putBack(this.#context, watched.service, watched.old, fresh).catch((cause: unknown) =>
        this.#tellNotBack(watched, cause),
      );
    }
    this.#failure = error(suspect ? await lastWords(this.#context, suspect).catch(() => '') : '');
  }

  #tellNotBack({ service }: Watched, cause: unknown): void {
    const text = `the old replicas of ${service} could not be given their requests back at once: ${wordsOf(cause)}`;
    this.#context.emit({ kind: 'warning', text: `${text}; the way back tries again` });
  }
}

const wordsOf = (error: unknown) => (error instanceof Error ? error.message : String(error));

const namesOf = ({ replicas }: Watched) => replicas.map(({ name }) => name);
