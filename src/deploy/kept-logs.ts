import { labels } from '../engine/labels.ts';
import { forRootAlone, stateFolder, type Store } from '../release/store.ts';
import type { Context } from './context.ts';

/** What `horme logs SERVICE --release N` prints of a release that was taken away. */
export interface KeptLogs {
  release: number;
  replicas: { service: string; name: string; text: string }[];
}

/** A start and its stack traces; the state volume, and each backup of it, must stay small. */
export const keptLines = 200;
const bytesOfReplica = 64 * 1024;
const replicasOfService = 3;
const failures = 3;
const file = 'failed-logs.json';

/**
 * Before the way back removes the replicas of a release: what they printed goes with them otherwise, and it alone says why
 * they failed. Gives the services that it has something of.
 */
export async function keepLogs({ engine, store, content, releaseNumber }: Context): Promise<string[]> {
  const release = String(releaseNumber);
  const containers = await engine.containers({ [labels.project]: content.project, [labels.release]: release });
  const users = content.services.filter(({ owner }) => owner === 'user').map(({ name }) => name);
  const chosen = users.flatMap((name) =>
    containers.filter((one) => one.labels[labels.service] === name).slice(0, replicasOfService),
  );
  const replicas = await Promise.all(
    chosen.map(async ({ id, name, labels: own }) => {
      const text = (await engine.logs(id, keptLines)).slice(-bytesOfReplica);
      return { service: own[labels.service] ?? '', name, text };
    }),
  );
  if (replicas.length === 0) return [];
  const others = (await readAll(store)).filter((one) => one.release !== releaseNumber);
  const kept = [...others, { release: releaseNumber, replicas }].slice(-failures);
  await store.write(stateFolder, [{ path: file, content: JSON.stringify(kept), ...forRootAlone }]);
  return [...new Set(replicas.map(({ service }) => service))];
}

export const readKeptLogs = async (store: Store, release: number): Promise<KeptLogs | undefined> =>
  (await readAll(store)).find((one) => one.release === release);

const readAll = async (store: Store): Promise<KeptLogs[]> =>
  (await store.readJson<KeptLogs[]>(`${stateFolder}/${file}`)) ?? [];
