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

/** The guard as the steps see it: it watches the new replicas while the steps run. */
export interface Watcher {
  /** Aborted when the new replicas do worse than the old ones. */
  readonly signal: AbortSignal;
  /** Seconds from the start of the watch to the last successful look. */
  readonly seconds: number;
  /** Why the last failed look failed; '' if none failed. */
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

/** What a part can do during a run. */
export interface ActingPart {
  name: string;
  /** Executes one of the part's own steps. */
  take?(context: Context, id: string, act: { do: string }): Promise<void>;
  /** Swaps restored data in for the database's own while no member runs; the restored data already lies beside it. */
  swapIn?(context: Context, id: string, restored: { stamp: string; members: string[] }): Promise<void>;
  /** Called before a migration that logs in to the part; the guard is closed when the migration has ended. */
  guardsMigration?(context: Context, id: string): Promise<{ close(): void }>;
  /** Called when the set of serving replicas has changed. */
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
  /** Services with a route, including those of the previous release, whose replicas may still have to drain. */
  routed: ReleaseService[];
  releaseNumber: number;
  vault: Vault;
  emit: Emit;
  /** Aborted by Ctrl-C or a lost lock. Waits end then; an external action that has begun finishes. */
  signal: AbortSignal;
  balancers: BalancerPool;
  /** When each replica began to drain, by name; milliseconds of `performance.now()`. */
  draining: Map<string, number>;
  /** Services whose migration was begun. Their schema may have changed even if the release fails. */
  migrated: string[];
  /** Aborted when another process has taken over the lock. */
  lost: AbortSignal;
  /**
   * Whether other data has replaced the database's. If so, the database uses the backup history begun for that data.
   */
  otherData: { begun: boolean; moment: string | undefined };
  /** Undefined for a plan without a watch, and during a rollback. */
  guard: Watcher | undefined;
  /** What the public addresses answered before the first step, by `addressKey`; undefined: nothing was live. */
  before: Map<string, { status?: number; problem?: string }> | undefined;
  /** Address at which this machine reaches the one that publishes the edge's ports. */
  publicAddress: string;
}

/** Keeps connections open to the HAProxies that run, and reopens them when a HAProxy was replaced. */
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

  /** One lookup at a time: two at once would leak a connection, and a HAProxy that stops waits for every open one. */
  get(): Promise<Balancers | undefined> {
    const looked = this.#looking.then(() => this.#look());
    this.#looking = looked.catch(() => undefined);
    return looked;
  }

  /** The current connections, without asking the engine whether these HAProxies still run. */
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

  /** After a reload an open connection still leads to the old process, which is on its way out. */
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

/**
 * Adds the release number as a label. It says which release started a replica and is not part of the replica's spec.
 */
export function numbered({ content, releaseNumber }: Context): Context['content']['compose'] {
  const services = Object.entries(content.compose.services).map(([name, definition]) => [
    name,
    { ...definition, labels: { ...definition.labels, [labels.release]: String(releaseNumber) } },
  ]);
  return { ...content.compose, services: Object.fromEntries(services) as typeof content.compose.services };
}

/** The running replicas that have the release's spec. */
export async function newReplicas(context: Context, name: string): Promise<SeenReplica[]> {
  const service = serviceOf(context, name);
  const { engine, content } = context;
  const filter = { [labels.project]: content.project, [labels.service]: name, [labels.spec]: service.spec };
  const [containers, membership] = await Promise.all([engine.containers(filter), membershipOf(context, service)]);
  return replicasOf(containers, content.project, membership).filter(({ running }) => running);
}

/** Polls until `done` is true. Returns false after the deadline; throws when the signal is aborted. */
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
