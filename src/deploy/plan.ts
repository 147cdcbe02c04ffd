import { haproxyServices, nginxService } from '../edge/part.ts';
import { haproxyStructure } from '../edge/haproxy.ts';
import { fingerprint, type ReleaseContent, type ReleaseService } from '../release/release.ts';
import type { Seen, SeenReplica } from './observe.ts';

export interface Target {
  service: string;
  id: string;
  name: string;
}

/** One external action each. What a step names by service and spec is looked up when it runs: names come from Compose. */
export type Action =
  | { do: 'remove'; containers: { id: string; name: string }[] }
  | { do: 'forget'; slots: { service: string; name: string }[] }
  /** Files of a program that doesn't run yet and will read them when it starts. */
  | { do: 'write-edge'; nginx: boolean; haproxy: boolean }
  /** `keepFormer`: with the backends that only the release before needs. */
  | { do: 'reload-haproxy'; keepFormer: boolean }
  | { do: 'reload-nginx' }
  | { do: 'migrate'; service: string }
  | { do: 'start'; counts: Record<string, number> }
  | { do: 'finish'; service: string }
  | { do: 'ready'; services: string[] }
  | { do: 'admit'; services: string[] }
  | { do: 'members' }
  | { do: 'drain'; replicas: Target[] }
  | { do: 'watch'; services: string[]; seconds: number }
  | { do: 'stop'; replicas: Target[] };

export interface Step {
  id: string;
  title: string;
  /** Why this step is there: what was seen that is not as it should be. */
  cause: string;
  action: Action;
}

export interface PlanOptions {
  /** False when going back: a migration is never undone by running an older one. */
  migrate: boolean;
  watchSeconds: number;
  /** Only these of the user's services, with the platform; undefined: all. */
  only: string[] | undefined;
  /** Services of the release that was live before; their replicas drain at backends that may no longer be wanted. */
  former: ReleaseService[];
}

type Draft = Omit<Step, 'id'>;

/** Difference of a service between what should run and what does. */
interface Change {
  service: ReleaseService;
  /** Replicas of the wanted spec that run. */
  good: SeenReplica[];
  /** Replicas of another spec that run, or of the right one beyond the wanted number. */
  old: SeenReplica[];
  /** Containers that don't run and are in the way. */
  dead: SeenReplica[];
  missing: number;
  unadmitted: boolean;
  cause: string;
}

/** Pure: the same release and the same observation always give the same steps. */
export function plan(content: ReleaseContent, seen: Seen, options: PlanOptions): Step[] {
  const changes = content.services
    .filter(({ name, owner }) => owner !== 'user' || (options.only?.includes(name) ?? true))
    .map((service) => changeOf(service, seen))
    .filter((change) => needsWork(change));
  const platform = changes.filter(({ service }) => service.owner !== 'user');
  const users = changes.filter(({ service }) => service.owner === 'user');
  const drafts = [
    ...clearing(seen),
    ...edgeFiles(content, seen, options.former),
    ...waves(platform).flatMap((wave) => platformWave(wave)),
    ...haproxyReload(content, seen, options.former),
    ...migrations(users, seen, options),
    ...userSteps(content, users, seen, options),
    ...orphans(content, seen),
    ...haproxyCleanUp(content, seen, options.former),
  ];
  return drafts.map((draft, index) => ({ id: String(index + 1), ...draft }));
}

function changeOf(service: ReleaseService, seen: Seen): Change {
  const all = seen.replicas.filter((replica) => replica.service === service.name);
  const running = all.filter((replica) => replica.running);
  const right = running.filter((replica) => replica.spec === service.spec);
  const good = right.slice(-service.replicas || right.length);
  const old = running.filter((replica) => !good.includes(replica));
  const finished =
    service.kind === 'job' && all.some((replica) => replica.spec === service.spec && replica.exitCode === 0);
  const dead = all.filter((replica) => !replica.running && !(finished && replica.spec === service.spec));
  const routed = service.routes.length > 0;
  const wanted = service.replicas === 0 ? [] : good;
  return {
    service,
    good: wanted,
    old: service.replicas === 0 ? running : old,
    dead,
    missing: finished ? 0 : service.replicas - wanted.length,
    unadmitted: routed && wanted.some((replica) => replica.membership !== 'ready'),
    cause: causeOf(service, all, right.length),
  };
}

const needsWork = ({ missing, old, dead, unadmitted }: Change) =>
  missing > 0 || old.length > 0 || dead.length > 0 || unadmitted;

function causeOf(service: ReleaseService, all: SeenReplica[], right: number): string {
  const other = all.find((replica) => replica.spec !== service.spec);
  if (all.length === 0) return 'it does not run yet';
  if (other && other.imageId !== service.imageId) return 'its image changed';
  if (other) return 'its configuration or a secret changed';
  if (right !== service.replicas) return `${right} of ${service.replicas} replicas run`;
  return 'a replica gets no traffic yet';
}

