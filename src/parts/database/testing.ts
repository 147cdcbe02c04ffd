import type { Seen } from '../../deploy/observe.ts';
import { content, edge, running, service } from '../../deploy/testing.ts';
import type { ReleaseContent, ReleaseService } from '../../release/release.ts';
import type { SeenMember } from './members.ts';
import { sharedFingerprint } from './plan.ts';
import { rolesMark } from './roles.ts';
import { releasedDatabase } from './sections.ts';

export const roles = {
  database: 'shop',
  generation: 1,
  replicas: 1,
  applicationOwnsSchema: false,
  lockTimeoutSeconds: 5,
  statementTimeoutSeconds: 900,
};

function databaseServices(members: number, spec = 'v1'): ReleaseService[] {
  const own = (name: string, rest: Partial<ReleaseService> = {}) => service(name, { owner: 'database', spec, ...rest });
  const stopFirst = { strategy: { kind: 'stop-first' as const, reason: 'owns its volume' } };
  const healthy = (name: string) => ({ service: name, condition: 'service_healthy' as const });
  const after = (number: number) => (members === 1 ? [] : [healthy(number === 1 ? 'horme-etcd' : 'horme-postgres-1')]);
  return [
    ...(members > 1 ? [own('horme-etcd', stopFirst)] : []),
    ...Array.from({ length: members }, (_, index) =>
      own(`horme-postgres-${index + 1}`, { ...stopFirst, dependsOn: after(index + 1) }),
    ),
    own('horme-database', { dependsOn: [healthy('horme-postgres-1')] }),
  ];
}

const releaseOf = (services: ReleaseService[]): ReleaseContent => {
  const members = services.map(({ name }) => name).filter((name) => name.startsWith('horme-postgres-'));
  const shared = members.length > 1 ? { ttl: 30 } : {};
  const replicas = members.length - 1;
  const database = {
    version: 17 as const,
    members,
    shared,
    zeroLoss: false,
    pooler: false,
    roles: { ...roles, replicas },
  };
  const plain = content([...services, ...edge()]);
  return { ...plain, parts: { ...plain.parts, database } };
};

const member = (name: string, role: 'primary' | 'replica', version = 17): SeenMember => ({
  ...{ service: name, container: name, role, version, timeline: 1 },
  streaming: role === 'replica',
});

/** What is seen when this release runs as it should, with that primary. */
export function settledDatabase(live: ReleaseContent, primary: string): Seen {
  const seen = running(live);
  const wanted = releasedDatabase(live);
  const members = (wanted?.members ?? []).map((name) =>
    member(name, name === primary ? 'primary' : 'replica', wanted?.version),
  );
  const mark = wanted ? rolesMark(wanted.roles) : '';
  const applied = { shared: sharedFingerprint(live), roles: mark, generation: 0, version: wanted?.version ?? 0 };
  return {
    ...seen,
    parts: { ...seen.parts, database: { members, roles: mark } },
    applied: { ...seen.applied, parts: { ...seen.applied.parts, database: applied } },
  };
}

export const databaseRelease = (members: number) => releaseOf(databaseServices(members));
