import type { ReleaseService } from '../release/release.ts';
import type { Seen, SeenReplica } from './observe.ts';

export interface Target {
  service: string;
  id: string;
  name: string;
}

/**
 * One external action each. Steps name services and specs; the containers are looked up at run time, since Compose
 * names them.
 */
export type Action =
  | { do: 'remove'; containers: { id: string; name: string }[] }
  | { do: 'forget'; slots: { service: string; name: string }[] }
  | { do: 'migrate'; service: string }
  | { do: 'start'; counts: Record<string, number> }
  /** `inPlace`: a container of another spec is replaced by one that keeps its anonymous volumes. */
  | { do: 'finish'; service: string; inPlace?: boolean }
  | { do: 'ready'; services: string[] }
  /** `first`: one replica of each, which proves itself before the others follow. */
  | { do: 'admit'; services: string[]; first?: true }
  | { do: 'prove'; services: string[]; seconds: number }
  | { do: 'members' }
  /** `handsOver`: the successors serve, so the replica list is saved and only `stop` waits for requests in flight. */
  | { do: 'drain'; replicas: Target[]; handsOver?: true }
  /** Checks every public address through the edge. A failure at one of these services fails the rollout. */
  | { do: 'ask'; services: string[] }
  | { do: 'watch'; services: string[]; seconds: number }
  /** `keep`: the containers stay, stopped. */
  | { do: 'stop'; replicas: Target[]; keep?: boolean }
  /** Stops these replicas; Compose then brings the service to `count` containers and recreates those that differ. */
  | { do: 'replace'; service: string; count: number; replicas: Target[] }
  /** A part's own step, executed by the part. */
  | { do: 'part'; part: string; act: { do: string } };

export interface Step {
  id: string;
  title: string;
  /** Why the step is in the plan: the difference that was observed. */
  cause: string;
  action: Action;
}

export interface PlanOptions {
  /** False when going back: a migration is never undone by running an older one. */
  migrate: boolean;
  watchSeconds: number;
  /** Whether a major upgrade of the database is allowed; it is down meanwhile. */
  majorUpgrade: boolean;
  /** Swap in restored data; the present data is kept under this stamp. */
  swap: string | undefined;
  /** Only these of the user's services, with the platform; undefined: all. */
  only: string[] | undefined;
  /** Services of the release that was live before; their replicas drain at backends that may no longer be wanted. */
  former: ReleaseService[];
}

/** A step as shown to a person; includes image builds, which the executor never sees. */
export type PlannedStep = Pick<Step, 'id' | 'title' | 'cause'>;

export type Draft = Omit<Step, 'id'>;

/**
 * Only the container refers to its anonymous volumes. A second container beside it would get volumes of its own, and
 * after its removal nothing refers to the old ones. So Compose recreates the container in place, and the new one takes
 * them over.
 */
export interface InPlace {
  /** Stopped containers that are started again or recreated. */
  resting: SeenReplica[];
  /** Running containers beyond the wanted number. */
  excess: SeenReplica[];
  /** Stopped containers whose volumes another one holds: Compose was killed while it recreated a container. */
  redundant: SeenReplica[];
  /** Whether a kept container has another spec. Then all are stopped, since Compose may recreate the others too. */
  replaces: boolean;
  paths: string[];
}

/** The difference between the wanted and the observed state of one service. */
export interface Change {
  service: ReleaseService;
  /** Replicas of the wanted spec that run. */
  good: SeenReplica[];
  /** Replicas of another spec that run, or of the right one beyond the wanted number. */
  old: SeenReplica[];
  /** Stopped containers to be removed. */
  dead: SeenReplica[];
  missing: number;
  unadmitted: boolean;
  cause: string;
  /** Set if the service's containers hold anonymous volumes. */
  inPlace?: InPlace;
}

