import { routedServices } from '../traffic/routed.ts';
import { haproxyServices } from '../traffic/names.ts';
import { haproxyStructure, membersFingerprint } from '../traffic/haproxy.ts';
import { nginxService } from '../parts/edge/services.ts';
import type { ReleaseContent, ReleaseService } from '../release/release.ts';
import { nothingApplied } from '../release/settings.ts';
import type { Seen, SeenReplica } from './observe.ts';
import { nginxFingerprint } from '../parts/edge/plan.ts';
import type { EdgeAct } from '../parts/edge/step.ts';
import type { Action } from './step.ts';

/** A container with what an observation doesn't show: whether it would answer. */
export interface SimContainer extends Omit<SeenReplica, 'membership'> {
  answers: boolean;
}

type Slots = Map<string, 'ready' | 'drain'>;

/** The engine, the two HAProxies and what is written, as far as the planner's actions change them. Test code. */
export interface World {
  containers: SimContainer[];
  leftovers: { id: string; name: string }[];
  /** By HAProxy's service, for those that run: whom it knows, by `service name`. */
  slots: Map<string, Slots>;
  /** Whom a HAProxy that starts anew sends requests to. */
  noted: string[];
  /** Services whose containers get an anonymous volume. */
  keeping: string[];
  applied: { nginx: string; haproxy: string };
  capacity: Seen['capacity'];
}

export const slotKey = ({ service, name }: { service: string; name: string }) => `${service} ${name}`;

export function copyOf(world: World): World {
  return structuredClone(world);
}

export function look(world: World, content: ReleaseContent, former: ReleaseService[]): Seen {
  const routed = new Set(routedServices(content.services, former).map(({ name }) => name));
  const views = [...world.slots.values()];
  const membership = (key: string): SeenReplica['membership'] => {
    const modes = views.map((slots) => slots.get(key));
    if (modes.every((mode) => mode === undefined)) return 'absent';
    return modes.every((mode) => mode === modes[0]) ? (modes[0] ?? 'absent') : 'mixed';
  };
  const keys = [...new Set(views.flatMap((slots) => [...slots.keys()]))];
  const there = new Set(world.containers.map(({ name }) => name));
  const split = (key: string) => ({ service: key.split(' ')[0] ?? '', name: key.split(' ')[1] ?? '' });
  return {
    replicas: [...world.containers]
      .sort((a, b) => a.number - b.number)
      .map(({ answers: _answers, ...one }) => ({
        ...one,
        membership: routed.has(one.service) ? membership(slotKey(one)) : 'absent',
      })),
    leftovers: world.leftovers,
    stale: keys.map(split).filter(({ service, name }) => routed.has(service) && !there.has(name)),
    parts: {},
    applied: {
      ...nothingApplied,
      parts: {
        edge: {
          ...world.applied,
          members: membersFingerprint(world.noted.map((key) => key.split(' ')[1] ?? '')),
        },
      },
    },
    capacity: world.capacity,
  };
}

class Broken extends Error {}
function must(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Broken(what);
}

/** Does what one step does, and refuses what a step must never ask for. */
export function apply(world: World, action: Action, content: ReleaseContent, former: ReleaseService[]): void {
  switch (action.do) {
    case 'remove':
      return action.containers.forEach(({ id }) => removeEnded(world, id));
    case 'forget':
      return action.slots.forEach((slot) => {
        must(
          [...world.slots.values()].some((slots) => slots.has(slotKey(slot))),
          `no HAProxy knows ${slot.name}`,
        );
        leave(world, slot);
      });
    case 'part':
      if (action.part === 'edge') takeEdgeStep(world, action.act as EdgeAct, content, former);
      return;
    case 'migrate':
      return must(serviceOf(content, action.service).migrate !== undefined, `${action.service} has no migration`);
    case 'start':
      return Object.entries(action.counts).forEach(([name, count]) => start(world, serviceOf(content, name), count));
    case 'finish':
      return finish(world, serviceOf(content, action.service), action.inPlace === true);
    case 'ready':
      return action.services.forEach((name) => {
        const own = wantedOf(world, serviceOf(content, name));
        must(own.length > 0, `no replica of ${name} runs to wait for`);
        own.forEach((one) => (one.answers = true));
      });
    case 'admit':
      return action.services.forEach((name) => admit(world, serviceOf(content, name), action.first ?? false));
    case 'members':
      must(world.slots.size > 0, 'no HAProxy runs');
      world.noted = readyEverywhere(world);
      return;
    case 'drain':
      action.replicas.forEach((target) => {
        must(
          world.containers.some(({ id, running }) => id === target.id && running),
          `${target.name} is drained and does not run`,
        );
        for (const slots of world.slots.values()) if (slots.has(slotKey(target))) slots.set(slotKey(target), 'drain');
      });
      if (action.handsOver) world.noted = readyEverywhere(world);
      return;
    case 'prove':
    case 'ask':
    case 'watch':
      return;
    case 'stop':
      return action.replicas.forEach((target) => stop(world, target, action.keep === true));
    case 'replace':
      action.replicas.forEach((target) => stop(world, target, true));
      return replace(world, serviceOf(content, action.service), action.count);
  }
}

