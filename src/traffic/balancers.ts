import { setTimeout as wait } from 'node:timers/promises';
import type { Engine } from '../engine/engine.ts';
import type { ReleaseService, RoutedService } from '../release/release.ts';
import { backendName, backendsOf, longLivedName, portsOf, spareName, type Backend, type Members } from './haproxy.ts';
import { HaproxyRuntime, type ServerStats, type Slot } from './runtime.ts';

export interface Sessions {
  /** Requests that will end by themselves. */
  ordinary: number;
  /** WebSockets and event streams. */
  longLived: number;
}

/** Counts of one slot of one HAProxy since that HAProxy started, over all replicas that have had the slot. */
export interface Counter {
  /** HAProxy's container, backend and slot. */
  place: string;
  service: string;
  /** The replica that has the slot now. */
  name: string;
  assigned: number;
  ended: number;
  /** Counted when an answer begins, so it includes requests that have not ended. */
  answered: number;
  /** Of the answered: those with a 5xx. */
  errors: number;
  inFlight: number;
  up: boolean;
  /** What the last health check found, in HAProxy's words. */
  check: string;
}

export const takenForDown = ({ name, check }: Pick<Counter, 'name' | 'check'>) =>
  `HAProxy takes ${name} for down: ${check || 'no connection'}`;

/** State of each replica at both HAProxies; `ready` and `drain` only if both agree. */
export type Membership = Record<string, Record<string, 'ready' | 'drain' | 'mixed'>>;

interface Place {
  backend: Backend;
  slot: Slot;
}

/** HAProxy resolves names once a second: a slot that is not up after this time will not come up. */
const upMilliseconds = 10_000;
const pollMilliseconds = 10;

/** All HAProxies of an edge; every command goes to each of them. */
export class Balancers {
  readonly #runtimes: HaproxyRuntime[];
  readonly #containers: string[];

  private constructor(runtimes: HaproxyRuntime[], containers: string[]) {
    this.#runtimes = runtimes;
    this.#containers = containers;
  }

  /** Opens all connections or none: a leaked connection would keep its HAProxy from stopping. */
  static async open(engine: Engine, containers: string[]): Promise<Balancers> {
    const tried = await Promise.allSettled(containers.map((id) => HaproxyRuntime.open(engine, id)));
    const runtimes = tried.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    const failed = tried.find((one) => one.status === 'rejected');
    if (!failed) return new Balancers(runtimes, containers);
    runtimes.forEach((runtime) => runtime.close());
    throw failed.reason;
  }

  close(): void {
    this.#runtimes.forEach((runtime) => runtime.close());
  }

  get broken(): boolean {
    return this.#runtimes.some((runtime) => runtime.broken);
  }

  async membership(services: RoutedService[]): Promise<Membership> {
    const views = await this.#views();
    return Object.fromEntries(services.map((service) => [service.name, agreement(service, views)]));
  }

  /** Replicas to which a HAProxy must keep sending requests after a restart or a reload. */
  async members(services: RoutedService[]): Promise<Members> {
    const views = await this.#views();
    const ready = (slots: Slot[], backend: string) =>
      slots.filter((slot) => slot.backend === backend && slot.mode === 'ready').map(({ name }) => name);
    return Object.fromEntries(
      backendsOf(services).map(({ name: backend }) => {
        const [first = [], ...others] = views.map((slots) => ready(slots, backend));
        return [backend, first.filter((name) => others.every((names) => names.includes(name))).sort()];
      }),
    );
  }

  async #views(): Promise<Slot[][]> {
    const views = await Promise.all(this.#runtimes.map((runtime) => runtime.slots()));
    return views.map((slots) => slots.filter(({ name }) => name !== spareName && name !== '-'));
  }

