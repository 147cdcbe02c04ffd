import { ZodError } from 'zod';
import { failure, messageOf } from '../failure.ts';
import type { Role, Told } from './agent.ts';
import { agentSettings } from './contract.ts';

const roles: readonly string[] = ['database', 'files'] satisfies Role[];

/** What the container is told: one JSON text in the environment. Fails with 'settings-invalid'. */
export function loadSettings(environment: NodeJS.ProcessEnv): Told {
  const role = environment['HORME_BACKUP_ROLE'] ?? '';
  if (!isRole(role)) {
    throw failure('settings-invalid', `HORME_BACKUP_ROLE is '${role}'; it must be one of ${roles.join(', ')}`);
  }
  try {
    const { stanza = null, repositories, ...told } = agentSettings.parse(JSON.parse(environment['HORME_BACKUP'] ?? ''));
    return { ...told, stanza, role, repositories: repositories.map((one, index) => ({ ...one, number: index + 1 })) };
  } catch (error) {
    throw failure('settings-invalid', `HORME_BACKUP can't be read: ${wrongIn(error)}`, undefined, error);
  }
}

/** In one line, with the names of the fields. */
function wrongIn(error: unknown): string {
  if (!(error instanceof ZodError)) return messageOf(error);
  return error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ');
}

const isRole = (text: string): text is Role => roles.includes(text);
