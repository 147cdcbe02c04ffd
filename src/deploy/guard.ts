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
/** HAProxy marks a replica down for a moment when a few connections fail; longer means that it stays down. Seconds. */
const downSeconds = 2;
/** HAProxy answers within milliseconds; milliseconds. */
const stallMilliseconds = 1000;
/** Of those that HAProxy takes for up, each is inspected once in so many ticks: an inspection costs the engine 5 ms of a core. */
const inspectedEvery = 5;

interface Watched {
  service: string;
  replicas: SeenReplica[];
  /** Containers as they were when they became ready. */
  first: Map<string, ContainerDetails | undefined>;
  /** Names of the replicas that served before, and what they did until then. */
  old: string[];
  before: Tally;
}

interface Problem {
  replica: SeenReplica | undefined;
  text: string;
}

/**
 * Watches what a release changes, from the moment that it is ready until the rollout is over. The first sure sign that it is
 * worse puts the old replicas back and ends the step under way.
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

  /** `seen`: before the first step. `prober`: undefined where nothing was live before. */
  constructor(context: Context, seen: SeenReplica[], prober: Prober | undefined) {
    this.#context = context;
    this.#seen = seen;
    this.#prober = prober;
  }

  /** Aborted, with the regression as its reason. */
  get signal(): AbortSignal {
    return this.#failed.signal;
  }

  /** With the replica's last words, once the guard has ended. */
  get failure(): OperatorError | undefined {
    return this.#failure;
  }

  /**
   * From when the first new replica was watched until the last look, seconds. What HAProxy and the engine count goes on while
   * nobody looks: a look tells of the time before it too, and only what comes after the last is unknown.
   */
  get seconds(): number {
    return this.#since === undefined ? 0 : (this.#lastLook - this.#since) / 1000;
  }

  /** Why, in the words of the last look that failed; '' when none did. */
  get unread(): string {
    return this.#unread;
  }

  /** Begins to read HAProxy's counters: what the old replicas do from here on is what the new ones are compared with. */
  begin(): void {
    if (this.#loop) return;
    this.#prober?.begin();
    this.#loop = this.#run();
  }

  /** While a stop-first service is away, others may fail for that: what they do then counts neither way. */
  absent(away: boolean): void {
    if (this.#absent === away) return;
    this.#absent = away;
    this.#prober?.pause(away);
    if (!away) this.#log.forget([...this.#watched.values()].flatMap(namesOf));
  }

  /** These end now: nobody is put back to them. */
  leaving(names: string[]): void {
    for (const watched of this.#watched.values()) watched.old = watched.old.filter((name) => !names.includes(name));
    this.#gone.push(...names);
  }

  /** From now on the new replicas of these services are watched. */
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

  /** From now on what the addresses of these services, or all, answer is the new replicas' doing. */
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

  /** The first replica had its time: where it left requests unanswered and answered hardly any, it has not proven itself. */
  async judge(services: string[]): Promise<void> {
    for (const watched of this.#watched.values()) {
      if (!services.includes(watched.service)) continue;
      const problem = hardlyAnswers(this.#now(watched, namesOf(watched)));
      if (problem) await this.#fail(watched.replicas[0], `${watched.service}: ${problem}`);
    }
    if (this.#failure) throw this.#failure;
  }

  /** Looks at every new replica's container; false when they can't be looked at. */
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

  /** Returns when nothing reads HAProxy any more. */
  async end(): Promise<void> {
    this.#over = true;
    await this.#loop;
  }

  async #run(): Promise<void> {
    while (!this.#over && !this.signal.aborted && !this.#context.signal.aborted) {
      // HAProxy was restarted, or the engine is busy: the next look tries again.
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
    // Switched on meanwhile by somebody's wish: then the edge answers for all.
    if (await isMaintenanceOn(this.#context.store)) return this.#prober?.pause(true);
    const watched = this.#watched.get(unserved.service ?? '') ?? [...this.#watched.values()][0];
    await this.#fail(watched?.replicas[0], unserved.text);
  }

  async #read(): Promise<Counter[]> {
    if (this.#context.routed.length === 0) return [];
    const started = performance.now();
    const counters = (await (await this.#context.balancers.kept())?.counters(this.#context.routed)) ?? [];
    this.#log.note(counters, performance.now() / 1000);
    // The way to the engine stalled, and so did the prober's: what it sent until now proves nothing of the replicas.
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

  /** Each replica by itself and all together: one bad of three hides in the sum, a little bad of each in the parts. */
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

  /** First the step under way ends, so that it undoes nothing; then the users are put back; then come the words. */
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
