import { setTimeout as wait } from 'node:timers/promises';
import type { Counter } from '../edge/balancers.ts';
import type { ContainerDetails } from '../engine/engine.ts';
import { OperatorError, exitCodes } from '../errors.ts';
import { newReplicas, serviceOf, type Context } from './context.ts';
import type { SeenReplica } from './observe.ts';
import type { Prober } from './prober.ts';
import { putBack } from './put-back.ts';
import { endOf, lastWords } from './ready.ts';
import { TrafficLog, type Tally } from './traffic-log.ts';
import { hardlyAnswers, patienceOf, worse, type Now } from './worse.ts';

const tickMilliseconds = 100;
/** HAProxy marks a replica down for a moment when a few connections fail; longer means that it stays down. Seconds. */
const downSeconds = 2;
/** Of those that HAProxy takes for up, so many are inspected in each tick, in turn: an inspection costs the engine 5 ms. */
const inspectedAtOnce = 4;

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
export class Guard {
  readonly #context: Context;
  readonly #seen: SeenReplica[];
  readonly #prober: Prober | undefined;
  readonly #log = new TrafficLog();
  readonly #watched = new Map<string, Watched>();
  readonly #failed = new AbortController();
  readonly #downSince = new Map<string, number>();
  #loop: Promise<void> | undefined;
  #over = false;
  #turn = 0;
  #since: number | undefined;
  #lastLook = performance.now();

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

  get failure(): OperatorError | undefined {
    return this.signal.reason as OperatorError | undefined;
  }

  /** Seconds since the first new replica was watched. */
  get seconds(): number {
    return this.#since === undefined ? 0 : (performance.now() - this.#since) / 1000;
  }

  /** Seconds since HAProxy was last read. */
  get blindSeconds(): number {
    return (performance.now() - this.#lastLook) / 1000;
  }

  /** Begins to read HAProxy's counters: what the old replicas do from here on is what the new ones are compared with. */
  begin(): void {
    this.#loop ??= this.#run();
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
      const fresh = replicas.filter(({ id }) => !known?.first.has(id));
      const details = await Promise.all(
        fresh.map(async ({ id }) => [id, await this.#context.engine.inspect(id)] as const),
      );
      const before = known?.before ?? this.#log.tally(old);
      const first = new Map([...(known?.first ?? []), ...details]);
      this.#watched.set(name, { service: name, replicas, first, old, before });
    }
    this.#since ??= performance.now();
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
    this.signal.throwIfAborted();
  }

  /** Returns when nothing reads HAProxy any more. */
  async end(): Promise<void> {
    this.#over = true;
    await this.#loop;
  }

  async #run(): Promise<void> {
    while (!this.#over && !this.signal.aborted && !this.#context.signal.aborted) {
      await this.#tick().catch((error: unknown) => this.#unread(error));
      await wait(tickMilliseconds);
    }
  }

  /** HAProxy was restarted, or the engine is busy: the next tick tries again, and who relies on it asks `blindSeconds`. */
  #unread(error: unknown): void {
    if (!(error instanceof Error)) throw error;
  }

  async #tick(): Promise<void> {
    const counters = (await (await this.#context.balancers.kept())?.counters(this.#context.routed)) ?? [];
    this.#log.note(counters, performance.now() / 1000);
    this.#lastLook = performance.now();
    this.#noteDown(counters);
    this.#turn += 1;
    for (const watched of this.#watched.values()) {
      const problem = (await this.#crashed(watched)) ?? this.#isDown(watched, counters) ?? this.#regressed(watched);
      if (problem) return this.#fail(problem.replica, problem.text);
    }
    const unserved = this.#prober?.regression();
    if (unserved !== undefined) await this.#fail(undefined, unserved);
  }

  #noteDown(counters: Counter[]): void {
    const down = counters.filter(({ up }) => !up).map(({ name }) => name);
    for (const name of this.#downSince.keys()) if (!down.includes(name)) this.#downSince.delete(name);
    for (const name of down) if (!this.#downSince.has(name)) this.#downSince.set(name, performance.now());
  }

  async #crashed({ replicas, first }: Watched): Promise<Problem | undefined> {
    const rounds = Math.ceil(replicas.length / inspectedAtOnce);
    const looked = replicas.filter(
      ({ name }, index) => this.#downSince.has(name) || index % rounds === this.#turn % rounds,
    );
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
    const check = counters.find(({ name, up }) => name === replica.name && !up)?.check;
    return { replica, text: `HAProxy takes ${replica.name} for down: ${check || 'no connection'}` };
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

  /** First the users, then the words. */
  async #fail(replica: SeenReplica | undefined, what: string): Promise<void> {
    if (this.signal.aborted) return;
    for (const watched of this.#watched.values())
      await putBack(this.#context, watched.service, watched.old, namesOf(watched)).catch((error: unknown) =>
        this.#unread(error),
      );
    const suspect = replica ?? [...this.#watched.values()][0]?.replicas[0];
    const lastSeen = suspect ? await lastWords(this.#context, suspect).catch(() => '') : '';
    this.#failed.abort(
      new OperatorError(what, {
        code: 'regression',
        exitCode: exitCodes.rolledBack,
        lastSeen,
        next: `horme logs ${suspect?.service ?? ''}`.trim(),
      }),
    );
  }
}

const namesOf = ({ replicas }: Watched) => replicas.map(({ name }) => name);
