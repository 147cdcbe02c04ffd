import type { PartLook, PartStatus } from '../../deploy/part.ts';
import type { Container, Engine } from '../../engine/engine.ts';
import { labels } from '../../engine/labels.ts';
import { databaseOptions, type DatabaseOptions } from './options.ts';
import { etcdReached, knownMembers, synchronousMembers } from './failover.ts';
import { answerSeconds, memberContainers, memberService, psql } from './members.ts';
import { etcdService } from './names.ts';

export interface MemberStatus {
  name: string;
  role: 'primary' | 'replica';
  /**
   * `running` a primary; `streaming` a replica that follows and that a failover may choose, `joining` one that follows and that
   * the primary's Patroni doesn't know yet; `catching up`, `starting`, `stopped`.
   */
  state: string;
  timeline: number | undefined;
  /** How far a replica is behind what the primary has written, bytes; undefined when nobody can tell. */
  lagBytes: number | undefined;
  lagSeconds: number | undefined;
  /** Of a replica: a commit waits for it, and a failover may choose it. */
  synchronous: boolean;
}

export interface SlotStatus {
  name: string;
  active: boolean;
  /** `reserved`, `extended`, `unreserved`, `lost`: whether the WAL that its member needs is still there. */
  state: string;
  keptBytes: number;
}

export interface DatabaseStatus {
  members: MemberStatus[];
  slots: SlotStatus[];
  /** How long ago the members' Patroni reached etcd, seconds; undefined without replicas, and when none can tell. */
  etcdSilentSeconds: number | undefined;
}

/** Two of Patroni's loops and its retries, by its defaults; seconds. */
const etcdSilenceSeconds = 30;

interface Answer {
  /** By the member's clock; seconds since 1970. */
  now: number;
  role: 'primary' | 'replica';
  timeline: number;
  streaming: boolean;
  lagSeconds: number | null;
  followers: { name: string; sync: string; lagBytes: number }[];
  slots: SlotStatus[];
}

const question = `
  SELECT json_build_object(
    'now', extract(epoch FROM now()),
    'role', CASE WHEN pg_is_in_recovery() THEN 'replica' ELSE 'primary' END,
    'timeline', CASE WHEN pg_is_in_recovery()
      THEN coalesce((SELECT received_tli FROM pg_stat_wal_receiver), (SELECT timeline_id FROM pg_control_checkpoint()))
      ELSE ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int END,
    'streaming', EXISTS (SELECT FROM pg_stat_wal_receiver WHERE status = 'streaming'),
    'lagSeconds', CASE WHEN NOT pg_is_in_recovery() OR pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN 0
      ELSE extract(epoch FROM now() - pg_last_xact_replay_timestamp()) END,
    'followers', (SELECT coalesce(json_agg(json_build_object('name', application_name, 'sync', sync_state,
      'lagBytes', pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn))), '[]') FROM pg_stat_replication WHERE NOT pg_is_in_recovery()),
    'slots', (SELECT coalesce(json_agg(json_build_object('name', slot_name, 'active', active, 'state', coalesce(wal_status, 'unused'),
      'keptBytes', coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn), 0))), '[]')
      FROM pg_replication_slots WHERE NOT pg_is_in_recovery()))`;

/** The whole picture, for people and monitoring: every member that there is, whether it answers or not. */
export async function databaseStatus(engine: Engine, project: string): Promise<DatabaseStatus> {
  const containers = memberContainers(await engine.containers({ [labels.project]: project }));
  const answers = await Promise.all(
    containers.map(async (container) => ({ container, answer: await answerOf(engine, container) })),
  );
  const leading = answers.find(({ answer }) => answer?.role === 'primary');
  const primary = leading?.answer;
  const [candidates, etcdSilentSeconds] = await Promise.all([
    leading && primary ? candidatesOf(engine, leading.container, primary) : undefined,
    containers.length > 1 ? silenceOf(engine, leading ?? answers.find(({ answer }) => answer)) : undefined,
  ]);
  return {
    members: answers.map(({ container, answer }) => memberStatus(container, answer, primary, candidates)),
    slots: primary?.slots ?? [],
    etcdSilentSeconds,
  };
}

interface Answered {
  container: Container;
  answer: Answer | undefined;
}

async function silenceOf(engine: Engine, asked: Answered | undefined): Promise<number | undefined> {
  if (!asked?.answer) return undefined;
  const reached = await etcdReached(engine, memberOf(asked.container));
  return reached && Math.max(0, Math.round(asked.answer.now - reached.getTime() / 1000));
}

const memberOf = (container: Container) => ({ container: container.id, service: memberService(container) });

