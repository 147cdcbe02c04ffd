import type { PartLook, PartStatus } from '../../deploy/part.ts';
import { kitProblems } from './recovery/make.ts';
import { statusLines } from './report-status.ts';
import type { Engine } from '../../engine/engine.ts';
import { agentContainer, askAgent } from './agent.ts';
import type * as z from 'zod';
import {
  backupStatusAnswer,
  filesStatusAnswer,
  type BackupStatus,
  type FilesStatus,
  type FilesStatusAnswer,
} from '../../agent/backup/contract.ts';
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
    statusOf(engine, project, backupService, backupStatusAnswer),
    statusOf(engine, project, filesService, filesStatusAnswer),
  ]);
  return { database, files };
}

type Taken<T extends FilesStatusAnswer> = T['repositories'][number]['lastBackup'];

async function statusOf<T extends FilesStatusAnswer>(
  engine: Engine,
  project: string,
  service: string,
  answer: z.ZodType<T>,
): Promise<(T & { lastBackup: Taken<T> }) | undefined> {
  const container = await agentContainer(engine, project, service);
  if (!container) return undefined;
  const told = await askAgent(engine, container, ['status'], answer, undefined, { deadlineSeconds: statusSeconds });
  const newest = told.repositories
    .map(({ lastBackup }): Taken<T> => lastBackup)
    .filter((backup) => backup !== null)
    .sort((a, b) => Date.parse(b.at) - Date.parse(a.at))[0];
  return { ...told, lastBackup: newest ?? null };
}

export async function backupLines({ engine, stack, vault, settings }: PartLook): Promise<PartStatus> {
  const status = await backupStatus(engine, stack.project);
  const { line, problems } = statusLines(status.database, status.files, new Date());
  return {
    lines: line,
    problems: [...problems, ...kitProblems(stack, vault, settings)],
    result: (status.database ?? status.files) ? status : undefined,
  };
}