function clearing({ leftovers, stale }: Seen): Draft[] {
  const drafts: Draft[] = [];
  const cause = 'an interrupted run left it';
  if (leftovers.length > 0) {
    const names = leftovers.map(({ name }) => name).join(', ');
    drafts.push({ title: `remove ${names}`, cause, action: { do: 'remove', containers: leftovers } });
  }
  if (stale.length > 0) {
    const names = stale.map(({ name }) => name).join(', ');
    drafts.push({
      title: `take ${names} out of HAProxy`,
      cause: 'the replica is gone',
      action: { do: 'forget', slots: stale },
    });
  }
  return drafts;
}

export const nginxFingerprint = (content: ReleaseContent) => fingerprint(content.nginx);

function edgeFiles(content: ReleaseContent, seen: Seen, former: ReleaseService[]): Draft[] {
  if (!content.services.some(({ owner }) => owner === 'edge')) return [];
  const haproxy = !haproxyRuns(seen) && !haproxyStructures(content, former).includes(seen.applied.haproxy);
  const nginx = !nginxRuns(seen) && seen.applied.nginx !== nginxFingerprint(content);
  if (!haproxy && !nginx) return [];
  return [
    {
      title: "write the edge's configuration",
      cause: 'it does not run with it yet',
      action: { do: 'write-edge', nginx, haproxy },
    },
  ];
}

/** Services with a route, each with the ports that it has now and those that it had before. */
export function routedServices(services: ReleaseService[], former: ReleaseService[]): ReleaseService[] {
  const all = new Map(former.map((service) => [service.name, service]));
  for (const service of services) {
    const before = all.get(service.name);
    all.set(service.name, { ...service, routes: [...service.routes, ...(before?.routes ?? [])] });
  }
  return [...all.values()].filter(({ routes }) => routes.length > 0);
}

function haproxyReload(content: ReleaseContent, seen: Seen, former: ReleaseService[]): Draft[] {
  if (!haproxyRuns(seen) || haproxyStructures(content, former).includes(seen.applied.haproxy)) return [];
  return [
    {
      title: 'check and reload HAProxy',
      cause: 'its backends changed',
      action: { do: 'reload-haproxy', keepFormer: true },
    },
  ];
}

function haproxyCleanUp(content: ReleaseContent, seen: Seen, former: ReleaseService[]): Draft[] {
  const final = haproxyStructure(content.services);
  const transitional = haproxyStructure(routedServices(content.services, former));
  if (!haproxyRuns(seen) || seen.applied.haproxy === final || final === transitional) return [];
  return [
    {
      title: 'reload HAProxy without the former backends',
      cause: 'no replica needs them any more',
      action: { do: 'reload-haproxy', keepFormer: false },
    },
  ];
}

/** With the former backends and without: either will do until the end. */
const haproxyStructures = (content: ReleaseContent, former: ReleaseService[]) => [
  haproxyStructure(routedServices(content.services, former)),
  haproxyStructure(content.services),
];

const nginxRuns = (seen: Seen) => seen.replicas.some(({ service, running }) => running && service === nginxService);
const haproxyRuns = (seen: Seen) =>
  seen.replicas.some(({ service, running }) => running && haproxyServices.includes(service));

function nginxReload(content: ReleaseContent, seen: Seen): Draft[] {
  if (!nginxRuns(seen) || seen.applied.nginx === nginxFingerprint(content)) return [];
  return [{ title: 'check and reload nginx', cause: 'its configuration changed', action: { do: 'reload-nginx' } }];
}

/** Groups in which nothing waits for another of the same group; only what changes is waited for. */
function waves(changes: Change[]): Change[][] {
  const left = new Set(changes);
  const groups: Change[][] = [];
  while (left.size > 0) {
    const names = new Set([...left].map(({ service }) => service.name));
    const free = [...left].filter(({ service }) => !service.dependsOn.some((needed) => names.has(needed.service)));
    const group = free.length > 0 ? free : [...left];
    group.forEach((change) => left.delete(change));
    groups.push(group);
  }
  return groups;
}

const targets = (replicas: SeenReplica[]): Target[] => replicas.map(({ service, id, name }) => ({ service, id, name }));
const list = (names: string[]) => names.join(', ');

function removeDead(changes: Change[]): Draft[] {
  const dead = changes.flatMap((change) => change.dead);
  if (dead.length === 0) return [];
  const containers = dead.map(({ id, name }) => ({ id, name }));
  return [
    {
      title: `remove ${list(dead.map(({ name }) => name))}`,
      cause: 'it does not run',
      action: { do: 'remove', containers },
    },
  ];
}