/** Whom a failover may choose, as Patroni sees it; where it can't tell, with etcd away, Postgres' word stands. */
interface Candidates {
  known: string[];
  synchronous: string[];
}

async function candidatesOf(engine: Engine, container: Container, { followers }: Answer): Promise<Candidates> {
  const primary = memberOf(container);
  const following = followers.map(({ name }) => name);
  const waitedFor = followers.filter(({ sync }) => sync === 'sync' || sync === 'quorum').map(({ name }) => name);
  const [known, synchronous] = await Promise.all([
    following.length > 0 ? knownMembers(engine, primary) : undefined,
    waitedFor.length > 0 ? synchronousMembers(engine, primary) : undefined,
  ]);
  return { known: known ?? following, synchronous: synchronous ?? waitedFor };
}

async function answerOf(engine: Engine, { id, state }: Container): Promise<Answer | undefined> {
  if (state !== 'running') return undefined;
  const limit = { deadlineSeconds: answerSeconds };
  const { exitCode, output } = await engine.exec(id, psql('postgres', '--command', question), limit);
  return exitCode === 0 ? (JSON.parse(output) as Answer) : undefined;
}

function memberStatus(
  container: Container,
  answer: Answer | undefined,
  primary: Answer | undefined,
  candidates: Candidates | undefined,
): MemberStatus {
  const name = memberService(container);
  const follower = primary?.followers.find((one) => one.name === name);
  return {
    name,
    role: answer?.role ?? 'replica',
    state: stateOf(container, answer, candidates?.known.includes(name) ?? true),
    timeline: answer?.timeline,
    lagBytes: answer?.role === 'primary' ? 0 : follower?.lagBytes,
    lagSeconds: answer?.lagSeconds ?? undefined,
    synchronous: candidates?.synchronous.includes(name) ?? false,
  };
}

function stateOf({ state }: Container, answer: Answer | undefined, known: boolean): string {
  if (!answer) return state === 'running' ? 'starting' : 'stopped';
  if (answer.role === 'primary') return 'running';
  if (!answer.streaming) return 'catching up';
  return known ? 'streaming' : 'joining';
}

/** What this topology survives, and what it does not: said wherever the database is shown. */
export function survives({ replicas, durability }: Pick<DatabaseOptions, 'replicas' | 'durability'>): string {
  if (replicas === 0)
    return 'Survives a crash of Postgres by starting it again. Does not survive a hang, nor the loss of its volume or of this machine.';
  const commits = durability === 'zero-loss' ? 'no commit is lost' : 'a failover may lose the last commits';
  return `Survives a Postgres crash or upgrade (${commits}). Does not survive the loss of this machine.`;
}

/** As `synchronous_mode_strict` has it. */
const withoutSynchronous = ({ replicas }: DatabaseOptions) =>
  replicas > 1 ? 'commits wait until one is' : 'commits are acknowledged by the primary alone';

/** What is wrong, with the command that gets further. */
export function databaseProblems(
  { members, slots, etcdSilentSeconds }: DatabaseStatus,
  wanted: DatabaseOptions,
): string[] {
  const leaders = members.filter(({ role }) => role === 'primary');
  const following = members.filter(({ role, state }) => role === 'replica' && state === 'streaming');
  const waitedFor = members.some(({ synchronous }) => synchronous);
  return [
    ...(leaders.length === 1
      ? []
      : [`the database has ${leaders.length === 0 ? 'no primary' : 'more than one primary'}: horme db status`]),
    ...(leaders.length === 1 && following.length < wanted.replicas
      ? [`${following.length} of ${wanted.replicas} replicas could take over: horme db status`]
      : []),
    ...(wanted.durability === 'zero-loss' && leaders.length === 1 && !waitedFor
      ? [`no replica is synchronous: ${withoutSynchronous(wanted)}, and none would take over`]
      : []),
    ...((etcdSilentSeconds ?? 0) > etcdSilenceSeconds
      ? [
          `the members have not reached etcd for ${etcdSilentSeconds} s, so none would take over: horme logs ${etcdService}`,
        ]
      : []),
    ...slots
      .filter(({ state }) => state === 'lost')
      .map(({ name }) => `the WAL that ${name} needs is gone: it is copied anew`),
  ];
}

export async function databaseLines({ engine, stack }: PartLook): Promise<PartStatus> {
  const wanted = databaseOptions(stack);
  if (!wanted) return { lines: [], problems: [] };
  const result = await databaseStatus(engine, stack.project);
  if (result.members.length === 0) return { lines: [], problems: [], result };
  const primary = result.members.find(({ role }) => role === 'primary');
  const line = `database: ${primary ? `${primary.name} leads` : 'nobody leads'}. ${survives(wanted)}`;
  return { lines: [line], problems: databaseProblems(result, wanted), result };
}
