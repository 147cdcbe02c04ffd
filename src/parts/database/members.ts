import { labels } from '../../engine/labels.ts';
import type { Container, Engine } from '../../engine/engine.ts';
import { isMember, memberNumber, socketFolder } from './names.ts';

export interface SeenMember {
  service: string;
  container: string;
  role: 'primary' | 'replica';
  /** Major version of its Postgres. */
  version: number;
  timeline: number;
  /** Of a replica: whether it follows its primary right now. */
  streaming: boolean;
}

/** The database as its members tell it; one that doesn't answer is not among them. */
export interface SeenDatabase {
  members: SeenMember[];
  /** The mark that the last set-up of the roles left in the data; empty: none did. */
  roles: string;
}

/** Answered by a primary and a replica alike, over the socket inside the container. */
const question = `
  SELECT json_build_object(
    'role', CASE WHEN pg_is_in_recovery() THEN 'replica' ELSE 'primary' END,
    'version', current_setting('server_version_num')::int / 10000,
    'timeline', (SELECT timeline_id FROM pg_control_checkpoint()),
    'streaming', EXISTS (SELECT FROM pg_stat_wal_receiver WHERE status = 'streaming'),
    'roles', coalesce((SELECT shobj_description(oid, 'pg_authid') FROM pg_roles WHERE rolname = 'app'), ''))`;

export const psql = (database: string, ...words: string[]): string[] => [
  ...['psql', '--no-psqlrc', '--quiet', '--tuples-only', '--no-align', '--set=ON_ERROR_STOP=1'],
  ...[`--host=${socketFolder}`, '--username=postgres', `--dbname=${database}`, ...words],
];

export const memberService = (container: Container) => container.labels[labels.service] ?? '';

/** In the order of their numbers, whether they run or not. */
export const memberContainers = (containers: Container[]): Container[] =>
  containers
    .filter((one) => isMember(memberService(one)) && one.labels[labels.oneOff] !== 'True')
    .sort((a, b) => memberNumber(memberService(a)) - memberNumber(memberService(b)));

export const runningMembers = (containers: Container[]): Container[] =>
  memberContainers(containers).filter(({ state }) => state === 'running');

/** For a look that costs nothing: whatever runs is taken to be in order, the first as the primary. */
export function trustedDatabase(
  containers: Container[],
  { roles, version }: { roles: string; version: number },
): SeenDatabase {
  const members = runningMembers(containers).map((container, index): SeenMember => ({
    service: memberService(container),
    container: container.id,
    role: index === 0 ? 'primary' : 'replica',
    version,
    timeline: 1,
    streaming: index > 0,
  }));
  return { members, roles };
}

/** A member that takes longer for one short question hangs, as on a disk that is away; seconds. */
export const answerSeconds = 20;

/** Asks each member that runs. */
export async function observeDatabase(engine: Engine, containers: Container[]): Promise<SeenDatabase> {
  const answers = await Promise.all(
    runningMembers(containers).map(async (container) => {
      const { exitCode, output } = await engine.exec(container.id, psql('postgres', '--command', question), {
        deadlineSeconds: answerSeconds,
      });
      if (exitCode !== 0) return undefined;
      const { roles, ...member } = JSON.parse(output) as Omit<SeenMember, 'service' | 'container'> & { roles: string };
      return { roles, member: { ...member, service: memberService(container), container: container.id } };
    }),
  );
  const seen = answers.filter((answer) => answer !== undefined);
  const primary = seen.find(({ member }) => member.role === 'primary');
  return { members: seen.map(({ member }) => member), roles: (primary ?? seen[0])?.roles ?? '' };
}
