import type { Engine } from '../engine/engine.ts';

/** Patroni asks etcd first, and waits long for one that is away; seconds. */
const answerSeconds = 3;

interface Primary {
  container: string;
  service: string;
}

/**
 * The members that the primary's Patroni knows. It looks for new ones in each of its loops, at most 10 s apart: what it doesn't
 * know is not promoted when it is lost, although it follows by then. Undefined when that is no condition, or not to be had.
 */
export async function knownMembers(engine: Engine, primary: Primary): Promise<string[] | undefined> {
  const known = Object.keys((await answer(engine, primary, '/failsafe')) ?? {});
  return known.length > 0 ? known : undefined;
}

/**
 * The replicas for which a commit waits and that a failover may choose: Postgres waits for one some seconds before Patroni has
 * noted it in etcd. Undefined when Patroni can't tell.
 */
export async function synchronousMembers(engine: Engine, primary: Primary): Promise<string[] | undefined> {
  const cluster = (await answer(engine, primary, '/cluster')) as
    { members: { name: string; role: string }[] } | undefined;
  return cluster?.members
    .filter(({ role }) => role === 'sync_standby' || role === 'quorum_standby')
    .map(({ name }) => name);
}

async function answer(engine: Engine, { container, service }: Primary, path: string): Promise<object | undefined> {
  const words = ['timeout', String(answerSeconds), 'ask-patroni', service, 'GET', path];
  const { exitCode, output } = await engine.exec(container, words);
  return exitCode === 0 ? (JSON.parse(output) as object) : undefined;
}
