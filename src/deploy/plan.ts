import type { ReleaseContent, ReleaseService } from '../release/release.ts';
import { inPlaceOf, keepsData } from './in-place.ts';
import type { Seen, SeenReplica } from './observe.ts';
import { stepsOf, type Planning } from './part.ts';
import { platformSteps } from './plan-platform.ts';
import { userSteps } from './plan-users.ts';
import {
  migratesAgain,
  needsWork,
  type Change,
  type Draft,
  type PlanOptions,
  type PlannedStep,
  type Step,
} from './step.ts';
import { orphansOf } from './orphans.ts';

/** Pure: the same release and the same observation always give the same steps. */
export function plan(content: ReleaseContent, seen: Seen, options: PlanOptions, parts: Planning['parts']): Step[] {
  const planning = { content, seen, options, parts };
  const changes = content.services
    .filter(({ name, owner }) => owner !== 'user' || (options.only?.includes(name) ?? true))
    .map((service) => changeOf(service, seen))
    .filter((change) => needsWork(change) || migratesAgain(change, seen, options));
  const platform = changes.filter(({ service }) => service.owner !== 'user');
  const users = changes.filter(({ service }) => service.owner === 'user');
  const drafts = [
    ...clearing(planning, changes),
    ...stepsOf(planning, 'first'),
    ...platformSteps(planning, platform),
    ...stepsOf(planning, 'beforeUsers'),
    ...userSteps(planning, users),
    ...stepsOf(planning, 'last'),
  ];
  // Where nothing is to be done nobody asks: `horme status` does.
  if (drafts.every(({ action }) => action.do === 'ask')) return [];
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
  if (keepsData(service, all)) {
    const own = inPlaceOf(service, all);
    return {
      ...{ service, ...own, missing: missingOf(service, own.good.length, finished) },
      unadmitted: routed && own.good.some(({ membership }) => membership !== 'ready'),
      cause: causeOf(service, all, right.length),
    };
  }
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

function causeOf(service: ReleaseService, all: SeenReplica[], right: number): string {
  const other = all.find((replica) => replica.spec !== service.spec);
  if (all.length === 0) return 'it does not run yet';
  if (other && other.imageId !== service.imageId) return 'its image changed';
  if (other) return 'its configuration or a secret changed';
  if (right !== service.replicas) return `${right} of ${service.replicas} replicas run`;
  return 'a replica gets no traffic yet';
}

/** Goes first, so that no name is left at HAProxy whose container a later step removes. */
function clearing(planning: Planning, changes: Change[]): Draft[] {
  const { seen } = planning;
  const { leftovers } = seen;
  const resting = changes.flatMap(({ inPlace }) => inPlace?.resting ?? []);
  const ended = [...changes.flatMap(({ dead }) => dead), ...resting, ...orphansOf(planning)].filter(
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

/** The text that `horme plan` prints and that tests compare. */
export function planText(steps: PlannedStep[]): string {
  if (steps.length === 0) return 'nothing to do';
  const width = String(steps.length).length;
  return steps
    .map(({ id, title, cause }) => `${id.padStart(width)}  ${title}\n${' '.repeat(width + 2)}  because ${cause}`)
    .join('\n');
}
