import type { ReleaseService } from '../release/release.ts';
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
  | { do: 'migrate'; service: string }
  | { do: 'start'; counts: Record<string, number> }
  /** `inPlace`: a container of another spec gets a successor, which has its anonymous volumes. */
  | { do: 'finish'; service: string; inPlace?: boolean }
  | { do: 'ready'; services: string[] }
  /** `first`: one replica of each, which proves itself before the others follow. */
  | { do: 'admit'; services: string[]; first?: true }
  | { do: 'prove'; services: string[]; seconds: number }
  | { do: 'members' }
  /** `handsOver`: successors serve. Then the replica list is saved, and nobody waits for the requests in flight until `stop`. */
  | { do: 'drain'; replicas: Target[]; handsOver?: true }
  /** Every public address, through the whole edge; what these services don't answer ends the rollout. */
  | { do: 'ask'; services: string[] }
  | { do: 'watch'; services: string[]; seconds: number }
  /** `keep`: the containers stay, stopped. */
  | { do: 'stop'; replicas: Target[]; keep?: boolean }
  /** Stops these; then Compose brings the service to that many containers, successors in the place of those that differ. */
  | { do: 'replace'; service: string; count: number; replicas: Target[] }
  /** One of a part's own, which the part alone takes. */
  | { do: 'part'; part: string; act: { do: string } };

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
  /** Whether the database's data may be brought to another major version, which takes it away for a while. */
  majorUpgrade: boolean;
  /** Restored data takes the place of the database's, which is kept under this stamp. */
  swap: string | undefined;
  /** Only these of the user's services, with the platform; undefined: all. */
  only: string[] | undefined;
  /** Services of the release that was live before; their replicas drain at backends that may no longer be wanted. */
  former: ReleaseService[];
}

/** As a person reads it; building an image is one too, though the executor never sees it. */
export type PlannedStep = Pick<Step, 'id' | 'title' | 'cause'>;

export type Draft = Omit<Step, 'id'>;

/**
 * A container is all that knows its anonymous volumes: with another container beside it they would be two, and with it gone
 * nobody finds them. So Compose puts a successor into its place, which takes the volumes over.
 */
export interface InPlace {
  /** Containers that don't run and are started again, or get a successor. */
  resting: SeenReplica[];
  /** Running ones beyond the wanted number. */
  excess: SeenReplica[];
  /** Never started, and others have their volumes: Compose was killed between making a successor and taking its place. */
  redundant: SeenReplica[];
  /** Whether one of those that stay is of another spec: then all make room, since Compose sees more differences than specs. */
  replaces: boolean;
  paths: string[];
}

/** Difference of a service between what should run and what does. */
export interface Change {
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
  /** Of a service whose containers hold anonymous volumes. */
  inPlace?: InPlace;
}

/** Groups in which nothing waits for another of the same group; only what changes is waited for. */
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

/** Beyond what every change tells: a leftover, or a name at HAProxy of a container that rests. */
export const isUnsettled = ({ redundant, resting }: InPlace) =>
  redundant.length > 0 || resting.some(({ membership }) => membership !== 'absent');

export const needsWork = ({ missing, old, dead, unadmitted, inPlace }: Change) =>
  missing > 0 || old.length > 0 || dead.length > 0 || unadmitted || (inPlace !== undefined && isUnsettled(inPlace));

/** The data is of before its migrations, or may be, after a restore that was killed; its replicas may be right all the same. */
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

/** No container knows them any more: who needs what is in them must hear their names. */
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
/** An interrupted run may have started the successor and not have waited for it. HAProxy knows who was, for those it serves. */
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

/** New replicas serve: the old ones get no new request, and a HAProxy that starts anew learns who serves. */
export function handOverSteps(old: SeenReplica[]): Draft[] {
  if (old.length === 0) return membersStep;
  return [drain(old, 'the new replicas serve; requests in flight go on', { handsOver: true })];
}

function drain(replicas: SeenReplica[], cause: string, how: { handsOver?: true }): Draft {
  const title = `drain ${list(replicas.map(({ name }) => name))}`;
  return { title, cause, action: { do: 'drain', replicas: targets(replicas), ...how } };
}
