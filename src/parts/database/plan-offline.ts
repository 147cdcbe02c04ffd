import type { Seen } from '../../deploy/observe.ts';
import { safeguards, type Planning } from '../../deploy/part.ts';
import { stopStep, type Change, type Draft } from '../../deploy/step.ts';
import { OperatorError, exitCodes } from '../../errors.ts';
import type { ReleaseContent } from '../../release/release.ts';
import { etcdService, isMember, memberNumber, memberService } from './names.ts';
import { appliedDatabase, releasedDatabase, seenDatabase, type DatabaseApplied } from './sections.ts';
import { databaseStep } from './step.ts';
import { databaseFollowers, primaryOf, replaced, retireLogins, setRoles, shareSettings, switchover } from './plan.ts';

/** What is done to the data while no member runs; afterwards the first member leads, and the others copy from it. */
export interface OfflineWork {
  cause: string;
  /** Before anything stops. */
  before: Draft[];
  work: Draft[];
  /** Once the first member leads. */
  after: Draft[];
  /** The data may be older than the passwords: its roles and logins are set whatever they were. */
  olderRoles: boolean;
}

/** Major version of the data, as a member that answers says, or as it was noted. */
const dataVersion = (seen: Seen): number | undefined =>
  seenDatabase(seen).members[0]?.version ?? (appliedDatabase(seen.applied).version || undefined);

/** Undefined: nothing but its containers is to change. */
export const offlineWork = (planning: Planning): OfflineWork | undefined => swapOf(planning) ?? majorUpgrade(planning);

/** Undefined: the data has the version that the release asks for, or there is none yet. */
function majorUpgrade(planning: Planning): OfflineWork | undefined {
  const { content, seen, options } = planning;
  const wanted = releasedDatabase(content)?.version;
  const from = dataVersion(seen);
  if (wanted === undefined || from === undefined || from === wanted) return undefined;
  if (from > wanted) throw newerData(from, wanted);
  if (!options.majorUpgrade) throw notByDeploy(from, wanted);
  const cause = `the data is of PostgreSQL ${from}, the Compose file asks for ${wanted}`;
  const primary = primaryOf(seen);
  return {
    cause,
    before:
      primary === undefined
        ? []
        : [rehearsal(from, wanted, primary), ...safeguards(planning, 'the upgrade can be undone by a restore then')],
    work: [
      {
        title: `upgrade the data from PostgreSQL ${from} to ${wanted}`,
        cause,
        action: databaseStep({ do: 'upgrade', from }),
      },
    ],
    after: [
      {
        title: 'analyze the database',
        cause: 'its planner needs statistics that an upgrade does not carry over',
        action: databaseStep({ do: 'analyze' }),
      },
    ],
    olderRoles: false,
  };
}

/** Data that `horme restore` has put beside the first member's. */
function swapOf({ content, seen, options }: Planning): OfflineWork | undefined {
  const stamp = options.swap;
  if (stamp === undefined) return undefined;
  const cause = 'restored data takes its place';
  const running = seen.replicas.map(({ service }) => service).filter(isMember);
  const members = [...new Set([...(releasedDatabase(content)?.members ?? []), ...running])].toSorted(
    (a, b) => memberNumber(a) - memberNumber(b),
  );
  const title = 'swap in the restored data';
  return {
    cause,
    before: [],
    work: [{ title, cause, action: databaseStep({ do: 'swap', stamp, members }) }],
    after: [],
    olderRoles: true,
  };
}

const rehearsal = (from: number, to: number, primary: string): Draft => ({
  title: `rehearse the upgrade from PostgreSQL ${from} to ${to} on a copy`,
  cause: 'what fails must fail before anything stops',
  action: databaseStep({ do: 'rehearse-upgrade', from, primary }),
});

export function offlineSteps(content: ReleaseContent, changes: Change[], seen: Seen, offline: OfflineWork): Draft[] {
  const { cause, before, work, after, olderRoles } = offline;
  const first = memberService(1);
  const running = seen.replicas.filter(({ service, running: runs }) => runs && isMember(service));
  const others = running.filter(({ service }) => service !== first);
  const primary = primaryOf(seen);
  const members = changes
    .filter(({ service }) => isMember(service.name))
    .toSorted((a, b) => memberNumber(a.service.name) - memberNumber(b.service.name))
    .map((change) => ({ ...change, old: [] }));
  const isFirst = ({ service }: Change) => service.name === first;
  const clustered = content.services.some(({ name }) => name === etcdService);
  return [
    ...before,
    ...changes.filter(({ service }) => service.name === etcdService).flatMap(replaced),
    ...(primary !== undefined && primary !== first ? [switchover(first, `${first} is the one that goes on`)] : []),
    ...stopStep(others, `${cause}; it copies the result`),
    ...stopStep(
      running.filter((one) => !others.includes(one)),
      cause,
    ),
    // First: killed after the work, a member would meet a cluster that is ahead of it and never lead.
    ...(clustered ? [forget] : []),
    ...work,
    ...members.filter(isFirst).flatMap(replaced),
    ...(clustered ? shareSettings(content, withApplied(seen, { shared: '' })) : []),
    ...after,
    ...members.filter((change) => !isFirst(change)).flatMap(replaced),
    ...(olderRoles
      ? [...setRoles(content, asRestored(seen)), ...retireLogins(content, asRestored(seen), true)]
      : setRoles(content, seen)),
    ...databaseFollowers(changes).flatMap(replaced),
  ];
}

/** What the data says of its roles is not known before it runs. */
const asRestored = (seen: Seen): Seen => ({
  ...withApplied(seen, { generation: 0 }),
  parts: { ...seen.parts, database: { ...seenDatabase(seen), roles: '' } },
});

const withApplied = (seen: Seen, own: Partial<DatabaseApplied>): Seen => ({
  ...seen,
  applied: {
    ...seen.applied,
    parts: { ...seen.applied.parts, database: { ...appliedDatabase(seen.applied), ...own } },
  },
});

const forget: Draft = {
  title: 'let etcd forget the cluster as it was',
  cause: 'what the first member has will not be that of the others',
  action: databaseStep({ do: 'forget-cluster' }),
};

const newerData = (from: number, wanted: number) =>
  new OperatorError(`the data is of PostgreSQL ${from}; ${wanted} can't read it`, {
    code: 'database-newer',
    exitCode: exitCodes.checkFailed,
    next: `set \`version: ${from}\` under x-horme.database, then: horme deploy`,
  });

const notByDeploy = (from: number, wanted: number) =>
  new OperatorError(
    `the Compose file asks for PostgreSQL ${wanted} and the data is of ${from}: that takes the database away for a while, so a deploy does not do it`,
    { code: 'major-upgrade', exitCode: exitCodes.checkFailed, next: 'horme db upgrade   (--dry-run shows the steps)' },
  );
