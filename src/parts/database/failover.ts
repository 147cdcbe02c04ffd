import type { Engine } from '../../engine/engine.ts';

/** Patroni asks etcd first for some of it, and waits long for one that is away; seconds. */
const answerSeconds = 3;

interface Member {
  container: string;
  service: string;
}

/**
 * The members that the primary's Patroni knows. It looks for new ones in each of its loops, at most 10 s apart: what it doesn't
 * know is not promoted when it is lost, although it follows by then. Undefined when that is no condition, or not to be had.
 */
export async function knownMembers(engine: Engine, primary: Member): Promise<string[] | undefined> {
  const known = Object.keys((await ask(engine, primary, '/failsafe')) ?? {});
  return known.length > 0 ? known : undefined;
}

/**
 * The replicas for which a commit waits and that a failover may choose: Postgres waits for one some seconds before Patroni has
 * noted it in etcd. Undefined when Patroni can't tell.
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
