import type { ReleaseContent } from '../release/release.ts';
import { makeRoom } from './in-place.ts';
import type { Seen, SeenReplica } from './observe.ts';
import { stepsOf, type Planning } from './part.ts';
import {
  drainSteps,
  handOverSteps,
  isService,
  isSurge,
  isUnproven,
  list,
  membersStep,
  migratesAgain,
  needsWork,
  readyStep,
  reasonOf,
  removeDead,
  removeEnded,
  runsAtAll,
  stopStep,
  waves,
  type Change,
  type Draft,
  type PlanOptions,
} from './step.ts';
import { orphansOf } from './orphans.ts';
import { startStep } from './start-step.ts';

function migrations(changes: Change[], seen: Seen, options: PlanOptions): Draft[] {
  if (!options.migrate) return [];
  return changes
    .filter((change) => change.service.migrate && (change.good.length === 0 || migratesAgain(change, seen, options)))
    .map(({ service, good, cause }) => ({
      title: `migrate: ${service.name} ${service.migrate?.join(' ')}`,
      cause: good.length === 0 ? cause : 'the data was restored to before its migrations',
      action: { do: 'migrate', service: service.name },
    }));
}

export function userSteps(planning: Planning, users: Change[]): Draft[] {
  const { seen, options } = planning;
  const early = users.filter((change) => !waitsForFirst(change, users));
  const bringing = waves(users).flatMap((wave) => [
    ...removeDead(wave),
    ...migrations(
      wave.filter((change) => !early.includes(change)),
      seen,
      options,
    ),
    ...jobSteps(wave),
    ...stopFirstSteps(wave),
    ...surgeSteps(wave, seen, options),
  ]);
  return [
    ...migrations(early, seen, options),
    ...bringing,
    ...stepsOf(planning, 'switched'),
    ...retiring(planning, users.filter(needsWork)),
  ];
}

/** What its migration may need has never run: a database of the user's own, or a job. All other migrations come first. */
const waitsForFirst = ({ service }: Change, users: Change[]) =>
  users.some((other) => !runsAtAll(other) && service.dependsOn.some((needed) => needed.service === other.service.name));

/** All new replicas serve: the old ones, and those of services that are gone, end their requests and leave. */
function retiring(planning: Planning, users: Change[]): Draft[] {
  const { content, seen, options } = planning;
  const replaced = users.filter((change) => isSurge(change) && isService(change) && fits(change, seen));
  const old = replaced.flatMap((change) => change.old);
  const routed = users.filter(({ service }) => service.routes.length > 0);
  // Also what an interrupted run has started: where the replicas before are still there, nobody has watched it to the end.
  const watched = users.filter(
    (change) =>
      isService(change) && change.service.replicas > 0 && change.old.some(({ spec }) => spec !== change.service.spec),
  );
  const changed = users.filter(({ service }) => service.owner === 'user').map(({ service }) => service.name);
  const switched = routed.some((change) => isSurge(change) && fits(change, seen));
  const gone = orphansOf(planning);
  const drained = [...old, ...gone].filter((replica) => hasTraffic(content, replica));
  return [
    ...(switched || drained.length > 0 ? handOverSteps(drained) : []),
    // Going back to what was bad before is still going back: only a deploy answers for what it changed.
    ...askStep(content, options.migrate ? changed : []),
    ...watchStep(
      watched.map(({ service }) => service.name),
      options.watchSeconds,
    ),
    ...stopStep(old, 'the new release has taken over'),
    ...removeEnded(gone),
    ...stopStep(
      gone.filter(({ running }) => running),
      'the Compose file no longer has it',
    ),
  ];
}

/** HAProxy may not run just now and still know it when it starts: what has a route is taken for a member too. */
const hasTraffic = (content: ReleaseContent, { running, service, membership }: SeenReplica) =>
  running &&
  (membership !== 'absent' || content.services.some(({ name, routes }) => name === service && routes.length > 0));

/** Whatever a run changes, it is over when the addresses answer. */
function askStep(content: ReleaseContent, changed: string[]): Draft[] {
  const count = content.services.reduce((sum, { routes }) => sum + routes.length, 0);
  if (count === 0) return [];
  return [
    {
      title: `ask ${count === 1 ? 'the public address' : `all ${count} public addresses`} through the edge`,
      cause: 'a release is live when its addresses answer',
      action: { do: 'ask', services: changed },
    },
  ];
}

function watchStep(names: string[], seconds: number): Draft[] {
  if (names.length === 0 || seconds === 0) return [];
  return [
    {
      title: `watch ${list(names)} for ${seconds} s`,
      cause: 'errors and answer times against the ones before',
      action: { do: 'watch', services: names, seconds },
    },
  ];
}

