import { haproxyServices } from '../traffic/names.ts';
import { setTimeout as wait } from 'node:timers/promises';
import { Balancers, type Membership } from '../traffic/balancers.ts';
import type { Compose } from '../engine/compose.ts';
import { labels } from '../engine/labels.ts';
import type { Engine } from '../engine/engine.ts';
import type { Emit } from '../events.ts';
import type { ReleaseContent, ReleaseService } from '../release/release.ts';
import type { Store } from '../release/store.ts';
import type { Vault } from '../release/vault.ts';
import type { Stack } from '../stack/stack.ts';
import { replicasOf, type ObservedPart, type SeenReplica } from './observe.ts';

/** Who watches the new replicas beside the steps, as these talk to it. */
export interface Watcher {
  /** Aborted when they do worse than the old ones. */
  readonly signal: AbortSignal;
  /** For how long they have been watched, until the last look. */
  readonly seconds: number;
  /** Why the last look that failed did; '' when none did. */
  readonly unread: string;
  begin(): void;
  absent(away: boolean): void;
  leaving(names: string[]): void;
  protect(services: string[]): Promise<void>;
  admitted(services?: string[]): void;
  good(service: string): number;
  judge(services: string[]): Promise<void>;
  seesAll(): Promise<boolean>;
  end(): Promise<void>;
}

/** Of a part, what it does in a run. */
export interface ActingPart {
  name: string;
  /** Takes one of its own steps. */
  take?(context: Context, id: string, act: { do: string }): Promise<void>;
  /** Puts restored data, which lies beside the database's, into its place while no member runs. */
  swapIn?(context: Context, id: string, restored: { stamp: string; members: string[] }): Promise<void>;
  /** Held while a migration runs that logs in at it. */
  guardsMigration?(context: Context, id: string): Promise<{ close(): void }>;
  /** Other replicas serve than before. */
  membersChanged?(context: Context): Promise<void>;
}

/** What the steps of one run share. */
export interface Context {
  parts: readonly (ActingPart & ObservedPart)[];
  stack: Stack;
  engine: Engine;
  compose: Compose;
  store: Store;
  content: ReleaseContent;
  /** Services with a route, with those of the release before, whose replicas may still have to drain. */
  routed: ReleaseService[];
  releaseNumber: number;
  vault: Vault;
  emit: Emit;
  /** Aborted by Ctrl-C or a lost lock: waits end, what is under way finishes. */
  signal: AbortSignal;
  balancers: BalancerPool;
  /** Since when replicas get no new request, by name; milliseconds of `performance.now()`. */
  draining: Map<string, number>;
  /** Services whose migration was begun: whatever becomes of the release, the schema may be another one. */
  migrated: string[];
  /** Aborted when somebody else took the lock. */
  lost: AbortSignal;
  /** Whether other data was put in the place of the database's: from then on it has the history that was begun for it. */
  otherData: { begun: boolean; moment: string | undefined };
  /** Watches the new replicas; undefined on a first deploy, on the way back, and where nobody wants a watch. */
  guard: Watcher | undefined;
  /** What the public addresses answered before the first step, by method and URL; undefined: nothing was live. */
  before: Map<string, { status?: number; problem?: string }> | undefined;
  /** The machine that publishes the edge's ports, as this one reaches it. */
  publicAddress: string;
}

/** Keeps the conversations with the HAProxies that run now; one that was replaced gets a new one. */
export class BalancerPool {
  readonly #engine: Engine;
  readonly #project: string;
  #looking: Promise<unknown> = Promise.resolve();
  #open: { key: string; balancers: Balancers } | undefined;

  constructor(engine: Engine, project: string) {
    this.#engine = engine;
    this.#project = project;
  }

  async containers(): Promise<string[]> {
    const containers = await this.#engine.containers({ [labels.project]: this.#project });
    return containers
      .filter(({ state, labels: own }) => state === 'running' && haproxyServices.includes(own[labels.service] ?? ''))
      .map(({ id }) => id);
  }

  /** One look after another: two at once would leave a conversation open that nobody closes, and HAProxy waits for each. */
  get(): Promise<Balancers | undefined> {
    const looked = this.#looking.then(() => this.#look());
    this.#looking = looked.catch(() => undefined);
    return looked;
  }

  /** Those that were talked to last, without asking the engine whether they still run. */
  async kept(): Promise<Balancers | undefined> {
    return this.#open && !this.#open.balancers.broken ? this.#open.balancers : this.get();
  }

  async #look(): Promise<Balancers | undefined> {
    const ids = await this.containers();
    const key = ids.join(',');
    if (this.#open?.key === key && !this.#open.balancers.broken) return this.#open.balancers;
    this.close();
    if (ids.length === 0) return undefined;
    this.#open = { key, balancers: await Balancers.open(this.#engine, ids) };
    return this.#open.balancers;
  }

  async must(): Promise<Balancers> {
    const balancers = await this.get();
    if (!balancers) throw new Error('no HAProxy runs');
    return balancers;
  }

  /** After a reload the conversation is with a process that leaves. */
  close(): void {
    this.#open?.balancers.close();
    this.#open = undefined;
  }
}

async function membershipOf(context: Context, service: ReleaseService): Promise<Membership> {
  if (service.routes.length === 0) return {};
  const balancers = await context.balancers.get();
  return balancers ? balancers.membership([service]) : {};
}

export function serviceOf(context: Context, name: string): ReleaseService {
  const service = context.content.services.find((one) => one.name === name);
  if (!service) throw new Error(`the release has no service ${name}`);
  return service;
}

/** The release's number marks who started a replica; it isn't part of what the replica is. */
export function numbered({ content, releaseNumber }: Context): Context['content']['compose'] {
  const services = Object.entries(content.compose.services).map(([name, definition]) => [
    name,
    { ...definition, labels: { ...definition.labels, [labels.release]: String(releaseNumber) } },
  ]);
  return { ...content.compose, services: Object.fromEntries(services) as typeof content.compose.services };
}

/** Replicas of the release's own spec: the new ones. */
export async function newReplicas(context: Context, name: string): Promise<SeenReplica[]> {
  const service = serviceOf(context, name);
  const { engine, content } = context;
  const filter = { [labels.project]: content.project, [labels.service]: name, [labels.spec]: service.spec };
  const [containers, membership] = await Promise.all([engine.containers(filter), membershipOf(context, service)]);
  return replicasOf(containers, content.project, membership).filter(({ running }) => running);
}

/** Asks again and again until the answer is true, the deadline has passed (false), or the signal ends it (throws). */
export async function until(
  done: () => Promise<boolean>,
  options: { seconds: number; everyMilliseconds: number; signal: AbortSignal },
): Promise<boolean> {
  const deadline = performance.now() + options.seconds * 1000;
  for (;;) {
    options.signal.throwIfAborted();
    if (await done()) return true;
    if (performance.now() >= deadline) return false;
    await wait(options.everyMilliseconds, undefined, { signal: options.signal });
  }
}