function stopStep(replicas: SeenReplica[], cause: string): Draft[] {
  if (replicas.length === 0) return [];
  const title = `stop and remove ${list(replicas.map(({ name }) => name))}`;
  return [{ title, cause, action: { do: 'stop', replicas: targets(replicas) } }];
}

function startStep(changes: Change[], extra: (change: Change) => number, beside: (change: Change) => number): Draft[] {
  const growing = changes.filter((change) => extra(change) > 0);
  if (growing.length === 0) return [];
  const words = growing.map((change) => {
    const others = beside(change);
    return `${replicaCount(extra(change))} of ${change.service.name}${others > 0 ? ` beside the ${others} that serve${others === 1 ? 's' : ''}` : ''}`;
  });
  const counts = Object.fromEntries(growing.map((change) => [change.service.name, extra(change) + beside(change)]));
  return [{ title: `start ${words.join(', ')}`, cause: causes(growing), action: { do: 'start', counts } }];
}

const replicaCount = (count: number) => `${count} ${count === 1 ? 'replica' : 'replicas'}`;
const causes = (changes: Change[]) => changes.map(({ service, cause }) => `${service.name}: ${cause}`).join('; ');

/** The platform's services have no traffic of their own to hand over, but nginx, whose two generations share their ports. */
function platformWave(wave: Change[]): Draft[] {
  const first = wave.filter(({ service }) => service.strategy.kind === 'stop-first');
  const names = wave.filter(({ missing }) => missing > 0).map(({ service }) => service.name);
  return [
    ...removeDead(wave),
    ...first.flatMap((change) => stopStep(change.old, `${change.cause}; it ${reasonOf(change.service)}`)),
    ...startStep(
      wave,
      ({ missing }) => missing,
      (change) => change.good.length + (isSurge(change) ? change.old.length : 0),
    ),
    ...readyStep(names),
    ...wave.filter(isSurge).flatMap((change) => stopStep(change.old, 'its successor has taken over')),
  ];
}

const isSurge = ({ service }: Change) => service.strategy.kind === 'surge';
const reasonOf = (service: ReleaseService) => (service.strategy.kind === 'stop-first' ? service.strategy.reason : '');

function readyStep(names: string[]): Draft[] {
  if (names.length === 0) return [];
  return [
    {
      title: `wait until ${list(names)} ${names.length === 1 ? 'is' : 'are'} ready`,
      cause: 'no traffic before',
      action: { do: 'ready', services: names },
    },
  ];
}

function migrations(users: Change[], seen: Seen, options: PlanOptions): Draft[] {
  if (!options.migrate) return [];
  return users
    .filter(
      ({ service }) =>
        service.migrate && !seen.replicas.some((replica) => replica.running && replica.spec === service.spec),
    )
    .map(({ service, cause }) => ({
      title: `migrate: ${service.name} ${service.migrate?.join(' ')}`,
      cause,
      action: { do: 'migrate', service: service.name },
    }));
}

function userSteps(content: ReleaseContent, users: Change[], seen: Seen, options: PlanOptions): Draft[] {
  const groups = waves(users);
  const before = groups.flatMap((wave) => [
    ...removeDead(wave),
    ...jobSteps(wave),
    ...stopFirstSteps(wave),
    ...surgeSteps(wave, seen),
  ]);
  const replaced = users.filter((change) => isSurge(change) && change.old.length > 0 && fits([change], seen));
  const watched = users
    .filter(({ service, missing }) => service.routes.length > 0 && missing > 0)
    .map(({ service }) => service.name);
  const drained = replaced.flatMap(({ old }) => old);
  return [
    ...before,
    ...nginxReload(content, seen),
    ...drainSteps(drained.filter((replica) => isRouted(content, replica.service))),
    ...(watched.length > 0 ? membersStep : []),
    ...watchStep(watched, drained, options.watchSeconds),
    ...stopStep(drained, 'the new release has taken over'),
  ];
}

const isRouted = (content: ReleaseContent, service: string) =>
  content.services.some(({ name, routes }) => name === service && routes.length > 0);

const membersStep: Draft[] = [
  { title: 'note the replicas for a restart of HAProxy', cause: 'the replicas changed', action: { do: 'members' } },
];

function watchStep(names: string[], old: SeenReplica[], seconds: number): Draft[] {
  if (names.length === 0 || seconds === 0 || old.length === 0) return [];
  return [
    {
      title: `watch ${list(names)} for ${seconds} s`,
      cause: 'errors and answer times against the ones before',
      action: { do: 'watch', services: names, seconds },
    },
  ];
}

