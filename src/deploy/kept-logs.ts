import { labels } from '../engine/labels.ts';
import { forRootAlone, stateFolder, type Store } from '../release/store.ts';
import type { Context } from './context.ts';

/** Logs of a rolled-back release, for `horme logs SERVICE --release N`. */
export interface KeptLogs {
  release: number;
  replicas: { service: string; name: string; text: string }[];
}

/** Enough for a start and its stack traces. The state volume and its backups must stay small. */
export const keptLines = 200;
const bytesOfReplica = 64 * 1024;
const replicasOfService = 3;
const failures = 3;
const file = 'failed-logs.json';

/**
 * Saves the logs of a release before the rollback removes its replicas: often only the logs say why they failed.
 * Returns the services whose logs were saved.
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
