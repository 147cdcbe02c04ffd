import { haproxyServices, nginxService } from '../edge/part.ts';
import { haproxyStructure, membersFingerprint, portsOf } from '../edge/haproxy.ts';
import { fingerprint, type ReleaseContent, type ReleaseService, type RoutedService } from '../release/release.ts';
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

/** As a person reads it; building an image is one too, though the executor never sees it. */
export type PlannedStep = Pick<Step, 'id' | 'title' | 'cause'>;

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
    ...clearing(content, seen, changes),
    ...noteMembers(content, seen, options.former),
    ...edgeFiles(content, seen, options.former),
    ...platformSteps(platform, seen),
    ...haproxyReload(content, seen, options.former),
    ...userSteps(content, users, seen, options),
    ...haproxyCleanUp(content, seen, options.former),
  ];
  return drafts.map((draft, index) => ({ id: String(index + 1), ...draft }));
}

function changeOf(service: ReleaseService, seen: Seen): Change {
  const all = seen.replicas.filter((replica) => replica.service === service.name);
  const running = all.filter((replica) => replica.running);
  const right = running.filter((replica) => replica.spec === service.spec);
  // Of too many, those stay that serve already, and the older ones: the newest may never have become ready.
  const proven = [...right].sort((a, b) => Number(b.membership === 'ready') - Number(a.membership === 'ready'));
  const kept = proven.slice(0, service.replicas);
  const good = running.filter((replica) => kept.includes(replica));
  const finished =
    service.kind === 'job' && all.some((replica) => replica.spec === service.spec && replica.exitCode === 0);
  const routed = service.routes.length > 0;
  return {
    service,
    good,
    old: running.filter((replica) => !kept.includes(replica)),
    dead: all.filter((replica) => !replica.running && !(finished && replica.spec === service.spec)),
    missing: missingOf(service, good.length, finished),
    unadmitted: routed && good.some((replica) => replica.membership !== 'ready'),
    cause: causeOf(service, all, right.length),
  };
}

/** A job that runs has not done its work yet: someone must wait for its end. */
function missingOf({ kind, replicas }: ReleaseService, good: number, finished: boolean): number {
  if (kind === 'job') return finished ? 0 : Math.min(1, replicas);
  return replicas - good;
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

/** Goes first, so that no name is left at HAProxy whose container a later step removes. */
function clearing(content: ReleaseContent, seen: Seen, changes: Change[]): Draft[] {
  const { leftovers } = seen;
  const ended = [...changes.flatMap(({ dead }) => dead), ...orphansOf(content, seen)].filter(
    ({ running, membership }) => !running && membership !== 'absent',
  );
  const stale = [...seen.stale, ...ended.map(({ service, name }) => ({ service, name }))];
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
      cause: 'the replica does not run any more',
      action: { do: 'forget', slots: stale },
    });
  }
  return drafts;
}

/** Before any HAProxy is replaced: the one that starts anew must know whom the others know. */
function noteMembers(content: ReleaseContent, seen: Seen, former: ReleaseService[]): Draft[] {
  if (!hasEdge(content) || !haproxyRuns(seen)) return [];
  if (seen.applied.members === membersFingerprint(membersSeen(content, seen, former))) return [];
  return [
    {
      title: 'note the replicas for a restart of HAProxy',
      cause: 'an interrupted run left an old note',
      action: { do: 'members' },
    },
  ];
}

export function membersSeen(content: ReleaseContent, seen: Seen, former: ReleaseService[]): string[] {
  const routed = routedServices(content.services, former).map(({ name }) => name);
  return seen.replicas
    .filter(({ running, membership, service }) => running && membership === 'ready' && routed.includes(service))
    .map(({ name }) => name);
}

const hasEdge = (content: ReleaseContent) => content.services.some(({ owner }) => owner === 'edge');

export const nginxFingerprint = (content: ReleaseContent) => fingerprint(content.nginx);