function takeEdgeStep(world: World, act: EdgeAct, content: ReleaseContent, former: ReleaseService[]): void {
  switch (act.do) {
    case 'write':
      if (act.nginx) world.applied.nginx = nginxFingerprint(content);
      if (!act.haproxy) return;
      world.noted = readyEverywhere(world);
      world.applied.haproxy = haproxyStructure(routedServices(content.services, former));
      return;
    case 'reload-haproxy':
      return reload(world, act.keepFormer ? routedServices(content.services, former) : content.services);
    case 'reload-nginx':
      must(runningOf(world, nginxService).length > 0, 'no nginx runs');
      world.applied.nginx = nginxFingerprint(content);
      return;
  }
}

export const runningOf = (world: World, service: string) =>
  world.containers.filter((one) => one.running && one.service === service);

const wantedOf = (world: World, service: ReleaseService) =>
  runningOf(world, service.name).filter(({ spec }) => spec === service.spec);

function serviceOf(content: ReleaseContent, name: string): ReleaseService {
  const service = content.services.find((one) => one.name === name);
  must(service !== undefined, `the release has no service ${name}`);
  return service;
}

function leave(world: World, slot: { service: string; name: string }): void {
  for (const slots of world.slots.values()) slots.delete(slotKey(slot));
}

function readyEverywhere(world: World): string[] {
  const views = [...world.slots.values()];
  const keys = [...new Set(views.flatMap((slots) => [...slots.keys()]))];
  return keys.filter((key) => views.every((slots) => slots.get(key) === 'ready'));
}

function removeEnded(world: World, id: string): void {
  const container = world.containers.find((one) => one.id === id);
  must(
    container !== undefined || world.leftovers.some((one) => one.id === id),
    `${id} is to be removed and is not there`,
  );
  must(!container?.running, `${id} is removed while it runs`);
  world.containers = world.containers.filter((one) => one.id !== id);
  world.leftovers = world.leftovers.filter((one) => one.id !== id);
}

function reload(world: World, services: ReleaseService[]): void {
  must(world.slots.size > 0, 'no HAProxy runs to be reloaded');
  const routed = new Set(services.filter(({ routes }) => routes.length > 0).map(({ name }) => name));
  world.noted = readyEverywhere(world).filter((key) => routed.has(key.split(' ')[0] ?? ''));
  for (const instance of world.slots.keys()) world.slots.set(instance, slotsFrom(world.noted));
  world.applied.haproxy = haproxyStructure(services);
}

const slotsFrom = (keys: string[]): Slots => new Map(keys.map((key) => [key, 'ready' as const]));

/** As Compose does it: it counts every container of a service, starts those that don't run, and takes away what is too many. */
function start(world: World, service: ReleaseService, count: number): void {
  const existing = world.containers.filter((one) => one.service === service.name);
  must(
    existing.length < count || existing.some(({ running }) => !running),
    `${service.name} has ${existing.length} containers and is scaled to ${count}`,
  );
  const resting = existing.filter(({ running }) => !running);
  must(
    resting.every(({ spec }) => world.keeping.includes(service.name) && spec === service.spec),
    `${service.name} has containers that Compose would start again`,
  );
  must(
    new Set(existing.map(({ number }) => number)).size === existing.length,
    `${service.name} has two containers of a number`,
  );
  resting.forEach((one) => startAgain(world, one));
  const foreign = existing.some(({ spec }) => spec !== service.spec);
  must(service.strategy.kind === 'surge' || !foreign, `${service.name} stops first, but two specs would run`);
  const last = Math.max(0, ...existing.map(({ number }) => number));
  for (let number = last + 1; number <= last + count - existing.length; number += 1) {
    const name = `${service.name}-${number}`;
    const { spec, imageId } = service;
    world.containers.push({
      ...{ id: `new-${name}-${spec}`, name, service: service.name, number, spec, imageId, release: 2 },
      ...{ running: true, exitCode: undefined, neverRan: false, address: '10.0.0.9', answers: false },
      anonymousVolumes: world.keeping.includes(service.name) ? [{ name: `of ${name} ${spec}`, path: '/data' }] : [],
    });
  }
  if (haproxyServices.includes(service.name)) world.slots.set(service.name, slotsFrom(world.noted));
}

