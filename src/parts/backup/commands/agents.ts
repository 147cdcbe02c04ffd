import type * as z from 'zod';
import { askAgent, runningAgent } from '../agent.ts';
import { backupService, filesService } from '../names.ts';
import { OperatorError, exitCodes } from '../../../errors.ts';
import type { Session } from '../../../deploy/session.ts';
import { databaseOptions } from '../../database/index.ts';
import { backupOptions, type BackupOptions } from '../options.ts';

export function backupOf({ stack }: Pick<Session, 'stack'>): BackupOptions {
  const options = backupOptions(stack);
  if (options) return options;
  throw new OperatorError(`${stack.project} has no backups of Horme's`, {
    code: 'no-backup',
    exitCode: exitCodes.usage,
    next: 'add `backup: {}` under x-horme in the Compose file',
  });
}

/** The environment's agents: for the database, if there is one, and for files. */
export const agentServices = ({ stack }: Session): string[] =>
  databaseOptions(stack) ? [backupService, filesService] : [filesService];

export async function ask<T>(session: Session, service: string, words: string[], answer: z.ZodType<T>): Promise<T> {
  const { engine, stack, emit, signal } = session;
  const container = await runningAgent(engine, stack.project, service);
  return askAgent(engine, container, words, answer, (text) => emit({ kind: 'note', text }), { signal });
}

export const whose = (service: string) => (service === backupService ? 'database' : 'files');

/** Asks all agents even if one fails: a full bucket of the database must not stop the backup of files. */
export async function askAll<T>(
  session: Session,
  words: (service: string) => string[],
  answer: z.ZodType<T>,
  heard: (answer: T) => void = () => undefined,
): Promise<Record<string, T>> {
  const answers: Record<string, T> = {};
  const failures: unknown[] = [];
  for (const service of agentServices(session)) {
    try {
      const told = await ask(session, service, words(service), answer);
      answers[whose(service)] = told;
      heard(told);
    } catch (error) {
      failures.push(error);
      if (failures.length > 1) session.emit({ kind: 'warning', text: (error as Error).message });
    }
  }
  if (failures.length > 0) throw failures[0];
  return answers;
}