function edgeFiles(content: ReleaseContent, seen: Seen, former: ReleaseService[]): Draft[] {
  if (!hasEdge(content)) return [];
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

/** Services with a route, each as HAProxy must know it while replicas of both releases serve. */
export function routedServices(services: ReleaseService[], former: ReleaseService[]): ReleaseService[] {
  const all = new Map(former.map((service) => [service.name, service]));
  for (const service of services) {
    const before = all.get(service.name);
    all.set(service.name, before ? bothReleases(service, before) : service);
  }
  return [...all.values()].filter(({ routes }) => routes.length > 0);
}

/** A path that only one of them answers would mark the other's replicas as down: then the port alone is checked. */
const bothReleases = (service: ReleaseService, before: ReleaseService): ReleaseService & RoutedService => ({
  ...service,
  portSets: [service, before].map(portsOf).filter((ports) => ports.length > 0),
  routes: [...service.routes, ...before.routes],
  replicas: Math.max(service.replicas, before.replicas),
  healthPath: service.healthPath === before.healthPath ? service.healthPath : undefined,
});

function haproxyReload(content: ReleaseContent, seen: Seen, former: ReleaseService[]): Draft[] {
  if (!hasEdge(content) || !haproxyRuns(seen)) return [];
  if (haproxyStructures(content, former).includes(seen.applied.haproxy)) return [];
  return [
    {
      title: 'check and reload HAProxy',
      cause: 'its backends changed',
      action: { do: 'reload-haproxy', keepFormer: true },
    },
  ];
}

function haproxyCleanUp(content: ReleaseContent, seen: Seen, former: ReleaseService[]): Draft[] {
  if (!hasEdge(content)) return [];
  const [transitional, final] = haproxyStructures(content, former);
  if (seen.applied.haproxy === final || final === transitional) return [];
  return [
    {
      title: 'reload HAProxy without the former backends',
      cause: 'no replica needs them any more',
      action: { do: 'reload-haproxy', keepFormer: false },
    },
  ];
}

/** With what only the release before needs, and without: either will do until the end. */
const haproxyStructures = (content: ReleaseContent, former: ReleaseService[]): [string, string] => [
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

const removeDead = (changes: Change[]) => removeEnded(changes.flatMap((change) => change.dead));

function removeEnded(replicas: SeenReplica[]): Draft[] {
  const dead = replicas.filter(({ running }) => !running);
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
    return `${replicaCount(extra(change))} of ${change.service.name}${others > 0 ? ` beside the ${others} that run${others === 1 ? 's' : ''}` : ''}`;
  });
  const counts = Object.fromEntries(growing.map((change) => [change.service.name, extra(change) + beside(change)]));
  return [{ title: `start ${words.join(', ')}`, cause: causes(growing), action: { do: 'start', counts } }];
}

const replicaCount = (count: number) => `${count} ${count === 1 ? 'replica' : 'replicas'}`;
const causes = (changes: Change[]) => changes.map(({ service, cause }) => `${service.name}: ${cause}`).join('; ');

/** What is away comes first: of two HAProxies, the one that runs must not stop while the other doesn't. */
function platformSteps(platform: Change[], seen: Seen): Draft[] {
  const away = platform.filter((change) => !runsAtAll(change));
  const replaced = platform.filter(runsAtAll);
  const unchanged = haproxyServices.filter(
    (name) =>
      seen.replicas.some((replica) => replica.running && replica.service === name) &&
      !away.concat(replaced).some(({ service }) => service.name === name),
  );
  // One by one: the gate must not be away for as long as a HAProxy takes to end.
  const oneByOne = waves(replaced).flatMap((wave) => wave.map((change) => [change]));
  return [...waves(away), ...oneByOne].flatMap((wave) => platformWave(wave, unchanged));
}

const runsAtAll = ({ good, old }: Change) => good.length + old.length > 0;