function stop(world: World, target: { id: string; name: string; service: string }, keep: boolean): void {
  const container = world.containers.find(({ id }) => id === target.id);
  must(container?.running === true, `${target.name} is stopped and does not run`);
  leave(world, target);
  world.slots.delete(target.service);
  if (keep) Object.assign(container, { running: false, exitCode: 143 });
  else world.containers = world.containers.filter(({ id }) => id !== target.id);
}

function startAgain(world: World, container: SimContainer): void {
  must(
    [...world.slots.values()].every((slots) => !slots.has(slotKey(container))),
    `HAProxy still knows ${container.name}`,
  );
  Object.assign(container, { running: true, exitCode: undefined, neverRan: false, answers: false });
}

/** As Compose does it: a successor with the same number and volumes, whose name stands in the way of another of that number. */
function replace(world: World, service: ReleaseService, count: number): void {
  const existing = world.containers.filter((one) => one.service === service.name);
  must(existing.length <= count, `Compose would take containers of ${service.name} away`);
  must(
    new Set(existing.map(({ number }) => number)).size === existing.length,
    `${service.name} has two containers of a number`,
  );
  for (const one of existing) {
    if (!one.running) startAgain(world, one);
    if (one.spec === service.spec) continue;
    const { spec, imageId } = service;
    Object.assign(one, { id: `in-place-of-${one.id}`, name: `${service.name}-${one.number}`, answers: false });
    Object.assign(one, { spec, imageId, release: 2 });
  }
  if (existing.length < count) start(world, service, count);
}

/** How far Compose came when it was killed: the old one runs beside the successor, is stopped, or is gone. */
export function replaceHalf(
  world: World,
  { service: name, replicas }: Extract<Action, { do: 'replace' }>,
  content: ReleaseContent,
  phase: number,
): void {
  const service = serviceOf(content, name);
  if (phase > 1) replicas.forEach((target) => stop(world, target, true));
  for (const one of world.containers.filter(({ service: own, spec }) => own === name && spec !== service.spec)) {
    const made = { id: `beside-${one.id}`, name: `${one.id.slice(-12)}_${one.name}`, spec: service.spec };
    const successor = { ...one, ...made, imageId: service.imageId, release: 2 };
    if (phase > 0)
      world.containers.push({ ...successor, running: false, exitCode: undefined, neverRan: true, answers: false });
    if (phase > 2) world.containers = world.containers.filter(({ id }) => id !== one.id);
  }
}

function finish(world: World, job: ReleaseService, inPlace: boolean): void {
  if (inPlace) replace(world, job, 1);
  const existing = world.containers.filter(({ service }) => service === job.name);
  must(
    existing.every(({ running, spec }) => (running || world.keeping.includes(job.name)) && spec === job.spec) &&
      existing.length <= 1,
    `${job.name} has containers in the way`,
  );
  existing.filter(({ running }) => !running).forEach((one) => startAgain(world, one));
  if (existing.length === 0) start(world, job, 1);
  for (const one of wantedOf(world, job)) Object.assign(one, { running: false, exitCode: 0 });
}

function admit(world: World, service: ReleaseService, first: boolean): void {
  must(world.slots.size > 0, 'no HAProxy runs');
  must(service.routes.length > 0, `${service.name} has no route`);
  const all = wantedOf(world, service);
  for (const one of first ? all.slice(0, 1) : all) {
    must(one.answers, `${one.name} is admitted before it is ready`);
    for (const slots of world.slots.values()) slots.set(slotKey(one), 'ready');
  }
}

/** Whether a request for the service would be answered, whichever HAProxy gets it. */
export function serves(world: World, service: string): boolean {
  const able = runningOf(world, service).filter(({ answers }) => answers);
  const instances = [...world.slots].filter(([name]) => runningOf(world, name).some(({ answers }) => answers));
  return (
    instances.length > 0 && instances.every(([, slots]) => able.some((one) => slots.get(slotKey(one)) === 'ready'))
  );
}