/** Groups in dependency order. Services of a group don't depend on each other; unchanged services are ignored. */
export function waves(changes: Change[]): Change[][] {
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

/** Work that only an in-place change has: a redundant container, or a stopped one that HAProxy still knows. */
export const isUnsettled = ({ redundant, resting }: InPlace) =>
  redundant.length > 0 || resting.some(({ membership }) => membership !== 'absent');

export const needsWork = ({ missing, old, dead, unadmitted, inPlace }: Change) =>
  missing > 0 || old.length > 0 || dead.length > 0 || unadmitted || (inPlace !== undefined && isUnsettled(inPlace));

/**
 * Whether the data lacks the service's migrations, or may lack them after a killed restore, even if the replicas are up
 * to date.
 */
export const migratesAgain = ({ service }: Change, { applied }: Seen, { migrate }: PlanOptions): boolean =>
  migrate &&
  service.migrationVolume !== undefined &&
  (applied.restoredTo !== '' || applied.migrationsDue.some((due) => due.service === service.name));

export const targets = (replicas: SeenReplica[]): Target[] =>
  replicas.map(({ service, id, name }) => ({ service, id, name }));
export const list = (names: string[]) => names.join(', ');

export const removeDead = (changes: Change[]) => removeEnded(changes.flatMap((change) => change.dead));

export function removeEnded(replicas: SeenReplica[]): Draft[] {
  const dead = replicas.filter(({ running }) => !running);
  if (dead.length === 0) return [];
  const containers = dead.map(({ id, name }) => ({ id, name }));
  return [
    {
      title: `remove ${list(dead.map(({ name }) => name))}${leftBehind(dead)}`,
      cause: 'it does not run',
      action: { do: 'remove', containers },
    },
  ];
}

/**
 * Names the anonymous volumes that stay behind: no container refers to them any more, and a user may need their data.
 */
export function leftBehind(replicas: SeenReplica[]): string {
  const volumes = replicas.flatMap(({ anonymousVolumes }) => anonymousVolumes);
  if (volumes.length === 0) return '';
  return `; what was in ${list(volumes.map(({ name, path }) => `${path} stays in the volume ${name}`))}`;
}

export function stopStep(replicas: SeenReplica[], cause: string): Draft[] {
  if (replicas.length === 0) return [];
  const title = `stop and remove ${list(replicas.map(({ name }) => name))}${leftBehind(replicas)}`;
  return [{ title, cause, action: { do: 'stop', replicas: targets(replicas) } }];
}

export const runsAtAll = ({ good, old }: Change) => good.length + old.length > 0;

export const isSurge = ({ service, inPlace }: Change) => !inPlace && service.strategy.kind === 'surge';
/**
 * An interrupted run may have started the new replicas without awaiting their readiness. For routed services HAProxy's
 * state tells.
 */
export const isUnproven = (change: Change) =>
  isSurge(change) &&
  change.service.routes.length === 0 &&
  change.good.length > 0 &&
  change.old.some(({ spec }) => spec !== change.service.spec);
export const reasonOf = (service: ReleaseService) =>
  service.strategy.kind === 'stop-first' ? service.strategy.reason : '';

export function readyStep(names: string[], cause = 'new replicas get no traffic until they are ready'): Draft[] {
  if (names.length === 0) return [];
  return [
    {
      title: `wait until ${list(names)} ${names.length === 1 ? 'is' : 'are'} ready`,
      cause,
      action: { do: 'ready', services: names },
    },
  ];
}

export const isService = ({ service }: Change) => service.kind === 'service';

export const membersStep: Draft[] = [
  { title: 'save the replica list for HAProxy', cause: 'the replicas changed', action: { do: 'members' } },
];

export function drainSteps(replicas: SeenReplica[]): Draft[] {
  return replicas.length === 0 ? [] : [drain(replicas, 'requests in flight end first', {})];
}

/** Once the new replicas serve: drains the old ones and saves the replica list for a HAProxy that restarts. */
export function handOverSteps(old: SeenReplica[]): Draft[] {
  if (old.length === 0) return membersStep;
  return [drain(old, 'the new replicas serve; requests in flight go on', { handsOver: true })];
}

function drain(replicas: SeenReplica[], cause: string, how: { handsOver?: true }): Draft {
  const title = `drain ${list(replicas.map(({ name }) => name))}`;
  return { title, cause, action: { do: 'drain', replicas: targets(replicas), ...how } };
}