/** The old ones go before the new ones come. */
function leave(change: Change, cause: string): Draft[] {
  const { inPlace, old } = change;
  return inPlace ? makeRoom({ ...change, inPlace }) : stopStep(old, cause);
}

function jobSteps(wave: Change[]): Draft[] {
  return wave
    .filter(({ service }) => service.kind === 'job')
    .flatMap((change) => [
      ...leave(change, 'it runs once'),
      ...(change.missing > 0
        ? [
            {
              title: `run ${change.service.name} to its end`,
              cause: change.good.length > 0 ? 'it was started and has not ended' : change.cause,
              action: {
                do: 'finish' as const,
                service: change.service.name,
                ...(change.inPlace?.replaces && { inPlace: true }),
              },
            },
          ]
        : []),
    ]);
}

function stopFirstSteps(wave: Change[]): Draft[] {
  return wave
    .filter((change) => isService(change) && !isSurge(change) && needsWork(change))
    .flatMap((change) => [
      ...(change.service.routes.length > 0 ? drainSteps(change.old) : []),
      ...leave(change, `${change.cause}; it ${reasonOf(change.service)}, so the old one stops first`),
      ...bringUp(
        [change],
        (one) => one.missing,
        (one) => one.good.length,
      ),
      ...(change.service.routes.length > 0 ? membersStep : []),
    ]);
}

/** Start, gate and admit: from here on the new replicas serve. `options`: where a first replica may prove itself before. */
function bringUp(
  changes: Change[],
  extra: (change: Change) => number,
  beside: (change: Change) => number,
  options?: PlanOptions,
): Draft[] {
  const fresh = changes.filter((change) => extra(change) > 0 || change.unadmitted || isUnproven(change));
  const routed = fresh.filter(({ service }) => service.routes.length > 0);
  const names = (some: Change[]) => some.map(({ service }) => service.name);
  return [
    ...startStep(changes, extra, beside),
    ...readyStep(names(fresh)),
    ...(options ? firstSteps(names(routed.filter((change) => canShare(change, options))), options.watchSeconds) : []),
    ...admitStep(names(routed)),
  ];
}

/** Only where old replicas go on serving at the same port does a share of the traffic come to the first new one. */
function canShare({ old, service }: Change, { former }: PlanOptions): boolean {
  const before = former.find(({ name }) => name === service.name)?.routes ?? [];
  const shared = service.routes.some(({ port }) => before.some((route) => route.port === port));
  return shared && old.some(({ membership }) => membership === 'ready');
}

/** The most of the watch that a first replica gets, and the longest. Seconds: a canary of minutes is another tool's job. */
const firstShare = 0.6;
const firstSeconds = 10;

function firstSteps(names: string[], watchSeconds: number): Draft[] {
  if (names.length === 0 || watchSeconds === 0) return [];
  const seconds = Math.min(firstSeconds, Math.round(watchSeconds * firstShare * 10) / 10);
  return [
    {
      title: `admit 1 replica of ${list(names)} at HAProxy`,
      cause: 'it proves itself on a share of the traffic while the old replicas serve',
      action: { do: 'admit', services: names, first: true },
    },
    {
      title: `watch it for up to ${seconds} s`,
      cause: 'the others follow once it has proven itself',
      action: { do: 'prove', services: names, seconds },
    },
  ];
}

function admitStep(names: string[]): Draft[] {
  if (names.length === 0) return [];
  const title = `admit ${list(names)} at HAProxy`;
  return [{ title, cause: 'they are ready', action: { do: 'admit', services: names } }];
}

/** All at once where the reservations fit beside what runs; else in batches, each of which takes its old replicas away. */
function surgeSteps(wave: Change[], seen: Seen, options: PlanOptions): Draft[] {
  const surging = wave.filter((change) => isSurge(change) && isService(change));
  const whole = surging.filter((change) => fits(change, seen));
  const tight = surging.filter((change) => !whole.includes(change));
  return [
    ...bringUp(
      whole,
      ({ missing }) => missing,
      (change) => change.good.length + change.old.length,
      options,
    ),
    ...tight.flatMap((change) => batches(change, seen, options)),
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

function batches(change: Change, seen: Seen, options: PlanOptions): Draft[] {
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
        done === 0 ? options : undefined,
      ),
      ...(routed ? handOverSteps(retiring) : []),
      ...stopStep(retiring, 'its successor serves; the reservations allow no more at once'),
    );
  }
  return drafts;
}