function jobSteps(wave: Change[]): Draft[] {
  return wave
    .filter(({ service, missing }) => service.kind === 'job' && missing > 0)
    .flatMap((change) => [
      ...stopStep([...change.old, ...change.good], 'it runs once'),
      {
        title: `run ${change.service.name} to its end`,
        cause: change.cause,
        action: { do: 'finish' as const, service: change.service.name },
      },
    ]);
}

function stopFirstSteps(wave: Change[]): Draft[] {
  return wave
    .filter(({ service }) => service.kind === 'service' && service.strategy.kind === 'stop-first')
    .flatMap((change) => [
      ...(change.service.routes.length > 0 ? drainSteps(change.old) : []),
      ...stopStep(change.old, `${change.cause}; it ${reasonOf(change.service)}, so the old one stops first`),
      ...bringUp(
        [change],
        (one) => one.missing,
        (one) => one.good.length,
      ),
      ...(change.service.routes.length > 0 ? membersStep : []),
    ]);
}

/** Start, gate and admit: from here on the new replicas serve. */
function bringUp(changes: Change[], extra: (change: Change) => number, beside: (change: Change) => number): Draft[] {
  const fresh = changes.filter((change) => extra(change) > 0 || change.unadmitted).map(({ service }) => service.name);
  const routed = changes
    .filter(({ service }) => fresh.includes(service.name) && service.routes.length > 0)
    .map(({ service }) => service.name);
  return [
    ...startStep(changes, extra, beside),
    ...readyStep(fresh),
    ...(routed.length > 0
      ? [
          {
            title: `admit ${list(routed)} at HAProxy`,
            cause: 'they are ready',
            action: { do: 'admit' as const, services: routed },
          },
        ]
      : []),
  ];
}

/** All at once where the reservations fit beside what runs; else in batches, each of which takes its old replicas away. */
function surgeSteps(wave: Change[], seen: Seen): Draft[] {
  const surging = wave.filter((change) => isSurge(change) && change.service.kind === 'service');
  const whole = surging.filter((change) => change.old.length === 0 || fits([change], seen));
  const tight = surging.filter((change) => !whole.includes(change));
  return [
    ...bringUp(
      whole,
      ({ missing }) => missing,
      (change) => change.good.length + change.old.length,
    ),
    ...tight.flatMap((change) => batches(change, seen)),
  ];
}

function fits(changes: Change[], seen: Seen): boolean {
  return changes.every((change) => roomFor(change, seen) >= change.missing);
}

/** How many more replicas the engine's cpus and memory take, by what services reserve; nothing reserved always fits. */
function roomFor({ service, good, old }: Change, { capacity }: Seen): number {
  const running = good.length + old.length;
  const by = (total: number, each: number) =>
    each > 0 ? Math.floor(total / each) - running : Number.POSITIVE_INFINITY;
  return Math.min(
    by(capacity.cpus, service.reservation.cpus),
    by(capacity.memoryBytes, service.reservation.memoryBytes),
  );
}

function batches(change: Change, seen: Seen): Draft[] {
  const size = Math.max(1, roomFor(change, seen));
  const drafts: Draft[] = [];
  const routed = change.service.routes.length > 0;
  for (let done = 0; done < Math.max(change.missing, change.old.length); done += size) {
    const retiring = change.old.slice(done, done + size);
    const fresh = Math.max(0, Math.min(size, change.missing - done));
    const remaining = change.old.length - Math.min(done, change.old.length);
    drafts.push(
      ...bringUp(
        [change],
        () => fresh,
        () => change.good.length + Math.min(done, change.missing) + remaining,
      ),
      ...(routed ? [...drainSteps(retiring), ...membersStep] : []),
      ...stopStep(retiring, 'its successor serves; the reservations allow no more at once'),
    );
  }
  return drafts;
}

function drainSteps(replicas: SeenReplica[]): Draft[] {
  if (replicas.length === 0) return [];
  const title = `drain ${list(replicas.map(({ name }) => name))}`;
  return [{ title, cause: 'requests in flight end first', action: { do: 'drain', replicas: targets(replicas) } }];
}

/** Services that the release no longer has. */
function orphans(content: ReleaseContent, seen: Seen): Draft[] {
  const known = new Set(content.services.map(({ name }) => name));
  return stopStep(
    seen.replicas.filter(({ service }) => !known.has(service)),
    'the Compose file no longer has it',
  );
}

/** The text that `horme plan` prints and that tests compare. */
export function planText(steps: Step[]): string {
  if (steps.length === 0) return 'nothing to do';
  const width = String(steps.length).length;
  return steps
    .map(({ id, title, cause }) => `${id.padStart(width)}  ${title}\n${' '.repeat(width + 2)}  because ${cause}`)
    .join('\n');
}