  /** Returns when every HAProxy considers all of them up; from then on others may be drained. */
  async admit(service: ReleaseService, replicas: { name: string; address: string }[]): Promise<void> {
    await this.#each(service, async (runtime, backend, slots) => {
      const spare = slots.filter(({ name }) => name === spareName || name === '-');
      for (const { name, address } of replicas) {
        const slot = slots.find((taken) => taken.name === name) ?? spare.shift();
        if (!slot) throw new Error(`HAProxy has no slot left for ${name} in ${backend.name}`);
        await runtime.assign(backend, slot.slot, name, address);
      }
    });
    const names = replicas.map(({ name }) => name);
    const deadline = performance.now() + upMilliseconds;
    while (!(await this.#allUp(service, names))) {
      if (performance.now() > deadline)
        throw new Error(`HAProxy does not take ${names.join(', ')} for up within ${upMilliseconds} ms`);
      await wait(pollMilliseconds);
    }
  }

  async #allUp(service: ReleaseService, names: string[]): Promise<boolean> {
    const up = { places: 0, all: true };
    await this.#withStats(service, names, (_name, ordinary, longLived) => {
      up.places += 1;
      up.all &&= ordinary?.up === true && longLived?.up === true;
    });
    return up.all && up.places === names.length * backendsOf([service]).length * this.#runtimes.length;
  }

  async drain(service: ReleaseService, names: string[]): Promise<void> {
    await this.#places(service, names, (runtime, { backend, slot }) => runtime.drain(backend.name, slot.slot));
  }

  async readmit(service: ReleaseService, names: string[]): Promise<void> {
    await this.#places(service, names, (runtime, { backend, slot }) => runtime.readmit(backend.name, slot.slot));
  }

  async release(service: ReleaseService, names: string[]): Promise<void> {
    await this.#places(service, names, (runtime, { backend, slot }) => runtime.release(backend.name, slot.slot));
  }

  async sessions(service: ReleaseService, names: string[]): Promise<Record<string, Sessions>> {
    const sessions: Record<string, Sessions> = Object.fromEntries(
      names.map((name) => [name, { ordinary: 0, longLived: 0 }]),
    );
    await this.#withStats(service, names, (name, ordinary, longLived) => {
      const sum = sessions[name] ?? { ordinary: 0, longLived: 0 };
      sum.ordinary += ordinary?.sessions ?? 0;
      sum.longLived += longLived?.sessions ?? 0;
    });
    return sessions;
  }

  /** Counters of all slots in the services' ordinary backends, including spare slots. */
  async counters(services: RoutedService[]): Promise<Counter[]> {
    const all = this.#runtimes.map(async (runtime, index) => {
      const [slots, stats] = await Promise.all([runtime.slots(), runtime.stats()]);
      const rows = new Map(stats.map((row) => [`${row.backend}/${row.slot}`, row]));
      const owners = new Map(backendsOf(services).map(({ name, service }) => [name, service]));
      return slots.flatMap(({ backend, slot, name }): Counter[] => {
        const [service, row] = [owners.get(backend), rows.get(`${backend}/${slot}`)];
        if (service === undefined || row === undefined) return [];
        const { assigned, answered, errors, inFlight, up, check } = row;
        const place = `${this.#containers[index]} ${backend}/${slot}`;
        const ended = assigned - inFlight;
        return [{ place, service, name, assigned, ended, answered, errors, inFlight, up, check }];
      });
    });
    return (await Promise.all(all)).flat();
  }

  async #withStats(
    service: ReleaseService,
    names: string[],
    use: (name: string, ordinary: ServerStats | undefined, longLived: ServerStats | undefined) => void,
  ): Promise<void> {
    await Promise.all(
      this.#runtimes.map(async (runtime) => {
        const [slots, stats] = await Promise.all([runtime.slots(), runtime.stats()]);
        const find = (backend: string, slot: string) =>
          stats.find((row) => row.backend === backend && row.slot === slot);
        for (const { backend, slot } of placesOf(service, names, slots)) {
          use(slot.name, find(backend.name, slot.slot), find(longLivedName(backend.name), slot.slot));
        }
      }),
    );
  }

  async #places(
    service: ReleaseService,
    names: string[],
    act: (runtime: HaproxyRuntime, place: Place) => Promise<void>,
  ): Promise<void> {
    await Promise.all(
      this.#runtimes.map(async (runtime) => {
        for (const place of placesOf(service, names, await runtime.slots())) await act(runtime, place);
      }),
    );
  }

  async #each(
    service: ReleaseService,
    act: (runtime: HaproxyRuntime, backend: Backend, slots: Slot[]) => Promise<void>,
  ): Promise<void> {
    await Promise.all(
      this.#runtimes.map(async (runtime) => {
        const slots = await runtime.slots();
        for (const backend of backendsOf([service])) {
          await act(
            runtime,
            backend,
            slots.filter((slot) => slot.backend === backend.name),
          );
        }
      }),
    );
  }
}

function placesOf(service: ReleaseService, names: string[], slots: Slot[]): Place[] {
  return backendsOf([service]).flatMap((backend) =>
    slots
      .filter((slot) => slot.backend === backend.name && names.includes(slot.name))
      .map((slot) => ({ backend, slot })),
  );
}

function agreement(service: RoutedService, views: Slot[][]): Membership[string] {
  const backends = portsOf(service).map((port) => backendName(service.name, port));
  const sets = (service.portSets ?? [portsOf(service)]).map((ports) =>
    ports.map((port) => backendName(service.name, port)),
  );
  const seen = views.map((slots) => slots.filter(({ backend }) => backends.includes(backend)));
  const names = [...new Set(seen.flat().map(({ name }) => name))];
  return Object.fromEntries(
    names.map((name) => {
      const own = seen.map((slots) => slots.filter((slot) => slot.name === name));
      const whole = sets.some((set) =>
        set.every((backend) => own.every((slots) => slots.some((slot) => slot.backend === backend))),
      );
      if (whole && own.flat().every(({ mode }) => mode === 'ready')) return [name, 'ready' as const];
      if (whole && own.flat().every(({ mode }) => mode === 'drain')) return [name, 'drain' as const];
      return [name, 'mixed' as const];
    }),
  );
}