/** The platform's services have no traffic of their own to hand over, but nginx, whose two generations share their ports. */
function platformWave(wave: Change[], unchanged: string[]): Draft[] {
  const first = wave.filter(({ service }) => service.strategy.kind === 'stop-first');
  const names = wave.filter((change) => change.missing > 0 || isUnproven(change)).map(({ service }) => service.name);
  const stopsHaproxy = first.some(({ service, old }) => old.length > 0 && haproxyServices.includes(service.name));
  return [
    ...removeDead(wave),
    ...(stopsHaproxy ? readyStep(unchanged, 'it serves while the other is replaced') : []),
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
/** An interrupted run may have started the successor and not have waited for it. HAProxy knows who was, for those it serves. */
const isUnproven = (change: Change) =>
  isSurge(change) &&
  change.service.routes.length === 0 &&
  change.good.length > 0 &&
  change.old.some(({ spec }) => spec !== change.service.spec);
const reasonOf = (service: ReleaseService) => (service.strategy.kind === 'stop-first' ? service.strategy.reason : '');

function readyStep(names: string[], cause = 'no traffic before'): Draft[] {
  if (names.length === 0) return [];
  return [
    {
      title: `wait until ${list(names)} ${names.length === 1 ? 'is' : 'are'} ready`,
      cause,
      action: { do: 'ready', services: names },
    },
  ];
}

function migrations(changes: Change[], options: PlanOptions): Draft[] {
  if (!options.migrate) return [];
  return changes
    .filter(({ service, good }) => service.migrate && good.length === 0)
    .map(({ service, cause }) => ({
      title: `migrate: ${service.name} ${service.migrate?.join(' ')}`,
      cause,
      action: { do: 'migrate', service: service.name },
    }));
}

function userSteps(content: ReleaseContent, users: Change[], seen: Seen, options: PlanOptions): Draft[] {
  const early = users.filter((change) => !waitsForFirst(change, users));
  const bringing = waves(users).flatMap((wave) => [
    ...removeDead(wave),
    ...migrations(
      wave.filter((change) => !early.includes(change)),
      options,
    ),
    ...jobSteps(wave),
    ...stopFirstSteps(wave),
    ...surgeSteps(wave, seen),
  ]);
  return [
    ...migrations(early, options),
    ...bringing,
    ...nginxReload(content, seen),
    ...retiring(content, users, seen, options),
  ];
}

/** What its migration may need has never run: a database of the user's own, or a job. All other migrations come first. */
const waitsForFirst = ({ service }: Change, users: Change[]) =>
  users.some((other) => !runsAtAll(other) && service.dependsOn.some((needed) => needed.service === other.service.name));

/** All new replicas serve: the old ones, and those of services that are gone, end their requests and leave. */
function retiring(content: ReleaseContent, users: Change[], seen: Seen, options: PlanOptions): Draft[] {
  const replaced = users.filter((change) => isSurge(change) && isService(change) && fits(change, seen));
  const old = replaced.flatMap((change) => change.old);
  const routed = users.filter(({ service }) => service.routes.length > 0);
  const watched = routed.filter(({ missing }) => missing > 0).map(({ service }) => service.name);
  const switched = routed.some((change) => isSurge(change) && fits(change, seen));
  const gone = orphansOf(content, seen);
  const drained = [...old, ...gone].filter((replica) => hasTraffic(content, replica));
  return [
    ...drainSteps(drained),
    ...(switched || drained.length > 0 ? membersStep : []),
    ...watchStep(watched, old, options.watchSeconds),
    ...stopStep(old, 'the new release has taken over'),
    ...removeEnded(gone),
    ...stopStep(
      gone.filter(({ running }) => running),
      'the Compose file no longer has it',
    ),
  ];
}

const isService = ({ service }: Change) => service.kind === 'service';

/** HAProxy may not run just now and still know it when it starts: what has a route is taken for a member too. */
const hasTraffic = (content: ReleaseContent, { running, service, membership }: SeenReplica) =>
  running &&
  (membership !== 'absent' || content.services.some(({ name, routes }) => name === service && routes.length > 0));

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
    .filter(({ service }) => service.kind === 'job')
    .flatMap((change) => [
      ...stopStep(change.old, 'it runs once'),
      ...(change.missing > 0
        ? [
            {
              title: `run ${change.service.name} to its end`,
              cause: change.good.length > 0 ? 'it was started and has not ended' : change.cause,
              action: { do: 'finish' as const, service: change.service.name },
            },
          ]
        : []),
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
  const fresh = changes
    .filter((change) => extra(change) > 0 || change.unadmitted || isUnproven(change))
    .map(({ service }) => service.name);
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
  const surging = wave.filter((change) => isSurge(change) && isService(change));
  const whole = surging.filter((change) => fits(change, seen));
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

/** Where nothing is old, no batch could make room; where nothing is new, none needs any. */
const fits = (change: Change, seen: Seen) =>
  change.old.length === 0 || change.missing === 0 || roomFor(change, seen) >= change.missing;

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

/** Replicas of services that the release no longer has. */
function orphansOf(content: ReleaseContent, seen: Seen): SeenReplica[] {
  const known = new Set(content.services.map(({ name }) => name));
  return seen.replicas.filter(({ service }) => !known.has(service));
}

/** The text that `horme plan` prints and that tests compare. */
export function planText(steps: PlannedStep[]): string {
  if (steps.length === 0) return 'nothing to do';
  const width = String(steps.length).length;
  return steps
    .map(({ id, title, cause }) => `${id.padStart(width)}  ${title}\n${' '.repeat(width + 2)}  because ${cause}`)
    .join('\n');
}
