import type { ReleaseService } from '../release/release.ts';
import type { SeenReplica } from './observe.ts';
import { leftBehind, list, stopStep, targets, type Change, type Draft, type InPlace } from './step.ts';

export const keepsData = (service: ReleaseService, all: SeenReplica[]) =>
  service.owner === 'user' && all.some(({ anonymousVolumes }) => anonymousVolumes.length > 0);

/** Which containers stay must not depend on which of them run at the moment: of two, the older one has the data. */
export function inPlaceOf(
  service: ReleaseService,
  all: SeenReplica[],
): { inPlace: InPlace } & Pick<Change, 'good' | 'old' | 'dead'> {
  const ordered = [...all].sort(
    (a, b) => Number(isDone(service, b)) - Number(isDone(service, a)) || Number(a.neverRan) - Number(b.neverRan),
  );
  const redundant = ordered.filter((one, index) => isRedundant(one, ordered.slice(0, index)));
  const holding = ordered.filter((one) => !redundant.includes(one));
  const wanted = service.kind === 'job' ? 1 : service.replicas;
  const kept = wanted === 0 ? holding : holding.slice(0, wanted);
  const beyond = holding.filter((one) => !kept.includes(one));
  const replaces = wanted > 0 && kept.some(({ spec }) => spec !== service.spec);
  const running = kept.filter((one) => one.running);
  const leaves = replaces || wanted === 0;
  const inPlace: InPlace = {
    resting: kept.filter((one) => !one.running),
    excess: beyond.filter((one) => one.running),
    redundant,
    replaces,
    paths: [...new Set(all.flatMap(({ anonymousVolumes }) => anonymousVolumes.map(({ path }) => path)))],
  };
  return {
    inPlace,
    good: leaves ? [] : running,
    old: [...(leaves ? running : []), ...inPlace.excess],
    dead: beyond.filter((one) => !one.running),
  };
}

/** A job's container that ended with exit code 0 is kept. */
const isDone = ({ kind, spec }: ReleaseService, one: SeenReplica) =>
  kind === 'job' && one.spec === spec && one.exitCode === 0;

function isRedundant(one: SeenReplica, before: SeenReplica[]): boolean {
  if (one.running) return false;
  const held = new Set(before.flatMap(({ anonymousVolumes }) => anonymousVolumes.map(({ name }) => name)));
  return one.anonymousVolumes.every(({ name }) => held.has(name));
}

/** Steps before the successors start. The replace step itself stops the containers that it replaces. */
export function makeRoom({ service, old, cause, inPlace }: Change & { inPlace: InPlace }): Draft[] {
  const { excess, redundant, replaces } = inPlace;
  const halted = replaces ? [] : old.filter((one) => !excess.includes(one));
  return [
    ...(redundant.length > 0
      ? [
          {
            title: `remove ${list(redundant.map(({ name }) => name))}`,
            cause: 'an interrupted run left it; another container has its volumes',
            action: { do: 'remove' as const, containers: redundant.map(({ id, name }) => ({ id, name })) },
          },
        ]
      : []),
    ...stopStep(excess, cause),
    ...(halted.length > 0
      ? [
          {
            title: `stop ${list(halted.map(({ name }) => name))}`,
            cause: `${service.name} is to have no replica; its container stays, since ${keepsText(inPlace)}`,
            action: { do: 'stop' as const, replicas: targets(halted), keep: true },
          },
        ]
      : []),
  ];
}

export function replaceStep({ service, old, cause, inPlace }: Change & { inPlace: InPlace }): Draft {
  const { excess, resting } = inPlace;
  const replaced = old.filter((one) => !excess.includes(one));
  const isLeft = (path: string) => service.anonymous?.includes(path) === false;
  const left = [...replaced, ...resting].map(({ anonymousVolumes, ...one }) => ({
    ...one,
    anonymousVolumes: anonymousVolumes.filter(({ path }) => isLeft(path)),
  }));
  const taken = inPlace.paths.filter((path) => !isLeft(path));
  return {
    title: `replace ${list([...replaced, ...resting].map(({ name }) => name))} in place${leftBehind(left)}`,
    cause: taken.length === 0 ? cause : `${cause}; ${keepsText({ paths: taken })}, which a successor takes over`,
    action: { do: 'replace', service: service.name, count: service.replicas, replicas: targets(replaced) },
  };
}

const keepsText = ({ paths }: Pick<InPlace, 'paths'>) =>
  `it keeps data in the anonymous ${paths.length === 1 ? 'volume' : 'volumes'} ${list(paths)}`;
