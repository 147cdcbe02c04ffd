import { ZodError } from 'zod';
import { failure, messageOf } from '../failure.ts';
import type { Told } from './agent.ts';
import { agentSettings, role as roles } from './contract.ts';

/** What the container is told: one JSON text in the environment. Fails with 'settings-invalid'. */
export function loadSettings(environment: NodeJS.ProcessEnv): Told {
  const given = environment['HORME_BACKUP_ROLE'] ?? '';
  const { data: role } = roles.safeParse(given);
  if (role === undefined) {
    throw failure('settings-invalid', `HORME_BACKUP_ROLE is '${given}'; it must be one of ${roles.options.join(', ')}`);
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
