import type { Engine } from '../../engine/engine.ts';

/** Limit for an answer of Patroni: some answers need etcd, and Patroni waits long for an unreachable one. Seconds. */
const answerSeconds = 3;

interface Member {
  container: string;
  service: string;
}

/**
 * Members that the primary's Patroni knows. It discovers new ones in each of its loops, at most 10 s apart. If the
 * primary is lost before that, a new replica is not promoted even though it streams already. Undefined: no condition,
 * or unknown.
 */
export async function knownMembers(engine: Engine, primary: Member): Promise<string[] | undefined> {
  const known = Object.keys((await ask(engine, primary, '/failsafe')) ?? {});
  return known.length > 0 ? known : undefined;
}

/**
 * Synchronous replicas that are failover candidates. Asked of Patroni, since Postgres waits for a replica some seconds
 * before Patroni has recorded it in etcd. Undefined if Patroni can't tell.
 */
export async function synchronousMembers(engine: Engine, primary: Member): Promise<string[] | undefined> {
  const cluster = await ask<{ members: { name: string; role: string }[] }>(engine, primary, '/cluster');
  return cluster?.members
    .filter(({ role }) => role === 'sync_standby' || role === 'quorum_standby')
    .map(({ name }) => name);
}

/** When a member's Patroni last reached etcd; undefined when it can't tell. */
export async function etcdReached(engine: Engine, member: Member): Promise<Date | undefined> {
  const seconds = (await ask<{ dcs_last_seen?: number }>(engine, member, '/patroni'))?.dcs_last_seen;
  return seconds === undefined ? undefined : new Date(seconds * 1000);
}

async function ask<T extends object>(
  engine: Engine,
  { container, service }: Member,
  path: string,
): Promise<T | undefined> {
  const words = ['timeout', String(answerSeconds), 'ask-patroni', service, 'GET', path];
  const { exitCode, output } = await engine.exec(container, words);
  return exitCode === 0 ? (JSON.parse(output) as T) : undefined;
}
