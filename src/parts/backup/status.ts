import type { Engine } from '../../engine/engine.ts';
import { agentContainer, askAgent } from './agent.ts';
import type { BackupStatus, FilesStatus, RepositoryStatus } from './agent-types.ts';
import { backupService, filesService } from './names.ts';

/** It knows the answer, and asks nobody. */
const statusSeconds = 60;

export interface SeenBackups {
  database: BackupStatus | undefined;
  files: FilesStatus | undefined;
}

/** What the agents know without asking a repository; one that doesn't run is not asked. */
export async function backupStatus(engine: Engine, project: string): Promise<SeenBackups> {
  const [database, files] = await Promise.all([
    statusOf<BackupStatus>(engine, project, backupService),
    statusOf<FilesStatus>(engine, project, filesService),
  ]);
  return { database, files };
}

async function statusOf<T extends FilesStatus>(
  engine: Engine,
  project: string,
  service: string,
): Promise<T | undefined> {
  const container = await agentContainer(engine, project, service);
  if (!container) return undefined;
  const told = await askAgent<T>(engine, container, ['status'], undefined, { deadlineSeconds: statusSeconds });
  const repositories = told.repositories as (RepositoryStatus & Pick<T, 'lastBackup'>)[];
  const newest = repositories
    .map((one): T['lastBackup'] => one.lastBackup)
    .filter((backup) => backup !== null)
    .sort((a, b) => Date.parse(b.at) - Date.parse(a.at))[0];
  return { ...told, lastBackup: newest ?? null };
}
