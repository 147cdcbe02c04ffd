import type { Engine } from '../engine/engine.ts';

/** Patroni asks etcd first, and waits long for one that is away; seconds. */
const answerSeconds = 3;

interface Cluster {
  members: { name: string; role: string }[];
}

/**
 * The replicas for which a commit waits and that a failover may choose. Postgres waits for one some seconds before Patroni has
 * noted it in etcd, and what isn't noted there is never promoted. Undefined when Patroni can't tell.
 */
export async function synchronousMembers(
  engine: Engine,
  { container, service }: { container: string; service: string },
): Promise<string[] | undefined> {
  const words = ['timeout', String(answerSeconds), 'ask-patroni', service, 'GET', '/cluster'];
  const { exitCode, output } = await engine.exec(container, words);
  if (exitCode !== 0) return undefined;
  const { members } = JSON.parse(output) as Cluster;
  return members.filter(({ role }) => role === 'sync_standby' || role === 'quorum_standby').map(({ name }) => name);
}
