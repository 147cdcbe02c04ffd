import type { Seen, SeenReplica } from '../../deploy/observe.ts';
import { isSurge, readyStep, reasonOf, removeDead, stopStep, type Change, type Draft } from '../../deploy/step.ts';
import { startStep } from '../../deploy/start-step.ts';
import { OperatorError, exitCodes } from '../../errors.ts';
import type { ReleaseContent } from '../../release/release.ts';
import { fingerprint } from '../../fingerprint.ts';
import { etcdService, isMember, memberNumber, memberService } from './names.ts';
import { rolesDiffer } from './roles.ts';
import { appliedDatabase, releasedDatabase, seenDatabase } from './sections.ts';
import { databaseStep } from './step.ts';

/** Its first start is that of any other part, by what waits for what; afterwards its members take turns. */
export const databaseIsAway = (seen: Seen) =>
  !seen.replicas.some(({ service, running }) => running && isMember(service));

/**
 * From what runs to what should, and never both members down at once: members that leave go first, then replicas are replaced,
 * then one of them becomes the primary, and the former primary comes last. The proxy and the pooler follow.
 */
export function databaseSteps(content: ReleaseContent, changes: Change[], seen: Seen): Draft[] {
  const clustered = runs(seen, etcdService);
  const members = changes.filter(({ service }) => isMember(service.name));
  const etcd = changes.filter(({ service }) => service.name === etcdService);
  return [
    ...(clustered ? shareSettings(content, seen) : []),
    ...etcd.flatMap(replaced),
    ...(databaseIsAway(seen) ? [] : leaving(content, seen)),
    ...(clustered ? inTurns(content, members, seen) : members.toSorted(byNumber).flatMap(replaced)),
    ...(clustered ? [] : shareSettings(content, seen)),
    ...setRoles(content, seen),
    ...databaseFollowers(changes).flatMap(replaced),
  ];
}

/** What stands before the members: the proxy and the pooler. */
export const databaseFollowers = (changes: Change[]) =>
  changes.filter(({ service }) => !isMember(service.name) && service.name !== etcdService);

/** After the first start of everything. */
export const databaseSetUp = (content: ReleaseContent, seen: Seen): Draft[] => [
  ...shareSettings(content, seen),
  ...setRoles(content, seen),
];

const runs = (seen: Seen, name: string) => seen.replicas.some(({ service, running }) => running && service === name);
const byNumber = (a: Change, b: Change) => memberNumber(a.service.name) - memberNumber(b.service.name);
export const primaryOf = (seen: Seen) => seenDatabase(seen).members.find(({ role }) => role === 'primary')?.service;

/** Members that run and that the release no longer has. */
export function leavingMembers(content: ReleaseContent, seen: Seen): SeenReplica[] {
  const wanted = releasedDatabase(content)?.members;
  return wanted ? seen.replicas.filter(({ service }) => isMember(service) && !wanted.includes(service)) : [];
}

/** The newest data must be with a member that stays. */
function leaving(content: ReleaseContent, seen: Seen): Draft[] {
  const gone = leavingMembers(content, seen).filter(({ running }) => running);
  if (gone.length === 0) return [];
  const primary = primaryOf(seen);
  if (primary === undefined) throw nobodyLeads();
  const first = memberService(1);
  const leads = gone.some(({ service }) => service === primary);
  return [
    ...(leads ? [switchover(first, `${primary} leads and is to leave`)] : []),
    ...stopStep(gone, 'the Compose file asks for fewer replicas; its volume stays'),
  ];
}

function nobodyLeads(): OperatorError {
  return new OperatorError('no member of the database leads, so it is not known which one has the newest data', {
    code: 'database-no-primary',
    exitCode: exitCodes.checkFailed,
    next: 'horme db status   (and deploy with as many replicas as before first)',
  });
}

function inTurns(content: ReleaseContent, members: Change[], seen: Seen): Draft[] {
  const primary = primaryOf(seen);
  const leader = members.find(({ service }) => service.name === primary);
  const replicas = members.filter((change) => change !== leader).toSorted(byNumber);
  const successor = releasedDatabase(content)?.members.find((name) => name !== primary);
  const steps = replicas.flatMap(replaced);
  if (!leader) return steps;
  const takeOver = successor !== undefined && leader.old.length > 0;
  return [
    ...steps,
    ...(takeOver ? [switchover(successor, `${leader.service.name} is to be replaced: ${leader.cause}`)] : []),
    ...replaced(leader),
  ];
}

/** A member must stop before its successor starts, since both have its volume; what has no volume hands over. */
export function replaced(change: Change): Draft[] {
  const { service, old, good, missing, cause } = change;
  const stopFirst = !isSurge(change);
  return [
    ...removeDead([change]),
    ...(stopFirst ? stopStep(old, `${cause}; it ${reasonOf(service)}`) : []),
    ...startStep(
      [change],
      () => missing,
      () => good.length + (stopFirst ? 0 : old.length),
    ),
    ...(missing > 0 || old.length > 0 ? readyStep([service.name], 'the next must not change before') : []),
    ...(stopFirst ? [] : stopStep(old, 'its successor has taken over')),
  ];
}

export function sharedFingerprint(content: ReleaseContent): string {
  const database = releasedDatabase(content);
  return database && database.members.length > 1 ? fingerprint(database.shared) : '';
}

export function shareSettings(content: ReleaseContent, seen: Seen): Draft[] {
  const wanted = sharedFingerprint(content);
  if (wanted === '' || appliedDatabase(seen.applied).shared === wanted) return [];
  const cause = 'the database does not run with them yet';
  return [{ title: 'share the settings of the database', cause, action: databaseStep({ do: 'share-settings' }) }];
}

export function setRoles(content: ReleaseContent, seen: Seen): Draft[] {
  const database = releasedDatabase(content);
  const { roles } = seenDatabase(seen);
  if (!database || !rolesDiffer(database.roles, roles)) return [];
  const cause = roles === '' ? 'it has none yet' : 'their rights, settings or passwords changed';
  return [{ title: 'set the roles of the database', cause, action: databaseStep({ do: 'set-roles' }) }];
}

export const switchover = (to: string, cause: string): Draft => ({
  title: `switch the database over to ${to}`,
  cause,
  action: databaseStep({ do: 'switchover', to }),
});

/** Only once every service has the new password. */
export function retireLogins(content: ReleaseContent, seen: Seen, all: boolean): Draft[] {
  const generation = releasedDatabase(content)?.roles.generation ?? 1;
  if (!all || generation <= Math.max(1, appliedDatabase(seen.applied).generation)) return [];
  const cause = 'every service has the new one';
  return [{ title: "end the database's former logins", cause, action: databaseStep({ do: 'retire-logins' }) }];
}
